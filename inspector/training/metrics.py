"""How good verdicts, kinds, causes and maps are. Every figure is None where the data cannot say (one class only, no mask, no part)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.parts import Outcome

Scores = NDArray[np.float64]
Truth = NDArray[np.bool_]

FALSE_REJECT_BUDGET = 0.05
FALSE_POSITIVE_LIMIT = 0.30
"""AUPRO is integrated up to here, as the authors of MVTec AD do."""


# --- detection -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What happens at the threshold that a model brings along; parts for review are neither missed nor rejected."""

    threshold: float | None
    miss_rate: float | None
    false_reject_rate: float | None
    review_rate: float | None


def auroc(defective: Truth, scores: Scores) -> float | None:
    """Return the chance that a defective part scores above an ok one."""
    if not _both_classes(defective):
        return None
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(defective, scores))


def average_precision(defective: Truth, scores: Scores) -> float | None:
    """Return the area under precision over recall, by steps."""
    if not _both_classes(defective):
        return None
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(defective, scores))


def miss_rate_at_false_reject(defective: Truth, scores: Scores, budget: float = FALSE_REJECT_BUDGET) -> float | None:
    """Return the share of defective parts that are not above the score which at most `budget` of the ok parts exceed.

    A defective part at that very score counts as missed: it cannot be rejected without rejecting the ok part beside it.
    """
    if not _both_classes(defective):
        return None
    ok = np.sort(scores[~defective])[::-1]
    threshold = ok[int(np.floor(budget * len(ok) + 1e-9))]
    return float(np.mean(scores[defective] <= threshold))


def operating_point(defective: Truth, outcomes: Sequence[Outcome], threshold: float | None) -> OperatingPoint:
    """Return the rates of the outcomes as the model gave them."""
    given = np.asarray(outcomes, dtype=object)
    return OperatingPoint(
        threshold=threshold,
        miss_rate=_share(given[defective] == "pass"),
        false_reject_rate=_share(given[~defective] == "fail"),
        review_rate=_share(given == "review"),
    )


def expected_calibration_error(defective: Truth, scores: Scores, bins: int = 10) -> float | None:
    """Return the mean distance between a probability and how often it comes true, over bins of equal width."""
    if not len(scores):
        return None
    bin_of = np.clip((scores * bins).astype(int), 0, bins - 1)
    errors = [abs(float(np.sum(defective[bin_of == b]) - np.sum(scores[bin_of == b]))) for b in range(bins)]
    return float(sum(errors) / len(scores))


def _both_classes(defective: Truth) -> bool:
    return bool(defective.any() and not defective.all())


def _share(hits: NDArray[Any]) -> float | None:
    return float(np.mean(hits.astype(bool))) if len(hits) else None


# --- kinds and causes ----------------------------------------------------------------------------------------------------------


def kind_figures(labels: Sequence[str], predicted: Sequence[str]) -> dict[str, float | None]:
    """Return macro F1 and accuracy over the labels that parts have, `ok` being one of them.

    An answer that is no part's label, `unknown` for one, is a miss of the part's own label, as it is in the accuracy.
    """
    if not labels:
        return {"macro_f1": None, "accuracy": None}
    from sklearn.metrics import accuracy_score, f1_score

    return {
        "macro_f1": float(f1_score(labels, predicted, labels=sorted(set(labels)), average="macro", zero_division=0.0)),
        "accuracy": float(accuracy_score(labels, predicted)),
    }


def top_k(truth: Sequence[str], ranked: Sequence[Sequence[str]], k: int) -> float | None:
    """Return the share of parts whose true cause is among the first `k` answers."""
    hits = [true in answers[:k] for true, answers in zip(truth, ranked, strict=True)]
    return sum(hits) / len(hits) if hits else None


# --- maps over pictures --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class MapFigures:
    """Pixel AUROC, AUPRO and pointing game of maps against masks, picture by picture in constant memory.

    Values are counted as float16 (relative resolution 1/2048, 6e-8 near zero): within that, the figures are exact.
    """

    _positive: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1 << 16, np.int64))
    _negative: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1 << 16, np.int64))
    _overlap: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1 << 16, np.float64))
    _regions: int = 0
    _pointed: list[bool] = field(default_factory=list)

    def add(self, values: NDArray[Any], mask: NDArray[Any] | None) -> None:
        """Count one map; `mask` (nonzero on the defect) has its size, None stands for a picture without any defect."""
        keys = _ordered_keys(values)
        defect = np.zeros(values.shape, bool) if mask is None else np.asarray(mask) > 0
        if defect.shape != keys.shape:
            raise ValueError(f"map {keys.shape} and mask {defect.shape} differ in size")
        self._negative += np.bincount(keys[~defect], minlength=1 << 16)
        if not defect.any():
            return
        self._positive += np.bincount(keys[defect], minlength=1 << 16)
        self._count_regions(keys, defect)
        self._pointed.append(_points_inside(np.asarray(values), defect))

    def figures(self) -> dict[str, float | None]:
        return {"pixel_auroc": self.pixel_auroc(), "aupro_30": self.aupro(), "pointing_game": self.pointing_game()}

    def pixel_auroc(self) -> float | None:
        """Return the chance that a pixel on a defect is above a pixel beside one, ties counting half."""
        return _area_under(self._rates(self._negative), self._rates(self._positive))

    def aupro(self, limit: float = FALSE_POSITIVE_LIMIT) -> float | None:
        """Return the mean overlap with each connected region over the false-positive rate up to `limit`, divided by `limit`.

        Every region (8-connected) counts the same, however small. Bergmann et al., "MVTec AD", CVPR 2019.
        """
        return _area_under(self._rates(self._negative), self._rates(self._overlap), limit)

    def pointing_game(self) -> float | None:
        """Return the share of defective pictures whose highest value lies on the defect; a flat map points nowhere."""
        return sum(self._pointed) / len(self._pointed) if self._pointed else None

    def _count_regions(self, keys: NDArray[np.uint16], defect: Truth) -> None:
        import cv2

        count, region_of = cv2.connectedComponents(defect.astype(np.uint8), connectivity=8)
        sizes = np.bincount(region_of.ravel(), minlength=count)
        share = 1.0 / sizes[region_of[defect]]
        self._overlap += np.bincount(keys[defect], weights=share, minlength=1 << 16)
        self._regions += count - 1

    @staticmethod
    def _rates(histogram: NDArray[Any]) -> NDArray[np.float64] | None:
        """Return the share at or above each value, highest first, starting at 0."""
        total = histogram.sum()
        if total <= 0:
            return None
        return np.concatenate([[0.0], np.cumsum(histogram[::-1], dtype=np.float64) / total])


def _area_under(x: NDArray[np.float64] | None, y: NDArray[np.float64] | None, limit: float = 1.0) -> float | None:
    if x is None or y is None:
        return None
    inside = x <= limit
    at_limit = float(np.interp(limit, x, y))
    x = np.append(x[inside], limit)
    y = np.append(y[inside], at_limit if limit < 1.0 else 1.0)
    return float(np.trapezoid(y, x) / limit)


def _ordered_keys(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Return uint16 keys in the order of the values as float16; what is not a number counts as the lowest."""
    finite = np.nan_to_num(np.asarray(values, np.float32), nan=-np.inf)
    half = np.clip(finite, -65504.0, 65504.0).astype(np.float16) + np.float16(0)  # -0 and 0 are one value
    bits = half.view(np.uint16)
    return np.where(bits & 0x8000, ~bits, bits | 0x8000).astype(np.uint16)


def _points_inside(values: NDArray[Any], defect: Truth) -> bool:
    finite = np.nan_to_num(values, nan=-np.inf)
    highest = int(np.argmax(finite))
    return bool(finite.max() > finite.min() and defect.ravel()[highest])
