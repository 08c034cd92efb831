"""Export a model for ONNX Runtime, which judges without torch, and prove on golden parts that it is the same verdict.

An export serves on a machine only with a certificate of that machine. Give golden parts of your own line: a recording of the station, or
a labelled parts folder (its test split is not read). On every machine that is to judge run it with --certify and the same golden parts: the
trained network's answers lie beside the export, so that needs no torch.

examples:
  inspector export models/mine/1.0.0 --golden monday.mcap
  inspector export models/mine/1.0.0 --golden monday.mcap --certify
  inspector export models/mine/1.0.0 --golden parts/mine --out edge/mine/1.0.0 --json -
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.output import add_json_argument, write_json
from inspector.errors import UsageError

if TYPE_CHECKING:
    from inspector.features import Features
    from inspector.fusion.artefact import Manifest
    from inspector.fusion.export_folder import Export

    Golden = Sequence[tuple[str, Features]]

SUMMARY = "export a model for machines without torch, and certify it"
GOLDEN_AT_MOST = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="folder of a trained model")
    parser.add_argument("--out", metavar="DIR", type=Path, help="whole model folder to write (default: beside the model's weights)")
    parser.add_argument("--golden", metavar="PATH", type=Path, help="recording or labelled parts folder to certify with")
    parser.add_argument("--certify", action="store_true", help="export nothing: certify the export that is there on this machine")
    parser.add_argument("--runtime", choices=["onnx"], default="onnx", help="what is to run it (default: onnx)")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from inspector.commands.golden_parts import golden_parts
    from inspector.fusion.export_folder import write_export

    if arguments.certify and not arguments.golden:
        raise UsageError("--certify needs golden parts: give --golden, the same that the model was exported with")
    folder = _folder(arguments.model, arguments.out)
    golden = golden_parts(arguments.golden, GOLDEN_AT_MOST) if arguments.golden else []
    source = arguments.golden.name if arguments.golden else ""
    manifest, export = _certified(folder, golden, source) if arguments.certify else _exported(folder, golden, source)
    write_export(folder, manifest, export)
    document = _document(folder, export)
    if arguments.json != "-":
        print("\n".join(_report(document)))
    if arguments.json:
        write_json(arguments.json, document)
    return 0


def _exported(folder: Path, golden: Golden, source: str) -> tuple[Manifest, Export]:
    from inspector.fusion import exporting

    trained, runtime = exporting.trained_judge(folder)
    trained.warm_up()
    export = exporting.write_graphs(folder, runtime, trained.manifest)
    return trained.manifest, exporting.certified(folder, trained, export, golden, source) if golden else export


def _certified(folder: Path, golden: Golden, source: str) -> tuple[Manifest, Export]:
    from inspector.fusion.certifying import recertified

    return recertified(folder, golden, source)


def _folder(model: Path, out: Path | None) -> Path:
    """Return the model folder to export in: the model itself, or a copy of it."""
    from inspector.fusion.artefact import load_manifest

    load_manifest(model)
    if out is None or out.resolve() == model.resolve():
        return model
    if out.is_file():
        raise UsageError(f"--out {out}: is a file, give a folder")
    try:
        shutil.copytree(model, out, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise UsageError(f"--out {out}: cannot be written: {error}") from error
    return out


def _document(folder: Path, export: Export) -> dict[str, Any]:
    certificate = export.certificate
    refused = "no golden parts: give --golden" if certificate is None else certificate.refusal()
    return {
        "folder": str(folder),
        "runtime": f"{export.runtime} {export.version}",
        "precision": export.precision,
        "graphs_mb": sum((folder / "onnx" / f"{name}.onnx").stat().st_size for name in export.files) / 1e6,
        "active": refused is None,
        "refused": refused,
        "certificate": None if certificate is None else certificate.model_dump(),
    }


def _report(document: dict[str, Any]) -> Iterator[str]:
    yield f"{document['folder']}: {document['runtime']}, {document['precision']}, {document['graphs_mb']:.0f} MB"
    certificate = document["certificate"]
    if certificate is not None:
        yield f"  {'golden parts':<12} {certificate['parts']} of {certificate['golden']}, {len(certificate['flips'])} flips"
        yield f"  {'scores':<12} move by at most {certificate['moved_most']:.2g}, 95 % by at most {certificate['moved_p95']:.2g}"
        if certificate["maps"]:
            least, middle = certificate["map_correlation_least"], certificate["map_correlation_median"]
            yield (
                f"  {'heat maps':<12} {certificate['maps']} parts: correlation {least:.4f} at the least, {middle:.4f} in the middle;"
                f" values move by at most {certificate['map_moved_most']:.2g}"
            )
        yield f"  {'machine':<12} {certificate['machine']['processor']} ({', '.join(certificate['machine']['instructions'])})"
    yield f"  {'active':<12} " + ("yes: it serves on this machine" if document["active"] else f"no, {document['refused']}")
