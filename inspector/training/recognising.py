"""Remember defective parts of the known kinds, and find out by leaving kinds out whether a new kind would be noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inspector.fusion.defect_numbers import numbers_of
from inspector.fusion.known_kinds import Array, KnownDefects, Recognition, directions
from inspector.parts import Modality
from inspector.training.batches import Table
from inspector.training.held_out import Hearing
from inspector.training.metrics import auroc

MISTAKEN_AT_MOST = 0.01
"""New kinds are rare, known ones are every day's: a name that is withheld in vain costs more than one that is given in vain."""
USED_FROM = 0.8
"""Below this AUROC for kinds that were left out nothing is called unknown: kinds that are known would often be, too."""
REMEMBERED = 500
FEWEST_PARTS = 10

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shown:
    """Defective parts of known kinds in one modality."""

    directions: Array
    kinds: Places
    groups: NDArray[np.str_]
    remembered: NDArray[np.bool_]
    """Whether a part is of the training split: the model keeps only those."""


def recognise(hearings: Sequence[Hearing]) -> tuple[Recognition | None, KnownDefects | None]:
    """Return when a defect is called unknown, and the parts that it is compared with: of the modality that tells left-out kinds best.

    `hearings` are of the training parts and of the validation parts, if any. None where fewer than two kinds were seen often enough to
    leave one out.
    """
    best: tuple[Recognition | None, KnownDefects | None] = None, None
    tables = [hearing.table for hearing in hearings]
    for modality in hearings[0].ensemble.spec.modalities:
        numbers = [_numbers(hearing, modality) for hearing in hearings]
        mean, spread = numbers[0].mean(axis=0), np.maximum(numbers[0].std(axis=0), 1e-3)
        shown = _shown(tables, [directions(one, mean, spread) for one in numbers], modality)
        found = leave_kinds_out(shown, modality)
        if found is not None and (best[0] is None or found.auroc > best[0].auroc):
            kept = np.flatnonzero(shown.remembered)
            kept = np.random.default_rng(0).permutation(kept)[:REMEMBERED]
            best = found, KnownDefects(mean, spread, shown.directions[kept])
    return best


def leave_kinds_out(shown: Shown, modality: Modality) -> Recognition | None:
    """Return what leaving each kind out says of the test for new kinds; None where it cannot say anything."""
    kinds = np.unique(shown.kinds)
    if len(kinds) < 2:
        return None
    known, unknown, told = _strangeness(shown, None), [], []
    known = known[np.isfinite(known)]
    for kind in kinds:
        left = _strangeness(shown, int(kind))
        usable = np.isfinite(left)
        area = auroc((shown.kinds == kind)[usable], left[usable])
        if area is not None:
            told.append(area)
            unknown.append(left[(shown.kinds == kind) & usable])
    if len(told) < 2 or len(known) < FEWEST_PARTS:
        return None
    limit = _limit(known, np.concatenate(unknown))
    area = float(np.mean(told))
    return Recognition(
        modality=modality,
        limit=limit,
        auroc=round(area, 4),
        found=round(float(np.mean([np.mean(one > limit) for one in unknown])), 4),
        mistaken=round(float(np.mean(known > limit)), 4),
        used=area >= USED_FROM,
    )


def _strangeness(shown: Shown, left_out: int | None) -> Numbers:
    """Return how unlike each part is to remembered ones of other groups, and of other kinds than the one that is left out.

    NaN for a part whose own kind no other group shows: as far as it goes, the kind is new.
    """
    cosines = np.array(shown.directions @ shown.directions.T, dtype=np.float64)
    comparable = shown.remembered[None, :] & (shown.groups[:, None] != shown.groups[None, :])
    if left_out is not None:
        comparable &= (shown.kinds != left_out)[None, :]
    own_kind = (comparable & (shown.kinds[:, None] == shown.kinds[None, :])).any(axis=1)
    speaks = comparable.any(axis=1) & (own_kind | (shown.kinds == left_out))
    return np.where(speaks, 1 - np.where(comparable, cosines, -1.0).max(axis=1), np.nan)


def _limit(known: Numbers, unknown: Numbers) -> float:
    """Return the limit that tells known from unknown best, of those that at most `MISTAKEN_AT_MOST` of the known lie above."""
    ordered = np.sort(known)[::-1]
    lowest = ordered[min(max(int(MISTAKEN_AT_MOST * (len(known) + 1)) - 1, 0), len(ordered) - 1)]
    values = np.unique(np.concatenate([known, unknown]))
    candidates = np.append((values[1:] + values[:-1]) / 2, values[-1])
    candidates = candidates[candidates >= lowest]
    wrong = [np.mean(known > at) + np.mean(unknown <= at) for at in candidates]
    return float(candidates[int(np.argmin(wrong))])


@torch.inference_mode()
def _numbers(hearing: Hearing, modality: Modality) -> Array:
    """Return the numbers of all parts (N, size), 0 where a part lacks the modality."""
    parts: list[tuple[Tensor, Array]] = []
    for rows, members in hearing.blocks():
        batch = hearing.table.batch(rows)[0]
        outputs = [member(batch) for member in members] if modality == "image" else []
        found = numbers_of(hearing.ensemble, batch, outputs, modality)
        if found is not None:
            parts.append((rows, found))
    numbers = np.zeros((len(hearing.table), parts[0][1].shape[1] if parts else 1), dtype=np.float32)
    for rows, found in parts:
        numbers[rows.numpy()] = found
    return numbers


def _shown(tables: Sequence[Table], found: Sequence[Array], modality: Modality) -> Shown:
    defective = [np.flatnonzero((table.kinds.numpy() >= 0) & (table.quality_of(modality).numpy() > 0)) for table in tables]
    return Shown(
        directions=np.concatenate([one[rows] for one, rows in zip(found, defective, strict=True)]),
        kinds=np.concatenate([table.kinds.numpy()[rows] for table, rows in zip(tables, defective, strict=True)]),
        groups=np.array([table.samples[row].group for table, rows in zip(tables, defective, strict=True) for row in rows]),
        remembered=np.concatenate([np.full(len(rows), number == 0) for number, rows in enumerate(defective)]),
    )
