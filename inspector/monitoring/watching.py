"""Raise alarms from what is stored of a station's parts and from what it says of its equipment.

Rules, all of them:

- *One case per station and cause.* A part that did not pass belongs to the case of its most probable cause. While that case is open, more
  such parts only count in it.
- *Back to normal* is a cause after 20 parts in a row without it; a channel after 10 s of being well.
- *Equipment* is alarmed after 5 s of being missing or stale. When three channels or more, and at least half of a station's, are lost, it
  is one case of the station and not one of each: they have power or network in common.
- *Flood.* More than ten new cases at a station within ten minutes are a flood (ISA-18.2 counts so for one operator). What comes then is
  kept, shown and counted, but not announced, until fewer than five came within the last ten minutes.
- *The first look* at a station begins an hour back.

`Watch.look` may be called by any number of processes; each inspection is counted once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from inspector.monitoring.alarms import shelf_ended, state
from inspector.parts import NOT_MEASURED
from inspector.store import Alarm, AlarmEvent, AlarmEventKind, InspectionSummary, Store

CLEAN_PARTS = 20
BAD_S, WELL_S = 5.0, 10.0
FLOOD_SPAN_S, FLOOD_BEGINS, FLOOD_ENDS = 600.0, 10, 5
EQUIPMENT = "equipment:"
WHOLE_STATION = EQUIPMENT + "station"
"""The cause of losing many channels at once; `equipment:NAME` is that of losing one."""

_PARTS_A_LOOK = 500
_FRESH_S = 5.0
_SECOND_NS = 1_000_000_000
_FIRST_LOOK_NS = 3600 * _SECOND_NS


class Watch:
    """Watches one station of a store."""

    def __init__(
        self,
        store: Store,
        station: str,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store, self._station = store, station
        self._monotonic_s, self._wall_ns = monotonic_s, wall_ns
        self._bad_since_s: dict[str, float] = {}
        self._well_since_s: dict[str, float] = {}

    def look(self) -> list[Alarm]:
        """Bring the alarms up to date; return those that are open. Raises StoreError."""
        now_ns, seen = self._wall_ns(), self._store.alarms_seen(self._station)
        parts = self._store.after(self._station, seen or self._beginning(now_ns), _PARTS_A_LOOK)
        ill, well = self._equipment(now_ns)
        alarms = self._store.open_alarms(self._station)
        if not parts and not _is_news(alarms, ill, well, now_ns) and not any(alarm.held_back for alarm in alarms):
            return alarms
        newly = self._store.alarms_opened(self._station, now_ns - round(FLOOD_SPAN_S * _SECOND_NS))

        def decide(open_alarms: Sequence[Alarm]) -> tuple[Sequence[Alarm], Sequence[AlarmEvent]]:
            cases = _Cases(self._station, open_alarms, newly, now_ns)
            cases.end_shelves()
            for part in parts:
                cases.count(part)
            cases.meet(ill, well)
            cases.end_flood()
            return cases.outcome()

        return self._store.change_alarms(self._station, decide, (seen, parts[-1].inspection_id) if parts else None)

    def _beginning(self, now_ns: int) -> str | None:
        older = self._store.history(station=self._station, until_utc_ns=now_ns - _FIRST_LOOK_NS, limit=1).inspections
        return older[0].inspection_id if older else None

    def _equipment(self, now_ns: int) -> tuple[set[str], set[str]]:
        """Return the causes that the equipment is long enough ill with, and those that it is long enough well of."""
        status = self._store.status(self._station)
        if status is None or abs(now_ns - status.wall_utc_ns) > _FRESH_S * _SECOND_NS:
            return set(), set()  # a line that is switched off says nothing of its channels
        ill = _ill(status.health)
        now_s = self._monotonic_s()
        known = {EQUIPMENT + channel for channel in status.health} | {WHOLE_STATION}
        for cause in known:
            since, other = (self._bad_since_s, self._well_since_s) if cause in ill else (self._well_since_s, self._bad_since_s)
            since.setdefault(cause, now_s)
            other.pop(cause, None)
        return _lasting(self._bad_since_s, now_s, BAD_S), _lasting(self._well_since_s, now_s, WELL_S)


class _Cases:
    """The open alarms of a station while they are brought up to date."""

    def __init__(self, station: str, open_alarms: Iterable[Alarm], newly_opened: int, now_ns: int) -> None:
        self._station, self._newly, self._now_ns = station, newly_opened, now_ns
        self._by_cause = {alarm.cause: alarm for alarm in open_alarms}
        self._before = dict(self._by_cause)
        self._closed: list[Alarm] = []
        self._events: list[AlarmEvent] = []
        self._in_flood = newly_opened > FLOOD_BEGINS or any(alarm.held_back for alarm in self._by_cause.values())

    def end_shelves(self) -> None:
        for alarm in list(self._by_cause.values()):
            if _shelf_is_over(alarm, self._now_ns):
                back, event = shelf_ended(alarm, self._now_ns)
                self._by_cause[alarm.cause] = back
                self._events.append(event)

    def count(self, part: InspectionSummary) -> None:
        """Let one part speak for its cause and against all others."""
        cause = None if part.outcome == "pass" else part.cause or NOT_MEASURED
        if cause is not None:
            self._meet(cause, part.wall_utc_ns)
            alarm = self._by_cause[cause]
            self._by_cause[cause] = replace(alarm, parts=alarm.parts + 1, clean_parts=0, last_id=part.inspection_id)
        for alarm in list(self._by_cause.values()):
            if alarm.cause == cause or alarm.cause.startswith(EQUIPMENT):
                continue
            clean = replace(alarm, clean_parts=alarm.clean_parts + 1)
            self._by_cause[alarm.cause] = clean
            if clean.active and clean.clean_parts >= CLEAN_PARTS:
                self._return(clean, part.wall_utc_ns)

    def meet(self, ill: Iterable[str], well: Iterable[str]) -> None:
        """Let the equipment speak."""
        for cause in sorted(ill):
            self._meet(cause, self._now_ns)
        for cause in well:
            alarm = self._by_cause.get(cause)
            if alarm is not None and alarm.active:
                self._return(alarm, self._now_ns)

    def end_flood(self) -> None:
        if self._in_flood and self._newly < FLOOD_ENDS:
            self._by_cause = {cause: replace(alarm, held_back=False) for cause, alarm in self._by_cause.items()}

    def outcome(self) -> tuple[list[Alarm], list[AlarmEvent]]:
        """Return what is new or different, and what happened."""
        changed = [alarm for cause, alarm in self._by_cause.items() if self._before.get(cause) != alarm]
        return [*self._closed, *changed], self._events

    def _meet(self, cause: str, wall_utc_ns: int) -> None:
        alarm = self._by_cause.get(cause)
        if alarm is None:
            self._newly += 1
            self._in_flood = self._in_flood or self._newly > FLOOD_BEGINS
            alarm_id = f"{wall_utc_ns:019d}-{secrets.token_hex(4)}"
            alarm = Alarm(alarm_id, self._station, cause, wall_utc_ns, wall_utc_ns, 0, 0, None, True, held_back=self._in_flood)
            self._tell(alarm, "raised", wall_utc_ns)
        elif not alarm.active:
            alarm = replace(alarm, active=True, returned_utc_ns=None)
            self._tell(alarm, "came_back", wall_utc_ns)
        self._by_cause[cause] = replace(alarm, last_utc_ns=max(alarm.last_utc_ns, wall_utc_ns))

    def _return(self, alarm: Alarm, wall_utc_ns: int) -> None:
        over = replace(alarm, active=False, returned_utc_ns=wall_utc_ns)
        self._tell(alarm, "returned", wall_utc_ns)
        if alarm.acknowledged_by is None or state(alarm, self._now_ns) == "shelved":
            self._by_cause[alarm.cause] = over
            return
        del self._by_cause[alarm.cause]
        self._tell(alarm, "closed", wall_utc_ns)
        closed = replace(over, closed_utc_ns=wall_utc_ns)
        self._closed.append(closed)

    def _tell(self, alarm: Alarm, kind: AlarmEventKind, wall_utc_ns: int) -> None:
        self._events.append(AlarmEvent(alarm.alarm_id, kind, wall_utc_ns))


def _ill(health: Mapping[str, Any]) -> set[str]:
    channels = {name: one for name, one in health.items() if isinstance(one, Mapping) and "state" in one}
    lost = {EQUIPMENT + name for name, one in channels.items() if one["state"] in ("missing", "stale")}
    return {WHOLE_STATION} if len(lost) >= 3 and 2 * len(lost) >= len(channels) else lost


def _lasting(since_s: Mapping[str, float], now_s: float, least_s: float) -> set[str]:
    return {cause for cause, at_s in since_s.items() if now_s - at_s >= least_s}


def _shelf_is_over(alarm: Alarm, now_ns: int) -> bool:
    return alarm.shelved_until_utc_ns is not None and alarm.shelved_until_utc_ns <= now_ns


def _is_news(alarms: Iterable[Alarm], ill: set[str], well: set[str], now_ns: int) -> bool:
    """Say whether the equipment or the clock changes anything about the open alarms."""
    active = {alarm.cause for alarm in alarms if alarm.active}
    return not ill <= active or bool(well & active) or any(_shelf_is_over(alarm, now_ns) for alarm in alarms)
