"""The rows of stations: alarms, signs of life, and what their settings may be put to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from inspector.store import alarms, health_rows, memory
from inspector.store.alarms import AlarmChange
from inspector.store.audit import Signed
from inspector.store.models import StationStatusRow
from inspector.store.results import Alarm, AlarmEvent, StationStatus


class StationRows(Signed):
    """How the stations of one installation are."""

    # --- alarms ----------------------------------------------------------------------------------------------------------------

    def open_alarms(self, station: str | None = None) -> list[Alarm]:
        """Return the alarms that are not over, the oldest first."""
        with self._reading() as connection:
            return alarms.still_open(connection, station)

    def closed_alarms(self, station: str, since_utc_ns: int) -> list[Alarm]:
        """Return the alarms of a station that were closed since then, the newest first."""
        with self._reading() as connection:
            return alarms.closed(connection, station, since_utc_ns)

    def alarms_opened(self, station: str, since_utc_ns: int) -> int:
        """Return how many alarms a station raised since then."""
        with self._reading() as connection:
            return alarms.opened(connection, station, since_utc_ns)

    def alarm_events(self, alarm_id: str) -> list[AlarmEvent]:
        """Return what happened to an alarm, oldest first."""
        with self._reading() as connection:
            return alarms.events_of(connection, alarm_id)

    def alarms_seen(self, station: str) -> str | None:
        """Return the inspection up to which the alarms of a station are up to date."""
        with self._reading() as connection:
            return alarms.seen(connection, station)

    def change_alarms(self, station: str, change: AlarmChange, seen: tuple[str | None, str] | None = None) -> list[Alarm]:
        """Let `change` decide what becomes of a station's open alarms, and keep that; return those that are open afterwards.

        Nobody else changes them meanwhile. `seen` says from which inspection to which `change` looked; where somebody else was
        there first, nothing is changed.
        """
        with self._writing() as connection:
            return alarms.change(connection, station, change, seen)

    # --- signs of life ---------------------------------------------------------------------------------------------------------

    def beat(self, station: str, wall_utc_ns: int, health: Mapping[str, Any]) -> None:
        """Record that a station lives, with the health of its channels."""
        with self._writing() as connection:
            health_rows.beat(connection, station, wall_utc_ns, health)

    def health_ledger(self, station: str, since_utc_ns: int) -> list[tuple[int, Mapping[str, Any]]]:
        """Return the health of a station's channels as the last beat of each hour told it, oldest first, with the hour it began."""
        with self._reading() as connection:
            return health_rows.ledger(connection, station, since_utc_ns)

    def status(self, station: str) -> StationStatus | None:
        """Return the last sign of life of a station, None where there was none."""
        chosen = select(StationStatusRow.wall_utc_ns, StationStatusRow.health).where(StationStatusRow.station == station)
        with self._reading() as connection:
            row = connection.execute(chosen).one_or_none()
        return None if row is None else StationStatus(row.wall_utc_ns, row.health)

    def keep_limits(self, station: str, limits: Mapping[tuple[str, str], tuple[float, float]]) -> None:
        """Keep what the settings of a station may be put to: (setting, unit) -> (low, high); what was said of it before is forgotten."""
        with self._writing() as connection:
            memory.keep_limits(connection, station, limits)

    def limits(self) -> dict[str, dict[tuple[str, str], tuple[float, float]]]:
        """Return what the settings of each station may be put to, as its file said when it last ran."""
        with self._reading() as connection:
            return memory.all_limits(connection)
