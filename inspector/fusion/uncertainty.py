"""How far the probability of a verdict may be off: by what the calibration could not know, by disagreement, and by senses that are gone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from inspector.parts import Modality

SPREADS = 1.645
"""Half width of the interval in standard deviations: nine in ten, were the errors normal."""
LEAST_INFORMATION = 0.05


class Doubt(BaseModel):
    """What held-out parts say of a score's error, in log odds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: float = 0.0
    """Standard error of the calibration's offset: large where it was set on few parts, or on parts that were all plain."""
    usual: dict[Modality, float] = {}
    """How much each modality's own evidence usually moves a score: what is not known of a part when that modality is gone."""

    def interval(self, score: float, quality: Mapping[Modality, float], spread: float = 0.0) -> tuple[float, float]:
        """Return between what ends the probability lies, given each modality's quality (absent: 0) and the members' `spread`."""
        lost = sum(((1 - quality.get(modality, 0.0)) * usual) ** 2 for modality, usual in self.usual.items())
        half = SPREADS * math.sqrt(self.base**2 + spread**2 + lost)
        inside = min(max(score, 1e-9), 1 - 1e-9)
        odds = math.log(inside / (1 - inside))
        return _sigmoid(odds - half), _sigmoid(odds + half)


def doubt(scores: Sequence[float], evidence: Sequence[Mapping[str, float]], weights: Mapping[str, float]) -> Doubt:
    """Return the doubt that held-out parts support: their scores, and the evidence behind them with the calibration's weights."""
    chances = np.asarray(scores, dtype=np.float64)
    information = float((chances * (1 - chances)).sum())  # Fisher's, of the offset of a logistic model
    names = sorted({name.partition("_")[2] for one in evidence for name in one if name.startswith(("own_", "distance_"))})
    usual = {name: float(np.std([_moved(one, name, weights) for one in evidence])) for name in names}
    return Doubt.model_validate({"base": max(information, LEAST_INFORMATION) ** -0.5, "usual": usual})


def _moved(evidence: Mapping[str, float], modality: str, weights: Mapping[str, float]) -> float:
    """Return by how many log odds a modality's own evidence moves a score; the fused logit holds it, too."""
    own = (weights.get("fused", 0.0) + weights.get(f"own_{modality}", 0.0)) * evidence.get(f"own_{modality}", 0.0)
    return own + weights.get(f"distance_{modality}", 0.0) * evidence.get(f"distance_{modality}", 0.0)


def _sigmoid(odds: float) -> float:
    return 0.5 * (1 + math.tanh(odds / 2))
