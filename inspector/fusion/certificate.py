"""Is it the same verdict? The same golden parts through two judges, side by side."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib import metadata

import numpy as np
from numpy.typing import NDArray

from inspector.features import Features
from inspector.fusion.export_folder import Certificate, Machine
from inspector.fusion.judge import Judge
from inspector.fusion.localization import COMBINED, GRAD_CAM
from inspector.parts import Verdict

Map = NDArray[np.float32]
MAPS_AT_MOST = 12
"""Heat maps take most of the time; those of this many parts are compared, of parts that do not pass first."""
PACKAGES = ("torch", "onnx", "onnxruntime", "numpy", "opencv-python")


def certify(trained: Judge, exported: Judge, parts: Iterable[tuple[str, Features]], golden: str) -> Certificate:
    """Return what comes of golden parts (id, features) through the trained network and through its export."""
    kept = list(parts)
    ours = [(name, features, trained.judge(features), exported.judge(features)) for name, features in kept]
    moved = np.array([abs(one.score - other.score) for _, _, one, other in ours]) if ours else np.zeros(1)
    told = [[name, one.outcome, f"{one.score:.4f}"] for name, _, one, _ in ours]
    shown = sorted((part for part in ours if part[1].pictures), key=lambda part: part[2].outcome == "pass")[:MAPS_AT_MOST]
    alike = [pair for _, features, one, _ in shown for pair in _maps_alike(trained, exported, features, one)]
    return Certificate(
        machine=Machine.here(),
        versions={"python": platform.python_version(), **versions(PACKAGES)},
        golden=golden,
        golden_sha256=hashlib.sha256(json.dumps(told).encode()).hexdigest(),
        parts=len(ours),
        flips=[name for name, _, one, other in ours if _said(one) != _said(other)],
        moved_most=float(moved.max()),
        moved_p95=float(np.percentile(moved, 95)),
        maps=len(shown),
        map_correlation_least=min((correlation for correlation, _ in alike), default=None),
        map_correlation_median=float(np.median([correlation for correlation, _ in alike])) if alike else None,
        map_moved_most=max((moved for _, moved in alike), default=None),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _said(verdict: Verdict) -> tuple[str, tuple[str, ...]]:
    return verdict.outcome, tuple(defect.kind for defect in verdict.defects)


def _maps_alike(trained: Judge, exported: Judge, features: Features, verdict: Verdict) -> list[tuple[float, float]]:
    """Return correlation and largest difference of the combined and of the class activation map of each camera."""
    one, other = trained.localize(features, verdict).maps, exported.localize(features, verdict).maps
    return [_alike(values, other[way][camera]) for way in (COMBINED, GRAD_CAM) for camera, values in one.get(way, {}).items()]


def _alike(one: Map, other: Map) -> tuple[float, float]:
    moved = float(np.abs(one - other).max())
    spreads = float(one.std()), float(other.std())
    if min(spreads) < 1e-6:  # an even map has no correlation: alike, if the other is as even
        return (1.0 if moved < 1e-3 else 0.0), moved
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1]), moved


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Return the installed version of each package; of those that are not installed, none."""
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
