"""How far one channel can be trusted, by what its signal alone shows, and what each measure behind it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from inspector.remarks import remark

DEGRADED_BELOW = 0.6
"""A channel with a lower quality is reported as degraded."""


AMBIGUOUS_COST = 0.4
"""What a measure may cost by itself where the part could be the reason, too: never so much that the channel counts as degraded.
The comparison with training tells the two apart."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """What one quality measure is, and where it is worse than usual.

    A model compares a part's measures with those of its training parts. A fault that can be heard or seen moves measures, too: it makes
    a sound louder and adds tones, edges and contrast. So only the side that speaks of a bad channel counts.
    """

    unit: str
    low: float
    high: float
    worse: Literal["above", "below", "either"]
    least_width: float
    """The least change that matters, in `unit`: a measure that never moved in training has a range at least this wide."""

    def outside(self, value: float, low: float, high: float) -> float:
        """Return by how many widths of the range `low`–`high` a value lies on its worse side; 0 or less within."""
        below, above = low - value, value - high
        distance = {"above": above, "below": below, "either": max(below, above)}[self.worse]
        return distance / max(high - low, self.least_width)


INDICATORS: Mapping[str, Indicator] = {
    # pictures
    "bright": Indicator("share of pixels", 0, 1, "above", 0.05),
    "dark": Indicator("share of pixels", 0, 1, "above", 0.05),
    "level": Indicator("share of full scale", 0, 1, "either", 0.1),
    "blur": Indicator("share of variation left by blurring again", 0, 1, "above", 0.05),
    "smear": Indicator("blur of the most less that of the least blurred direction", 0, 1, "above", 0.05),
    "sharpness": Indicator("log10 of the Laplacian's variance", -3, 5, "below", 0.2),
    "contrast": Indicator("log10 of the grey levels' spread", -2, 2.2, "below", 0.1),
    "covered": Indicator("share of pixels in the largest perfectly even patch", 0, 1, "above", 0.03),
    "plain": Indicator("share of pixels in the largest patch without texture", 0, 1, "above", 0.05),
    "blocks": Indicator("log10 of steps at JPEG's block borders over steps elsewhere", 0, 2.5, "above", 0.1),
    # sound and vibration
    "clipped": Indicator("share of samples in flat tops", 0, 1, "above", 0.005),
    "dropped": Indicator("share of samples in blocks that stand still", 0, 1, "above", 0.02),
    "level_db": Indicator("dB of the unit squared", -120, 200, "below", 10),
    "snr_db": Indicator("dB of what stands above an even hiss", -20, 60, "below", 6),
    "hum": Indicator("share of power in mains lines", 0, 1, "above", 0.2),
    # series
    "gaps": Indicator("share of values missing", 0, 1, "above", 0.05),
    "longest_gap": Indicator("share of the window", 0, 1, "above", 0.05),
    "stuck": Indicator("share of values in the longest run of equal ones", 0, 1, "above", 0.1),
    "levels": Indicator("log10 of how many values differ", 0, 9, "below", 0.3),
    "unsteady": Indicator("mean deviation of steps over their median", 0, 10, "above", 0.2),
    "rate": Indicator("log10 of readings per second", -9, 9, "either", 0.3),
}


@dataclass(frozen=True, slots=True)
class Quality:
    """0 (worthless) to 1, the measures behind it, and a reason in words where it is low."""

    value: float
    reason: str = ""
    indicators: Mapping[str, float] = field(default_factory=dict)


def judged(penalties: Mapping[str, float], indicators: Mapping[str, float]) -> Quality:
    """Combine `penalties` (reason -> 0 none … 1 worthless) into one quality; the worst one names the reason."""
    value = 1.0
    for penalty in penalties.values():
        value *= 1.0 - min(max(penalty, 0.0), 1.0)
    worst = max(penalties, key=lambda name: penalties[name], default="")
    return Quality(value, remark(worst) if value < DEGRADED_BELOW else "", indicators)


def ramp(value: float, start: float, end: float) -> float:
    """Return 0 at `start`, 1 at `end`, straight between and flat outside; `end` may lie below `start`."""
    return min(max((value - start) / (end - start), 0.0), 1.0)
