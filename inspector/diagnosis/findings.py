"""Measurements held against what is normal here, or against the limits of physics where nothing is known yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from inspector.diagnosis.catalogue import Catalogue, Limit
from inspector.diagnosis.measurements import Measurement, Measurements
from inspector.diagnosis.normal import Normal

_EDGE_SHARPNESS = 6
"""At the edge of its range a quantity counts for half; at 0.7 of the way 0.1, at 1.4 times the way 0.88."""
_LIMIT_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Finding:
    """One quantity with its expected range; `reach` is 0 at its centre, 1 at the upper edge, -1 at the lower."""

    measurement: Measurement
    low: float | None
    high: float | None
    reach: float
    learnt: bool
    """The range comes from this station's good parts or the recording itself, not from a limit of physics."""
    among: Literal["good parts", "the past", "chance"] = "good parts"
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
    """Return every measurement for which a range or a limit is known."""
    found = []
    for measurement in measurements.values():
        learnt = normal.range_of(measurement)
        known = learnt or measurement.usual
        if known is not None:
            # A line below what chance reaches in its own spectrum is none, however low it was on good parts.
            if measurement.chance_high is not None:
                known = replace(known, high=max(known.high, measurement.chance_high))
            reach = known.reach(measurement.value)
            one = Finding(measurement, known.low, known.high, reach, learnt=True)
            if abs(reach) > 1:
                one = replace(one, **_counted(measurement, normal, learnt is not None))
            found.append(one)
        elif (limit := _limit_of(measurement, catalogue)) is not None:
            one = Finding(measurement, limit.low, limit.high, _reach(limit, measurement.value), learnt=False)
            found.append(replace(one, beyond_share=measurement.chance_share, among="chance") if one.reach > 1 else one)
    return found


def _counted(measurement: Measurement, normal: Normal, by_good_parts: bool) -> dict[str, Any]:
    """Return how often the quantity lay as far out, and among what."""
    if by_good_parts:
        return {"beyond_share": normal.share_beyond(measurement), "among": "good parts"}
    return {"beyond_share": measurement.beyond_share, "among": "the past" if measurement.kind.startswith("long_") else "chance"}


def _limit_of(measurement: Measurement, catalogue: Catalogue) -> Limit | None:
    """Return what physics allows: the catalogue's limit, or what chance reaches in this very signal where that is more."""
    limit, chance = catalogue.limit_of(measurement), measurement.chance_high
    if chance is None:
        return limit
    if limit is None:
        return Limit(kind=measurement.kind, high=chance)
    return limit.model_copy(update={"high": chance if limit.high is None else max(limit.high, chance)})


def _reach(limit: Limit, value: float) -> float:
    """Return the reach within limits; where one side is open, a quarter of the limit stands for the half width."""
    if limit.low is not None and limit.high is not None:
        return (value - (limit.high + limit.low) / 2) / ((limit.high - limit.low) / 2)
    edge, side = (limit.high, 1.0) if limit.high is not None else (limit.low or 0.0, -1.0)
    half = max(_LIMIT_SHARE * abs(edge), 1e-9)
    return side * max(1 + side * (value - edge) / half, 0.0)
