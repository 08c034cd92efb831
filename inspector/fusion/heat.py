"""From three ways of looking at a place to one heat: the learned evidence, what the decision was made of, what good parts never showed.

Each is a number in 0–1 and their weighted geometric mean is the heat (a logarithmic opinion pool, Genest & Zidek, 1986): a place is hot
when the witnesses agree. The part's own score is one of them, so that maps of good parts stay faint beside those of defective ones.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Map = NDArray[np.float32]
Witness = Literal["evidence", "grad_cam", "anomaly_map", "score"]
ANOMALY_HALF = 4.0
"""Anomaly (in spreads above the median of good surfaces) that is as likely as not."""
DOUBT = 0.02
"""No witness rules a place out alone."""


class HeatSettings(BaseModel):
    """How heat is made, outlined and trusted; training finds it on held-out parts, and what it cannot find keeps its default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: dict[Witness, float] = {"evidence": 0.3, "grad_cam": 1.0, "anomaly_map": 0.3, "score": 0.3}
    smoothed_places: float = Field(default=0.5, ge=0, le=3)
    """By how many places maps are smoothed: a gradient differs from place to place by more than the surface, but small defects drown."""
    outline: float = Field(default=0.6, gt=0, lt=1)
    """A region is what is hotter than this share of the map's peak."""
    usual_area_share: float = Field(default=0.02, gt=0, le=1)
    """The share of a picture that a usual defect takes."""
    faithful_from: float = Field(default=0.1, ge=-1, le=1)
    """A map of less faithfulness is shown as not reliable."""
    learned_on: str = "nothing: defaults"


def decision_map(cam: Map, score: float, settings: HeatSettings) -> Map:
    """Return a class activation map (h, w) smoothed and stretched to 0 … `score`: activations of two parts have no common scale."""
    smooth = _smoothed(cam, settings.smoothed_places)
    return np.asarray(smooth * (score / max(float(smooth.max(initial=0.0)), 1e-9)), dtype=np.float32)


def combined(evidence: Map, cam: Map, unusual: Map, score: float, settings: HeatSettings) -> Map:
    """Return the heat (h, w) in 0–1 of a part: `evidence` as log odds, `cam` 0 or more, `unusual` in spreads above good surfaces."""
    strange = np.clip(unusual, 0, None)
    witnesses: dict[Witness, Map | float] = {
        "evidence": (0.5 * (1 + np.tanh(evidence / 2))).astype(np.float32),
        "grad_cam": cam / max(float(cam.max(initial=0.0)), 1e-9),
        "anomaly_map": strange / (strange + ANOMALY_HALF),
        "score": score,
    }
    logs = sum(weight * np.log(np.asarray(witnesses[name]) + DOUBT) for name, weight in settings.weights.items())
    pooled = np.exp(np.asarray(logs) / sum(settings.weights.values())).astype(np.float32)
    return np.clip(_smoothed(pooled, settings.smoothed_places), 0, 1)


def _smoothed(values: Map, places: float) -> Map:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), places), dtype=np.float32) if places > 0 else values
