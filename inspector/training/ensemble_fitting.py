"""Prepared parts in, a trained and calibrated ensemble out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from inspector.fusion.backbone import Backbone
from inspector.fusion.calibration import Calibration
from inspector.fusion.encoding import Encoder
from inspector.fusion.ensemble import Ensemble
from inspector.fusion.heat import HeatSettings
from inspector.fusion.known_kinds import KnownDefects, Recognition
from inspector.fusion.network import FusionNetwork
from inspector.fusion.trust import Ranges
from inspector.parts import Modality
from inspector.training.batches import Table
from inspector.training.calibrating import Witnessed, calibrate
from inspector.training.engine import Engine
from inspector.training.findings import findings
from inspector.training.fitting import fit_memories, fit_normalities, fit_scales, indicator_ranges, new_ensemble
from inspector.training.held_out import Hearing, calibrates, doubts, figures, folds, keeps, rounded, witness
from inspector.training.learning import Lesson, fit_member
from inspector.training.locating import locate
from inspector.training.preparing import Prepared, Progress, silent
from inspector.training.pretraining import pretrain
from inspector.training.recipe import Recipe
from inspector.training.recognising import recognise
from inspector.training.run_folder import Doubt, RunFolder
from inspector.training.watching import conflict_auroc

LEADS_BY = 0.1
"""A modality leads when its AUROC alone is this much above every other's."""
LEADS_FROM = 0.75
FOLDS = 2
"""Each costs the learning of one more member."""
FOLDS_OF_GOOD = 20
"""Distances from good parts are counted, not learned, so that they afford a fold for nearly every group."""
CONFLICT_TOLD_FROM = 0.8
"""Below this AUROC on held-out parts the sight of conflicts holds no part back: it would send good parts to people for nothing."""


@dataclass(frozen=True, slots=True)
class Trained:
    """An ensemble with all that its manifest needs to say of it."""

    ensemble: Ensemble
    calibration: Calibration
    heat: HeatSettings
    ranges: Ranges
    figures: dict[str, Any]
    chosen: dict[str, Any]
    histories: list[list[dict[str, Any]]]
    held_out: dict[str, Any]
    doubts: list[Doubt]
    recognition: Recognition | None
    known: KnownDefects | None
    held: Witnessed

    @property
    def leading(self) -> Modality | None:
        """The modality without which the ensemble hardly knows a defect."""
        ranked = sorted(((value or 0.0, name) for name, value in self.figures.get("auroc_alone", {}).items()), reverse=True)
        if len(ranked) < 2 or ranked[0][0] < LEADS_FROM or ranked[0][0] - ranked[1][0] < LEADS_BY:
            return None
        leading: Modality = ranked[0][1]
        return leading


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
    val_suffices = calibrates(prepared.val, prepared.train)
    folded = not (val_suffices and keeps(prepared.val, prepared.train, recipe.decision.promise))
    learners = _learners(prepared, recipe, folded, seed)
    ranges = indicator_ranges(prepared.train)
    parts_folds = folds(prepared.train, FOLDS, seed) if folded else None
    fit_memories(learners, prepared, seed)
    table = Table(prepared.train, learners.spec, ranges)
    fit_scales(learners, table)
    distances = fit_normalities(learners, table, folds(prepared.train, FOLDS_OF_GOOD, seed))
    val = Table(prepared.val, learners.spec, ranges) if prepared.val else None
    lessons = _lessons(table, val, parts_folds, recipe, len(learners.members), seed, run)
    histories = _teach(learners, lessons, prepared, recipe, worker or Engine(recipe.engine), progress)
    ensemble = learners.of(list(learners.members)[FOLDS:]) if folded else learners
    of_train = Hearing(table, learners, parts_folds)
    of_val = [] if val is None else [Hearing(val, ensemble)]
    held = reduce(Witnessed.and_of, [witness(one, {}) for one in of_val] + [witness(of_train, distances)] * folded)
    calibration = calibrate(
        held,
        any_defect=any(sample.defective for sample in prepared.train),
        any_good=any(not sample.defective for sample in prepared.train),
        recipe=recipe.decision,
        invented=any(view.invented for sample in prepared.train for views in sample.views.values() for view in views),
    )
    found = figures(held, calibration)
    if val is not None and val_suffices and len(ensemble.spec.modalities) > 1:
        found["conflict_auroc"] = rounded(conflict_auroc(ensemble, val, torch.arange(len(val)), seed))
        if (found["conflict_auroc"] or 0.0) < CONFLICT_TOLD_FROM:
            calibration = calibration.model_copy(update={"conflict_from": None})
    recognition, known = recognise([of_train, *of_val])
    heat = _heat(ensemble, of_val[0] if val_suffices else of_train, calibration, seed)
    return Trained(
        ensemble=ensemble,
        calibration=calibration,
        heat=heat,
        ranges=ranges,
        figures=found,
        chosen=_chosen(prepared, recipe, len(ensemble.members), folded),
        histories=histories,
        held_out=findings(held, calibration, ensemble.spec.kinds),
        doubts=doubts(held, calibration, prepared),
        recognition=recognition,
        known=known,
        held=held,
    )


def _learners(prepared: Prepared, recipe: Recipe, folded: bool, seed: int) -> Ensemble:
    """Return all members that are to learn: where folds of train calibrate, first one for each, who speaks of it and is not kept."""
    members = recipe.members_with_pictures if prepared.cameras else recipe.members_without_pictures
    learners = new_ensemble(prepared, recipe.network.model_dump(), members + FOLDS * folded)
    torch.manual_seed(seed)
    for member in learners.members:
        member.load_state_dict(FusionNetwork(learners.spec).state_dict())
    return learners


def _epochs(cameras: tuple[str, ...], recipe: Recipe) -> int:
    return recipe.optimizer.epochs_with_pictures if cameras else recipe.optimizer.epochs_without_pictures


def _lessons(
    table: Table, val: Table | None, parts_folds: Tensor | None, recipe: Recipe, members: int, seed: int, run: RunFolder | None
) -> list[Lesson]:
    """Return what each member learns from, and is watched on: the validation parts, or else what it does not learn from."""
    lessons = []
    for number in range(members):
        rows, held = torch.arange(len(table)), None if val is None else (val, torch.arange(len(val)))
        if parts_folds is not None and number < FOLDS:
            rows, own = torch.nonzero(parts_folds != number)[:, 0], torch.nonzero(parts_folds == number)[:, 0]
            held = held or ((table, own) if len(own) else None)
        lessons.append(
            Lesson(
                table,
                rows,
                held,
                epochs=_epochs(table.spec.cameras, recipe),
                seed=seed * 100 + number,
                label=f"training member {number + 1} of {members}",
                checkpoint=run.checkpoint(number) if run else None,
                key=run.key if run else "",
            )
        )
    return lessons


def _teach(
    ensemble: Ensemble, lessons: Sequence[Lesson], prepared: Prepared, recipe: Recipe, worker: Engine, progress: Progress
) -> list[list[dict[str, Any]]]:
    """Train every member; return a row of metrics per epoch for each."""
    table = lessons[0].table
    unread = Table([*table.samples, *prepared.unlabelled], ensemble.spec, table.ranges) if recipe.pretraining.epochs else table
    histories = []
    for member, lesson in zip(ensemble.members, lessons, strict=True):
        assert isinstance(member, FusionNetwork)
        if recipe.pretraining.epochs:
            rows = torch.cat([lesson.rows, torch.arange(len(table), len(unread))])
            pretrain(member, unread, rows, recipe.pretraining, worker, seed=lesson.seed, progress=progress)
        histories.append(fit_member(member, lesson, recipe.optimizer, worker, keep_s=recipe.engine.checkpoint_s, progress=progress))
    return histories


def _chosen(prepared: Prepared, recipe: Recipe, members: int, folded: bool) -> dict[str, Any]:
    """Return what the recipe left open and the data decided."""
    of_pictures = {"image_size": list(prepared.image_size), "views": recipe.picture.views} if prepared.cameras else {}
    return {
        **of_pictures,
        "epochs": _epochs(prepared.cameras, recipe),
        "members": members,
        "calibrated_on": " and ".join([f"{FOLDS} folds of train"] * folded + ["val"] * bool(prepared.val)),
    }


def _heat(ensemble: Ensemble, hearing: Hearing, calibration: Calibration, seed: int) -> HeatSettings:
    """Return how heat maps are made."""
    if not ensemble.spec.cameras:
        return HeatSettings()
    memories = {camera: ensemble.memory(camera) for camera in ensemble.spec.cameras}
    encoder = Encoder(ensemble.spec, Backbone(), memories)
    return locate(ensemble.eval(), encoder, hearing, calibration, seed)
