"""A request that is sent twice with one key is worked on once: a client that lost the answer may ask again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Header
from fastapi.responses import JSONResponse

from inspector.api.forms import Absent, AKey
from inspector.api.refusals import Refused
from inspector.api.service import Service
from inspector.store import Client

Key = Annotated[
    AKey | Absent,
    Header(
        alias="Idempotency-Key",
        description="The same key with the same request gets the same answer for 24 hours, and the work is done once.",
        examples=["3f2a9c1e-order-1042"],
    ),
]


def once(service: Service, client: Client, key: str | None, said: list[bytes], work: Callable[[], dict[str, Any]]) -> JSONResponse:
    """Return what `work` returns, or what it returned before. Raises Refused where the key stands for another request."""
    if key is None:
        return JSONResponse(work(), 201)
    digest = hashlib.sha256(b"".join(hashlib.sha256(one).digest() for one in said)).hexdigest()
    known = service.store.clients.begin(client.name, key, digest)
    if known is None:
        return JSONResponse(_worked(service, client, key, work), 201)
    if known.request_sha256 != digest:
        raise Refused(422, "header.Idempotency-Key: was used for another request; take a new one")
    if known.status is None:
        raise Refused(409, "a request with this idempotency key is still worked on; ask again", 2)
    return JSONResponse(dict(known.answer), known.status, {"Idempotent-Replayed": "true"})


def _worked(service: Service, client: Client, key: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        answer = work()
    except BaseException:
        service.store.clients.give_up(client.name, key)
        raise
    service.store.clients.finish(client.name, key, 201, answer)
    return answer
