"""What held-out parts say of a model, for its card: how true its probabilities are, which kinds it misses, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from inspector.fusion.calibration import Calibration
from inspector.training.calibrating import Numbers, Witnessed, honest_scores
from inspector.training.metrics import expected_calibration_error

BINS = 10
MISSES_NAMED = 5


def findings(held: Witnessed, calibration: Calibration, kinds: Sequence[str]) -> dict[str, Any]:
    """Return what the manifest says of held-out parts, each scored by a calibration that did not see its group."""
    if not 0 < held.defective.sum() < len(held.defective):
        return {}
    scores = honest_scores(held, calibration)
    missed = held.defective & (scores < calibration.review_from)
    lowest = [row for row in np.argsort(scores, kind="stable") if missed[row]][:MISSES_NAMED]
    found: dict[str, Any] = {"kinds": _kinds(held, missed, kinds), "lowest_scored": [held.part_ids[int(row)] for row in lowest]}
    if calibration.mode == "learned":
        found["expected_calibration_error"] = _rounded(expected_calibration_error(held.defective, scores, BINS) or 0.0)
        found["reliability"] = _reliability(held, scores)
    return found


def wilson(hits: int, parts: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927)."""
    z = 1.96
    middle, spread = hits + z**2 / 2, z * (hits * (parts - hits) / parts + z**2 / 4) ** 0.5
    return _rounded(max((middle - spread) / (parts + z**2), 0.0)), _rounded(min((middle + spread) / (parts + z**2), 1.0))


def _kinds(held: Witnessed, missed: np.ndarray, kinds: Sequence[str]) -> dict[str, Any]:
    """Return per kind how many parts were passed, and how often the kind was named right, with intervals."""
    named = held.kind_logits.argmax(axis=1) if held.kind_logits.shape[1] else held.kinds
    found = {}
    for kind, name in enumerate(kinds):
        own = held.kinds == kind
        parts, passed = int(own.sum()), int(missed[own].sum())
        if not parts:
            continue
        right, called = int((named[own] == kind).sum()), int((named[held.defective] == kind).sum())
        found[name] = {"parts": parts, "missed": passed, "missed_interval": list(wilson(passed, parts)), "recall": _rounded(right / parts)}
        found[name]["recall_interval"] = list(wilson(right, parts))
        if called:
            found[name] |= {"precision": _rounded(right / called), "precision_interval": list(wilson(right, called))}
    return found


def _reliability(held: Witnessed, scores: Numbers) -> list[dict[str, float]]:
    """Return per bin of the score how many parts there are, their mean score and how many of them are defective."""
    bin_of = np.clip((scores * BINS).astype(int), 0, BINS - 1)
    rows = [(held.defective[bin_of == b], scores[bin_of == b]) for b in range(BINS)]
    return [{"parts": len(s), "said": _rounded(float(s.mean())), "came_true": _rounded(float(d.mean()))} for d, s in rows if len(s)]


def _rounded(value: float) -> float:
    return round(float(value), 4)
