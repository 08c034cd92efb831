"""One connection for all drivers that name the same peer, and the way from its thread to theirs."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from inspector.errors import DriverError

INBOX_ITEMS = 10_000
"""What a driver that nobody reads may leave lying; the oldest go first."""


class Closable(Protocol):
    def close(self) -> None: ...


L = TypeVar("L", bound=Closable)
T = TypeVar("T")


@dataclass(slots=True)
class _Held(Generic[L]):
    link: L
    users: int = 0


class Links(Generic[L]):
    """Connections in use: made for the first driver that takes one, closed when the last has given it back."""

    def __init__(self) -> None:
        self._held: dict[Hashable, _Held[L]] = {}
        self._lock = threading.Lock()

    def take(self, key: Hashable, make: Callable[[], L]) -> L:
        with self._lock:
            held = self._held.get(key)
            if held is None:
                held = self._held[key] = _Held(make())
            held.users += 1
            return held.link

    def give_back(self, link: L) -> None:
        with self._lock:
            key = next(key for key, held in self._held.items() if held.link is link)
            self._held[key].users -= 1
            unused = not self._held[key].users
            if unused:
                del self._held[key]
        if unused:
            link.close()


class Inbox(Generic[T]):
    """What a connection's thread puts in and a driver's thread takes out; a failure of the connection comes out last."""

    def __init__(self) -> None:
        self._items: deque[T] = deque(maxlen=INBOX_ITEMS)
        self._failure: str | None = None
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def fail(self, reason: str) -> None:
        with self._changed:
            self._failure = self._failure or reason
            self._changed.notify_all()

    def take(self, timeout_s: float, channel: str) -> T | None:
        """Return the oldest item, None when the time is over. Raises DriverError once the connection has failed."""
        end_s = time.monotonic() + timeout_s
        with self._changed:
            while not self._items:
                if self._failure is not None:
                    raise DriverError(self._failure, channel=channel)
                left_s = end_s - time.monotonic()
                if left_s <= 0:
                    return None
                self._changed.wait(left_s)
            return self._items.popleft()
