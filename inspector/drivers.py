"""The promises a driver can make. A driver keeps exactly one of them.

An outside package subclasses one class below, names its `Settings`, and registers one line under the entry-point group
`inspector.drivers`. `inspector.testing.check_driver` says whether the promise is kept.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo

from inspector.clock import Clock, MonotonicClock
from inspector.parts import Frame, PartTruth, Series, Trigger, Waveform


class Settings(BaseModel):
    """Base of a driver's settings: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _beside_station_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return Path(folder) / path if folder else path


StationPath = Annotated[Path, AfterValidator(_beside_station_file)]
"""A path in a driver's settings: relative ones are meant from the folder of the station file."""


class Driver(ABC):  # noqa: B024  the promises below carry the abstract methods
    """What all promises share. `read`-like calls return None when `timeout_s` passes without data, raise `EndOfStream` when a
    recorded source has ended, and `DriverError` when the device failed.

    Attributes:
        settings: validated settings of this driver.
        channel: the channel's name in the station (the station's own name for a trigger or a sink).
        unit: unit of the values, as the station file gives it ("" where it gives none).
        clock: the station clock; every stamp is on it, and a driver that paces itself sleeps on it.
    """

    Settings: ClassVar[type[Settings]] = Settings
    steppable: ClassVar[bool] = False
    """True where time is the driver's own (files, simulation): it keeps up with a clock that jumps ahead."""

    def __init__(self, settings: Any, *, channel: str, unit: str = "", clock: Clock | None = None) -> None:
        self.settings = settings
        self.channel = channel
        self.unit = unit
        self.clock: Clock = clock or MonotonicClock()

    def open(self) -> None:  # noqa: B027  optional by design
        """Connect. Raises DriverError."""

    def close(self) -> None:  # noqa: B027  optional by design
        """Release the device; safe to call twice."""

    def due(self, t_ns: int, timeout_s: float) -> bool:
        """Sleep on the station clock until `t_ns`, at most `timeout_s`; say whether it was reached. For sources that pace themselves."""
        self.clock.sleep_until_ns(min(t_ns, self.clock.now_ns() + max(0, round(timeout_s * 1e9))))
        return self.clock.now_ns() >= t_ns


class Camera(Driver):
    @abstractmethod
    def read(self, timeout_s: float) -> Frame | None:
        """Return the next picture."""


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

    def truth(self, part_id: str) -> PartTruth | None:  # noqa: ARG002
        """Return what is really so of a part; None on a real line, where nobody knows."""
        return None


class VerdictSink(Driver):
    @abstractmethod
    def send(self, part_id: str, outcome: Literal["pass", "fail", "review"], score: float) -> None:
        """Tell the plant the outcome of a part."""


PROMISES: tuple[type[Driver], ...] = (Camera, WaveformSource, SeriesSource, TriggerSource, VerdictSink)
