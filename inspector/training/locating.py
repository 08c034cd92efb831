"""From parts held out from learning: how heat is made of its witnesses, where a region ends, and from when on a map is trusted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspector.fusion.batch import Batch
from inspector.fusion.calibration import Calibration
from inspector.fusion.encoding import Encoder
from inspector.fusion.ensemble import Ensemble, averaged
from inspector.fusion.heat import HeatSettings, Witness, combined
from inspector.fusion.localization import Localizer
from inspector.fusion.torch_runtime import TorchRuntime, ways
from inspector.training.batches import Table
from inspector.training.calibrating import LEARNED_FROM_INVENTED
from inspector.training.held_out import Hearing
from inspector.training.metrics import MapFigures

Map = NDArray[np.float32]

LOOKED_AT = 120
"""At most this many held-out parts are looked at, half of them good."""
FEWEST_DRAWN = 10
"""Fewer defective parts with a mask choose nothing."""
TESTED_FOR_TRUST = 16
LAID_ELSEWHERE = 4
"""How often the heat of each of them is laid elsewhere."""
KNOWS_NOTHING_BELOW = 0.9
"""A map is trusted when it is more faithful than this share of maps that know nothing of the part."""
CHOICES: dict[Witness, tuple[float, ...]] = {
    "evidence": (0.3, 1.0, 3.0),
    "grad_cam": (0.3, 1.0),
    "anomaly_map": (0.0, 0.3),
    "score": (0.3, 1.0),
}
SMOOTHED_PLACES = (0.0, 0.5, 1.0)
OUTLINES = (0.4, 0.5, 0.6, 0.7, 0.8)
GOOD_PARTS_ONLY: dict[Witness, float] = {"anomaly_map": 1.0, "score": 0.3}
INVENTED: dict[Witness, float] = {"evidence": 1.0, **GOOD_PARTS_ONLY}
"""Where no defect was seen, but the network learned from made-up ones."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One held-out part in one camera: the ways of looking at it, its score, and where it is defective (h, w; None: good)."""

    row: int
    camera: str
    batch: Batch
    ways: tuple[Map, Map, Map]
    score: float
    share: Map | None


def locate(ensemble: Ensemble, encoder: Encoder, hearing: Hearing, calibration: Calibration, seed: int) -> HeatSettings:
    """Return the settings that held-out parts support; the defaults where nothing is drawn on them."""
    table = hearing.table
    looked = list(_look(hearing, calibration, _rows(table, seed)))
    drawn = [one for one in looked if one.share is not None]
    settings = HeatSettings()
    if calibration.mode == "good_parts_only":
        settings = HeatSettings(weights=INVENTED if LEARNED_FROM_INVENTED in calibration.evidence else GOOD_PARTS_ONLY)
    if len(drawn) >= FEWEST_DRAWN:
        settings = _chosen(looked, drawn, settings)
    localizer = Localizer(TorchRuntime(ensemble, calibration, encoder), ensemble.spec.image_size, calibration, settings)
    limit = _trusted_from(localizer, looked, settings, seed)
    return settings if limit is None else settings.model_copy(update={"faithful_from": limit})


def _rows(table: Table, seed: int) -> list[int]:
    """Return rows to look at: half defective and half good where there are as many, at random."""
    random = np.random.default_rng(seed)
    defective = table.defective.numpy() > 0
    return [int(row) for wanted in (True, False) for row in random.permutation(np.flatnonzero(defective == wanted))[: LOOKED_AT // 2]]


def _look(hearing: Hearing, calibration: Calibration, rows: list[int]) -> Iterator[Looked]:
    ensemble = hearing.ensemble
    for row in rows:
        batch, targets = hearing.table.batch(torch.tensor([row]))
        mine = hearing.members(row)
        with torch.inference_mode():
            opinion = averaged([member(batch) for member in mine], ensemble.distances(batch), len(ensemble.spec.kinds))
        score = calibration.score(opinion.evidence[0])
        for camera, (share, known) in targets.places.items():
            if batch.quality[camera].item() > 0 and bool(known[0]):
                yield Looked(row, camera, batch, ways(mine, batch, camera), score, _drawn(share[0]))


def _drawn(share: Tensor) -> Map | None:
    found = np.asarray(share.numpy(), dtype=np.float32)
    return found if (found > 0.5).any() else None


def _chosen(looked: Sequence[Looked], drawn: Sequence[Looked], settings: HeatSettings) -> HeatSettings:
    """Return the witnesses' weights and the smoothing of highest AUPRO, the outline of highest overlap, and the usual size of a defect."""
    mixtures: list[dict[Witness, float]] = [dict(zip(CHOICES, mixture, strict=True)) for mixture in itertools.product(*CHOICES.values())]
    offered = [
        settings.model_copy(update={"weights": weights, "smoothed_places": places})
        for weights, places in itertools.product(mixtures, SMOOTHED_PLACES)
    ]
    settings = max(offered, key=lambda one: _aupro(looked, one))
    heats = [combined(*one.ways, one.score, settings) for one in drawn]
    outline = max(OUTLINES, key=lambda level: np.mean([_overlap(heat, one.share, level) for heat, one in zip(heats, drawn, strict=True)]))
    sizes = [float((one.share > 0.5).mean()) for one in drawn if one.share is not None]
    return settings.model_copy(
        update={
            "outline": outline,
            "usual_area_share": float(np.median(sizes)),
            "learned_on": f"{len(drawn)} drawn defects of {len(looked)} held-out pictures",
        }
    )


def _aupro(looked: Sequence[Looked], settings: HeatSettings) -> float:
    figures = MapFigures()
    for one in looked:
        figures.add(combined(*one.ways, one.score, settings), None if one.share is None else one.share > 0.5)
    return figures.aupro() or 0.0


def _overlap(heat: Map, share: Map | None, level: float) -> float:
    """Return intersection over union of what lies above `level` of the peak with what was drawn."""
    hot, true = heat >= level * heat.max(), np.asarray(share) > 0.5
    return float((hot & true).sum() / (hot | true).sum())


def _trusted_from(localizer: Localizer, looked: Sequence[Looked], settings: HeatSettings, seed: int) -> float | None:
    """Return what most maps that know nothing of a part do not reach: its own heat, laid elsewhere. None: too few to tell."""
    failed = [one for one in looked if one.score >= 0.5][:TESTED_FOR_TRUST]
    if len(failed) < FEWEST_DRAWN:
        return None
    random = np.random.default_rng(seed)
    scores = []
    for one in failed:
        heat = combined(*one.ways, one.score, settings)
        scores += [localizer.faithfulness(moved, one.batch, one.camera) for moved in laid_elsewhere(heat, random)]
    return float(np.clip(np.quantile(scores, KNOWS_NOTHING_BELOW), 0.05, 0.8))


def laid_elsewhere(heat: Map, random: np.random.Generator) -> Iterator[Map]:
    """Yield the same heat (h, w) at other places, a quarter to three quarters of the picture away."""
    for away in random.uniform(0.25, 0.75, (LAID_ELSEWHERE, 2)):
        yield np.roll(heat, (round(away[0] * heat.shape[0]), round(away[1] * heat.shape[1])), axis=(0, 1))
