"""The door before all pages and routes: nobody passes who has not signed in, whatever stands behind it.

It is one piece of ASGI middleware before Streamlit and before our own routes, so that a page or a route that is added tomorrow is closed
without its author's doing. A route with `{station}` or `{inspection_id}` in its address is closed to those who may not see that station.
What may be done behind the door is asked of `people`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards import people, queries
from inspector.access import Present
from inspector.errors import StoreError

OPEN_PATHS = frozenset({"/login", "/_stcore/health"})
"""All that is shown to strangers: the way in, and whether the server lives."""

SIGNED_OUT = 4401
"""Code with which a websocket is closed."""
_LOOK_AGAIN_S = 5.0
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_HEADERS = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "SAMEORIGIN", "Referrer-Policy": "same-origin"}


class Door:
    """Lets in who is signed in, and puts out who is no longer, also in the middle of an endless answer."""

    def __init__(self, app: ASGIApp, routes: Sequence[Route] = ()) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http":
            send = _with_headers(send)
        refusal = await self._refusal(scope)
        if refusal is None:
            await self._let_in(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": SIGNED_OUT, "reason": "sign in first"})
        else:
            await refusal(scope, receive, send)

    async def _refusal(self, scope: Scope) -> Response | None:
        """Return what is answered instead; None where the request may pass, with `scope["present"]` set."""
        if (scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS) and not same_origin(Headers(scope=scope)):
            return JSONResponse({"error": "this must come from the dashboard's own pages"}, status_code=403)
        try:
            scope["present"] = await to_thread.run_sync(people.logins().present, token_of(scope))
            if scope["path"] in OPEN_PATHS:
                return None
            if scope["present"] is None:
                return _to_login(scope)
            return await to_thread.run_sync(self._closed_station, scope)
        except StoreError as error:
            return JSONResponse({"error": str(error)}, status_code=503)

    def _closed_station(self, scope: Scope) -> Response | None:
        station = self._station_of(scope)
        if station is None or scope["present"].person.may("viewer", station):
            return None
        return JSONResponse({"error": "you may not see this station; an admin gives the role viewer for it"}, status_code=403)

    def _station_of(self, scope: Scope) -> str | None:
        for route in self._routes:
            match, found = route.matches(scope)
            if match != Match.NONE:
                asked = found.get("path_params", {})
                return asked.get("station") or (station_of_inspection(asked["inspection_id"]) if "inspection_id" in asked else None)
        return None

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._app(scope, _WatchedSocket(scope, receive, send), send)
            return
        if scope["method"] not in _SAFE_METHODS and (token := token_of(scope)):
            await to_thread.run_sync(people.logins().touch, token)
        here = people.at_the_door.set(scope["present"])
        watched = _WatchedAnswer(scope, send)
        try:
            await self._app(scope, receive, watched)
        except (OSError, ClientDisconnect):
            if not watched.is_over:
                raise
        finally:
            people.at_the_door.reset(here)


class _Watch:
    """Says now and then whether who came in is still the one who may be here."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._looked_at_s = time.monotonic()

    async def is_gone(self) -> bool:
        came: Present | None = self._scope["present"]
        if came is None or time.monotonic() - self._looked_at_s < _LOOK_AGAIN_S:
            return False
        self._looked_at_s = time.monotonic()
        try:
            now = await to_thread.run_sync(people.logins().present, token_of(self._scope))
        except StoreError:
            return False  # a busy database is no reason to turn a screen dark; the next look is soon
        return now is None


class _WatchedAnswer:
    """An answer that ends when its reader is signed out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._watch, self._send = _Watch(scope), send
        self.is_over = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.body" and message.get("more_body") and await self._watch.is_gone():
            self.is_over = True
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            raise OSError("signed out")
        await self._send(message)


class _WatchedSocket:
    """What a websocket receives, until its person is signed out."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._watch, self._receive, self._send = _Watch(scope), receive, send

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.receive" and await self._watch.is_gone():
            await self._send({"type": "websocket.close", "code": SIGNED_OUT, "reason": "signed out"})
            return {"type": "websocket.disconnect", "code": SIGNED_OUT}
        return message


def token_of(scope: Scope) -> str | None:
    """Return what the browser keeps of its session."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(Headers(scope=scope).get("cookie", ""))
    except CookieError:
        return None
    found = cookies.get(people.cookie_name())
    return found.value if found else None


def same_origin(headers: Headers) -> bool:
    """Say whether a request comes from one of our own pages: browsers say so themselves, and no page can make them lie."""
    origin = headers.get("origin")
    site = headers.get("sec-fetch-site", "same-origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host") and site == "same-origin"


@lru_cache(maxsize=4096)
def station_of_inspection(inspection_id: str) -> str | None:
    """Return where a part was inspected; never changes."""
    stored = queries.store().get(inspection_id) if queries.is_name(inspection_id) else None
    return stored.summary.station if stored else None


def _to_login(scope: Scope) -> Response:
    wants_a_page = scope["type"] == "http" and scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")
    if not wants_a_page:
        return JSONResponse({"error": "sign in first"}, status_code=401)
    asked = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
    return RedirectResponse("/login" if asked == "/" else f"/login?next={quote(asked, safe='')}", status_code=303)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
