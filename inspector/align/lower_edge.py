"""The lower edge of a device's delays: a line along the quickest readings, and how well it is known.

Each *slot* of readings gives one point near the edge, its low quantile: a minimum would fall for a single wrong stamp. A line through
the points of a minute (Theil and Sen's median of slopes, a low quantile of heights) bears stalls and the remaining wrong points. What
little data cannot say is taken from what is known beforehand: a quartz is off by tens of ppm, the same after a reset as before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

LOW_QUANTILE = 0.1
SLOT_NS = 1_000_000_000
SLOT_PAIRS = 12
"""A slot lasts until it has both: fewer readings have no low quantile to speak of."""
LONGEST_SLOT_NS = 15_000_000_000
LARGEST_SLOT_PAIRS = 1024
ASTRAY_PAIRS, ASTRAY_SPREADS = 4, 2.0
"""Of so many readings the earliest is left out if it lies apart by so much more than the next ones do."""
LOW_SLOTS = 0.25
"""The line lies so deep among the slots: a way that is slow for half of a minute must not lift it."""
USUAL_DRIFT_PPM = 60.0
"""Standard deviation of the drift of quartzes as they are built into devices."""
CHANGE_PPM = 5.0
"""How far a drift that was known may have moved (temperature) a minute later, or when it is needed again."""
LARGEST_SURPRISE = 5.0
"""A slope is clamped so many standard deviations from what is known, at first 300 ppm from none: a queue that fills looks like drift."""
WANDER_PPM = 2.0
USUAL_DELAY_NS = 5e6
"""Mean delay beyond the least, where nothing is known yet; counts as much as `USUAL_PAIRS` readings."""
USUAL_PAIRS = 2
P99 = 2.6
"""Standard deviations that hold 99 %."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Some readings in a row: their low quantile, and how scattered they are."""

    at_ns: float
    low_ns: float
    pairs: int
    delay_ns: float
    """Mean delay beyond the least, if delays are exponential."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beforehand of a clock."""

    drift: float = 0.0
    drift_sd: float = USUAL_DRIFT_PPM / 1e6
    delay_ns: float = USUAL_DELAY_NS


@dataclass(slots=True)
class OpenSlot:
    """A slot that is being filled."""

    since_ns: int
    at_ns: list[int] = field(default_factory=list)
    delta_ns: list[int] = field(default_factory=list)

    @property
    def pairs(self) -> int:
        return len(self.at_ns)

    def add(self, at_ns: int, delta_ns: int) -> None:
        self.at_ns.append(at_ns)
        self.delta_ns.append(delta_ns)

    def full(self, arrived_ns: int) -> bool:
        age_ns, pairs = arrived_ns - self.since_ns, len(self.at_ns)
        return (age_ns >= SLOT_NS and pairs >= SLOT_PAIRS) or age_ns >= LONGEST_SLOT_NS or pairs >= LARGEST_SLOT_PAIRS

    def closed(self, drift: float) -> Slot:
        at_ns = np.array(self.at_ns, np.float64)
        middle_ns = float(at_ns.mean())
        delta_ns = np.array(self.delta_ns, np.float64) - drift * (at_ns - middle_ns)
        delta_ns.sort()
        if _is_astray(delta_ns):
            delta_ns = delta_ns[1:]
        low_ns, half_ns = _quantile(delta_ns, LOW_QUANTILE), _quantile(delta_ns, 0.5)
        usual = -math.log(0.5) - float(_excess(np.array(len(at_ns))))  # of exponential delays, in means
        return Slot(middle_ns, low_ns, len(at_ns), (half_ns - low_ns) / usual if len(at_ns) > 1 else 0.0)


def _is_astray(sorted_ns: NDArray[np.float64]) -> bool:
    """Say whether the earliest of a few readings lies by itself, so that it is a wrong stamp rather than a quick way."""
    if not ASTRAY_PAIRS <= len(sorted_ns) <= 2 * SLOT_PAIRS:
        return False
    half_ns = sorted_ns[len(sorted_ns) // 2]
    return bool(sorted_ns[1] - sorted_ns[0] > ASTRAY_SPREADS * (half_ns - sorted_ns[1]))


def _quantile(sorted_ns: NDArray[np.float64], ratio: float) -> float:
    """Return the median-unbiased quantile (Hyndman and Fan's eighth); numpy's takes ten times as long for as few values as these."""
    rank = min(max(ratio * (len(sorted_ns) + 1 / 3) + 1 / 3, 1.0), float(len(sorted_ns)))
    below = int(rank)
    above = min(below, len(sorted_ns) - 1)
    return float(sorted_ns[below - 1] + (rank - below) * (sorted_ns[above] - sorted_ns[below - 1]))


def _excess(pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the low quantile of so many exponential delays lies above the least, in mean delays."""
    rank = np.maximum(1.0, LOW_QUANTILE * (pairs + 1 / 3) + 1 / 3)  # as in _quantile
    return -np.log(1 - rank / (pairs + 0.5))


@dataclass(frozen=True, slots=True)
class Line:
    """The edge as of one instant."""

    height_ns: float
    drift: float
    drift_sd: float
    uncertainty_ns: float
    """What 99 of 100 errors stay below."""
    delay_ns: float

    @property
    def known(self) -> Known:
        """What of it still holds after a reset or a pause."""
        drift_sd = min(math.hypot(self.drift_sd, CHANGE_PPM / 1e6), USUAL_DRIFT_PPM / 1e6)
        return Known(self.drift, drift_sd, self.delay_ns)


def line_through(slots: list[Slot], end_ns: float, before: Known) -> Line:
    """Return the line as of `end_ns`: Theil and Sen's, its slope drawn towards what is known the more the less the slots say of it."""
    at_ns = np.array([slot.at_ns for slot in slots]) - end_ns
    pairs = np.array([float(slot.pairs) for slot in slots])
    delay_ns = _usual_delay_ns(slots, before)
    low_ns = np.array([slot.low_ns for slot in slots]) - delay_ns * (_excess(pairs) + math.log(1 - LOW_QUANTILE))
    sd_ns = delay_ns * np.maximum(1 / pairs, np.sqrt(LOW_QUANTILE / (1 - LOW_QUANTILE) / pairs)) + 1.0
    drift, drift_sd = before.drift, before.drift_sd
    if len(slots) > 1:
        drift, drift_sd = _slope(at_ns, low_ns, sd_ns, before)
    height_ns = _weighted_quantile(low_ns - drift * at_ns, 1 / sd_ns, LOW_SLOTS)
    weight = 1 / sd_ns**2
    centre_ns = float(np.average(at_ns, weights=weight))
    worse = _worse_than_thought((low_ns - drift * at_ns - height_ns) / sd_ns)
    height_sd_ns = math.hypot(1.25 * worse / math.sqrt(float(weight.sum())), drift_sd * centre_ns)  # 1.25: median against mean
    few_ns = delay_ns * math.log(100) / float(pairs.sum())  # 1 % of the least of so many delays are larger
    wander_ns = WANDER_PPM / 1e6 * float(np.ptp(at_ns)) / 4
    return Line(height_ns, drift, drift_sd, max(P99 * height_sd_ns, few_ns) + wander_ns, delay_ns)


def _usual_delay_ns(slots: list[Slot], before: Known) -> float:
    pairs = np.array([float(slot.pairs) for slot in slots])
    seen_ns = _weighted_quantile(np.array([slot.delay_ns for slot in slots]), pairs)
    seen = float(pairs.sum()) - 1
    return (seen * seen_ns + USUAL_PAIRS * before.delay_ns) / (seen + USUAL_PAIRS)


def _slope(at_ns: NDArray[np.float64], low_ns: NDArray[np.float64], sd_ns: NDArray[np.float64], before: Known) -> tuple[float, float]:
    """Return the slope and its standard deviation."""
    one, other = np.triu_indices(len(at_ns), 1)
    span_ns = at_ns[other] - at_ns[one]
    apart = span_ns > 0
    if not apart.any():
        return before.drift, before.drift_sd
    one, other, span_ns = one[apart], other[apart], span_ns[apart]
    slope = _weighted_quantile((low_ns[other] - low_ns[one]) / span_ns, span_ns / np.hypot(sd_ns[one], sd_ns[other]))
    weight = 1 / sd_ns**2
    offset_ns = at_ns - np.average(at_ns, weights=weight)
    left = low_ns - slope * at_ns
    worse = _worse_than_thought((left - _weighted_quantile(left, 1 / sd_ns)) / sd_ns)
    sd = 1.15 * worse / math.sqrt(float((weight * offset_ns**2).sum()))  # 1.15: Theil and Sen against least squares
    trust, trust_before = sd**-2, before.drift_sd**-2
    drift = (trust * slope + trust_before * before.drift) / (trust + trust_before)
    limit = LARGEST_SURPRISE * before.drift_sd
    return min(max(drift, before.drift - limit), before.drift + limit), (trust + trust_before) ** -0.5


def _worse_than_thought(errors: NDArray[np.float64]) -> float:
    """Return how much wider `errors`, in their standard deviations, scatter than they should; at least 1."""
    return max(1.0, 1.4826 * float(np.median(np.abs(errors)))) if len(errors) >= 6 else 1.0


def _weighted_quantile(values: NDArray[np.float64], weights: NDArray[np.float64], ratio: float = 0.5) -> float:
    order = np.argsort(values)
    heap = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(heap, heap[-1] * ratio)]])
