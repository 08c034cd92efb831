"""Inspect one part from its files and print the verdict, the place, the cause and what helps.

examples:
  inspector inspect models/line-a --image tile.png
  inspector inspect models/line-a --image tile.png --audio spindle.wav --series oil.csv --heat-map where.png --json -
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from inspector.commands.output import add_home_argument, add_json_argument, write_json
from inspector.errors import UsageError

if TYPE_CHECKING:
    from inspector.config import Station
    from inspector.diagnosis import Catalogue
    from inspector.knowledge import Memory
    from inspector.parts import Cause, Defect, HeatMap, Inspection, Modality, Suggestion
    from inspector.pipeline import Judged, Pipeline

SUMMARY = "inspect one part from its files"
CAUSES_SHOWN = 3
EVIDENCE_SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, help="folder of a trained model")
    parser.add_argument("--image", metavar="FILE", type=Path, help="picture: PNG, JPEG, TIFF, BMP; 8 or 16 bits")
    parser.add_argument("--audio", metavar="FILE", type=Path, help="sound: WAV or FLAC at any rate")
    parser.add_argument("--vibration", metavar="FILE", type=Path, help="vibration: .npz with samples and sample_rate_hz, or WAV")
    parser.add_argument("--series", metavar="FILE", type=Path, help="process series: CSV or CSV.gz with t_s and a column per channel")
    parser.add_argument("--heat-map", metavar="PNG", type=Path, help="write the heat map as 8-bit grey of the picture's size")
    parser.add_argument("--station", metavar="FILE", type=Path, help="station file: units, scale, and what is known of the machine")
    add_home_argument(parser)
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    files = _files(arguments)
    from inspector.config import load_station
    from inspector.document import inspection_document
    from inspector.parts import Channel
    from inspector.pipeline import open_pipeline
    from inspector.training.part_files import record_from_files

    station = load_station(arguments.station) if arguments.station else None
    memory, catalogue = _known(arguments.home, station)
    pipeline = open_pipeline(arguments.model, memory, station, catalogue)
    known = {name: Channel(name, modality) for name, modality in pipeline.judge_model.manifest.channels.items()}
    record = record_from_files(files, station.part_channels if station else known, part_id=next(iter(files.values())).stem)
    judged = pipeline.judge_record(record, station.machine if station else None)
    inspection = pipeline.explain(judged)
    if arguments.heat_map:
        inspection = _with_heat_map(pipeline, judged, inspection, arguments.heat_map)
    if arguments.json != "-":
        print("\n".join([*report(inspection), _line("judged by", pipeline.judge_model.served_by)]))
    if arguments.json:
        write_json(arguments.json, inspection_document(inspection))
    return 0


def _files(arguments: argparse.Namespace) -> dict[Modality, Path]:
    from inspector.parts import MODALITIES

    given: dict[Modality, Path] = {modality: path for modality in MODALITIES if (path := getattr(arguments, modality)) is not None}
    if not given:
        raise UsageError("no file given: name at least one of --image, --audio, --vibration, --series")
    for modality, path in given.items():
        if not path.is_file():
            raise UsageError(f"--{modality} {path}: no such file")
    if arguments.heat_map and "image" not in given:
        raise UsageError("--heat-map needs a picture: give --image")
    return given


def _known(home: Path | None, station: Station | None) -> tuple[Memory | None, Catalogue | None]:
    """Return what an installation remembers, and the causes that it knows."""
    if home is None:
        return None, None
    from inspector.commands.installation import open_catalogue, open_memory, open_store

    with open_store(home) as store:
        return open_memory(store, home, station), open_catalogue(store, home)


def _with_heat_map(pipeline: Pipeline, judged: Judged, inspection: Inspection, path: Path) -> Inspection:
    from inspector.training.part_files import write_heat_map

    if not judged.record.frames:
        reasons = "; ".join(judged.record.degraded.values())
        raise UsageError(f"--heat-map {path}: there is no picture to draw on ({reasons})")
    maps = inspection.heat_maps or pipeline.judge_model.localize(judged.features, judged.verdict).heat_maps
    if not maps:
        raise UsageError(f"--heat-map {path}: this model cannot use the picture, so there is nothing to draw")
    write_heat_map(path, maps[0].values)
    return replace(inspection, heat_maps=tuple(maps))


# --- words for people ----------------------------------------------------------------------------------------------------------

_OUTCOMES: Mapping[str, str] = {"pass": "PASS 合格", "fail": "FAIL 不合格", "review": "REVIEW 复检"}


def report(inspection: Inspection) -> Iterator[str]:
    """Yield the lines that tell a person what was found."""
    verdict, diagnosis = inspection.verdict, inspection.diagnosis
    yield f"{inspection.part_id}: {_OUTCOMES[verdict.outcome]}   score {verdict.score:.3f}, threshold {verdict.threshold:.3f}"
    yield from (_line("because", reason) for reason in verdict.reasons)
    yield from (_line("defect", _defect(defect)) for defect in verdict.defects)
    yield from (_line("heat map", _trust(heat)) for heat in inspection.heat_maps if heat.faithfulness is not None)
    for attribution in inspection.attributions:
        yield _line("driven by", f"{attribution.text.en}  {attribution.share:.0%}")
        yield _line("", attribution.text.zh)
    yield from (_line("good part", f"{good.part_id} looks most like it ({good.camera})") for good in inspection.good_parts)
    for reason in dict.fromkeys(verdict.degraded.values()):
        channels = [name for name, why in verdict.degraded.items() if why == reason]
        yield _line("degraded", f"{', '.join(channels)}: {reason}")
    yield _line("weights", ", ".join(f"{modality} {weight:.2f}" for modality, weight in verdict.weights.items()))
    if diagnosis is not None:
        for cause in diagnosis.causes[:CAUSES_SHOWN]:
            yield from _cause(cause)
        yield _line("conclusion", diagnosis.conclusion.en)
        yield _line("", diagnosis.conclusion.zh)
        if diagnosis.next_test is not None:
            yield _line("next test", diagnosis.next_test.en)
            yield _line("", diagnosis.next_test.zh)
    for suggestion in inspection.suggestions:
        yield from _suggestion(suggestion)


def _line(title: str, text: str) -> str:
    return f"  {title:<11} {text}"


def _trust(heat: HeatMap) -> str:
    said = "reliable 可信" if heat.reliable else "not reliable 不可信: the decision does not hang on where it is hot"
    return f"{said} (faithfulness {heat.faithfulness:.2f}, {heat.camera})"


def _defect(defect: Defect) -> str:
    place = ""
    if defect.box_px is not None:
        x, y, width, height = defect.box_px
        place = f" at x {x}, y {y}, {width}x{height} px"
    area = f", {defect.area_px} px" if defect.area_px is not None else ""
    area += f" = {defect.area_mm2:.2f} mm²" if defect.area_mm2 is not None else ""
    area += f", severity {defect.severity:.2f}" if defect.severity is not None else ""
    camera = f" ({defect.camera})" if defect.camera else ""
    return f"{defect.kind} {defect.confidence:.2f}{place}{area}{camera}"


def _cause(cause: Cause) -> Iterator[str]:
    from inspector.parts import NOT_MEASURED

    yield _line("cause", f"{cause.title.en} {cause.title.zh}  {cause.probability:.2f}")
    if cause.name != NOT_MEASURED:
        yield from (_line("", f"- {evidence.text.en}") for evidence in cause.evidence[:EVIDENCE_SHOWN])


def _suggestion(suggestion: Suggestion) -> Iterator[str]:
    settings = ", ".join(f"{p.name} {p.value:g} {p.unit}".strip() for p in suggestion.parameters)
    tried = f" (tried {suggestion.tried}, helped {suggestion.helped})" if suggestion.tried else ""
    yield _line("suggestion", suggestion.action.en + (f": {settings}" if settings else "") + tried)
    yield _line("", suggestion.action.zh)
