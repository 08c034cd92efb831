"""Train the one shipped recipe on each recorded dataset and print what its test split says. Slow: `make bench`.

    python -m tests.bench.datasets [NAME ...] [--seeds 3] [--json FILE]

Every figure goes through the command line, as a user's would. The composed line is also evaluated with each modality taken away.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DATASETS = Path(os.environ.get("INSPECTOR_DATASETS", ROOT.parent / "shared" / "datasets"))
RECIPE = ROOT / "models" / "recipes" / "line.yaml"
NAMES = ("line-a", "magnetic-tile", "bsdata", "x-sdd", "uestc-bearing", "bldc-motor", "skab")
MODALITIES = ("image", "audio", "vibration", "series")
FIGURES = {
    "AUROC": ("detection", "auroc"),
    "miss at 5 % FR": ("detection", "miss_rate_at_5pct_false_reject"),
    "kind F1": ("defects", "macro_f1"),
    "kind accuracy": ("defects", "accuracy"),
    "cause top-1": ("causes", "top1"),
    "AUPRO 30 %": ("localization", "combined", "aupro_30"),
    "CAM pointing": ("localization", "grad_cam", "pointing_game"),
    "ms p95": ("latency_ms", "p95"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not DATASETS.is_dir():
        print(f"no datasets at {DATASETS}: set INSPECTOR_DATASETS", file=sys.stderr)
        return 2
    rows: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.names:
            for seed in range(arguments.seeds):
                model = Path(scratch) / f"{name}-{seed}"
                start = time.monotonic()
                _inspector("train", RECIPE, "--data", DATASETS / name, "--out", model, "--seed", seed)
                train_s = time.monotonic() - start
                print(f"{name} seed {seed}: trained in {train_s:.0f} s", file=sys.stderr)
                rows.setdefault(name, []).append({**_evaluate(model, name), "train_s": train_s})
                for left_out in MODALITIES if name == "line-a" else ():
                    rows.setdefault(f"{name} without {left_out}", []).append(_evaluate(model, name, left_out))
                for kept in MODALITIES if name == "line-a" else ():
                    others = [m for m in MODALITIES if m != kept]
                    rows.setdefault(f"{name} {kept} alone", []).append(_evaluate(model, name, *others))
    _print_table(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


def _evaluate(model: Path, name: str, *without: str) -> dict[str, Any]:
    options = [option for modality in without for option in ("--without", modality)]
    out = model / "evaluation.json"
    _inspector("evaluate", model, "--data", DATASETS / name, *options, "--json", out)
    document: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return document


def _inspector(*arguments: object) -> None:
    command = [str(Path(sys.executable).with_name("inspector")), *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _print_table(rows: dict[str, list[dict[str, Any]]]) -> None:
    print("| set | " + " | ".join(FIGURES) + " | train s |")
    print("|---" * (len(FIGURES) + 2) + "|")
    for name, runs in rows.items():
        cells = [_mean_sd([_at(run, path) for run in runs]) for path in FIGURES.values()]
        print(f"| {name} | " + " | ".join(cells) + f" | {_mean_sd([run.get('train_s') for run in runs], digits=0)} |")


def _at(document: Any, path: tuple[str, ...]) -> float | None:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _mean_sd(values: list[float | None], digits: int = 3) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    spread = f" ± {statistics.stdev(known):.{digits}f}" if len(known) > 1 else ""
    return f"{statistics.mean(known):.{digits}f}{spread}"


if __name__ == "__main__":
    sys.exit(main())
