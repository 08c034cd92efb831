"""The ASGI application: routes, refusals, the limit on what is sent, and what is counted."""

from __future__ import annotations

import time

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inspector.api import forms, inspecting, metrics, reading
from inspector.api.refusals import handle_errors, refuse
from inspector.api.service import Service

VERSION = "1.0"
_DESCRIPTION = (
    "Inspect parts, read what was found, tell what helped. Every call takes a token (`inspector api add NAME --scope …`), sent as "
    "`Authorization: Bearer TOKEN`. A refusal is an object with one key, `error`. "
    "Keys may be added to answers; none is taken away within v1."
)


def application(service: Service) -> FastAPI:
    """Return the application that serves `service`."""
    # No page of documentation: it would load scripts from the internet, which a plant does not have; the document itself is served.
    made = FastAPI(title="line-inspector", version=VERSION, description=_DESCRIPTION, docs_url=None, redoc_url=None)
    made.state.service = service
    handle_errors(made)
    for part in (inspecting, reading, metrics):
        made.include_router(part.router)

    @made.get("/healthz", tags=["metrics"], summary="Say that the service lives")
    def healthz() -> forms.Alive:
        """Answer; the one route that takes no token."""
        return forms.Alive(status="ok")

    made.add_middleware(_Counted, service=service)
    made.add_middleware(_Limited, limit_bytes=round(service.limits.body_mb * 1e6))
    return made


class _Counted:
    """Counts answers and their time, by route and not by address, as addresses are without number."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, status = time.perf_counter(), 500

        async def counting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, counting)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if route != "none" else "any"
            self._service.requests.labels(method, route, str(status)).inc()
            self._service.seconds.labels(method, route).observe(time.perf_counter() - began_s)


class _Limited:
    """Refuses bodies that are too long, by what they say of themselves and by what then comes."""

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app, self._limit_bytes = app, limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = refuse(413, f"a request takes at most {self._limit_bytes / 1e6:g} MB")
        said = Headers(scope=scope).get("content-length", "0")
        if not said.isdecimal() or int(said) > self._limit_bytes:
            await refusal(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return {"type": "http.disconnect"} if taken > self._limit_bytes else message

        async def unless_too_long(message: Message) -> None:
            if taken <= self._limit_bytes:
                await send(message)

        try:
            await self._app(scope, counted, unless_too_long)
        except ClientDisconnect:
            if taken <= self._limit_bytes:
                raise
        if taken > self._limit_bytes:
            await refusal(scope, receive, send)
