"""What happens in each channel of a station over a while, whatever it measures: the material that calibration works on.

A signal is reduced as soon as it comes (a picture to a thumbnail, samples to their level in each millisecond), so that a minute of
every channel fits in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.align import DeviceClock
from inspector.clock import LONG_AGO_NS, Clock, MonotonicClock, SteppedClock
from inspector.config import Station
from inspector.drivers import Camera, Driver, SeriesSource, TriggerSource, WaveformSource
from inspector.errors import DriverError
from inspector.parts import ON_TIME, Capture, ClockFit, Frame, Series, Signal, Trigger, Waveform
from inspector.stamps import last_stamp_ns, on_station_clock
from stations.devices import Device, Drivers, build_drivers
from stations.isolation import isolated

POLL_S = 0.2
THUMBNAIL_PX = (32, 24)
LEVEL_NS = 1_000_000

Instants = NDArray[np.int64]
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Track:
    """What one channel showed: rows of values in order of time, each for the span [start, end).

    A *level* (of sound, of vibration) is by itself how much happens. Pictures and slow values are *states*, whose row speaks for one
    instant; what happens is that they change.
    """

    start_ns: Instants
    end_ns: Instants
    values: Values
    """(n, d): thumbnails have many values a row, all others one."""
    is_level: bool


@dataclass(frozen=True, slots=True)
class Heard:
    """A while of a station, all on its clock."""

    tracks: dict[str, Track]
    triggers_ns: Instants
    troubles: dict[str, str]
    """Channel -> why it gave nothing, in words."""
    rates_hz: dict[str, float]
    """Sample rates of the waveforms."""


def listen(station: Station, path: Path | None, seconds: float, *, with_trigger: bool, on_begin: Callable[[], object]) -> Heard:
    """Read all channels of a station for `seconds`, at once where all of them are simulated or files. Raises ConfigError.

    With the trigger, latencies that are known are taken off; without it, they are what is to be measured. `on_begin` is called when
    all devices are open.
    """
    real = build_drivers(station, MonotonicClock(), path)
    if real.steppable:
        apart = {name: build_drivers(station, SteppedClock(LONG_AGO_NS), path) for name in (*station.channels, "trigger")}
        chosen = Drivers(apart["trigger"].trigger, {name: apart[name].channels[name] for name in station.channels}, {})
    else:
        chosen = real
    latency_ns = {name: round(config.latency_ms * 1e6) if with_trigger else 0 for name, config in station.channels.items()}
    listeners = {name: _Listener(driver, latency_ns[name]) for name, driver in chosen.channels.items()}
    trigger = _Triggers(chosen.trigger, [driver for driver in chosen.channels.values() if isinstance(driver, Camera)])
    everyone: list[_Listener | _Triggers] = [*listeners.values(), *([trigger] if with_trigger else [])]
    try:
        for one in everyone:
            one.open()
        on_begin()
        _run(everyone, seconds, together=not real.steppable)
    finally:
        for one in everyone:
            one.device.close()
    return Heard(
        {name: one.intake.track(one.fit) for name, one in listeners.items() if one.intake.signals},
        np.array(trigger.t_ns, np.int64),
        {name: one.device.lost or "nothing came" for name, one in listeners.items() if not one.intake.signals},
        {name: one.intake.rate_hz for name, one in listeners.items() if one.intake.rate_hz},
    )


def recorded(station: Station, captures: Iterable[Capture]) -> Heard:
    """Return what the captures of a recording show; where they overlap it counts once."""
    intakes = {name: _Intake() for name in station.channels}
    triggers = []
    for capture in captures:
        triggers.append(capture.trigger.t_ns)
        signals: dict[str, Any] = {**capture.frames, **capture.waveforms, **capture.series}
        for name, signal in signals.items():
            if name in intakes:
                intakes[name].add(on_station_clock(signal, capture.clocks.get(name, ON_TIME)))
    return Heard(
        {name: intake.track(ON_TIME) for name, intake in intakes.items() if intake.signals},
        np.array(triggers, np.int64),
        {name: "is not in the recording" for name, intake in intakes.items() if not intake.signals},
        {name: intake.rate_hz for name, intake in intakes.items() if intake.rate_hz},
    )


def _run(everyone: list[_Listener] | list[_Listener | _Triggers], seconds: float, *, together: bool) -> None:
    if not together:
        for one in everyone:
            one.run(seconds)
        return
    threads = [threading.Thread(target=one.run, args=(seconds,), daemon=True) for one in everyone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 5.0)  # a driver that hangs gave what it gave


@dataclass(slots=True)
class _Intake:
    """Signals of one channel, reduced, their stamps as they came."""

    signals: int = 0
    rate_hz: float = 0.0
    is_level: bool = False
    _start_ns: list[Instants] = field(default_factory=list)
    _end_ns: list[Instants] = field(default_factory=list)
    _values: list[Values] = field(default_factory=list)
    _known_ns: int | None = None

    def add(self, signal: Signal) -> None:
        """Take what is new of a signal."""
        start_ns, end_ns, values = _reduced(signal)
        new = start_ns >= self._known_ns if self._known_ns is not None else np.ones(len(start_ns), bool)
        if not new.any():
            return
        self.signals += 1
        if isinstance(signal, Waveform):
            self.is_level, self.rate_hz = True, signal.sample_rate_hz
        self._start_ns.append(start_ns[new])
        self._end_ns.append(end_ns[new])
        self._values.append(values[new])
        self._known_ns = int(end_ns[-1]) + (not self.is_level)

    def clear(self) -> None:
        """Forget everything: the device's clock began anew."""
        self._start_ns, self._end_ns, self._values = [], [], []
        self.signals, self._known_ns = 0, None

    def track(self, clock: ClockFit) -> Track:
        start_ns, end_ns = (_translated(np.concatenate(parts), clock) for parts in (self._start_ns, self._end_ns))
        return Track(start_ns, end_ns, np.concatenate(self._values), self.is_level)


def _translated(t_ns: Instants, clock: ClockFit) -> Instants:
    return on_station_clock(Series(t_ns, np.zeros(len(t_ns)), ""), clock).t_ns


def _reduced(signal: Signal) -> tuple[Instants, Instants, Values]:
    """Return start, end and values of each row."""
    if isinstance(signal, Frame):
        t_ns = np.array([signal.t_ns], np.int64)
        return t_ns, t_ns, _thumbnail(signal)
    if isinstance(signal, Series):
        good = np.isfinite(signal.values)
        return signal.t_ns[good], signal.t_ns[good], signal.values[good, None].astype(np.float32)
    count = max(1, round(signal.duration_s * 1e9 / LEVEL_NS))
    edges = np.linspace(0, len(signal.samples), count + 1).astype(np.int64)
    squares = np.square(np.nan_to_num(signal.samples - np.nanmean(signal.samples)))
    level = np.sqrt(np.add.reduceat(squares, edges[:-1]) / np.diff(edges))
    t_ns = signal.start_ns + np.rint(edges * (1e9 / signal.sample_rate_hz)).astype(np.int64)
    return t_ns[:-1], t_ns[1:], level[:, None].astype(np.float32)


def _thumbnail(frame: Frame) -> Values:
    small = cv2.resize(frame.pixels, THUMBNAIL_PX, interpolation=cv2.INTER_AREA).astype(np.float32)
    grey = small.mean(axis=2) if small.ndim == 3 else small
    return np.asarray(grey.reshape(1, -1) / np.iinfo(frame.pixels.dtype).max, np.float32)


class _Listener:
    """One channel that is listened to."""

    def __init__(self, driver: Driver, latency_ns: int) -> None:
        assert isinstance(driver, Camera | WaveformSource | SeriesSource)
        self._clock: Clock = driver.clock
        self._latency_ns = latency_ns
        self._learned = DeviceClock(latency_ns)
        self.device: Device[Any] = Device(isolated(driver) if driver.isolated else driver)
        self.intake = _Intake()

    @property
    def fit(self) -> ClockFit:
        return self._learned.fit or replace(ON_TIME, latency_ns=self._latency_ns)

    def open(self) -> None:
        try:
            self.device.open()
        except DriverError as error:
            self.device.lose(str(error))

    def run(self, seconds: float) -> None:
        end_ns = self._clock.now_ns() + round(seconds * 1e9)
        while self._clock.now_ns() < end_ns and not self.device.ended:
            signal = self.device.poll(POLL_S)
            if signal is not None:
                self._take(signal)

    def _take(self, signal: Signal) -> None:
        if self.device.driver.own_clock and self._learned.add(last_stamp_ns(signal), self.device.arrived_ns(self._clock.now_ns())):
            self.intake.clear()
        self.intake.add(signal)


class _Triggers:
    """The trigger, and the cameras that it fires."""

    def __init__(self, driver: TriggerSource, cameras: list[Camera]) -> None:
        self._clock = driver.clock
        self._cameras = cameras
        self.device: Device[Trigger] = Device(driver)
        self.t_ns: list[int] = []

    def open(self) -> None:
        """Open the trigger. Raises DriverError: without it there are no parts."""
        self.device.open()

    def run(self, seconds: float) -> None:
        end_ns = self._clock.now_ns() + round(seconds * 1e9)
        while self._clock.now_ns() < end_ns and not self.device.ended:
            trigger = self.device.poll(POLL_S)
            if trigger is not None:
                for camera in self._cameras:
                    camera.fire(trigger)
                self.t_ns.append(trigger.t_ns)
