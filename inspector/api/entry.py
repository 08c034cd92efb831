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
from inspector.store import EVERY_STATION, Client

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
        _count(service, service.limits.requests, "requests from one client", "client", found.name)
        if scope not in found.scopes:
            raise Refused(403, f"{found.name} has not the scope '{scope}'; 'inspector api add' gives scopes")
        _refuse_unknown(request)
        return found

    return client


def demand_station(client: Client, station: str) -> None:
    """Refuse a station that is not among a client's."""
    if not client.may_at(station):
        raise Refused(403, f"{client.name} may do nothing at station '{station}'; 'inspector api change' says where it may")


def only_station(client: Client, asked: str | None) -> str | None:
    """Return the station to answer for, None for every one. A client of one station need not name it; one of several must."""
    if asked is None and EVERY_STATION not in client.stations:
        if len(client.stations) > 1:
            raise Refused(403, f"query.station: say which one of {', '.join(sorted(client.stations))}")
        return next(iter(client.stations))
    if asked is not None:
        demand_station(client, asked)
    return asked


def count_part(service: Service, station: str) -> None:
    """Count a part that is to be inspected for a station. Raises Refused where there were too many."""
    _count(service, service.limits.station_parts, "parts for one station", "station", station)


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


def _count(service: Service, limit: RateLimitItem, of: str, *keys: str) -> None:
    if not service.limiter.hit(limit, *keys):
        again_s = service.limiter.get_window_stats(limit, *keys).reset_time - time.time()
        raise Refused(429, f"more {of} than {limit}", max(1, round(again_s)))


MayInspect = Annotated[Client, Depends(client_with("inspect"))]
MayRead = Annotated[Client, Depends(client_with("read"))]
MayTell = Annotated[Client, Depends(client_with("feedback"))]
MayMeasure = Annotated[Client, Depends(client_with("metrics"))]
TheService = Annotated[Service, Depends(service_of)]
