"""What a member learns of parts before anybody says what they are: to guess what is hidden, and which senses belong to one part.

Masked tokens: some tokens of a channel are blanked, and the trunk is to say from all others what stood there. Contrast: the mean tokens
of two modalities of one part are to be nearer to each other than to those of other parts (InfoNCE, van den Oord et al., 2018). No label
is read.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from inspector.fusion.batch import Batch
from inspector.fusion.network import FusionNetwork, Reading
from inspector.fusion.picture_encoder import CameraEncoder
from inspector.fusion.signal_encoder import VectorEncoder
from inspector.parts import Modality
from inspector.training.augmenting import hide_modalities
from inspector.training.batches import Table, Targets
from inspector.training.engine import Engine
from inspector.training.preparing import Progress, silent
from inspector.training.recipe import PretrainingRecipe

CONTRAST_WIDTH = 32
TEMPERATURE = 0.2
BATCH = 32


def pretrain(
    member: FusionNetwork,
    table: Table,
    rows: Tensor,
    recipe: PretrainingRecipe,
    engine: Engine,
    *,
    seed: int,
    progress: Progress = silent,
    label: str = "pretraining",
) -> list[float]:
    """Prepare a member on parts `rows` of `table`, labels unread; return the loss of each epoch.

    Every worker does all of it, as it is short, and comes to the same weights.
    """
    random = np.random.default_rng([seed, 1])
    torch.manual_seed(seed)
    member.to(engine.device).train()
    # One part for each channel that has it: together they show every channel.
    shown = rows[torch.stack([quality[rows] > 0 for quality in table.quality.values()]).long().argmax(dim=1)]
    task = Guesses(member, engine.moved(*table.batch(shown))[0], recipe.mask_share).to(engine.device).train()
    optimizer = torch.optim.AdamW(task.parameters(), lr=recipe.learning_rate, weight_decay=0.01)
    steps = recipe.epochs * math.ceil(len(rows) / BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps, cycle_momentum=False)
    losses = []
    for _ in progress(range(recipe.epochs), total=recipe.epochs, label=label):
        total = 0.0
        for chosen in torch.split(rows[torch.from_numpy(random.permutation(len(rows)))], BATCH):
            batch, targets = table.batch(chosen, random)
            hide_modalities(batch, member.spec, recipe.modality_dropout, random)
            batch, _ = engine.moved(batch, Targets(targets.defective, targets.kinds, targets.causes, {}))
            loss = task(batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(task.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(chosen) / len(rows)
        losses.append(total)
    member.cpu()
    return losses


class Guesses(nn.Module):
    """The two tasks as one loss over a batch; what it adds to the member is thrown away when the member has learned from it."""

    def __init__(self, member: FusionNetwork, example: Batch, mask_share: float) -> None:
        super().__init__()
        self.member, self._share = member, mask_share
        width = member.spec.width
        tokens = member.read(example).tokens
        lengths = {c: values.shape[1] for c, values in zip(tokens.channels, tokens.values, strict=True) if c is not None}
        self.channels = list(lengths)
        self.blanks = nn.ParameterList([torch.randn(length, width) * 0.02 for length in lengths.values()])
        """What stands in for hidden tokens; it knows its channel and its place there, and no more."""
        self.answers = nn.ModuleList([nn.Linear(width, size) for size in self._sizes(example)])
        self.meeting = nn.ModuleDict({m: nn.Linear(width, CONTRAST_WIDTH) for m in member.spec.modalities})

    def forward(self, batch: Batch) -> Tensor:
        read = self.member.read(batch)
        contrast = self._contrast(read)
        hidden = self._hide(read, batch)
        x, _ = self.member.attend(read.tokens)
        return self._guess(x[:, 1:], hidden, read, batch) + contrast

    def _hide(self, read: Reading, batch: Batch) -> dict[str, Tensor]:
        """Blank tokens by chance, and all that has seen a whole channel or modality; return which are to be guessed."""
        hidden: dict[str, Tensor] = {}
        for block, channel in enumerate(read.tokens.channels):
            values = read.tokens.values[block]
            if channel is None:
                read.tokens.values[block] = torch.zeros_like(values)
                continue
            mask = torch.rand(values.shape[:2], device=values.device) < self._share
            blank = self.blanks[self.channels.index(channel)].expand_as(values)
            seen = mask.clone()
            if channel in batch.maps:
                seen[:, 0] = True  # it stands for the whole picture
                mask[:, 0] = False
            read.tokens.values[block] = torch.where(seen[..., None], blank, values)
            hidden[channel] = mask & (batch.quality[channel] > 0)[:, None]
        return hidden

    def _guess(self, x: Tensor, hidden: dict[str, Tensor], read: Reading, batch: Batch) -> Tensor:
        wrong, start = [], 0
        for block, channel in enumerate(read.tokens.channels):
            length = read.tokens.values[block].shape[1]
            if channel is not None and hidden[channel].any():
                mine = x[:, start : start + length]
                wrong.append(self._distance(mine, hidden[channel], channel, batch))
            start += length
        return torch.stack(wrong).mean() if wrong else self._nothing()

    def _distance(self, x: Tensor, hidden: Tensor, channel: str, batch: Batch) -> Tensor:
        answers = self.answers[self._first_answer(channel) :]
        if channel in batch.maps:
            return functional.smooth_l1_loss(answers[0](x[hidden]), self._scenes(channel, batch)[hidden[:, 1:]])
        place = [vector.name for vector in self.member.spec.vectors].index(channel)
        encoder = self.member.vectors[place]
        assert isinstance(encoder, VectorEncoder)
        guesses = (
            (answers[0], hidden[:, :1], x[:, :1], encoder.summary_scale(batch.summaries[channel])[:, None]),
            (answers[1], hidden[:, 1:], x[:, 1:], encoder.step_scale(batch.steps[channel])[:, : x.shape[1] - 1]),
        )
        wrong = [functional.smooth_l1_loss(answer(said[mask]), truth[mask]) for answer, mask, said, truth in guesses if mask.any()]
        return torch.stack(wrong).mean()

    def _scenes(self, camera: str, batch: Batch) -> Tensor:
        """Return what each patch shows (B, patches, channels): the mean of the backbone's finer map there, standardised."""
        encoder = self.member.cameras[self.member.spec.cameras.index(camera)]
        assert isinstance(encoder, CameraEncoder)
        pooled = functional.adaptive_avg_pool2d(batch.maps[camera][0], encoder.grid).flatten(2).transpose(1, 2).detach()
        return (pooled - pooled.mean(dim=(0, 1))) / pooled.std(dim=(0, 1)).clamp(min=1e-3)

    def _sizes(self, example: Batch) -> list[int]:
        vectors = {vector.name: [vector.summary, vector.step_size] for vector in self.member.spec.vectors}
        return [size for c in self.channels for size in ([example.maps[c][0].shape[1]] if c in example.maps else vectors[c])]

    def _first_answer(self, channel: str) -> int:
        cameras = self.member.spec.cameras
        return sum(1 if earlier in cameras else 2 for earlier in self.channels[: self.channels.index(channel)])

    def _contrast(self, read: Reading) -> Tensor:
        """Return how badly two random modalities of the same parts find each other among the batch."""
        met = {m: self._met(read, m) for m in read.by_modality}
        if len(met) < 2:
            return self._nothing()
        names = list(met)
        first, second = (names[int(i)] for i in torch.randperm(len(names))[:2])
        both = (read.quality[first] > 0) & (read.quality[second] > 0)
        if int(both.sum()) < 2:
            return self._nothing()
        alike = met[first][both] @ met[second][both].T / TEMPERATURE
        truth = torch.arange(len(alike), device=alike.device)
        lost: Tensor = functional.cross_entropy(alike, truth) + functional.cross_entropy(alike.T, truth)
        return lost / (2 * math.log(len(alike)))

    def _nothing(self) -> Tensor:
        return torch.zeros((), device=self.blanks[0].device, requires_grad=True)

    def _met(self, read: Reading, modality: Modality) -> Tensor:
        tokens = torch.cat(read.tokens.of(modality), dim=1).mean(dim=1)
        met: Tensor = functional.normalize(self.meeting[modality](tokens), dim=1)
        return met
