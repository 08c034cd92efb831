"""The simulated line behind the four promises of a device; the reference for who writes a driver.

Drivers of one station that share settings and clock share one line. A block comes when its time is over; on a stepped clock
nobody waits for that, time moves on to it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from inspector import drivers
from inspector.clock import Clock
from inspector.drivers import Camera, SeriesSource, TriggerSource, WaveformSource
from inspector.errors import ConfigError, DriverError, EndOfStream
from inspector.parts import Frame, PartTruth, Series, Trigger, Waveform
from stations.simulator.line import EXPOSURE_S, STREAMS, WAVEFORMS, Line
from stations.simulator.running import join, leave
from stations.simulator.scenario import LineSettings

_READOUT_NS = 8_000_000
"""From mid-exposure until a picture is in memory."""


class StreamSettings(LineSettings):
    """Settings of a simulated stream: those of the line, and which of its streams."""

    stream: str | None = Field(default=None, description="stream of the simulated line; the channel's own name where not given")


class _OnTheLine:
    """A driver's place at a shared line: joined when opened, left when closed."""

    def __init__(self, settings: LineSettings, clock: Clock, channel: str) -> None:
        names = LineSettings.model_fields
        self.settings = LineSettings(**{name: getattr(settings, name) for name in names})
        self.clock, self.channel = clock, channel
        self._line: Line | None = None

    def open(self) -> None:
        if self._line is None:
            self._line = join(self.settings, self.clock)

    def close(self) -> None:
        if self._line is not None:
            self._line = None
            leave(self.settings, self.clock)

    @property
    def line(self) -> Line:
        if self._line is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        return self._line

    def due(self, t_ns: int, timeout_s: float) -> bool:
        """Wait for an instant on the station's clock, no longer than `timeout_s`; say whether it has come."""
        self.clock.sleep_until_ns(min(t_ns, self.clock.now_ns() + round(timeout_s * 1e9)))
        return self.clock.now_ns() >= t_ns

    def ended(self) -> EndOfStream:
        return EndOfStream("the simulated line has made its last part", channel=self.channel)


class SimulatedCamera(Camera):
    """One picture a part."""

    Settings: ClassVar[type[drivers.Settings]] = LineSettings
    steppable = True

    def __init__(self, settings: LineSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._place = _OnTheLine(settings, self.clock, self.channel)
        self._part = 0

    def open(self) -> None:
        self._place.open()

    def close(self) -> None:
        self._place.close()

    def read(self, timeout_s: float) -> Frame | None:
        line = self._place.line
        if not line.has_part(self._part):
            raise self._place.ended()
        ready_ns = line.trigger(self._part).t_ns + round(EXPOSURE_S * 1e9) + _READOUT_NS
        if not self._place.due(ready_ns, timeout_s):
            return None
        frame = line.frame(self._part)
        self._part += 1
        return frame


class _Stream:
    """The next blocks of a stream, again and again; a reader that comes late gets all that it missed."""

    def __init__(self, settings: StreamSettings, clock: Clock, channel: str, kinds: tuple[str, ...]) -> None:
        self.name = settings.stream or channel
        if self.name not in kinds:
            raise ConfigError(f"the simulated line has no such stream, use one of {', '.join(kinds)}", key=f"{channel}.settings.stream")
        self.place = _OnTheLine(settings, clock, channel)
        self._next: int | None = None

    def blocks(self, timeout_s: float, most: int) -> tuple[int, int] | None:
        """Wait for the next block; return (first, last + 1) of those that are due by then, at most `most`."""
        line = self.place.line
        first = line.first_block(self.name) if self._next is None else self._next
        if first >= line.last_block(self.name):
            raise self.place.ended()
        if not self.place.due(line.block_due_ns(self.name, first), timeout_s):
            return None
        due = line.blocks_due(self.name, self.place.clock.now_ns())
        self._next = first + max(1, int(min(due - first, most, line.last_block(self.name) - first)))
        return first, self._next


class SimulatedWaveform(WaveformSource):
    """Sound or vibration in blocks of 100 ms."""

    Settings: ClassVar[type[drivers.Settings]] = StreamSettings
    steppable = True

    def __init__(self, settings: StreamSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._stream = _Stream(settings, self.clock, self.channel, WAVEFORMS)

    def open(self) -> None:
        self._stream.place.open()

    def close(self) -> None:
        self._stream.place.close()

    def read(self, timeout_s: float) -> Waveform | None:
        found = self._stream.blocks(timeout_s, most=1)
        return None if found is None else self._stream.place.line.waveform(self._stream.name, *found)


class SimulatedSeries(SeriesSource):
    """A slow channel; it begins with what the plant's recorder holds of the minute before."""

    Settings: ClassVar[type[drivers.Settings]] = StreamSettings
    steppable = True

    def __init__(self, settings: StreamSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._stream = _Stream(settings, self.clock, self.channel, tuple(name for name in STREAMS if name not in WAVEFORMS))

    def open(self) -> None:
        self._stream.place.open()

    def close(self) -> None:
        self._stream.place.close()

    def read(self, timeout_s: float) -> Series | None:
        found = self._stream.blocks(timeout_s, most=1000)
        return None if found is None else self._stream.place.line.series(self._stream.name, *found)


class SimulatedTrigger(TriggerSource):
    """The light barrier at the camera, which on this line also knows the truth."""

    Settings: ClassVar[type[drivers.Settings]] = LineSettings
    steppable = True

    def __init__(self, settings: LineSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._place = _OnTheLine(settings, self.clock, self.channel)
        self._part = 0

    def open(self) -> None:
        self._place.open()

    def close(self) -> None:
        self._place.close()

    def wait(self, timeout_s: float) -> Trigger | None:
        line = self._place.line
        if not line.has_part(self._part):
            raise self._place.ended()
        trigger = line.trigger(self._part)
        if not self._place.due(trigger.t_ns, timeout_s):
            return None
        self._part += 1
        return Trigger(self.channel, trigger.part_id, trigger.t_ns)

    def truth(self, part_id: str) -> PartTruth | None:
        line = self._place.line
        part = line.part_number(part_id)
        return None if part is None or not line.has_part(part) else line.truth(part)
