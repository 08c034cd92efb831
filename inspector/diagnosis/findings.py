"""Measurements held against what is normal here, or against the limits of physics where nothing is known yet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from inspector.diagnosis.catalogue import Catalogue
from inspector.diagnosis.measurements import Measurement, Measurements
from inspector.diagnosis.normal import Normal
from inspector.diagnosis.ranges import Range

_EDGE_SHARPNESS = 6
"""At the edge of its range a quantity counts for half; at 0.7 of the way 0.1, at 1.4 times the way 0.88."""


Among = Literal["good parts", "the past", "chance"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One quantity with its expected range; `reach` is 0 at its centre, 1 at the upper edge, -1 at the lower."""

    measurement: Measurement
    low: float | None
    high: float | None
    reach: float
    learnt: bool
    """The range comes from this station's good parts or the recording itself, not from a limit of physics."""
    among: Among = "good parts"
    """Among what `beyond_share` was counted: good parts, what the same channel did before, or what noise makes of this very signal."""
    beyond_share: float | None = None
    """How often the same quantity lay as far out while all was well; None inside the range, and where nobody counted."""

    @property
    def strength(self) -> float:
        """How far outside, in half widths; 0 inside."""
        return max(abs(self.reach) - 1, 0.0)

    def toward(self, direction: str) -> float:
        """Return how far from the centre the value lies in a direction (`high`, `low`, `any`), 0 on the other side."""
        if direction == "any":
            return abs(self.reach)
        return max(self.reach if direction == "high" else -self.reach, 0.0)


def abnormality_of(reach: float) -> float:
    """Return 0 (at the centre) to 1 (far outside) for a reach toward one side."""
    powered = min(max(reach, 0.0), 100.0) ** _EDGE_SHARPNESS
    return powered / (powered + 1)


def findings(measurements: Measurements, normal: Normal, catalogue: Catalogue) -> list[Finding]:
    """Return every measurement of which good parts, limits of physics or the recording itself tell what is normal."""
    found = []
    for measurement in measurements.values():
        learnt = normal.range_of(measurement)
        known = learnt or _limits(measurement, catalogue)
        if measurement.usual is not None:
            known = measurement.usual if known is None else known.no_narrower_than(measurement.usual)
        if known is not None:
            found.append(_finding(measurement, known, normal if learnt else None))
    return found


def _limits(measurement: Measurement, catalogue: Catalogue) -> Range | None:
    limit = catalogue.limit_of(measurement)
    return Range.within(limit.low, limit.high) if limit is not None else None


def _finding(measurement: Measurement, known: Range, learnt_from: Normal | None) -> Finding:
    """Return a quantity in its range, with how often it lay as far out, and among what."""
    reach = known.reach(measurement.value)
    low, high = known.low if known.low > -math.inf else None, known.high if known.high < math.inf else None
    learnt = learnt_from is not None or known is measurement.usual
    if abs(reach) <= 1:
        return Finding(measurement, low, high, reach, learnt)
    if learnt_from is not None:
        return Finding(measurement, low, high, reach, learnt, "good parts", learnt_from.share_beyond(measurement))
    among: Among = "the past" if measurement.kind.startswith("long_") else "chance"
    return Finding(measurement, low, high, reach, learnt, among, measurement.beyond_share)
