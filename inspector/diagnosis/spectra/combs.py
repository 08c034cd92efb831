"""Rows of harmonics: how far the teeth of a comb stand out of a spectrum, and how far any comb does by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inspector.diagnosis.spectra.spectrogram import Array

Weights = tuple[tuple[float, float], ...]
"""(multiple of the base frequency, weight) of each tooth."""
HIGHEST_DB = 40.0
"""A tooth counts no more than this, so that one tone does not make a comb."""


def comb_db(above_db: Array, step_hz: float, base_hz: Array, weights: Weights) -> Array:
    """Return the weighted mean height (row, base) of the teeth inside the spectrum, 0 where none is; `base_hz` must rise."""
    total = np.zeros((len(above_db), len(base_hz)))
    weighed = np.zeros(len(base_hz))
    for multiple, weight in weights:
        # base frequencies rise, so those whose tooth is inside come first
        index = np.rint(base_hz * (multiple / step_hz)).astype(np.intp)
        inside = int(np.searchsorted(index, above_db.shape[1]))
        heights = above_db.take(index[:inside], axis=1)
        np.clip(heights, 0, HIGHEST_DB, out=heights)
        heights *= weight
        total[:, :inside] += heights
        weighed[:inside] += weight
    total /= np.maximum(weighed, 1e-12)
    return total


def without_lines(above_db: Array, step_hz: float, lines_hz: Sequence[float], width_hz: float) -> Array:
    """Return the spectra with nothing left within `width_hz` of the given lines."""
    rest = above_db.copy()
    for line_hz in lines_hz:
        first, last = int((line_hz - width_hz) / step_hz), int(np.ceil((line_hz + width_hz) / step_hz))
        rest[:, max(first, 0) : max(last + 1, 0)] = 0
    return rest
