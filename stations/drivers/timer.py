"""A trigger at even intervals, for lines without a sensor and for recorded sources."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from inspector import drivers
from inspector.drivers import TriggerSource
from inspector.errors import EndOfStream
from inspector.parts import Trigger


class TimerSettings(drivers.Settings):
    interval_s: float = Field(gt=0, description="from part to part")
    first_s: float = Field(default=0.0, ge=0, description="the first part, from the start of the station's clock")
    parts: int | None = Field(default=None, ge=1, description="how many parts; endless where not given")
    prefix: str = Field(default="part-", min_length=1, description="what part ids begin with")


class Timer(TriggerSource):
    """One part every `interval_s`; a station that comes late gets the parts that it missed, one by one."""

    Settings: ClassVar[type[drivers.Settings]] = TimerSettings
    steppable = True

    def __init__(self, settings: TimerSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._made = 0

    def wait(self, timeout_s: float) -> Trigger | None:
        settings: TimerSettings = self.settings
        if settings.parts is not None and self._made >= settings.parts:
            raise EndOfStream("all parts were triggered", channel=self.channel)
        t_ns = self.clock.epoch_ns + round((settings.first_s + self._made * settings.interval_s) * 1e9)
        if not self.due(t_ns, timeout_s):
            return None
        self._made += 1
        return Trigger(self.channel, f"{settings.prefix}{self._made:06d}", t_ns)
