"""Writing the exported judge of a model folder, and holding it against the trained network before it may serve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inspector.errors import ModelError
from inspector.features import Features
from inspector.fusion import artefact
from inspector.fusion.answers import FILE as ANSWERS
from inspector.fusion.answers import Answers
from inspector.fusion.artefact import Manifest, sha256
from inspector.fusion.certificate import certify
from inspector.fusion.certifying import exported_judge
from inspector.fusion.export_folder import FOLDER, FORMAT, RUNTIME, Export, installed_version, model_sha256
from inspector.fusion.graph_export import to_onnx
from inspector.fusion.graphs import pieces
from inspector.fusion.judge import Judge
from inspector.fusion.opening import open_torch
from inspector.fusion.torch_runtime import TorchRuntime

Golden = Sequence[tuple[str, Features]]


def write_graphs(folder: Path, runtime: TorchRuntime, manifest: Manifest) -> Export:
    """Write all graphs at full precision beside the model. Raises ModelError."""
    version = installed_version()
    if version is None:
        raise ModelError(f"exporting needs {RUNTIME}, which is not installed: install line-inspector[export]")
    target = folder / FOLDER
    files = {}
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, piece in pieces(runtime.ensemble, runtime.encoder.backbone, manifest.calibration).items():
            (target / f"{name}.onnx").write_bytes(to_onnx(piece))
            files[name] = sha256(target / f"{name}.onnx")
    except OSError as error:
        raise ModelError(f"{target}: cannot be written: {error.strerror}; choose another folder with --out") from error
    return Export(format=FORMAT, model_sha256=model_sha256(manifest), runtime=RUNTIME, version=version, precision="fp32", files=files)


def trained_judge(folder: Path) -> tuple[Judge, TorchRuntime]:
    """Return the trained network of a model folder as a judge, whatever export lies beside it. Raises ModelError."""
    manifest = artefact.load_manifest(folder)
    runtime = open_torch(folder, manifest)
    return Judge.of(folder, manifest, runtime), runtime


def certified(folder: Path, trained: Judge, export: Export, golden: Golden, source: str) -> Export:
    """Return the export with the certificate of these golden parts, whether it holds or not; the trained answers are kept beside it."""
    answers = Answers.of(trained, golden)
    path = folder / FOLDER / ANSWERS
    path.write_bytes(answers.to_bytes())
    exported = exported_judge(folder, trained.manifest, export)
    return export.model_copy(update={"certificate": certify(answers, exported, golden, source), "answers_sha256": sha256(path)})
