"""Who calls: a token, the scope that a route takes, and how often a client may call."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItem

from inspector.access.passwords import token_hash
from inspector.api.refusals import Refused
from inspector.api.service import Service
from inspector.store import Client

_bearer = HTTPBearer(auto_error=False, description="A token of `inspector api add`.")


def service_of(request: Request) -> Service:
    """Return the service that a request is for."""
    service: Service = request.app.state.service
    return service


def client_with(scope: str) -> Callable[..., Client]:
    """Return the dependency that lets in clients that have `scope`."""

    def client(
        request: Request,
        service: Annotated[Service, Depends(service_of)],
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Client:
        found = _known(service, request, credentials)
        _count(service, service.limits.requests, "client", found.name)
        if scope not in found.scopes:
            raise Refused(403, f"{found.name} has not the scope '{scope}'; 'inspector api add' gives scopes")
        _refuse_unknown(request)
        return found

    return client


def _refuse_unknown(request: Request) -> None:
    """Refuse what no route asks for, and what is asked twice: a filter that is spelled wrongly would silently filter nothing."""
    operation = request.app.openapi()["paths"][request.scope["route"].path][request.method.lower()]
    known = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"}
    given = [name for name, _ in request.query_params.multi_items()]
    if repeated := sorted(name for name in set(given) if given.count(name) > 1):
        raise Refused(422, f"query.{repeated[0]}: is given more than once")
    if unknown := sorted(set(given) - known):
        raise Refused(422, f"query.{unknown[0]}: is not known here; use one of {', '.join(sorted(known)) or 'none'}")


def _known(service: Service, request: Request, credentials: HTTPAuthorizationCredentials | None) -> Client:
    address = request.client.host if request.client else "?"
    if not service.limiter.test(service.limits.wrong_tokens, "wrong", address):
        raise Refused(429, "too many wrong tokens from this address", 60)
    token = credentials.credentials if credentials else ""
    found = service.store.clients.of_token(token_hash(token))
    if found is not None:
        return found
    service.limiter.hit(service.limits.wrong_tokens, "wrong", address)
    refused = Refused(401, "send a token as 'Authorization: Bearer TOKEN'; 'inspector api add' makes one")
    refused.headers = {"WWW-Authenticate": "Bearer"}
    raise refused


def _count(service: Service, limit: RateLimitItem, *keys: str) -> None:
    if not service.limiter.hit(limit, *keys):
        again_s = service.limiter.get_window_stats(limit, *keys).reset_time - time.time()
        raise Refused(429, f"more than {limit} from one client", max(1, round(again_s)))


MayInspect = Annotated[Client, Depends(client_with("inspect"))]
MayRead = Annotated[Client, Depends(client_with("read"))]
MayTell = Annotated[Client, Depends(client_with("feedback"))]
MayMeasure = Annotated[Client, Depends(client_with("metrics"))]
TheService = Annotated[Service, Depends(service_of)]
