"""A certificate for this machine, by the answers that came with the export: needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inspector.errors import ModelError
from inspector.features import Features
from inspector.fusion import artefact
from inspector.fusion.answers import FILE as ANSWERS
from inspector.fusion.answers import Answers
from inspector.fusion.artefact import Manifest, PinnedFile
from inspector.fusion.certificate import certify
from inspector.fusion.export_folder import DOCUMENT, FOLDER, Export, graphs_of, installed_version, read_export, refuse_other_model
from inspector.fusion.exported import ExportedRuntime
from inspector.fusion.judge import Judge


def recertified(folder: Path, golden: Sequence[tuple[str, Features]], source: str) -> tuple[Manifest, Export]:
    """Return the export of a model folder with a certificate of this machine, whether it holds or not. Raises ModelError."""
    manifest = artefact.load_manifest(folder)
    if manifest.export is None:
        raise ModelError(f"{folder}: holds no export: run `inspector export` where torch is installed")
    export, version = read_export(folder, manifest.export), installed_version()
    refuse_other_model(folder, manifest, export)
    if version is None:
        raise ModelError(f"{folder / FOLDER}: certifying needs onnxruntime, which is not installed: install line-inspector[edge]")
    if export.answers_sha256 is None:
        raise ModelError(f"{folder / FOLDER / DOCUMENT}: knows no answers to golden parts: export it with --golden where torch is")
    path = artefact.pinned(folder / FOLDER, PinnedFile(name=ANSWERS, sha256=export.answers_sha256), "answers are")
    export = export.model_copy(update={"version": version})
    certificate = certify(Answers.read(path), exported_judge(folder, manifest, export), golden, source)
    return manifest, export.model_copy(update={"certificate": certificate})


def exported_judge(folder: Path, manifest: Manifest, export: Export) -> Judge:
    """Return the export as a judge, certified or not: to hold it against the trained network. Raises ModelError."""
    return Judge.of(folder, manifest, ExportedRuntime(graphs_of(folder, export), manifest.spec, export.precision))
