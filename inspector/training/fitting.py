"""What of an ensemble is learned by counting: ranges, scales, and memories of good parts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from inspector.fusion.batch import Batch
from inspector.fusion.ensemble import Ensemble
from inspector.fusion.memory import GoodMemory
from inspector.fusion.network import FusionNetwork
from inspector.fusion.signal_encoder import Scale
from inspector.fusion.spec import NetworkSpec
from inspector.parts import Modality
from inspector.training.batches import Table
from inspector.training.preparing import Prepared
from inspector.training.samples import Sample

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


def fit_memories(ensemble: Ensemble, prepared: Prepared, folds: Tensor, seed: int) -> None:
    """Fill the memory of good surfaces of every camera, and give every view its anomaly map.

    A training part is looked at by a memory of the other folds: one that holds its own surface would find nothing unusual in it.
    """
    for camera in ensemble.spec.cameras:
        memory = ensemble.memory(camera)
        _remember(memory, prepared.train, camera, seed)
        for fold in torch.unique(folds):
            own = [sample for sample, at in zip(prepared.train, folds, strict=True) if at == fold]
            others = GoodMemory()
            if not _remember(others, [s for s, at in zip(prepared.train, folds, strict=True) if at != fold], camera, seed):
                others = memory
            _look_for_unusual(others, own, camera)
        _look_for_unusual(memory, [*prepared.val, *prepared.unlabelled], camera)


def _remember(memory: GoodMemory, samples: Sequence[Sample], camera: str, seed: int) -> bool:
    """Fill a memory with the good parts among the samples; return whether there were enough."""
    good = [sample.views[camera][0] for sample in samples if not sample.defective and camera in sample.views]
    if len(good) >= FEWEST_GOOD:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(good), generator=generator)[:MEMORY_PICTURES]
        memory.fit([(good[int(i)].fine[None], good[int(i)].coarse[None]) for i in order], generator)
    return memory.filled


@torch.inference_mode()
def _look_for_unusual(memory: GoodMemory, samples: Sequence[Sample], camera: str) -> None:
    views = [view for sample in samples for view in sample.views.get(camera, ())]
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
    batch = Batch(summaries=table.summaries, steps=table.steps, offsets_s=table.offsets_s, quality=table.quality)
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
