"""What the trained network said of golden parts, kept beside its export: a machine without torch holds the export against it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from inspector.errors import ModelError
from inspector.features import Features
from inspector.fusion.judge import Judge
from inspector.fusion.localization import COMBINED, GRAD_CAM
from inspector.parts import Verdict

FILE = "answers.npz"
Map = NDArray[np.float32]
Said = tuple[str, tuple[str, ...]]
"""The outcome, and the kinds of the defects."""
MAPS_AT_MOST = 12
"""Heat maps take most of the time; those of this many parts are compared, of parts that do not pass first."""
MAP_SIDE_PX = 160


@dataclass(frozen=True, slots=True)
class Answer:
    """One verdict."""

    score: float
    said: Said


@dataclass(frozen=True, slots=True)
class Answers:
    """Verdicts by part; of some parts the heat maps by way of looking and camera, shrunk to `MAP_SIDE_PX`."""

    verdicts: dict[str, Answer]
    maps: dict[str, dict[str, Map]]

    @classmethod
    def of(cls, judge: Judge, parts: Sequence[tuple[str, Features]]) -> Answers:
        """Ask a judge."""
        verdicts = {name: judge.judge(features) for name, features in parts}
        with_pictures = [(name, features) for name, features in parts if features.pictures]
        shown = sorted(with_pictures, key=lambda part: verdicts[part[0]].outcome == "pass")[:MAPS_AT_MOST]
        return cls(
            {name: Answer(verdict.score, said(verdict)) for name, verdict in verdicts.items()},
            {name: shown_maps(judge, features, verdicts[name]) for name, features in shown},
        )

    def to_bytes(self) -> bytes:
        """Return the content of the file beside the graphs."""
        told = {name: [one.score, one.said[0], list(one.said[1])] for name, one in self.verdicts.items()}
        places = [(part, place) for part, maps in self.maps.items() for place in maps]
        arrays = {f"map{number}": self.maps[part][place] for number, (part, place) in enumerate(places)}
        content = io.BytesIO()
        np.savez_compressed(content, allow_pickle=False, verdicts=np.array(json.dumps(told)), places=np.array(json.dumps(places)), **arrays)
        return content.getvalue()

    @classmethod
    def read(cls, path: Path) -> Answers:
        """Read the file beside the graphs. Raises ModelError."""
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as found:
                told, places = json.loads(str(found["verdicts"])), json.loads(str(found["places"]))
                maps: dict[str, dict[str, Map]] = {}
                for number, (part, place) in enumerate(places):
                    maps.setdefault(part, {})[place] = found[f"map{number}"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path}: cannot be read ({error}): export the model again where torch is installed") from error
        return cls({name: Answer(score, (outcome, tuple(kinds))) for name, (score, outcome, kinds) in told.items()}, maps)


def said(verdict: Verdict) -> Said:
    """Return what must not change."""
    return verdict.outcome, tuple(defect.kind for defect in verdict.defects)


def shown_maps(judge: Judge, features: Features, verdict: Verdict) -> dict[str, Map]:
    """Return the combined and the class activation map of each camera, shrunk."""
    found = judge.localize(features, verdict).maps
    return {f"{way}:{camera}": _shrunk(values) for way in (COMBINED, GRAD_CAM) for camera, values in found.get(way, {}).items()}


def _shrunk(values: Map) -> Map:
    factor = min(1.0, MAP_SIDE_PX / max(values.shape))
    size = (max(1, round(values.shape[1] * factor)), max(1, round(values.shape[0] * factor)))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
