"""A number in an OPC UA server: temperatures, pressures, flows of a machine's control."""

from __future__ import annotations

import math
import time
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from inspector import drivers
from inspector.drivers import SeriesSource
from inspector.errors import DriverError
from inspector.parts import Series
from stations.protocols.opcua_link import Followed
from stations.protocols.opcua_security import NodeText, OpcuaSettings
from stations.protocols.opcua_subscription import Reading, Report

QUEUE_SIZE = 10


class OpcuaSeriesSettings(OpcuaSettings):
    node: NodeText = Field(description="the node: ns=2;s=Press.Oil, or nsu=<name of the namespace>;s=Press.Oil")
    interval_ms: float = Field(default=100.0, ge=10, le=60_000, description="how often the server looks at it, and reports")


class OpcuaSeries(SeriesSource):
    """Each change of the value, and once an interval the value that did not change, stamped by the server's clock.

    A value that the server does not call good (bad, uncertain, last usable) is a gap, not the value before.
    """

    Settings: ClassVar[type[drivers.Settings]] = OpcuaSeriesSettings
    own_clock = True

    def __init__(self, settings: OpcuaSeriesSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._followed: Followed | None = None
        self._value: float | None = None
        self._last_ns = self._published_ns = 0

    def open(self) -> None:
        if self._followed is None:
            settings: OpcuaSeriesSettings = self.settings
            self._value, self._last_ns, self._published_ns = None, 0, 0
            self._followed = Followed(settings, settings.node, settings.interval_ms, QUEUE_SIZE, self.clock, self.channel)

    def close(self) -> None:
        followed, self._followed = self._followed, None
        if followed is not None:
            followed.close()

    def read(self, timeout_s: float) -> Series | None:
        if self._followed is None:
            raise DriverError("is not open, call open() first", channel=self.channel)
        end_s = time.monotonic() + timeout_s
        while (report := self._followed.next(max(0.0, end_s - time.monotonic()))) is not None:
            if (series := self._series(report)) is not None:  # the first report may come before the first value
                return series
        return None

    def _series(self, report: Report) -> Series | None:
        if report.published_ns < self._published_ns:  # the server's clock was set back
            self._last_ns = 0
        self._published_ns = report.published_ns
        self.arrived_ns = report.arrived_ns
        values = [(reading.t_ns, self._number(reading)) for reading in report.readings]
        if not values and self._value is not None:
            values = [(report.published_ns, self._value)]
        if not values:
            return None
        self._value = values[-1][1]
        t_ns = np.array([self._rising(stamp) for stamp, _ in values], np.int64)
        return Series(t_ns, np.array([value for _, value in values], np.float64), self.unit)

    def _rising(self, t_ns: int) -> int:
        """Return a stamp behind the one before: a change that the server saw just before its last report lies at that report."""
        self._last_ns = max(t_ns, self._last_ns + 1)
        return self._last_ns

    def _number(self, reading: Reading) -> float:
        if not reading.is_good or reading.value is None:
            return math.nan
        if isinstance(reading.value, bool | int | float):
            return float(reading.value)
        kind = type(reading.value).__name__
        raise DriverError(f"{self.settings.node}: holds no number but a value of type {kind}, name another node", channel=self.channel)
