"""From evidence on parts that the members did not learn from: weights, temperatures, threshold, review band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from inspector.fusion.calibration import Calibration, sigmoid
from inspector.fusion.uncertainty import doubt
from inspector.training.recipe import DecisionRecipe

Numbers = NDArray[np.float64]

PRIOR_STRENGTH = 6.0
"""How many parts' worth of belief stand behind "the fused logit alone tells it"."""
GOOD_TAIL = 0.975
FEWEST_EACH = 6


@dataclass(frozen=True, slots=True)
class Witnessed:
    """Evidence on parts held out from learning, with their truth."""

    evidence: Sequence[dict[str, float]]
    defective: NDArray[np.bool_]
    kind_logits: Numbers
    kinds: NDArray[np.int64]
    cause_logits: Numbers
    causes: NDArray[np.int64]


def calibrate(held: Witnessed, *, any_defect: bool, any_good: bool, recipe: DecisionRecipe) -> Calibration:
    """Return the calibration that held-out parts support."""
    temperatures = {
        "kind_temperature": _temperature(held.kind_logits, held.kinds),
        "cause_temperature": _temperature(held.cause_logits, held.causes),
    }
    found = _detection(held, any_defect, any_good, recipe).model_copy(update=temperatures)
    return found.model_copy(update={"doubt": doubt([found.score(one) for one in held.evidence], held.evidence, found.evidence)})


def _detection(held: Witnessed, any_defect: bool, any_good: bool, recipe: DecisionRecipe) -> Calibration:
    if not any_good:
        return Calibration(mode="kinds_only", rule="no good part in training: every part is defective")
    if not any_defect:
        return _good_parts_only(held, recipe)
    weights, offset = _logistic(held)
    return _with_threshold(Calibration(mode="learned", evidence=weights, offset=offset), held, recipe)


def _logistic(held: Witnessed) -> tuple[dict[str, float], float]:
    """Return weights ≥ 0 per evidence and an offset: logistic regression with a prior on the fused logit alone."""
    names = sorted({name for evidence in held.evidence for name in evidence})
    names = ["fused", *[name for name in names if name != "fused"]]
    table = np.array([[evidence.get(name, 0.0) for name in names] for evidence in held.evidence])
    spread = np.maximum(table.std(axis=0), 1e-3)
    spread[0] = 1.0
    prior = np.zeros(len(names) + 1)
    prior[0] = 1.0
    truth = held.defective.astype(np.float64)

    def loss(parameters: Numbers) -> tuple[float, Numbers]:
        logits = (table / spread) @ parameters[:-1] + parameters[-1]
        wrong = np.logaddexp(0, logits) - truth * logits
        pull = parameters - prior
        pull[-1] = 0.0
        gradient = np.append((table / spread).T @ (sigmoid(logits) - truth), (sigmoid(logits) - truth).sum())
        return float(wrong.sum() + PRIOR_STRENGTH / 2 * (pull**2).sum()), gradient + PRIOR_STRENGTH * pull

    bounds = [(0.05, 3.0), *[(0.0, 3.0)] * (len(names) - 1), (-20.0, 20.0)]
    found = minimize(loss, prior, jac=True, method="L-BFGS-B", bounds=bounds).x
    weights = {name: float(w) for name, w in zip(names, found[:-1] / spread, strict=True) if w > 1e-4}
    return weights, float(found[-1])


def _good_parts_only(held: Witnessed, recipe: DecisionRecipe) -> Calibration:
    """Return a score that is 0.5 where all but the last `false_reject_budget` of good parts lie below."""
    names = sorted({name for evidence in held.evidence for name in evidence if name.startswith("distance_")})
    weight = 1 / max(len(names), 1) ** 0.5
    distances = np.array([sum(weight * evidence.get(name, 0.0) for name in names) for evidence in held.evidence])
    middle, tail = np.median(distances), np.quantile(distances, GOOD_TAIL)
    slope = float(np.log(19) / max(tail - middle, 1e-3))
    scored = Calibration(mode="good_parts_only", evidence=dict.fromkeys(names, weight * slope), offset=float(-slope * tail))
    scores = np.array([scored.score(evidence) for evidence in held.evidence])
    threshold = float(np.quantile(scores, 1 - recipe.false_reject_budget))
    review = float(np.quantile(scores, 1 - recipe.false_reject_budget - recipe.review_budget))
    rule = f"no defect in training: {recipe.false_reject_budget:.0%} of held-out good parts score higher"
    return scored.model_copy(update={"threshold": threshold, "review_from": min(review, threshold), "rule": rule})


def _with_threshold(scored: Calibration, held: Witnessed, recipe: DecisionRecipe) -> Calibration:
    scores = np.array([scored.score(evidence) for evidence in held.evidence])
    good: Numbers = np.sort(scores[~held.defective])
    bad: Numbers = np.sort(scores[held.defective])
    if len(good) < FEWEST_EACH or len(bad) < FEWEST_EACH:
        rule = f"fewer than {FEWEST_EACH} good or defective held-out parts: threshold at probability 0.5"
        return scored.model_copy(update={"threshold": 0.5, "review_from": 0.35, "rule": rule})
    threshold = _cheapest(good, bad, recipe)
    review = min(threshold, float(np.quantile(good, max(0.0, float(np.mean(good < threshold)) - recipe.review_budget))))
    rule = (
        f"least cost on held-out parts (a miss counts {recipe.miss_cost:g} false rejects) "
        f"with at most {recipe.false_reject_budget:.0%} of good parts rejected"
    )
    return scored.model_copy(update={"threshold": threshold, "review_from": review, "rule": rule})


def _cheapest(good: Numbers, bad: Numbers, recipe: DecisionRecipe) -> float:
    """Return the threshold of least cost within the budget, in the middle (as log odds) of the gap where it is free to lie."""
    odds = np.unique(_log_odds(np.concatenate([good, bad])))
    borders = np.concatenate([[odds[0] - 1], (odds[1:] + odds[:-1]) / 2, [odds[-1] + 1]])
    rejected = 1 - np.searchsorted(_log_odds(good), borders) / len(good)
    missed = np.searchsorted(_log_odds(bad), borders) / len(bad)
    # Cost per good part at the training line's own mix would follow its defect rate, which a labelled set exaggerates: shares are weighed.
    cost = recipe.miss_cost * missed + rejected
    cost[rejected > recipe.false_reject_budget] = np.inf
    return float(sigmoid(np.asarray(borders[int(cost.argmin())])))


def _log_odds(scores: Numbers) -> Numbers:
    clipped = np.clip(scores, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _temperature(logits: Numbers, truth: NDArray[np.int64]) -> float:
    known = truth >= 0
    if logits.shape[1] < 2 or known.sum() < FEWEST_EACH:
        return 1.0
    chosen, target = logits[known], truth[known]

    def loss(log_temperature: float) -> float:
        scaled = chosen / np.exp(log_temperature)
        top = scaled.max(axis=1, keepdims=True)
        total = top[:, 0] + np.log(np.exp(scaled - top).sum(axis=1))
        return float((total - scaled[np.arange(len(target)), target]).mean() + 0.02 * log_temperature**2)

    return float(np.exp(minimize_scalar(loss, bounds=(-1.5, 2.0), method="bounded").x))
