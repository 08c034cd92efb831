"""A connection to an HTTP service that takes JSON objects: how it is named, and the thread that keeps it."""

from __future__ import annotations

import contextlib
import http.client
import queue
import socket
import ssl
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from inspector import drivers
from inspector.drivers import StationPath
from inspector.errors import DriverError
from stations.protocols.credentials import Secret

LONGEST_ANSWER_BYTES = 65_536
"""Of an answer that is longer the rest is not waited for."""


class WebhookSettings(drivers.Settings):
    url: str = Field(description="where to POST: https://host/path, or http://")
    headers: dict[str, str | Secret] = Field(
        default={},
        description="more headers; a token is named, as in `Authorization: {env: MES_TOKEN}`, where the whole value is `Bearer ...`",
    )
    ca: StationPath | None = Field(
        default=None, description="certificates of trusted authorities, PEM; those of this computer where not given"
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment or not url.isascii() or " " in url:
            raise ValueError("must be an address that begins with http:// or https://")
        if "@" in parts.netloc:
            raise ValueError("must hold no password, use headers")
        parts.port  # noqa: B018  raises ValueError where it is none
        return url

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, str | Secret]) -> dict[str, str | Secret]:
        for name, value in headers.items():
            if not name.replace("-", "").isalnum() or not name.isascii():
                raise ValueError(f"'{name}' is no name of a header")
            if isinstance(value, str) and not (value.isascii() and value.isprintable()):
                raise ValueError(f"the value of {name} must be printable ASCII text")
        return headers


def new_poster(settings: WebhookSettings, channel: str) -> Poster:
    """Return the poster of these settings; nothing is connected yet. Raises DriverError."""
    headers = {name: _header(name, value, channel) for name, value in settings.headers.items()}
    context = None
    if settings.url.startswith("https"):
        try:
            context = ssl.create_default_context(cafile=settings.ca)
        except OSError as error:
            raise DriverError(f"{settings.ca}: no certificate can be read from it ({error})", channel=channel) from error
    return Poster(settings.url, headers, context, channel)


def refused(url: str, status: int) -> str | None:
    """Return what an answer says against a message; None for 2xx, which took it. A redirect is followed nowhere."""
    if 200 <= status < 300:
        return None
    return f"{url}: answers {status} {http.client.responses.get(status, '')}".rstrip()


def _header(name: str, value: str | Secret, channel: str) -> str:
    text = value if isinstance(value, str) else value.reveal(channel)
    if not (text.isascii() and text.isprintable()):
        raise DriverError(f"what is named for the header {name} is no printable ASCII text, correct it there", channel=channel)
    return text


@dataclass(slots=True)
class _Errand:
    """One POST, or where there is no body only the connection: done when `answer` holds the status, or the exception."""

    body: str | None
    end_s: float
    answer: queue.SimpleQueue[int | Exception] = field(default_factory=queue.SimpleQueue)


class Poster:
    """One connection and the thread that waits for it."""

    def __init__(self, url: str, headers: dict[str, str], context: ssl.SSLContext | None, channel: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None  # the settings were checked
        self._url, self._channel = url, channel
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._headers = {"Content-Type": "application/json", "User-Agent": "line-inspector"} | headers
        self._connection = (
            http.client.HTTPConnection(parts.hostname, parts.port)
            if context is None
            else http.client.HTTPSConnection(parts.hostname, parts.port, context=context)
        )
        self._errands: queue.SimpleQueue[_Errand | None] = queue.SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        threading.Thread(target=self._serve, name=f"webhook {parts.hostname}", daemon=True).start()

    def ask(self, body: str | None, end_s: float) -> int:
        """Return the status of the answer. Raises DriverError where there is none in time."""
        began_s = time.monotonic()
        if not self._idle.wait(max(0.0, end_s - began_s)):  # an earlier verdict still hangs in the name server or the network
            raise DriverError(f"{self._url}: is still not reached, check the service and the network", channel=self._channel)
        errand = _Errand(body, end_s)
        self._idle.clear()
        self._errands.put(errand)
        answer: int | Exception
        try:
            answer = errand.answer.get(timeout=max(0.0, end_s - time.monotonic()))
        except queue.Empty:
            answer = TimeoutError()
            self._abort()
        if isinstance(answer, int):
            return answer
        raise DriverError(f"{self._url}: {_explain(answer, end_s - began_s)}", channel=self._channel) from answer

    def end(self) -> None:
        self._errands.put(None)
        self._abort()

    def _abort(self) -> None:
        sock = self._connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    # --- on the poster's thread

    def _serve(self) -> None:
        while (errand := self._errands.get()) is not None:
            try:
                errand.answer.put(self._post(errand))
            except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: a name that is none
                self._connection.close()
                errand.answer.put(error)
            self._idle.set()
        self._connection.close()

    def _post(self, errand: _Errand) -> int:
        connection = self._connection
        if connection.sock is not None and _is_dead(connection.sock):
            connection.close()
        connection.timeout = _left_s(errand)
        if connection.sock is None:
            connection.connect()
        if errand.body is None:
            return http.client.OK
        assert connection.sock is not None
        connection.sock.settimeout(_left_s(errand))
        connection.request("POST", self._path, errand.body.encode(), self._headers)
        response = connection.getresponse()
        response.read(LONGEST_ANSWER_BYTES)
        if not response.isclosed():
            connection.close()
        return response.status


def _left_s(errand: _Errand) -> float:
    """Return the time that is left. Raises TimeoutError where there is none: a verdict is not sent late."""
    left_s = errand.end_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _is_dead(sock: socket.socket) -> bool:
    """Say whether the other end has closed a connection on which nothing is expected. Tickets of TLS, which may lie there, are taken."""
    sock.settimeout(0)
    try:
        sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    return True


def _explain(error: Exception, timeout_s: float) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"is not trusted ({error.verify_message}), correct the settings url and ca"
    if isinstance(error, TimeoutError):
        return f"did not answer within {timeout_s:.2g} s, check the service and the network"
    if isinstance(error, OSError):
        return f"cannot be reached ({error}), start the service or correct the setting url"
    return f"answers with something else than HTTP ({type(error).__name__}), correct the setting url"
