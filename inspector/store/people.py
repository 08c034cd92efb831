"""People as rows: who they are, and what they may do where.

Only hashes are kept; how a secret becomes one is `inspector.access`'s to know.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sqlalchemy import Connection, delete, func, insert, select, update

from inspector.errors import StoreError
from inspector.store.audit import Signed
from inspector.store.database import alone
from inspector.store.models import AuditRow, PersonRoleRow, PersonRow, PersonSessionRow

Role = Literal["viewer", "operator", "engineer", "admin"]
"""Each may do what the one before may."""
ROLES: tuple[Role, ...] = get_args(Role)
EVERY_STATION = "*"
SIGNED_IN, ACTED = "signed in", "acted by badge"
"""What the audit log calls it."""

_LONGEST_NAME = 64


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who may look or act."""

    name: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    """Station, or `*` for every one -> role."""
    badge: str | None = None
    is_locked: bool = False
    """Kept with all that they signed, but let in no more."""

    def may(self, role: Role, station: str = EVERY_STATION) -> bool:
        """Say whether this person has at least `role` at `station`; without one: at every station."""
        given = (self.roles.get(EVERY_STATION), self.roles.get(station))
        return any(ROLES.index(one) >= ROLES.index(role) for one in given if one is not None)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What is kept to know someone again."""

    person: Person
    password_hash: str
    pin_hash: str | None


class People(Signed):
    """The people of one installation."""

    # --- people ----------------------------------------------------------------------------------------------------------------

    def everyone(self) -> list[Person]:
        """Return all people, by name."""
        with self._reading() as connection:
            names = connection.execute(select(PersonRow.name).order_by(PersonRow.name)).scalars().all()
            return [person_of(connection, name) for name in names]

    def secrets_of(self, name: str) -> Secrets | None:
        """Return what is kept of the person called `name`."""
        return self._secrets(PersonRow.name == name)

    def secrets_of_badge(self, badge: str) -> Secrets | None:
        """Return what is kept of the person with this badge."""
        return self._secrets(PersonRow.badge == badge)

    def add_first(self, name: str, password_hash: str) -> bool:
        """Add an admin where there is nobody yet; say whether this was so."""
        with self._writing() as connection:
            alone(connection)
            if connection.execute(select(func.count()).select_from(PersonRow)).scalar():
                return False
            self._add(connection, name, {EVERY_STATION: "admin"}, password_hash)
            return True

    def add(self, name: str, roles: Mapping[str, Role], password_hash: str) -> None:
        """Add a person. Raises StoreError where the name is taken or is none."""
        with self._writing() as connection:
            alone(connection)
            if _exists(connection, name):
                raise StoreError(f"there is a person '{name}' already")
            self._add(connection, name, roles, password_hash)

    def set_locked(self, name: str, is_locked: bool) -> None:
        """Let a person in no more, or again; who is locked out is out at once. Raises StoreError for the last admin."""
        with self._writing() as connection:
            alone(connection)
            _demand(connection, name)
            _change(connection, name, {"locked": is_locked})
            if is_locked:
                _demand_an_admin(connection)
                _put_out(connection, name)
            self._sign(connection, "person locked" if is_locked else "person unlocked", name, {})

    def last_signed_in(self) -> dict[str, int]:
        """Return when each person last signed in or acted by badge, in ns of UTC; without those who never did."""
        newest = (
            select(func.max(AuditRow.sequence)).where(AuditRow.action.in_((SIGNED_IN, ACTED))).group_by(AuditRow.action, AuditRow.subject)
        )
        told = select(AuditRow.subject, AuditRow.wall_utc_ns).where(AuditRow.sequence.in_(newest)).order_by(AuditRow.wall_utc_ns)
        with self._reading() as connection:
            return {row.subject: row.wall_utc_ns for row in connection.execute(told)}

    def remove(self, name: str) -> None:
        """Remove a person with roles and sessions; what they signed stays signed. Raises StoreError for the last admin."""
        with self._writing() as connection:
            alone(connection)
            _demand(connection, name)
            connection.execute(delete(PersonRow).where(PersonRow.name == name))
            _demand_an_admin(connection)
            self._sign(connection, "person removed", name, {})

    def set_password(self, name: str, password_hash: str) -> None:
        """Give a person another password, and end wherever they are signed in or act by badge."""
        with self._writing() as connection:
            _demand(connection, name)
            _change(connection, name, {"password_hash": password_hash})
            _put_out(connection, name)
            self._sign(connection, "password changed", name, {})

    def set_badge(self, name: str, badge: str, pin_hash: str) -> None:
        """Give a person a badge with its PIN, and end what is done by the old one. Raises StoreError for a badge that another has."""
        with self._reading() as connection:
            holder = connection.execute(select(PersonRow.name).where(PersonRow.badge == badge)).scalar()
        if holder not in (None, name):
            raise StoreError(f"badge '{badge}' is {holder}'s; take another, or remove it there")
        with self._writing() as connection:
            _demand(connection, name)
            _change(connection, name, {"badge": badge, "pin_hash": pin_hash})
            _end_acting(connection, name)
            self._sign(connection, "badge changed", name, {"badge": badge})

    def grant(self, name: str, role: Role, station: str = EVERY_STATION) -> None:
        """Give a person a role at a station, in place of the one they had there."""
        with self._writing() as connection:
            alone(connection)
            _demand(connection, name)
            _set_role(connection, name, station, role)
            _demand_an_admin(connection)
            self._sign(connection, "role granted", name, {"role": role, "station": station})

    def revoke(self, name: str, station: str = EVERY_STATION) -> None:
        """Take a person's role at a station. Raises StoreError where there is none, and for the last admin."""
        with self._writing() as connection:
            alone(connection)
            _demand(connection, name)
            taken = delete(PersonRoleRow).where(PersonRoleRow.name == name, PersonRoleRow.station == station)
            if not connection.execute(taken).rowcount:
                raise StoreError(f"{name} has no role at '{station}'; 'inspector people list' names them")
            _demand_an_admin(connection)
            self._sign(connection, "role revoked", name, {"station": station})

    # --- inside ----------------------------------------------------------------------------------------------------------------

    def _secrets(self, condition: Any) -> Secrets | None:
        with self._reading() as connection:
            row = connection.execute(select(PersonRow.name, PersonRow.password_hash, PersonRow.pin_hash).where(condition)).one_or_none()
            return None if row is None else Secrets(person_of(connection, row.name), row.password_hash, row.pin_hash)

    def _add(self, connection: Connection, name: str, roles: Mapping[str, Role], password_hash: str) -> None:
        if not (0 < len(name) <= _LONGEST_NAME and name.isprintable() and name == name.strip()):
            raise StoreError(f"'{name}' is no name: use 1 to {_LONGEST_NAME} printable characters")
        values = {"name": name, "password_hash": password_hash, "locked": False, "changed_utc_ns": time.time_ns()}
        connection.execute(insert(PersonRow).values(values))
        for station, role in roles.items():
            _set_role(connection, name, station, role)
        self._sign(connection, "person added", name, {"roles": dict(roles)})


def person_of(connection: Connection, name: str) -> Person:
    """Return the person called `name`, who must be there."""
    row = connection.execute(select(PersonRow.badge, PersonRow.locked).where(PersonRow.name == name)).one()
    roles = connection.execute(select(PersonRoleRow.station, PersonRoleRow.role).where(PersonRoleRow.name == name)).all()
    return Person(name, {row.station: row.role for row in roles}, row.badge, row.locked)


def _change(connection: Connection, name: str, values: Mapping[str, Any]) -> None:
    connection.execute(update(PersonRow).where(PersonRow.name == name).values({**values, "changed_utc_ns": time.time_ns()}))


def _put_out(connection: Connection, name: str) -> None:
    """End wherever a person is signed in or acts by badge."""
    connection.execute(delete(PersonSessionRow).where(PersonSessionRow.name == name))
    _end_acting(connection, name)


def _end_acting(connection: Connection, name: str) -> None:
    acting = update(PersonSessionRow).where(PersonSessionRow.acting_name == name)
    connection.execute(acting.values(acting_name=None, acting_ends_utc_ns=0))


def _exists(connection: Connection, name: str) -> bool:
    return connection.execute(select(PersonRow.name).where(PersonRow.name == name)).scalar() is not None


def _demand(connection: Connection, name: str) -> None:
    if not _exists(connection, name):
        raise StoreError(f"there is no person '{name}'; 'inspector people list' names them")


def _demand_an_admin(connection: Connection) -> None:
    admins = select(PersonRow.name).join(PersonRoleRow, PersonRoleRow.name == PersonRow.name).where(PersonRow.locked.is_(False))
    admins = admins.where(PersonRoleRow.station == EVERY_STATION, PersonRoleRow.role == "admin")
    if connection.execute(admins.limit(1)).scalar() is None:
        raise StoreError("nobody would be admin any more; make somebody else admin first")


def _set_role(connection: Connection, name: str, station: str, role: Role) -> None:
    if role not in ROLES:
        raise StoreError(f"'{role}' is no role; use one of {', '.join(ROLES)}")
    connection.execute(delete(PersonRoleRow).where(PersonRoleRow.name == name, PersonRoleRow.station == station))
    connection.execute(insert(PersonRoleRow).values(name=name, station=station, role=role))
