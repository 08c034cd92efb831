"""Browsers that people signed in on, as rows."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select, update

from inspector.store.audit import Signed
from inspector.store.models import PersonRoleRow, PersonRow, PersonSessionRow
from inspector.store.people import ACTED, SIGNED_IN, Person, person_of

# Made once: it is asked with each request of a browser.
_SESSION = (
    select(PersonSessionRow.__table__, PersonRow.badge, PersonRow.locked, PersonRoleRow.station, PersonRoleRow.role)
    .join(PersonRow, PersonRow.name == PersonSessionRow.name)
    .outerjoin(PersonRoleRow, PersonRoleRow.name == PersonSessionRow.name)
    .where(PersonSessionRow.session_hash == bindparam("session_hash"))
)


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that someone signed in on."""

    person: Person
    is_screen: bool
    """A screen at the line: it only shows, until someone with a badge acts on it."""
    ends_utc_ns: int
    acting: Person | None = None
    acting_ends_utc_ns: int = 0


class Sessions(Signed):
    """The sessions of one installation."""

    def begin(self, session_hash: str, name: str, *, is_screen: bool, ends_utc_ns: int) -> None:
        """Keep a new session; those that have ended are forgotten."""
        now_ns = time.time_ns()
        with self._writing() as connection:
            connection.execute(delete(PersonSessionRow).where(PersonSessionRow.ends_utc_ns < now_ns))
            values = {"session_hash": session_hash, "name": name, "is_screen": is_screen, "began_utc_ns": now_ns}
            connection.execute(insert(PersonSessionRow).values(values | {"ends_utc_ns": ends_utc_ns, "acting_ends_utc_ns": 0}))
            self._sign(connection, SIGNED_IN, name, {"screen": is_screen}, who=name)

    def get(self, session_hash: str) -> Session | None:
        """Return a session; whether it has ended is for the caller to see."""
        with self._reading() as connection:
            rows = connection.execute(_SESSION, {"session_hash": session_hash}).all()
            if not rows:
                return None
            row = rows[0]
            person = Person(row.name, {row.station: row.role for row in rows if row.station is not None}, row.badge, row.locked)
            acting = person_of(connection, row.acting_name) if row.acting_name else None
            return Session(person, row.is_screen, row.ends_utc_ns, acting, row.acting_ends_utc_ns)

    def act(self, session_hash: str, acting_name: str, ends_utc_ns: int) -> None:
        """Let a person act on a screen until an instant."""
        mine = PersonSessionRow.session_hash == session_hash
        with self._writing() as connection:
            connection.execute(update(PersonSessionRow).where(mine).values(acting_name=acting_name, acting_ends_utc_ns=ends_utc_ns))
            screen = connection.execute(select(PersonSessionRow.name).where(mine)).scalar()
            self._sign(connection, ACTED, acting_name, {"screen": screen}, who=acting_name)

    def put_off(self, session_hash: str, ends_utc_ns: int) -> None:
        """Let whoever acts on a screen do so until a later instant; nobody, where nobody does any more."""
        still = (PersonSessionRow.session_hash == session_hash, PersonSessionRow.acting_name.is_not(None))
        with self._writing() as connection:
            connection.execute(update(PersonSessionRow).where(*still).values(acting_ends_utc_ns=ends_utc_ns))

    def rest(self, session_hash: str) -> None:
        """Let nobody act on a screen."""
        mine = PersonSessionRow.session_hash == session_hash
        with self._writing() as connection:
            connection.execute(update(PersonSessionRow).where(mine).values(acting_name=None, acting_ends_utc_ns=0))

    def end(self, session_hash: str) -> None:
        """Forget a session."""
        with self._writing() as connection:
            connection.execute(delete(PersonSessionRow).where(PersonSessionRow.session_hash == session_hash))
