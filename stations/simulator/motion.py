"""How the line moves: one motor turns the shaft, the shaft drives the belt and times the press."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from stations.simulator.chance import Floats, rng_for

SHAFT_HZ = 24.5
BELT_M_PER_S = 0.25
STROKE_LEAD_S = 0.32
"""The press stands this far ahead of the camera."""

# Per turn of the shaft, a 6205 deep-groove bearing (9 balls of 7.94 mm on a 39.04 mm pitch circle).
BPFO_PER_REV = 3.585
BPFI_PER_REV = 5.415

_WANDER_PERIODS_S = np.array([71.0, 23.0, 9.1, 3.7])
_WANDER_RATIO = np.array([0.008, 0.006, 0.004, 0.002])
"""The speed wanders by ±2 % in all: load, mains voltage, the controller's own hunting."""


class Motion:
    """Speed and angle of the shaft at any instant, in closed form, so that a tone keeps its phase over all blocks."""

    def __init__(self, seed: int, interval_s: float, first_part_s: float) -> None:
        rng = rng_for(seed, "motion")
        self._seed, self._interval_s, self._first_part_s = seed, interval_s, first_part_s
        self._omega = 2 * np.pi / (_WANDER_PERIODS_S * rng.uniform(0.85, 1.15, 4))
        self._phase = rng.uniform(0, 2 * np.pi, 4)

    def speed_ratio(self, t_s: Floats) -> Floats:
        """Return the speed over its nominal value."""
        return np.asarray(1.0 + np.sin(np.multiply.outer(t_s, self._omega) + self._phase) @ _WANDER_RATIO)

    def turns(self, t_s: Floats) -> Floats:
        """Return the turns of the shaft since t = 0: the integral of its speed."""
        swing = np.cos(self._phase) - np.cos(np.multiply.outer(t_s, self._omega) + self._phase)
        return np.asarray(SHAFT_HZ * (t_s + swing @ (_WANDER_RATIO / self._omega)))

    def part_s(self, part: int) -> float:
        """Return when a part is in front of the camera."""
        return self._first_part_s + part * self._interval_s

    def stroke_s(self, part: int) -> float:
        """Return when the press hits a part; it varies by a few milliseconds."""
        return self.part_s(part) - STROKE_LEAD_S + _stroke_jitter_s(self._seed, part)

    def strokes_between(self, start_s: float, end_s: float) -> list[tuple[int, float]]:
        """Return (part, instant) of the strokes within a span, the line having run before its first part too."""
        first = int(np.floor((start_s - self._first_part_s + STROKE_LEAD_S - 0.02) / self._interval_s))
        last = int(np.ceil((end_s - self._first_part_s + STROKE_LEAD_S + 0.02) / self._interval_s))
        strokes = [(part, self.stroke_s(part)) for part in range(first, last + 1)]
        return [(part, t_s) for part, t_s in strokes if start_s <= t_s < end_s]


@lru_cache(maxsize=1024)
def _stroke_jitter_s(seed: int, part: int) -> float:
    return float(np.clip(rng_for(seed, "stroke", part).normal(0, 0.004), -0.012, 0.012))
