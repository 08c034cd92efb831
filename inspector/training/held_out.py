"""Parts held out from learning: which they are, what an ensemble says of them, and how good that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inspector.config import PromiseConfig
from inspector.fusion.calibration import Calibration
from inspector.fusion.ensemble import Ensemble, averaged
from inspector.fusion.opinion import Opinion
from inspector.fusion.promise import fewest_good
from inspector.parts import OK_LABEL, UNKNOWN_DEFECT, Modality
from inspector.training.batches import Table
from inspector.training.calibrating import FEWEST_EACH, Witnessed, honest_scores
from inspector.training.metrics import auroc
from inspector.training.preparing import Prepared
from inspector.training.run_folder import Doubt
from inspector.training.samples import Sample

BLOCK = 32


def calibrates(val: list[Sample], train: list[Sample]) -> bool:
    """Tell whether the validation parts alone can set a threshold."""
    if not val:
        return False
    defective = sum(sample.defective for sample in val)
    good = len(val) - defective
    needs_defective = any(sample.defective for sample in train)
    needs_good = any(not sample.defective for sample in train)
    return (defective >= FEWEST_EACH or not needs_defective) and (good >= FEWEST_EACH or not needs_good)


def keeps(val: list[Sample], train: list[Sample], asked: PromiseConfig) -> bool:
    """Tell whether a promise can rest on the validation parts alone: there are groups of good ones enough, or nothing to promise."""
    needs, groups = fewest_good(asked), {sample.group for sample in val if not sample.defective}
    return all(sample.defective for sample in train) or (needs is not None and len(groups) >= needs)


def folds(train: list[Sample], count: int, seed: int) -> Tensor:
    """Return a fold per part; parts of a group share one, and every fold gets its share of each label."""
    random = np.random.default_rng(seed)
    groups: dict[str, list[int]] = {}
    for row, sample in enumerate(train):
        groups.setdefault(sample.group, []).append(row)
    names = list(groups)
    random.shuffle(names)
    folds = torch.zeros(len(train), dtype=torch.long)
    load: dict[tuple[int, str], int] = {}
    for name in sorted(names, key=lambda n: -len(groups[n])):
        labels = [train[row].part.label for row in groups[name]]
        best = min(range(count), key=lambda fold: (load.get((fold, labels[0]), 0), sum(v for (f, _), v in load.items() if f == fold)))
        for row, label in zip(groups[name], labels, strict=True):
            folds[row] = best
            load[best, label] = load.get((best, label), 0) + 1
    return folds


@dataclass(frozen=True, slots=True)
class Hearing:
    """Parts with the members who may be asked of them, as they did not learn from them."""

    table: Table
    ensemble: Ensemble
    folds: Tensor | None = None
    """Which member is asked of each part (N,); None: all are asked of every part."""

    def members(self, row: int) -> list[nn.Module]:
        """Return who is asked of the part in `row`."""
        everyone = list(self.ensemble.members)
        return everyone if self.folds is None else [everyone[int(self.folds[row])]]

    def blocks(self) -> Iterator[tuple[Tensor, list[nn.Module]]]:
        """Yield all rows, some at a time, with those who are asked of them."""
        of_fold = torch.zeros(len(self.table), dtype=torch.long) if self.folds is None else self.folds
        for fold in torch.unique(of_fold):
            rows = torch.nonzero(of_fold == fold)[:, 0]
            for block in torch.split(rows, BLOCK):
                yield block, self.members(int(block[0]))


@torch.inference_mode()
def witness(hearing: Hearing, distances: Mapping[Modality, Tensor]) -> Witnessed:
    """Ask of every part those who may be asked; `distances` (N,) from good parts take the place of what the ensemble would measure."""
    rows, opinions = [], []
    for block, members in hearing.blocks():
        batch = hearing.table.batch(block)[0]
        far = hearing.ensemble.distances(batch) | {modality: values[block] for modality, values in distances.items()}
        opinions.append(averaged([member(batch) for member in members], far, len(hearing.ensemble.spec.kinds)))
        rows.append(block)
    return _witnessed(opinions, hearing.table, torch.cat(rows))


def _witnessed(opinions: list[Opinion], table: Table, rows: Tensor) -> Witnessed:
    return Witnessed(
        evidence=[evidence for opinion in opinions for evidence in opinion.evidence],
        defective=table.defective[rows].numpy() > 0,
        kind_logits=np.concatenate([opinion.kind_logits for opinion in opinions]),
        kinds=table.kinds[rows].numpy(),
        cause_logits=np.concatenate([opinion.cause_logits for opinion in opinions]),
        causes=table.causes[rows].numpy(),
        groups=[table.samples[int(row)].group for row in rows],
        part_ids=[table.samples[int(row)].part.part_id for row in rows],
        attention=[shares for opinion in opinions for shares in opinion.attention],
    )


def figures(held: Witnessed, calibration: Calibration) -> dict[str, Any]:
    """Return figures on held-out parts; the test split is for `inspector evaluate`."""
    figures: dict[str, Any] = {"held_out_parts": len(held.evidence)}
    if 0 < held.defective.sum() < len(held.defective):
        scores = honest_scores(held, calibration)
        outcomes = [calibration.outcome(float(score)) for score in scores]
        figures["auroc"] = rounded(auroc(held.defective, scores))
        failed, passed = (np.array([outcome == which for outcome in outcomes]) for which in ("fail", "pass"))
        figures["miss_rate"] = rounded(passed[held.defective].mean())
        figures["false_reject_rate"] = rounded(failed[~held.defective].mean())
        figures["auroc_alone"] = _auroc_of(held, "own_")
        figures["auroc_distance"] = _auroc_of(held, "distance_")
    figures["mean_weight"] = _mean_weights(held, calibration)
    for name, logits, truth in (("kinds_accuracy", held.kind_logits, held.kinds), ("causes_top1", held.cause_logits, _real_causes(held))):
        known = truth >= 0
        if logits.shape[1] > 1 and known.any():
            figures[name] = rounded(float(np.mean(logits[known].argmax(axis=1) == truth[known])))
    return figures


def _mean_weights(held: Witnessed, calibration: Calibration) -> dict[str, float]:
    """Return how much of the score came from each modality, mean over the parts that have it."""
    shares = [calibration.shares(evidence, attention) for evidence, attention in zip(held.evidence, held.attention, strict=True)]
    names = sorted({name for one in shares for name in one})
    return {name: round(float(np.mean([one[name] for one in shares if name in one])), 3) for name in names}


def doubts(held: Witnessed, calibration: Calibration, prepared: Prepared) -> list[Doubt]:
    """Return what the model makes of each held-out part beside its label."""
    labels = {sample.part.part_id: sample.part.label for sample in (*prepared.train, *prepared.val)}
    found = []
    for row, part_id in enumerate(held.part_ids):
        score = calibration.score(held.evidence[row])
        kind = prepared.kinds[int(held.kind_logits[row].argmax())] if prepared.kinds else UNKNOWN_DEFECT
        believed = score if held.defective[row] else 1 - score
        found.append(Doubt(part_id, labels[part_id], score, kind if score >= calibration.threshold else OK_LABEL, _surprise(believed)))
    return found


def _surprise(believed: float) -> float:
    return float(-np.log(max(believed, 1e-12)))


def _auroc_of(held: Witnessed, prefix: str) -> dict[str, float | None]:
    names = sorted({name for evidence in held.evidence for name in evidence if name.startswith(prefix)})
    found = {name.removeprefix(prefix): np.array([e.get(name, 0.0) for e in held.evidence]) for name in names}
    return {name: rounded(auroc(held.defective, values)) for name, values in found.items()}


def _real_causes(held: Witnessed) -> np.ndarray:
    return np.where(held.causes > 0, held.causes, -1)


def rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
