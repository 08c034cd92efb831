"""Series: level, spread, slope, steps and the course over the window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inspector.features.content import Vectors
from inspector.features.meaning import WHOLE, Meaning, Meanings
from inspector.parts import Series

COURSE = 24
STEPS = 6
STATISTICS = 18
"""Quantiles and shape: the numbers before the course."""


def describe(series: Series, trigger_ns: int) -> Vectors:
    """Return the series as vectors. Gaps are left out of the statistics and bridged in the course."""
    t_s, values = _known(series, trigger_ns)
    course = _course(t_s, values, COURSE)
    summary = np.concatenate([_statistics(t_s, values), course, course - course.mean()]).astype(np.float32)
    parts = np.array_split(np.arange(COURSE), STEPS)
    steps = np.stack([np.concatenate([course[part], [course[part].mean() - course.mean()]]) for part in parts]).astype(np.float32)
    middles_s = np.linspace(t_s[0], t_s[-1], 2 * STEPS + 1)[1::2]
    return Vectors("series", summary, steps, middles_s.astype(np.float32))


def meanings() -> Meanings:
    """Return what each number of `describe` tells of."""
    course = tuple(Meaning(span=(cell / COURSE, (cell + 1) / COURSE)) for cell in range(COURSE))
    return Meanings((*[WHOLE] * STATISTICS, *course, *course), (*[WHOLE] * (COURSE // STEPS), WHOLE))


def _known(series: Series, trigger_ns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    known = np.isfinite(series.values)
    order = np.argsort(series.t_ns[known], kind="stable")
    return ((series.t_ns[known] - trigger_ns) / 1e9)[order], series.values[known][order]


def _statistics(t_s: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    quantiles = np.quantile(values, (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0))
    span_s = max(float(t_s[-1] - t_s[0]), 1e-9)
    place = (t_s - t_s.mean()) / span_s
    slope = float(np.dot(place, values - values.mean()) / max(float(np.dot(place, place)), 1e-12))
    moves = np.diff(values)
    half = max(1, len(values) // 2)
    shape = [
        values.mean(),
        values.std(),
        slope,
        values[half:].mean() - values[:half].mean(),
        np.abs(moves).max(initial=0.0),
        moves.std() if len(moves) else 0.0,
        np.abs(moves).mean() if len(moves) else 0.0,
        values[-1] - values[0],
        np.log10(values.std() + 1e-6),
        np.log10((moves.std() if len(moves) else 0.0) + 1e-6),
        (values - values.mean() - slope * place).std(),
    ]
    return np.concatenate([quantiles, shape])


def _course(t_s: NDArray[np.float64], values: NDArray[np.float64], cells: int) -> NDArray[np.float64]:
    """Return the mean in `cells` equal spans from the first to the last sample; empty spans are bridged straight."""
    span_s = max(float(t_s[-1] - t_s[0]), 1e-9)
    cell = np.minimum(((t_s - t_s[0]) / span_s * cells).astype(int), cells - 1)
    counts = np.bincount(cell, minlength=cells)
    sums = np.bincount(cell, weights=values, minlength=cells)
    filled = np.flatnonzero(counts)
    return np.interp(np.arange(cells), filled, sums[filled] / counts[filled])
