"""Text from a serial port: bytes split into lines, each with the arrival of its first byte, and the number that a line holds."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inspector.clock import Clock
from stations.protocols.serial_port import FAULTS, READ_TIMEOUT_S, PortSettings, lost

if TYPE_CHECKING:
    import serial

ONE_NUMBER = r"^\D*?(?P<value>(?:[-+]\s*)?(?:\d+(?:[.,]\d*)?|(?<![^\s+-])[.,]\d+)(?:[eE][-+]?\d+)?)\D*$"
"""The only number of a line, whatever stands around it: a line with a second number, or a damaged one, does not match."""
LONGEST_LINE_BYTES = 1024
"""What is longer is no line of a sensor but a wrong baud rate or a stuck device; it is thrown away up to its end."""
BROKEN_OFF_NS = 1_000_000_000
"""A line that rests for so long was broken off, by a device that lost its power, say; what comes then is another line."""
LARGEST_PIECE_BYTES = 4096
SILENT_READS = 5
"""A line that begins after so many empty reads (100 ms) is whole, though nobody saw the end of the one before."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end, never empty; `t_ns` is when its first byte came."""

    t_ns: int
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode("ascii", errors="replace")

    def __str__(self) -> str:
        return f"the line {_shown(self.data)}"


class LineSplitter:
    """Lines from bytes that come in pieces, wherever the pieces are cut.

    The line in the midst of which the port was opened is left out: half a number is a wrong number.

    Args:
        byte_ns: how long a byte is on the wire.
        reject: told in words of what is no line: one without an end, one that was broken off.
    """

    def __init__(self, byte_ns: float, reject: Callable[[str], None]) -> None:
        self._byte_ns = byte_ns
        self._reject = reject
        self._line = bytearray()
        self._line_ns = self._drained_ns = 0
        self._silent_reads = 0
        self._fresh = self._skipping = True

    def begin(self, now_ns: int, *, whole: bool = False) -> None:
        """Forget what came before `now_ns`; with `whole` the next byte is known to begin a line."""
        self._line.clear()
        self._drained_ns = now_ns
        self._silent_reads = 0
        self._fresh = self._skipping = not whole

    def silent(self) -> None:
        """Note a read that brought nothing."""
        self._silent_reads += 1
        if self._silent_reads == SILENT_READS and self._fresh:
            self._skipping = False

    def feed(self, piece: bytes, now_ns: int) -> list[Line]:
        """Return the lines that end in `piece`, which was read at `now_ns`; keep the beginning of the one that does not.

        Bytes that come in one piece are placed back from its arrival at the pace of the wire, never before the piece before it,
        so that several lines in one piece lie apart as they were sent.
        """
        first_ns, apart_ns = self._arrival(len(piece), now_ns)
        found = []
        for number, byte in enumerate(piece):
            if byte not in b"\r\n":
                self._add(byte, first_ns + round(number * apart_ns))
                continue
            if self._line:
                found.append(Line(self._line_ns, bytes(self._line)))
            self._line.clear()
            self._skipping = False
        return found

    def _arrival(self, count: int, now_ns: int) -> tuple[int, float]:
        """Return when the first of `count` bytes just read came, and how far apart they came (ns)."""
        span_ns = min((count - 1) * self._byte_ns, now_ns - self._drained_ns)
        first_ns = now_ns - round(span_ns)
        if self._line and first_ns - self._drained_ns > BROKEN_OFF_NS:
            self._reject(f"the line {_shown(self._line)}, which was broken off,")
            self._line.clear()
        self._drained_ns = now_ns
        self._fresh = False
        return first_ns, span_ns / max(1, count - 1)

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


class LineReader:
    """The lines of one open port.

    Args:
        port: the open port.
        settings: its settings.
        channel: who reads, for errors.
        clock: what lines are stamped with.
        reject: as of `LineSplitter`.
        whole: whether the next byte is known to begin a line.
    """

    def __init__(
        self,
        port: serial.Serial,
        settings: PortSettings,
        channel: str,
        clock: Clock,
        reject: Callable[[str], None],
        *,
        whole: bool = False,
    ) -> None:
        self._port = port
        self._settings = settings
        self._channel = channel
        self._clock = clock
        self._splitter = LineSplitter(settings.byte_ns, reject)
        self._splitter.begin(clock.now_ns(), whole=whole)

    def read(self, timeout_s: float) -> list[Line] | None:
        """Return the lines that ended in what has come, waiting for its first byte only; None when nothing came. Raises DriverError."""
        piece = self._piece(timeout_s)
        return self._splitter.feed(piece, self._clock.now_ns()) if piece else None

    def _piece(self, timeout_s: float) -> bytes:
        try:
            for _ in range(math.ceil(timeout_s / READ_TIMEOUT_S)):
                first: bytes = self._port.read(1)
                if first:
                    return first + self._port.read(min(self._port.in_waiting, LARGEST_PIECE_BYTES))
                self._splitter.silent()
            return bytes(self._port.read(min(self._port.in_waiting, LARGEST_PIECE_BYTES)))
        except FAULTS as error:
            raise lost(self._settings, self._channel, error) from error


class NumberPattern:
    """A regular expression whose one group, or the one named value, is a number with point or comma."""

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._group: str | int = "value" if "value" in self._pattern.groupindex else 1

    def number(self, line: Line) -> float | None:
        """Return the number of a line, None where it holds no finite one."""
        match = self._pattern.search(line.text)
        if match is None:
            return None
        try:
            value = float("".join((match[self._group] or "").split()).replace(",", "."))
        except ValueError:
            return None
        return value if math.isfinite(value) else None


def checked_number_pattern(pattern: str) -> str:
    """Return the pattern if it can serve as `NumberPattern`. Raises ValueError."""
    groups = checked_pattern(pattern)
    if "value" not in groups.groupindex and groups.groups != 1:
        raise ValueError(f"must have one group, or one named value, around the number; it has {groups.groups}")
    return pattern


def checked_pattern(pattern: str) -> re.Pattern[str]:
    """Return the pattern compiled. Raises ValueError."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error


def _shown(line: bytes | bytearray) -> str:
    return repr(line[:80].decode("ascii", errors="replace"))
