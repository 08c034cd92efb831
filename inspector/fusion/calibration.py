"""From logits to a probability that means something, and to an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from inspector.fusion.uncertainty import Doubt
from inspector.parts import Modality, Outcome

Mode = Literal["learned", "good_parts_only", "kinds_only"]


class Calibration(BaseModel):
    """How evidence becomes a score, and where the score becomes a verdict.

    `learned`: logistic over the fused logit and the modalities' own evidence. `good_parts_only`: no defect was seen in training, the
    score grows with the distance from good parts. `kinds_only`: no good part was seen, so every part is
    defective and only its kind is told.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode
    evidence: dict[str, float] = {}
    """Name of the evidence -> its weight; evidence of an absent modality is 0."""
    offset: float = 0.0
    threshold: float = Field(default=0.5, ge=0, le=1)
    review_from: float = Field(default=0.5, ge=0, le=1)
    """Scores from here up to the threshold go to a person."""
    kind_temperature: float = Field(default=1.0, gt=0)
    cause_temperature: float = Field(default=1.0, gt=0)
    rule: str = ""
    doubt: Doubt = Doubt()

    def score(self, evidence: dict[str, float]) -> float:
        """Return the probability that a part is defective."""
        if self.mode == "kinds_only":
            return 1.0
        return float(sigmoid(np.asarray(self.offset + sum(weight * evidence.get(name, 0.0) for name, weight in self.evidence.items()))))

    def shares(self, evidence: Mapping[str, float], attention: Mapping[Modality, float]) -> dict[Modality, float]:
        """Return how much of the score came from each modality; sums to 1.

        Its own evidence counts for itself, whichever way it speaks; what the trunk adds beyond that is split by attention.
        """
        own = {modality: evidence.get(f"own_{modality}", 0.0) for modality in attention}
        fused = self.evidence.get("fused", 0.0)
        joint = abs(fused * (evidence.get("fused", 0.0) - sum(own.values())))
        said = {
            modality: abs(
                (fused + self.evidence.get(f"own_{modality}", 0.0)) * own[modality]
                + self.evidence.get(f"distance_{modality}", 0.0) * evidence.get(f"distance_{modality}", 0.0)
            )
            + joint * attention[modality]
            for modality in attention
        }
        total = sum(said.values())
        return {modality: value / total for modality, value in said.items()} if total > 0 else dict(attention)

    def outcome(self, score: float) -> Outcome:
        """Return what is done with a part of this score."""
        if score >= self.threshold:
            return "fail"
        return "review" if score >= self.review_from else "pass"


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(values / 2)))


def softmax(logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return probabilities that sum to 1."""
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max())
    return np.asarray(powers / powers.sum())
