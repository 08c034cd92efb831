"""A connection to an MQTT broker, shared by all drivers that name the broker and themselves alike.

A session begins clean: what was sent while the connection was down is not delivered late, as it would be taken for new. Retained
messages, which are old by their nature, are left out for the same reason.
"""

from __future__ import annotations

import logging
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inspector.clock import Clock
from inspector.errors import DriverError
from stations.protocols.extras import required
from stations.protocols.mqtt_client import SOCKET_S, MqttSettings, Presence, new_client
from stations.protocols.sharing import Inbox, Shared

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

log = logging.getLogger(__name__)

CONNECT_S = 4.0
ANSWER_S = 2.0
CLOSE_S = 0.3
LOOP_S = 0.2
"""How often the link looks whether the broker still answers."""


@dataclass(frozen=True, slots=True)
class Message:
    payload: bytes
    arrived_ns: int


class TopicInbox(Inbox[Message]):
    """The messages of one topic, stamped as they come."""

    def __init__(self, topic: str, clock: Clock) -> None:
        super().__init__()
        self.topic = topic
        self.clock = clock


class Link:
    """One connection at a time; a lost one is made anew when it is wanted."""

    def __init__(self, settings: MqttSettings, presence: Presence | None) -> None:
        self._settings = settings
        self._presence = presence
        self._session: _Session | None = None
        self._lock = threading.Lock()

    def connect(self, channel: str, timeout_s: float = CONNECT_S) -> None:
        """Have a connection; where that takes longer, go on trying for the next caller. Raises DriverError."""
        with self._lock:
            session = self._session
            if session is None or session.failure is not None:
                session = self._session = _Session(self._settings, self._presence, channel)
        session.await_ready(timeout_s, channel)

    def subscribe(self, inbox: TopicInbox, channel: str) -> None:
        """Have a topic's messages put into `inbox` until the connection is lost. Raises DriverError."""
        self._live(channel).subscribe(inbox, channel)

    def unsubscribe(self, inbox: TopicInbox) -> None:
        if self._session is not None:
            self._session.unsubscribe(inbox)

    def publish(self, topic: str, payload: str, retain: bool, timeout_s: float, channel: str) -> None:
        """Return once the broker has taken the message. Raises DriverError where it did not within `timeout_s`."""
        self._live(channel).publish(topic, payload, retain, timeout_s, channel)

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    def _live(self, channel: str) -> _Session:
        session = self._session
        if session is None:
            raise DriverError("is not connected", channel=channel)
        if session.failure is not None:
            raise DriverError(session.failure, channel=channel)
        return session


class _Session:
    """One connection from its beginning to its end, on a thread of its own."""

    def __init__(self, settings: MqttSettings, presence: Presence | None, channel: str) -> None:
        self.failure: str | None = None
        """Why there is no connection any more."""
        self._settings = settings
        self._presence = presence
        self._name = "mqtt://{}:{}".format(*settings.address)
        self._changed = threading.Condition()
        self._ready = False
        self._grants: dict[int | None, Any] = {}
        self._refusals: dict[int, str] = {}
        self._online: int | None = None
        self._inboxes: dict[str, list[TopicInbox]] = {}
        self._client = new_client(settings, presence, channel)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_subscribe = self._on_subscribe
        self._client.on_publish = self._on_publish
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def await_ready(self, timeout_s: float, channel: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self.failure is not None, timeout_s)
            if self.failure is not None:
                raise DriverError(self.failure, channel=channel)
            if not self._ready:
                raise DriverError(f"{self._name}: does not answer in time, check the broker and the network", channel=channel)

    def subscribe(self, inbox: TopicInbox, channel: str) -> None:
        with self._changed:
            others = self._inboxes.setdefault(inbox.topic, [])
            others.append(inbox)
            known = len(others) > 1
        if known:
            return
        _, number = self._client.subscribe(inbox.topic, qos=1)
        with self._changed:
            self._changed.wait_for(lambda: number in self._grants or self.failure is not None, ANSWER_S)
            grant = self._grants.pop(number, None)
        if grant is None or grant.is_failure:
            why = self.failure or f"{self._name}: did not answer, check the broker and the network"
            self._fail_topic(inbox.topic, why if grant is None else self._denied("read", inbox.topic, grant))
            inbox.take(0.0, channel)

    def unsubscribe(self, inbox: TopicInbox) -> None:
        with self._changed:
            inboxes = self._inboxes.get(inbox.topic, [])
            if inbox not in inboxes:
                return
            inboxes.remove(inbox)
            unused = not inboxes
            if unused:
                del self._inboxes[inbox.topic]
        if unused and self.failure is None:
            self._client.unsubscribe(inbox.topic)

    def publish(self, topic: str, payload: str, retain: bool, timeout_s: float, channel: str) -> None:
        info = self._client.publish(topic, payload, qos=1, retain=retain)
        try:
            info.wait_for_publish(timeout_s)
            taken = info.is_published()
        except (RuntimeError, ValueError):  # it was not even sent
            taken = False
        if not taken:
            self._fail(f"{self._name}: did not take a message within {timeout_s:.2g} s, check the broker and the network")
            self._client.disconnect()  # what waits there must not be sent late
            raise DriverError(self.failure or "", channel=channel)
        refusal = self._refusals.pop(info.mid, None)
        if refusal is not None:
            raise DriverError(self._denied("write", topic, refusal), channel=channel)

    def close(self) -> None:
        if self._ready and self.failure is None and self._presence is not None and self._presence.topic is not None:
            try:
                self._client.publish(self._presence.topic, "offline", qos=1, retain=True).wait_for_publish(CLOSE_S)
            except RuntimeError as error:
                log.debug("%s: %s", self._name, error)
        self._fail("the connection was closed")
        self._client.disconnect()
        self._thread.join(SOCKET_S + 1.0)

    def _fail_topic(self, topic: str, reason: str) -> None:
        with self._changed:
            inboxes = self._inboxes.pop(topic, [])
        for inbox in inboxes:
            inbox.fail(reason)

    def _denied(self, what: str, topic: str | None, reason: Any) -> str:
        return f"{self._name}: does not let this user {what} {topic} ({reason}), allow it at the broker or correct the topic"

    # --- on the session's thread

    def _run(self) -> None:
        try:
            self._client.connect(*self._settings.address, keepalive=self._settings.keep_alive_s)
            if self.failure is not None:  # closed meanwhile
                self._client.disconnect()
            self._client.loop_forever(timeout=LOOP_S)
        except (OSError, ValueError) as error:  # ssl.CertificateError is both
            self._fail(_explain(self._name, error))
        self._fail(f"{self._name}: the connection is lost, check the broker and the network")

    def _fail(self, reason: str) -> None:
        with self._changed:
            if self.failure is None:
                self.failure = reason
            self._changed.notify_all()
            topics = list(self._inboxes)
        for topic in topics:
            self._fail_topic(topic, reason)

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._fail(f"{self._name}: refuses this station ({reason}), correct user, password, certificate or version")
            return
        if self._presence is not None and self._presence.topic is not None:
            self._online = client.publish(self._presence.topic, "online", qos=1, retain=True).mid
        with self._changed:
            self._ready = True
            self._changed.notify_all()

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._fail(f"{self._name}: the connection is lost ({reason}), check the broker and the network")

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.retain:
            return
        with self._changed:
            inboxes = list(self._inboxes.get(message.topic, ()))
        for inbox in inboxes:
            inbox.put(Message(bytes(message.payload), inbox.clock.now_ns()))

    def _on_subscribe(self, _client: Client, _data: Any, number: int, reasons: Any, _properties: Any) -> None:
        with self._changed:
            self._grants[number] = reasons[0]
            self._changed.notify_all()

    def _on_publish(self, _client: Client, _data: Any, number: int, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            return
        if number == self._online and self._presence is not None:
            log.warning("%s", self._denied("write", self._presence.topic, reason))
            self._online = None
        else:
            self._refusals[number] = str(reason)


links: Shared[Link] = Shared()


def take_link(settings: MqttSettings, channel: str, presence: Presence | None = None) -> Link:
    """Return the link of these settings, connected; give it back when done. Raises DriverError."""
    required("paho.mqtt.client", "mqtt", channel)
    link = links.take((settings.connection, presence), lambda: Link(settings, presence))
    try:
        link.connect(channel)
    except DriverError:
        links.give_back(link)
        raise
    return link


class Subscribed:
    """A topic whose messages come over a shared link, from when it is made until it is closed. Raises DriverError."""

    def __init__(self, settings: MqttSettings, topic: str, clock: Clock, channel: str) -> None:
        self._link = take_link(settings, channel)
        self._channel = channel
        self._inbox = TopicInbox(topic, clock)
        try:
            self._link.subscribe(self._inbox, channel)
        except DriverError:
            links.give_back(self._link)
            raise

    def next(self, timeout_s: float) -> Message | None:
        """Return the next message, None when the time is over. Raises DriverError once the broker is lost."""
        return self._inbox.take(timeout_s, self._channel)

    def close(self) -> None:
        self._link.unsubscribe(self._inbox)
        links.give_back(self._link)


def _explain(name: str, error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{name}: is not trusted ({error.verify_message}), correct the settings host and ca"
    if isinstance(error, ssl.SSLError):
        return f"{name}: no encrypted connection can be made ({error.reason}), check port, certificate and the broker's log"
    return f"{name}: cannot be reached ({error}), start the broker, or correct the settings host and port"
