"""From evidence on parts that the members did not learn from: weights, temperatures, and the scores that thresholds are made of.

What is fitted here is fitted on few parts, so a part's score by a fit that saw it is too good. Every score that a threshold, a promise
or a figure rests on therefore comes from a fit that did not see its group (cross-fitting); the model itself keeps the fit on all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from inspector.config import DecisionConfig
from inspector.fusion.calibration import Calibration, log_odds, sigmoid
from inspector.fusion.opinion import CONFLICT
from inspector.fusion.promise import GoodScores
from inspector.fusion.uncertainty import doubt
from inspector.parts import Modality
from inspector.training.recipe import DecisionRecipe

Numbers = NDArray[np.float64]

PRIOR_STRENGTH = 6.0
"""How many parts' worth of belief stand behind "the fused logit alone tells it"."""
GOOD_TAIL = 0.975
FEWEST_EACH = 6
CROSS_FITS = 10
LEARNED_FROM_INVENTED = "own_image"
"""Evidence that a model of good parts alone has where its pictures' head learned from made-up defects."""
CONFLICT_QUANTILE, FEWEST_FOR_CONFLICT = 0.99, 50


@dataclass(frozen=True, slots=True)
class Witnessed:
    """Evidence on parts held out from learning, with their truth."""

    evidence: Sequence[dict[str, float]]
    defective: NDArray[np.bool_]
    kind_logits: Numbers
    kinds: NDArray[np.int64]
    cause_logits: Numbers
    causes: NDArray[np.int64]
    groups: Sequence[str]
    """Which parts are not independent of each other."""
    part_ids: Sequence[str] = ()
    attention: Sequence[Mapping[Modality, float]] = ()

    def and_of(self, other: Witnessed) -> Witnessed:
        """Return both together."""
        return Witnessed(
            [*self.evidence, *other.evidence],
            np.concatenate([self.defective, other.defective]),
            np.concatenate([self.kind_logits, other.kind_logits]),
            np.concatenate([self.kinds, other.kinds]),
            np.concatenate([self.cause_logits, other.cause_logits]),
            np.concatenate([self.causes, other.causes]),
            [*self.groups, *other.groups],
            [*self.part_ids, *other.part_ids],
            [*self.attention, *other.attention],
        )


def calibrate(held: Witnessed, *, any_defect: bool, any_good: bool, recipe: DecisionRecipe, invented: bool = False) -> Calibration:
    """Return the calibration that held-out parts support; `invented` tells whether pictures with made-up defects were learned from."""
    temperatures = {
        "kind_temperature": _temperature(held.kind_logits, held.kinds),
        "cause_temperature": _temperature(held.cause_logits, held.causes),
    }
    found = _detection(held, any_defect, any_good, recipe, invented).model_copy(update=temperatures)
    return found.model_copy(update={"doubt": doubt([found.score(one) for one in held.evidence], held.evidence, found.evidence)})


def honest_scores(held: Witnessed, calibration: Calibration) -> Numbers:
    """Return each held-out part's score by a calibration that did not see its group."""
    if calibration.mode != "learned":
        return np.array([calibration.score(evidence) for evidence in held.evidence])
    names, group_of = np.unique(np.asarray(held.groups, dtype=str), return_inverse=True)
    fold_of = np.random.default_rng(0).permutation(len(names))[group_of] % CROSS_FITS
    scores = np.empty(len(held.evidence))
    for fold in np.unique(fold_of):
        weights, offset = _logistic(held, fold_of != fold)
        fitted = Calibration(mode="learned", evidence=weights, offset=offset)
        scores[fold_of == fold] = [fitted.score(held.evidence[int(row)]) for row in np.flatnonzero(fold_of == fold)]
    return scores


def _detection(held: Witnessed, any_defect: bool, any_good: bool, recipe: DecisionRecipe, invented: bool) -> Calibration:
    if not any_good:
        return Calibration(mode="kinds_only", rule="no good part in training: every part is defective, and nothing is promised")
    if not any_defect:
        return _decided(_good_parts_only(held, invented), held, recipe)
    weights, offset = _logistic(held, np.ones(len(held.evidence), dtype=bool))
    rate = float(held.defective.mean()) if 0 < held.defective.sum() < len(held.defective) else None
    return _decided(Calibration(mode="learned", evidence=weights, offset=offset, defect_rate=rate), held, recipe)


def _decided(scored: Calibration, held: Witnessed, recipe: DecisionRecipe) -> Calibration:
    scores = honest_scores(held, scored)
    good = ~held.defective
    groups = [group for group, is_good in zip(held.groups, good, strict=True) if is_good]
    found = {
        "good": GoodScores.of(log_odds(scores[good]), groups),
        "cheapest": _cheapest(scores[good], scores[~good], recipe.miss_cost) if scored.mode == "learned" else 0.0,
        "review_share": recipe.promise.share + recipe.review_budget,
        "conflict_from": _conflict_from(held),
    }
    return scored.model_copy(update=found).decided(DecisionConfig(promise=recipe.promise))


def _conflict_from(held: Witnessed) -> float | None:
    """Return the evidence of a conflict that hardly any part with its own signals shows; None where too few parts can tell."""
    shown = np.array([evidence[CONFLICT] for evidence in held.evidence if CONFLICT in evidence])
    return float(np.quantile(shown, CONFLICT_QUANTILE)) if len(shown) >= FEWEST_FOR_CONFLICT else None


def _logistic(held: Witnessed, chosen: NDArray[np.bool_]) -> tuple[dict[str, float], float]:
    """Return weights ≥ 0 per evidence and an offset: logistic regression on `chosen` parts, with a prior on the fused logit alone."""
    others = {name for evidence in held.evidence for name in evidence} - {"fused", CONFLICT}
    names = ["fused", *sorted(others)]
    table = np.array([[held.evidence[int(row)].get(name, 0.0) for name in names] for row in np.flatnonzero(chosen)])
    spread = np.maximum(table.std(axis=0), 1e-3)
    spread[0] = 1.0
    prior = np.zeros(len(names) + 1)
    prior[0] = 1.0
    truth = held.defective[chosen].astype(np.float64)

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


def _good_parts_only(held: Witnessed, invented: bool) -> Calibration:
    """Return a score that grows with the distance, 0.5 where all but the last `1 - GOOD_TAIL` of good parts lie below.

    Distances come in spreads of good parts; what a picture's own head says, taught by made-up defects, is brought to spreads here.
    """
    found = {name for evidence in held.evidence for name in evidence}
    names = sorted(name for name in found if name.startswith("distance_") or (invented and name == LEARNED_FROM_INVENTED))
    table = {name: np.array([evidence.get(name, 0.0) for evidence in held.evidence]) for name in names}
    weights = {name: (1 / _spread(table[name]) if name == LEARNED_FROM_INVENTED else 1.0) / len(names) ** 0.5 for name in names}
    distances = np.sum([weights[name] * table[name] for name in names], axis=0) if names else np.zeros(len(held.evidence))
    middle, tail = np.median(distances), np.quantile(distances, GOOD_TAIL)
    slope = float(np.log(19) / max(tail - middle, 1e-3))
    evidence = {name: float(weight * slope) for name, weight in weights.items()}
    return Calibration(mode="good_parts_only", evidence=evidence, offset=float(-slope * tail))


def _spread(values: Numbers) -> float:
    low, high = np.quantile(values, (0.16, 0.84))
    return max(float(high - low) / 2, 0.05)


def _cheapest(good: Numbers, bad: Numbers, miss_cost: float) -> float:
    """Return the threshold of least cost, in the middle (as log odds) of the gap where it is free to lie."""
    if len(good) < FEWEST_EACH or len(bad) < FEWEST_EACH:
        return 0.5
    odds = np.unique(log_odds(np.concatenate([good, bad])))
    borders = np.concatenate([[odds[0] - 1], (odds[1:] + odds[:-1]) / 2, [odds[-1] + 1]])
    rejected = 1 - np.searchsorted(np.sort(log_odds(good)), borders) / len(good)
    missed = np.searchsorted(np.sort(log_odds(bad)), borders) / len(bad)
    # Cost per good part at the training line's own mix would follow its defect rate, which a labelled set exaggerates: shares are weighed.
    return float(sigmoid(np.asarray(borders[int((miss_cost * missed + rejected).argmin())])))


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
