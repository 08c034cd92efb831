"""The station's clock: monotonic nanoseconds, and the wall time beside them for people."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod


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
    """Real time. The wall anchor is taken once, so an NTP step moves no stamp."""

    def __init__(self) -> None:
        self._anchor = (time.monotonic_ns(), time.time_ns())
        self.epoch_ns = self._anchor[0]

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def sleep_until_ns(self, t_ns: int) -> None:
        while (left_ns := t_ns - time.monotonic_ns()) > 0:
            time.sleep(left_ns / 1e9)

    def wall_utc_ns(self, t_ns: int) -> int:
        mono_ns, wall_ns = self._anchor
        return wall_ns + (t_ns - mono_ns)


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
