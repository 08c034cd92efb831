"""The exported judge beside a model's weights: its graphs, their hashes, and the proof that it decides as the trained network does.

`manifest.yaml` pins `onnx/export.json`, which pins the graphs and holds the certificate. A station runs an export only if all of it is
whole and the certificate speaks of this machine and this runtime; else it says why and runs the trained network.
"""

from __future__ import annotations

import hashlib
import json
import platform
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from inspector.errors import ModelError
from inspector.fusion.artefact import MANIFEST, Manifest, PinnedFile, sha256, write_manifest
from inspector.fusion.exported import ExportedRuntime

FOLDER, DOCUMENT = "onnx", "export.json"
FORMAT = 1
RUNTIME = "onnxruntime"
FEWEST_PARTS = 20
"""Fewer golden parts promise nothing: not one flip among them still allows one part in seven to flip (at 95 %)."""
MOST_MOVED = 0.01
"""No golden part's score may move by more than this."""
LEAST_CORRELATION = 0.98
"""No golden part's heat map may be less like the trained network's."""
INSTRUCTIONS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8", "asimd", "asimddp", "i8mm")
"""What a runtime chooses its kernels by, and so its rounding."""

Precision = Literal["fp32"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(_Model):
    """What a certificate is valid on."""

    processor: str
    instructions: list[str]

    @classmethod
    @lru_cache(maxsize=1)
    def here(cls) -> Machine:
        """Return this machine (Linux tells more than others)."""
        try:
            lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        flags = set((told.get("flags") or told.get("Features") or "").split())
        processor = told.get("model name") or platform.processor() or "unknown"
        return cls(processor=f"{platform.machine()} {processor}", instructions=[name for name in INSTRUCTIONS if name in flags])


class Certificate(_Model):
    """The same golden parts through the trained network and through the export."""

    machine: Machine
    versions: dict[str, str]
    golden: str
    """Where the golden parts came from."""
    golden_sha256: str
    """Over their verdicts by the trained network."""
    parts: int
    flips: list[str]
    """Parts whose verdict, or the kind of whose defect, is another."""
    moved_most: float
    """Largest difference of a score."""
    moved_p95: float
    maps: int
    map_correlation_least: float | None = None
    map_correlation_median: float | None = None
    map_moved_most: float | None = None
    """Largest difference of a heat map's value (0 to 1)."""
    at: str

    def refusal(self) -> str | None:
        """Return why this certificate does not allow the export to serve; None where it does."""
        if self.parts < FEWEST_PARTS:
            return f"only {self.parts} golden parts, which promise too little: give at least {FEWEST_PARTS}"
        if self.flips:
            return f"the verdict of {len(self.flips)} of {self.parts} golden parts flips ({', '.join(self.flips[:3])})"
        if self.moved_most > MOST_MOVED:
            return f"a golden part's score moves by {self.moved_most:.3g}, allowed is {MOST_MOVED:g}"
        if self.map_correlation_least is not None and self.map_correlation_least < LEAST_CORRELATION:
            return f"a golden part's heat map correlates by {self.map_correlation_least:.3f}, needed is {LEAST_CORRELATION:g}"
        return None


class Export(_Model):
    """What export.json holds."""

    format: int
    model_sha256: str
    """Over the model's manifest without its export: another model's graphs are refused."""
    runtime: str
    version: str
    precision: Precision
    files: dict[str, str]
    """Graph -> hash of its file, `<graph>.onnx`."""
    answers_sha256: str | None = None
    """Of the trained network's answers to golden parts; None without golden parts."""
    certificate: Certificate | None = None


def model_sha256(manifest: Manifest) -> str:
    """Return what stands for a model in its export: all that its manifest says but the export."""
    text = json.dumps(manifest.model_dump(mode="json", exclude={"export"}), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def open_exported(folder: Path, manifest: Manifest) -> ExportedRuntime:
    """Return the export of a model, ready to serve here. Raises ModelError with the reason where it may not."""
    assert manifest.export is not None
    export = read_export(folder, manifest.export)
    _refuse_foreign(folder, manifest, export)
    graphs = graphs_of(folder, export)
    return ExportedRuntime(graphs, manifest.spec, export.precision)


def read_export(folder: Path, pinned: PinnedFile) -> Export:
    """Read what an export says of itself. Raises ModelError."""
    path = folder / pinned.name
    if not path.is_file():
        raise ModelError(f"{path}: is missing: copy the whole model folder, or export again")
    if sha256(path) != pinned.sha256:
        raise ModelError(f"{path}: hash does not match {MANIFEST}: it was changed or damaged, export again")
    try:
        return Export.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ModelError(f"{path}: is not a description of an export of this version: export again") from error


def installed_version() -> str | None:
    """Return the version of the runtime that is installed here."""
    try:
        return metadata.version(RUNTIME)
    except metadata.PackageNotFoundError:
        return None


def _refuse_foreign(folder: Path, manifest: Manifest, export: Export) -> None:
    path, here = folder / FOLDER / DOCUMENT, installed_version()
    again = "certify it here with `inspector export --certify`"
    refuse_other_model(folder, manifest, export)
    if here is None:
        raise ModelError(f"{path}: needs {RUNTIME}, which is not installed: install line-inspector[edge]")
    if export.version != here:
        raise ModelError(f"{path}: was certified with {RUNTIME} {export.version}, installed is {here}: {again}")
    certificate = export.certificate
    if certificate is None:
        raise ModelError(f"{path}: has no certificate: {again}")
    if (reason := certificate.refusal()) is not None:
        raise ModelError(f"{path}: its certificate does not hold: {reason}")
    machine = Machine.here()
    if gone := [name for name in certificate.machine.instructions if name not in machine.instructions]:
        raise ModelError(f"{path}: was certified on a processor with {', '.join(gone)}, which this one lacks: {again}")
    if certificate.machine != machine:
        raise ModelError(f"{path}: was certified on another machine ({certificate.machine.processor}), not on this one: {again}")


def refuse_other_model(folder: Path, manifest: Manifest, export: Export) -> None:
    """Raise ModelError where an export was made of another model than the one beside it."""
    if export.format != FORMAT or export.model_sha256 != model_sha256(manifest):
        raise ModelError(f"{folder / FOLDER / DOCUMENT}: was made of another model: export again")


def graphs_of(folder: Path, export: Export) -> dict[str, Path]:
    """Return the graphs, each as it was when it was exported. Raises ModelError."""
    found = {}
    for name, expected in export.files.items():
        path = folder / FOLDER / f"{name}.onnx"
        if not path.is_file():
            raise ModelError(f"{path}: graph is missing: copy the whole model folder, or export again")
        if sha256(path) != expected:
            raise ModelError(f"{path}: hash does not match {DOCUMENT}: it was changed or damaged, export again")
        found[name] = path
    return found


def write_export(folder: Path, manifest: Manifest, export: Export) -> Manifest:
    """Write what an export says of itself, and pin it in the manifest. Raises ModelError."""
    path = folder / FOLDER / DOCUMENT
    try:
        path.write_text(export.model_dump_json(indent=2) + "\n", encoding="utf-8")
        pinned = PinnedFile(name=f"{FOLDER}/{DOCUMENT}", sha256=sha256(path))
        manifest = manifest.model_copy(update={"export": pinned})
        write_manifest(folder, manifest)
    except OSError as error:
        raise ModelError(f"{path}: cannot be written: {error.strerror}; choose another folder with --out") from error
    return manifest
