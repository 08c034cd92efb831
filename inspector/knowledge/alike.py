"""Parts that looked, or sounded, like this one: the nearest vectors, whoever made them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def nearest(vectors: NDArray[np.float32], vector: NDArray[np.float32], count: int) -> list[tuple[int, float]]:
    """Return (row, distance) of the most similar rows, nearest first; 1 is the usual distance of two parts.

    Numbers that do not vary, or are missing in this part, say nothing; each other one counts by its spread among all parts.
    """
    if not len(vectors):
        return []
    known = np.isfinite(vector)
    filled = np.where(np.isfinite(vectors), vectors, np.nan)[:, known]
    middle, spread = np.nanmean(filled, axis=0), np.nanstd(filled, axis=0)
    told = spread > 1e-9 * np.maximum(np.abs(middle), 1.0)
    if not told.any():
        return [(row, 0.0) for row in range(min(count, len(vectors)))]
    apart = (filled[:, told] - vector[known][told]) / spread[told]
    # Two parts drawn by chance lie sqrt(2) spreads apart in each number.
    distances = np.sqrt(np.nanmean(apart**2, axis=1) / 2)
    order = np.argsort(distances, kind="stable")[:count]
    return [(int(row), float(distances[row])) for row in order]
