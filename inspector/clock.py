"""The station's clock: monotonic nanoseconds, and the wall time beside them for people."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

WALL_PAIR_NS = 10_000_000_000
"""How often the wall clock is looked at."""
WALL_PAIRS = 8640
"""A day of looks: nobody asks for the wall time of older stamps than that."""


LONG_AGO_NS = 3_600_000_000_000
"""Where a stepped clock may start: a source may bring along what it knows of the time before its start, which must not lie before zero."""


class Clock(ABC):
    """Instants in nanoseconds that never run backward."""

    epoch_ns: int = 0
    """When this clock was started: recorded and simulated sources, which have no time of their own, count from here."""

    @abstractmethod
    def now_ns(self) -> int:
        """Return the present instant."""

    @abstractmethod
    def sleep_until_ns(self, t_ns: int) -> None:
        """Return once `now_ns()` has reached `t_ns`."""

    @abstractmethod
    def wall_utc_ns(self, t_ns: int) -> int:
        """Return the wall time (ns since 1970, UTC) that belongs to `t_ns`."""


class MonotonicClock(Clock):
    """Real time. Wall time follows the computer's (NTP) by pairs of both, taken every ten seconds; no stamp moves with it.

    Args:
        wall_ns: reads the wall clock (ns since 1970, UTC).
        monotonic_ns: reads the monotonic clock.
    """

    def __init__(self, wall_ns: Callable[[], int] = time.time_ns, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._wall_ns, self._monotonic_ns = wall_ns, monotonic_ns
        self._lock = threading.Lock()
        self._pairs: deque[tuple[int, int]] = deque(maxlen=WALL_PAIRS)
        self._next_pair_ns = 0
        self._take_pair()
        self.epoch_ns = self._pairs[0][0]

    def now_ns(self) -> int:
        now_ns = self._monotonic_ns()
        if now_ns >= self._next_pair_ns:
            self._take_pair()
        return now_ns

    def sleep_until_ns(self, t_ns: int) -> None:
        while (left_ns := t_ns - self.now_ns()) > 0:
            time.sleep(left_ns / 1e9)

    def wall_utc_ns(self, t_ns: int) -> int:
        """Return the wall time by the last look at the wall clock before `t_ns`: it stays the same whenever it is asked for."""
        self.now_ns()
        with self._lock:
            mono_ns, wall_ns = next((pair for pair in reversed(self._pairs) if pair[0] <= t_ns), self._pairs[0])
        return wall_ns + (t_ns - mono_ns)

    def _take_pair(self) -> None:
        with self._lock:
            before_ns = self._monotonic_ns()
            if self._pairs and before_ns < self._next_pair_ns:  # another thread was quicker
                return
            wall_ns = self._wall_ns()
            now_ns = (before_ns + self._monotonic_ns()) // 2
            self._pairs.append((now_ns, wall_ns))
            self._next_pair_ns = now_ns + WALL_PAIR_NS


class SteppedClock(Clock):
    """Time that passes only when someone waits for it: simulated lines and files run as fast as they can be judged."""

    def __init__(self, start_ns: int = 0, wall_start_ns: int | None = None) -> None:
        self._now_ns = self.epoch_ns = start_ns
        self._wall_offset_ns = (time.time_ns() if wall_start_ns is None else wall_start_ns) - start_ns

    def now_ns(self) -> int:
        return self._now_ns

    def sleep_until_ns(self, t_ns: int) -> None:
        self._now_ns = max(self._now_ns, t_ns)

    def wall_utc_ns(self, t_ns: int) -> int:
        return t_ns + self._wall_offset_ns
