"""Reads that channels share: neighbouring registers of a device come in one request, which serves all who ask at about that time."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from inspector.errors import DriverError
from stations.protocols.modbus_link import OUT_OF_RANGE, ModbusLink, Reading, RefusedError
from stations.protocols.modbus_settings import ModbusSettings, RegisterKind, Span

MOST = {"holding": 125, "input": 125, "coil": 2000, "discrete": 2000}
"""How much one request may read (Modbus application protocol 1.1b3, 6.1 to 6.4)."""
WIDEST_GAP = 8
"""Registers between two spans that are read along: cheaper than another request."""
APART = -1


@dataclass(slots=True)
class _Bank:
    """The registers of one kind in one device."""

    users: Counter[Span] = field(default_factory=Counter)
    gap: int = WIDEST_GAP
    latest: list[Reading] = field(default_factory=list)


class SharedReads:
    """What the channels of one line read.

    A span joins the common request once it was read alone, so that a wrong address stays its own channel's matter. Where a device
    refuses the common request, gaps are no longer read along, and if that does not help, nothing is.
    """

    def __init__(self, link: ModbusLink) -> None:
        self._link = link
        self._lock = threading.Lock()
        self._banks: dict[tuple[int, RegisterKind], _Bank] = defaultdict(_Bank)
        self._failure = (0.0, 0, "")

    def join(self, span: Span, channel: str, settings: ModbusSettings) -> None:
        """Read a span once by itself and have it read with its neighbours from now on; `leave` it once. Raises DriverError."""
        began_s = time.monotonic()
        with self._lock:
            self._raise_failure_since(began_s, span, channel)
            self._read(span, channel, settings)
            self._bank(span).users[span] += 1

    def leave(self, span: Span) -> None:
        with self._lock:
            bank = self._bank(span)
            bank.users[span] -= 1
            bank.users += Counter()  # drops what nobody uses
            bank.latest = []

    def read(self, span: Span, newer_than_ns: int, channel: str, settings: ModbusSettings) -> Reading:
        """Return what a span holds, read after `newer_than_ns` by this call or another channel's. Raises DriverError."""
        began_s = time.monotonic()
        with self._lock:
            self._raise_failure_since(began_s, span, channel)
            bank = self._bank(span)
            while True:
                for reading in bank.latest:
                    if reading.t_ns > newer_than_ns and _covers(reading.span, span):
                        return _part(reading, span)
                self._refresh(bank, span, channel, settings)

    def _refresh(self, bank: _Bank, span: Span, channel: str, settings: ModbusSettings) -> None:
        block = _block(span, bank.users, bank.gap)
        try:
            reading = self._read(block, channel, settings)
        except RefusedError as error:
            if block == span or error.code not in OUT_OF_RANGE:
                raise
            bank.gap = 0 if bank.gap > 0 else APART
            return
        bank.latest = [old for old in bank.latest if not _covers(block, old.span)]
        bank.latest.append(reading)

    def _read(self, span: Span, channel: str, settings: ModbusSettings) -> Reading:
        try:
            return self._link.read(span, channel, settings)
        except RefusedError:
            raise
        except DriverError as error:
            self._failure = (time.monotonic(), span.device_id, str(error).removeprefix(f"{channel}: "))
            raise

    def _raise_failure_since(self, began_s: float, span: Span, channel: str) -> None:
        """Let all who waited share one failure: a device that is gone must not be asked by each of them in turn."""
        failed_s, device_id, message = self._failure
        if failed_s > began_s and device_id == span.device_id:
            raise DriverError(message, channel=channel)

    def _bank(self, span: Span) -> _Bank:
        return self._banks[span.device_id, span.kind]


def _block(span: Span, users: Iterable[Span], gap: int) -> Span:
    """Return the span to read for `span`: with its neighbours, as far as one request reaches."""
    if gap == APART:
        return span
    blocks: list[tuple[int, int]] = []
    for other in sorted({span, *users}, key=lambda other: (other.address, other.end)):
        start, end = blocks[-1] if blocks else (0, -WIDEST_GAP)
        if blocks and other.address <= end + gap and max(end, other.end) - start <= MOST[span.kind]:
            blocks[-1] = (start, max(end, other.end))
        else:
            blocks.append((other.address, other.end))
    start, end = next((start, end) for start, end in blocks if start <= span.address and span.end <= end)
    return Span(span.device_id, span.kind, start, end - start)


def _covers(outer: Span, inner: Span) -> bool:
    return outer.address <= inner.address and inner.end <= outer.end


def _part(reading: Reading, span: Span) -> Reading:
    first = span.address - reading.span.address
    return Reading(span, reading.t_ns, reading.values[first : first + span.count])
