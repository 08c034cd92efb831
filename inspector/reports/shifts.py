"""The reports of shifts: which shifts have ended, and their reports in both languages, each written once.

HOME/reports/<station>/<date>-<begin of the shift>.<language>.pdf and .html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

from inspector.diagnosis import Catalogue
from inspector.errors import UsageError
from inspector.home import Home
from inspector.reports.batch import batch_of, batch_report
from inspector.reports.sheet import Language
from inspector.reports.writing import FORMATS, write_report
from inspector.store import Store

LOOK_BACK = timedelta(days=2)
"""Shifts that ended earlier are not reported any more by themselves."""
LATE = timedelta(minutes=5)
"""After the end of a shift: its last parts are explained and stored by then."""


@dataclass(frozen=True, slots=True)
class ShiftPlan:
    """When shifts begin, by the plant's own clock: the first of a day, and each `hours` later."""

    first_hour: int = 6
    first_minute: int = 0
    hours: int = 8

    def begin(self, at: datetime) -> datetime:
        """Return when the shift of an instant began."""
        naive = at.replace(tzinfo=None)
        first = naive.replace(hour=self.first_hour, minute=self.first_minute, second=0, microsecond=0)
        shifts = (naive - first) // timedelta(hours=self.hours)
        return (first + shifts * timedelta(hours=self.hours)).astimezone()  # the plant's zone is this computer's

    def ended(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield begin and end of the shifts that ended lately, oldest first."""
        end = self.begin(now - LATE)
        spans = []
        while end > now - LOOK_BACK:
            begin = self.begin(end - timedelta(minutes=1))
            spans.append((begin, end))
            end = begin
        yield from reversed(spans)


def parse_plan(first: str, hours: int) -> ShiftPlan:
    """Return the plan that a person wrote as `06:00` and 8. Raises UsageError."""
    try:
        at = datetime.strptime(first, "%H:%M")
    except ValueError as error:
        raise UsageError(f"--first {first}: write when the first shift of a day begins, as 06:00") from error
    if not 1 <= hours <= 24 or 24 % hours:
        raise UsageError(f"--hours {hours}: shifts must fill a day: 4, 6, 8, 12 or 24")
    return ShiftPlan(at.hour, at.minute, hours)


def write_missing(store: Store, home: Home, catalogue: Catalogue, plan: ShiftPlan, now: datetime) -> list[Path]:
    """Write the reports of ended shifts that are not there yet; return them. A shift without a part has none. Raises StoreError."""
    written = []
    for station in store.stations():
        for begin, end in plan.ended(now):
            name = home.root / "reports" / station / f"{begin:%Y-%m-%d-%H%M}"
            wanted = [(name.with_name(f"{name.name}.{lang}{ending}"), lang) for lang in get_args(Language) for ending in FORMATS]
            missing = [(path, lang) for path, lang in wanted if not path.is_file()]
            batch = batch_of(store, station, _ns(begin), _ns(end)) if missing else None
            if batch is None or not batch.parts:
                continue
            for path, lang in missing:
                path.parent.mkdir(parents=True, exist_ok=True)
                partial = path.with_name(f".{path.name}")
                write_report(batch_report(batch, catalogue, lang, now), partial)
                partial.replace(path)
                written.append(path)
    return written


def _ns(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000_000
