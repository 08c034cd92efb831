"""Signs of life of stations: the last one, and one an hour to look back on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from inspector.store.models import HealthLedgerRow, StationStatusRow, Table

_HOUR_NS = 3_600_000_000_000
_EACH_NS = 60_000_000_000
"""So often a beat is also written into the ledger."""


def beat(connection: Connection, station: str, wall_utc_ns: int, health: Mapping[str, Any]) -> None:
    """Record that a station lives; about once a minute also as the present hour's line in the ledger."""
    before = connection.execute(select(StationStatusRow.wall_utc_ns).where(StationStatusRow.station == station)).scalar()
    told = {"health": dict(health)}
    _put(connection, StationStatusRow, {"station": station}, {"wall_utc_ns": wall_utc_ns} | told)
    if before is None or before // _EACH_NS != wall_utc_ns // _EACH_NS:
        _put(connection, HealthLedgerRow, {"station": station, "hour_utc_ns": wall_utc_ns // _HOUR_NS * _HOUR_NS}, told)


def ledger(connection: Connection, station: str, since_utc_ns: int) -> list[tuple[int, Mapping[str, Any]]]:
    """Return (when the hour began, health by channel) of a station, oldest first."""
    chosen = select(HealthLedgerRow.hour_utc_ns, HealthLedgerRow.health)
    wanted = chosen.where(HealthLedgerRow.station == station, HealthLedgerRow.hour_utc_ns >= since_utc_ns)
    return [(int(row[0]), row[1]) for row in connection.execute(wanted.order_by(HealthLedgerRow.hour_utc_ns))]


def _put(connection: Connection, table: type[Table], key: dict[str, Any], values: dict[str, Any]) -> None:
    upsert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(upsert(table).values(**key, **values).on_conflict_do_update(index_elements=list(key), set_=values))
