"""The web server: Streamlit's pages, and beside them the routes that push parts to a live screen.

A picture has an address of its own per part and never changes, so a browser may keep it for ever, and picture, heat map and verdict
on a screen always belong to the same part.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from importlib import import_module
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any

import streamlit as st
from anyio import to_thread
from PIL import Image
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from dashboards import alarm_feed, answering, kept_replays, labelling, live_feed, people, queries, signing_in
from dashboards.charts.heat import overlay_png
from dashboards.door import Door, same_origin
from dashboards.sent import parsed
from dashboards.views import guide
from inspector.errors import AccessError, StoreError

ALLOWED_HOSTS_VARIABLE = "INSPECTOR_DASHBOARD_HOSTS"
"""Comma-separated names under which the server may be called; `*` for any."""

_POLL_S = 0.06
_BEAT_S = 0.5
_THUMBNAIL_PX = (160, 120)
_MAX_ACTION_BYTES = 8192
_MAX_ANSWER_BYTES = 1_500_000
"""With a spoken note; as text it is a third longer."""
_MAX_MASK_BYTES = 1 << 20
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_AN_HOUR = {"Cache-Control": "private, max-age=3600"}
_NEVER = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_stopping = threading.Event()


def application(announce: Callable[[], None] = lambda: None) -> st.App:
    """Return the ASGI application of the dashboard; `announce` is called when it begins to answer."""
    hosts = os.environ.get(ALLOWED_HOSTS_VARIABLE, "localhost,127.0.0.1,[::1]").split(",")
    return st.App(
        Path(__file__).with_name("app.py"),
        lifespan=_lifespan(announce),
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False), door()],
        routes=routes(),
    )


def door() -> Middleware:
    """Return what stands before every page and route."""
    return Middleware(Door, routes=routes())


def routes() -> list[Route]:
    """Return the routes that a live screen needs beside Streamlit's own."""
    return [
        Route("/live/{station}/events", _events),
        Route("/wall/events", _wall_events),
        Route("/parts/{inspection_id}/picture/{camera}.jpg", _picture),
        Route("/parts/{inspection_id}/thumbnail/{camera}.jpg", _thumbnail),
        Route("/parts/{inspection_id}/heat/{camera}.png", _heat_map),
        Route("/parts/{inspection_id}/good/{camera}.jpeg", _good_part),
        Route("/parts/{inspection_id}/sound/{channel}.flac", _sound),
        Route("/replays/{replay}/{side}/{number}/picture/{channel}.jpg", _replayed("picture")),
        Route("/replays/{replay}/{side}/{number}/heat/{channel}.png", _replayed("heat")),
        Route("/replays/{replay}/{side}/{number}/sound/{channel}.flac", _replayed("sound")),
        Route("/guide/{picture}", _guide_picture),
        Route("/answers", _answer, methods=["POST"]),
        Route("/masks", _keep_mask, methods=["POST"]),
        Route("/alarms", _act_on_alarm, methods=["POST"]),
        Route("/alarms/{station}.json", _alarms),
        *signing_in.routes(),
    ]


# --- events ----------------------------------------------------------------------------------------------------------------------


async def _events(request: Request) -> Response:
    station = request.path_params["station"]
    if not queries.is_name(station):
        return Response(status_code=404)
    return StreamingResponse(_stream(_pulse(station)), media_type="text/event-stream", headers=_NEVER)


async def _stream(pulse: live_feed.Pulse) -> AsyncIterator[str]:
    yield "retry: 500\n\n"
    shown: str | None = None
    first, beat_at_s = True, 0.0
    while not _stopping.is_set():
        try:
            sign = await to_thread.run_sync(pulse.look)
            if first or sign.latest_id != shown:
                yield _event("parts", await to_thread.run_sync(live_feed.news, pulse, shown))
                shown, first = sign.latest_id, False
        except StoreError:
            # Silence is the honest answer: without beats every screen covers itself, and this loop tries again.
            await asyncio.sleep(1.0)
            continue
        if time.monotonic() - beat_at_s >= _BEAT_S:
            beat_at_s = time.monotonic()
            yield _event("beat", await to_thread.run_sync(live_feed.beat, sign, pulse.station))
        await asyncio.sleep(_POLL_S)


async def _wall_events(request: Request) -> Response:
    stations = request.query_params.get("stations", "").split(",")[: live_feed.WALL_STATIONS]
    if not all(queries.is_name(station) and people.may("viewer", station) for station in stations):
        return Response(status_code=404)
    return StreamingResponse(_wall_stream([_pulse(station) for station in stations]), media_type="text/event-stream", headers=_NEVER)


async def _wall_stream(pulses: list[live_feed.Pulse]) -> AsyncIterator[str]:
    """Tell of several stations in one stream: a browser keeps only six connections to a server."""
    yield "retry: 500\n\n"
    shown: dict[str, str | None] = {}
    beat_at_s = 0.0
    while not _stopping.is_set():
        try:
            signs = await to_thread.run_sync(lambda: [pulse.look() for pulse in pulses])
            for pulse, sign in zip(pulses, signs, strict=True):
                if pulse.station not in shown or sign.latest_id != shown[pulse.station]:
                    yield _event("part", await to_thread.run_sync(live_feed.wall_news, pulse, sign))
                    shown[pulse.station] = sign.latest_id
            if time.monotonic() - beat_at_s >= _BEAT_S:
                beat_at_s = time.monotonic()
                yield _event("beat", await to_thread.run_sync(live_feed.wall_beat, pulses, signs))
        except StoreError:
            await asyncio.sleep(1.0)
            continue
        await asyncio.sleep(_POLL_S)


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, allow_nan=False)}\n\n"


@lru_cache(maxsize=64)  # more than any plant has: whoever asks for names that are none must not fill the memory
def _pulse(station: str) -> live_feed.Pulse:
    return live_feed.Pulse(station)


# --- pictures --------------------------------------------------------------------------------------------------------------------


async def _picture(request: Request) -> Response:
    path = await to_thread.run_sync(_asked, request, queries.picture_file)
    return Response(status_code=404) if path is None else FileResponse(path, headers=_FOR_EVER)


async def _thumbnail(request: Request) -> Response:
    path = await to_thread.run_sync(_asked, request, queries.picture_file)
    if path is None:
        return Response(status_code=404)
    return Response(await to_thread.run_sync(thumbnail_jpeg, path), media_type="image/jpeg", headers=_FOR_EVER)


async def _heat_map(request: Request) -> Response:
    path = await to_thread.run_sync(_asked, request, queries.heat_map_file)
    if path is None:
        return Response(status_code=404)
    return Response(await to_thread.run_sync(overlay_png, path), media_type="image/png", headers=_FOR_EVER)


async def _sound(request: Request) -> Response:
    path = await to_thread.run_sync(queries.sound_file, request.path_params["inspection_id"], request.path_params["channel"])
    return Response(status_code=404) if path is None else FileResponse(path, media_type="audio/flac", headers=_FOR_EVER)


async def _good_part(request: Request) -> Response:
    path = await to_thread.run_sync(_asked, request, queries.good_part_file)
    return Response(status_code=404) if path is None else FileResponse(path, headers=_FOR_EVER)


async def _guide_picture(request: Request) -> Response:
    path = guide.pictures().get(request.path_params["picture"])
    return Response(status_code=404) if path is None else FileResponse(path, headers=_AN_HOUR)


def _replayed(kind: str) -> Callable[[Request], Awaitable[Response]]:
    """Return the route to one kind of file of a replayed part."""

    async def answer(request: Request) -> Response:
        asked = request.path_params
        path = await to_thread.run_sync(kept_replays.file, asked["replay"], asked["side"], asked["number"], kind, asked["channel"])
        if path is None:
            return Response(status_code=404)
        if kind == "heat":
            return Response(await to_thread.run_sync(overlay_png, path), media_type="image/png", headers=_FOR_EVER)
        return FileResponse(path, headers=_FOR_EVER)

    return answer


def _asked(request: Request, find: Callable[[str, str], Path | None]) -> Path | None:
    return find(request.path_params["inspection_id"], request.path_params["camera"])


@lru_cache(maxsize=1024)
def thumbnail_jpeg(path: Path) -> bytes:
    """Return a picture file at thumbnail size."""
    with Image.open(path) as picture:
        picture.draft("RGB", _THUMBNAIL_PX)  # lets the decoder skip what a thumbnail cannot show
        small = picture.convert("RGB")
    small.thumbnail(_THUMBNAIL_PX)
    file = BytesIO()
    small.save(file, "JPEG", quality=80)
    return file.getvalue()


# --- answers ---------------------------------------------------------------------------------------------------------------------


async def _answer(request: Request) -> Response:
    def write(body: bytes) -> dict[str, Any]:
        return {"feedback_id": answering.keep(parsed(answering.SentAnswer, body))}

    return await _written(request, write, _MAX_ANSWER_BYTES)


async def _keep_mask(request: Request) -> Response:
    def keep(body: bytes) -> dict[str, Any]:
        labelling.keep_mask(parsed(labelling.SentMask, body))
        return {}

    return await _written(request, keep, _MAX_MASK_BYTES)


async def _act_on_alarm(request: Request) -> Response:
    return await _written(request, lambda body: alarm_feed.act(parsed(alarm_feed.SentAction, body)), _MAX_ACTION_BYTES)


async def _alarms(request: Request) -> Response:
    station = request.path_params["station"]
    if not queries.is_name(station):
        return Response(status_code=404)
    try:
        return JSONResponse(await to_thread.run_sync(alarm_feed.all_of, station), headers=_NEVER)
    except StoreError as error:
        return _refused(str(error), 503)


async def _written(request: Request, write: Callable[[bytes], dict[str, Any]], most_bytes: int) -> Response:
    """Take what one of our own pages sends; whoever is here signs it."""
    if not same_origin(request.headers):
        return _refused("an answer must come from the dashboard's own pages", 403)
    try:
        body = await _json_body(request, most_bytes)
        return JSONResponse(await to_thread.run_sync(write, body), status_code=201)
    except ValueError as error:
        return _refused(str(error), 400)
    except LookupError:
        return _refused("what this is about is not there", 404)
    except AccessError as error:
        return _refused(str(error), 403)
    except StoreError as error:
        return _refused(str(error), 503)


def _refused(why: str, status: int) -> Response:
    return JSONResponse({"error": why}, status_code=status)


async def _json_body(request: Request, most_bytes: int) -> bytes:
    """Return the body, which says that it is JSON. Raises ValueError."""
    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        raise ValueError("send application/json")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most_bytes:
            raise ValueError("too long")
    return body


# --- start and stop --------------------------------------------------------------------------------------------------------------


def _lifespan(announce: Callable[[], None]) -> Callable[[st.App], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: st.App) -> AsyncIterator[None]:
        _stopping.clear()
        for number in (signal.SIGINT, signal.SIGTERM):
            _end_streams_on(number)
        await to_thread.run_sync(_warm_up)
        announce()
        threading.Thread(target=_warm_up_drawing, name="warm-up", daemon=True).start()
        threading.Thread(target=alarm_feed.watch, args=(_stopping,), name="alarms", daemon=True).start()
        yield
        _stopping.set()

    return lifespan


def _warm_up() -> None:
    """Load what the first page needs, so that it comes as fast as the second."""
    for view in (
        "live",
        "part",
        "history",
        "alarms",
        "wall",
        "spc",
        "handover",
        "causes",
        "replay",
        "review",
        "models",
        "stations",
        "access",
        "guide",
    ):
        import_module(f"dashboards.views.{view}")
    for station in queries.store().stations():
        queries.station_definition(station)


def _warm_up_drawing() -> None:
    """Load what only a part page and its report need, while the screen is already of use."""
    from dashboards.charts import spectra

    spectra.warm_up()
    import_module("inspector.reports")


def _end_streams_on(number: signal.Signals) -> None:
    """End event streams at a stop signal: the server waits for open responses, and these would never end by themselves."""
    if threading.current_thread() is not threading.main_thread():
        return
    before = signal.getsignal(number)

    def stop(received: int, frame: FrameType | None) -> None:
        _stopping.set()
        if callable(before):
            before(received, frame)

    signal.signal(number, stop)
