"""Triggers that were found in a channel's signals, on their way from that channel's thread to the one that waits for them."""

from __future__ import annotations

import queue

from pydantic import Field

from inspector import drivers
from inspector.clock import Clock, SteppedClock
from inspector.parts import Trigger


class FinderSettings(drivers.Settings):
    """What all triggers that are found in signals have."""

    channel: str = Field(min_length=1, description="the channel of this station whose signals are watched")
    min_interval_s: float = Field(default=0.3, ge=0, description="what is found sooner after a part belongs to that part")
    learn_s: float = Field(default=1.0, ge=0.1, description="how long what is usual is learned at the start; no part may be there then")
    prefix: str = Field(default="part-", min_length=1, description="what part ids begin with")


class FoundParts:
    """Numbers what is found, leaves out what comes too soon, and hands it over."""

    def __init__(self, settings: FinderSettings, station: str, clock: Clock) -> None:
        self._settings, self._station = settings, station
        self._stepped = isinstance(clock, SteppedClock)
        self._queue: queue.SimpleQueue[Trigger] = queue.SimpleQueue()
        self._made = 0
        self._last_ns: int | None = None

    def add(self, t_ns: int) -> None:
        if self._last_ns is not None and 0 <= t_ns - self._last_ns < self._settings.min_interval_s * 1e9:
            return
        self._last_ns = t_ns
        self._made += 1
        self._queue.put(Trigger(self._station, f"{self._settings.prefix}{self._made:06d}", t_ns))

    def next(self, timeout_s: float) -> Trigger | None:
        """Return the next one. On a stepped clock nobody waits: whoever pulls the watched channel asks again."""
        try:
            return self._queue.get_nowait() if self._stepped or timeout_s <= 0 else self._queue.get(timeout=timeout_s)
        except queue.Empty:
            return None
