"""What several drivers use at once: made for the first that takes it, closed when the last has given it back. And the way from its
thread to theirs.
"""

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


C = TypeVar("C", bound=Closable)
T = TypeVar("T")


@dataclass(slots=True)
class _Held(Generic[C]):
    thing: C
    users: int = 0


class Shared(Generic[C]):
    """Things in use, by key. Making one must not wait for a device: the others would wait, too."""

    def __init__(self) -> None:
        self._held: dict[Hashable, _Held[C]] = {}
        self._lock = threading.Lock()

    def take(self, key: Hashable, make: Callable[[], C]) -> C:
        """Return the thing of this key; whoever takes it must give it back once."""
        with self._lock:
            held = self._held.get(key)
            if held is None:
                held = self._held[key] = _Held(make())
            held.users += 1
            return held.thing

    def give_back(self, thing: C) -> None:
        """Let go; the last user closes it, before anyone can make it anew: a port is open once at a time."""
        with self._lock:
            key = next(key for key, held in self._held.items() if held.thing is thing)
            self._held[key].users -= 1
            if not self._held[key].users:
                self._held.pop(key).thing.close()


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
