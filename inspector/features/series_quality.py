"""Quality of a series: gaps, stuck values, an unsteady rate."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from inspector.features.quality import AMBIGUOUS_COST, Quality, judged, ramp
from inspector.parts import Series
from inspector.remarks import remark


def assess(series: Series) -> Quality:
    """Rate gaps, stuck values and the steadiness of a series."""
    known = np.isfinite(series.values)
    count = int(known.sum())
    if count < 2:
        return Quality(0.0, remark("one value only") if count else remark("no values"), {})
    values = series.values[known]
    steps_ns = np.sort(np.diff(np.sort(series.t_ns)))
    usual_ns = max(int(steps_ns[len(steps_ns) // 2]), 1)
    indicators = {
        "gaps": 1.0 - count / len(series.values),
        "longest_gap": _longest_gap(series, known),
        "stuck": _stuck_share(values),
        "levels": float(np.log10(len(np.unique(values)))),
        "unsteady": min(10.0, float(np.abs(steps_ns - usual_ns).mean() / usual_ns)),
        "rate": math.log10(1e9 / usual_ns),
    }
    # A value that never moves can be a set point; only one that moved and then stopped shows a stuck sensor by itself.
    penalties = {
        "gaps": max(ramp(indicators["gaps"], 0.1, 0.9), ramp(indicators["longest_gap"], 0.15, 0.9)),
        "stuck value": ramp(indicators["stuck"], 0.35, 0.9) if indicators["stuck"] < 1.0 else 0.0,
        # Readings that come by exception are uneven by design.
        "unsteady rate": AMBIGUOUS_COST * ramp(indicators["unsteady"], 0.5, 3.0),
    }
    return judged(penalties, indicators)


def _longest_gap(series: Series, known: NDArray[np.bool_]) -> float:
    t_ns = np.sort(series.t_ns[known])
    whole = max(int(series.t_ns.max() - series.t_ns.min()), 1)
    ends = np.concatenate([[series.t_ns.min()], t_ns, [series.t_ns.max()]])
    return float(np.diff(ends).max() / whole)


def _stuck_share(values: NDArray[np.float64]) -> float:
    """Return the share that the longest run of equal values takes (1: it never moved)."""
    borders = np.concatenate([[-1], np.flatnonzero(np.diff(values) != 0), [len(values) - 1]])
    return float(np.diff(borders).max() / len(values))
