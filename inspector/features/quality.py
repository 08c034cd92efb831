"""How far one channel can be trusted, by what its signal alone shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEGRADED_BELOW = 0.6
"""A channel with a lower quality is reported as degraded."""


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
    return Quality(value, worst if value < DEGRADED_BELOW else "", indicators)


def ramp(value: float, start: float, end: float) -> float:
    """Return 0 at `start`, 1 at `end`, straight between and flat outside; `end` may lie below `start`."""
    return min(max((value - start) / (end - start), 0.0), 1.0)
