"""Tell other systems of events, at least once and in order, however long they are away.

One thread a system: it reads on in the log where it was, and begins anew after a failure, from a second to a minute later.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from inspector import drivers
from inspector.config import read_yaml
from inspector.errors import ConfigError, DriverError, StoreError
from inspector.store import AuditEntry, Store
from stations.protocols.mqtt_client import MqttSettings, Topic
from stations.protocols.mqtt_link import links, take_link
from stations.protocols.webhook_link import WebhookSettings, new_poster, refused

VERSION = 1
KINDS = ("verdict", "answered", "overruled", "model", "recipe", "threshold", "case_rated", "cases_imported", "fixes_added", "import_undone")
"""What is told unless a subscription names others; who signs in, and people's rights, are told only where they are named."""

_POLL_S = 0.25
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0

_log = logging.getLogger(__name__)


def event_document(entry: AuditEntry) -> dict[str, Any]:
    """Return an event as other systems get it. Keys are added within a version, never taken away."""
    return {
        "version": VERSION,
        "sequence": entry.sequence,
        "kind": _kind(entry),
        "time": datetime.fromtimestamp(entry.wall_utc_ns / 1e9, UTC).isoformat(timespec="milliseconds"),
        "who": entry.who,
        "subject": entry.subject,
        "detail": dict(entry.detail),
    }


def _kind_only(template: str) -> str:
    if "{" in template.replace("{kind}", ""):
        raise ValueError("has no other field to fill than {kind}")
    return template


class MqttEvents(MqttSettings):
    topic: Annotated[Topic, AfterValidator(_kind_only)] = Field(
        default="line-inspector/events/{kind}", description="a topic with the field {kind}"
    )


class Subscription(drivers.Settings):
    """Where the events go: one of webhook and mqtt."""

    webhook: WebhookSettings | None = Field(default=None, description="POST of one JSON object an event")
    mqtt: MqttEvents | None = Field(default=None, description="one message an event, QoS 1")
    kinds: tuple[str, ...] = Field(default=KINDS, min_length=1, description="kinds of events to tell")
    timeout_s: float = Field(default=5.0, gt=0, le=60, description="an event without an answer by then is sent again")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.webhook is None) == (self.mqtt is None):
            raise ValueError("needs one of webhook and mqtt")
        return self


def load_subscriptions(path: Path) -> dict[str, Subscription]:
    """Read the file that names who is told. Raises ConfigError."""
    found: dict[str, Subscription] = {}
    for name, content in read_yaml(path).items():
        try:
            found[str(name)] = Subscription.model_validate(content, context={"folder": path.parent})
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(step) for step in (name, *first["loc"]))
            raise ConfigError(first["msg"].removeprefix("Value error, "), path=path, key=key) from error
    return found


class Teller:
    """Tells one system."""

    def __init__(self, name: str, subscription: Subscription, store: Store) -> None:
        self._name, self._subscription, self._store = name, subscription, store
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"events {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the event at hand."""
        self._stopping.set()
        self._thread.join(self._subscription.timeout_s + 5.0)

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            try:
                with _sender(self._name, self._subscription) as send:
                    if pause_s > _FIRST_PAUSE_S:
                        _log.warning("events for %s: told again", self._name)
                    pause_s = _FIRST_PAUSE_S
                    self._tell(send)
            except (DriverError, StoreError) as error:
                _log.warning("events for %s wait: %s", self._name, error)
                self._stopping.wait(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _tell(self, send: Callable[[AuditEntry], None]) -> None:
        told = self._store.events.join(self._name)
        while not self._stopping.is_set():
            waiting = self._store.events.after(told)
            for entry in waiting:
                if self._stopping.is_set():
                    break
                if _kind(entry) in self._subscription.kinds:
                    send(entry)
                    self._store.events.told(self._name, entry.sequence)
                told = entry.sequence
            if waiting:
                self._store.events.told(self._name, told)
            else:
                self._stopping.wait(_POLL_S)


class _sender:  # noqa: N801  used as a function
    """The way to one system, open while it lasts. Raises DriverError."""

    def __init__(self, name: str, subscription: Subscription) -> None:
        self._name, self._subscription = name, subscription

    def __enter__(self) -> Callable[[AuditEntry], None]:
        if self._subscription.mqtt is not None:
            self._link = take_link(self._subscription.mqtt, self._name)
            return self._publish
        assert self._subscription.webhook is not None
        self._poster = new_poster(self._subscription.webhook, self._name)
        return self._post

    def __exit__(self, *_: object) -> None:
        if self._subscription.mqtt is not None:
            links.give_back(self._link)
        else:
            self._poster.end()

    def _publish(self, entry: AuditEntry) -> None:
        assert self._subscription.mqtt is not None
        topic = self._subscription.mqtt.topic.replace("{kind}", _kind(entry))
        self._link.publish(topic, _text(entry), False, self._subscription.timeout_s, self._name)

    def _post(self, entry: AuditEntry) -> None:
        assert self._subscription.webhook is not None
        status = self._poster.ask(_text(entry), time.monotonic() + self._subscription.timeout_s)
        if (why := refused(self._subscription.webhook.url, status)) is not None:
            raise DriverError(why, channel=self._name)


def _kind(entry: AuditEntry) -> str:
    return entry.action.replace(" ", "_")


def _text(entry: AuditEntry) -> str:
    return json.dumps(event_document(entry))
