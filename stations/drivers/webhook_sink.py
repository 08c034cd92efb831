"""Verdicts to an HTTP service: a manufacturing execution system, a message to people."""

from __future__ import annotations

import threading
import time
from typing import Any, ClassVar

from pydantic import Field

from inspector import drivers
from inspector.drivers import VerdictSink
from inspector.errors import DriverError
from inspector.parts import Decision
from stations.protocols.decision_document import DecisionDocuments
from stations.protocols.webhook_link import Poster, WebhookSettings, new_poster, refused

OPEN_S = 3.0


class WebhookSinkSettings(WebhookSettings):
    timeout_s: float = Field(default=0.3, gt=0, le=5, description="a verdict without an answer by then has failed")


class WebhookSink(VerdictSink):
    """A POST of a JSON object a verdict; any answer but 2xx is an error, a redirect as well: it is followed nowhere.

    The connection is kept from verdict to verdict. It lives on a thread of its own, so that neither a slow name server nor a service that
    answers a byte at a time holds a verdict longer than `timeout_s`.
    """

    Settings: ClassVar[type[drivers.Settings]] = WebhookSinkSettings

    def __init__(self, settings: WebhookSinkSettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self._poster: Poster | None = None
        self._documents = DecisionDocuments(self.channel, self.clock)
        self._one_at_a_time = threading.Lock()

    def open(self) -> None:
        with self._one_at_a_time:
            if self._poster is None:
                self._documents = DecisionDocuments(self.channel, self.clock)
                self._poster = new_poster(self.settings, self.channel)
                try:
                    self._poster.ask(None, time.monotonic() + OPEN_S)
                except DriverError:
                    self._let_go()
                    raise

    def close(self) -> None:
        with self._one_at_a_time:
            self._let_go()

    def send(self, decision: Decision) -> None:
        end_s = time.monotonic() + self.settings.timeout_s
        with self._one_at_a_time:
            if self._poster is None:
                raise DriverError("is not open, call open() first", channel=self.channel)
            status = self._poster.ask(self._documents.text(decision), end_s)
        if (why := refused(self.settings.url, status)) is not None:
            raise DriverError(why, channel=self.channel)

    def _let_go(self) -> None:
        poster, self._poster = self._poster, None
        if poster is not None:
            poster.end()
