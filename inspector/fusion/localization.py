"""Where in a picture the fused decision comes from, as heat maps that say how far to trust them, and the regions they point to."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inspector.features import Picture
from inspector.fusion.batch import Batch
from inspector.fusion.calibration import Calibration
from inspector.fusion.cams import class_activation_map
from inspector.fusion.detail import details_of, sharpened
from inspector.fusion.encoding import Encoder
from inspector.fusion.ensemble import Ensemble, log_odds, twin
from inspector.fusion.faithfulness import REMOVED_SHARE, faithfulness
from inspector.fusion.heat import HeatSettings, combined, decision_map
from inspector.fusion.network import FusionNetwork
from inspector.fusion.regions import REGIONS_AT_MOST, regions
from inspector.fusion.tiles import LookAt, closer
from inspector.parts import Defect, Frame, HeatMap

Map = NDArray[np.float32]
GRAD_CAM, ANOMALY_MAP, COMBINED = "grad_cam", "anomaly_map", "combined"


@dataclass(frozen=True, slots=True)
class Localization:
    """Heat maps at picture size with the regions they point to; `maps` holds each way of looking by name and camera."""

    heat_maps: tuple[HeatMap, ...] = ()
    defects: tuple[Defect, ...] = ()
    maps: Mapping[str, Mapping[str, Map]] = field(default_factory=dict)
    """`grad_cam`, `anomaly_map`, `combined` -> camera -> (H, W); comparable between parts, not confined to 0–1."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One camera of the part at hand, under the names of the model and of the part."""

    camera: str
    name: str
    picture: Picture
    frame: Frame
    scale_mm_per_px: float | None


class Localizer:
    """Draws heat maps through one ensemble. Safe from several threads, which take turns; the verdict never waits for it."""

    def __init__(self, ensemble: Ensemble, encoder: Encoder, calibration: Calibration, settings: HeatSettings) -> None:
        self._ensemble, self._encoder = twin(ensemble), encoder
        self._calibration, self.settings = calibration, settings
        self._turn = threading.Lock()

    def localize(self, batch: Batch, seen: Sequence[Seen], *, score: float, kind: str) -> Localization:
        """Return the maps of the cameras in `seen`, and their regions, which are called `kind`."""
        maps: dict[str, dict[str, Map]] = {GRAD_CAM: {}, ANOMALY_MAP: {}, COMBINED: {}}
        heat_maps, defects = [], []
        with self._turn:
            for one in seen:
                drawn = self.look(batch, one.camera, score)
                trusted = self.faithfulness(drawn[COMBINED], batch, one.camera)
                heat = closer(_at(drawn[COMBINED], one.frame.size_px), one.frame, self._encoder.spec.image_size, self._looker(one.camera))
                defects += self._regions(heat, one, score, kind)
                details = details_of(one.picture.pixels, one.frame.size_px, self._encoder.spec.image_size)
                for way, values in {**drawn, COMBINED: heat}.items():
                    maps[way][one.name] = sharpened(values, details)
                heat_maps.append(HeatMap(one.name, maps[COMBINED][one.name], COMBINED, trusted, self.settings.faithful_from))
        defects.sort(key=lambda defect: -defect.confidence)
        return Localization(tuple(heat_maps), tuple(defects[:REGIONS_AT_MOST]), maps)

    def look(self, batch: Batch, camera: str, score: float) -> dict[str, Map]:
        """Return each map of one part at the camera's finest stride."""
        evidence, cam, unusual = ways(list(self._ensemble.members), batch, camera)
        heat = combined(evidence, cam, unusual, score, self.settings)
        return {GRAD_CAM: decision_map(cam, score, self.settings), ANOMALY_MAP: unusual, COMBINED: heat}

    def faithfulness(self, heat: Map, batch: Batch, camera: str, removed_share: float = REMOVED_SHARE) -> float:
        """Return how far the decision hangs on the hot places of `heat`, see `inspector.fusion.faithfulness`."""
        memory = self._encoder.memories[camera]

        def decide(maps: list[Tensor]) -> Tensor:
            fine, coarse, deep = maps
            rows = batch.repeated(len(fine))
            rows.maps[camera] = (fine, coarse, deep, memory(fine, coarse))
            return log_odds(self._ensemble, self._calibration, rows)

        with torch.inference_mode():
            return faithfulness(heat, list(batch.maps[camera][:3]), decide, removed_share)

    def _looker(self, camera: str) -> LookAt:
        return lambda pixels: self._encoder.maps(camera, pixels)[0]

    def _regions(self, heat: Map, one: Seen, score: float, kind: str) -> list[Defect]:
        return regions(
            heat,
            outline=self.settings.outline,
            camera=one.name,
            kind=kind,
            confidence=score,
            scale_mm_per_px=one.scale_mm_per_px,
            usual_area_share=self.settings.usual_area_share,
        )


def ways(members: Sequence[nn.Module], batch: Batch, camera: str) -> tuple[Map, Map, Map]:
    """Return learned evidence (log odds), class activation map and anomaly map of one part (h, w each), members averaged."""
    places, cams = [], []
    for member in members:
        assert isinstance(member, FusionNetwork)
        with torch.inference_mode():
            places.append(member(batch).evidence[camera][0, 0].numpy())
        cams.append(class_activation_map(member, batch, camera))
    unusual: Tensor = batch.maps[camera][-1][0, 0]
    return np.mean(places, axis=0), np.mean(cams, axis=0), np.asarray(unusual.numpy(), dtype=np.float32)


def _at(values: Map, size_px: tuple[int, int]) -> Map:
    return np.asarray(cv2.resize(values, size_px, interpolation=cv2.INTER_LINEAR), dtype=np.float32)
