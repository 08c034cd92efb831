"""What a modality's numbers say by methods that need few parts: a linear discriminant and a forest, as plain tables of numbers.

A discriminant finds a faint pattern that is spread over many numbers; a forest finds thresholds that hold although half of the numbers
wander from run to run. Which of them is believed is found in training, on parts that they have not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from inspector.fusion.scale import standardised
from inspector.fusion.spec import NetworkSpec

TREES, NODES, DEPTH = 100, 127, 12
"""Every forest has this shape, filled or not, so that a saved one fits whatever it has learnt."""
LEAST_CHANCE = 0.02
"""Nothing is called less probable than this: a few dozen parts prove no more."""
LEAST_OVERVIEW_CHANCE = 1e-4
"""The same for pictures. A picture of a good part is unlike all kinds, and which of them it is least unlike must still be told."""


class Discriminant(nn.Module):
    """Values (B, size) -> chance of each class (B, classes): a softmax of straight lines."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(classes, size))
        self.register_buffer("offset", torch.zeros(classes))
        self.weight: Tensor
        self.offset: Tensor

    def forward(self, values: Tensor) -> Tensor:
        return torch.softmax(values @ self.weight.T + self.offset, dim=1)


class Forest(nn.Module):
    """Values (B, size) -> chance of each class (B, classes): the mean of the leaves that the trees lead to.

    Indices are kept as floats, as a running mean of weights takes over whatever the state of a network holds.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        nodes = TREES * NODES
        self.register_buffer("feature", torch.zeros(nodes))
        self.register_buffer("threshold", torch.zeros(nodes))
        self.register_buffer("paths", torch.zeros(nodes, 2))
        self.register_buffer("leaves", torch.zeros(nodes, classes))
        self.feature: Tensor
        self.threshold: Tensor
        self.paths: Tensor
        """Where to go when the value is above (0) or not above (1) the threshold; a leaf leads to itself."""
        self.leaves: Tensor

    def forward(self, values: Tensor) -> Tensor:
        below = (values[:, self.feature.long()] <= self.threshold).long()
        # One step from every node at once; following it from node to node is then a look-up.
        step = self.paths.long().expand(len(values), -1, -1).gather(2, below[..., None])[..., 0]
        node = (torch.arange(TREES, device=values.device) * NODES).expand(len(values), TREES)
        for _ in range(DEPTH):
            node = step.gather(1, node)
        return self.leaves[node].mean(dim=1)


class Question(nn.Module):
    """One thing that is asked of a modality: which of several classes a part belongs to."""

    def __init__(self, size: int, classes: int) -> None:
        super().__init__()
        self.discriminant, self.forest = Discriminant(size, classes), Forest(classes)
        self.register_buffer("share", torch.full((1,), 0.5))
        self.register_buffer("answered", torch.zeros(1))
        self.share: Tensor
        """How much the discriminant is believed; the rest is the forest's."""
        self.answered: Tensor

    def forward(self, values: Tensor) -> Tensor:
        chances = self.share * self.discriminant(values) + (1 - self.share) * self.forest(values)
        return logs_of(chances) * self.answered


class Overview(nn.Module):
    """Backbone maps of one camera -> log chance of each kind (B, kinds), by straight lines over what the whole picture shows.

    The places of a picture know a defect by its detail; which kind it is, its extent and its surroundings tell as well. 0 where training
    had nothing to compare.
    """

    def __init__(self, channels: int, kinds: int) -> None:
        super().__init__()
        self.lines = Discriminant(2 * channels, 1 + kinds)
        self.register_buffer("mean", torch.zeros(2 * channels))
        self.register_buffer("spread", torch.ones(2 * channels))
        self.register_buffer("answered", torch.zeros(1))
        self.mean: Tensor
        self.spread: Tensor
        self.answered: Tensor

    def forward(self, values: Tensor) -> Tensor:
        """Return log chances of each kind for `overview_of` the maps (B, 2 · channels)."""
        return self.kinds_of(self.lines(self.scaled(values)))

    def scaled(self, values: Tensor) -> Tensor:
        """Return standardised values, far outliers bent towards ±8."""
        return standardised(values, self.mean, self.spread)

    def kinds_of(self, chances: Tensor) -> Tensor:
        """Return log chances of each kind, for chances of `ok` and each kind; the defect itself is left to the places."""
        return chances[:, 1:].clamp(min=LEAST_OVERVIEW_CHANCE).log() * self.answered


def overview_of(maps: Sequence[Tensor]) -> Tensor:
    """Return mean and maximum of every channel of backbone maps (B, C, h, w) side by side (B, 2 · channels)."""
    flat = [one.flatten(2) for one in maps]
    return torch.cat([part for one in flat for part in (one.mean(dim=2), one.amax(dim=2))], dim=1)


def logs_of(chances: Tensor) -> Tensor:
    """Return log chances, none below `LEAST_CHANCE`."""
    return chances.clamp(min=LEAST_CHANCE).log()


class Counsel(nn.Module):
    """Values of a modality (B, size) -> logits of all answers (B, outputs); 0 where training had nothing to compare."""

    def __init__(self, size: int, spec: NetworkSpec) -> None:
        super().__init__()
        self.label = Question(size, 1 + len(spec.kinds))
        self.cause = Question(size, len(spec.causes)) if spec.causes else None

    def forward(self, values: Tensor) -> Tensor:
        return as_logits(self.label(values), None if self.cause is None else self.cause(values))


def as_logits(label: Tensor, cause: Tensor | None) -> Tensor:
    """Return the network's logits for log chances of `ok` and each kind, and of each cause; the defect's is all kinds against ok."""
    if label.shape[1] > 1:
        defect = torch.logsumexp(label[:, 1:], dim=1, keepdim=True) - label[:, :1]
        defect = defect * (label != 0).any(dim=1, keepdim=True)
    else:
        defect = torch.zeros_like(label)
    return torch.cat([defect, label[:, 1:], *([] if cause is None else [cause])], dim=1)
