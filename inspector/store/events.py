"""Events for other systems: the audit log read forward, and how far each reader was told.

The log is the outbox. It is on disk before anybody is told, in order, without gaps, and an event is never lost while its reader is away.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from inspector.errors import StoreError
from inspector.store.audit import AuditEntry, Signed, entry
from inspector.store.database import alone
from inspector.store.models import AuditRow, EventReaderRow


@dataclass(frozen=True, slots=True)
class EventReader:
    """A system that is told of events."""

    name: str
    told_sequence: int
    waiting: int
    """Rows of the log that it was not told yet."""


class Events(Signed):
    """The readers of one installation's events."""

    def readers(self) -> list[EventReader]:
        """Return the readers, by name."""
        with self._reading() as connection:
            end = _end(connection)
            rows = connection.execute(select(EventReaderRow.name, EventReaderRow.told_sequence).order_by(EventReaderRow.name))
            return [EventReader(row.name, row.told_sequence, end - row.told_sequence) for row in rows]

    def join(self, name: str) -> int:
        """Return up to where a reader was told; a new one begins with what comes from now on."""
        with self._writing() as connection:
            alone(connection)
            told = connection.execute(select(EventReaderRow.told_sequence).where(EventReaderRow.name == name)).scalar()
            if told is None:
                told = _end(connection)
                connection.execute(insert(EventReaderRow).values(name=name, told_sequence=told))
            return told

    def after(self, sequence: int, limit: int = 100) -> list[AuditEntry]:
        """Return the next events after one, oldest first."""
        chosen = select(AuditRow.__table__).where(AuditRow.sequence > sequence).order_by(AuditRow.sequence).limit(limit)
        with self._reading() as connection:
            return [entry(row) for row in connection.execute(chosen)]

    def told(self, name: str, sequence: int) -> None:
        """Keep up to where a reader was told."""
        with self._writing() as connection:
            connection.execute(update(EventReaderRow).where(EventReaderRow.name == name).values(told_sequence=sequence))

    def forget(self, name: str) -> None:
        """Forget a reader. Raises StoreError where there is none."""
        with self._writing() as connection:
            if not connection.execute(delete(EventReaderRow).where(EventReaderRow.name == name)).rowcount:
                raise StoreError(f"no '{name}' is told of events; 'inspector events list' names those that are")


def _end(connection: Connection) -> int:
    return connection.execute(select(func.max(AuditRow.sequence))).scalar() or 0
