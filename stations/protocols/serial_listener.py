"""A driver that listens at a serial port to a device that writes lines unasked."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from inspector.drivers import Driver, Found
from inspector.errors import DriverError
from stations.protocols.serial_port import found_ports, open_port
from stations.protocols.serial_text import Line, LineReader

if TYPE_CHECKING:
    import serial

log = logging.getLogger(__name__)


class SerialListener(Driver):
    """What drivers that are written to have in common: the port, its lines, and the count of those that say nothing.

    Attributes:
        unmatched: how many lines did not say what the pattern asks for so far, lines without an end among them.
    """

    says_nothing: ClassVar[str]
    """Of a line that does not match, for the log: what it is not."""

    def __init__(self, settings: Any, **place: Any) -> None:
        super().__init__(settings, **place)
        self.unmatched = 0
        self._port: serial.Serial | None = None
        self._lines: LineReader | None = None

    @classmethod
    def discover(cls) -> list[Found]:
        return found_ports()

    def open(self) -> None:
        if self._port is None:
            self._port = open_port(self.settings, self.channel)
            self._lines = LineReader(self._port, self.settings, self.channel, self.clock, self._reject)

    def close(self) -> None:
        if self._port is not None:
            port, self._port, self._lines = self._port, None, None
            port.close()

    def _heard(self, timeout_s: float) -> Iterator[list[Line]]:
        """Return lines as they come, until none comes or the time is over. Raises DriverError where nothing is open."""
        if self._lines is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        return _until(self._lines, time.monotonic() + timeout_s)

    def _reject(self, what: str) -> None:
        self.unmatched += 1
        if self.unmatched == 1:
            port = self.settings.port
            log.warning(
                "%s: %s: %s %s as the setting pattern asks for; more such lines are only counted",
                self.channel,
                port,
                what,
                self.says_nothing,
            )


def _until(reader: LineReader, end_s: float) -> Iterator[list[Line]]:
    while (lines := reader.read(end_s - time.monotonic())) is not None:
        yield lines
        if time.monotonic() >= end_s:  # garbage without end must not hold the reader
            return
