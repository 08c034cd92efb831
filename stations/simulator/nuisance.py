"""What else happens in the hall and is nobody's fault: forklifts, air tools, a neighbouring press, the day's temperature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from stations.simulator.chance import Floats, rng_for

Kind = Literal["forklift", "air_tool", "neighbour"]

_SLOT_S: dict[Kind, float] = {"forklift": 16.0, "air_tool": 9.0, "neighbour": 1.37}
_CHANCE: dict[Kind, float] = {"forklift": 0.3, "air_tool": 0.35, "neighbour": 0.85}
_DURATION_S: dict[Kind, tuple[float, float]] = {"forklift": (5.0, 10.0), "air_tool": (0.3, 1.1), "neighbour": (0.25, 0.3)}


@dataclass(frozen=True, slots=True)
class Passing:
    """One passing disturbance: when, how loud (around 1) and a number in 0–1 that sets its character."""

    start_s: float
    duration_s: float
    level: float
    character: float

    def envelope(self, t_s: Floats) -> Floats:
        """Return how present it is, swelling and fading like something that comes by."""
        position = np.clip((t_s - self.start_s) / self.duration_s, 0.0, 1.0)
        return self.level * np.sin(np.pi * position) ** 1.5


def passing(seed: int, kind: Kind, start_s: float, end_s: float) -> list[Passing]:
    """Return the disturbances of one kind that overlap a span."""
    slot_s, longest_s = _SLOT_S[kind], _DURATION_S[kind][1]
    slots = range(int((start_s - longest_s) // slot_s), int(end_s // slot_s) + 1)
    events = (_event(seed, kind, slot) for slot in slots)
    return [e for e in events if e is not None and e.start_s < end_s and e.start_s + e.duration_s > start_s]


@lru_cache(maxsize=1024)
def _event(seed: int, kind: Kind, slot: int) -> Passing | None:
    rng = rng_for(seed, kind, slot)
    if rng.random() >= _CHANCE[kind]:
        return None
    start_s = (slot + rng.uniform(0, 0.6)) * _SLOT_S[kind]
    return Passing(start_s, rng.uniform(*_DURATION_S[kind]), rng.uniform(0.4, 1.3), rng.random())


def slow_wander(seed: int, purpose: str, t_s: Floats, periods_s: tuple[float, ...]) -> Floats:
    """Return a smooth drift within ±1, made of a few slow waves."""
    omega, phase = _waves(seed, purpose, periods_s)
    return np.asarray(np.sin(np.multiply.outer(t_s, omega) + phase).mean(axis=-1), np.float64)


@lru_cache(maxsize=256)
def _waves(seed: int, purpose: str, periods_s: tuple[float, ...]) -> tuple[Floats, Floats]:
    rng = rng_for(seed, purpose)
    return 2 * np.pi / (np.array(periods_s) * rng.uniform(0.85, 1.15, len(periods_s))), rng.uniform(0, 2 * np.pi, len(periods_s))
