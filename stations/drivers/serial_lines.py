"""A serial device that sends a line of text a value, unasked: scales, gauges, thermometers."""

from __future__ import annotations

import logging
import math
import re
import time
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from inspector import drivers
from inspector.drivers import SeriesSource
from inspector.errors import DriverError
from inspector.parts import Series
from stations.serial_port import FAULTS, READ_TIMEOUT_S, PortSettings, lost, open_port

if TYPE_CHECKING:
    import serial

log = logging.getLogger(__name__)

ONE_NUMBER = r"^\D*?(?P<value>(?:[-+]\s*)?(?:\d+(?:[.,]\d*)?|(?<![^\s+-])[.,]\d+)(?:[eE][-+]?\d+)?)\D*$"
"""The only number of a line, whatever stands around it: a line with a second number, or a damaged one, does not match."""
LONGEST_LINE_BYTES = 1024
"""What is longer is no line of a sensor but a wrong baud rate or a stuck device; it is thrown away up to its end."""
BROKEN_OFF_NS = 1_000_000_000
"""A line that rests for so long was broken off, by a device that lost its power, say; what comes then is another line."""
LARGEST_PIECE_BYTES = 4096
SILENT_READS = 5
"""A line that begins after so many empty reads (100 ms) is whole, though nobody saw the end of the one before."""


class SerialLinesSettings(PortSettings):
    pattern: str = Field(
        default=ONE_NUMBER,
        description="regular expression, searched in each line; its one group, or the one named value, is the number (point or comma)",
    )

    @field_validator("pattern")
    @classmethod
    def _names_the_number(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        if "value" not in groups.groupindex and groups.groups != 1:
            raise ValueError(f"must have one group, or one named value, around the number; it has {groups.groups}")
        return pattern


class SerialLines(SeriesSource):
    """One value a line, stamped with the arrival of the line's first byte.

    Bytes that come in one piece are placed back from its arrival at the pace of the wire, never before the piece before it, so
    that several lines in one piece lie apart as they were sent. The line in the midst of which the port was opened is left out: half a
    number is a wrong number.

    Attributes:
        unmatched: how many lines held no number so far, lines without an end among them.
    """

    Settings: ClassVar[type[drivers.Settings]] = SerialLinesSettings

    def __init__(self, settings: SerialLinesSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self.unmatched = 0
        self._pattern = re.compile(settings.pattern)
        self._port: serial.Serial | None = None
        self._line = bytearray()
        self._line_ns = 0
        self._drained_ns = 0
        self._last_ns = -1
        self._fresh = self._skipping = True
        self._silent_reads = 0

    def open(self) -> None:
        if self._port is None:
            self._port = open_port(self.settings, self.channel)
            self._drained_ns = self.clock.now_ns()
            self._line.clear()
            self._fresh = self._skipping = True
            self._silent_reads = 0

    def close(self) -> None:
        if self._port is not None:
            port, self._port = self._port, None
            port.close()

    def read(self, timeout_s: float) -> Series | None:
        if self._port is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        end_s = time.monotonic() + timeout_s
        while piece := self._piece(self._port, end_s - time.monotonic()):
            values = self._values(piece, *self._arrival(len(piece)))
            if values:
                t_ns, numbers = zip(*values, strict=True)
                return Series(np.array(t_ns, np.int64), np.array(numbers, np.float64), self.unit)
            if time.monotonic() >= end_s:  # garbage without end must not hold the reader
                break
        return None

    def _piece(self, port: serial.Serial, timeout_s: float) -> bytes:
        """Return what has come, waiting for the first byte only; nothing when the time is over."""
        try:
            for _ in range(math.ceil(timeout_s / READ_TIMEOUT_S)):
                first: bytes = port.read(1)
                if first:
                    return first + port.read(min(port.in_waiting, LARGEST_PIECE_BYTES))
                self._note_silence()
            return bytes(port.read(min(port.in_waiting, LARGEST_PIECE_BYTES)))
        except FAULTS as error:
            raise lost(self.settings, self.channel, error) from error

    def _note_silence(self) -> None:
        self._silent_reads += 1
        if self._silent_reads == SILENT_READS and self._fresh:
            self._skipping = False

    def _arrival(self, count: int) -> tuple[int, float]:
        """Return when the first of `count` bytes just read came, and how far apart they came (ns)."""
        now_ns = self.clock.now_ns()
        span_ns = min((count - 1) * self.settings.byte_ns, now_ns - self._drained_ns)
        first_ns = now_ns - round(span_ns)
        if self._line and first_ns - self._drained_ns > BROKEN_OFF_NS:
            self._reject(f"the line {_text(self._line)}, which was broken off,")
            self._line.clear()
        self._drained_ns = now_ns
        self._fresh = False
        return first_ns, span_ns / max(1, count - 1)

    def _values(self, piece: bytes, first_ns: int, apart_ns: float) -> list[tuple[int, float]]:
        """Return stamps and values of the lines that end in `piece`; keep the beginning of the one that does not."""
        found = []
        for number, byte in enumerate(piece):
            if byte not in b"\r\n":
                self._add(byte, first_ns + round(number * apart_ns))
                continue
            value = self._value()
            if value is not None:
                self._last_ns = max(self._line_ns, self._last_ns + 1)
                found.append((self._last_ns, value))
            self._line.clear()
            self._skipping = False
        return found

    def _add(self, byte: int, t_ns: int) -> None:
        if self._skipping:
            return
        if not self._line:
            self._line_ns = t_ns
        self._line.append(byte)
        if len(self._line) > LONGEST_LINE_BYTES:
            self._reject(f"a line of more than {LONGEST_LINE_BYTES} bytes")
            self._line.clear()
            self._skipping = True

    def _value(self) -> float | None:
        if not self._line:
            return None
        match = self._pattern.search(self._line.decode("ascii", errors="replace"))
        if match is not None:
            number = match["value" if "value" in self._pattern.groupindex else 1]
            try:
                value = float("".join((number or "").split()).replace(",", "."))
            except ValueError:
                value = math.nan
            if math.isfinite(value):
                return value
        self._reject(f"the line {_text(self._line)}")
        return None

    def _reject(self, what: str) -> None:
        self.unmatched += 1
        if self.unmatched == 1:
            log.warning(
                "%s: %s: %s holds no number as the setting pattern asks for; more such lines are only counted",
                self.channel,
                self.settings.port,
                what,
            )


def _text(line: bytearray) -> str:
    return repr(line[:80].decode("ascii", errors="replace"))
