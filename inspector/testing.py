"""What the authors of drivers test with: parts made from nothing, and `check_driver`, which says whether a driver keeps its promise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from pydantic import ValidationError

from inspector.clock import LONG_AGO_NS, SteppedClock
from inspector.drivers import Camera, Driver, PlcLink, SeriesSource, TriggerSource, VerdictSink, WaveformSource
from inspector.errors import DriverError, EndOfStream
from inspector.parts import MODALITIES, Capture, Channel, Decision, Frame, Modality, Outcome, PartRecord, Series, Trigger, Waveform
from inspector.plc import PlcInputs, PlcOutputs

READINGS = 20
"""How many readings `check_driver` takes."""


def make_capture(
    part_id: str = "part-1",
    *,
    station: str = "bench",
    t_ns: int = 10_000_000_000,
    seed: int = 0,
    modalities: Iterable[Modality] = MODALITIES,
) -> Capture:
    """Return a small capture of noise with a channel per modality, named after it: one second around the trigger."""
    random = np.random.default_rng(seed)
    chosen = set(modalities)
    start_ns = t_ns - 900_000_000
    waves: dict[Modality, tuple[float, str]] = {"audio": (16000.0, "FS"), "vibration": (12800.0, "m/s2")}
    return Capture(
        trigger=Trigger(station, part_id, t_ns),
        frames={"image": Frame(t_ns, random.integers(0, 256, (48, 64, 3), dtype=np.uint8))} if "image" in chosen else {},
        waveforms={
            name: Waveform(start_ns, rate_hz, (0.1 * random.standard_normal(round(rate_hz))).astype(np.float32), unit)
            for name, (rate_hz, unit) in waves.items()
            if name in chosen
        },
        series={
            name: Series(start_ns + 100_000_000 * np.arange(11, dtype=np.int64), 20 + random.standard_normal(11), "degC")
            for name in ("series",)
            if name in chosen
        },
        drops=dict.fromkeys(sorted(chosen), 0),
        wall_utc_ns=1_760_000_000_000_000_000 + t_ns,
    )


def make_part(part_id: str = "part-1", *, station: str = "bench", seed: int = 0, modalities: Iterable[Modality] = MODALITIES) -> PartRecord:
    """Return an aligned part made of `make_capture`'s signals; every modality stands in `channels`, whether present or not."""
    capture = make_capture(part_id, station=station, seed=seed, modalities=modalities)
    units = {"audio": "FS", "vibration": "m/s2", "series": "degC"}
    present = {*capture.frames, *capture.waveforms, *capture.series}
    return PartRecord(
        trigger=capture.trigger,
        channels={name: Channel(name, name, units.get(name, "")) for name in MODALITIES},
        frames=capture.frames,
        waveforms=capture.waveforms,
        series=capture.series,
        sync_error_ns=dict.fromkeys(sorted(present), 0),
        drops=capture.drops,
        wall_utc_ns=capture.wall_utc_ns,
    )


def check_driver(driver_class: type[Driver], settings: dict[str, Any], *, unit: str = "") -> list[str]:
    """Return the promises that a driver breaks, in words; none when it keeps them all.

    Takes a few readings on a stepped clock where the driver says that it is `steppable`, else in real time. A device must be there.
    """
    broken = _settings_faults(driver_class, settings)
    if broken:
        return broken
    clock = SteppedClock(start_ns=LONG_AGO_NS) if driver_class.steppable else None
    driver = driver_class(driver_class.Settings.model_validate(settings), channel="checked", unit=unit, clock=clock)
    try:
        driver.open()
        broken = _reading_faults(driver, unit)
    except DriverError as error:
        return [f"open: {error}"]
    finally:
        driver.close()
        driver.close()
    return broken


def _settings_faults(driver_class: type[Driver], settings: dict[str, Any]) -> list[str]:
    try:
        driver_class.Settings.model_validate(settings)
    except ValidationError as error:
        return [f"settings: {error.errors()[0]['msg']}"]
    try:
        driver_class.Settings.model_validate({**settings, "no_such_key": 1})
    except ValidationError:
        return []
    return ["settings: an unknown key is accepted; subclass inspector.drivers.Settings"]


def _reading_faults(driver: Driver, unit: str) -> list[str]:
    if isinstance(driver, VerdictSink):
        return _sink_faults(driver)
    if isinstance(driver, PlcLink):
        return _link_faults(driver)
    assert isinstance(driver, TriggerSource | Camera | WaveformSource | SeriesSource)
    read = driver.wait if isinstance(driver, TriggerSource) else driver.read
    broken: list[str] = []
    last_ns: int | None = None
    for _ in range(READINGS):
        try:
            before_ns = driver.clock.now_ns()
            item = read(1.0)
        except EndOfStream:
            return broken + _end_faults(read)
        if item is None:
            if driver.clock.now_ns() - before_ns > 1_500_000_000:
                broken.append("read: took longer than timeout_s allows")
            continue
        start_ns, end_ns = _span_ns(item)
        broken += _item_faults(driver, item, unit)
        if last_ns is not None and start_ns < last_ns:
            broken.append(f"stamps run backward: {start_ns} after {last_ns}")
        if not driver.own_clock and end_ns > driver.clock.now_ns() + 1_000_000:
            broken.append(f"a reading is stamped {(end_ns - driver.clock.now_ns()) / 1e6:.0f} ms in the future")
        last_ns = start_ns if isinstance(item, Waveform) else end_ns
        if broken:
            return broken
    finds = isinstance(driver, TriggerSource) and driver.watches is not None  # nobody shows it signals here
    return broken if last_ns is not None or finds else [*broken, "nothing could be read"]


def _item_faults(driver: Driver, item: object, unit: str) -> list[str]:
    if isinstance(driver, Camera):
        good = isinstance(item, Frame) and item.pixels.dtype in (np.uint8, np.uint16) and _is_picture(item.pixels.shape)
        return [] if good else ["read: must return a Frame of (H, W) or (H, W, 3), uint8 or uint16"]
    if isinstance(driver, WaveformSource):
        good = isinstance(item, Waveform) and item.samples.dtype == np.float32 and item.samples.ndim == 1 and item.sample_rate_hz > 0
        return _unit_faults(item, unit) if good else ["read: must return a Waveform of 1-D float32 samples and a rate above 0"]
    if isinstance(driver, SeriesSource):
        good = isinstance(item, Series) and 0 < len(item.t_ns) == len(item.values) and item.t_ns.dtype == np.int64
        good = good and isinstance(item, Series) and item.values.dtype == np.float64 and bool(np.all(np.diff(item.t_ns) > 0))
        return _unit_faults(item, unit) if good else ["read: must return a Series of at least one value, stamps int64 and rising"]
    good = isinstance(item, Trigger) and bool(item.part_id) and item.station == driver.channel
    return [] if good else ["wait: must return a Trigger of its station with a part id"]


def _unit_faults(item: object, unit: str) -> list[str]:
    assert isinstance(item, Waveform | Series)
    return [f"unit is '{item.unit}', the station file says '{unit}'"] if unit and item.unit != unit else []


def _is_picture(shape: tuple[int, ...]) -> bool:
    return min(shape) > 0 and (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3))


def _end_faults(read: Any) -> list[str]:
    try:
        read(0.0)
    except EndOfStream:
        return []
    return ["after EndOfStream a reading must raise EndOfStream again"]


def _sink_faults(sink: VerdictSink) -> list[str]:
    outcomes: tuple[Outcome, ...] = ("pass", "fail", "review")
    for outcome in outcomes:
        sink.send(Decision("part-1", outcome, 0.5, kind="scratch" if outcome == "fail" else None, inspected=outcome != "review"))
    return []


def _link_faults(link: PlcLink) -> list[str]:
    before_ns = link.clock.now_ns()
    said = [link.exchange(PlcOutputs(heartbeat=beat)) for beat in range(READINGS)]
    broken = [] if all(isinstance(inputs, PlcInputs) for inputs in said) else ["exchange: must return PlcInputs"]
    if link.clock.now_ns() - before_ns > READINGS * 50_000_000:
        broken.append("exchange: must return at once, as it is called every few milliseconds")
    return broken


def _span_ns(item: object) -> tuple[int, int]:
    if isinstance(item, Waveform):
        return item.start_ns, item.end_ns
    if isinstance(item, Series):
        return int(item.t_ns[0]), int(item.t_ns[-1])
    assert isinstance(item, Frame | Trigger)
    return item.t_ns, item.t_ns
