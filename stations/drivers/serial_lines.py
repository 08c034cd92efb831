"""A serial device that sends a line of text a value, unasked: scales, gauges, thermometers."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import AfterValidator, Field

from inspector import drivers
from inspector.drivers import SeriesSource
from inspector.parts import Series
from stations.protocols.serial_listener import SerialListener
from stations.protocols.serial_port import PortSettings
from stations.protocols.serial_text import ONE_NUMBER, Line, NumberPattern, checked_number_pattern


class SerialLinesSettings(PortSettings):
    pattern: Annotated[str, AfterValidator(checked_number_pattern)] = Field(
        default=ONE_NUMBER,
        description="regular expression, searched in each line; its one group, or the one named value, is the number (point or comma)",
    )


class SerialLines(SerialListener, SeriesSource):
    """One value a line, stamped with the arrival of the line's first byte."""

    Settings: ClassVar[type[drivers.Settings]] = SerialLinesSettings
    says_nothing = "holds no number"

    def __init__(self, settings: SerialLinesSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._pattern = NumberPattern(settings.pattern)
        self._last_ns = -1

    def read(self, timeout_s: float) -> Series | None:
        for lines in self._heard(timeout_s):
            values = self._values(lines)
            if values:
                t_ns, numbers = zip(*values, strict=True)
                return Series(np.array(t_ns, np.int64), np.array(numbers, np.float64), self.unit)
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
