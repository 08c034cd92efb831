"""The simulated line behind the four promises of a device; the reference for who writes a driver.

Drivers of one station that share settings and clock share one line. A block comes when its time is over; on a stepped clock
nobody waits for that, time moves on to it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from inspector import drivers
from inspector.clock import Clock
from inspector.drivers import Camera, Driver, SeriesSource, TriggerSource, WaveformSource
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


class _OfLine(Driver):
    """A driver with a place at the line."""

    place: _OnTheLine

    def open(self) -> None:
        self.place.open()

    def close(self) -> None:
        self.place.close()


class _OfParts(_OfLine):
    """One that has something to tell of each part of the line, in turn."""

    Settings: ClassVar[type[drivers.Settings]] = LineSettings
    steppable = True

    def __init__(self, settings: LineSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self.place = _OnTheLine(settings, self.clock, self.channel)
        self._part = 0

    def _line_with_part(self) -> Line:
        """Return the line while it has one more part. Raises EndOfStream."""
        line = self.place.line
        if not line.has_part(self._part):
            raise self.place.ended()
        return line


class SimulatedCamera(_OfParts, Camera):
    """One picture a part."""

    def read(self, timeout_s: float) -> Frame | None:
        line = self._line_with_part()
        ready_ns = line.trigger(self._part).t_ns + round(EXPOSURE_S * 1e9) + _READOUT_NS
        if not self.place.due(ready_ns, timeout_s):
            return None
        frame = line.frame(self._part)
        self._part += 1
        return frame


class _OfStream(_OfLine):
    """One that reads the next blocks of a stream, again and again; a reader that comes late gets all that it missed."""

    Settings: ClassVar[type[drivers.Settings]] = StreamSettings
    steppable = True
    streams: ClassVar[tuple[str, ...]]

    def __init__(self, settings: StreamSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._name = settings.stream or self.channel
        if self._name not in self.streams:
            known = ", ".join(self.streams)
            raise ConfigError(f"the simulated line has no such stream, use one of {known}", key=f"{self.channel}.settings.stream")
        self.place = _OnTheLine(settings, self.clock, self.channel)
        self._next: int | None = None

    def _blocks(self, timeout_s: float, most: int) -> tuple[int, int] | None:
        """Wait for the next block; return (first, last + 1) of those that are due by then, at most `most`."""
        line = self.place.line
        first = line.first_block(self._name) if self._next is None else self._next
        if first >= line.last_block(self._name):
            raise self.place.ended()
        if not self.place.due(line.block_due_ns(self._name, first), timeout_s):
            return None
        due = line.blocks_due(self._name, self.clock.now_ns())
        self._next = first + max(1, int(min(due - first, most, line.last_block(self._name) - first)))
        return first, self._next


class SimulatedWaveform(_OfStream, WaveformSource):
    """Sound or vibration in blocks of 100 ms."""

    streams = WAVEFORMS

    def read(self, timeout_s: float) -> Waveform | None:
        found = self._blocks(timeout_s, most=1)
        return None if found is None else self.place.line.waveform(self._name, *found)


class SimulatedSeries(_OfStream, SeriesSource):
    """A slow channel; it begins with what the plant's recorder holds of the minute before."""

    streams = tuple(name for name in STREAMS if name not in WAVEFORMS)

    def read(self, timeout_s: float) -> Series | None:
        found = self._blocks(timeout_s, most=1000)
        return None if found is None else self.place.line.series(self._name, *found)


class SimulatedTrigger(_OfParts, TriggerSource):
    """The light barrier at the camera, which on this line also knows the truth."""

    def wait(self, timeout_s: float) -> Trigger | None:
        trigger = self._line_with_part().trigger(self._part)
        if not self.place.due(trigger.t_ns, timeout_s):
            return None
        self._part += 1
        return Trigger(self.channel, trigger.part_id, trigger.t_ns)

    def truth(self, part_id: str) -> PartTruth | None:
        line = self.place.line
        part = line.part_number(part_id)
        return None if part is None or not line.has_part(part) else line.truth(part)
