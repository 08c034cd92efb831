"""A recipe and labelled parts in, a model folder and a summary out."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from time import perf_counter
from typing import Any

from inspector.diagnosis import Credit, Normal, load_catalogue, measure
from inspector.errors import DataError
from inspector.fusion import artefact, vision
from inspector.fusion.artefact import Manifest, PinnedFile, PinnedNetwork, TrainedOn
from inspector.parts import OK_LABEL, Modality
from inspector.training.card import card_text
from inspector.training.crediting import credit_of, hear
from inspector.training.engine import engine
from inspector.training.ensemble_fitting import Trained, fit
from inspector.training.parts_folder import PartsFolder
from inspector.training.preparing import Prepared, Progress, prepare, silent
from inspector.training.recipe import Recipe, load_recipe
from inspector.training.remembering import good_parts
from inspector.training.run_folder import RunFolder
from inspector.training.samples import Sample

NORMAL_PARTS = 200


def train(recipe_path: Path | str, data: PartsFolder, out_dir: Path | str, *, seed: int = 0, progress: Progress = silent) -> dict[str, Any]:
    """Train a model by a recipe and write its folder; return a summary. Raises ConfigError, DataError, ModelError.

    Only the splits train and val are read. `progress` wraps what is iterated over (see `inspector.commands.output.progress`).
    """
    start_s = perf_counter()
    recipe = load_recipe(recipe_path)
    _refuse_untrainable(data)
    out = Path(out_dir)
    with engine(recipe.engine) as worker:
        unlabelled = recipe.pretraining.epochs > 0
        prepared = prepare(data, picture=recipe.picture, signal=recipe.signal, unlabelled=unlabelled, seed=seed, progress=progress)
        run = RunFolder(out, recipe, data_sha256=_data_hash(data), seed=seed, workers=worker.workers)
        trained = fit(prepared, recipe, seed=seed, progress=progress, worker=worker, run=run)
        normal = _normal(prepared.train, progress)
        credit, told = _credit(trained, prepared, normal)
        manifest = _manifest(trained, prepared, recipe, data, seed, perf_counter() - start_s)
        manifest = manifest.model_copy(update={"figures": manifest.figures | told})
        if worker.writes:
            state = trained.ensemble.state_dict()
            manifest = artefact.save(out, manifest, state, card_text(manifest), good_parts(prepared), trained.known)
            (out / artefact.NORMAL).write_text(json.dumps(normal.to_dict()), encoding="utf-8")
            (out / artefact.CREDIT).write_text(json.dumps(credit.to_dict()), encoding="utf-8")
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


def _refuse_untrainable(data: PartsFolder) -> None:
    train_parts = data.split("train")
    if len(train_parts) < 4:
        raise DataError(f"has {len(train_parts)} parts in split train, training needs at least 4: label more parts", path=data.folder)
    if len({part.label for part in train_parts}) < 2 and train_parts[0].label != OK_LABEL:
        raise DataError(f"has only parts of kind '{train_parts[0].label}' in split train: add good parts or another kind", path=data.folder)


def _manifest(trained: Trained, prepared: Prepared, recipe: Recipe, data: PartsFolder, seed: int, seconds: float) -> Manifest:
    spec = trained.ensemble.spec
    channels: dict[str, Modality] = dict.fromkeys(spec.cameras, "image")
    channels |= {vector.name: vector.modality for vector in spec.vectors}
    return Manifest(
        format=artefact.FORMAT,
        name=f"{data.name}-{recipe.name}",
        version=recipe.version,
        network=PinnedNetwork.of(spec, len(trained.ensemble.members)),
        backbone=PinnedFile(name=vision.NAME, sha256=vision.weights_sha256()) if spec.cameras else None,
        weights=PinnedFile(name=artefact.WEIGHTS, sha256="0" * 64),
        modalities=list(spec.modalities),
        channels=channels,
        kinds=list(spec.kinds),
        causes=list(spec.causes),
        calibration=trained.calibration,
        units={name: data.channels[name].unit for name in channels if name in data.channels and data.channels[name].unit},
        heat=trained.heat,
        recognition=trained.recognition,
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


def _normal(train_samples: list[Sample], progress: Progress) -> Normal:
    """Return what is normal on good parts without a cause, where diagnosis starts from."""
    good = [sample for sample in train_samples if not sample.defective and sample.part.cause in (None, "none")][:NORMAL_PARTS]
    return Normal.fit(measure(s.features.record, s.part.machine) for s in progress(good, total=len(good), label="measuring good parts"))


def _credit(trained: Trained, prepared: Prepared, normal: Normal) -> tuple[Credit, dict[str, Any]]:
    """Return how much the network's opinion on the cause counts, with what it and the symptoms were worth on parts held out."""
    if not prepared.causes:
        return Credit(), {}
    samples = [*prepared.train, *prepared.val]
    heard = hear(
        trained.held,
        trained.calibration,
        samples,
        kinds=prepared.kinds,
        causes=prepared.causes,
        normal=normal,
        catalogue=load_catalogue(),
    )
    return credit_of(heard)
