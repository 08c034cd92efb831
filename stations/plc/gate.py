"""The gate behind a station: which part is where, and whom it is opened for. Every part is rejected unless it was passed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from inspector.plc import PlcInputs

_HALF = 2**31


@dataclass(frozen=True, slots=True)
class GateRules:
    """Where the gate is, in nanoseconds after the trigger or in counts of the belt."""

    by_encoder: bool
    distance: int
    pulse: int
    confirm_ns: int | None = None


@dataclass(slots=True)
class _Awaited:
    part_id: int
    at: int
    rejected: bool | None = None


class Gate:
    """Parts between trigger and gate, in their order."""

    def __init__(self, rules: GateRules) -> None:
        self.is_open = False
        self.opened_for = 0
        self.overlaps = 0
        self._rules = rules
        self._queue: deque[_Awaited] = deque()
        self._end: int | None = None
        self._way = 0
        self._counted = 0
        self._unconfirmed: deque[int] = deque()
        self._confirmed = 0

    def start(self, inputs: PlcInputs) -> None:
        """Begin to count from what the PLC says now."""
        self._counted, self._confirmed = inputs.encoder, inputs.confirm_count

    def clear(self) -> None:
        """Forget all parts: nobody knows any more where they are."""
        self._queue.clear()
        self._unconfirmed.clear()
        self._end, self.is_open = None, False

    def has_jumped(self, inputs: PlcInputs) -> bool:
        """Say whether the encoder ran farther in one cycle than from trigger to gate: it was set anew. It counts from there on."""
        if not self._rules.by_encoder or abs(self._step(inputs)) <= self._rules.distance:
            return False
        self._counted = inputs.encoder
        return bool(self._queue)

    def expect(self, part_id: int, inputs: PlcInputs, now_ns: int, *, rejected: bool | None = None) -> None:
        """A part was triggered; without a decision before it comes to the gate it is rejected."""
        self._queue.append(_Awaited(part_id, self._position(inputs, now_ns) + self._rules.distance, rejected))

    def decide(self, part_id: int, *, rejected: bool) -> None:
        for awaited in self._queue:
            if awaited.part_id == part_id:
                awaited.rejected = rejected

    def arrived(self, inputs: PlcInputs, now_ns: int) -> list[int]:
        """Return the parts that stand before the gate."""
        position = self._position(inputs, now_ns)
        return [awaited.part_id for awaited in self._queue if awaited.at <= position]

    def drive(self, inputs: PlcInputs, now_ns: int) -> None:
        """Open for those that stand before the gate, and close when the pulse is over."""
        position = self._position(inputs, now_ns)
        while self._queue and self._queue[0].at <= position:
            awaited = self._queue.popleft()
            if awaited.rejected is False:
                self.overlaps = (self.overlaps + (self._end is not None and awaited.at < self._end)) & 0xFFFF
                continue
            self._end = position + self._rules.pulse
            self.opened_for = awaited.part_id
            if self._rules.confirm_ns is not None:
                self._unconfirmed.append(now_ns + self._rules.confirm_ns)
        if self._end is not None and position >= self._end:
            self._end = None
        self.is_open = self._end is not None

    def unconfirmed(self, inputs: PlcInputs, now_ns: int) -> bool:
        """Say whether a rejected part was not seen in the chute in time, once for each."""
        seen = (inputs.confirm_count - self._confirmed) & 0xFFFF
        self._confirmed = inputs.confirm_count
        for _ in range(min(seen, len(self._unconfirmed))):
            self._unconfirmed.popleft()
        missing = [due_ns for due_ns in self._unconfirmed if now_ns > due_ns]
        for _ in missing:
            self._unconfirmed.popleft()
        return bool(missing)

    def _position(self, inputs: PlcInputs, now_ns: int) -> int:
        """Return how far all is: the time, or the belt's way since the start, which may also run back."""
        if not self._rules.by_encoder:
            return now_ns
        self._way += self._step(inputs)
        self._counted = inputs.encoder
        return self._way

    def _step(self, inputs: PlcInputs) -> int:
        return ((inputs.encoder - self._counted + _HALF) & 0xFFFFFFFF) - _HALF
