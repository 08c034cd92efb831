"""What every route works with."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from prometheus_client import CollectorRegistry, Counter, Histogram

from inspector.home import Home
from inspector.store import Store

if TYPE_CHECKING:
    from inspector.api.bench import Bench
    from inspector.knowledge import Memory


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may ask for."""

    requests: RateLimitItem = field(default_factory=lambda: parse("600 per minute"))
    """Of one client."""
    wrong_tokens: RateLimitItem = field(default_factory=lambda: parse("60 per minute"))
    """From one address."""
    body_mb: float = 64.0
    waiting_parts: int = 8


class Service:
    """One installation as its clients see it."""

    def __init__(
        self,
        store: Store,
        home: Home,
        open_memory: Callable[[], Memory],
        *,
        bench: Bench | None = None,
        inbox: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.store, self.home = store, home
        self.bench = bench
        self.inbox = inbox
        self.limits = limits or Limits()
        self.limiter = MovingWindowRateLimiter(MemoryStorage())
        self.waiting = threading.BoundedSemaphore(self.limits.waiting_parts)
        self.registry = CollectorRegistry()
        self.requests = Counter("inspector_api_requests", "Requests", ["method", "route", "status"], registry=self.registry)
        self.seconds = Histogram("inspector_api_request_seconds", "Time to answer", ["method", "route"], registry=self.registry)
        self._open_memory = open_memory
        self._memory: Memory | None = None
        self._known: tuple[int, int] | None = None
        self._memory_lock = threading.Lock()

    def memory(self) -> Memory:
        """Return the memory of fixes as it is now."""
        with self._memory_lock:
            now = self.store.knowledge_version()
            if self._memory is None or now != self._known:
                self._memory, self._known = self._open_memory(), now
            return self._memory
