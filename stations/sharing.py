"""What several drivers use at once: made by the first that asks for it, closed when the last one has let go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=Closable)


class Shared(Generic[T]):
    """Things by key, each with the number of its users. Making one must not wait for a device: the others would wait, too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._things: dict[Hashable, T] = {}
        self._users: dict[Hashable, int] = {}

    def take(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the thing of this key; whoever takes it must `release` it once."""
        with self._lock:
            if key not in self._things:
                self._things[key] = make()
            self._users[key] = self._users.get(key, 0) + 1
            return self._things[key]

    def release(self, key: Hashable) -> None:
        """Let go; the last user closes the thing, so that the next one makes it anew."""
        with self._lock:
            self._users[key] -= 1
            if self._users[key] == 0:
                del self._users[key]
                self._things.pop(key).close()
