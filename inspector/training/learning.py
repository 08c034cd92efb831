"""Train one member by gradient descent."""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import Tensor

from inspector.fusion.batch import Batch
from inspector.fusion.network import FusionNetwork
from inspector.fusion.spec import NetworkSpec
from inspector.training.batches import Table
from inspector.training.counselling import take_counsel
from inspector.training.losses import total_loss
from inspector.training.preparing import Progress
from inspector.training.recipe import OptimizerRecipe

EMA_SHARE = 0.1
"""The running mean of the weights reaches back over this share of all steps."""


def fit_member(
    member: FusionNetwork, table: Table, rows: Tensor, recipe: OptimizerRecipe, *, epochs: int, seed: int, progress: Progress, label: str
) -> None:
    """Train one member on `rows` of `table`; it ends with the running mean of its weights."""
    table.counsel = take_counsel(member, table, rows, seed)
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
