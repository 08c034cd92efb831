"""Curves of a model against channels that get worse: fused, by the bad sense alone, and without it. Slow.

    python -m tests.bench.degradations MODEL_DIR --data DIR [--split val] [--steps 5] [--parts 100] [--out build/degradations]

Every way of `inspector.degradations` is applied to all channels of its modality, from mild to severe. Printed: AUROC of the three, the
mean weight of the modality, the mean width of the probability's interval, and the share of parts sent to review; drawn as PNG. The
fused model should never fall below the best that is left.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from inspector.degradations import DEGRADATIONS, Degradation
from inspector.features import extract
from inspector.fusion import Judge
from inspector.parts import MODALITIES, OK_LABEL, Modality, PartRecord
from inspector.training.evaluation import leave_out
from inspector.training.metrics import auroc
from inspector.training.parts_folder import LabelledPart, load_parts_folder

COLUMNS = ("way", "strength", "unit", "fused", "alone", "without", "weight", "uncertainty", "review")


@dataclass(frozen=True)
class Seen:
    """What a model says of a set of parts."""

    auroc: float | None
    weight: float
    uncertainty: float
    review: float


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="val", choices=("train", "val", "test"))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--parts", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("build") / "degradations")
    arguments = parser.parse_args(argv)
    judge, folder = Judge.load(arguments.model), load_parts_folder(arguments.data)
    judge.warm_up()
    parts = spread_out(folder.split(arguments.split), arguments.parts)
    records = [part.record(tolerant=True) for part in parts]
    rows: list[dict[str, object]] = []
    for modality in folder.modalities:
        without = _seen(judge, parts, [leave_out(record, (modality,)) for record in records], modality).auroc
        for way in (way for way in DEGRADATIONS if modality in way.modalities):
            curve = _curve(judge, parts, records, modality, way, arguments.steps)
            rows += [{**row, "way": f"{modality}: {way.name}", "without": without} for row in curve]
    _print(rows)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (arguments.out / "degradations.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    _plot(rows, arguments.out / "degradations.png")
    return 0


def spread_out(parts: Sequence[LabelledPart], count: int) -> list[LabelledPart]:
    """Return up to `count` parts, evenly from the whole split."""
    if len(parts) <= count:
        return list(parts)
    return [parts[int(place)] for place in np.linspace(0, len(parts) - 1, count)]


def worse(record: PartRecord, modality: Modality, way: Degradation, strength: float, random: np.random.Generator) -> PartRecord:
    """Return the record with every channel of a modality degraded."""

    def changed(signals):
        return {
            name: way.apply(signal, strength, random) if record.channels[name].modality == modality else signal
            for name, signal in signals.items()
        }

    return replace(record, frames=changed(record.frames), waveforms=changed(record.waveforms), series=changed(record.series))


def _curve(
    judge: Judge, parts: Sequence[LabelledPart], records: Sequence[PartRecord], modality: Modality, way: Degradation, steps: int
) -> list[dict[str, object]]:
    others = tuple(other for other in MODALITIES if other != modality)
    rows: list[dict[str, object]] = []
    for strength in (None, *way.strengths(steps)):
        random = np.random.default_rng(0)
        bad = records if strength is None else [worse(record, modality, way, strength, random) for record in records]
        fused = _seen(judge, parts, bad, modality)
        alone = _seen(judge, parts, [leave_out(record, others) for record in bad], modality).auroc
        shown = {"fused": fused.auroc, "weight": fused.weight, "uncertainty": fused.uncertainty, "review": fused.review, "alone": alone}
        rows.append({"strength": "none" if strength is None else f"{strength:.3g}", "unit": way.unit, **shown})
    return rows


def _seen(judge: Judge, parts: Sequence[LabelledPart], records: Sequence[PartRecord], modality: Modality) -> Seen:
    """Judge the parts that have anything left."""
    pairs = [(part, record) for part, record in zip(parts, records, strict=True) if record.present]
    verdicts = [judge.judge(extract(record)) for _, record in pairs]
    defective = np.array([part.label != OK_LABEL for part, _ in pairs], dtype=bool)
    having = [verdict for verdict, (_, record) in zip(verdicts, pairs, strict=True) if modality in record.modalities]
    return Seen(
        auroc(defective, np.array([verdict.score for verdict in verdicts])),
        float(np.mean([verdict.weights.get(modality, 0.0) for verdict in having])) if having else 0.0,
        float(np.mean([verdict.uncertainty or 0.0 for verdict in verdicts])) if verdicts else 0.0,
        float(np.mean([verdict.outcome == "review" for verdict in verdicts])) if verdicts else 0.0,
    )


def _print(rows: Sequence[dict[str, object]]) -> None:
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|")
    for row in rows:
        print("| " + " | ".join(f"{row[c]:.3f}" if isinstance(row[c], float) else str(row[c]) for c in COLUMNS) + " |")


def _plot(rows: Sequence[dict[str, object]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ways = list(dict.fromkeys(str(row["way"]) for row in rows))
    lines = -(-len(ways) // 3)
    figure, axes = pyplot.subplots(lines, 3, figsize=(15, 3.4 * lines), squeeze=False)
    for axis, way in zip(axes.flat, ways, strict=False):
        mine = [row for row in rows if row["way"] == way]
        for name, style in (("fused", "-o"), ("alone", "--"), ("without", ":"), ("weight", "-x"), ("uncertainty", "-.")):
            axis.plot(
                [str(row["strength"]) for row in mine], [np.nan if row[name] is None else row[name] for row in mine], style, label=name
            )
        axis.set(title=way, xlabel=str(mine[0]["unit"]), ylim=(0, 1.02))
    axes.flat[0].legend(fontsize=8)
    for axis in axes.flat[len(ways) :]:
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
