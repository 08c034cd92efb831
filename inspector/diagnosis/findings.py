"""Measurements held against what is normal here, or against the limits of physics where nothing is known yet."""

from __future__ import annotations

from dataclasses import dataclass

from inspector.diagnosis.catalogue import Catalogue, Limit
from inspector.diagnosis.measurements import Measurement, Measurements
from inspector.diagnosis.normal import Normal

_HALF_STRENGTH = 0.7
"""Half a width and more outside the range counts for half; what lies just outside happens in every part."""
_LIMIT_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Finding:
    """One quantity with its expected range; `strength` is in half widths of it, above 0 when high, below 0 when low."""

    measurement: Measurement
    low: float | None
    high: float | None
    strength: float
    learnt: bool
    """The range comes from this station's good parts, not from a limit of physics."""

    def toward(self, direction: str) -> float:
        """Return how far outside the value lies in a direction (`high`, `low`, `any`), 0 otherwise."""
        if direction == "any":
            return abs(self.strength)
        return max(self.strength if direction == "high" else -self.strength, 0.0)

    def abnormality(self, direction: str) -> float:
        """Return 0 (inside) to 1 (far outside in this direction)."""
        squared = self.toward(direction) ** 2
        return squared / (squared + _HALF_STRENGTH**2)


def findings(measurements: Measurements, normal: Normal, catalogue: Catalogue) -> list[Finding]:
    """Return every measurement for which a range or a limit is known."""
    found = []
    for measurement in measurements.values():
        known = normal.range_of(measurement)
        if known is not None:
            strength = known.strength(measurement.value)
            found.append(Finding(measurement, known.low, known.high, strength, learnt=True))
        elif (limit := catalogue.limit_of(measurement)) is not None:
            found.append(Finding(measurement, limit.low, limit.high, _beyond(limit, measurement.value), learnt=False))
    return found


def _beyond(limit: Limit, value: float) -> float:
    """Return how far outside a limit; where one side is open, a quarter of the limit stands for the half width."""
    if limit.low is not None and limit.high is not None:
        half = (limit.high - limit.low) / 2
    else:
        edge = limit.high if limit.high is not None else limit.low
        half = max(_LIMIT_SHARE * abs(edge or 0.0), 1e-9)
    if limit.high is not None and value > limit.high:
        return (value - limit.high) / half
    if limit.low is not None and value < limit.low:
        return (value - limit.low) / half
    return 0.0
