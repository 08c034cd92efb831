"""A serial device that sends a line of text a value, unasked: scales, gauges, thermometers."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import AfterValidator, Field

from inspector import drivers
from inspector.drivers import Found, SeriesSource
from inspector.errors import DriverError
from inspector.parts import Series
from stations.protocols.serial_port import PortSettings, found_ports, open_port
from stations.protocols.serial_text import ONE_NUMBER, Line, LineReader, NumberPattern, checked_number_pattern

if TYPE_CHECKING:
    import serial

log = logging.getLogger(__name__)


class SerialLinesSettings(PortSettings):
    pattern: Annotated[str, AfterValidator(checked_number_pattern)] = Field(
        default=ONE_NUMBER,
        description="regular expression, searched in each line; its one group, or the one named value, is the number (point or comma)",
    )


class SerialLines(SeriesSource):
    """One value a line, stamped with the arrival of the line's first byte.

    Attributes:
        unmatched: how many lines held no number so far, lines without an end among them.
    """

    Settings: ClassVar[type[drivers.Settings]] = SerialLinesSettings

    def __init__(self, settings: SerialLinesSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self.unmatched = 0
        self._pattern = NumberPattern(settings.pattern)
        self._port: serial.Serial | None = None
        self._lines: LineReader | None = None
        self._last_ns = -1

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

    def read(self, timeout_s: float) -> Series | None:
        if self._lines is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        end_s = time.monotonic() + timeout_s
        while (lines := self._lines.read(end_s - time.monotonic())) is not None:
            values = self._values(lines)
            if values:
                t_ns, numbers = zip(*values, strict=True)
                return Series(np.array(t_ns, np.int64), np.array(numbers, np.float64), self.unit)
            if time.monotonic() >= end_s:  # garbage without end must not hold the reader
                break
        return None

    def _values(self, lines: list[Line]) -> list[tuple[int, float]]:
        found = []
        for line in lines:
            value = self._pattern.number(line)
            if value is None:
                self._reject(str(line))
                continue
            self._last_ns = max(line.t_ns, self._last_ns + 1)
            found.append((self._last_ns, value))
        return found

    def _reject(self, what: str) -> None:
        self.unmatched += 1
        if self.unmatched == 1:
            log.warning(
                "%s: %s: %s holds no number as the setting pattern asks for; more such lines are only counted",
                self.channel,
                self.settings.port,
                what,
            )
