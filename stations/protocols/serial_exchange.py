"""Requests and replies over a serial port that several drivers may share: one asks at a time, and no late reply is taken for another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from inspector.clock import Clock
from inspector.errors import DriverError
from stations.protocols.serial_port import FAULTS, PortSettings, lost, open_port
from stations.protocols.serial_text import Line, LineReader
from stations.protocols.sharing import Shared

if TYPE_CHECKING:
    import serial

OPENING_S = 1.0
"""How long opening waits for another driver's exchange to end."""


class ExchangeSettings(PortSettings):
    reply_timeout_s: float = Field(default=0.5, gt=0, le=60, description="how long the device may take until its reply is complete")
    late_s: float = Field(
        default=2.0,
        ge=0,
        le=600,
        description="after a reply that did not come in time, how long nothing else is asked unless it comes after all",
    )
    tries: int = Field(default=2, ge=1, le=100, description="how many requests in a row may stay without a reply before the device is lost")


class _Exchange:
    """One port with those who ask over it. Whoever holds `turn` may use the port, and owns what is said of it here."""

    def __init__(self, settings: PortSettings) -> None:
        self.settings = settings
        self.turn = threading.Lock()
        self.port: serial.Serial | None = None

    def connect(self, channel: str) -> serial.Serial:
        if self.port is None:
            self.port = open_port(self.settings, channel)
        return self.port

    def close(self) -> None:
        if self.port is not None:
            port, self.port = self.port, None
            port.close()


_exchanges: Shared[_Exchange] = Shared()
_late_until_s: dict[str, float] = {}
"""By port, until when the reply to a request that was given up may still come (`time.monotonic`); it outlives closing the port."""


class Asker:
    """One driver's access to a port. To be used by one thread.

    Args:
        settings: of the port and the exchange.
        channel: who asks, for errors.
        clock: what replies are stamped with.
        reject: told in words of what came and is no line.

    Attributes:
        sent: how many requests went out.
    """

    def __init__(self, settings: ExchangeSettings, channel: str, clock: Clock, reject: Callable[[str], None]) -> None:
        self._settings = settings
        self._key = PortSettings(**{name: getattr(settings, name) for name in PortSettings.model_fields})
        self._channel = channel
        self._clock = clock
        self._reject = reject
        self.sent = 0
        self._exchange: _Exchange | None = None
        self._lines: LineReader | None = None
        self._asked = b""
        self._sent_ns = 0
        self._due_s = 0.0
        self._unanswered = 0

    @property
    def is_open(self) -> bool:
        return self._exchange is not None

    @property
    def is_asking(self) -> bool:
        """Whether a reply is being waited for."""
        return self._lines is not None

    def open(self) -> None:
        """Open the port, unless another driver has. Raises DriverError."""
        if self._exchange is not None:
            return
        self._exchange = _exchanges.take(self._key, lambda: _Exchange(self._key))
        self._unanswered = 0
        try:
            if not self._take_turn(time.monotonic() + OPENING_S):
                raise self._error("is kept busy by another channel, give it a longer interval_s")
            try:
                self._exchange.connect(self._channel)
            finally:
                self._exchange.turn.release()
        except DriverError:
            self.close()
            raise

    def close(self) -> None:
        if self._exchange is None:
            return
        if self.is_asking:
            self._give_up()
        exchange, self._exchange = self._exchange, None
        _exchanges.give_back(exchange)

    def tell(self, request: bytes) -> None:
        """Send a request that has no reply. Raises DriverError."""
        if not self._send(request, time.monotonic() + OPENING_S + self._settings.late_s):
            raise self._error("is kept busy by another channel, give it a longer interval_s")
        self._end_turn()

    def ask(self, request: bytes, timeout_s: float) -> tuple[int, Line] | None:
        """Return the reply, and the middle between the request's end and its first byte: the instrument measures in between.

        None where it has not come within `timeout_s`: the next call goes on waiting for it. Raises DriverError when the port fails, or
        the device leaves as many requests in a row unanswered as it may.
        """
        end_s = time.monotonic() + timeout_s
        if self._lines is None and not self._send(request, end_s):
            return None
        while True:
            line = self._line(min(end_s, self._due_s))
            if line is not None:
                self._unanswered = 0
                self._end_turn()
                begin_ns = min(self._sent_ns + round(len(self._asked) * self._settings.byte_ns), line.t_ns)
                return (begin_ns + line.t_ns) // 2, line
            if time.monotonic() >= self._due_s:
                self._miss()
                return None
            if time.monotonic() >= end_s:
                return None

    def _send(self, request: bytes, end_s: float) -> bool:
        """Send when it is this driver's turn and no old reply can come any more; say whether that was before `end_s`."""
        if self._exchange is None:
            raise DriverError("is not open, call open() first", channel=self._channel)
        if not self._take_turn(end_s):
            return False
        try:
            port = self._exchange.connect(self._channel)
            if not self._is_settled(port, end_s):
                self._exchange.turn.release()
                return False
            port.reset_input_buffer()
            self._lines = LineReader(port, self._settings, self._channel, self._clock, self._reject, whole=True)
            self._sent_ns = self._clock.now_ns()
            port.write(request)
        except FAULTS as error:
            raise self._lost(error) from error
        except DriverError:
            self._exchange.turn.release()
            raise
        self.sent += 1
        self._asked = request
        self._due_s = time.monotonic() + len(request) * self._settings.byte_ns / 1e9 + self._settings.reply_timeout_s
        return True

    def _is_settled(self, port: serial.Serial, end_s: float) -> bool:
        """Wait until the reply that was given up has come, or cannot come any more; it is thrown away."""
        late_until_s = _late_until_s.get(self._settings.port, 0.0)
        while (now_s := time.monotonic()) < late_until_s:
            if now_s >= end_s:
                return False
            piece = port.read(1) + port.read(port.in_waiting)
            if b"\n" in piece or b"\r" in piece:
                break
        _late_until_s.pop(self._settings.port, None)
        return True

    def _line(self, until_s: float) -> Line | None:
        """Return the first line that is not the request itself, which some converters send back."""
        assert self._lines is not None
        try:
            lines = self._lines.read(max(0.0, until_s - time.monotonic()))
        except DriverError:
            self._drop()
            raise
        return next((line for line in lines or () if line.data.strip() != self._asked.strip()), None)

    def _miss(self) -> None:
        """Give the request up. Raises DriverError when it was one too many."""
        self._give_up()
        self._unanswered += 1
        if self._unanswered >= self._settings.tries:
            raise self._error(
                f"no reply to {self._asked.decode('ascii')!r} within {self._settings.reply_timeout_s:g} s in {self._settings.tries} tries,"
                " check the device's power, its cable and baud_rate, and that the request ends as the device expects"
            )

    def _give_up(self) -> None:
        _late_until_s[self._settings.port] = time.monotonic() + self._settings.late_s
        self._end_turn()

    def _take_turn(self, end_s: float) -> bool:
        assert self._exchange is not None
        return self._exchange.turn.acquire(timeout=max(0.0, end_s - time.monotonic()))

    def _end_turn(self) -> None:
        assert self._exchange is not None
        self._lines = None
        self._exchange.turn.release()

    def _drop(self) -> None:
        """Close a port that failed, for all who use it: the next one opens it anew."""
        assert self._exchange is not None
        self._exchange.close()
        self._end_turn()

    def _lost(self, error: Exception) -> DriverError:
        self._drop()
        return lost(self._settings, self._channel, error)

    def _error(self, what: str) -> DriverError:
        return DriverError(f"{self._settings.port}: {what}", channel=self._channel)
