"""Are causes found, are their probabilities true, and does what is said of them hold: on simulated lines that nobody learned from.

    python -m tests.bench.causes [--seeds 901 902 903 904] [--parts 40] [--json FILE]

Each seed gives two lines: one with a fault after the other, and one with two at a time. Seed 1001 trained the demo's model; the catalogue
was written while looking at seeds 1, 2, 21 to 23, 301 to 304 and 311 to 314. A cause is active from severity 0.2 on, as the simulator
says; parts on which a fault is felt below that are counted apart. Beside the diagnosis stand (a) the cause that the catalogue connects
with the largest z-score and (b) the network's head alone. Conclusions are checked against the recording by `tests.bench.checker`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inspector.align import align
from inspector.config import Station, read_yaml
from inspector.diagnosis import Measurements, measure
from inspector.document import inspection_document
from inspector.features import extract
from inspector.home import DEMO_MODEL, newest_version, shipped
from inspector.parts import NOT_MEASURED, Diagnosis, Inspection, Modality, PartRecord
from inspector.pipeline import NORMAL_FILE, Pipeline, open_pipeline
from inspector.training.evaluation import leave_out
from stations.demo import demo_station
from stations.simulator.line import Line
from stations.simulator.scenario import CAUSE_LIMIT, CAUSES, Fault, LineSettings
from tests.bench.checker import check

WITHOUT: tuple[tuple[Modality, ...], ...] = (("audio",), ("vibration",), ("series",), ("image",))
"""What each part of a line with one fault is looked at without, once more, one after the other."""
FELT_FROM = 0.02
SPEAKS_IN: dict[str, tuple[Modality, ...]] = {
    "belt_slip": ("series", "audio", "vibration"),
    "bearing_wear": ("vibration", "audio"),
    "imbalance": ("vibration", "audio", "series"),
    "cooling_failure": ("series",),
    "low_air_pressure": ("series", "audio"),
    "tool_wear": ("series", "audio", "vibration"),
    "lens_dirt": ("image",),
    "light_failure": ("image",),
}
"""Where a fault can be sensed at all (stations/simulator/README.md); without these "not measured" is the right answer."""
WAYS = ("diagnosis", "largest z-score", "head alone")


@dataclass
class Tally:
    """Answers beside the truth."""

    ranks: dict[str, list[list[str]]] = field(default_factory=lambda: defaultdict(list))
    truth: list[frozenset[str]] = field(default_factory=list)
    chances: list[dict[str, float]] = field(default_factory=list)
    faults: list[list[str]] = field(default_factory=list)
    numbers: int = 0
    unknown: int = 0

    def add(self, active: frozenset[str], diagnosis: Diagnosis, ranks: dict[str, list[str]]) -> None:
        self.truth.append(active)
        self.chances.append({cause.name: cause.probability for cause in diagnosis.causes})
        for way, names in ranks.items():
            self.ranks[way].append(names)

    def top(self, way: str, most: int) -> float | None:
        """Return how often a true cause is among the first; for a part without one, `not_measured`."""
        hits = [bool((active or {NOT_MEASURED}) & set(names[:most])) for active, names in zip(self.truth, self.ranks[way], strict=True)]
        return float(np.mean(hits)) if hits else None

    def both(self, way: str) -> float | None:
        """Return how often both of two true causes are the first two named ones."""
        two = [(active, names) for active, names in zip(self.truth, self.ranks[way], strict=True) if len(active) == 2]
        hits = [active == set([name for name in names if name != NOT_MEASURED][:2]) for active, names in two]
        return float(np.mean(hits)) if hits else None

    def calibration(self) -> float | None:
        """Return the expected calibration error of the first answer's probability, in ten bins."""
        said = np.array([max(chances.values()) for chances in self.chances])
        right = np.array(
            [
                max(chances, key=lambda name: chances[name]) in (active or {NOT_MEASURED})
                for active, chances in zip(self.truth, self.chances, strict=True)
            ]
        )
        return _ece(said, right) if len(said) else None

    def calibration_of_each(self) -> float | None:
        """Return the same over every cause of the simulator and every part: how true "active with chance p" is."""
        pairs = [
            (chances.get(name, 0.0), name in active) for active, chances in zip(self.truth, self.chances, strict=True) for name in CAUSES
        ]
        return _ece(np.array([p for p, _ in pairs]), np.array([t for _, t in pairs])) if pairs else None


def _ece(said: np.ndarray, right: np.ndarray) -> float:
    bins = np.clip((said * 10).astype(int), 0, 9)
    return float(sum(abs(said[bins == b].mean() - right[bins == b].mean()) * np.mean(bins == b) for b in np.unique(bins)))


# --- parts of simulated lines ----------------------------------------------------------------------------------------------------


def line_of(seed: int, at_once: int) -> tuple[Line, int]:
    """Return a line on which all faults have their turn, so many at once, and the number of its parts."""
    rng = np.random.default_rng([seed, at_once])
    order = [CAUSES[int(i)] for i in rng.permutation(len(CAUSES))]
    turns = [(name,) for name in order] if at_once == 1 else [(order[i], order[(i + 3) % len(order)]) for i in range(len(order))]
    faults, at_s = [], 5.0
    for causes in turns:
        hold_s = 12.0 if "cooling_failure" in causes else 5.0  # a coolant loop needs time to get warm
        for cause in causes:
            severity = float(rng.uniform(0.3, 0.5) if rng.random() < 0.2 else rng.uniform(0.6, 1.0))
            onset_s, ramp_s = at_s + float(rng.uniform(0, 2)), float(rng.uniform(1, 3))
            faults.append(Fault(cause=cause, onset_s=onset_s, ramp_s=ramp_s, hold_s=hold_s, recovery_s=0.7, severity=severity))
        at_s += hold_s + (20.0 if "cooling_failure" in causes else 10.0)
    return Line(LineSettings(seed=seed, scenario="quiet", faults=tuple(faults), concurrent=True)), int((at_s - 1) / 0.5)


def parts_of(seed: int, at_once: int, count: int) -> Iterator[tuple[Station, PartRecord, frozenset[str], bool]]:
    """Yield parts of a line with the causes that are active, half of them while any is, and whether one is felt that is not."""
    line, parts = line_of(seed, at_once)
    station = demo_station(seed)

    def severities(part: int) -> dict[str, float]:
        at = np.array([line.world.motion.part_s(part) - 1.0, line.world.motion.part_s(part)])
        return {name: float(line.world.scenario.severity(name, at)[1]) for name in CAUSES} | {
            "felt": float(max(line.world.scenario.severity(name, at).max() for name in CAUSES))
        }

    rng = np.random.default_rng([seed, at_once, 7])
    numbers = rng.permutation(np.arange(4, parts))
    busy = [int(n) for n in numbers if max(severities(int(n))[name] for name in CAUSES) >= CAUSE_LIMIT]
    calm = [int(n) for n in numbers if int(n) not in set(busy)]
    for number in sorted([*busy[: 3 * count // 4], *calm[: count - 3 * count // 4]]):
        severity = severities(number)
        active = frozenset(name for name in CAUSES if severity[name] >= CAUSE_LIMIT)
        between = any(FELT_FROM < severity[name] < CAUSE_LIMIT for name in CAUSES) or (not active and severity["felt"] > FELT_FROM)
        yield station, align(line.capture(number), station), active, between


# --- three ways to an answer -----------------------------------------------------------------------------------------------------


def answers(pipeline: Pipeline, record: PartRecord, station: Station) -> tuple[Inspection, dict[str, list[str]], float]:
    """Return the inspection, each way's causes in order, and what measuring and diagnosis took (CPU ms)."""
    verdict = pipeline.judge_model.judge(extract(record))
    start = time.process_time()  # other jobs may share the machine
    measured = measure(record, station.machine)
    diagnosis = pipeline.diagnose(record, verdict, station.machine, measured)
    took_ms = 1e3 * (time.process_time() - start)
    head = sorted(verdict.cause_probabilities, key=lambda name: -verdict.cause_probabilities[name])
    ranks = {
        "diagnosis": [cause.name for cause in diagnosis.causes],
        "largest z-score": _by_z_score(pipeline, measured),
        "head alone": [NOT_MEASURED if name == "none" else name for name in head],
    }
    return Inspection(record, verdict, diagnosis), ranks, took_ms


def _by_z_score(pipeline: Pipeline, measured: Measurements) -> list[str]:
    """Return the causes that name the quantity furthest from normal, the surest first; then those of the next, down to three sigma."""
    scored = []
    for item in measured.values():
        known = pipeline.normal.range_of(item)
        if known is not None:
            scored.append((abs(known.reach(item.value)) * 2.05, item))  # the edge is the 2 % point: 2.05 sigma of a normal law
    named: list[str] = []
    for z, item in sorted(scored, key=lambda pair: -pair[0]):
        if z < 3:
            break
        told = [(s.p_if_present, rule.name) for rule in pipeline.catalogue.causes for s in rule.symptoms if s.fits(item)]
        named += [name for _, name in sorted(told, reverse=True) if name not in named]
    return [*named, NOT_MEASURED]


# --- the run ---------------------------------------------------------------------------------------------------------------------


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[901, 902, 903, 904])
    parser.add_argument("--parts", type=int, default=40, help="of each line")
    parser.add_argument("--model", type=Path, default=None, help="default: the demo's")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(argv)
    model = arguments.model or newest_version(DEMO_MODEL)
    pipeline = open_pipeline(model)
    pipeline.warm_up()
    catalogue = read_yaml(shipped("data/knowledge/causes.yaml"))
    normal = json.loads((model / NORMAL_FILE).read_text(encoding="utf-8"))
    tallies: dict[str, Tally] = defaultdict(Tally)
    times_ms: list[float] = []
    for seed in arguments.seeds:
        for at_once in (1, 2):
            for number, (station, whole, active, between) in enumerate(parts_of(seed, at_once, arguments.parts)):
                blinded = [WITHOUT[number % len(WITHOUT)]] if at_once == 1 and not between else []
                for without in [(), *blinded]:
                    record = leave_out(whole, without)
                    inspection, ranks, took_ms = answers(pipeline, record, station)
                    assert inspection.diagnosis is not None
                    tally = tallies[_name(active, between, without)]
                    tally.add(active, inspection.diagnosis, ranks)
                    checked = check(inspection_document(inspection), record, station.machine, catalogue, normal)
                    tally.faults.append(checked.faults)
                    tally.numbers, tally.unknown = tally.numbers + checked.numbers, tally.unknown + checked.unknown
                    times_ms.append(took_ms)
        print(f"seed {seed} done", file=sys.stderr, flush=True)
    document = {name: figures(tally) for name, tally in sorted(tallies.items())}
    document["all"] = _truthful(list(tallies.values())) | {"diagnosis_ms": _quantiles(times_ms)}
    print(table(document))
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
    return 0


def _name(active: frozenset[str], between: bool, without: tuple[Modality, ...]) -> str:
    if between:
        return "4 a fault felt below its limit"
    if without:
        gone = bool(active) and all(set(SPEAKS_IN[name]) <= set(without) for name in active)
        return "6 nothing senses the fault any more" if gone else f"5 without {without[0]}" + ("" if active else ", no fault")
    return {0: "1 no fault", 1: "2 one fault", 2: "3 two faults"}[len(active)]


def figures(tally: Tally) -> dict[str, Any]:
    """Return the figures of one kind of part."""
    ways = {way: {"top1": tally.top(way, 1), "top3": tally.top(way, 3), "both": tally.both(way)} for way in WAYS}
    not_measured = float(np.mean([names[0] == NOT_MEASURED for names in tally.ranks["diagnosis"]]))
    ece = {"first": tally.calibration(), "each_cause": tally.calibration_of_each()}
    return {"parts": len(tally.truth), "ways": ways, "said_not_measured": not_measured, "ece": ece, **_truthful([tally])}


def _truthful(tallies: Sequence[Tally]) -> dict[str, Any]:
    faults = [one for tally in tallies for one in tally.faults]
    first = Counter(fault.split(" is said")[0] for one in faults for fault in one)
    return {
        "conclusions": len(faults),
        "all_true": float(np.mean([not one for one in faults])),
        "numbers_recomputed": sum(tally.numbers for tally in tallies),
        "numbers_unknown": sum(tally.unknown for tally in tallies),
        "faults": [fault for one in faults for fault in one][:20],
        "most_frequent": dict(first.most_common(8)),
    }


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    return {f"p{level}": float(np.percentile(values, level)) for level in (50, 95)}


def table(document: dict[str, Any]) -> str:
    """Return the figures for people."""
    lines = ["| parts | n | diagnosis top-1, top-3 | z-score | head alone | both of two | said not measured | ECE first, each | all true |"]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for name, row in document.items():
        if name == "all":
            continue
        ways = [row["ways"][way] for way in WAYS]
        shown = [f"{way['top1']:.3f}, {way['top3']:.3f}" for way in ways]
        both = ", ".join("–" if way["both"] is None else f"{way['both']:.2f}" for way in ways)
        ece = f"{row['ece']['first']:.3f}, {row['ece']['each_cause']:.3f}"
        cells = [name[2:], str(row["parts"]), *shown, both, f"{row['said_not_measured']:.2f}", ece, f"{row['all_true']:.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    whole, cpu_ms = document["all"], document["all"]["diagnosis_ms"]
    lines += [
        f"\n{whole['conclusions']} conclusions, all of it true: {whole['all_true']:.3f}",
        f"{whole['numbers_recomputed']} numbers recomputed, {whole['numbers_unknown']} of kinds that the checker does not know",
        f"measuring and diagnosis: {cpu_ms['p50']:.1f} ms of a core (p95 {cpu_ms['p95']:.1f})",
    ]
    lines += [f"  {count} x {fault}" for fault, count in whole["most_frequent"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
