"""A fault that comes back is not solved by fixing it once more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from inspector.parts import Text

_DAYS = 7
_TIMES = 3
"""From the third time in a week on, somebody should look for the reason behind it. A judgement."""
_SAME_EVENT = timedelta(hours=1)
"""What was done within an hour belongs to one occurrence."""

_ORDINALS = {3: "third", 4: "fourth", 5: "fifth", 6: "sixth", 7: "seventh", 8: "eighth", 9: "ninth", 10: "tenth"}


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How often the same trouble was met at one station in the last days, this time included."""

    times: int
    days: int
    text: Text


def recurrence(instants: Iterable[str], now: datetime | None = None) -> Recurrence | None:
    """Return how often a trouble came in the last week, given ISO 8601 instants of what was done about it; None when seldom.

    What was done within the last hour is about the occurrence at hand.
    """
    now = now or datetime.now(UTC)
    known = sorted(_instant(text) for text in instants)
    recent = [instant for instant in known if now - timedelta(days=_DAYS) <= instant <= now]
    events = [now]
    for instant in reversed(recent):
        if events[-1] - instant > _SAME_EVENT:
            events.append(instant)
    times = len(events)
    return Recurrence(times, _DAYS, _words(times)) if times >= _TIMES else None


def _words(times: int) -> Text:
    ordinal = _ORDINALS.get(times)
    english = f"{ordinal} time in {_DAYS} days" if ordinal else f"{times} times in {_DAYS} days"
    return Text(f"{english}: ask for maintenance", f"{_DAYS} 天内第 {times} 次：请安排检修")


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
