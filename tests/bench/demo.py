"""Run the demo without a browser on several simulated lines and print what the simulator's truth says: `make bench`.

    python -m tests.bench.demo [--seeds 130 5 11 21 42 77] [--parts 60]

Seed 130 is the demo's own line, 1001 the one that its model was trained on; all others are new to the model. The catalogue of causes was
written while looking at seeds 1, 2 and 21 to 23.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from inspector.home import Home
from stations.demo import demo_station, inspect_line


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[130, 5, 11, 21, 42, 77])
    parser.add_argument("--parts", type=int, default=60)
    arguments = parser.parse_args()
    print("| seed | AUROC | defective, escaped | good, rejected | cause top-1 | verdict ms p50, p95 | parts/s | s in all |")
    print("|---|---|---|---|---|---|---|---|")
    runs: list[dict[str, Any]] = []
    for seed in arguments.seeds:
        start_s = time.monotonic()
        with tempfile.TemporaryDirectory() as home:
            runs.append(inspect_line(demo_station(seed), Home(Path(home)), arguments.parts, live=False))
        print(_row(seed, runs[-1], time.monotonic() - start_s), flush=True)
    truths = [run["truth"] for run in runs]
    defective, caused = sum(t["defective"] for t in truths), sum(t["causes"]["parts"] for t in truths)
    good = sum(run["parts"] for run in runs) - defective
    print(
        f"| all | {statistics.mean(t['detection']['auroc'] for t in truths):.3f} | {defective}, {sum(t['escapes'] for t in truths)} "
        f"| {good}, {sum(t['false_rejects'] for t in truths)} "
        f"| {sum(t['causes']['top1'] * t['causes']['parts'] for t in truths) / caused:.3f} of {caused} | | | |"
    )
    return 0


def _row(seed: int, run: dict[str, Any], elapsed_s: float) -> str:
    truth, latency = run["truth"], run["latency_ms"]
    good = run["parts"] - truth["defective"]
    return (
        f"| {seed} | {truth['detection']['auroc']:.3f} | {truth['defective']}, {truth['escapes']} | {good}, {truth['false_rejects']} "
        f"| {truth['causes']['top1']:.3f} of {truth['causes']['parts']} | {latency['p50']:.0f}, {latency['p95']:.0f} "
        f"| {run['parts_per_s']:.1f} | {elapsed_s:.0f} |"
    )


if __name__ == "__main__":
    sys.exit(main())
