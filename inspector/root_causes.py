"""What defects go with, over many stored parts: which causes when, which channel began, and which process values differ.

Values that differ are no proof of a cause: they say where to look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.stats import mannwhitneyu

from inspector.errors import StoreError
from inspector.parts import NOT_MEASURED
from inspector.store import InspectionSummary, Store
from inspector.store.evidence import load_evidence

_FEWEST = 5
"""So many parts of either kind are needed before their values are compared."""
_MOST_SLOTS = 48


@dataclass(frozen=True, slots=True)
class Slot:
    """What was found in one stretch of time."""

    start_utc_ns: int
    parts: int
    causes: Mapping[str, int]
    """First cause of the parts that did not pass -> how many."""


@dataclass(frozen=True, slots=True)
class Association:
    """How a process value of defective parts differs from that of parts that passed."""

    channel: str
    unit: str
    passed: tuple[float, float, float]
    """Quartiles: lower, median, upper."""
    defective: tuple[float, float, float]
    higher_share: float
    """Chance that a defective part has the higher value of two: 0.5 says nothing, 0 and 1 everything."""
    chance: float
    """That so much comes about by accident (Mann and Whitney), after Holm's correction for looking at many channels."""


def over_time(parts: Sequence[InspectionSummary], since_utc_ns: int, until_utc_ns: int, slots: int = 24) -> list[Slot]:
    """Return the causes of a span in equal slots, oldest first."""
    slots = max(1, min(slots, _MOST_SLOTS))
    width_ns = max(1, -(-(until_utc_ns - since_utc_ns) // slots))
    found: list[list[InspectionSummary]] = [[] for _ in range(slots)]
    for part in parts:
        found[min(max((part.wall_utc_ns - since_utc_ns) // width_ns, 0), slots - 1)].append(part)
    return [
        Slot(since_utc_ns + number * width_ns, len(made), Counter(part.cause or NOT_MEASURED for part in made if part.outcome != "pass"))
        for number, made in enumerate(found)
    ]


def leaders(store: Store, parts: Sequence[InspectionSummary]) -> dict[str, Counter[str]]:
    """Return by first cause how often each channel was the first in which anything of it was seen. Raises StoreError."""
    led: dict[str, Counter[str]] = {}
    for part in parts:
        stored = store.get(part.inspection_id) if part.outcome != "pass" and part.cause not in (None, NOT_MEASURED) else None
        evidence = stored.document["causes"][0].get("evidence", []) if stored and stored.document.get("causes") else []
        if evidence and part.cause is not None:
            first = min(evidence, key=lambda item: item["start_s"])
            led.setdefault(part.cause, Counter())[first["channel"]] += 1
    return led


def associations(store: Store, parts: Sequence[InspectionSummary], kind: str | None = None) -> list[Association]:
    """Return how process values of defective parts (of one kind, if given) differ from those that passed, the surest difference first."""
    passed = _values(store, [part for part in parts if part.outcome == "pass"])
    defective = _values(store, [part for part in parts if part.outcome == "fail" and kind in (None, part.kind)])
    found = []
    for (channel, unit), good in passed.items():
        bad = defective.get((channel, unit), [])
        if min(len(good), len(bad)) < _FEWEST:
            continue
        test = mannwhitneyu(bad, good)
        higher = float(test.statistic) / (len(good) * len(bad))
        found.append(Association(channel, unit, _quartiles(good), _quartiles(bad), higher, float(test.pvalue)))
    return _corrected(sorted(found, key=lambda one: one.chance))


def _corrected(found: Sequence[Association]) -> list[Association]:
    """Return the associations, the surest first, with Holm's correction."""
    corrected, highest = [], 0.0
    for rank, one in enumerate(found):
        highest = max(highest, min(1.0, one.chance * (len(found) - rank)))
        corrected.append(Association(one.channel, one.unit, one.passed, one.defective, one.higher_share, highest))
    return corrected


def _values(store: Store, parts: Sequence[InspectionSummary]) -> dict[tuple[str, str], list[float]]:
    values: dict[tuple[str, str], list[float]] = {}
    for part in parts:
        for channel, unit, mean in _means(store.evidence_folder(part.inspection_id)):
            values.setdefault((channel, unit), []).append(mean)
    return values


@lru_cache(maxsize=20_000)
def _means(folder: Path) -> tuple[tuple[str, str, float], ...]:
    """Return the mean of each process value of a part as it was kept; an inspection never changes, so neither do they."""
    try:
        series = load_evidence(folder).series
    except StoreError:
        return ()
    return tuple((name, one.unit, float(np.nanmean(one.values))) for name, one in series.items() if np.isfinite(one.values).any())


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = np.percentile(values, [25, 50, 75])
    return float(low), float(middle), float(high)
