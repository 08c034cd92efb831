"""Measure a model on this machine: stage by stage, the trained network and its export side by side, and the plain way beside them.

Every part goes through all of them before the next one does, so that what else the machine is doing meets them alike. Without a model, the
demo's. Parts are made up (a picture of 640 x 480, 2 s of sound, 1 s of vibration, 60 s of series) or, better, golden parts of your line.

examples:
  inspector bench
  inspector bench models/mine/1.0.0 --golden monday.mcap --parts 60 --json bench.json
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from inspector.commands.output import add_json_argument, progress, write_json
from inspector.errors import UsageError

if TYPE_CHECKING:
    from inspector.parts import PartRecord
    from inspector.pipeline import Pipeline

SUMMARY = "measure how fast a model judges on this machine"
PARTS = 30
TRAINED, EXPORTED = "torch", "onnx"
VERDICT_STAGES = ("features", "judge")
EXPLAIN_STAGES = ("localize", "looks", "diagnose", "suggest")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL_DIR", type=Path, nargs="?", help="folder of a trained model (default: the demo's)")
    parser.add_argument("--golden", metavar="PATH", type=Path, help="recording or labelled parts folder to judge (default: made-up parts)")
    parser.add_argument("--parts", metavar="N", type=_count, default=PARTS, help=f"how many parts (default: {PARTS})")
    parser.add_argument("--without-plain", action="store_true", help="leave the plain way out: it takes most of the time")
    add_json_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    document = bench(_model(arguments.model), arguments.golden, arguments.parts, plain=not arguments.without_plain)
    if arguments.json != "-":
        print("\n".join(report(document)))
    if arguments.json:
        write_json(arguments.json, document)
    return 0


def bench(model: Path, golden: Path | None, count: int, *, plain: bool = True) -> dict[str, Any]:
    """Return the document of `inspector bench --json`. Raises ModelError, UsageError."""
    from inspector.commands.bench_memory import measured_apart
    from inspector.fusion.artefact import load_manifest

    manifest = load_manifest(model)
    ways = _ways(model)
    records = _records(golden, count, dict(manifest.channels))
    times, plain_ms = _timed(ways, records, plain=plain)
    apart = {name: measured_apart(model, name) for name in ways}
    serving = EXPORTED if EXPORTED in ways else TRAINED
    figures = {name: _figures(rows) for name, rows in times.items()}
    for name, one in figures.items():
        one |= {"served_by": ways[name].judge_model.served_by, **apart[name]}
    document: dict[str, Any] = {
        "machine": _machine(),
        "model": {"name": manifest.name, "version": manifest.version, "sha256": manifest.weights.sha256},
        "parts": {"count": len(records), "from": golden.name if golden else "made up"},
        "serving": serving,
        **{key: figures[serving][key] for key in ("verdict_ms", "explained_ms", "stages_ms", "parts_per_s", "rss_mb")},
        "plain_ms": _spread(plain_ms) if plain_ms else None,
        "ratio_to_plain": _ratio(plain_ms, times[serving]),
        "exports": figures,
        "stations_at_2_parts_per_s": None,
        "replay_parts_per_s": None,
    }
    if EXPORTED in ways and TRAINED in ways:
        pairs = [_verdict_ms(one) / _verdict_ms(other) for one, other in zip(times[TRAINED], times[EXPORTED], strict=True)]
        document["ratio_to_torch"] = _median(pairs)
    return document


def _model(given: Path | None) -> Path:
    from inspector.home import DEMO_MODEL, newest_version

    return given or newest_version(DEMO_MODEL)


def _count(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError("must be a whole number above 0")
    return number


def _ways(model: Path) -> dict[str, Pipeline]:
    """Return a pipeline by each runtime that can compute the model here; every part fails, so that every part is explained."""
    from inspector.commands.bench_memory import pipeline_by

    return {name: pipeline for name in (TRAINED, EXPORTED) if (pipeline := pipeline_by(model, name)) is not None}


def _records(golden: Path | None, count: int, channels: Mapping[str, Any]) -> list[PartRecord]:
    from inspector.commands.golden_parts import golden_parts
    from inspector.commands.made_up_part import made_up_part

    if golden is None:
        return [made_up_part(channels, seed) for seed in range(count)]
    records = [features.record for _, features in golden_parts(golden, count)]
    if not records:
        raise UsageError(f"--golden {golden}: holds no part")
    return records


def _timed(
    ways: Mapping[str, Pipeline], records: Sequence[PartRecord], *, plain: bool
) -> tuple[dict[str, list[Mapping[str, float]]], list[float]]:
    """Return by runtime the milliseconds of every stage of every part, and those of the plain way."""
    times: dict[str, list[Mapping[str, float]]] = {name: [] for name in ways}
    plain_ms: list[float] = []
    if plain:
        from inspector.training.plain_way import PlainWay

        peer = PlainWay()
        peer.judge(records[0])
    for pipeline in ways.values():
        pipeline.warm_up()
        pipeline.explain(pipeline.judge_record(records[0]))
    for record in progress(records, total=len(records), label="bench"):
        for name, pipeline in ways.items():
            times[name].append(pipeline.explain(pipeline.judge_record(record)).timings_ms)
        if plain:
            start = perf_counter()
            peer.judge(record)
            plain_ms.append((perf_counter() - start) * 1e3)
    return times, plain_ms


def _verdict_ms(stages: Mapping[str, float]) -> float:
    return sum(stages[name] for name in VERDICT_STAGES)


def _figures(rows: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    whole = [sum(stages.values()) for stages in rows]
    return {
        "verdict_ms": _spread([_verdict_ms(stages) for stages in rows]),
        "explained_ms": _spread(whole),
        "stages_ms": {name: _spread([stages[name] for stages in rows]) for name in (*VERDICT_STAGES, *EXPLAIN_STAGES)},
        "parts_per_s": len(rows) / sum(_verdict_ms(stages) for stages in rows) * 1e3,
        "explained_parts_per_s": len(rows) / sum(whole) * 1e3,
    }


def _spread(values_ms: Sequence[float]) -> dict[str, float]:
    import numpy as np

    return {f"p{q}": float(np.percentile(values_ms, q)) for q in (50, 95, 99)}


def _ratio(plain_ms: Sequence[float], rows: Sequence[Mapping[str, float]]) -> float | None:
    return _median([plain / _verdict_ms(stages) for plain, stages in zip(plain_ms, rows, strict=True)]) if plain_ms else None


def _median(values: Sequence[float]) -> float:
    import numpy as np

    return float(np.median(values))


def _machine() -> dict[str, Any]:
    import os
    import platform

    from inspector.fusion.certificate import PACKAGES, versions
    from inspector.fusion.export_folder import Machine

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {**Machine.here().model_dump(), "cores": usable, "versions": {"python": platform.python_version(), **versions(PACKAGES)}}


def report(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the table for people."""
    machine, model = document["machine"], document["model"]
    yield f"{model['name']} {model['version']}, {document['parts']['count']} parts ({document['parts']['from']})"
    yield f"on {machine['processor']}, {machine['cores']} cores ({', '.join(machine['instructions'])})"
    names = list(document["exports"])
    yield f"{'ms: p50  p95  p99':<22}" + "".join(f"{name:>24}" for name in names) + (f"{'plain way':>24}" if document["plain_ms"] else "")
    for title, key in (("verdict", "verdict_ms"), ("explained part", "explained_ms")):
        plain = [document["plain_ms"]] if document["plain_ms"] and key == "verdict_ms" else []
        yield f"{title:<22}" + "".join(_cells(one) for one in [*(document["exports"][name][key] for name in names), *plain])
    for stage in (*VERDICT_STAGES, *EXPLAIN_STAGES):
        yield f"  {stage:<20}" + "".join(_cells(document["exports"][name]["stages_ms"][stage]) for name in names)
    for title, key in (("verdicts/s", "parts_per_s"), ("resident MB", "rss_mb"), ("ready after s", "ready_s")):
        yield f"{title:<22}" + "".join(_one(document["exports"][name][key]) for name in names)
    if document["ratio_to_plain"] is not None:
        yield f"{document['serving']} is {document['ratio_to_plain']:.1f} times as fast as the plain way (median of pairs)"
    if "ratio_to_torch" in document:
        yield f"{EXPORTED} is {document['ratio_to_torch']:.1f} times as fast as {TRAINED} (median of pairs)"
    yield from (f"{name}: {document['exports'][name]['served_by']}" for name in names)


def _one(value: float | None) -> str:
    return f"{'–':>24}" if value is None else f"{value:>24.1f}"


def _cells(spread: Mapping[str, float]) -> str:
    return f"{'':>3}" + "".join(f"{spread[name]:>7.0f}" for name in ("p50", "p95", "p99"))
