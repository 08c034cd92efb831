"""From logits to a probability that means something, and to an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from inspector.config import CostsConfig, DecisionConfig
from inspector.fusion.promise import GoodScores, Promise, promised
from inspector.fusion.uncertainty import Doubt
from inspector.parts import Modality, Outcome

Mode = Literal["learned", "good_parts_only", "kinds_only"]
NOTHING_FAILS = float(np.nextafter(1.0, 2.0))
"""The threshold where not even the highest score may be rejected."""
MOVED = ("threshold", "review_from", "cheapest")


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
    threshold: float = Field(default=0.5, ge=0, le=NOTHING_FAILS)
    review_from: float = Field(default=0.5, ge=0, le=NOTHING_FAILS)
    """Scores from here up to the threshold go to a person."""
    kind_temperature: float = Field(default=1.0, gt=0)
    cause_temperature: float = Field(default=1.0, gt=0)
    rule: str = ""
    defect_rate: float | None = None
    """Share of defective parts for which `score` is a probability: that of the held-out parts, unless a station says another."""
    good: GoodScores = GoodScores()
    """Scores of good held-out parts, by calibrations that did not see them."""
    cheapest: float | None = None
    """The threshold of least cost by the recipe, whatever is promised; None in models older than promises."""
    review_share: float = 0.0
    """Share of good parts that may be rejected or looked at, where a station names no costs."""
    promise: Promise | None = None
    conflict_from: float | None = None
    """Evidence `conflict` from here on: the senses disagree, and a part is not passed unseen."""
    doubt: Doubt = Doubt()

    def score(self, evidence: dict[str, float]) -> float:
        """Return the probability that a part is defective."""
        if self.mode == "kinds_only":
            return 1.0
        return float(sigmoid(np.asarray(self.log_odds(evidence))))

    def log_odds(self, evidence: Mapping[str, float]) -> float:
        """Return the log odds that a part is defective."""
        return self.offset + sum(weight * evidence.get(name, 0.0) for name, weight in self.evidence.items())

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

    def conflicting(self, evidence: Mapping[str, float]) -> bool:
        """Tell whether the senses of a part disagree."""
        return self.conflict_from is not None and evidence.get("conflict", -np.inf) >= self.conflict_from

    def decided(self, wish: DecisionConfig) -> Calibration:
        """Return what becomes of the same scores on a station with its own promise, costs and defect rate."""
        if self.mode == "kinds_only":
            return self
        found = self._at_rate(wish.defect_rate)
        asked = wish.promise or (self.promise.asked if self.promise else None)
        if asked is None:
            return found
        floor, promise = promised(found.good, asked)
        if self.mode == "learned" and promise.is_guess:
            # The worst of a handful of good parts may lie above every defect: what costs least is known better.
            floor, promise = float("-inf"), promise.model_copy(update={"kept": "not"})
        costs = wish.costs if self.mode == "learned" else None
        own = (found.threshold if found.cheapest is None else found.cheapest, found._review_from())
        fail_from, review_from = _by_cost(costs) if costs else own
        threshold = max(_above(floor), fail_from)
        rule = f"{_rule_of(self.mode, wish, self.defect_rate)}; {promise.words}"
        return found.model_copy(
            update={"threshold": threshold, "review_from": min(review_from, threshold), "promise": promise, "rule": rule}
        )

    def _review_from(self) -> float:
        """Return the threshold that `review_share` of good held-out parts exceed."""
        return _above(self.good.exceeded_by(self.review_share)[0]) if self.good.log_odds else self.review_from

    def _at_rate(self, rate: float | None) -> Calibration:
        """Return the calibration for another share of defective parts; what tells good from bad stays as it is."""
        if rate is None or self.defect_rate is None or self.mode != "learned":
            return self
        shift = float(log_odds(rate) - log_odds(self.defect_rate))
        update = {
            "offset": self.offset + shift,
            "defect_rate": rate,
            "good": self.good.shifted(shift),
            **{name: float(sigmoid(log_odds(at) + shift)) for name in MOVED if (at := getattr(self, name)) is not None},
        }
        return self.model_copy(update=update)


def _above(odds: float) -> float:
    """Return the least score above what is given as log odds."""
    return float(np.nextafter(sigmoid(np.asarray(odds)), 2.0))


def _by_cost(costs: CostsConfig) -> tuple[float, float]:
    """Return from which probability on failing a part costs least, and from which on looking at it costs less than passing it.

    Passing costs p * escape, failing (1 - p) * reject, looking the same for every part.
    """
    fail_from = max(costs.reject / (costs.reject + costs.escape), 1 - costs.review / costs.reject)
    return fail_from, costs.review / costs.escape


def _rule_of(mode: Mode, wish: DecisionConfig, labelled: float | None) -> str:
    if mode != "learned":
        unused = "; costs and defect rate are not used" if wish.costs or wish.defect_rate else ""
        return f"no defect in training, so the score is the distance from good parts and no probability{unused}"
    if wish.costs is None:
        return "least cost by the recipe"
    costs = wish.costs
    rate = f"{wish.defect_rate:.3g} as the station says" if wish.defect_rate else f"{labelled or 0.5:.3g} as labelled"
    return f"least expected cost (escape {costs.escape:g}, reject {costs.reject:g}, review {costs.review:g}; defect rate {rate})"


def log_odds(scores: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Return log(p / (1 - p)), finite also for 0 and 1."""
    clipped = np.clip(np.asarray(scores, dtype=np.float64), 1e-15, 1 - 1e-15)
    return np.asarray(np.log(clipped / (1 - clipped)))


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(values / 2)))


def softmax(logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return probabilities that sum to 1."""
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max())
    return np.asarray(powers / powers.sum())
