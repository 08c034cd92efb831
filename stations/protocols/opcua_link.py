"""A session with an OPC UA server, shared by all drivers that name the server and themselves alike."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from inspector.clock import Clock
from inspector.errors import DriverError
from stations.protocols.extras import required
from stations.protocols.opcua_security import REQUEST_S, OpcuaSettings, new_client
from stations.protocols.opcua_subscription import Feed, Report, Subscription
from stations.protocols.sharing import Shared

if TYPE_CHECKING:
    from asyncua import ua
    from asyncua.client.client import Client

log = logging.getLogger(__name__)
T = TypeVar("T")

CONNECT_S = 6.0
"""To look at the server's certificate, open a secure channel and a session: three requests that may each be slow."""
CLOSE_S = 1.0


class Link:
    """One session. All of its work is done on a thread of its own; methods may be called from any other."""

    def __init__(self, settings: OpcuaSettings) -> None:
        logger = logging.getLogger("asyncua")
        if logger.level == logging.NOTSET:  # it logs all that is raised here as well, and at DEBUG each request with its password
            logger.setLevel(logging.CRITICAL)
        self._settings = settings
        self._client: Client | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._subscriptions: dict[float, Subscription] = {}
        self._joining = asyncio.Lock()
        self._farewells: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"opcua {settings.endpoint}", daemon=True)
        self._thread.start()

    def connect(self, channel: str, timeout_s: float = CONNECT_S) -> None:
        """Have a session; where that takes longer, go on trying for the next caller. Raises DriverError."""
        password = self._settings.password.reveal(channel) if self._settings.password else None
        self._do(self._connected(password), timeout_s, channel)

    def run(self, work: Callable[[Client], Coroutine[Any, Any, T]], timeout_s: float, channel: str) -> T:
        """Do something with the session, once connected. Raises DriverError."""
        return self._do(self._with_client(work), timeout_s, channel)

    def follow(self, node: str, interval_ms: float, feed: Feed, channel: str) -> None:
        """Have the reports of a node put into `feed` at this interval. Raises DriverError."""
        self._do(self._follow(node, interval_ms, feed), 2 * REQUEST_S, channel)

    def unfollow(self, feed: Feed) -> None:
        """End the reports; a server that is gone need not know."""
        future = asyncio.run_coroutine_threadsafe(self._unfollow(feed), self._loop)
        try:
            future.result(CLOSE_S)
        except Exception as error:  # noqa: BLE001  asyncua raises bare Exceptions, and a device that is being closed may be broken
            log.debug("%s: %s", self._settings.endpoint, error)

    def close(self) -> None:
        future = asyncio.run_coroutine_threadsafe(self._end(), self._loop)
        try:
            future.result(2 * CLOSE_S)
        except Exception as error:  # noqa: BLE001  as above
            log.debug("%s: %s", self._settings.endpoint, error)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T], timeout_s: float, channel: str) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout_s)
        except DriverError as error:
            raise DriverError(str(error), channel=channel) from error
        except TimeoutError as error:
            future.cancel()
            raise DriverError(
                f"{self._settings.endpoint}: does not answer in time, check the server and the network", channel=channel
            ) from error
        except Exception as error:  # asyncua raises bare Exceptions, too
            raise DriverError(f"{self._settings.endpoint}: {_explain(error)}", channel=channel) from error

    # --- on the link's thread

    async def _connected(self, password: str | None) -> None:
        if self._client is not None:
            return
        if self._attempt is None or self._attempt.done():
            self._attempt = asyncio.create_task(self._connect(password))
            self._attempt.add_done_callback(lambda attempt: attempt.cancelled() or attempt.exception())  # told to who still waits
        await asyncio.shield(self._attempt)

    async def _connect(self, password: str | None) -> None:
        client = await new_client(self._settings, password)

        async def lost(error: Exception) -> None:
            self._lose(client, f"{self._settings.endpoint}: {_explain(error)}")

        client.connection_lost_callback = lost
        try:
            await client.connect()
        except BaseException:
            _abort(client)
            raise
        if password is not None and self._settings.security == "none":
            log.warning("%s: the user's password was sent without a security policy, set security", self._settings.endpoint)
        self._client = client

    async def _with_client(self, work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
        if self._client is None:
            raise ConnectionError("the connection is lost")
        return await work(self._client)

    def _lose(self, client: Client, reason: str) -> None:
        if client is self._client:
            self._client = None
            for subscription in self._subscriptions.values():
                subscription.fail(reason)
            self._subscriptions.clear()
        farewell = asyncio.create_task(_let_go(client))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    async def _follow(self, node: str, interval_ms: float, feed: Feed) -> None:
        if self._client is None:
            raise ConnectionError("the connection is lost")
        async with self._joining:
            subscription = self._subscriptions.get(interval_ms)
            if subscription is None or subscription.silent_s() > 0 or subscription.is_over:
                subscription = Subscription(self._client, interval_ms)
                await subscription.begin()
                self._subscriptions[interval_ms] = subscription
            feed.subscription = subscription
            await subscription.add(await node_id(self._client, node), feed)

    async def _unfollow(self, feed: Feed) -> None:
        async with self._joining:
            if feed.subscription is not None:
                await feed.subscription.remove(feed)

    async def _end(self) -> None:
        client, self._client = self._client, None
        try:
            if client is not None:
                await asyncio.wait_for(client.disconnect(), CLOSE_S)
        finally:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left, timeout=CLOSE_S)


links: Shared[Link] = Shared()


def take_link(settings: OpcuaSettings, channel: str) -> Link:
    """Return the link of these settings, connected; give it back when done. Raises DriverError."""
    required("asyncua", "opcua", channel)
    link = links.take(settings.connection, lambda: Link(settings))
    try:
        link.connect(channel)
    except DriverError:
        links.give_back(link)
        raise
    return link


class Followed:
    """A node whose reports come over a shared link, from when it is made until it is closed. Raises DriverError."""

    def __init__(self, settings: OpcuaSettings, node: str, interval_ms: float, queue_size: int, clock: Clock, channel: str) -> None:
        self.link = take_link(settings, channel)
        self._channel = channel
        self._feed = Feed(clock, queue_size)
        try:
            self.link.follow(node, interval_ms, self._feed, channel)
        except DriverError:
            links.give_back(self.link)
            raise

    def next(self, timeout_s: float) -> Report | None:
        """Return the next report, None when the time is over. Raises DriverError once the server is lost."""
        return self._feed.take(timeout_s, self._channel)

    def close(self) -> None:
        self.link.unfollow(self._feed)
        links.give_back(self.link)


async def node_id(client: Client, node: str) -> ua.NodeId:
    """Return a node's id, with the present number of its namespace."""
    from asyncua import ua

    if node.startswith("nsu="):
        name, _, rest = node.removeprefix("nsu=").partition(";")
        node = f"ns={await client.get_namespace_index(name)};{rest}"
    return ua.NodeId.from_string(node)


def _abort(client: Client) -> None:
    protocol = client.uaclient.protocol
    if protocol is not None and protocol.transport is not None:
        protocol.transport.abort()


async def _let_go(client: Client) -> None:
    _abort(client)
    await asyncio.sleep(0)  # the transport says that it is closed, and nobody waits for an answer through it
    try:
        await client.disconnect()
    except Exception as error:  # noqa: BLE001  the server is gone already; what is left is the client's own tasks
        log.debug("%s: %s", client, error)


def _explain(error: Exception) -> str:
    from asyncua import ua

    if isinstance(error, ua.uaerrors.BadUserAccessDenied | ua.uaerrors.BadIdentityTokenRejected | ua.uaerrors.BadIdentityTokenInvalid):
        return "refuses this user, correct user and password or give the user the right at the server"
    if isinstance(error, ua.uaerrors.BadNodeIdUnknown | ua.uaerrors.BadNodeIdInvalid):
        return "has no such node, correct the setting that names it"
    if isinstance(error, ua.uaerrors.BadSecurityChecksFailed | ua.uaerrors.BadCertificateUntrusted):
        return "refuses this station's certificate, have the server trust it"
    if isinstance(error, ua.uaerrors.UaStatusCodeError):
        return f"refuses ({error})"
    if isinstance(error, TimeoutError):
        return "does not answer any more, check the server and the network"
    if isinstance(error, OSError):
        return f"cannot be reached ({error}), start the server, or correct the setting endpoint"
    return f"fails ({type(error).__name__}: {error}), check the server"
