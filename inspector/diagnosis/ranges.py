"""The range of what is usual: from a sample of it (empirical tails, never too narrow, not stretched by strays), or as limits give it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

_TAIL = 0.02
_STRAY = 1.5
"""The range reaches at most this many times as far as the 5 % point: parts that passed although a fault had begun stretch it no more."""
_FLOOR_BY_UNIT = {"dB": 0.5, "1/s": 3.0, "%": 1.0, "degC": 0.3, "°C": 0.3, "degC/min": 0.3, "s": 0.5}
_FLOOR_SHARE = 0.003
_LIMIT_SHARE = 0.25
"""Where one side is open, so much of the limit stands for the half width."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a quantity usually is: 2 % of good parts lie below `low`, 2 % above `high`; some more where there are strays."""

    low: float
    """-inf where only too much is out of the ordinary; `high` is inf where only too little is."""
    centre: float
    """Means nothing where one side is open."""
    high: float
    parts: int = 0

    @classmethod
    def within(cls, low: float | None, high: float | None) -> Range:
        """Return the range of limits, None for a side that is open."""
        low, high = -math.inf if low is None else low, math.inf if high is None else high
        return cls(low, (low + high) / 2, high)

    def reach(self, value: float) -> float:
        """Return where `value` lies: 0 at the centre, 1 at the upper edge, -1 at the lower edge."""
        if math.isinf(self.low):
            return max(1 + _beyond(value - self.high, self.high), 0.0)
        if math.isinf(self.high):
            return -max(1 + _beyond(self.low - value, self.low), 0.0)
        half = self.high - self.centre if value >= self.centre else self.centre - self.low
        return (value - self.centre) / max(half, 1e-12)

    def no_narrower_than(self, other: Range) -> Range:
        """Return this range, its edges moved out to where the other has edges further out."""
        return replace(
            self,
            low=min(self.low, other.low) if math.isfinite(other.low) else self.low,
            high=max(self.high, other.high) if math.isfinite(other.high) else self.high,
        )


def _beyond(distance: float, edge: float) -> float:
    return distance / max(_LIMIT_SHARE * abs(edge), 1e-9)


def range_of(ordered: NDArray[np.float64], unit: str, independent: float | None = None) -> Range:
    """Return the range of sorted values: empirical tails, wider for few parts, not stretched by one part in twenty that was not good.

    `independent` says how many values they are worth where each is like the one before it.
    """
    count = len(ordered)
    lowest, low, bulk_low, centre, bulk_high, high, highest = _quantiles(ordered, (_TAIL, 0.05, 0.16, 0.5, 0.84, 0.95, 1 - _TAIL))
    # of a normal law 2.05 sigma is the 2 % point, 1.64 the 5 % point, 1 the 16 % point; a sample of n reaches no further than its 1/n
    widen = 1 + 4 / (independent or count)
    floor = max(_FLOOR_BY_UNIT.get(unit, 0.0), _FLOOR_SHARE * abs(centre), 1e-12)
    few = 2.05 if count < 100 else 0.0
    above = max(min(highest - centre, _STRAY * (high - centre)), few * (bulk_high - centre), floor) * widen
    below = max(min(centre - lowest, _STRAY * (centre - low)), few * (centre - bulk_low), floor) * widen
    bottom = centre - below
    if ordered[0] >= 0 and unit != "dB":
        bottom = max(bottom, 0.0)
    return Range(float(bottom), float(centre), float(centre + above), count)


def share_beyond(ordered: NDArray[np.float64], centre: float, value: float) -> float:
    """Return which share of sorted values lies at least as far to this side of the centre."""
    if value >= centre:
        return 1 - float(np.searchsorted(ordered, value, side="left")) / len(ordered)
    return float(np.searchsorted(ordered, value, side="right")) / len(ordered)


def _quantiles(ordered: NDArray[np.float64], shares: tuple[float, ...]) -> list[float]:
    places = np.arange(len(ordered)) / max(len(ordered) - 1, 1)
    return [float(value) for value in np.interp(shares, places, ordered)]
