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
    from inspector.api.bench import Bench, KeptUp
    from inspector.knowledge import Memory


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may ask for."""

    requests: RateLimitItem = field(default_factory=lambda: parse("600 per minute"))
    """Of one client."""
    wrong_tokens: RateLimitItem = field(default_factory=lambda: parse("60 per minute"))
    """From one address."""
    station_parts: RateLimitItem = field(default_factory=lambda: parse("300 per minute"))
    """To be inspected for one station, whoever sends them."""
    body_mb: float = 64.0
    waiting_parts: int = 8


class Service:
    """One installation as its clients see it."""

    def __init__(
        self,
        store: Store,
        home: Home,
        open_knowledge: Callable[[], KeptUp],
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
        self._open_knowledge = open_knowledge
        self._knowledge: KeptUp | None = None
        self._knowledge_lock = threading.Lock()

    def memory(self) -> Memory:
        """Return the memory of fixes as it is now."""
        with self._knowledge_lock:
            if self._knowledge is None:
                self._knowledge = self._open_knowledge()
            self._knowledge.keep_up()
            return self._knowledge.memory
