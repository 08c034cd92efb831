"""A Modbus line, serial or TCP, as all drivers that use one name it, share it and tell of its failures."""

from __future__ import annotations

import logging
import math
import select
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from inspector.errors import DriverError
from stations.protocols.extras import required
from stations.protocols.modbus_settings import NAMES, LineSettings, ModbusSettings, RegisterKind, Span
from stations.protocols.serial_port import FAULTS, open_port

_READ: dict[RegisterKind, tuple[str, int]] = {
    "holding": ("read_holding_registers", 3),
    "input": ("read_input_registers", 4),
    "coil": ("read_coils", 1),
    "discrete": ("read_discrete_inputs", 2),
}
_WRITE: dict[RegisterKind, tuple[str, int]] = {"holding": ("write_registers", 16), "coil": ("write_coils", 15)}
"""Method and function code."""
_FRAME_BYTES = 8
"""Of an RTU message beside the values it carries, at most: device, function, address, count, check sum."""
_PAUSE_BYTES = 3.5
_LEAST_PAUSE_NS = 1_750_000
"""How long a serial line is silent between messages (Modbus over serial line 1.02, 2.5.1.1)."""
_AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""On and 0 s: closing throws away what was not sent."""
OUT_OF_RANGE = (2, 3)
"""Exception codes by which a device says that it has not all of the registers asked for."""
_REFUSALS = {
    1: "device {device} does not know {things} (illegal function), correct the kind of register",
    2: "device {device} has no {span} (illegal data address), correct address, counted from 0, or the kind of register",
    3: "device {device} refuses {span} (illegal data value), correct address and data type",
    4: "device {device} could not serve {span} (device failure), correct device_id or see what the device itself shows",
    5: "device {device} has put off {span} (acknowledge), ask less often",
    6: "device {device} is too busy for {span} (device busy), ask less often",
    10: "the gateway has no way to device {device} (path unavailable), correct device_id or the gateway's settings",
    11: "device {device} does not answer the gateway (no response), correct device_id or check its power and cable",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a span held; `t_ns` is the middle between request and answer (without their time on a serial wire), by `time.monotonic_ns`."""

    span: Span
    t_ns: int
    values: tuple[int, ...]


class RefusedError(DriverError):
    """A device answered that it will not; `code` is Modbus's exception code."""

    def __init__(self, message: str, code: int, channel: str) -> None:
        super().__init__(message, channel=channel)
        self.code = code


class NoAnswerError(DriverError):
    """A device did not answer in time, or nothing that could be understood."""


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A request and what answers it."""

    span: Span
    function: int
    request_bytes: int
    answer_bytes: int

    def is_answered_by(self, answer: Any) -> bool:
        if answer.function_code != self.function:
            return False
        if self.function in (mode[1] for mode in _WRITE.values()):
            return True
        if self.span.is_words:
            return len(answer.registers) == self.span.count
        return len(answer.bits) == math.ceil(self.span.count / 8) * 8  # bits come in whole bytes


_late_until_s: dict[tuple[LineSettings, int], float] = {}
"""Until when a device may still answer a request that was given up (`time.monotonic`); it outlives closing the line."""


class ModbusLink:
    """One line: one request at a time, opened when needed, opened anew after a failure. Safe to use from any thread."""

    def __init__(self, line: LineSettings) -> None:
        self._line = line
        self._client: Any = None
        self._turn = threading.Lock()
        self._byte_ns = line.serial.byte_ns if line.serial is not None else 0.0
        self._pause_ns = max(_LEAST_PAUSE_NS, round(_PAUSE_BYTES * self._byte_ns)) if line.serial is not None else 0
        self._free_ns = 0

    def connect(self, channel: str, timeout_s: float) -> None:
        """Open the line, unless it is open. Raises DriverError."""
        with self._my_turn(channel, time.monotonic() + timeout_s):
            self._connected(channel, timeout_s)

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def read(self, span: Span, channel: str, settings: ModbusSettings, until_s: float | None = None) -> Reading:
        """Read a span. Raises DriverError, RefusedError where the device answered but would not.

        Args:
            span: what to read.
            channel: who asks, for errors.
            settings: of the driver that asks: how long it waits for an answer, and how often it asks.
            until_s: when it must be over (`time.monotonic`), whatever the settings say; then it is asked once.
        """
        method, function = _READ[span.kind]
        exchange = _Exchange(span, function, _FRAME_BYTES, _FRAME_BYTES + span.bytes)
        for left in reversed(range(settings.tries if until_s is None else 1)):
            try:
                t_ns, answer = self._ask(
                    lambda client: getattr(client, method)(span.address, count=span.count, device_id=span.device_id),
                    exchange,
                    channel,
                    settings,
                    until_s,
                )
            except NoAnswerError:
                if not left:
                    raise
                continue
            values = answer.registers if span.is_words else answer.bits
            return Reading(span, t_ns, tuple(int(value) for value in values[: span.count]))
        raise AssertionError("tries is at least 1")

    def write(self, span: Span, values: Sequence[int], channel: str, settings: ModbusSettings, until_s: float | None = None) -> None:
        """Write holding registers or coils, with one request; the rest as `read`."""
        method, function = _WRITE[span.kind]
        wire = list(values) if span.is_words else [bool(value) for value in values]
        self._ask(
            lambda client: getattr(client, method)(span.address, wire, device_id=span.device_id),
            _Exchange(span, function, _FRAME_BYTES + span.bytes, _FRAME_BYTES),
            channel,
            settings,
            until_s,
        )

    def _ask(
        self, request: Callable[[Any], Any], exchange: _Exchange, channel: str, settings: ModbusSettings, until_s: float | None
    ) -> tuple[int, Any]:
        """Return the middle between the end of the request and the beginning of its answer, and the answer."""
        asked_ns, answered_ns = (round(count * self._byte_ns) for count in (exchange.request_bytes, exchange.answer_bytes))
        patience_s = settings.timeout_s + (asked_ns + answered_ns) / 1e9
        if until_s is None:  # its turn, an old answer that may still come, and its own
            until_s = time.monotonic() + settings.timeout_s + 2 * patience_s
        with self._my_turn(channel, until_s):
            client = self._connected(channel, min(settings.timeout_s, _left_s(until_s)))
            self._await_late(exchange.span.device_id, client, channel, until_s)
            time.sleep(max(0, self._free_ns - time.monotonic_ns()) / 1e9)
            client.comm_params.timeout_connect = client.transaction.comm_params.timeout_connect = min(patience_s, _left_s(until_s))
            begin_ns = time.monotonic_ns()
            answer = self._answer(request, client, exchange, channel, patience_s)
            end_ns = time.monotonic_ns()
            self._free_ns = end_ns + self._pause_ns
        if answer.isError():
            raise self._refusal(exchange.span, answer.exception_code, channel)
        asked_ns = min(begin_ns + asked_ns, end_ns)
        return (asked_ns + max(end_ns - answered_ns, asked_ns)) // 2, answer

    def _answer(self, request: Callable[[Any], Any], client: Any, exchange: _Exchange, channel: str, patience_s: float) -> Any:
        errors = required("pymodbus.exceptions", "modbus", channel)
        span = exchange.span
        try:
            answer = request(client)
        except errors.ModbusIOException as error:
            raise self._silent(span, channel, client.comm_params.timeout_connect, patience_s) from error
        except (errors.ModbusException, *FAULTS, struct.error) as error:
            what = f"the connection broke while device {span.device_id} was asked for {span} ({_plain(error)})"
            raise self._fail(what, channel) from error
        if not answer.isError() and not exchange.is_answered_by(answer):
            raise self._fail(f"device {span.device_id} answered something else than {span}", channel)
        return answer

    @contextmanager
    def _my_turn(self, channel: str, until_s: float) -> Iterator[None]:
        if not self._turn.acquire(timeout=max(0.0, until_s - time.monotonic())):
            raise DriverError(
                f"{self._line.place}: is kept busy by other channels, ask less often or give a longer timeout_s", channel=channel
            )
        try:
            yield
        finally:
            self._turn.release()

    def _connected(self, channel: str, timeout_s: float) -> Any:
        if self._client is not None and _is_hung_up(self._client):
            self._drop()
        if self._client is None:
            package = required("pymodbus.client", "modbus", channel)
            logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # what it has to say is in the errors raised here
            make = self._serial_client if self._line.serial is not None else self._tcp_client
            self._client = make(package, channel, timeout_s)
        return self._client

    def _tcp_client(self, package: Any, channel: str, timeout_s: float) -> Any:
        framer = "socket" if self._line.framer in ("auto", "tcp") else self._line.framer
        client = package.ModbusTcpClient(self._line.host, port=self._line.tcp_port, framer=_framer(framer), retries=0)
        try:
            client.socket = socket.create_connection((self._line.host, self._line.tcp_port), timeout=timeout_s)
        except OSError as error:
            raise DriverError(f"{self._line.place}: {_why_not(error)}", channel=channel) from error
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client

    def _serial_client(self, package: Any, channel: str, _timeout_s: float) -> Any:
        settings = self._line.serial
        assert settings is not None
        framer = "rtu" if self._line.framer == "auto" else self._line.framer
        client = package.ModbusSerialClient(
            settings.port, framer=_framer(framer), baudrate=settings.baud_rate, handle_local_echo=self._line.echo, retries=0
        )
        client.socket = open_port(settings, channel)
        return client

    def _await_late(self, device_id: int, client: Any, channel: str, until_s: float) -> None:
        """Let an answer that was given up come or become impossible: on a serial line nothing says which request an answer is for."""
        came = b""
        while came or time.monotonic() < _late_until_s.get((self._line, device_id), 0.0):
            if time.monotonic() >= until_s:
                raise DriverError(f"{self._line.place}: device {device_id} has not answered the last request yet", channel=channel)
            try:
                before, came = came, client.socket.read(256)
            except FAULTS as error:
                raise self._fail(f"the connection broke ({_plain(error)})", channel) from error
            if before and not came:  # it has come, to its end
                break
        _late_until_s.pop((self._line, device_id), None)

    def _silent(self, span: Span, channel: str, waited_s: float, late_s: float) -> NoAnswerError:
        """Return the error for a device that does not answer; its answer must not be taken for one to the next request."""
        check = "its power and cable, and device_id"
        if self._line.serial is None:
            self._drop()
        else:
            _late_until_s[self._line, span.device_id] = time.monotonic() + late_s
            check += ", baud_rate, parity and framer"
        return NoAnswerError(
            f"{self._line.place}: device {span.device_id} does not answer within {waited_s:.2g} s when asked for {span}, check {check}",
            channel=channel,
        )

    def _fail(self, what: str, channel: str) -> DriverError:
        self._drop()
        return DriverError(f"{self._line.place}: {what}, check the device and its cable", channel=channel)

    def _refusal(self, span: Span, code: int, channel: str) -> RefusedError:
        text = _REFUSALS.get(code, "device {device} refuses {span} (exception code {code}), see its manual")
        words = text.format(device=span.device_id, span=span, things=f"{NAMES[span.kind]}s", code=code)
        return RefusedError(f"{self._line.place}: {words}", code, channel)

    def _drop(self) -> None:
        """Close a line that failed, at once: what still waits to be sent must not be sent late."""
        if self._client is not None and isinstance(self._client.socket, socket.socket):
            self._client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.close()


def _left_s(until_s: float) -> float:
    return max(0.001, until_s - time.monotonic())


def _framer(name: str) -> Any:
    return required("pymodbus.framer", "modbus", "").FramerType(name)


def _is_hung_up(client: Any) -> bool:
    """Say whether the other end has closed a TCP connection that nobody was using."""
    if not isinstance(client.socket, socket.socket):
        return client.socket is None
    try:
        if not select.select([client.socket], [], [], 0)[0]:
            return False
        return client.socket.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True


def _why_not(error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "refuses the connection, start the device's Modbus server or correct tcp_port"
    if isinstance(error, TimeoutError):
        return "does not answer, check its power and network cable, or correct host"
    if isinstance(error, socket.gaierror):
        return "is no known name, correct host or give the address in numbers"
    return f"cannot be reached ({_plain(error)}), check the network cable and correct host"


def _plain(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
