"""Open every device of a station and read it for a while, all at once: does it answer, how fast, how loud, what does it show."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspector.clock import LONG_AGO_NS, Clock, MonotonicClock, SteppedClock
from inspector.config import Station
from inspector.drivers import Camera, Driver, SeriesSource, TriggerSource, VerdictSink, WaveformSource
from inspector.errors import DriverError, EndOfStream
from inspector.parts import Trigger
from inspector.stamps import on_station_clock
from stations.devices import OPEN_PATIENCE_S, READ_PATIENCE_S, build_drivers
from stations.isolation import isolated
from stations.readings import Tally, Told, tally_for

log = logging.getLogger(__name__)

POLL_S = 0.2
LOOK_S = 0.05
FIRE_EVERY_S = 0.5
STEPPED_PATIENCE_S = 60.0
"""Files and simulations are read at once, and that takes as long as it takes to decode or make what they hold."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one device did."""

    name: str
    driver: str
    ok: bool
    readings: int
    told: Told


def check_devices(
    station: Station, path: Path | None, seconds: float, on_waiting: Callable[[list[str]], object] = lambda _: None
) -> list[Finding]:
    """Read each device for `seconds`, at once where it is simulated or a file. Raises ConfigError that lists every mistake.

    All are read at the same time, and one that hangs is left behind. `on_waiting` is called with the names of those that take longer.
    """
    drivers = build_drivers(station, MonotonicClock(), path)
    names = {name: channel.driver for name, channel in station.channels.items()}
    channels = {name: _Check(name, names[name], driver, seconds) for name, driver in drivers.channels.items()}
    watched = channels.get(drivers.trigger.watches or "")
    trigger = _Check("trigger", station.trigger.driver, drivers.trigger, seconds, clock=watched.driver.clock if watched else None)
    sinks = [_Check(name, config.driver, drivers.sinks[name], seconds) for name, config in station.sinks.items()]
    checks = [trigger, *channels.values(), *sinks]
    if watched is not None:
        watched.watcher = trigger
    for check in checks:
        if check is not trigger or watched is None:  # one that looks at a channel is checked with it
            check.start()
    return _awaited(checks, seconds, on_waiting)


def _awaited(checks: list[_Check], seconds: float, on_waiting: Callable[[list[str]], object]) -> list[Finding]:
    start_s, told = time.monotonic(), False
    while waiting := [check for check in checks if check.finding is None]:
        for check in waiting:
            check.give_up_if_hanging()
        if not told and time.monotonic() - start_s > seconds + 1:
            on_waiting([check.name for check in waiting])
            told = True
        time.sleep(LOOK_S)
    return [check.finding for check in checks if check.finding is not None]


class _Check:
    """One device under check, on a thread of its own."""

    def __init__(self, name: str, driver_name: str, driver: Driver, seconds: float, clock: Clock | None = None) -> None:
        self.name, self._driver_name, self._seconds = name, driver_name, seconds
        self.driver = _for_the_check(driver, clock)
        self.watcher: _Check | None = None
        """The trigger that finds parts in this device's signals."""
        self.finding: Finding | None = None
        self._began_s: float | None = None
        self._opened_s: float | None = None
        self._tally: Tally | None = None

    def start(self) -> None:
        self._began_s = time.monotonic()
        threading.Thread(target=self._run, name=f"check of {self.name}", daemon=True).start()

    def give_up_if_hanging(self) -> None:
        """Leave the device behind where its driver has not come back in time, and with it a trigger that looks at it."""
        if self._began_s is None:
            return
        since_s = time.monotonic() - (self._opened_s or self._began_s)
        patience_s = OPEN_PATIENCE_S if self._opened_s is None else self._seconds + POLL_S + READ_PATIENCE_S
        if self.driver.steppable:
            patience_s = STEPPED_PATIENCE_S
        if since_s > patience_s and self.finding is None:
            call = "opening it did not end" if self._opened_s is None else "its driver did not answer"
            self._conclude(ok=False, words=f"hangs: {call} within {since_s:.0f} s; check its cable and power, or restart it")
            self._leave_watcher()
            self.driver.abandon()

    def _run(self) -> None:
        try:
            self._open()
            if isinstance(self.driver, VerdictSink):
                self._conclude(ok=True, words="opens")
            else:
                self._read()
                self._tell()
        except Exception as error:  # noqa: BLE001  as in Device: whatever a driver raises is a broken device, not the end of the check
            self._conclude(ok=False, words=_reason(error, self.name))
        finally:
            self._close()

    def _open(self) -> None:
        if self.watcher is not None:
            self.watcher._open()
        self.driver.open()
        self._opened_s = time.monotonic()
        self._tally = None if isinstance(self.driver, VerdictSink) else tally_for(self.driver)

    def _close(self) -> None:
        self._leave_watcher()
        for check in (self, self.watcher):
            try:
                if check is not None:
                    check.driver.close()
            except Exception as error:  # noqa: BLE001  a broken device may also fail to close
                log.debug("%s: cannot be closed: %s", self.name, error)

    def _leave_watcher(self) -> None:
        if self.watcher is not None:
            self.watcher._conclude(ok=False, words=f"was not checked, as {self.name}, which it looks at, has failed")

    def _read(self) -> None:
        driver = self.driver
        end_ns = driver.clock.now_ns() + round(self._seconds * 1e9)
        fires, next_fire_ns = isinstance(driver, Camera) and type(driver).fire is not Camera.fire, 0
        while (now_ns := driver.clock.now_ns()) < end_ns and self.finding is None:
            if isinstance(driver, Camera) and fires and now_ns >= next_fire_ns:
                driver.fire(Trigger("check", f"check-{now_ns}", now_ns))
                next_fire_ns = now_ns + round(FIRE_EVERY_S * 1e9)
            if not self._take(POLL_S):
                return

    def _take(self, timeout_s: float) -> bool:
        """Read once; say whether more may come."""
        driver = self.driver
        assert isinstance(driver, Camera | WaveformSource | SeriesSource | TriggerSource)
        assert self._tally is not None
        try:
            item = driver.wait(timeout_s) if isinstance(driver, TriggerSource) else driver.read(timeout_s)
        except EndOfStream:
            return False
        if item is not None:
            self._tally.add(item, driver.clock.now_ns() if driver.arrived_ns is None else driver.arrived_ns)
            if self.watcher is not None:
                self.watcher._observe(item, self._tally)
        return True

    def _observe(self, signal: Any, tally: Tally) -> None:
        if self.finding is not None:
            return
        try:
            assert isinstance(self.driver, TriggerSource)
            fit = tally.clock.fit if tally.clock else None
            self.driver.observe(on_station_clock(signal, fit) if fit else signal)
            self._take(0.0)
        except Exception as error:  # noqa: BLE001  a trigger that fails takes only itself down
            self._conclude(ok=False, words=_reason(error, self.name))

    def _tell(self) -> None:
        for check in (self, self.watcher):
            if check is not None and check._tally is not None and check.finding is None:
                check._tell_of(check._tally)

    def _tell_of(self, tally: Tally) -> None:
        if not tally.count:
            silent = Told(f"nothing came in {self._seconds:g} s", (self._silence(),))
            self._conclude(ok=isinstance(self.driver, TriggerSource), told=silent)
            return
        self._conclude(ok=True, told=tally.told(), readings=tally.count)

    def _silence(self) -> str:
        if isinstance(self.driver, TriggerSource):
            return "no part came: send one past the sensor while the check runs, longer with --seconds 20"
        if isinstance(self.driver, Camera):
            return "does it wait for a trigger signal? send parts while the check runs, or let it run free"
        return "does the device send by itself, at these settings? check its cable and its own configuration"

    def _conclude(self, *, ok: bool, words: str = "", told: Told | None = None, readings: int = 0) -> None:
        if self.finding is None:
            self.finding = Finding(self.name, self._driver_name, ok, readings, told or Told(words))


def _for_the_check(driver: Driver, clock: Clock | None) -> Driver:
    """Return a new driver of the same settings: on stepped time where it can, in a process of its own where it must."""
    if driver.steppable:
        clock = clock or SteppedClock(start_ns=LONG_AGO_NS)
        return type(driver)(driver.settings, channel=driver.channel, unit=driver.unit, clock=clock)
    return isolated(driver) if driver.isolated and not isinstance(driver, VerdictSink) else driver


def _reason(error: Exception, name: str) -> str:
    words = str(error) if isinstance(error, DriverError) else f"{type(error).__name__}: {error}"
    return words.removeprefix(f"{name}: ")
