"""What the next shift must know of a station."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inspector.monitoring.alarms import state
from inspector.store import Alarm, FirstPass, PartAnswer, Store


@dataclass(frozen=True, slots=True)
class HandOver:
    """A shift in short, and what it leaves open."""

    station: str
    since_utc_ns: int
    until_utc_ns: int
    counts: Mapping[str, int]
    first_pass: FirstPass
    open_alarms: tuple[Alarm, ...]
    shelved_alarms: tuple[Alarm, ...]
    unhelped: tuple[PartAnswer, ...]
    """Fixes that did not help."""
    untold: tuple[PartAnswer, ...]
    """Fixes that were applied, and nobody said since whether they helped."""
    maintenance: tuple[PartAnswer, ...]
    notes: tuple[PartAnswer, ...]


def hand_over(store: Store, station: str, since_utc_ns: int, now_ns: int) -> HandOver:
    """Return what a station hands over of the shift that began at `since_utc_ns`. Raises StoreError."""
    answers = store.answers_since(station, since_utc_ns)
    alarms = store.open_alarms(station)
    shelved = tuple(alarm for alarm in alarms if state(alarm, now_ns) == "shelved")
    last = _last_of_each_fix(answers)
    return HandOver(
        station=station,
        since_utc_ns=since_utc_ns,
        until_utc_ns=now_ns,
        counts=store.counts(station, since_utc_ns),
        first_pass=store.first_pass(station, since_utc_ns),
        open_alarms=tuple(alarm for alarm in alarms if alarm not in shelved),
        shelved_alarms=shelved,
        unhelped=tuple(one for one in last if one.answer.kind == "not_helped"),
        untold=tuple(one for one in last if one.answer.kind == "applied"),
        maintenance=tuple(one for one in answers if one.answer.kind == "maintenance"),
        notes=tuple(one for one in answers if one.answer.note),
    )


def _last_of_each_fix(answers: Sequence[PartAnswer]) -> list[PartAnswer]:
    """Return the last word on each fix of each part: later answers overrule earlier ones."""
    last: dict[tuple[str, str], PartAnswer] = {}
    for one in answers:
        if one.answer.fix_id is not None:
            last[one.answer.inspection_id, one.answer.fix_id] = one
    return list(last.values())
