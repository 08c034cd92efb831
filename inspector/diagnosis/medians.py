"""Medians and quantiles of finite numbers, to the last bit those of numpy, which spends most of its time on asking what it was given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_F = NDArray[np.float64]


def median(values: NDArray[np.floating]) -> float:
    """Return the median of a flat array; NaN of none."""
    count = len(values)
    if count == 0:
        return float("nan")
    ordered = np.sort(values)
    return float((ordered[(count - 1) // 2] + ordered[count // 2]) / 2)


def medians(values: _F, axis: int) -> _F:
    """Return the medians along one axis that is not empty."""
    count = values.shape[axis]
    ordered = np.sort(values, axis=axis)
    return np.asarray((ordered.take((count - 1) // 2, axis=axis) + ordered.take(count // 2, axis=axis)) / 2)


def quantile(ordered: _F, share: float) -> float:
    """Return a quantile of sorted values, between two of them in proportion."""
    place = share * (len(ordered) - 1)
    low = int(place)
    below, above = float(ordered[low]), float(ordered[min(low + 1, len(ordered) - 1)])
    part = place - low
    return below + (above - below) * part if part < 0.5 else above - (above - below) * (1 - part)
