"""Control charts of a station: is what it makes still as it was?

The parts before say what is usual; the charts ask of the parts since then whether they are of the same kind. Values are looked at by their
rank among the parts before (as normal scores), since scores of a judge are anything but normal: a budget of false alarms then holds for
any distribution. It does not hold where neighbouring parts resemble each other for good reasons (one cavity, one batch).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import signal, stats

from inspector.monitoring import limits
from inspector.store import InspectionSummary

ChartName = Literal["p", "xbar", "range", "ewma"]

CHARTS: tuple[ChartName, ...] = ("p", "xbar", "range", "ewma")
PARTS_A_POINT: dict[ChartName, int] = {"p": 50, "xbar": 5, "range": 5, "ewma": 1}
LEAST_BEFORE = 200
"""Parts that say what is usual; with fewer nothing can be promised."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One control chart. A point lies at the last of its parts."""

    name: ChartName
    at_utc_ns: NDArray[np.int64]
    values: NDArray[np.float64]
    centre: float
    low: float | None
    high: float
    last_ids: tuple[str, ...]
    """The last inspection of each point."""

    @property
    def out(self) -> NDArray[np.bool_]:
        """Which points say that something changed."""
        above: NDArray[np.bool_] = self.values > self.high
        return above if self.low is None else above | (self.values < self.low)


def split(parts: Sequence[InspectionSummary], since_utc_ns: int) -> tuple[Sequence[InspectionSummary], Sequence[InspectionSummary]]:
    """Return the parts that say what is usual, and those that are asked; `parts` oldest first.

    The parts before `since_utc_ns`, or, where these are too few, the first ones.
    """
    before = sum(part.wall_utc_ns < since_utc_ns for part in parts)
    cut = before if before >= LEAST_BEFORE else min(LEAST_BEFORE, len(parts))
    return parts[:cut], parts[cut:]


def charts(before: Sequence[InspectionSummary], parts: Sequence[InspectionSummary], parts_per_false_alarm: float) -> list[Chart]:
    """Return the charts of `parts`; all of them together cry wolf once in `parts_per_false_alarm` parts. None with too few before."""
    if len(before) < LEAST_BEFORE:
        return []
    scores = normal_scores(_scores(before), _scores(parts))
    bad = np.array([part.outcome != "pass" for part in parts], dtype=np.float64)
    bad_before = sum(part.outcome != "pass" for part in before)
    run_length = {name: max(2.0, parts_per_false_alarm * len(CHARTS) / each) for name, each in PARTS_A_POINT.items()}
    each = PARTS_A_POINT["p"]
    most = limits.bad_parts_limit(run_length["p"], each, bad_before, len(before))
    groups = _groups(scores, PARTS_A_POINT["xbar"])
    mean_high = limits.mean_limit(run_length["xbar"]) / np.sqrt(PARTS_A_POINT["xbar"])
    ewma_high = limits.ewma_limit(run_length["ewma"]) * limits.ewma_sigma()
    widest = limits.range_limit(run_length["range"], PARTS_A_POINT["range"])
    return [
        _chart("p", parts, _groups(bad, each).mean(1), bad_before / len(before), None, most / each),
        _chart("xbar", parts, groups.mean(1), 0.0, -mean_high, mean_high),
        _chart("range", parts, np.ptp(groups, axis=1), limits.usual_range(PARTS_A_POINT["range"]), None, widest),
        _chart("ewma", parts, ewma(scores), 0.0, -ewma_high, ewma_high),
    ]


def normal_scores(before: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values as what their rank among the values before would be on a standard normal scale; equal values share a rank."""
    ordered = np.sort(before)
    rank = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2
    scores: NDArray[np.float64] = stats.norm.ppf((rank + 0.5) / (len(ordered) + 1))
    return scores


def ewma(values: NDArray[np.float64], weight: float = limits.EWMA_WEIGHT) -> NDArray[np.float64]:
    """Return the exponentially weighted mean of the values so far, from 0."""
    means: NDArray[np.float64] = signal.lfilter([weight], [1.0, weight - 1.0], values)
    return means


def _scores(parts: Sequence[InspectionSummary]) -> NDArray[np.float64]:
    return np.array([part.score for part in parts], dtype=np.float64)


def _groups(values: NDArray[np.float64], each: int) -> NDArray[np.float64]:
    whole = len(values) // each
    return values[: whole * each].reshape(whole, each)


def _chart(
    name: ChartName, parts: Sequence[InspectionSummary], values: NDArray[np.float64], centre: float, low: float | None, high: float
) -> Chart:
    each = PARTS_A_POINT[name]
    last = [parts[(index + 1) * each - 1] for index in range(len(values))]
    at_utc_ns = np.array([part.wall_utc_ns for part in last], dtype=np.int64)
    return Chart(name, at_utc_ns, values, centre, low, high, tuple(part.inspection_id for part in last))
