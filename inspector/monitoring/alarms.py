"""The life of an alarm, as ISA-18.2 draws it, and what people may do in each state.

    raised ─► unacknowledged ─acknowledge─► acknowledged
                  │    ▲                        │
       returns to │    │ comes back             │ returns to normal
       normal     ▼    │                        ▼
               returned ──────acknowledge──► closed

An alarm can be shelved from any open state, for a stated time and reason; when that time is over it stands there unacknowledged again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, get_args

from inspector.errors import UsageError
from inspector.store import Alarm, AlarmEvent, AlarmEventKind, Store

State = Literal["unacknowledged", "acknowledged", "returned", "shelved", "closed"]
ShelfReason = Literal["repair_under_way", "waiting_for_spare", "sorted_by_hand", "sensor_doubted"]

SHELF_REASONS: tuple[ShelfReason, ...] = get_args(ShelfReason)
SHELF_MINUTES = (30, 120, 480)
"""What may be chosen; the longest is a shift, as whoever comes next must decide for themselves."""

_MINUTE_NS = 60_000_000_000


def state(alarm: Alarm, now_ns: int) -> State:
    """Return the state of an alarm at an instant (UTC)."""
    if alarm.closed_utc_ns is not None:
        return "closed"
    if alarm.shelved_until_utc_ns is not None and alarm.shelved_until_utc_ns > now_ns:
        return "shelved"
    if not alarm.active:
        return "returned"
    return "unacknowledged" if alarm.acknowledged_by is None else "acknowledged"


def is_announced(alarm: Alarm, now_ns: int) -> bool:
    """Say whether an alarm waits for a person, and may call for one."""
    return not alarm.held_back and state(alarm, now_ns) in ("unacknowledged", "returned")


def acknowledge(store: Store, station: str, alarm_id: str, who: str, now_ns: int) -> Alarm:
    """Record that a person knows of an alarm; what is over already is closed by it. Raises LookupError."""

    def acknowledged(alarm: Alarm) -> tuple[Alarm, AlarmEvent]:
        known = replace(alarm, acknowledged_by=who, acknowledged_utc_ns=now_ns, held_back=False)
        return (known if alarm.active else replace(known, closed_utc_ns=now_ns)), _event(alarm, "acknowledged", now_ns, who)

    return _change(store, station, alarm_id, acknowledged)


def shelve(store: Store, station: str, alarm_id: str, who: str, minutes: int, reason: str, now_ns: int) -> Alarm:
    """Put an alarm aside for some minutes. Raises LookupError, UsageError for a time or reason that is not to be chosen."""
    if minutes not in SHELF_MINUTES:
        raise UsageError(f"an alarm is shelved for {', '.join(map(str, SHELF_MINUTES))} minutes")
    if reason not in SHELF_REASONS:
        raise UsageError(f"an alarm is shelved for a reason: {', '.join(SHELF_REASONS)}")

    def shelved(alarm: Alarm) -> tuple[Alarm, AlarmEvent]:
        until_ns = now_ns + minutes * _MINUTE_NS
        aside = replace(alarm, shelved_until_utc_ns=until_ns, shelved_by=who, shelved_reason=reason, held_back=False)
        return aside, _event(alarm, "shelved", now_ns, who, f"{minutes} min, {reason}")

    return _change(store, station, alarm_id, shelved)


def unshelve(store: Store, station: str, alarm_id: str, who: str, now_ns: int) -> Alarm:
    """Take an alarm back from the shelf. Raises LookupError."""
    return _change(store, station, alarm_id, lambda alarm: (_off_the_shelf(alarm), _event(alarm, "unshelved", now_ns, who)))


def shelf_ended(alarm: Alarm, now_ns: int) -> tuple[Alarm, AlarmEvent]:
    """Return an alarm whose time on the shelf is over: unacknowledged, whoever had acknowledged it before."""
    return _off_the_shelf(alarm), _event(alarm, "shelf_ended", now_ns)


def _off_the_shelf(alarm: Alarm) -> Alarm:
    return replace(alarm, shelved_until_utc_ns=None, shelved_by=None, shelved_reason=None, acknowledged_by=None, acknowledged_utc_ns=None)


def _event(alarm: Alarm, kind: AlarmEventKind, now_ns: int, who: str | None = None, note: str | None = None) -> AlarmEvent:
    return AlarmEvent(alarm.alarm_id, kind, now_ns, who, note)


def _change(store: Store, station: str, alarm_id: str, act: Callable[[Alarm], tuple[Alarm, AlarmEvent]]) -> Alarm:
    changed: list[Alarm] = []

    def decide(open_alarms: Sequence[Alarm]) -> tuple[Sequence[Alarm], Sequence[AlarmEvent]]:
        found = next((alarm for alarm in open_alarms if alarm.alarm_id == alarm_id), None)
        if found is None:
            raise LookupError(alarm_id)
        alarm, event = act(found)
        changed.append(alarm)
        return [alarm], [event]

    store.change_alarms(station, decide)
    return changed[0]
