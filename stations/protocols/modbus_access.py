"""A driver's access to a Modbus line, which it shares with all drivers of the same line."""

from __future__ import annotations

from collections.abc import Sequence

from inspector.errors import DriverError
from stations.protocols.modbus_link import ModbusLink, Reading
from stations.protocols.modbus_reads import SharedReads
from stations.protocols.modbus_settings import LineSettings, ModbusSettings, Span
from stations.protocols.sharing import Shared


class _ModbusLine:
    def __init__(self, settings: LineSettings) -> None:
        self.link = ModbusLink(settings)
        self.reads = SharedReads(self.link)

    def close(self) -> None:
        self.link.close()


_lines: Shared[_ModbusLine] = Shared()


class ModbusAccess:
    """What one driver does on its line, by its own settings.

    Args:
        settings: of the line, the device and its timeout.
        channel: who asks, for errors.
    """

    def __init__(self, settings: ModbusSettings, channel: str) -> None:
        self._settings = settings
        self._channel = channel
        self._line: _ModbusLine | None = None
        self._joined: Span | None = None

    @property
    def is_open(self) -> bool:
        return self._line is not None

    def open(self, joined: Span | None = None) -> None:
        """Open the line, unless another driver has; with `joined`, see that this span can be read and is, for `read_shared`.

        Raises DriverError.
        """
        if self._line is not None:
            return
        self._line = _lines.take(self._settings.line, lambda: _ModbusLine(self._settings.line))
        try:
            if joined is None:
                self._line.link.connect(self._channel, self._settings.timeout_s)
            else:
                self._line.reads.join(joined, self._channel, self._settings)
                self._joined = joined
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go; safe to call twice."""
        line, self._line = self._line, None
        if line is None:
            return
        if self._joined is not None:
            line.reads.leave(self._joined)
            self._joined = None
        _lines.give_back(line)

    def read(self, span: Span, until_s: float | None = None) -> Reading:
        """Read now. Raises DriverError."""
        return self._opened.link.read(span, self._channel, self._settings, until_s)

    def read_shared(self, span: Span, newer_than_ns: int) -> Reading:
        """Return what the joined span held at an instant after `newer_than_ns`. Raises DriverError."""
        return self._opened.reads.read(span, newer_than_ns, self._channel, self._settings)

    def write(self, span: Span, values: Sequence[int], until_s: float | None = None) -> None:
        """Write now. Raises DriverError."""
        self._opened.link.write(span, values, self._channel, self._settings, until_s)

    @property
    def _opened(self) -> _ModbusLine:
        if self._line is None:
            raise DriverError("is not open, call open() first", channel=self._channel)
        return self._line
