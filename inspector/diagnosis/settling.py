"""How fast a series goes to where it ends: the time constant of a first-order response (a body that warms, a vessel that fills)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_F = NDArray[np.float64]

FEWEST = 12
_TRIED = 32
_LEAST_EXPLAINED = 0.9
"""Share of the course's variance that a response must explain to be called one."""
_BETTER_THAN_LINE = 2.0
"""How many times smaller than about a straight line the rest must be: a line that is still rising has no end yet."""


@dataclass(frozen=True, slots=True)
class Settling:
    """`value(t) = end + (start - end) * exp(-(t - from_s) / time_constant_s)`."""

    from_s: float
    start: float
    end: float
    time_constant_s: float
    explained: float
    """Share of the variance that the response explains, up to 1."""


def settling(t_s: _F, values: _F) -> Settling | None:
    """Return the response that a series makes from its first value on; None where it makes none, or its end is not in sight.

    `t_s` ascends and everything is finite. The end is in sight when the span holds the time constant at least once.
    """
    if len(values) < FEWEST or t_s[-1] <= t_s[0]:
        return None
    t = t_s - t_s[0]
    total = float(np.sum((values - values.mean()) ** 2))
    if total <= 1e-20 * max(float(np.sum(values**2)), 1e-300):
        return None
    tried = np.geomspace(2 * t[-1] / len(t), t[-1], _TRIED)
    rest, _, _ = _fits(t, values, tried)
    best = int(rest.argmin())
    if best in (0, _TRIED - 1):
        return None
    finer = np.geomspace(tried[best - 1], tried[best + 1], _TRIED)
    rest, end, size = _fits(t, values, finer)
    best = int(rest.argmin())
    explained = 1 - float(rest[best]) / total
    if explained < _LEAST_EXPLAINED or float(rest[best]) * _BETTER_THAN_LINE > _rest_about_line(t, values, total):
        return None
    return Settling(float(t_s[0]), float(end[best] + size[best]), float(end[best]), float(finer[best]), explained)


def _fits(t: _F, values: _F, time_constants: _F) -> tuple[_F, _F, _F]:
    """Return (squares that remain, end, size) of the best response with each time constant."""
    shape = np.exp(-t / time_constants[:, None])
    centred = shape - shape.mean(axis=1, keepdims=True)
    spread = np.maximum(np.sum(centred**2, axis=1), 1e-300)
    moved = values - values.mean()
    size = centred @ moved / spread
    end = values.mean() - size * shape.mean(axis=1)
    return np.sum(moved**2) - size**2 * spread, end, size


def _rest_about_line(t: _F, values: _F, total: float) -> float:
    centred = t - t.mean()
    return total - float(centred @ values) ** 2 / float(centred @ centred)
