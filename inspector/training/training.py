"""A recipe and labelled parts in, a model folder and a summary out."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inspector.diagnosis import Normal, measure
from inspector.errors import DataError
from inspector.fusion import artefact
from inspector.fusion import backbone as vision
from inspector.fusion import network as fusion
from inspector.fusion.artefact import Manifest, PinnedFile, PinnedNetwork, TrainedOn
from inspector.fusion.calibration import Calibration
from inspector.fusion.encoding import Encoder, Ranges
from inspector.fusion.ensemble import Ensemble, Opinion, ask, averaged
from inspector.fusion.heat import HeatSettings
from inspector.fusion.network import FusionNetwork
from inspector.parts import OK_LABEL, UNKNOWN_DEFECT, Modality
from inspector.training.batches import Table
from inspector.training.calibrating import FEWEST_EACH, Witnessed, calibrate, honest_scores
from inspector.training.card import card_text
from inspector.training.engine import Engine, engine
from inspector.training.findings import findings
from inspector.training.fitting import fit_memories, fit_normalities, fit_scales, indicator_ranges, new_ensemble
from inspector.training.learning import Lesson, fit_member
from inspector.training.locating import locate
from inspector.training.metrics import auroc
from inspector.training.parts_folder import PartsFolder
from inspector.training.preparing import Prepared, Progress, prepare, silent
from inspector.training.pretraining import pretrain
from inspector.training.recipe import Recipe, load_recipe
from inspector.training.remembering import good_parts
from inspector.training.run_folder import Doubt, RunFolder
from inspector.training.samples import Sample
from inspector.training.watching import conflict_auroc

NORMAL_PARTS = 200
LEADS_BY = 0.1
"""A modality leads when its AUROC alone is this much above every other's."""
LEADS_FROM = 0.75
FOLDS = 3
CONFLICT_TOLD_FROM = 0.8
"""Below this AUROC on held-out parts the sight of conflicts holds no part back: it would send good parts to people for nothing."""

_log = logging.getLogger(__name__)


def train(recipe_path: Path | str, data: PartsFolder, out_dir: Path | str, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
    """Train a model by a recipe and write its folder; return a summary. Raises ConfigError, DataError, ModelError.

    Only the splits train and val are read. `progress` wraps what is iterated over (see `inspector.commands.output.progress`).
    """
    start_s = perf_counter()
    recipe = load_recipe(recipe_path)
    _refuse_untrainable(data)
    out = Path(out_dir)
    with engine(recipe.engine) as worker:
        prepared = prepare(data, picture=recipe.picture, seed=seed, progress=progress)
        run = RunFolder(out, recipe, data_sha256=_data_hash(data), seed=seed, workers=worker.workers)
        trained = fit(prepared, recipe, seed=seed, progress=progress, worker=worker, run=run)
        manifest = _manifest(trained, prepared, recipe, data, seed, perf_counter() - start_s)
        if worker.writes:
            manifest = artefact.save(out, manifest, trained.ensemble.state_dict(), card_text(manifest), good_parts(prepared))
            _write_normal(out / artefact.NORMAL, prepared.train, progress)
            run.finish(trained.chosen, trained.histories, trained.doubts)
    promise = manifest.calibration.promise
    return {
        "model": {"name": manifest.name, "version": manifest.version, "sha256": manifest.weights.sha256},
        "data": {"name": data.name, "parts": manifest.training.parts, "modalities": list(manifest.modalities)},
        "threshold": manifest.calibration.threshold,
        "review_from": manifest.calibration.review_from,
        "rule": manifest.calibration.rule,
        "promise": promise.model_dump(mode="json", exclude_none=True) | {"words": promise.words} if promise else None,
        "chosen": manifest.training.chosen,
        "figures": manifest.figures,
        "seconds": perf_counter() - start_s,
        "folder": str(out),
    }


class Trained:
    """An ensemble with all that its manifest needs to say of it."""

    def __init__(
        self,
        ensemble: Ensemble,
        calibration: Calibration,
        heat: HeatSettings,
        ranges: Ranges,
        figures: dict[str, Any],
        chosen: dict[str, Any],
    ) -> None:
        self.ensemble, self.calibration, self.heat, self.ranges = ensemble, calibration, heat, ranges
        self.figures, self.chosen = figures, chosen
        self.histories: list[list[dict[str, Any]]] = []
        self.doubts: list[Doubt] = []
        self.held_out: dict[str, Any] = {}
        self.leading = _leading(figures.get("auroc_alone", {}))


def fit(
    prepared: Prepared,
    recipe: Recipe,
    *,
    seed: int,
    progress: Progress = silent,
    worker: Engine | None = None,
    run: RunFolder | None = None,
) -> Trained:
    """Fit and calibrate an ensemble on prepared parts; with `run`, members that a killed run left behind are taken up."""
    worker = worker or Engine(recipe.engine)
    pictures = bool(prepared.cameras)
    members = recipe.members_with_pictures if pictures else recipe.members_without_pictures
    epochs = recipe.optimizer.epochs_with_pictures if pictures else recipe.optimizer.epochs_without_pictures
    held_out = not _calibrates(prepared.val, prepared.train)
    if held_out:
        members = max(members, FOLDS)
    ensemble = new_ensemble(prepared, recipe.network.model_dump(), members)
    torch.manual_seed(seed)
    for member in ensemble.members:
        member.load_state_dict(FusionNetwork(ensemble.spec).state_dict())
    ranges = indicator_ranges(prepared.train)
    fit_memories(ensemble, prepared, seed)
    table = Table(prepared.train, ensemble.spec, ranges)
    folds = _folds(prepared.train, members if held_out else FOLDS, seed)
    fit_scales(ensemble, table)
    fit_normalities(ensemble, table, folds)
    val = Table(prepared.val, ensemble.spec, ranges) if not held_out else None
    unread = Table([*prepared.train, *prepared.unlabelled], ensemble.spec, ranges) if recipe.pretraining.epochs else table
    histories = []
    for number, member in enumerate(ensemble.members):
        assert isinstance(member, FusionNetwork)
        lesson = Lesson(
            table,
            *_rows(table, val, folds == number),
            epochs=epochs,
            seed=seed * 100 + number,
            label=f"training member {number + 1} of {members}",
            checkpoint=run.checkpoint(number) if run else None,
            key=run.key if run else "",
        )
        if recipe.pretraining.epochs:
            rows = torch.cat([lesson.rows, torch.arange(len(table), len(unread))])
            pretrain(member, unread, rows, recipe.pretraining, worker, seed=lesson.seed, progress=progress)
        keep_s = recipe.engine.checkpoint_s
        histories.append(fit_member(member, lesson, recipe.optimizer, worker, keep_s=keep_s, progress=progress))
    held_table = table if val is None else val
    held = _witness_folds(ensemble, table, folds) if val is None else _witness(ensemble, held_table)
    calibration = calibrate(
        held,
        any_defect=any(sample.defective for sample in prepared.train),
        any_good=any(not sample.defective for sample in prepared.train),
        recipe=recipe.decision,
        invented=any(view.invented for sample in prepared.train for views in sample.views.values() for view in views),
    )
    heat = _heat(ensemble, held_table, folds if held_out else None, calibration, seed) if pictures else HeatSettings()
    chosen = {
        "image_size": list(prepared.image_size) if pictures else None,
        "views": recipe.picture.views if pictures else None,
        "epochs": epochs,
        "members": members,
        "calibrated_on": f"{members} folds of train" if held_out else "val",
    }
    figures = _figures(held, calibration)
    if val is not None and len(ensemble.spec.modalities) > 1:
        figures["conflict_auroc"] = _rounded(conflict_auroc(ensemble, val, torch.arange(len(val)), seed))
        if (figures["conflict_auroc"] or 0.0) < CONFLICT_TOLD_FROM:
            calibration = calibration.model_copy(update={"conflict_from": None})
    trained = Trained(ensemble, calibration, heat, ranges, figures, {k: v for k, v in chosen.items() if v is not None})
    trained.histories = histories
    trained.held_out = findings(held, calibration, ensemble.spec.kinds)
    trained.doubts = _doubts(held, calibration, prepared)
    return trained


def _rows(table: Table, val: Table | None, own_fold: Tensor) -> tuple[Tensor, tuple[Table, Tensor] | None]:
    """Return what a member learns from and what it is watched on: the validation parts, or its own fold, which it then leaves alone."""
    if val is not None:
        return torch.arange(len(table)), (val, torch.arange(len(val)))
    held = torch.nonzero(own_fold)[:, 0]
    return torch.nonzero(~own_fold)[:, 0], (table, held) if len(held) else None


def _heat(ensemble: Ensemble, table: Table, folds: Tensor | None, calibration: Calibration, seed: int) -> HeatSettings:
    """Return how heat maps are made; with `folds` each part is looked at by the member that did not learn from it."""
    memories = {camera: ensemble.memory(camera) for camera in ensemble.spec.cameras}
    encoder = Encoder(ensemble.spec, vision.Backbone(), memories)
    everyone = list(ensemble.members)
    return locate(
        ensemble.eval(), encoder, table, lambda row: everyone if folds is None else [everyone[int(folds[row])]], calibration, seed
    )


def _refuse_untrainable(data: PartsFolder) -> None:
    train_parts = data.split("train")
    if len(train_parts) < 4:
        raise DataError(f"has {len(train_parts)} parts in split train, training needs at least 4: label more parts", path=data.folder)
    if len({part.label for part in train_parts}) < 2 and train_parts[0].label != OK_LABEL:
        raise DataError(f"has only parts of kind '{train_parts[0].label}' in split train: add good parts or another kind", path=data.folder)


def _calibrates(val: list[Sample], train: list[Sample]) -> bool:
    """Tell whether the validation parts alone can set a threshold."""
    if not val:
        return False
    defective = sum(sample.defective for sample in val)
    good = len(val) - defective
    needs_defective = any(sample.defective for sample in train)
    needs_good = any(not sample.defective for sample in train)
    return (defective >= FEWEST_EACH or not needs_defective) and (good >= FEWEST_EACH or not needs_good)


def _folds(train: list[Sample], count: int, seed: int) -> Tensor:
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


def _witness(ensemble: Ensemble, table: Table) -> Witnessed:
    rows = torch.arange(len(table))
    return _witnessed([ask(ensemble, table.batch(block)[0]) for block in torch.split(rows, 32)], table, rows)


@torch.inference_mode()
def _witness_folds(ensemble: Ensemble, table: Table, folds: Tensor) -> Witnessed:
    """Ask each member only of the parts that it did not learn from."""
    rows = torch.cat([torch.nonzero(folds == fold)[:, 0] for fold in torch.unique(folds)])
    opinions = []
    for fold in torch.unique(folds):
        member = ensemble.members[int(fold)]
        for block in torch.split(torch.nonzero(folds == fold)[:, 0], 32):
            batch = table.batch(block)[0]
            opinions.append(averaged([member(batch)], ensemble.distances(batch), len(ensemble.spec.kinds)))
    return _witnessed(opinions, table, rows)


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
    )


def _figures(held: Witnessed, calibration: Calibration) -> dict[str, Any]:
    """Return figures on held-out parts; the test split is for `inspector evaluate`."""
    figures: dict[str, Any] = {"held_out_parts": len(held.evidence)}
    if 0 < held.defective.sum() < len(held.defective):
        scores = honest_scores(held, calibration)
        outcomes = [calibration.outcome(float(score)) for score in scores]
        figures["auroc"] = _rounded(auroc(held.defective, scores))
        failed, passed = (np.array([outcome == which for outcome in outcomes]) for which in ("fail", "pass"))
        figures["miss_rate"] = _rounded(passed[held.defective].mean())
        figures["false_reject_rate"] = _rounded(failed[~held.defective].mean())
        figures["auroc_alone"] = _auroc_of(held, "own_")
        figures["auroc_distance"] = _auroc_of(held, "distance_")
    for name, logits, truth in (("kinds_accuracy", held.kind_logits, held.kinds), ("causes_top1", held.cause_logits, _real_causes(held))):
        known = truth >= 0
        if logits.shape[1] > 1 and known.any():
            figures[name] = _rounded(float(np.mean(logits[known].argmax(axis=1) == truth[known])))
    return figures


def _doubts(held: Witnessed, calibration: Calibration, prepared: Prepared) -> list[Doubt]:
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
    return {name: _rounded(auroc(held.defective, values)) for name, values in found.items()}


def _real_causes(held: Witnessed) -> np.ndarray:
    return np.where(held.causes > 0, held.causes, -1)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)


def _leading(alone: dict[str, float | None]) -> Modality | None:
    ranked = sorted(((value or 0.0, name) for name, value in alone.items()), reverse=True)
    if len(ranked) < 2 or ranked[0][0] < LEADS_FROM or ranked[0][0] - ranked[1][0] < LEADS_BY:
        return None
    return ranked[0][1]  # type: ignore[return-value]


def _manifest(trained: Trained, prepared: Prepared, recipe: Recipe, data: PartsFolder, seed: int, seconds: float) -> Manifest:
    spec = trained.ensemble.spec
    channels: dict[str, Modality] = dict.fromkeys(spec.cameras, "image")
    channels |= {vector.name: vector.modality for vector in spec.vectors}
    return Manifest(
        format=artefact.FORMAT,
        name=f"{data.name}-{recipe.name}",
        version=recipe.version,
        network=PinnedNetwork(
            name=fusion.NAME,
            version=fusion.VERSION,
            members=len(trained.ensemble.members),
            cameras=list(spec.cameras),
            image_size=spec.image_size,
            vectors=list(spec.vectors),
            width=spec.width,
            map_width=spec.map_width,
            layers=spec.layers,
            heads=spec.heads,
            dropout=spec.dropout,
        ),
        backbone=PinnedFile(name=vision.NAME, sha256=vision.weights_sha256()) if spec.cameras else None,
        weights=PinnedFile(name=artefact.WEIGHTS, sha256="0" * 64),
        modalities=list(spec.modalities),
        channels=channels,
        kinds=list(spec.kinds),
        causes=list(spec.causes),
        calibration=trained.calibration,
        units={name: data.channels[name].unit for name in channels if name in data.channels and data.channels[name].unit},
        heat=trained.heat,
        indicators={channel: dict(ranges) for channel, ranges in trained.ranges.items()},
        leading=trained.leading,
        training=TrainedOn(
            data=data.name,
            data_sha256=_data_hash(data),
            parts={"train": len(prepared.train), "val": len(prepared.val)} | _some(unlabelled=len(prepared.unlabelled)),
            seed=seed,
            recipe=recipe.model_dump(mode="json"),
            chosen=trained.chosen | {"seconds": round(seconds)},
        ),
        figures=trained.figures,
        held_out=trained.held_out,
    )


def _some(**counts: int) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _data_hash(data: PartsFolder) -> str:
    """Return a hash over what training read: each part's row, and the size of its files."""
    digest = hashlib.sha256()
    for part in data.parts:
        if part.split != "test":
            sizes = {column: path.stat().st_size for column, path in sorted(part.paths.items())}
            digest.update(json.dumps([part.part_id, part.split, part.label, part.cause, sizes]).encode())
    return digest.hexdigest()


def _write_normal(path: Path, train_samples: list[Sample], progress: Progress) -> None:
    """Write what is normal on good parts without a cause, where diagnosis starts from."""
    good = [sample for sample in train_samples if not sample.defective and sample.part.cause in (None, "none")][:NORMAL_PARTS]
    measured = (measure(s.features.record, s.part.machine) for s in progress(good, total=len(good), label="measuring good parts"))
    path.write_text(json.dumps(Normal.fit(measured).to_dict()), encoding="utf-8")
