"""Verdicts to a Modbus device: coils and registers of a PLC, a gate, a lamp."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from inspector import drivers
from inspector.drivers import VerdictSink
from inspector.errors import DriverError
from inspector.parts import Decision, Outcome
from stations.protocols.modbus_access import ModbusAccess
from stations.protocols.modbus_settings import ModbusSettings, Span
from stations.protocols.modbus_values import Order, encode, encode_text

log = logging.getLogger(__name__)

Address = Annotated[int, Field(ge=0, le=65535)]

OUTCOME_CODES: dict[Outcome, int] = {"pass": 1, "fail": 2, "review": 3}
NOT_INSPECTED = 4
UNKNOWN = 65535
LARGEST_SEQUENCE = 65535
PULSE_RETRY_S = 0.5


class ModbusSinkSettings(ModbusSettings):
    timeout_s: float = Field(default=0.3, gt=0, le=2, description="how long telling one verdict may take in all")
    pass_coil: Address | None = Field(default=None, description="on with a pass, else off")
    fail_coil: Address | None = Field(default=None, description="on with a fail, else off")
    review_coil: Address | None = Field(default=None, description="on with a review, else off")
    pulse_ms: float | None = Field(
        default=None, ge=10, le=60_000, description="the coils go off again after this, which must be less than from part to part"
    )
    outcome_register: Address | None = Field(default=None, description="1 pass, 2 fail, 3 review, 4 not inspected")
    score_register: Address | None = Field(default=None, description="score * 1000, at most 65534; 65535 where there is none")
    kind_register: Address | None = Field(default=None, description="code of the first defect's kind; 0 none, 65535 one without a code")
    kind_codes: dict[str, Annotated[int, Field(ge=1, le=65534)]] = Field(default_factory=dict, description="kind of defect: its code")
    part_id_register: Address | None = Field(default=None, description="first register of the part's id")
    part_id_type: Literal["u16", "u32", "ascii"] = Field(
        default="ascii", description="ascii: two characters in each register, zeros behind; u16, u32: the number at the id's end"
    )
    part_id_registers: int = Field(default=8, ge=1, le=60, description="how many registers, with ascii")
    word_order: Order = Field(default="big", description="of a u32 part id: big where the first register is the upper one")
    sequence_register: Address | None = Field(
        default=None, description="goes up by one, 1 to 65535 and again 1, after all else was written: what is read then is whole"
    )

    @property
    def coils(self) -> dict[Outcome, int]:
        named: dict[Outcome, int | None] = {"pass": self.pass_coil, "fail": self.fail_coil, "review": self.review_coil}
        return {outcome: address for outcome, address in named.items() if address is not None}

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if not self.coils and self.outcome_register is None:
            raise ValueError("give the outcome a place: pass_coil, fail_coil, review_coil or outcome_register")
        if self.sequence_register is None and (self.pulse_ms is None or not self.coils):
            raise ValueError("give sequence_register, or coils with pulse_ms: else nobody can tell a new verdict from the last one")
        if len(set(self.coils.values())) < len(self.coils):
            raise ValueError("pass_coil, fail_coil, review_coil: two are the same")
        taken = sorted(self._register_places())
        for (first, end), (second, _) in pairwise(taken):
            if second < end:
                raise ValueError(f"register {second} is given twice (the one at {first} ends at {end - 1})")
        return self

    def _register_places(self) -> list[tuple[int, int]]:
        single = (self.outcome_register, self.score_register, self.kind_register, self.sequence_register)
        places = [(address, address + 1) for address in single if address is not None]
        if self.part_id_register is not None:
            count = {"u16": 1, "u32": 2, "ascii": self.part_id_registers}[self.part_id_type]
            places.append((self.part_id_register, self.part_id_register + count))
        return places


class ModbusSink(VerdictSink):
    """A verdict in registers first, then its coils, then the sequence number, so that a reader who waits for the last sees it whole.

    After a failure the next verdict opens the line anew; the one that could not be told is not told late.
    """

    Settings: ClassVar[type[drivers.Settings]] = ModbusSinkSettings

    def __init__(self, settings: ModbusSinkSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._access = ModbusAccess(settings, self.channel)
        self._sequence: int | None = None
        self._pulse: threading.Timer | None = None
        self._pulse_is_stuck = False
        self._one_at_a_time = threading.Lock()

    def open(self) -> None:
        with self._one_at_a_time:
            self._access.open()
            try:
                self._sequence = self._told_sequence(None)
            except BaseException:
                self._access.close()
                raise

    def close(self) -> None:
        with self._one_at_a_time:
            if self._pulse is not None:
                self._pulse.cancel()
                self._end_pulse()
            self._access.close()

    def send(self, decision: Decision) -> None:
        until_s = time.monotonic() + self.settings.timeout_s
        if not self._one_at_a_time.acquire(timeout=self.settings.timeout_s):
            raise DriverError(f"{self.settings.place}: is busy with another verdict", channel=self.channel)
        try:
            pulse, self._pulse = self._pulse, None
            try:
                if pulse is not None:  # its coils go off first: the same outcome again must be seen
                    pulse.cancel()
                    self._set_coils(None, until_s)
                self._tell(decision, until_s)
            finally:
                self._begin_pulse()
        finally:
            self._one_at_a_time.release()

    def _tell(self, decision: Decision, until_s: float) -> None:
        settings: ModbusSinkSettings = self.settings
        sequence, self._sequence = self._sequence, None  # unknown until it was written
        if sequence is None:
            sequence = self._told_sequence(until_s)
        for address, values in _runs(self._registers(decision)):
            self._access.write(Span(settings.device_id, "holding", address, len(values)), values, until_s)
        self._set_coils(decision.outcome, until_s)
        if settings.sequence_register is not None and sequence is not None:
            sequence = sequence % LARGEST_SEQUENCE + 1
            self._access.write(Span(settings.device_id, "holding", settings.sequence_register), [sequence], until_s)
        self._sequence = sequence

    def _told_sequence(self, until_s: float | None) -> int | None:
        """Return the sequence number that the device holds: it goes on from there, whoever wrote it."""
        settings: ModbusSinkSettings = self.settings
        if settings.sequence_register is None:
            return None
        return self._access.read(Span(settings.device_id, "holding", settings.sequence_register), until_s).values[0]

    def _registers(self, decision: Decision) -> dict[int, int]:
        settings: ModbusSinkSettings = self.settings
        score = decision.score
        code = 0 if decision.kind is None else settings.kind_codes.get(decision.kind, UNKNOWN)
        values = {
            settings.outcome_register: OUTCOME_CODES[decision.outcome] if decision.inspected else NOT_INSPECTED,
            settings.score_register: UNKNOWN if math.isnan(score) else round(min(max(score, 0.0) * 1000, 65534)),
            settings.kind_register: code,
        }
        if settings.part_id_register is not None:
            values |= {settings.part_id_register + k: word for k, word in enumerate(self._part_id(decision.part_id))}
        return {address: value for address, value in values.items() if address is not None}

    def _part_id(self, part_id: str) -> list[int]:
        settings: ModbusSinkSettings = self.settings
        if settings.part_id_type == "ascii":
            return encode_text(part_id, settings.part_id_registers)
        digits = re.search(r"[0-9]*$", part_id)
        number = int(digits[0]) if digits and digits[0] else 0
        return encode(number % (1 << 16 if settings.part_id_type == "u16" else 1 << 32), settings.part_id_type, settings.word_order)

    def _set_coils(self, outcome: Outcome | None, until_s: float) -> None:
        """Set the coils; those that go off first, so that no two are on at once."""
        states = {address: int(name == outcome) for name, address in self.settings.coils.items()}
        runs = _runs(states)
        for address, values in sorted(runs, key=lambda run: any(run[1])):
            self._access.write(Span(self.settings.device_id, "coil", address, len(values)), values, until_s)

    def _begin_pulse(self) -> None:
        settings: ModbusSinkSettings = self.settings
        if settings.pulse_ms is not None and settings.coils and self._access.is_open:
            self._start_timer(settings.pulse_ms / 1000)

    def _start_timer(self, after_s: float) -> None:
        self._pulse = threading.Timer(after_s, self._pulse_is_over)
        self._pulse.daemon = True
        self._pulse.start()

    def _pulse_is_over(self) -> None:
        with self._one_at_a_time:
            if self._pulse is threading.current_thread() and not self._end_pulse():
                self._start_timer(PULSE_RETRY_S)

    def _end_pulse(self) -> bool:
        self._pulse = None
        try:
            self._set_coils(None, time.monotonic() + self.settings.timeout_s)
        except DriverError as error:
            if not self._pulse_is_stuck:
                log.warning("%s; the coils are still on, they are put off as soon as they can be", error)
            self._pulse_is_stuck = True
            return False
        self._pulse_is_stuck = False
        return True


def _runs(values: dict[int, int]) -> list[tuple[int, list[int]]]:
    """Return first address and values of each run of neighbouring addresses."""
    runs: list[tuple[int, list[int]]] = []
    for address in sorted(values):
        if runs and address == runs[-1][0] + len(runs[-1][1]):
            runs[-1][1].append(values[address])
        else:
            runs.append((address, [values[address]]))
    return runs
