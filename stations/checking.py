"""Open every device of a station and read it for a while: does it answer, how fast, how loud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inspector.clock import MonotonicClock, SteppedClock
from inspector.config import Station
from inspector.drivers import Camera, Driver, SeriesSource, TriggerSource, VerdictSink, WaveformSource
from inspector.errors import DriverError, EndOfStream
from inspector.parts import Frame, Series, Trigger, Waveform
from stations.devices import Drivers, build_drivers

POLL_S = 0.2
LONG_AGO_NS = 3_600_000_000_000
"""A simulated line brings the minute before its start along, which must not lie before the clock's zero."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one device did."""

    name: str
    driver: str
    ok: bool
    readings: int
    words: str


def check_devices(station: Station, path: Path | None, seconds: float) -> list[Finding]:
    """Read each device for `seconds`, at once where it is simulated or a file. Raises ConfigError that lists every mistake."""
    stepped = build_drivers(station, SteppedClock(start_ns=LONG_AGO_NS), path)
    real = build_drivers(station, MonotonicClock(), path)
    names = {"trigger": station.trigger.driver} | {name: channel.driver for name, channel in station.channels.items()}
    names |= {name: sink.driver for name, sink in station.sinks.items()}
    chosen = [(name, _device(stepped, name)) for name in names]
    chosen = [(name, device if device.steppable else _device(real, name)) for name, device in chosen]
    return [_check(name, names[name], device, seconds) for name, device in chosen]


def _device(drivers: Drivers, name: str) -> Driver:
    if name == "trigger":
        return drivers.trigger
    return drivers.channels[name] if name in drivers.channels else drivers.sinks[name]


def _check(name: str, driver_name: str, driver: Driver, seconds: float) -> Finding:
    try:
        driver.open()
        if isinstance(driver, VerdictSink):
            return Finding(name, driver_name, True, 0, "opens")
        items = _read(driver, seconds)
    except DriverError as error:
        return Finding(name, driver_name, False, 0, str(error))
    finally:
        driver.close()
    if not items:
        return Finding(name, driver_name, isinstance(driver, TriggerSource), 0, f"nothing came in {seconds:g} s")
    return Finding(name, driver_name, True, len(items), _words(items))


def _read(driver: Driver, seconds: float) -> list[Any]:
    assert isinstance(driver, Camera | WaveformSource | SeriesSource | TriggerSource)
    read: Callable[[float], Any] = driver.wait if isinstance(driver, TriggerSource) else driver.read
    items: list[Any] = []
    end_ns = driver.clock.now_ns() + round(seconds * 1e9)
    while driver.clock.now_ns() < end_ns:
        try:
            item = read(POLL_S)
        except EndOfStream:
            break
        if item is not None:
            items.append(item)
    return items


def _words(items: list[Any]) -> str:
    first = items[0]
    if isinstance(first, Frame):
        width, height = first.size_px
        mean = float(np.mean([frame.pixels.mean() / np.iinfo(frame.pixels.dtype).max for frame in items]))
        return f"{len(items)} pictures, {width}x{height} px {first.pixels.dtype}, mean brightness {mean:.0%}"
    if isinstance(first, Waveform):
        samples = np.concatenate([wave.samples for wave in items])
        level = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
        return f"{first.sample_rate_hz:g} Hz, RMS {level:.3g} {first.unit}, peak {np.abs(samples).max():.3g} {first.unit}"
    if isinstance(first, Series):
        values = np.concatenate([series.values for series in items])
        t_ns = np.concatenate([series.t_ns for series in items])
        rate = f"{1e9 / np.median(np.diff(t_ns)):.3g} Hz, " if len(t_ns) > 1 else ""
        return f"{rate}{np.nanmin(values):.4g} to {np.nanmax(values):.4g} {first.unit}" if np.isfinite(values).any() else "only gaps"
    assert isinstance(first, Trigger)
    return f"{len(items)} parts, {first.part_id} first"
