"""Fit one ensemble: memories and scales by counting, members by gradient descent."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from inspector.fusion.encoding import Ranges
from inspector.fusion.ensemble import Ensemble
from inspector.fusion.memory import GoodMemory
from inspector.fusion.network import Batch, FusionNetwork, NetworkSpec, Outputs, Scale
from inspector.training.batches import UNKNOWN, Table, Targets
from inspector.training.preparing import Prepared, Progress, Sample, View
from inspector.training.recipe import OptimizerRecipe

OWN_SHARE = 0.4
"""Weight of each modality's own loss beside the fused one."""
PLACE_SHARE = 1.0
MEMORY_PICTURES = 250
FEWEST_GOOD = 5
EMA_SHARE = 0.1
"""The running mean of the weights reaches back over this share of all steps."""


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
    """Fill the memory of good surfaces of every camera, and give every view its anomaly map."""
    for camera in ensemble.spec.cameras:
        good = [s.views[camera][0] for s in prepared.train if not s.defective and camera in s.views]
        memory = ensemble.memory(camera)
        if len(good) >= FEWEST_GOOD:
            generator = torch.Generator().manual_seed(seed)
            order = torch.randperm(len(good), generator=generator)[:MEMORY_PICTURES]
            memory.fit([(good[int(i)].fine[None], good[int(i)].coarse[None]) for i in order], generator)
        _look_for_unusual(memory, [view for sample in (*prepared.train, *prepared.val) for view in sample.views.get(camera, ())])


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


def fit_normalities(ensemble: Ensemble, table: Table, folds: Tensor) -> None:
    """Learn good waveforms and series."""
    rows = torch.arange(len(table))
    batch = Batch(summaries=table.summaries, steps=table.steps, offsets_s=table.offsets_s, quality=table.quality)
    for modality, normality in ensemble.normalities.items():
        values = ensemble.standardised(batch, modality)
        present = torch.stack([table.quality[v.name] > 0.5 for v in ensemble.spec.vectors if v.modality == modality]).all(dim=0)
        good = rows[(table.defective == 0) & present]
        if values is not None:
            normality.fit(values[good].detach(), folds[good])  # type: ignore[operator]


def _mean_and_spread(values: Tensor) -> tuple[Tensor, Tensor]:
    known = torch.isfinite(values)
    count = known.sum(dim=0).clamp(min=1)
    filled = torch.where(known, values, torch.zeros_like(values))
    mean = filled.sum(dim=0) / count
    variance = (torch.where(known, values - mean, torch.zeros_like(values)) ** 2).sum(dim=0) / count
    # A number that never moved in training tells nothing: its spread is wide, so that a rounding error is no alarm.
    floor = torch.clamp(1e-3 * mean.abs(), min=1e-4)
    return mean, torch.maximum(variance.sqrt(), floor)


def fit_member(
    member: FusionNetwork, table: Table, rows: Tensor, recipe: OptimizerRecipe, *, epochs: int, seed: int, progress: Progress, label: str
) -> None:
    """Train one member on `rows` of `table`; it ends with the running mean of its weights."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    steps_per_epoch = max(1, math.ceil(len(rows) / recipe.batch))
    optimizer = torch.optim.AdamW(_groups(member, recipe.weight_decay), lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.learning_rate, total_steps=epochs * steps_per_epoch, pct_start=0.2, cycle_momentum=False
    )
    mean = copy.deepcopy(member.state_dict())
    weight = _positive_weight(table.defective[rows])
    member.train()
    for epoch in progress(range(epochs), total=epochs, label=label):
        order = rows[torch.from_numpy(random.permutation(len(rows)))]
        for step, chosen in enumerate(torch.split(order, recipe.batch)):
            batch, targets = table.batch(chosen, random)
            hide_modalities(batch, member.spec, recipe.modality_dropout, random)
            loss = total_loss(member(batch), batch, targets, member.spec, weight)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(member.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            _follow(mean, member.state_dict(), epoch * steps_per_epoch + step, epochs * steps_per_epoch)
    member.load_state_dict(mean)
    member.eval()


def _groups(member: FusionNetwork, weight_decay: float) -> list[dict[str, object]]:
    matrices = [p for p in member.parameters() if p.ndim >= 2]
    others = [p for p in member.parameters() if p.ndim < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _follow(mean: dict[str, Tensor], state: dict[str, Tensor], step: int, steps: int) -> None:
    share = max(1 / max(EMA_SHARE * steps, 1), 1 / (step + 1))
    for name, value in state.items():
        mean[name].lerp_(value, share)


def _positive_weight(defective: Tensor) -> Tensor:
    positive = float(defective.sum())
    return torch.tensor(min(max(((len(defective) - positive) / max(positive, 1.0)) ** 0.5, 1.0), 4.0))


def hide_modalities(batch: Batch, spec: NetworkSpec, chance: float, random: np.random.Generator) -> None:
    """Set the quality of random modalities of random parts to 0; every part keeps at least one that it has."""
    modalities = spec.modalities
    if len(modalities) < 2 or chance <= 0:
        return
    channels = {m: [v.name for v in spec.vectors if v.modality == m and v.name in batch.quality] for m in modalities}
    channels["image"] = [camera for camera in spec.cameras if camera in batch.quality]
    count = len(next(iter(batch.quality.values())))
    has = np.stack(
        [np.any([batch.quality[c].numpy() > 0 for c in channels[m]], axis=0) if channels[m] else np.zeros(count, bool) for m in modalities]
    )
    hidden = (random.random(has.shape) < chance) & has
    spared = random.integers(0, 1 << 30, has.shape) * has
    blind = (has & ~hidden).sum(axis=0) == 0
    hidden[spared.argmax(axis=0)[blind], np.flatnonzero(blind)] = False
    for place, modality in enumerate(modalities):
        keep = torch.from_numpy(~hidden[place])
        for channel in channels[modality]:
            batch.quality[channel] = batch.quality[channel] * keep


# --- what is wrong with an answer ----------------------------------------------------------------------------------------------


def total_loss(outputs: Outputs, batch: Batch, targets: Targets, spec: NetworkSpec, positive_weight: Tensor) -> Tensor:
    """Return the loss of the fused answer, of each modality's own answer by its quality, and of the places."""
    loss = _answer_loss(outputs.logits, targets, spec, positive_weight, torch.ones_like(targets.defective))
    for modality, own in outputs.by_modality.items():
        loss = loss + OWN_SHARE * _answer_loss(own, targets, spec, positive_weight, outputs.quality[modality])
    for camera, places in outputs.evidence.items():
        loss = loss + PLACE_SHARE * _place_loss(places, *targets.places[camera], targets.defective, batch.quality[camera])
    return loss


def _answer_loss(logits: Tensor, targets: Targets, spec: NetworkSpec, positive_weight: Tensor, weights: Tensor) -> Tensor:
    defect = functional.binary_cross_entropy_with_logits(logits[:, 0], targets.defective, pos_weight=positive_weight, reduction="none")
    loss = _mean(defect, weights)
    kinds, causes = logits[:, 1 : 1 + len(spec.kinds)], logits[:, 1 + len(spec.kinds) :]
    for answers, truth in ((kinds, targets.kinds), (causes, targets.causes)):
        known = truth != UNKNOWN
        if answers.shape[1] > 1 and known.any():
            wrong = functional.cross_entropy(answers[known], truth[known], reduction="none", label_smoothing=0.05)
            loss = loss + _mean(wrong, weights[known])
    return loss


def _place_loss(places: Tensor, target: Tensor, known: Tensor, defective: Tensor, quality: Tensor) -> Tensor:
    """Return the loss per place where a mask says it, and of the highest places where only the part's label does."""
    peak = places.flatten(1).topk(max(1, places[0].numel() // 200), dim=1).values.mean(dim=1)
    weak = _mean(functional.binary_cross_entropy_with_logits(peak, defective, reduction="none"), quality)
    if not known.any():
        return weak
    logits, truth = places[known], target[known]
    each = functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=logits.new_tensor(4.0), reduction="none").mean(dim=(1, 2))
    drawn = truth.flatten(1).amax(dim=1) > 0
    strong = _mean(each, quality[known])
    if drawn.any():
        chance, share = torch.sigmoid(logits[drawn]).flatten(1), truth[drawn].flatten(1)
        overlap = (2 * (chance * share).sum(dim=1) + 1) / (chance.sum(dim=1) + share.sum(dim=1) + 1)
        strong = strong + 0.5 * _mean(1 - overlap, quality[known][drawn])
    return 0.5 * weak + strong


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1e-3)


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


__all__ = ["Ranges", "fit_member", "fit_memories", "fit_normalities", "fit_scales", "indicator_ranges", "new_ensemble"]
