"""Say who may sign in, and what they may do where.

examples:
  inspector people add mei --role operator@press-3 --role viewer      (a password is made and shown once)
  inspector people badge mei 004711                                   (asks for a PIN: to act on a screen at the line)
  inspector people password admin                                     (a new one is made and shown once; --ask to type your own)
  inspector people grant mei engineer@press-3
  inspector people revoke mei press-3
  inspector people remove mei
  inspector people list
"""

from __future__ import annotations

import argparse
import getpass
import sys
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
    removing = actions.add_parser("remove", help="remove a person")
    listing = actions.add_parser("list", help="show everybody with their roles")
    for action in (adding, password, badge, granting, revoking, removing):
        action.add_argument("name", metavar="NAME")
    badge.add_argument("badge", metavar="BADGE", help="what is on the badge, or what its reader types")
    granting.add_argument("role", metavar=_ROLE, help="without a station: at every one")
    revoking.add_argument("station", metavar="STATION", nargs="?", default="*", help="default: the role at every station")
    for action in (adding, password, badge, granting, revoking, removing, listing):
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
    everyone = people.everyone()
    if arguments.json != "-":
        print("\n".join(_words(person) for person in everyone) or "nobody yet; 'inspector dashboard' makes the first admin")
    if arguments.json:
        write_json(arguments.json, {"people": [_document(person) for person in everyone]})
    return 0


def _words(person: Person) -> str:
    roles = ", ".join(role if station == "*" else f"{role}@{station}" for station, role in sorted(person.roles.items()))
    return f"{person.name}   {roles or 'no role'}" + (f"   badge {person.badge}" if person.badge else "")


def _document(person: Person) -> dict[str, Any]:
    return {"name": person.name, "roles": dict(person.roles), **({"badge": person.badge} if person.badge else {})}
