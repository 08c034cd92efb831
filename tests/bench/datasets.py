"""Train the one shipped recipe on each recorded dataset and print what its test split says beside the goal. Slow: `make bench`.

    python -m tests.bench.datasets [NAME | FOLDER ...] [--seeds 3] [--jobs N] [--quick] [--results FILE] [--split test] [--cards DIR]

Every figure goes through the command line, as a user's would. NAME is one of the runs below (all without a name), FOLDER any other
labelled parts folder, which is trained and evaluated alike. Results are kept in FILE, and what the same recipe and code made already is
not made again, so that a run that was broken off goes on. With `--jobs` above 1 seeds run side by side on one thread each; seconds are
then those of a shared machine. DIR gets the card of each run's first model, with what the test split says of it, and where defects are
drawn a sheet of twenty of its heat maps.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATASETS = Path(os.environ.get("INSPECTOR_DATASETS", ROOT.parent / "shared" / "datasets"))
RECIPE = ROOT / "models" / "recipes" / "line.yaml"
MODALITIES = ("image", "audio", "vibration", "series")
FILES = ("image", "mask", "audio", "vibration", "series")

Rows = list[dict[str, str]]
Document = dict[str, Any]

FIGURES: dict[str, Callable[[Document], float | None]] = {
    "AUROC": lambda d: _at(d, "detection", "auroc"),
    "miss at 5 % FR": lambda d: _at(d, "detection", "miss_rate_at_5pct_false_reject"),
    "miss, own threshold": lambda d: _at(d, "detection", "operating_point", "miss_rate"),
    "false rejects, own threshold": lambda d: _at(d, "detection", "operating_point", "false_reject_rate"),
    "review, own threshold": lambda d: _at(d, "detection", "operating_point", "review_rate"),
    "ECE": lambda d: _at(d, "detection", "expected_calibration_error"),
    "AUPRO 30 %, combined": lambda d: _at(d, "localization", "combined", "aupro_30"),
    "AUPRO 30 %, anomaly map": lambda d: _at(d, "localization", "anomaly_map", "aupro_30"),
    "pointing, CAM": lambda d: _at(d, "localization", "grad_cam", "pointing_game"),
    "macro F1": lambda d: _at(d, "defects", "macro_f1"),
    "accuracy": lambda d: _at(d, "defects", "accuracy"),
    "cause top-1": lambda d: _at(d, "causes", "top1"),
    "cause named of parts without": lambda d: _share(d, "causes", "named_without", "parts_without"),
    "worst cause": lambda d: min(d.get("by_cause", {}).values(), default=None),
    "ms p95": lambda d: _at(d, "latency_ms", "p95"),
    "train s": lambda d: _at(d, "train_s"),
    "train peak MB": lambda d: _at(d, "train_peak_mb"),
}
AT_MOST = {"miss at 5 % FR", "train s"}
"""Of these less is better; of all other goals more."""


@dataclass(frozen=True)
class Run:
    """One folder as it is trained on, and what is hoped for."""

    name: str
    folder: Path
    goals: dict[str, float] = field(default_factory=dict)
    change: Callable[[Rows, Path, Path], Rows] | None = None
    """What is made of the rows of parts.csv (with the source and the scratch folder) before training."""
    each_modality: bool = False
    """Evaluate without each modality and with each alone, too."""


def good_parts_only(rows: Rows, source: Path, scratch: Path) -> Rows:
    """Leave out every defective part that training could see."""
    return [row for row in rows if row["split"] == "test" or row["label"] == "ok"]


def level_removed(rows: Rows, source: Path, scratch: Path) -> Rows:
    """Bring every sound of the test split to the same RMS, so that loudness cannot tell (so `--split val` says nothing of it)."""
    import numpy as np
    import soundfile

    (scratch / "levelled").mkdir(exist_ok=True)
    changed = []
    for row in rows:
        if row["split"] == "test" and row["audio"]:
            samples, rate_hz = soundfile.read(scratch / row["audio"], dtype="float32")
            target = scratch / "levelled" / f"{len(changed)}.wav"
            soundfile.write(target, samples * (0.01 / max(float(np.std(samples)), 1e-9)), rate_hz, subtype="FLOAT")
            row = row | {"audio": f"levelled/{target.name}"}
        changed.append(row)
    return changed


def _runs() -> list[Run]:
    at = DATASETS.__truediv__
    line = {"AUROC": 0.96, "miss at 5 % FR": 0.15, "cause top-1": 0.92, "worst cause": 0.7, "train s": 600.0}
    return [
        Run("line-a", at("line-a"), line, each_modality=True),
        Run(
            "magnetic-tile",
            at("magnetic-tile"),
            {"AUROC": 0.97, "macro F1": 0.80, "AUPRO 30 %, combined": 0.90, "pointing, CAM": 0.75},
        ),
        Run("magnetic-tile, good parts only", at("magnetic-tile"), {"AUROC": 0.93, "AUPRO 30 %, combined": 0.88}, good_parts_only),
        Run("bsdata", at("bsdata"), {"AUROC": 0.995, "macro F1": 0.98, "pointing, CAM": 0.70}),
        Run("bsdata, good parts only", at("bsdata"), {"AUROC": 0.985, "AUPRO 30 %, combined": 0.90}, good_parts_only),
        Run("x-sdd", at("x-sdd"), {"macro F1": 0.99}),
        Run("uestc-bearing", at("uestc-bearing"), {"accuracy": 1.00}),
        Run("bldc-motor", at("bldc-motor"), {"accuracy": 0.97}),
        Run("bldc-motor, level removed", at("bldc-motor"), {"accuracy": 0.95}, level_removed),
        Run("skab", at("skab"), {"AUROC": 0.92}),
        Run("skab, good parts only", at("skab"), {"AUROC": 0.88}, good_parts_only),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one seed")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument("--split", default="test", choices=("val", "test"))
    parser.add_argument("--cards", type=Path)
    parser.add_argument("--results", type=Path, default=Path("build") / "datasets.json")
    arguments = parser.parse_args(argv)
    known = {run.name: run for run in _runs()}
    chosen = [known.get(name) or Run(Path(name).resolve().name, Path(name).resolve()) for name in arguments.names] or list(known.values())
    absent = [str(run.folder) for run in chosen if not run.folder.is_dir()]
    if absent:
        print(f"no such run or folder: {', '.join(absent)}; runs are {', '.join(known)}; set INSPECTOR_DATASETS", file=sys.stderr)
        return 2
    kept = Kept(arguments.results, f"{_made_by(arguments.recipe)} {arguments.split}")
    seeds = range(1 if arguments.quick else arguments.seeds)
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(arguments.jobs) as pool:
        folders = {run.name: prepared(run, Path(scratch) / str(place)) for place, run in enumerate(chosen)}
        jobs = [
            pool.submit(_one, run, folders[run.name], seed, Path(scratch), arguments, kept)
            for run in chosen
            for seed in seeds
            if not kept.has(run.name, seed)
        ]
        for job in jobs:
            job.result()
    print_table(chosen, kept, list(seeds))
    return 0


class Kept:
    """Results in a file, by run and seed; those made by another recipe or code do not count."""

    def __init__(self, path: Path, made_by: str) -> None:
        self.path, self.made_by = path, made_by
        self._lock = threading.Lock()
        self._all: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def has(self, run: str, seed: int) -> bool:
        return self._all.get(f"{run}#{seed}", {}).get("made_by") == self.made_by

    def add(self, run: str, seed: int, documents: dict[str, Document]) -> None:
        with self._lock:
            self._all[f"{run}#{seed}"] = {"made_by": self.made_by, "documents": documents}
            self.path.parent.mkdir(parents=True, exist_ok=True)
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps(self._all, indent=1), encoding="utf-8")
            part.replace(self.path)

    def documents(self, run: str, seeds: Sequence[int]) -> dict[str, list[Document]]:
        found: dict[str, list[Document]] = {}
        for seed in seeds:
            for name, document in self._all[f"{run}#{seed}"]["documents"].items():
                found.setdefault(name, []).append(document)
        return found


def _made_by(recipe: Path) -> str:
    """Return a hash over the recipe and all code that a figure can depend on."""
    digest = hashlib.sha256(recipe.read_bytes())
    for path in sorted((ROOT / "inspector").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def prepared(run: Run, home: Path) -> Path:
    """Return the folder to train on: the source itself, or a changed copy of its table beside links to the source's neighbours."""
    if run.change is None:
        return run.folder
    home.mkdir()
    for neighbour in run.folder.resolve().parent.iterdir():
        if neighbour.is_dir():
            (home / neighbour.name).symlink_to(neighbour)
    scratch = home / "changed"
    scratch.mkdir()
    if (run.folder / "dataset.yaml").is_file():
        (scratch / "dataset.yaml").write_bytes((run.folder / "dataset.yaml").read_bytes())
    with (run.folder / "parts.csv").open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = list(reader.fieldnames or ())
        rows = [_moved(row, run.folder.resolve().name) for row in reader]
    with (scratch / "parts.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(run.change(rows, run.folder, scratch))
    return scratch


def _moved(row: dict[str, str], source: str) -> dict[str, str]:
    files = {column for column in row if column.partition(":")[0] in FILES}
    return {c: f"../{source}/{text}" if c in files and text and not text.startswith("../") else text for c, text in row.items()}


def _one(run: Run, data: Path, seed: int, scratch: Path, arguments: argparse.Namespace, kept: Kept) -> None:
    model = scratch / f"{hashlib.sha256(run.name.encode()).hexdigest()[:8]}-{seed}"
    start = time.monotonic()
    peak_mb = _inspector("train", arguments.recipe, "--data", data, "--out", model, "--seed", seed, single=arguments.jobs > 1)
    train_s = time.monotonic() - start
    print(f"{run.name}, seed {seed}: trained in {train_s:.0f} s", file=sys.stderr, flush=True)

    def evaluated(*without: str) -> Document:
        return _evaluate(model, data, arguments.split, without, single=arguments.jobs > 1)

    documents = {run.name: {**evaluated(), "train_s": train_s, "train_peak_mb": peak_mb}}
    for modality in MODALITIES if run.each_modality else ():
        documents[f"{run.name} without {modality}"] = evaluated(modality)
        documents[f"{run.name}, {modality} alone"] = evaluated(*(m for m in MODALITIES if m != modality))
    kept.add(run.name, seed, documents)
    if arguments.cards is not None and seed == 0:
        write_card(run, model, data, arguments.cards, documents[run.name])


def write_card(run: Run, model: Path, data: Path, cards: Path, document: Document) -> None:
    """Write a run's card into the folder `cards`, with the figures of unseen parts and a sheet of heat maps."""
    cards.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", run.name)
    rows = [f"| {figure} | {value:.3g} |" for figure, read in FIGURES.items() if (value := read(document)) is not None]
    card = (model / "card.md").read_text(encoding="utf-8") + "\n".join(["\n## On unseen parts\n", "| figure | |", "|---|---|", *rows, ""])
    if _at(document, "localization") is not None:
        sheet = [sys.executable, "-m", "tests.bench.contact_sheet", str(model), "--data", str(data), "--light-only"]
        subprocess.run([*sheet, "--out", str(cards / f"{name}.png")], check=True)
        card += f"\n![Twenty defective parts drawn by seed: heat, and in green what people outlined]({name}.png)\n"
    (cards / f"{name}.md").write_text(card, encoding="utf-8")


def _evaluate(model: Path, data: Path, split: str, without: Sequence[str], *, single: bool) -> Document:
    options = [option for modality in without for option in ("--without", modality)]
    out, table = model / "evaluation.json", model / "parts.csv"
    _inspector("evaluate", model, "--data", data, "--split", split, *options, "--json", out, "--parts-csv", table, single=single)
    document: Document = json.loads(out.read_text(encoding="utf-8"))
    return document | {"by_cause": _by_cause(table, data)}


def _by_cause(table: Path, data: Path) -> dict[str, float]:
    """Return how often each true cause is named first."""
    with (data / "parts.csv").open(newline="", encoding="utf-8-sig") as file:
        truth = {row["part_id"]: row.get("cause", "") for row in csv.DictReader(file)}
    hits: dict[str, list[bool]] = {}
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            cause = truth.get(row["part_id"], "")
            if cause not in ("", "none") and row["cause_1"]:
                hits.setdefault(cause, []).append(row["cause_1"] == cause)
    return {cause: sum(found) / len(found) for cause, found in sorted(hits.items())}


def _inspector(*arguments: object, single: bool) -> float:
    """Run a command and return the most memory that it held, in MB. Raises CalledProcessError."""
    command = [str(Path(sys.executable).with_name("inspector")), *map(str, arguments)]
    environment = os.environ | ({"OMP_NUM_THREADS": "1"} if single else {})
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_maxrss / 1024


def print_table(runs: Sequence[Run], kept: Kept, seeds: Sequence[int]) -> None:
    print(f"{len(seeds)} seeds, mean ± sd; line-a is composed from recorded signals\n")
    print("| set | figure | measured | goal | |\n|---|---|---|---|---|")
    for run in runs:
        for name, documents in kept.documents(run.name, seeds).items():
            goals = run.goals if name == run.name else {}
            for figure, read in FIGURES.items():
                values = [value for value in map(read, documents) if value is not None]
                if values:
                    print(f"| {name} | {figure} | {mean_sd(values)} | {_goal(figure, statistics.mean(values), goals.get(figure))} |")
            _print_causes(name, documents)


def _print_causes(name: str, documents: Sequence[Document]) -> None:
    for cause in sorted({cause for document in documents for cause in document["by_cause"]}):
        values = [document["by_cause"][cause] for document in documents if cause in document["by_cause"]]
        print(f"| {name} | cause {cause}, top-1 | {mean_sd(values)} | – | |")


def _goal(figure: str, mean: float, goal: float | None) -> str:
    if goal is None:
        return "– | "
    short = mean - goal if figure in AT_MOST else goal - mean
    sign = "≤" if figure in AT_MOST else "≥"
    return f"{sign} {goal:g} | " + ("met" if short <= 1e-9 else f"short by {short:.3f}")


def mean_sd(values: Sequence[float]) -> str:
    """Return a mean with the standard deviation over seeds."""
    digits = 0 if max(values) >= 20 else 3
    spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{spread}"


def _share(document: Document, section: str, counted: str, of: str) -> float | None:
    whole = _at(document, section, of)
    return None if not whole else document[section][counted] / whole


def _at(document: Any, *path: str) -> float | None:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


if __name__ == "__main__":
    sys.exit(main())
