"""Measure what no clock can tell of a channel: its constant latency, and how long after the trigger a part passes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from inspector.config import (
    Calibration,
    Lags,
    Latencies,
    MeasuredLag,
    MeasuredLatency,
    Station,
    calibration_path,
    load_calibration,
    load_station,
)
from inspector.errors import InspectorError, UsageError
from inspector.store.recordings import read_captures
from stations.onsets import EVENTS, offset_between, onsets, peak_after
from stations.tracks import Heard, listen, recorded

LATENCY_SECONDS, LAG_SECONDS = 30.0, 60.0
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Wish:
    """What `inspector station calibrate` was asked for."""

    seconds: float | None = None
    events: int = 10
    reference: str | None = None
    lag: bool = False
    recording: Path | None = None
    min_lag_s: float = -1.0
    max_lag_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One channel: its value, how sure it is, how many events or parts say so; or None, and why."""

    channel: str
    ms: float | None
    spread_ms: float = 0.0
    count: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether anything was kept, and all of it for machines."""

    kept: bool
    document: dict[str, Any]


def calibrate(file: Path, wish: Wish, say: Say) -> Outcome:
    """Measure latencies, or lags, tell them as a table, and keep them beside the station file. Raises InspectorError."""
    _check(wish)
    if wish.lag or wish.recording:
        return _calibrate_lags(file, wish, say)
    station = load_station(file, calibrated=False)
    _check_reference(station, wish.reference)
    seconds = wish.seconds or LATENCY_SECONDS
    heard = listen(station, file, seconds, with_trigger=False, on_begin=lambda: say(_what_to_do(wish.events, seconds)))
    reference = wish.reference or _fastest(heard)
    found = measure_latencies(station, heard, reference)
    kept = {m.channel: MeasuredLatency(latency_ms=m.ms, spread_ms=m.spread_ms, events=m.count) for m in found if m.ms is not None}
    say(f"latencies against {reference}; a positive one is taken off the channel's stamps")
    target = _keep(file, station, Latencies(date=_now(), reference=reference, channels=kept)) if kept else None
    return _told(found, "latency_ms", "events", target, say)


def _calibrate_lags(file: Path, wish: Wish, say: Say) -> Outcome:
    station = load_station(file)
    if wish.recording:
        heard = recorded(station, read_captures(wish.recording))
    else:
        seconds = wish.seconds or LAG_SECONDS
        words = f"for {seconds:g} s from now: let parts pass as usual, at uneven distances if you can"
        heard = listen(station, file, seconds, with_trigger=True, on_begin=lambda: say(words))
    found = measure_lags(heard, wish.min_lag_s, wish.max_lag_s)
    kept = {m.channel: MeasuredLag(lag_ms=m.ms, spread_ms=m.spread_ms, parts=m.count) for m in found if m.ms is not None}
    say(f"lags behind the trigger, from {len(heard.triggers_ns)} parts")
    target = _keep(file, station, Lags(date=_now(), channels=kept)) if kept else None
    return _told(found, "lag_ms", "parts", target, say)


def measure_latencies(station: Station, heard: Heard, reference: str) -> list[Measured]:
    """Return the latency of every channel but `reference`, whose own is what the station file says. Raises InspectorError."""
    if reference not in heard.tracks:
        raise InspectorError(f"{reference}: the reference gave nothing ({heard.troubles[reference]}), choose another --reference")
    events = {name: onsets(track) for name, track in heard.tracks.items()}
    asked = len(events[reference])
    if asked < EVENTS:
        raise InspectorError(
            f"{reference}: the reference saw {asked} events where {EVENTS} are the least, make them stronger or choose another --reference"
        )
    enough = max(EVENTS, math.ceil(asked / 2))
    found = [Measured(name, None, words=why) for name, why in heard.troubles.items()]
    for name in events.keys() - {reference}:
        offset = offset_between(events[reference], events[name])
        agree = offset.events if offset else 0
        if offset is None or agree < enough:
            found.append(Measured(name, None, 0.0, agree, f"saw {len(events[name])} events, {agree} agree with {asked} of {reference}"))
        else:
            ms = offset.offset_ns / 1e6 + station.channels[reference].latency_ms
            found.append(Measured(name, round(ms, 3), round(offset.spread_ns / 1e6, 3), agree, f"of {asked}"))
    return sorted(found, key=lambda measured: list(station.channels).index(measured.channel))


def measure_lags(heard: Heard, min_lag_s: float, max_lag_s: float) -> list[Measured]:
    """Return how long after the trigger each channel is at its liveliest. Raises InspectorError where there are too few parts."""
    parts = len(heard.triggers_ns)
    if parts < EVENTS:
        raise InspectorError(f"the trigger told of {parts} parts where {EVENTS} are the least, let more parts pass or give more --seconds")
    found = [Measured(name, None, words=why) for name, why in heard.troubles.items()]
    for name, track in heard.tracks.items():
        peak = peak_after(track, heard.triggers_ns, round(min_lag_s * 1e9), round(max_lag_s * 1e9))
        if peak is None:
            found.append(Measured(name, None, words=f"does not show when a part passes ({parts} parts)"))
        elif peak.others_ns:
            found.append(Measured(name, None, 0.0, peak.parts, _alike([peak.lag_ns, *peak.others_ns])))
        else:
            found.append(Measured(name, round(peak.lag_ns / 1e6, 3), round(peak.spread_ns / 1e6, 3), peak.parts, f"of {parts}"))
    return found


def _alike(lags_ns: list[float]) -> str:
    nearest = ", ".join(f"{lag_ns / 1e6:.0f}" for lag_ns in sorted(sorted(lags_ns, key=abs)[:3]))
    return f"{nearest} ms and so on fit alike, as parts came at even distances: let them come unevenly, or give --min-lag and --max-lag"


def _keep(file: Path, station: Station, section: Latencies | Lags) -> Path:
    """Write one section of the calibration beside the station file, the other one stays. Raises InspectorError."""
    path = calibration_path(file)
    before = load_calibration(path, station) if path.exists() else Calibration(station=station.station)
    key = "latencies" if isinstance(section, Latencies) else "lags"
    document = before.model_copy(update={key: section}).model_dump(mode="json", exclude_none=True)
    text = "# Written by `inspector station calibrate`. What the station file itself says of a channel counts for more.\n"
    text += yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise InspectorError(f"{path}: cannot be written: {error.strerror}") from error
    return path


def _told(found: list[Measured], value: str, counted: str, target: Path | None, say: Say) -> Outcome:
    for one in found:
        if one.ms is None:
            say(f"  {one.channel:20} not measured: {one.words}")
        else:
            say(f"  {one.channel:20} {one.ms:9.1f} ms, spread {one.spread_ms:.1f} ms, {one.count} {counted} {one.words}")
    say(f"kept in {target}" if target else "nothing could be measured, nothing is kept")
    channels = {m.channel: {value: m.ms, "spread_ms": m.spread_ms, counted: m.count, "says": m.words} for m in found}
    return Outcome(target is not None, {"kept": str(target) if target else None, "channels": channels})


def _what_to_do(events: int, seconds: float) -> str:
    return (
        f"for {seconds:g} s from now: {events} times, every two or three seconds and not in an even beat, do what all channels notice at "
        "once: flash a light into the camera (for half a second) and in the same moment clap, or knock on the machine"
    )


def _fastest(heard: Heard) -> str:
    """Return the channel that tells the instant of an event best. Raises InspectorError where there is none."""
    if heard.rates_hz:
        return max(heard.rates_hz, key=lambda name: heard.rates_hz[name])
    if not heard.tracks:
        raise InspectorError(f"no channel gave anything: {'; '.join(f'{name}: {why}' for name, why in heard.troubles.items())}")
    return max(heard.tracks, key=lambda name: len(np.unique(heard.tracks[name].start_ns)))


def _check(wish: Wish) -> None:
    for name, value in (("--seconds", wish.seconds), ("--events", wish.events)):
        if value is not None and not 0 < value <= 3600:
            raise UsageError(f"{name} {value:g}: must be above 0, and 3600 at most")
    if not -60 <= wish.min_lag_s < wish.max_lag_s <= 600:
        raise UsageError(f"--min-lag {wish.min_lag_s:g} --max-lag {wish.max_lag_s:g}: must lie between -60 and 600, the first one below")


def _check_reference(station: Station, reference: str | None) -> None:
    if reference is not None and reference not in station.channels:
        raise UsageError(f"--reference {reference}: the station has no such channel, it has {', '.join(station.channels)}")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
