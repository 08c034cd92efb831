"""What becomes of one part: its variant, whether it gets a defect, of which kind, from which cause."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inspector.parts import OK_LABEL
from stations.simulator.chance import rng_for
from stations.simulator.motion import Motion
from stations.simulator.scenario import CauseName, LineSettings, Scenario

NO_CAUSE = "none"
VARIANTS = ("a", "b", "c")
_BATCH_PARTS = 24


@dataclass(frozen=True, slots=True)
class _Effect:
    """What a fault does to parts: nothing below `onset`, then a defect ever more often, up to `most` at severity 1."""

    kind: str
    onset: float
    most: float

    def probability(self, severity: float) -> float:
        share = min(max((severity - self.onset) / (0.75 - self.onset), 0.0), 1.0)
        return self.most * float(share**0.8)


_EFFECTS: dict[CauseName, _Effect] = {
    "belt_slip": _Effect("scratch", 0.22, 0.9),
    "bearing_wear": _Effect("chatter_mark", 0.3, 0.9),
    "imbalance": _Effect("chatter_mark", 0.4, 0.5),
    "cooling_failure": _Effect("discoloration", 0.3, 0.95),
    "low_air_pressure": _Effect("press_mark", 0.25, 0.92),
    "tool_wear": _Effect("burr", 0.25, 0.9),
}
"""Lens dirt and a failing light are the station's faults: they spoil the picture, never the part."""
_INCLUSION_RATIO = 0.65
"""Of the defects that come with the material; the others are scratches."""


@dataclass(frozen=True, slots=True)
class Fate:
    """All that is decided of a part before it is pictured."""

    part: int
    t_s: float
    variant: str
    label: str
    cause: str
    severity: float
    """Of the active fault, or of the incoming defect."""
    extent: float
    """How large and how strong the defect is, 0–1; 0 on a good part."""


def fate_of(part: int, settings: LineSettings, scenario: Scenario, motion: Motion) -> Fate:
    """Return the fate of a part."""
    rng = rng_for(settings.seed, "fate", part)
    t_s = motion.part_s(part)
    cause, severity = scenario.worst(t_s)
    variant = VARIANTS[int(rng_for(settings.seed, "batch", part // _BATCH_PARTS).integers(len(VARIANTS)))]
    chance, spread = rng.random(), rng.uniform(0.8, 1.15)
    if cause is None:
        if chance >= settings.incoming_ratio:
            return Fate(part, t_s, variant, OK_LABEL, NO_CAUSE, 0.0, 0.0)
        kind, size = "inclusion" if rng.random() < _INCLUSION_RATIO else "scratch", rng.uniform(0.35, 1.0)
        return Fate(part, t_s, variant, kind, NO_CAUSE, size, size)
    effect = _EFFECTS.get(cause)
    if effect is None or chance >= effect.probability(severity):
        return Fate(part, t_s, variant, OK_LABEL, cause, severity, 0.0)
    return Fate(part, t_s, variant, effect.kind, cause, severity, float(np.clip(severity * spread, 0.0, 1.0)))
