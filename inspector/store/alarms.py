"""Alarms as rows, and what people did about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, func, insert, select, update

from inspector.store.database import alone
from inspector.store.identity import timed_id
from inspector.store.models import AlarmEventRow, AlarmRow, AlarmWatchRow
from inspector.store.results import Alarm, AlarmEvent

AlarmChange = Callable[[Sequence[Alarm]], tuple[Sequence[Alarm], Sequence[AlarmEvent]]]
"""From the open alarms of a station to those that are new or different, and what happened to them."""

_COLUMNS = [getattr(AlarmRow, name) for name in Alarm.__dataclass_fields__]


def still_open(connection: Connection, station: str | None) -> list[Alarm]:
    """Return the alarms that are not closed, the oldest first."""
    chosen = select(*_COLUMNS).where(AlarmRow.closed_utc_ns.is_(None)).order_by(AlarmRow.opened_utc_ns)
    if station is not None:
        chosen = chosen.where(AlarmRow.station == station)
    return [Alarm(*row) for row in connection.execute(chosen)]


def closed(connection: Connection, station: str, since_utc_ns: int) -> list[Alarm]:
    """Return the alarms of a station that were closed since then, the newest first."""
    chosen = select(*_COLUMNS).where(AlarmRow.station == station, AlarmRow.closed_utc_ns >= since_utc_ns)
    return [Alarm(*row) for row in connection.execute(chosen.order_by(AlarmRow.closed_utc_ns.desc()))]


def opened(connection: Connection, station: str, since_utc_ns: int) -> int:
    """Return how many alarms a station raised since then."""
    chosen = select(func.count()).where(AlarmRow.station == station, AlarmRow.opened_utc_ns >= since_utc_ns)
    return int(connection.execute(chosen).scalar_one())


def events_of(connection: Connection, alarm_id: str) -> list[AlarmEvent]:
    """Return what happened to an alarm, oldest first."""
    columns = [getattr(AlarmEventRow, name) for name in AlarmEvent.__dataclass_fields__]
    chosen = select(*columns).where(AlarmEventRow.alarm_id == alarm_id).order_by(AlarmEventRow.event_id)
    return [AlarmEvent(*row) for row in connection.execute(chosen)]


def seen(connection: Connection, station: str) -> str | None:
    """Return the inspection up to which the alarms of a station are up to date."""
    return connection.execute(select(AlarmWatchRow.seen_id).where(AlarmWatchRow.station == station)).scalar()


def change(connection: Connection, station: str, decide: AlarmChange, looked: tuple[str | None, str] | None) -> list[Alarm]:
    """Write what `decide` makes of the open alarms, unless somebody else looked at the same inspections first."""
    alone(connection)
    before = still_open(connection, station)
    if looked is not None and not _moved(connection, station, *looked):
        return before
    changed, events = decide(before)
    known = {alarm.alarm_id for alarm in before}
    for alarm in changed:
        row = {name: getattr(alarm, name) for name in Alarm.__dataclass_fields__}
        if alarm.alarm_id in known:
            connection.execute(update(AlarmRow).where(AlarmRow.alarm_id == alarm.alarm_id).values(row))
        else:
            connection.execute(insert(AlarmRow).values(row))
    if events:
        fields = AlarmEvent.__dataclass_fields__
        connection.execute(insert(AlarmEventRow), [{name: getattr(e, name) for name in fields} | {"event_id": timed_id()} for e in events])
    return still_open(connection, station)


def _moved(connection: Connection, station: str, start: str | None, end: str) -> bool:
    """Move the mark of what was looked at from `start` to `end`; say whether it still stood at `start`."""
    if seen(connection, station) != start:
        return False
    if start is None:
        connection.execute(insert(AlarmWatchRow).values(station=station, seen_id=end))
    else:
        connection.execute(update(AlarmWatchRow).where(AlarmWatchRow.station == station).values(seen_id=end))
    return True
