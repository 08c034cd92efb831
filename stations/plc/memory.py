"""What must outlive a restart of the station: which parts it took, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from inspector.plc import PartOutcome


@dataclass(frozen=True, slots=True)
class Accepted:
    """A part was taken: it will get an outcome."""

    part_id: int
    golden: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a part."""

    part_id: int
    sequence: int
    outcome: PartOutcome
    kind: str = ""
    kind_code: int = 0
    score: int = 0
    golden: bool = False


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The PLC has taken the result of this sequence number."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Started:
    """The station was started for the `session`-th time, and gives sequence numbers above `sequence`."""

    session: int
    sequence: int


Record = Accepted | Result | Acknowledged | Started


@dataclass(frozen=True, slots=True)
class Memory:
    """All records so far, summed up."""

    session: int = 0
    sequence: int = 0
    """The last that was given."""
    in_flight: tuple[Accepted, ...] = ()
    """Parts without an outcome."""
    held: tuple[Result, ...] = ()
    """Results that were not acknowledged, oldest first."""

    @property
    def records(self) -> list[Record]:
        """The shortest list of records that sums up to this memory."""
        return [Started(self.session, self.sequence), *self.held, *self.in_flight]


def summed_up(records: Iterable[Record], memory: Memory | None = None) -> Memory:
    """Return the memory after `records`."""
    memory = memory or Memory()
    for record in records:
        memory = _after(memory, record)
    return memory


def _after(memory: Memory, record: Record) -> Memory:
    if isinstance(record, Started):
        return replace(memory, session=record.session, sequence=record.sequence)
    if isinstance(record, Accepted):
        return replace(memory, in_flight=(*memory.in_flight, record))
    if isinstance(record, Result):
        waiting = tuple(part for part in memory.in_flight if part.part_id != record.part_id)
        return replace(memory, sequence=record.sequence, in_flight=waiting, held=(*memory.held, record))
    return replace(memory, held=tuple(result for result in memory.held if result.sequence != record.sequence))
