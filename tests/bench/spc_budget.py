"""What is a budget of false alarms worth? Good parts only, of skewed scores: after how many parts does each control chart cry wolf?

Every run draws its own parts before and its own good parts, as a station does; the run length of a chart is the number of parts up to its
first point outside. Runs that end without one count with their whole length in the estimate (parts seen / alarms raised).

    python -m tests.bench.spc_budget [--runs 200] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from inspector.monitoring import spc
from inspector.store import InspectionSummary

BUDGET_PARTS = 5_000
PARTS = 20_000
BAD_RATIO = 0.03
BEFORE = (200, 1000, 4000)
SHIFT = 0.5
"""Of the scores, in their standard deviations: how soon is a real change seen?"""


def made(random: np.random.Generator, count: int, shift: float = 0.0, start: int = 0) -> list[InspectionSummary]:
    """Return good parts: scores of a skewed beta distribution, a few of them bad by chance."""
    scores = random.beta(1.2, 20, count)
    scores += shift * 0.048  # its standard deviation
    bad = random.random(count) < BAD_RATIO
    return [
        InspectionSummary(
            f"{start + n:08d}", "P", "s", start + n, "fail" if bad[n] else "pass", float(scores[n]), 0.5, None, None, True, 1.0, False
        )
        for n in range(count)
    ]


def first_out(random: np.random.Generator, before: int, shift: float) -> dict[str, int | None]:
    """Return after how many parts each chart first has a point outside."""
    charts = spc.charts(made(random, before), made(random, PARTS, shift, before), BUDGET_PARTS)
    found: dict[str, int | None] = {}
    for chart in charts:
        out = chart.out.nonzero()[0]
        found[chart.name] = int((out[0] + 1) * spc.PARTS_A_POINT[chart.name]) if len(out) else None
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    figures: dict[str, object] = {"budget_parts_all_charts": BUDGET_PARTS, "budget_parts_each_chart": BUDGET_PARTS * len(spc.CHARTS)}
    for before in BEFORE:
        runs = [first_out(random, before, 0.0) for _ in range(arguments.runs)]
        each = {name: _parts_per_alarm([run[name] for run in runs]) for name in spc.CHARTS}
        together = _parts_per_alarm([min((at for at in run.values() if at is not None), default=None) for run in runs])
        seen = [first_out(random, before, SHIFT)["ewma"] or PARTS for _ in range(arguments.runs // 4)]
        figures[f"before_{before}"] = {
            "parts_per_false_alarm": each | {"all": together},
            f"ewma_sees_{SHIFT}_sigma_after": float(np.median(seen)),
        }
    text = json.dumps(figures, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n", encoding="utf-8")


def _parts_per_alarm(ends: list[int | None]) -> float | None:
    alarms = sum(end is not None for end in ends)
    return None if not alarms else sum(PARTS if end is None else end for end in ends) / alarms


if __name__ == "__main__":
    main()
