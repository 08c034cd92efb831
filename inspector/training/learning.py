"""Train one member by gradient descent."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inspector.fusion.network import FusionNetwork
from inspector.training import checkpoint
from inspector.training.augmenting import augment
from inspector.training.batches import Table
from inspector.training.checkpoint import Progressed
from inspector.training.counselling import take_counsel, take_overviews
from inspector.training.engine import Engine
from inspector.training.losses import total_loss
from inspector.training.preparing import Progress, silent
from inspector.training.recipe import OptimizerRecipe
from inspector.training.watching import watch

EMA_SHARE = 0.1
"""The running mean of the weights reaches back over this share of all steps."""
GLANCES = 8
"""How often in all the held-out parts are looked at while a member learns."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one member learns from, for how long, and what it is watched on."""

    table: Table
    rows: Tensor
    held: tuple[Table, Tensor] | None
    """Parts that nothing is learned from."""
    epochs: int
    seed: int
    label: str = "training"
    checkpoint: Path | None = None
    key: str = ""
    """Of the run that checkpoints belong to."""


def fit_member(
    member: FusionNetwork, lesson: Lesson, recipe: OptimizerRecipe, engine: Engine, *, keep_s: float = 20.0, progress: Progress = silent
) -> list[dict[str, Any]]:
    """Train one member; it ends with the running mean of its weights. Return a row of metrics per epoch.

    With a checkpoint of this very run it goes on from there, and comes to what it would have come to without the break.
    """
    lesson.table.counsel = take_counsel(member, lesson.table, lesson.rows, lesson.seed)
    lesson.table.overviews = take_overviews(member, lesson.table, lesson.rows, lesson.seed)
    course = _Course(member, lesson, recipe, engine)
    begun = 0
    if lesson.checkpoint is not None and checkpoint.take_up(lesson.checkpoint, course.state, lesson.key):
        begun = course.resumed()
    kept_s = time.monotonic()
    epochs = range(begun, lesson.epochs)
    for epoch in progress(epochs, total=len(epochs), label=lesson.label):
        course.learn(epoch)
        due = time.monotonic() - kept_s >= keep_s or epoch + 1 == lesson.epochs
        if lesson.checkpoint is not None and engine.writes and due:
            checkpoint.keep(lesson.checkpoint, course.state, lesson.key)
            kept_s = time.monotonic()
    member.load_state_dict(course.state.mean.state_dict())
    member.cpu().eval()
    return course.history


class _Course:
    """One member on its way through the epochs."""

    def __init__(self, member: FusionNetwork, lesson: Lesson, recipe: OptimizerRecipe, engine: Engine) -> None:
        self.lesson, self.recipe, self.engine = lesson, recipe, engine
        self.spec = member.spec
        self.learner = engine.learner(member)
        self.history: list[dict[str, Any]] = []
        optimizer = torch.optim.AdamW(parameter_groups(member, recipe), lr=recipe.learning_rate)
        self.per_epoch = max(1, math.ceil(len(lesson.rows) / recipe.batch))
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=recipe.learning_rate,
            total_steps=lesson.epochs * self.per_epoch,
            pct_start=0.2,
            cycle_momentum=False,
        )
        self.state = Progressed(member, copy.deepcopy(member).eval(), optimizer, history=self.history)
        self.positive_weight = _positive_weight(lesson.table.defective[lesson.rows]).to(engine.device)

    def resumed(self) -> int:
        """Bring what follows from the step up to it; return the epoch to go on with."""
        self.schedule.last_epoch = self.state.step
        self.history = self.state.history or []
        return self.state.step // self.per_epoch

    def learn(self, epoch: int) -> None:
        """Go once through all parts."""
        seed = [self.lesson.seed, epoch]
        order, random = np.random.default_rng(seed), np.random.default_rng([*seed, 1 + self.engine.rank])
        torch.manual_seed(int(random.integers(1 << 31)))
        self.learner.train()
        losses = _Sums()
        for chosen in torch.split(self._drawn(order), self.recipe.batch):
            self._step(chosen, random, losses)
        row = {"epoch": epoch + 1, "learning_rate": self.schedule.get_last_lr()[0], **losses.means()}
        if self.lesson.held is not None and self._looks(epoch):
            row |= watch(self.state.mean, *self.lesson.held, self.engine)
        self.history.append(row)

    def _drawn(self, random: np.random.Generator) -> Tensor:
        rows = self.lesson.rows
        if self.recipe.balance <= 0:
            return rows[torch.from_numpy(random.permutation(len(rows)))]
        _, label, count = torch.unique(self.lesson.table.kinds[rows], return_inverse=True, return_counts=True)
        chance = (1.0 / count[label].double()) ** self.recipe.balance
        return rows[torch.from_numpy(random.choice(len(rows), len(rows), p=(chance / chance.sum()).numpy()))]

    def _step(self, chosen: Tensor, random: np.random.Generator, losses: _Sums) -> None:
        optimizer = self.state.optimizer
        optimizer.zero_grad(set_to_none=True)
        losses.add(self.engine.backward(self.learner, chosen, lambda rows: self._losses(rows, random)))
        torch.nn.utils.clip_grad_norm_(self.state.member.parameters(), 1.0)
        optimizer.step()
        self.schedule.step()
        _follow(self.state.mean, self.state.member, self.state.step, self.lesson.epochs * self.per_epoch)
        self.state.step += 1

    def _losses(self, rows: Tensor, random: np.random.Generator) -> dict[str, Tensor]:
        batch, targets = self.lesson.table.batch(rows, random)
        augment(batch, targets, self.spec, self.recipe, random)
        batch, targets = self.engine.moved(batch, targets)
        with self.engine.precision():
            outputs = self.learner(batch)
            return total_loss(outputs, batch, targets, self.spec, self.positive_weight, self.recipe.label_smoothing)

    def _looks(self, epoch: int) -> bool:
        every = math.ceil(self.lesson.epochs / GLANCES)
        return (epoch + 1) % every == 0 or epoch + 1 == self.lesson.epochs


@dataclass(slots=True)
class _Sums:
    """Losses as they add up over an epoch."""

    sums: dict[str, Tensor] = field(default_factory=dict)
    count: int = 0

    def add(self, values: dict[str, Tensor]) -> None:
        self.count += 1
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, torch.zeros_like(value)) + value

    def means(self) -> dict[str, float]:
        means = {name: round(float(value) / self.count, 6) for name, value in self.sums.items()}
        return {"loss": round(sum(means.values()), 6), **{f"loss_{name}": value for name, value in means.items()}}


def parameter_groups(member: nn.Module, recipe: OptimizerRecipe) -> list[dict[str, Any]]:
    """Return what is learned how: no decay on vectors."""
    learned = [p for p in member.parameters() if p.requires_grad]
    return [
        {"params": [p for p in learned if p.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in learned if p.ndim < 2], "weight_decay": 0.0},
    ]


@torch.no_grad()
def _follow(mean: nn.Module, member: nn.Module, step: int, steps: int) -> None:
    share = max(1 / max(EMA_SHARE * steps, 1), 1 / (step + 1))
    followed = member.state_dict()
    for name, value in mean.state_dict().items():
        if value.is_floating_point():
            value.lerp_(followed[name], share)
        else:
            value.copy_(followed[name])


def _positive_weight(defective: Tensor) -> Tensor:
    positive = float(defective.sum())
    return torch.tensor(min(max(((len(defective) - positive) / max(positive, 1.0)) ** 0.5, 1.0), 4.0))
