"""Machines that may call, as rows, and what they were answered, so that a request that comes twice is worked on once."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import delete, insert, select, update

from inspector.errors import StoreError
from inspector.store.audit import Signed
from inspector.store.database import alone
from inspector.store.models import ClientRow, KeptAnswerRow
from inspector.store.people import EVERY_STATION

Scope = Literal["inspect", "read", "feedback", "metrics"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

KEPT_S = 24 * 3600
"""How long an answer is kept under its key."""
GIVEN_UP_S = 600
"""After this long a request that was never answered counts as lost: its process ended."""


@dataclass(frozen=True, slots=True)
class Client:
    """A machine that may call the API."""

    name: str
    scopes: frozenset[str]
    made_utc_ns: int
    stations: frozenset[str] = frozenset({EVERY_STATION})
    """Where it may; `*` for every station."""

    def may_at(self, station: str) -> bool:
        """Say whether this client may do at `station` what its scopes say."""
        return bool(self.stations & {EVERY_STATION, station})


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What is known of a request with the same key."""

    request_sha256: str
    status: int | None
    """None while it is still worked on."""
    answer: Mapping[str, Any]


class Clients(Signed):
    """The machines that may call one installation."""

    def all(self) -> list[Client]:
        """Return all clients, by name."""
        with self._reading() as connection:
            return [_client(row) for row in connection.execute(select(ClientRow.__table__).order_by(ClientRow.name))]

    def add(self, name: str, scopes: Sequence[str], token_hash: str, stations: Sequence[str] = (EVERY_STATION,)) -> None:
        """Let a client in, at some stations or every one. Raises StoreError where the name is taken or is none."""
        if not (0 < len(name) <= 64 and name.isprintable() and name == name.strip()):
            raise StoreError(f"'{name}' is no name: use 1 to 64 printable characters")
        with self._writing() as connection:
            alone(connection)
            if connection.execute(select(ClientRow.name).where(ClientRow.name == name)).scalar() is not None:
                raise StoreError(f"there is a client '{name}' already; remove it to give it a new token")
            values = {"name": name, "token_hash": token_hash, "made_utc_ns": time.time_ns()}
            connection.execute(insert(ClientRow).values(values | _rights(scopes, stations)))
            self._sign(connection, "client added", name, _rights(scopes, stations))

    def change(self, name: str, scopes: Sequence[str], stations: Sequence[str]) -> None:
        """Give a client other rights; its token stays. Raises StoreError where there is none."""
        changed = update(ClientRow).where(ClientRow.name == name).values(_rights(scopes, stations))
        with self._writing() as connection:
            if not connection.execute(changed).rowcount:
                raise _unknown(name)
            self._sign(connection, "client changed", name, _rights(scopes, stations))

    def remove(self, name: str) -> None:
        """Let a client in no more. Raises StoreError where there is none."""
        with self._writing() as connection:
            if not connection.execute(delete(ClientRow).where(ClientRow.name == name)).rowcount:
                raise _unknown(name)
            self._sign(connection, "client removed", name, {})

    def of_token(self, token_hash: str) -> Client | None:
        """Return the client that holds this token."""
        with self._reading() as connection:
            row = connection.execute(select(ClientRow.__table__).where(ClientRow.token_hash == token_hash)).one_or_none()
        return None if row is None else _client(row)

    def begin(self, client: str, key: str, request_sha256: str) -> KeptAnswer | None:
        """Begin to work on a request; return what is known of the one with the same key instead, where there was one."""
        now_ns = time.time_ns()
        mine = (KeptAnswerRow.client == client, KeptAnswerRow.key == key)
        with self._writing() as connection:
            alone(connection)
            connection.execute(delete(KeptAnswerRow).where(KeptAnswerRow.wall_utc_ns < now_ns - KEPT_S * 10**9))
            lost = (KeptAnswerRow.status.is_(None), KeptAnswerRow.wall_utc_ns < now_ns - GIVEN_UP_S * 10**9)
            connection.execute(delete(KeptAnswerRow).where(*lost))
            known = select(KeptAnswerRow.request_sha256, KeptAnswerRow.status, KeptAnswerRow.answer).where(*mine)
            if (row := connection.execute(known).one_or_none()) is not None:
                return KeptAnswer(*row)
            begun: dict[str, Any] = {
                "client": client,
                "key": key,
                "request_sha256": request_sha256,
                "status": None,
                "answer": {},
                "wall_utc_ns": now_ns,
            }
            connection.execute(insert(KeptAnswerRow).values(begun))
        return None

    def finish(self, client: str, key: str, status: int, answer: Mapping[str, Any]) -> None:
        """Keep what a request was answered."""
        with self._writing() as connection:
            changed = update(KeptAnswerRow).where(KeptAnswerRow.client == client, KeptAnswerRow.key == key)
            connection.execute(changed.values(status=status, answer=dict(answer)))

    def give_up(self, client: str, key: str) -> None:
        """Forget a request that failed, so that it may be sent again."""
        with self._writing() as connection:
            connection.execute(delete(KeptAnswerRow).where(KeptAnswerRow.client == client, KeptAnswerRow.key == key))


def _client(row: Any) -> Client:
    return Client(row.name, frozenset(row.scopes), row.made_utc_ns, frozenset(row.stations))


def _rights(scopes: Sequence[str], stations: Sequence[str]) -> dict[str, list[str]]:
    """Return what is kept of a client's rights. Raises StoreError for none."""
    if not scopes or not stations or not set(scopes) <= set(SCOPES):
        raise StoreError(f"a client needs a station, and at least one scope of {', '.join(SCOPES)}")
    return {"scopes": sorted(set(scopes)), "stations": sorted(set(stations))}


def _unknown(name: str) -> StoreError:
    return StoreError(f"there is no client '{name}'; 'inspector api list' names them")
