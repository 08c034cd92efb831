"""The door to who is let in: people, and machines with a token. Each is changed by an admin in person, and each change is in the log."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards import people, queries
from inspector.access import checked_password, checked_pin, hashed, new_password, new_token, token_hash
from inspector.errors import AccessError
from inspector.store import AuditEntry, Client, Person, Role, Store

_LOG_ROWS = 12


def may_admit() -> bool:
    """Say whether whoever is here may let others in: admins, and not by the four digits that open a screen at the line."""
    here = people.present()
    return here is not None and here.screen is None and people.may("admin")


def everyone() -> list[tuple[Person, int | None]]:
    """Return all people by name, each with their last sign-in in ns of UTC. Raises AccessError for all but admins."""
    rows = _opened().people
    signed_in = rows.last_signed_in()
    return [(person, signed_in.get(person.name)) for person in rows.everyone()]


def add(name: str, role: Role, station: str) -> str:
    """Add a person and return the password that was made for them, which is kept nowhere. Raises AccessError, StoreError."""
    password = checked_password(new_password())
    _opened().people.add(name.strip(), {station: role}, hashed(password))
    return password


def reset_password(name: str) -> str:
    """Give a person another password, put them out everywhere, and return it. Raises AccessError, StoreError."""
    password = checked_password(new_password())
    _opened().people.set_password(_somebody_else(name), hashed(password))
    return password


def set_badge(name: str, badge: str, pin: str) -> None:
    """Give a person a badge with its PIN. Raises AccessError for what is none, StoreError."""
    opened = _opened()
    if not badge.strip():
        raise AccessError("a badge has a number, or what its reader types")
    opened.people.set_badge(name, badge.strip(), hashed(checked_pin(pin)))


def grant(name: str, role: Role, station: str) -> None:
    """Give a person a role at a station. Raises AccessError, StoreError."""
    _opened().people.grant(name, role, station)


def revoke(name: str, station: str) -> None:
    """Take a person's role at a station. Raises AccessError, StoreError."""
    _opened().people.revoke(name, station)


def set_locked(name: str, is_locked: bool) -> None:
    """Let a person in no more, or again. Raises AccessError, StoreError."""
    _opened().people.set_locked(_somebody_else(name), is_locked)


def remove(name: str) -> None:
    """Remove a person; what they signed stays signed. Raises AccessError, StoreError."""
    _opened().people.remove(_somebody_else(name))


def clients() -> list[Client]:
    """Return the machines that may call, by name. Raises AccessError for all but admins."""
    return _opened().clients.all()


def add_client(name: str, scopes: Sequence[str], stations: Sequence[str]) -> str:
    """Let a machine in and return its token, which is kept nowhere. Raises AccessError, StoreError."""
    token = new_token()
    _opened().clients.add(name.strip(), scopes, token_hash(token), stations)
    return token


def change_client(name: str, scopes: Sequence[str], stations: Sequence[str]) -> None:
    """Give a machine other rights. Raises AccessError, StoreError."""
    _opened().clients.change(name, scopes, stations)


def remove_client(name: str) -> None:
    """Let a machine in no more. Raises AccessError, StoreError."""
    _opened().clients.remove(name)


def log_of(name: str) -> list[AuditEntry]:
    """Return what was last done to a person or a machine, newest first. Raises AccessError for all but admins."""
    return _opened().audit.entries(subject=name, limit=_LOG_ROWS)


def _opened() -> Store:
    people.demand("admin")
    if not may_admit():
        raise AccessError("on a screen at the line nobody is let in; sign in with name and password elsewhere")
    return queries.store()


def _somebody_else(name: str) -> str:
    if name == people.who():
        raise AccessError("this would shut yourself out; another admin can do it")
    return name
