"""Limits of control charts from the run length that they shall have while nothing is wrong.

A chart is asked for by its false alarms: so many points, on average, between two of them. Everything is for independent points.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import stats

EWMA_WEIGHT = 0.1
"""Of the newest value: slow enough to see a shift of half a standard deviation, which no single value shows."""

_STATES = 101
"""Of the Markov chain below; twice as many change a run length of 10,000 by 1 %, and one of 170,000 by 2 %."""


def mean_limit(run_length: float) -> float:
    """Return how many standard errors a mean may lie off, on either side."""
    return float(stats.norm.isf(0.5 / run_length))


@lru_cache(maxsize=64)
def range_limit(run_length: float, parts: int) -> float:
    """Return how many standard deviations the range of `parts` values may span."""
    return float(stats.studentized_range.isf(1.0 / run_length, parts, np.inf))


@lru_cache(maxsize=64)
def usual_range(parts: int) -> float:
    """Return the mean range of `parts` standard normal values."""
    x = np.linspace(-8.0, 8.0, 2001)
    below = stats.norm.cdf(x)
    return float(np.trapezoid(1 - below**parts - (1 - below) ** parts, x))


def bad_parts_limit(run_length: float, parts: int, bad_before: int, parts_before: int) -> int:
    """Return how many of `parts` may be bad, after `bad_before` of `parts_before` were.

    The share that is usual is known only as well as the parts before tell (Jeffreys' prior): few of them give a wide limit.
    """
    usual = stats.betabinom(parts, bad_before + 0.5, parts_before - bad_before + 0.5)
    counts = np.arange(parts + 1)
    return int(counts[usual.sf(counts) <= 1.0 / run_length][0])


@lru_cache(maxsize=64)
def ewma_limit(run_length: float, weight: float = EWMA_WEIGHT) -> float:
    """Return how far an exponentially weighted mean of standard normal values may lie off, in its own standard deviations."""
    low, high = 0.5, 8.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if ewma_run_length(middle, weight) < run_length else (low, middle)
    return high


def ewma_run_length(limit: float, weight: float = EWMA_WEIGHT) -> float:
    """Return after how many values, on average, such a mean leaves its limits though nothing is wrong.

    Brook and Evans (1972): the way of the mean between its limits as a Markov chain of small steps.
    """
    half = limit * ewma_sigma(weight)
    width = 2 * half / _STATES
    centres = -half + width * (np.arange(_STATES) + 0.5)
    pulled = (1 - weight) * centres[:, None]
    upper = stats.norm.cdf((centres[None, :] + width / 2 - pulled) / weight)
    lower = stats.norm.cdf((centres[None, :] - width / 2 - pulled) / weight)
    steps = np.linalg.solve(np.eye(_STATES) - (upper - lower), np.ones(_STATES))
    return float(steps[_STATES // 2])


def ewma_sigma(weight: float = EWMA_WEIGHT) -> float:
    """Return the standard deviation of such a mean after many values."""
    return float(np.sqrt(weight / (2 - weight)))
