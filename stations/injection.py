"""A driver with faults put between its device and the station; what the station sees is what broken equipment would show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from inspector.drivers import Camera, Driver, SeriesSource, WaveformSource
from inspector.errors import DriverError
from inspector.faults import SLOW_S, Fault, FaultKind, damaged
from inspector.parts import Frame, Series, Signal, Trigger, Waveform

HANG_CHECK_NS = 50_000_000


def with_faults(driver: Driver, faults: Sequence[Fault]) -> Driver:
    """Return a driver that keeps the promise of `driver`, except while one of `faults` is active on the driver's clock.

    Faults of other channels are ignored. `faults` may be a list that grows while the station runs.
    """
    for promise, faulty in _FAULTY.items():
        if isinstance(driver, promise):
            return faulty(driver, faults)
    raise TypeError(f"{type(driver).__name__} delivers no signals")


class _Faulty(Driver):
    """What the drivers with faults of all promises share."""

    def __init__(self, driver: Driver, faults: Sequence[Fault]) -> None:
        super().__init__(driver.settings, channel=driver.channel, unit=driver.unit, clock=driver.clock)
        self._driver, self._faults = driver, faults
        self._last: Signal | None = None
        self._late: list[tuple[int, Signal]] = []
        self._blocks = 0
        self.steppable = driver.steppable  # type: ignore[misc]  # a stand-in is as steppable as what it stands for

    def another(self) -> Driver:
        return type(self)(self._driver.another(), self._faults)

    def abandon(self) -> None:
        self._driver.abandon()

    def open(self) -> None:
        if self._active() == "unplugged":
            raise DriverError("injected fault: unplugged", channel=self.channel)
        self._driver.open()
        self.own_clock = self._driver.own_clock

    def close(self) -> None:
        self._late.clear()
        self._driver.close()

    def _read(self, timeout_s: float) -> Any:
        kind = self._active()
        if kind == "unplugged":
            raise DriverError("injected fault: unplugged", channel=self.channel)
        while kind == "hanging" and self._active() == "hanging":
            self.clock.sleep_until_ns(self.clock.now_ns() + HANG_CHECK_NS)
        if self._late and self._late[0][0] <= self.clock.now_ns():
            self.arrived_ns, late = self._late.pop(0)
            return late
        assert isinstance(self._driver, Camera | WaveformSource | SeriesSource)
        signal = self._driver.read(timeout_s)
        self.arrived_ns = self._driver.arrived_ns
        return self._delivered(signal, kind)

    def _delivered(self, signal: Signal | None, kind: FaultKind | None) -> Signal | None:
        if signal is None or kind == "silent":
            return None
        if kind == "slow":
            self._late.append((self.clock.now_ns() + round(SLOW_S * 1e9), signal))
            return None
        if self._late:  # the device is quick again, but nothing overtakes what is on its way
            self._late.append((self._late[-1][0], signal))
            return None
        if kind == "stale":
            return self._last
        if kind == "frozen" and isinstance(signal, Frame) and isinstance(self._last, Frame):
            return Frame(signal.t_ns, self._last.pixels)
        if kind == "stuck" and isinstance(signal, Series) and isinstance(self._last, Series):
            return Series(signal.t_ns, 0 * signal.values + self._last.values[-1], signal.unit)
        if kind is not None:
            return self._gappy(damaged(signal, kind, self._last), kind)
        self._last = signal
        return signal

    def _gappy(self, signal: Signal, kind: FaultKind) -> Signal | None:
        """Lose every third block, as a network does that drops packets."""
        if kind != "gaps":
            return signal
        self._blocks += 1
        return None if self._blocks % 3 == 0 else signal

    def _active(self) -> FaultKind | None:
        since_s = (self.clock.now_ns() - self.clock.epoch_ns) / 1e9
        return next((fault.kind for fault in self._faults if fault.channel == self.channel and fault.active(since_s)), None)


class _FaultyCamera(_Faulty, Camera):
    def lost(self) -> int:
        return cast(Camera, self._driver).lost()

    def read(self, timeout_s: float) -> Frame | None:
        return cast("Frame | None", self._read(timeout_s))

    def fire(self, trigger: Trigger) -> None:
        cast(Camera, self._driver).fire(trigger)


class _FaultyWaveform(_Faulty, WaveformSource):
    def read(self, timeout_s: float) -> Waveform | None:
        return cast("Waveform | None", self._read(timeout_s))


class _FaultySeries(_Faulty, SeriesSource):
    def read(self, timeout_s: float) -> Series | None:
        return cast("Series | None", self._read(timeout_s))


_FAULTY: dict[type[Driver], type[_Faulty]] = {Camera: _FaultyCamera, WaveformSource: _FaultyWaveform, SeriesSource: _FaultySeries}
