"""A server of asyncio on a thread of its own, for drivers that are called from the station's threads."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Protocol, TypeVar

from inspector.errors import DriverError

log = logging.getLogger(__name__)

T = TypeVar("T")
START_S = 60.0
"""Reading a large nodeset takes seconds on a small computer that is busy."""
STOP_S = 3.0


class Server(Protocol):
    """What runs on the thread; all of it is called there."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class ServerThread:
    """Runs one server until it is closed.

    Args:
        server: not yet started.
        channel: who has it, for errors.
    """

    def __init__(self, server: Server, channel: str) -> None:
        self._server = server
        self._channel = channel
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"{channel} server", daemon=True)

    def start(self) -> None:
        """Start the server. Raises DriverError with what it raised."""
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._server.start(), self._loop).result(START_S)
        except Exception as error:
            self.close()
            if isinstance(error, DriverError):
                raise
            reason = f"does not start within {START_S:g} s" if isinstance(error, FutureTimeoutError) else f"does not start: {error}"
            raise DriverError(f"the server {reason}", channel=self._channel) from error

    def run(self, job: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """Return what `job` returns, on the server's thread. Raises DriverError where it takes too long."""
        future = asyncio.run_coroutine_threadsafe(job, self._loop)
        try:
            return future.result(timeout_s)
        except (FutureTimeoutError, CancelledError) as error:
            future.cancel()
            raise DriverError(f"the server does not answer within {timeout_s:g} s", channel=self._channel) from error

    def close(self) -> None:
        """Stop the server, then its thread."""
        if self._loop.is_closed():
            return
        try:
            asyncio.run_coroutine_threadsafe(self._shut_down(), self._loop).result(STOP_S)
        except Exception as error:  # noqa: BLE001  what cannot be stopped in order goes with its thread
            log.debug("%s: the server does not stop in order: %s", self._channel, error)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_S)
        if not self._thread.is_alive():
            self._loop.close()

    async def _shut_down(self) -> None:
        await self._server.stop()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


def refuse_port_in_use(host: str, port: int, channel: str) -> None:
    """Say why a port cannot be listened on, before a server takes long to find out or only logs it. Raises DriverError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise DriverError(f"cannot listen on {host}:{port}: {_why_not(error)}", channel=channel) from error


def _why_not(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use, end the other program or give another port"
    if error.errno == errno.EACCES:
        return "a port below 1024 needs a privilege, give another one or grant CAP_NET_BIND_SERVICE"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this computer has no such address, correct the setting host"
    return error.strerror or str(error)
