"""What of an ensemble is learned by counting: ranges, scales, and memories of good parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from inspector.fusion.ensemble import Ensemble
from inspector.fusion.memory import GoodMemory
from inspector.fusion.network import FusionNetwork
from inspector.fusion.scale import Scale
from inspector.fusion.spec import NetworkSpec
from inspector.parts import Modality
from inspector.training.batches import Table
from inspector.training.preparing import Prepared
from inspector.training.samples import Sample, View

MEMORY_PICTURES = 250
FEWEST_GOOD = 5


def indicator_ranges(train: Sequence[Sample]) -> dict[str, dict[str, tuple[float, float]]]:
    """Return between what ends the quality indicators of the middle 90 % of training parts lie."""
    seen: dict[str, dict[str, list[float]]] = {}
    for sample in train:
        for channel, indicators in sample.features.indicators.items():
            for name, value in indicators.items():
                seen.setdefault(channel, {}).setdefault(name, []).append(value)
    return {
        channel: {name: (float(np.quantile(v, 0.05)), float(np.quantile(v, 0.95))) for name, v in indicators.items() if len(v) >= 20}
        for channel, indicators in seen.items()
    }


def fit_memories(ensemble: Ensemble, prepared: Prepared, seed: int) -> None:
    """Fill the memory of good surfaces of every camera, and give every view its anomaly map.

    Good training parts are looked at by a memory of the other half of them: one that remembers a part finds nothing unusual in it, and a
    network that learns from that trusts the memory more than it will deserve.
    """
    for camera in ensemble.spec.cameras:
        seen = [sample for sample in (*prepared.train, *prepared.val, *prepared.unlabelled) if camera in sample.views]
        good = [sample for sample in prepared.train if not sample.defective and camera in sample.views]
        memory = ensemble.memory(camera)
        _remember(memory, good, camera, seed)
        _look_for_unusual(memory, [view for sample in seen for view in sample.views[camera]])
        for half, others in _halves(good, seed):
            apart = GoodMemory()
            _remember(apart, others, camera, seed)
            if apart.filled:
                _look_for_unusual(apart, [view for sample in half for view in sample.views[camera]])


def _remember(memory: GoodMemory, good: Sequence[Sample], camera: str, seed: int) -> None:
    if len(good) >= FEWEST_GOOD:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(good), generator=generator)[:MEMORY_PICTURES]
        views = [good[int(i)].views[camera][0] for i in order]
        memory.fit([(view.fine[None], view.coarse[None]) for view in views], generator)


def _halves(good: Sequence[Sample], seed: int) -> list[tuple[list[Sample], list[Sample]]]:
    """Return each half of the good parts with the other one, cut by group."""
    names = sorted({sample.group for sample in good})
    first = set(np.random.default_rng(seed).permutation(names)[::2])
    halves = [[sample for sample in good if (sample.group in first) == inside] for inside in (True, False)]
    return [(halves[0], halves[1]), (halves[1], halves[0])]


@torch.inference_mode()
def _look_for_unusual(memory: GoodMemory, views: Sequence[View]) -> None:
    found = torch.empty(len(views), 1, *views[0].fine.shape[1:]) if views else torch.empty(0)
    for row, view in enumerate(views):
        found[row] = memory(view.fine[None].float(), view.coarse[None].float())[0]
        view.unusual = found[row]


def fit_scales(ensemble: Ensemble, table: Table) -> None:
    """Standardise every channel by the training parts that have it."""
    for member in ensemble.members:
        assert isinstance(member, FusionNetwork)
        for vector, encoder in zip(ensemble.spec.vectors, member.vectors, strict=True):
            present = table.quality[vector.name] > 0
            for scale, values in (
                (encoder.summary_scale, table.summaries[vector.name][present]),
                (encoder.step_scale, table.steps[vector.name][present].flatten(0, 1)),
            ):
                assert isinstance(scale, Scale)
                scale.mean, scale.spread = _mean_and_spread(values)


def fit_normalities(ensemble: Ensemble, table: Table, folds: Tensor) -> dict[Modality, Tensor]:
    """Learn good waveforms and series; return how far each part lies from the good ones outside its fold (N,)."""
    found = {}
    batch = table.readings[0]
    for modality, normality in ensemble.normalities.items():
        values = ensemble.standardised(batch, modality)
        present = torch.stack([table.quality[v.name] > 0.5 for v in ensemble.spec.vectors if v.modality == modality]).all(dim=0)
        if values is not None:
            distances = normality.fit(values.detach(), (table.defective == 0) & present, folds)  # type: ignore[operator]
            found[modality] = distances * table.quality_of(modality)  # type: ignore[arg-type]
    return found  # type: ignore[return-value]


def _mean_and_spread(values: Tensor) -> tuple[Tensor, Tensor]:
    known = torch.isfinite(values)
    count = known.sum(dim=0).clamp(min=1)
    filled = torch.where(known, values, torch.zeros_like(values))
    mean = filled.sum(dim=0) / count
    variance = (torch.where(known, values - mean, torch.zeros_like(values)) ** 2).sum(dim=0) / count
    # A number that never moved in training tells nothing: its spread is wide, so that a rounding error is no alarm.
    floor = torch.clamp(1e-3 * mean.abs(), min=1e-4)
    return mean, torch.maximum(variance.sqrt(), floor)


def new_ensemble(prepared: Prepared, network: dict[str, object], members: int) -> Ensemble:
    """Return an untrained ensemble that fits the data."""
    spec = NetworkSpec(
        cameras=prepared.cameras,
        image_size=prepared.image_size,
        vectors=prepared.vectors,
        kinds=prepared.kinds,
        causes=prepared.causes,
        **network,  # type: ignore[arg-type]
    )
    return Ensemble(spec, members)
