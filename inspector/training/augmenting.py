"""What training does to a batch so that no modality is leaned on alone, and so that contradiction is known when it is seen."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from inspector.fusion.batch import Batch
from inspector.fusion.spec import NetworkSpec
from inspector.parts import Modality
from inspector.training.batches import UNKNOWN, Targets
from inspector.training.recipe import OptimizerRecipe

TRIGGER_JITTER_S = 0.02
"""A labelled folder has all triggers at 0 and all pictures at their trigger; on a line neither is so exact."""


def augment(batch: Batch, targets: Targets, spec: NetworkSpec, recipe: OptimizerRecipe, random: np.random.Generator) -> None:
    """Alter a batch in place: hide, mix, disturb. Places in pictures stay where they are."""
    hide_modalities(batch, spec, recipe.modality_dropout, random)
    hide_channels(batch, spec, recipe.channel_dropout, random)
    mix_modalities(batch, targets, spec, recipe.mixed_share, random)
    _shift_trigger(batch, random)


def hide_modalities(batch: Batch, spec: NetworkSpec, chance: float, random: np.random.Generator) -> None:
    """Set the quality of random modalities of random parts to 0; every part keeps at least one that it has."""
    if len(spec.modalities) > 1:
        _hide(batch, list(_channels(batch, spec).values()), chance, random)


def hide_channels(batch: Batch, spec: NetworkSpec, chance: float, random: np.random.Generator) -> None:
    """Set the quality of random channels of random parts to 0; a modality keeps at least one channel that it has."""
    for channels in _channels(batch, spec).values():
        if len(channels) > 1:
            _hide(batch, [[channel] for channel in channels], chance, random)


def _hide(batch: Batch, sets: list[list[str]], chance: float, random: np.random.Generator) -> None:
    """Hide whole sets of channels by chance, but never the last one that a part has."""
    if chance <= 0 or len(sets) < 2:
        return
    has = np.stack([_seen(batch, channels).numpy() for channels in sets])
    hidden = (random.random(has.shape) < chance) & has
    spared = random.integers(0, 1 << 30, has.shape) * has
    blind = (has & ~hidden).sum(axis=0) == 0
    hidden[spared.argmax(axis=0)[blind], np.flatnonzero(blind)] = False
    for place, channels in enumerate(sets):
        keep = torch.from_numpy(~hidden[place])
        for channel in channels:
            batch.quality[channel] = batch.quality[channel] * keep


def mix_modalities(batch: Batch, targets: Targets, spec: NetworkSpec, share: float, random: np.random.Generator) -> None:
    """Give a share of the parts a modality of another part of the batch, or everything but the picture.

    Where the two parts are of one truth this is one more part of that truth; else it is a conflict, and `targets` say so. Pictures
    stay, as their masks do. In place.
    """
    count, modalities = len(targets.defective), spec.modalities
    targets.foreign = {modality: torch.zeros(count, dtype=torch.bool) for modality in modalities}
    targets.conflict = torch.zeros(count)
    if share <= 0 or len(modalities) < 2 or count < 2:
        return
    donor = torch.from_numpy((np.arange(count) + random.integers(1, count, count)) % count)
    chosen = torch.from_numpy(random.random(count) < share)
    pick = torch.from_numpy(random.integers(len(modalities), size=count))
    unlike, channels = _unlike(targets, donor), _channels(batch, spec)
    seen = {modality: _seen(batch, names) for modality, names in channels.items()}
    for place, modality in enumerate(modalities):
        taken = [m for m in modalities if m != "image"] if modality == "image" else [modality]
        given = torch.stack([seen[m][donor] for m in taken]).any(dim=0)
        kept = torch.stack([seen[m] for m in modalities if m not in taken]).any(dim=0)
        rows = chosen & (pick == place) & given & kept
        for m in taken:
            targets.foreign[m] |= rows
        targets.conflict[rows & unlike] = 1.0
    for modality in modalities:
        for channel in channels[modality] if modality != "image" else ():
            for values in (batch.summaries, batch.steps, batch.offsets_s, batch.quality):
                _take(values, channel, targets.foreign[modality], donor)
        if modality in batch.counsel:
            _take(batch.counsel, modality, targets.foreign[modality], donor)


def _take(values: dict[str, Tensor], name: str, rows: Tensor, donor: Tensor) -> None:
    own = values[name]
    values[name] = torch.where(rows.view(-1, *[1] * (own.ndim - 1)), own[donor], own)


def _unlike(targets: Targets, donor: Tensor) -> Tensor:
    """Tell which parts differ from their donor in defect, kind or cause, as far as both are known."""
    unlike = targets.defective != targets.defective[donor]
    for truth in (targets.kinds, targets.causes):
        unlike |= (truth != truth[donor]) & (truth != UNKNOWN) & (truth[donor] != UNKNOWN)
    return unlike


def _shift_trigger(batch: Batch, random: np.random.Generator) -> None:
    """Move all channels of a part by one time, as a trigger that comes early or late does."""
    if not batch.offsets_s:
        return
    count = len(next(iter(batch.offsets_s.values())))
    shift_s = torch.from_numpy(random.normal(0, TRIGGER_JITTER_S, (count, 1)).astype(np.float32))
    batch.offsets_s = {channel: offsets_s + shift_s for channel, offsets_s in batch.offsets_s.items()}


def _channels(batch: Batch, spec: NetworkSpec) -> dict[Modality, list[str]]:
    channels = {m: [v.name for v in spec.vectors if v.modality == m and v.name in batch.quality] for m in spec.modalities}
    if spec.cameras:
        channels["image"] = [camera for camera in spec.cameras if camera in batch.quality]
    return channels


def _seen(batch: Batch, channels: list[str]) -> Tensor:
    count = len(next(iter(batch.quality.values())))
    return (
        torch.stack([batch.quality[channel] > 0 for channel in channels]).any(dim=0) if channels else torch.zeros(count, dtype=torch.bool)
    )
