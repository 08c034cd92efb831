"""A part for each change of a bit or a counter in a Modbus device, with the part's id if the device has it."""

from __future__ import annotations

import logging
import time
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from inspector import drivers
from inspector.drivers import TriggerSource
from inspector.errors import DriverError
from inspector.parts import Trigger
from stations.protocols.modbus_access import ModbusAccess
from stations.protocols.modbus_settings import ModbusSettings, RegisterKind, Span
from stations.protocols.modbus_values import Order, decode, decode_text, register_count

log = logging.getLogger(__name__)

Counter = Literal["u16", "u32"]


class ModbusTriggerSettings(ModbusSettings):
    signal: Literal["rising", "falling", "counter"] = Field(
        default="rising", description="what a part is: a bit that goes on, a bit that goes off, a counter that goes up"
    )
    kind: RegisterKind = Field(default="discrete", description="where the bit or counter is")
    address: int = Field(ge=0, le=65535, description="of the bit or counter, counted from 0")
    bit: int | None = Field(default=None, ge=0, le=15, description="with a bit in a register: which one, 0 is the lowest")
    counter_type: Counter = Field(default="u16", description="of the counter")
    word_order: Order = Field(default="big", description="of numbers in two registers: big where the first one is the upper one")
    interval_ms: float = Field(default=10.0, ge=1, le=1000, description="from look to look; a bit must stay at least this long")
    part_id_kind: Literal["holding", "input"] = Field(default="holding", description="where the part's id is")
    part_id_address: int | None = Field(
        default=None, ge=0, le=65535, description="first register of the id, written before the signal; without it the parts are counted"
    )
    part_id_type: Literal["u16", "u32", "ascii"] = Field(default="u16", description="a number, or two characters in each register")
    part_id_registers: int = Field(default=8, ge=1, le=60, description="how many registers, with ascii")
    prefix: str = Field(default="part-", description="what the ids of parts begin with whose id is a number or is counted")
    acknowledge_kind: Literal["coil", "holding"] = Field(default="coil", description="where a taken part is acknowledged")
    acknowledge_address: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="set to 1 when a part was taken and back to 0 when its bit has gone back; with a counter: set to the count taken",
    )

    @property
    def signal_span(self) -> Span:
        count = register_count(self.counter_type) if self.signal == "counter" else 1
        return Span(self.device_id, self.kind, self.address, count)

    @property
    def part_id_span(self) -> Span | None:
        if self.part_id_address is None:
            return None
        count = self.part_id_registers if self.part_id_type == "ascii" else register_count(self.part_id_type)
        return Span(self.device_id, self.part_id_kind, self.part_id_address, count)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        in_register = self.kind in ("holding", "input")
        if self.signal == "counter" and not in_register:
            raise ValueError("signal: a counter is in a holding or input register, correct kind")
        if self.signal != "counter" and in_register != (self.bit is not None):
            raise ValueError("bit: must say which one where the signal is in a register, and only there")
        if self.signal == "counter" and self.acknowledge_address is not None:
            if self.acknowledge_kind == "coil":
                raise ValueError("acknowledge_kind: a count is acknowledged in a holding register")
            if self.counter_type == "u32":
                raise ValueError("acknowledge_address: only a u16 counter can be acknowledged")
        for span in (self.signal_span, self.part_id_span):
            if span is not None and span.end > 65536:
                raise ValueError("address: what is read would end beyond register 65535")
        return self


class ModbusTrigger(TriggerSource):
    """One part a change, in place in the middle between the look that did not see it and the look that did: half an interval at most off.

    What is on already when the device is opened is no part, as nobody knows since when.

    Attributes:
        missed: how many parts are known to have gone by without a trigger: a counter jumped, went on while the device was away, or the
            id of a part could not be read.
    """

    Settings: ClassVar[type[drivers.Settings]] = ModbusTriggerSettings

    def __init__(self, settings: ModbusTriggerSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self.missed = 0
        self._access = ModbusAccess(settings, self.channel)
        self._next_ns = 0
        self._looked_ns: int | None = None
        self._last: int | None = None
        self._made = 0
        self._last_trigger_ns = -1
        self._owed: int | None = None

    def open(self) -> None:
        if self._access.is_open:
            return
        self._access.open()
        try:
            for span in (self.settings.signal_span, self.settings.part_id_span):
                if span is not None:
                    self._access.read(span)
        except BaseException:
            self._access.close()
            raise
        self._looked_ns = None
        self._next_ns = self.clock.now_ns()

    def close(self) -> None:
        self._access.close()

    def wait(self, timeout_s: float) -> Trigger | None:
        end_s = time.monotonic() + timeout_s
        while True:
            if not self.due(self._next_ns, max(0.0, end_s - time.monotonic())):
                return None
            self._acknowledge()
            trigger = self._look()
            self._next_ns = max(self._next_ns + round(self.settings.interval_ms * 1e6), self.clock.now_ns())
            if trigger is not None or time.monotonic() >= end_s:
                return trigger

    def _look(self) -> Trigger | None:
        reading = self._access.read(self.settings.signal_span)
        t_ns = self.clock.now_ns() - (time.monotonic_ns() - reading.t_ns)
        looked_ns, self._looked_ns = self._looked_ns, t_ns
        before, self._last = self._last, self._state(reading.values)
        if before is None:
            return None
        is_counter = self.settings.signal == "counter"
        parts = self._counted(before, self._last) if is_counter else int(self._last > before)
        taken = min(parts, 1) if looked_ns is not None else 0
        if is_counter:
            self._note_missed(parts - taken)
        if taken or (self._last < before and not is_counter):
            self._owed = self._last
        return self._trigger((looked_ns + t_ns) // 2) if taken and looked_ns is not None else None

    def _trigger(self, t_ns: int) -> Trigger:
        self._made += 1
        self._last_trigger_ns = max(t_ns, self._last_trigger_ns)
        try:
            return Trigger(self.channel, self._part_id(), self._last_trigger_ns)
        except DriverError:
            self._owed = None
            self._note_missed(1)
            raise

    def _state(self, values: tuple[int, ...]) -> int:
        """Return the counter, or 1 where the bit is as a part makes it."""
        settings: ModbusTriggerSettings = self.settings
        if settings.signal == "counter":
            return int(decode(values, settings.counter_type, settings.word_order))
        is_on = bool(values[0] >> (settings.bit or 0) & 1)
        return int(is_on == (settings.signal == "rising"))

    def _counted(self, before: int, now: int) -> int:
        """Return how many parts a counter has counted."""
        size = 1 << (16 * register_count(self.settings.counter_type))
        parts = (now - before) % size
        if parts <= size // 2:
            return parts
        log.warning("%s: the counter went back from %d to %d: taken for a new start", self.channel, before, now)
        return now if now <= 1 else 0

    def _note_missed(self, parts: int) -> None:
        if parts > 0:
            self.missed += parts
            log.warning("%s: %d parts went by without a trigger, %d so far", self.channel, parts, self.missed)

    def _acknowledge(self) -> None:
        """Tell the device what was taken; what it could not be told it is told when it is back."""
        settings: ModbusTriggerSettings = self.settings
        if self._owed is not None and settings.acknowledge_address is not None:
            self._access.write(Span(settings.device_id, settings.acknowledge_kind, settings.acknowledge_address), [self._owed])
        self._owed = None

    def _part_id(self) -> str:
        settings: ModbusTriggerSettings = self.settings
        span = settings.part_id_span
        if span is None:
            return f"{settings.prefix}{self._made:06d}"
        registers = self._access.read(span).values
        if settings.part_id_type == "ascii":
            return decode_text(registers) or f"{settings.prefix}{self._made:06d}"
        return f"{settings.prefix}{decode(registers, settings.part_id_type, settings.word_order)}"
