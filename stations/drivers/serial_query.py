"""An instrument that answers requests over a serial port: SCPI meters, scales that are asked, controllers."""

from __future__ import annotations

import logging
import time
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import AfterValidator, Field

from inspector import drivers
from inspector.drivers import Found, SeriesSource
from inspector.parts import Series
from stations.protocols.serial_exchange import Asker, ExchangeSettings
from stations.protocols.serial_port import found_ports
from stations.protocols.serial_text import ONE_NUMBER, NumberPattern, checked_number_pattern

log = logging.getLogger(__name__)


def _sendable(request: str) -> str:
    if not request.isascii():
        raise ValueError("must be ASCII text")
    return request


Request = Annotated[str, Field(min_length=1), AfterValidator(_sendable)]


class SerialQuerySettings(ExchangeSettings):
    request: Request = Field(description='what is sent for a value, with its line end, in double quotes: "MEAS:TEMP?\\n"')
    interval_s: float = Field(default=1.0, ge=0.001, le=3600, description="from request to request")
    pattern: Annotated[str, AfterValidator(checked_number_pattern)] = Field(
        default=ONE_NUMBER,
        description="regular expression, searched in the reply; its one group, or the one named value, is the number (point or comma)",
    )
    open_requests: tuple[Request, ...] = Field(
        default=(), description="what is sent once on opening, in order; where one holds a question mark its reply is awaited"
    )


class SerialQuery(SeriesSource):
    """One value a request, stamped with the middle between request and reply.

    Several channels may ask over one port: they take turns, and give the same settings of the port. A reply that comes too late is
    thrown away, as long as it comes within `late_s`; until then nothing else is asked.

    Attributes:
        unmatched: how many replies held no number so far.
    """

    Settings: ClassVar[type[drivers.Settings]] = SerialQuerySettings

    def __init__(self, settings: SerialQuerySettings, **place: Any) -> None:
        super().__init__(settings, **place)
        self.unmatched = 0
        self._pattern = NumberPattern(settings.pattern)
        self._request = settings.request.encode("ascii")
        self._asker = Asker(settings, self.channel, self.clock, self._reject)
        self._next_ns = self._last_ns = 0

    @classmethod
    def discover(cls) -> list[Found]:
        return found_ports()

    def open(self) -> None:
        if self._asker.is_open:
            return
        self._asker.open()
        try:
            for request in self.settings.open_requests:
                self._prepare(request.encode("ascii"))
        except BaseException:
            self._asker.close()
            raise
        self._next_ns = self.clock.now_ns()

    def _prepare(self, request: bytes) -> None:
        if b"?" not in request:
            self._asker.tell(request)
            return
        while self._asker.ask(request, 1.0) is None:  # ends: unanswered too often it raises
            pass

    def close(self) -> None:
        self._asker.close()

    def read(self, timeout_s: float) -> Series | None:
        end_s = time.monotonic() + timeout_s
        if not self._asker.is_asking and not self.due(self._next_ns, timeout_s):
            return None
        sent = self._asker.sent
        reply = self._asker.ask(self._request, max(0.0, end_s - time.monotonic()))
        if self._asker.sent > sent:  # it may not have been its turn
            self._next_ns = max(self._next_ns + round(self.settings.interval_s * 1e9), self.clock.now_ns())
        if reply is None:
            return None
        t_ns, line = reply
        value = self._pattern.number(line)
        if value is None:
            self._reject(str(line))
            return None
        self._last_ns = max(t_ns, self._last_ns + 1)
        return Series(np.array([self._last_ns], np.int64), np.array([value], np.float64), self.unit)

    def _reject(self, what: str) -> None:
        self.unmatched += 1
        if self.unmatched == 1:
            log.warning(
                "%s: %s: %s, the reply to %r, holds no number as the setting pattern asks for; more such replies are only counted",
                self.channel,
                self.settings.port,
                what,
                self.settings.request,
            )
