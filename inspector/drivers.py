"""The promises a driver can make. A driver keeps exactly one of them.

An outside package subclasses one class below, names its `Settings`, and registers one line under the entry-point group
`inspector.drivers`. `inspector.testing.check_driver` says whether the promise is kept.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

from inspector.clock import Clock, MonotonicClock
from inspector.parts import Decision, Frame, PartTruth, Series, Signal, Trigger, Waveform
from inspector.plc import PlcInputs, PlcOutputs


class Settings(BaseModel):
    """Base of a driver's settings: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _beside_station_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return Path(folder) / path if folder else path


StationPath = Annotated[Path, AfterValidator(_beside_station_file)]
"""A path in a driver's settings: relative ones are meant from the folder of the station file."""


@dataclass(frozen=True, slots=True)
class Found:
    """A device that could be opened: what a person calls it, and the settings that choose it."""

    title: str
    settings: dict[str, Any]


class Driver(ABC):  # noqa: B024  the promises below carry the abstract methods
    """What all promises share. `read`-like calls return None when `timeout_s` passes without data, raise `EndOfStream` when a
    recorded source has ended, and `DriverError` when the device failed.

    Attributes:
        settings: validated settings of this driver.
        channel: the channel's name in the station (the station's own name for a trigger or a sink).
        unit: unit of the values, as the station file gives it ("" where it gives none).
        clock: the station clock; every stamp is on it unless `own_clock` says otherwise, and a driver that paces itself sleeps on it.
        arrived_ns: with `own_clock`, when the last reading reached this computer, on the station clock; None where the driver knows no
            better than the moment at which `read` returned (a `steppable` driver must: on a stepped clock nobody reads in time).
    """

    Settings: ClassVar[type[Settings]] = Settings
    steppable: ClassVar[bool] = False
    """True where time is the driver's own (files, simulation): it keeps up with a clock that jumps ahead."""
    own_clock: bool = False
    """True where stamps count on the device's own clock (a camera's ticks, a counter of samples): any zero, any drift. The station
    learns how that clock runs; the driver hands its stamps on as they are, in nanoseconds. Where settings or the device decide it, set it
    when made or in `open`."""
    isolated: ClassVar[bool] = False
    """True where the driver calls code that may hang or crash its process (vendors' libraries): it is run in a process of its own."""

    def __init__(self, settings: Any, *, channel: str, unit: str = "", clock: Clock | None = None) -> None:
        self.settings = settings
        self.channel = channel
        self.unit = unit
        self.clock: Clock = clock or MonotonicClock()
        self.arrived_ns: int | None = None

    def open(self) -> None:  # noqa: B027  optional by design
        """Connect. Raises DriverError."""

    def close(self) -> None:  # noqa: B027  optional by design
        """Release the device; safe to call twice."""

    def abandon(self) -> None:  # noqa: B027  optional by design
        """Free what can be freed while a call into the device hangs; called from another thread, must return at once."""

    def another(self) -> Driver:
        """Return a new driver for the same device, not yet opened."""
        return type(self)(self.settings, channel=self.channel, unit=self.unit, clock=self.clock)

    @classmethod
    def discover(cls) -> list[Found]:
        """Return the devices of this kind that are there now; none where they cannot be found, or their package is not installed."""
        return []

    def due(self, t_ns: int, timeout_s: float) -> bool:
        """Sleep on the station clock until `t_ns`, at most `timeout_s`; say whether it was reached. For sources that pace themselves."""
        self.clock.sleep_until_ns(min(t_ns, self.clock.now_ns() + max(0, round(timeout_s * 1e9))))
        return self.clock.now_ns() >= t_ns


class Camera(Driver):
    @abstractmethod
    def read(self, timeout_s: float) -> Frame | None:
        """Return the next picture."""

    def lost(self) -> int:
        """Return how many pictures were lost on their way here since the driver was made: incomplete, damaged, not fetched in time."""
        return 0

    def fire(self, trigger: Trigger) -> None:
        """Take a picture now: called for each part as soon as its trigger is known, from the trigger's thread, so return at once.

        For cameras that wait for a software trigger; the others have nothing to do.
        """


class WaveformSource(Driver):
    @abstractmethod
    def read(self, timeout_s: float) -> Waveform | None:
        """Return the next block of samples; blocks of 50–100 ms serve best."""


class SeriesSource(Driver):
    @abstractmethod
    def read(self, timeout_s: float) -> Series | None:
        """Return the next values, at least one."""


class TriggerSource(Driver):
    @abstractmethod
    def wait(self, timeout_s: float) -> Trigger | None:
        """Return the next part's trigger; `t_ns` is when the part was in place."""

    @property
    def watches(self) -> str | None:
        """The channel of the station whose signals this trigger wants to see, if it finds parts in them."""
        return None

    def observe(self, signal: Signal) -> None:
        """Look at the next signal of the channel that `watches` names, on the station's clock. Called from that channel's thread."""

    def captured(self, trigger: Trigger) -> None:
        """All that belongs to the part has come, so it may move on. Called from the station's own thread, so return at once."""

    def truth(self, part_id: str) -> PartTruth | None:  # noqa: ARG002
        """Return what is really so of a part; None on a real line, where nobody knows."""
        return None


class VerdictSink(Driver):
    @abstractmethod
    def send(self, decision: Decision) -> None:
        """Tell the plant the outcome of a part. Raises DriverError; may be called from two threads."""


class PlcLink(Driver):
    """Carries the process image; what it means is the station's affair, and the same over every protocol.

    Attributes:
        changed: set by the station before `open`; a link that learns at once of new inputs calls it, from any thread.
    """

    def __init__(self, settings: Any, **place: Any) -> None:
        super().__init__(settings, **place)
        self.changed: Callable[[], object] = lambda: None

    @abstractmethod
    def exchange(self, outputs: PlcOutputs) -> PlcInputs:
        """Show `outputs` to the PLC, and return what it said last; called every few milliseconds, so return at once.

        Both are whole images: never half of one and half of the next. Before the first call the PLC sees `PlcOutputs()`. What the PLC
        has not said is as in `PlcInputs()`. Raises DriverError where the link itself is down; a silent PLC is none.
        """


PROMISES: tuple[type[Driver], ...] = (Camera, WaveformSource, SeriesSource, TriggerSource, VerdictSink, PlcLink)
