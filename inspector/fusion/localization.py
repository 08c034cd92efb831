"""Where in a picture the fused decision comes from: Grad-CAM, the memory of good surfaces and the learned evidence, and their regions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inspector.features import Picture
from inspector.fusion.batch import Batch
from inspector.fusion.ensemble import Ensemble
from inspector.fusion.network import FusionNetwork
from inspector.fusion.torchvision_compat import import_grad_cam
from inspector.parts import Defect, HeatMap

Map = NDArray[np.float32]
GRAD_CAM, ANOMALY_MAP, COMBINED = "grad_cam", "anomaly_map", "combined"
REGIONS_AT_MOST = 5
LEVEL_SHARE = 0.5
"""A region is what lies above this share of the map's peak."""
LEAST_LEVEL = 0.15
ANOMALY_FULL = 8.0
"""Anomaly (in spreads above the median of good surfaces) that counts as certain."""


@dataclass(frozen=True, slots=True)
class Localization:
    """Heat maps at picture size with the regions they point to; `maps` holds each way of looking by name and camera."""

    heat_maps: tuple[HeatMap, ...] = ()
    defects: tuple[Defect, ...] = ()
    maps: Mapping[str, Mapping[str, Map]] = field(default_factory=dict)
    """`grad_cam`, `anomaly_map`, `combined` -> camera -> (H, W); comparable between parts, not confined to 0–1."""


class Localizer:
    """Draws heat maps through one ensemble. Not safe from several threads: its owner takes turns."""

    def __init__(self, ensemble: Ensemble) -> None:
        self._ensemble = ensemble

    def localize(
        self,
        batch: Batch,
        pictures: Mapping[str, Picture],
        *,
        names: Mapping[str, str],
        scales: Mapping[str, float | None],
        score: float,
        kind: str,
    ) -> Localization:
        """Return the maps of every camera in `batch`; `names` are the channels as the part calls them."""
        maps: dict[str, dict[str, Map]] = {GRAD_CAM: {}, ANOMALY_MAP: {}, COMBINED: {}}
        heat_maps, defects = [], []
        for camera in batch.maps:
            size_px, name = pictures[camera].size_px, names[camera]
            seen = self._look(batch, camera, score)
            for way, values in seen.items():
                maps[way][name] = _at(values, size_px)
            heat = np.clip(maps[COMBINED][name], 0, 1)
            heat_maps.append(HeatMap(name, heat, COMBINED))
            defects += regions(heat, camera=name, kind=kind, confidence=score, scale_mm_per_px=scales[camera])
        defects.sort(key=lambda defect: -defect.confidence)
        return Localization(tuple(heat_maps), tuple(defects[:REGIONS_AT_MOST]), maps)

    def _look(self, batch: Batch, camera: str, score: float) -> dict[str, Map]:
        cams, places = [], []
        for member in self._ensemble.members:
            assert isinstance(member, FusionNetwork)
            cams.append(grad_cam(member, batch, camera))
            places.append(self._places(member, batch, camera))
        # The package scales each map to its own peak; times the score, maps of good parts stay faint.
        cam = np.mean(cams, axis=0) * score
        unusual = batch.maps[camera][2][0, 0].numpy()
        place = np.mean(places, axis=0)
        return {GRAD_CAM: cam, ANOMALY_MAP: unusual, COMBINED: combined(place, cam, unusual, score)}

    @torch.inference_mode()
    def _places(self, member: FusionNetwork, batch: Batch, camera: str) -> Map:
        encoder = member.cameras[member.spec.cameras.index(camera)]
        places: Tensor = torch.sigmoid(encoder(batch.maps[camera][0], batch.maps[camera][2])[2][:, 0])
        return np.asarray(places[0].numpy(), dtype=np.float32)


def combined(place: Map, cam: Map, unusual: Map, score: float) -> Map:
    """Return the learned evidence, sharpened by what the decision used and by what good parts never showed."""
    strange = np.clip(unusual / ANOMALY_FULL, 0, 1)
    return np.asarray(place * (0.6 + 0.4 * cam) * (0.3 + 0.7 * score) + 0.1 * cam + 0.1 * strange, dtype=np.float32)


def grad_cam(member: FusionNetwork, batch: Batch, camera: str) -> Map:
    """Return the Grad-CAM (h, w) in 0–1 of the member's fused defect logit on the last map of its camera encoder."""
    package = import_grad_cam()
    decision = _Decision(member, batch, camera)
    encoder = member.cameras[member.spec.cameras.index(camera)]
    cam = package.GradCAM(decision, [encoder.last])
    try:
        with torch.enable_grad():
            leaf = batch.maps[camera][0].clone().requires_grad_(True)
            return np.asarray(cam(leaf, [lambda output: output[0]])[0], dtype=np.float32)
    finally:
        # The package keeps hooks and the last activations until its object dies; used as a context manager it would hide IndexError.
        cam.activations_and_grads.release()


class _Decision(nn.Module):
    """The fused defect logit as a function of one camera's fine map; everything else is held."""

    def __init__(self, member: FusionNetwork, batch: Batch, camera: str) -> None:
        super().__init__()
        self.member, self._camera = member, camera
        self._batch = Batch(
            {name: (maps[0].clone(), maps[1].clone(), maps[2].clone()) for name, maps in batch.maps.items()},
            *(
                {name: value.clone() for name, value in held.items()}
                for held in (batch.summaries, batch.steps, batch.offsets_s, batch.quality)
            ),
        )

    def forward(self, fine: Tensor) -> Tensor:
        _, coarse, unusual = self._batch.maps[self._camera]
        self._batch.maps[self._camera] = (fine, coarse, unusual)
        logits: Tensor = self.member(self._batch).logits
        return logits[:, :1]


def regions(heat: Map, *, camera: str, kind: str, confidence: float, scale_mm_per_px: float | None) -> list[Defect]:
    """Return the connected regions of a heat map above half its peak, the strongest first; areas in px and, with a scale, mm²."""
    peak = float(heat.max(initial=0.0))
    if peak < LEAST_LEVEL:
        return []
    mask = (heat >= LEVEL_SHARE * peak).astype(np.uint8)
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask)
    found = []
    for label in range(1, count):
        x, y, width, height, area = (int(value) for value in statistics[label])
        strongest = float(heat[y : y + height, x : x + width][labels[y : y + height, x : x + width] == label].max())
        area_mm2 = None if scale_mm_per_px is None else area * scale_mm_per_px**2
        found.append(Defect(kind, confidence * strongest / peak, camera, (x, y, width, height), area, area_mm2))
    return sorted(found, key=lambda defect: -defect.confidence)[:REGIONS_AT_MOST]


def _at(values: Map, size_px: tuple[int, int]) -> Map:
    return np.asarray(cv2.resize(values, size_px, interpolation=cv2.INTER_LINEAR), dtype=np.float32)
