"""Lines that are running: all drivers of one station look at the same one."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from inspector.clock import Clock
from stations.simulator.line import HISTORY_S, Line
from stations.simulator.pictures import warm_up
from stations.simulator.scenario import LineSettings


@dataclass(slots=True)
class _Running:
    line: Line
    users: int = 0


_LOCK = threading.Lock()
_RUNNING: WeakKeyDictionary[Clock, dict[LineSettings, _Running]] = WeakKeyDictionary()


def join(settings: LineSettings, clock: Clock) -> Line:
    """Return the line that runs with these settings on this clock; the first to ask starts it, and that is its t = 0.

    What all pictures share is drawn before that, which takes about a second. On a clock that has only just begun the line starts
    a little later, so that no stamp is negative.
    """
    with _LOCK:
        lines = _RUNNING.setdefault(clock, {})
        if settings not in lines:
            warm_up()
            lines[settings] = _Running(Line(settings, t0_ns=max(clock.now_ns(), round(HISTORY_S * 1e9))))
        lines[settings].users += 1
        return lines[settings].line


def leave(settings: LineSettings, clock: Clock) -> None:
    """Give a line back; the last to leave stops it."""
    with _LOCK:
        lines = _RUNNING.get(clock, {})
        running = lines.get(settings)
        if running is None:
            return
        running.users -= 1
        if running.users <= 0:
            del lines[settings]
