"""Say who may sign in, and what they may do where.

examples:
  inspector people add mei --role operator@press-3 --role viewer      (a password is made and shown once)
  inspector people badge mei 004711                                   (asks for a PIN: to act on a screen at the line)
  inspector people password admin                                     (a new one is made and shown once; --ask to type your own)
  inspector people grant mei engineer@press-3
  inspector people revoke mei press-3
  inspector people lock mei                                           (out at once, everything signed stays; unlock lets in again)
  inspector people remove mei
  inspector people list
"""

from __future__ import annotations

import argparse
import getpass
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from inspector.commands.output import add_home_argument, add_json_argument, write_json

if TYPE_CHECKING:
    from inspector.store import People, Person, Role

SUMMARY = "say who may sign in, and what they may do"
_ROLE = "ROLE[@STATION]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    adding = actions.add_parser("add", help="add a person")
    adding.add_argument("--role", metavar=_ROLE, action="append", default=[], help="viewer, operator, engineer or admin; may be repeated")
    password = actions.add_parser("password", help="give a person a new password")
    for action in (adding, password):
        action.add_argument("--ask", action="store_true", help="type the password instead of having one made")
    badge = actions.add_parser("badge", help="give a person a badge and its PIN, to act on a screen at the line")
    granting = actions.add_parser("grant", help="give a person a role")
    revoking = actions.add_parser("revoke", help="take a person's role at a station")
    locking = actions.add_parser("lock", help="let a person in no more")
    unlocking = actions.add_parser("unlock", help="let a locked person in again")
    removing = actions.add_parser("remove", help="remove a person")
    listing = actions.add_parser("list", help="show everybody with their roles and their last sign-in")
    named = (adding, password, badge, granting, revoking, locking, unlocking, removing)
    for action in named:
        action.add_argument("name", metavar="NAME")
    badge.add_argument("badge", metavar="BADGE", help="what is on the badge, or what its reader types")
    granting.add_argument("role", metavar=_ROLE, help="without a station: at every one")
    revoking.add_argument("station", metavar="STATION", nargs="?", default="*", help="default: the role at every station")
    for action in (*named, listing):
        add_home_argument(action)
    add_json_argument(listing)


def run(arguments: argparse.Namespace) -> int:
    from inspector.home import Home
    from inspector.store import Store

    with Store.open(Home.at(arguments.home)) as store:
        people = store.people
        if arguments.action == "list":
            return _list(arguments, people)
        if arguments.action == "badge":
            _set_badge(people, arguments)
        elif arguments.action == "grant":
            role, station = _role(arguments.role)
            people.grant(arguments.name, role, station)
        elif arguments.action == "revoke":
            people.revoke(arguments.name, arguments.station)
        elif arguments.action in ("lock", "unlock"):
            people.set_locked(arguments.name, arguments.action == "lock")
        elif arguments.action == "remove":
            people.remove(arguments.name)
        else:
            _set_password(people, arguments)
    return 0


def _set_password(people: People, arguments: argparse.Namespace) -> None:
    from inspector.access import checked_password, hashed, new_password

    password = checked_password(_typed("password")) if arguments.ask else new_password()
    if arguments.action == "add":
        people.add(arguments.name, {station: role for role, station in map(_role, arguments.role)}, hashed(password))
    else:
        people.set_password(arguments.name, hashed(password))
    if not arguments.ask:
        print(f"{arguments.name}: {password}   (shown this once)")


def _set_badge(people: People, arguments: argparse.Namespace) -> None:
    from inspector.access import checked_pin, hashed

    people.set_badge(arguments.name, arguments.badge, hashed(checked_pin(_typed("PIN"))))


def _typed(what: str) -> str:
    """Return what is typed unseen, or the first line of a pipe."""
    return getpass.getpass(f"{what}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _role(text: str) -> tuple[Role, str]:
    from inspector.errors import UsageError
    from inspector.store import EVERY_STATION, ROLES

    name, _, station = text.partition("@")
    for role in ROLES:
        if role == name:
            return role, station or EVERY_STATION
    raise UsageError(f"'{text}': must be one of {', '.join(ROLES)}, with @STATION behind it for one station only")


def _list(arguments: argparse.Namespace, people: People) -> int:
    everyone, signed_in = people.everyone(), people.last_signed_in()
    if arguments.json != "-":
        told = [_words(person, signed_in.get(person.name)) for person in everyone]
        print("\n".join(told) or "nobody yet; 'inspector dashboard' makes the first admin")
    if arguments.json:
        write_json(arguments.json, {"people": [_document(person, signed_in.get(person.name)) for person in everyone]})
    return 0


def _words(person: Person, signed_in_utc_ns: int | None) -> str:
    roles = ", ".join(role if station == "*" else f"{role}@{station}" for station, role in sorted(person.roles.items()))
    told = [person.name, roles or "no role"]
    told += [f"badge {person.badge}"] if person.badge else []
    told += ["locked"] if person.is_locked else []
    told += [f"last signed in {_time(signed_in_utc_ns)}"] if signed_in_utc_ns else []
    return "   ".join(told)


def _document(person: Person, signed_in_utc_ns: int | None) -> dict[str, Any]:
    said: dict[str, Any] = {"name": person.name, "roles": dict(person.roles), "locked": person.is_locked}
    said["signed_in"] = _time(signed_in_utc_ns) if signed_in_utc_ns else None
    return said | ({"badge": person.badge} if person.badge else {})


def _time(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / 1e9, UTC).isoformat(timespec="seconds")
