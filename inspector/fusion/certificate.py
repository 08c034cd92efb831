"""Is it the same verdict? The same golden parts through the trained network and through its export."""

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
from inspector.fusion.answers import Answers, said, shown_maps
from inspector.fusion.export_folder import Certificate, Machine
from inspector.fusion.judge import Judge

Map = NDArray[np.float32]
PACKAGES = ("torch", "onnx", "onnxruntime", "numpy", "opencv-python")


def certify(answers: Answers, exported: Judge, parts: Iterable[tuple[str, Features]], golden: str) -> Certificate:
    """Return what comes of golden parts (id, features) through an export; parts without an answer are left aside."""
    ours = [(name, features, answers.verdicts[name]) for name, features in parts if name in answers.verdicts]
    theirs = [exported.judge(features) for _, features, _ in ours]
    moved = [abs(one.score - other.score) for (_, _, one), other in zip(ours, theirs, strict=True)] or [0.0]
    told = [[name, one.said[0], f"{one.score:.4f}"] for name, _, one in ours]
    alike = [
        _alike(shown, found[place])
        for (name, features, _), verdict in zip(ours, theirs, strict=True)
        if name in answers.maps
        for found in [shown_maps(exported, features, verdict)]
        for place, shown in answers.maps[name].items()
    ]
    return Certificate(
        machine=Machine.here(),
        versions={"python": platform.python_version(), **versions(PACKAGES)},
        golden=golden,
        golden_sha256=hashlib.sha256(json.dumps(told).encode()).hexdigest(),
        parts=len(ours),
        flips=[name for (name, _, one), other in zip(ours, theirs, strict=True) if one.said != said(other)],
        moved_most=float(max(moved)),
        moved_p95=float(np.percentile(moved, 95)),
        maps=sum(name in answers.maps for name, _, _ in ours),
        map_correlation_least=min((correlation for correlation, _ in alike), default=None),
        map_correlation_median=float(np.median([correlation for correlation, _ in alike])) if alike else None,
        map_moved_most=max((moved for _, moved in alike), default=None),
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _alike(one: Map, other: Map) -> tuple[float, float]:
    """Return correlation and largest difference of two maps."""
    moved = float(np.abs(one - other).max())
    if min(float(one.std()), float(other.std())) < 1e-6:  # an even map has no correlation: alike, if the other is as even
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
