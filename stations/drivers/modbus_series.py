"""A value in a Modbus device: temperatures, pressures, flows, counters and states, over TCP or a serial line."""

from __future__ import annotations

import math
import time
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from inspector import drivers
from inspector.drivers import SeriesSource
from inspector.parts import Series
from stations.protocols.modbus_access import ModbusAccess
from stations.protocols.modbus_settings import ModbusSettings, RegisterKind, Span
from stations.protocols.modbus_values import DataType, Order, decode, register_count

OLDEST_NS = 500_000_000
"""What another channel read longer ago than this, or than half an interval, is read again."""


class ModbusSeriesSettings(ModbusSettings):
    kind: RegisterKind = Field(default="holding", description="which kind of register")
    address: int = Field(ge=0, le=65535, description="of the first register, counted from 0: what manuals call 40001 is holding register 0")
    data_type: DataType = Field(default="u16", description="of the value in holding and input registers")
    word_order: Order = Field(default="big", description="of values in several registers: big where the first register is the upper one")
    byte_order: Order = Field(default="big", description="within a register; few devices differ")
    scale: float = Field(default=1.0, allow_inf_nan=False, description="value = number in the device * scale + offset")
    offset: float = Field(default=0.0, allow_inf_nan=False, description="see scale")
    missing: float | None = Field(default=None, description="the number by which the device says that it has no value")
    interval_s: float = Field(default=0.1, ge=0.01, le=3600, description="from value to value")

    @property
    def span(self) -> Span:
        """The registers that hold the value."""
        count = register_count(self.data_type) if self.kind in ("holding", "input") else 1
        return Span(self.device_id, self.kind, self.address, count)

    @model_validator(mode="after")
    def _ends_in_the_device(self) -> Self:
        if self.span.end > 65536:
            raise ValueError("address: the value would end beyond register 65535")
        return self


class ModbusSeries(SeriesSource):
    """One value an interval, stamped with the middle between request and answer; NaN where the device says that it has none.

    Channels at neighbouring registers of one device with the same interval are read in one request: their values have one stamp.
    """

    Settings: ClassVar[type[drivers.Settings]] = ModbusSeriesSettings

    def __init__(self, settings: ModbusSeriesSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._access = ModbusAccess(settings, self.channel)
        self._interval_ns = round(settings.interval_s * 1e9)
        self._fresh_ns = min(self._interval_ns // 2, OLDEST_NS)
        self._next_ns = 0
        self._read_ns = 0
        self._last_ns = -1

    def open(self) -> None:
        self._access.open(self.settings.span)
        self._next_ns = self.clock.now_ns()

    def close(self) -> None:
        self._access.close()

    def read(self, timeout_s: float) -> Series | None:
        if not self.due(self._next_ns, timeout_s):
            return None
        reading = self._access.read_shared(self.settings.span, max(self._read_ns, time.monotonic_ns() - self._fresh_ns))
        self._read_ns = reading.t_ns
        now_ns = self.clock.now_ns()
        self._next_ns = (now_ns // self._interval_ns + 1) * self._interval_ns  # the same instants for all, so that they share a request
        self._last_ns = max(now_ns - (time.monotonic_ns() - reading.t_ns), self._last_ns + 1)
        return Series(np.array([self._last_ns], np.int64), np.array([self._value(reading.values)], np.float64), self.unit)

    def _value(self, registers: tuple[int, ...]) -> float:
        settings: ModbusSeriesSettings = self.settings
        if settings.span.is_words:
            number = decode(registers, settings.data_type, settings.word_order, settings.byte_order)
        else:
            number = registers[0]
        if number == settings.missing or not math.isfinite(number):
            return math.nan
        return number * settings.scale + settings.offset
