"""Judge labelled parts with a model and print how good it is.

examples:
  inspector evaluate models/line-a --data parts/line-a
  inspector evaluate models/line-a --data parts/line-a --without audio --json figures.json --parts-csv parts.csv
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.output import add_json_argument, progress, write_json
from inspector.errors import UsageError

if TYPE_CHECKING:
    from inspector.pipeline import Pipeline
    from inspector.training.evaluation import EvaluatedPart, Explain

SUMMARY = "measure a model on labelled parts"
SPLITS = ("train", "val", "test")
MODALITIES = ("image", "audio", "vibration", "series")  # inspector.parts would cost `--help` its numpy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="folder of a trained model")
    parser.add_argument("--data", metavar="DIR", type=Path, required=True, help="labelled parts folder")
    parser.add_argument("--split", choices=SPLITS, default="test", help="which parts to judge (default: test)")
    parser.add_argument("--without", choices=MODALITIES, action="append", default=[], help="take a modality away; may be repeated")
    parser.add_argument("--parts-csv", metavar="FILE", type=Path, help="write one row per part")
    parser.add_argument("--heat-maps", metavar="DIR", type=Path, help="write an 8-bit grey heat map per picture, of the picture's size")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    from inspector.pipeline import open_pipeline
    from inspector.training.evaluation import evaluate
    from inspector.training.parts_folder import load_parts_folder

    folder = load_parts_folder(arguments.data)
    pipeline = open_pipeline(arguments.model)
    with _written(arguments.parts_csv, arguments.heat_maps) as keep:
        document = evaluate(
            pipeline.judge_model,
            folder,
            arguments.split,
            without=tuple(dict.fromkeys(arguments.without)),
            explain=_explain(pipeline),
            explain_all=arguments.parts_csv is not None,
            on_part=keep,
            progress=lambda parts: progress(parts, total=len(parts), label="judging"),
            maps=True if arguments.heat_maps else None,
        )
    if arguments.json != "-":
        print(table(document))
    if arguments.json:
        write_json(arguments.json, document)
    return 0


def _explain(pipeline: Pipeline) -> Explain:
    """Return the diagnosis as ranked causes, in the words that the model was taught: others cannot be compared with the labels."""
    from inspector.parts import NOT_MEASURED

    taught = {*pipeline.judge_model.manifest.causes, NOT_MEASURED}

    def explain(record: Any, verdict: Any, machine: Any) -> list[tuple[str, float]]:
        diagnosis = pipeline.diagnose(record, verdict, machine)
        return [(cause.name, cause.probability) for cause in diagnosis.causes if cause.name in taught or taught == {NOT_MEASURED}]

    return explain


# --- files for each part -------------------------------------------------------------------------------------------------------


@contextmanager
def _written(table_path: Path | None, maps_folder: Path | None) -> Iterator[Callable[[EvaluatedPart], None]]:
    """Yield a function that writes one part's row and heat maps."""
    from inspector.training.evaluation import PART_COLUMNS, part_row

    try:
        if maps_folder is not None:
            maps_folder.mkdir(parents=True, exist_ok=True)
        file = table_path.open("w", newline="", encoding="utf-8") if table_path else None
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be written: {error.strerror}") from error
    writer = csv.DictWriter(file, PART_COLUMNS) if file else None
    if writer:
        writer.writeheader()

    def keep(one: EvaluatedPart) -> None:
        if writer:
            writer.writerow(part_row(one))
        if maps_folder is not None:
            _write_maps(maps_folder, one)

    try:
        yield keep
    finally:
        if file:
            file.close()


def _write_maps(folder: Path, one: EvaluatedPart) -> None:
    from inspector.training.part_files import write_heat_map

    by_camera = one.maps.get("combined") or next(iter(one.maps.values()), {})
    stem = one.part.part_id.replace("/", "_").replace("\\", "_")
    for camera, values in by_camera.items():
        name = f"{stem}.png" if len(by_camera) == 1 else f"{stem}.{camera}.png"
        write_heat_map(folder / name, values)


# --- a table for people --------------------------------------------------------------------------------------------------------


def table(document: dict[str, Any]) -> str:
    """Return the figures of one evaluation as aligned lines."""
    data, model = document["data"], document["model"]
    left_out = f", without {', '.join(data['without'])}" if "without" in data else ""
    what = f"{data['parts']} parts of {data['split']}, {', '.join(data['modalities'])}{left_out}"
    lines = [f"{model['name']} {model['version']} on {data['name']}: {what}", ""]
    for title, rows in _blocks(document):
        lines += [title, *(f"  {name:<34} {_figure(value):>9}" for name, value in rows)]
    return "\n".join(lines)


def _blocks(document: dict[str, Any]) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    detection = dict(document["detection"])
    point = detection.pop("operating_point")
    promise = detection.pop("promise", None)
    yield "detection", [(_words(name), value) for name, value in detection.items()]
    yield "at the model's threshold", [(_words(name), value) for name, value in point.items()]
    if promise is not None:
        low, high = promise["band"]
        yield promise["words"], [("realised", promise["realised"]), ("expected from", low), ("expected to", high)]
    for name, figures in document.get("localization", {}).items():
        yield f"localization: {_words(name)}", [(_words(key), value) for key, value in figures.items()]
    yield "defects", [(_words(name), value) for name, value in document["defects"].items()]
    if "causes" in document:
        causes = dict(document["causes"])
        alone = causes.pop("network_alone")
        yield "causes", [(_words(name), value) for name, value in causes.items()]
        yield "causes: network alone", [(_words(name), value) for name, value in alone.items()]
    yield (
        "cost",
        [*((f"verdict ms, {name}", value) for name, value in document["latency_ms"].items()), ("peak MB", document["peak_rss_mb"])],
    )


def _words(key: str) -> str:
    known = {"auroc": "AUROC", "miss_rate_at_5pct_false_reject": "miss rate at 5 % false rejects", "pixel_auroc": "pixel AUROC"}
    known |= {"aupro_30": "AUPRO 30 %", "macro_f1": "macro F1", "grad_cam": "Grad-CAM"}
    return known.get(key, key.replace("_", " "))


def _figure(value: float | int | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, int):
        return str(value)
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}"
