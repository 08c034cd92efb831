"""A station's drivers: built from its file with every mistake told at once, and kept alive while the station runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast

from pydantic import ValidationError

from inspector.clock import Clock
from inspector.config import PLC, ChannelConfig, Station
from inspector.drivers import Camera, Driver, PlcLink, SeriesSource, TriggerSource, VerdictSink, WaveformSource
from inspector.errors import ConfigError, DriverError, EndOfStream
from inspector.mistakes import Mistake, mistakes_in
from inspector.parts import Modality
from inspector.plugins import load_driver
from stations.plc.station_side import Plc

log = logging.getLogger(__name__)

FIRST_RETRY_S = 0.5
LAST_RETRY_S = 8.0
"""A device that comes back is seen within this."""
READ_PATIENCE_S = 1.5
"""How much longer than its timeout a reading may take before the device counts as hanging."""
OPEN_PATIENCE_S = 15.0
"""The same for opening: network cameras negotiate for seconds."""

PROMISE_OF: dict[Modality | Literal["trigger", "sink", "plc"], type[Driver]] = {
    "trigger": TriggerSource,
    "sink": VerdictSink,
    "plc": PlcLink,
    "image": Camera,
    "audio": WaveformSource,
    "vibration": WaveformSource,
    "series": SeriesSource,
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Drivers:
    """All drivers of a station, not yet opened."""

    trigger: TriggerSource
    channels: dict[str, Driver]
    sinks: dict[str, VerdictSink]
    plc: Plc | None = None
    """Where there is one, the trigger and one of the sinks are its own."""

    @property
    def all(self) -> list[Driver]:
        return [self.trigger, *self.channels.values(), *self.sinks.values()]

    @property
    def steppable(self) -> bool:
        """Whether the station may run faster than time: all that it reads is recorded or simulated."""
        return all(driver.steppable for driver in (self.trigger, *self.channels.values()))


def build_drivers(station: Station, clock: Clock, path: Path | None = None) -> Drivers:
    """Return the drivers that `station` names. Raises ConfigError that lists every mistake with its key.

    Args:
        station: a checked station file.
        clock: the station clock, shared by all drivers.
        path: the station file; paths in settings are relative to its folder.
    """
    builder = DriverBuilder(clock, path)
    plc = builder.plc(station)
    trigger = (
        builder.build("trigger", station.trigger.driver, station.trigger.settings, PROMISE_OF["trigger"], station.station)
        if station.plc is None
        else plc and plc.trigger
    )
    channels = {
        name: builder.build(f"channels.{name}", config.driver, config.settings, PROMISE_OF[config.modality], name, config)
        for name, config in station.channels.items()
    }
    sinks = {
        name: builder.build(f"sinks.{name}", config.driver, config.settings, PROMISE_OF["sink"], station.station)
        for name, config in station.sinks.items()
    }
    if isinstance(trigger, TriggerSource):
        builder.check_watched(trigger, station.channels)
    builder.raise_mistakes(path or f"station {station.station}")
    return Drivers(
        cast(TriggerSource, trigger),
        cast("dict[str, Driver]", channels),
        cast("dict[str, VerdictSink]", sinks | ({PLC: plc.sink} if plc else {})),
        plc,
    )


@dataclass(slots=True)
class DriverBuilder:
    """Builds driver by driver, and keeps what is wrong with those that cannot be built."""

    clock: Clock
    path: Path | None
    mistakes: list[Mistake] = field(default_factory=list)

    def build(
        self, key: str, name: str, settings: dict[str, Any], promise: type[Driver], channel: str, config: ChannelConfig | None = None
    ) -> Driver | None:
        """Return one driver; where that fails note why and return None."""
        try:
            driver = load_driver(name)
        except ConfigError as error:
            self.mistakes.append(Mistake(f"{key}.driver", str(error).removeprefix("driver: ")))
            return None
        if not issubclass(driver, promise):
            self.mistakes.append(Mistake(f"{key}.driver", f"'{name}' is no {promise.__name__}, which this place needs"))
            return None
        try:
            checked = driver.Settings.model_validate(settings, context={"folder": self.path.parent} if self.path else None)
        except ValidationError as error:
            self.mistakes += mistakes_in(error, driver.Settings, settings, f"{key}.settings")
            return None
        try:
            return driver(checked, channel=channel, unit=config.unit if config else "", clock=self.clock)
        except ConfigError as error:
            self.mistakes.append(Mistake(key, str(error)))
            return None

    def check_watched(self, trigger: TriggerSource, channels: Iterable[str]) -> None:
        """Note it where a trigger looks at a channel that the station does not have."""
        there = list(channels)
        if trigger.watches is not None and trigger.watches not in there:
            says = f"looks at channel '{trigger.watches}', which the station does not have, but {', '.join(there) or 'none'}"
            self.mistakes.append(Mistake("trigger.settings", says))

    def plc(self, station: Station) -> Plc | None:
        """Return the station's PLC; None where it has none, or where that failed."""
        config = station.plc
        link = config and self.build("plc", config.driver, config.settings, PROMISE_OF["plc"], station.station)
        return Plc(station, link, self.clock, self.path) if isinstance(link, PlcLink) else None

    def raise_mistakes(self, place: Path | str) -> None:
        if len(self.mistakes) == 1:
            raise ConfigError(self.mistakes[0].says, path=place, key=self.mistakes[0].key)
        if self.mistakes:
            raise ConfigError("; ".join(map(str, self.mistakes)), path=place)


class Device(Generic[T]):
    """One driver that is read until it ends; a lost device is reopened with back-off, logged once when lost and once when back.

    Args:
        driver: what to keep alive.
    """

    def __init__(self, driver: Driver) -> None:
        assert isinstance(driver, Camera | WaveformSource | SeriesSource | TriggerSource)
        self.driver = driver
        self._read: Callable[[float], Any] = driver.wait if isinstance(driver, TriggerSource) else driver.read
        self._is_open = False
        self._failed: str | None = None
        self._retry_s = FIRST_RETRY_S
        self._retry_at_ns = 0
        self._call: tuple[int, float] | None = None
        """When the driver's present call began, and how long it may take; one value, as another thread looks at it."""
        self.lost: str | None = None
        """Why the device cannot be read at present."""
        self.ended = False
        self.openings = 0
        """How often the device was opened again, by this driver or those before it: its clock may have begun anew each time."""

    @property
    def worth_waiting(self) -> bool:
        """False where nothing can come soon: the source has ended, or the device is lost and not due for another try."""
        return not self.ended and (self.lost is None or self.driver.clock.now_ns() >= self._retry_at_ns)

    @property
    def is_open(self) -> bool:
        return self._is_open

    @property
    def hanging_s(self) -> float | None:
        """For how long the driver has not returned from a call, where that is longer than any call may take."""
        if (call := self._call) is None:
            return None
        began_ns, patience_s = call
        since_s = (self.driver.clock.now_ns() - began_ns) / 1e9
        return since_s if since_s > patience_s else None

    def open(self) -> None:
        """Open the driver. Raises DriverError."""
        if not self._is_open:
            self.driver.open()
            self._is_open = True

    def close(self) -> None:
        self._is_open = False
        self.driver.close()

    def close_quietly(self) -> None:
        """Close the driver, whatever state its device is in."""
        try:
            self.close()
        except Exception as error:  # noqa: BLE001  a broken device may also fail to close
            log.debug("%s: cannot be closed: %s", self.driver.channel, error)

    def lose(self, reason: str) -> None:
        """Note that the device failed, and when to try again."""
        if self.lost is None:
            log.warning("%s: lost: %s", self.driver.channel, reason)
            self._retry_s = FIRST_RETRY_S
        self.lost = reason
        self._retry_at_ns = self.driver.clock.now_ns() + round(self._retry_s * 1e9)
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)

    def fail(self, reason: str) -> None:
        """Lose the device at its next reading: for another thread that found it broken."""
        self._failed = reason

    def renewed(self) -> Device[T]:
        """Return this device with a new driver, as lost as it is, for one whose driver hangs."""
        self.driver.abandon()
        new: Device[T] = Device(self.driver.another())
        new.lost, new._retry_s, new._retry_at_ns, new.openings = self.lost, self._retry_s, self._retry_at_ns, self.openings
        return new

    def arrived_ns(self, now_ns: int) -> int:
        """Return when the last reading reached this computer; `now_ns` where the driver does not know better."""
        return now_ns if self.driver.arrived_ns is None else self.driver.arrived_ns

    def poll(self, timeout_s: float) -> T | None:
        """Return what the driver reads within `timeout_s`, or None; never raises for what a device does."""
        if self.ended or (self.lost is not None and not self.driver.due(self._retry_at_ns, timeout_s)):
            return None
        try:
            item = self._opened_and_read(timeout_s)
        except EndOfStream:
            self.ended = True
            return None
        except Exception as error:  # noqa: BLE001  a driver is a guest: whatever it raises is a lost device, not the end of the station
            self.lose(str(error) if isinstance(error, DriverError) else f"{type(error).__name__}: {error}")
            self.close_quietly()
            return None
        finally:
            self._call = None
        if item is not None and self.lost is not None:
            log.warning("%s: back", self.driver.channel)
            self.lost = None
        return item

    def _opened_and_read(self, timeout_s: float) -> T | None:
        if not self._is_open:
            self._call = self.driver.clock.now_ns(), OPEN_PATIENCE_S
            self.open()
            self.openings += 1
        if self._failed is not None:
            reason, self._failed = self._failed, None
            raise DriverError(reason)
        self._call = self.driver.clock.now_ns(), timeout_s + READ_PATIENCE_S
        item: T | None = self._read(timeout_s)
        return item
