"""What evidence from trends is worth on recorded machines: `python -m tests.bench.trends [skab] [nab] [hydraulic] [--json FILE]`.

skab       Each experiment's first 400 s are what is normal there, as in the benchmark's own notebooks; every 10 s the last 20 s are
           measured like a part. Rows after 400 s are scored. Only labels of whole windows of 60 s are in the snapshot: windows with
           fewer than half of their rows marked are missing, and a change point is known to within a window, so its scoring window is
           that much longer than the benchmark's 30 s. The published figures beside ours are over all 34 experiments and every row:
           alike, not the same.
nab        One temperature as a live stream into `History`; the limit is what the first ten days reach outside the labelled windows.
hydraulic  Which component is worst, per cycle: by the catalogue's rules with normal ranges from the good cycles of train, and by a small
           learned head that is chosen on val.

Nothing is chosen on a test split; what was chosen, and on what, is printed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from inspector.config import MachineConfig
from inspector.diagnosis import History, Measurements, Normal, diagnose, load_catalogue, measure
from inspector.parts import NOT_MEASURED, Channel, ModelRef, PartRecord, Series, Trigger, Verdict
from inspector.training.part_files import read_series

DATASETS = Path(os.environ.get("INSPECTOR_DATASETS", Path(__file__).resolve().parents[3] / "shared" / "datasets"))
S_NS = 1_000_000_000
Figures = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", metavar="skab|nab|hydraulic")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    benches: dict[str, Callable[[], Figures]] = {"skab": skab, "nab": nab, "hydraulic": hydraulic}
    if unknown := set(arguments.which) - set(benches):
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    found = {}
    for name in arguments.which or benches:
        print(f"\n== {name}", flush=True)
        found[name] = benches[name]()
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def parts_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "parts.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def units_of(folder: Path) -> dict[str, str]:
    content = yaml.safe_load((folder / "dataset.yaml").read_text(encoding="utf-8"))
    return {name: str(unit).split(" ")[0] for name, unit in content["modalities"]["series"]["channels"].items()}


def record_of(series: Mapping[str, Series], t_ns: int, part_id: str) -> PartRecord:
    channels = {name: Channel(name, "series", one.unit) for name, one in series.items()}
    return PartRecord(Trigger("bench", part_id, t_ns), channels, series=series)


# --- skab --------------------------------------------------------------------------------------------------------------------------

NORMAL_S, LOOK_S, EVERY_S, SCORING_S = 400.0, 20.0, 10.0, 30.0
PUBLISHED_F1 = {"Conv-AE": 0.79, "MSET": 0.73, "LSTM-AE": 0.68, "T-squared+Q": 0.67, "Isolation forest": 0.40}
PUBLISHED_NAB = {
    "Isolation forest": (37.53, 17.09, 45.02),
    "MSCRED": (28.74, 23.43, 31.21),
    "T-squared+Q": (26.71, 22.42, 28.32),
    "ruptures (BinSeg, knows how many)": (24.10, 21.69, 25.04),
    "Conv-AE": (10.09, 8.62, 10.83),
}
"""github.com/waico/SKAB, README of v0.9, its two leaderboards."""
PROFILES = {"standard": (-0.11, -1.0), "low FP": (-0.22, -1.0), "low FN": (-0.11, -2.0)}
"""Price of a false alarm and of a missed change point, as in the benchmark's own scoring; a found one is worth up to 1."""


@dataclass
class Experiment:
    name: str
    split: str
    t_s: NDArray[np.float64]
    channels: dict[str, Series]
    anomalous: NDArray[np.bool_]
    changes_s: list[tuple[float, float]]
    """Between which two times each change point lies."""


@dataclass
class Look:
    """How far each kind of quantity lay outside what is normal, the furthest channel each, at the end of one look."""

    t_s: float
    reach: dict[str, float]


def skab() -> Figures:
    folder = DATASETS / "skab"
    experiments = skab_experiments(folder)
    looks = {one.name: looks_of(one) for one in experiments}
    kinds = {"mean": ("mean",), "mean, spread": ("mean", "spread"), "mean, spread, slope": ("mean", "spread", "slope")}
    chosen = [one for one in experiments if one.split != "test"]
    limits = np.arange(0.8, 4.01, 0.1)
    grid = [(f1(confusion(chosen, looks, names, limit)), label, float(limit)) for label, names in kinds.items() for limit in limits]
    _, label, limit = max(grid)
    holds = {hold: nab_score(chosen, looks, kinds[label], limit, hold)["standard"] for hold in (1, 2, 3, 6)}
    hold = max(holds, key=lambda hold: holds[hold])
    print(f"chosen on train and val ({len(chosen)} experiments): {label}, limit {limit:.1f} half widths, {hold} looks in a row")
    found: Figures = {"kinds": label, "limit": limit, "hold": hold}
    for split, some in (("train and val", chosen), ("test", [e for e in experiments if e.split == "test"]), ("all", experiments)):
        counts = confusion(some, looks, kinds[label], limit)
        scores = nab_score(some, looks, kinds[label], limit, hold)
        found[split] = {"experiments": len(some), "f1": f1(counts), **rates(counts), "nab": scores}
        shown = ", ".join(f"{name} {score:.1f}" for name, score in scores.items())
        print(f"{split:<14} {len(some):>2} experiments  F1 {f1(counts):.3f}  {rates_shown(counts)}  NAB {shown}")
    print("published F1:", ", ".join(f"{name} {value:.2f}" for name, value in PUBLISHED_F1.items()))
    print("published NAB (standard, low FP, low FN):", "; ".join(f"{name} {value}" for name, value in PUBLISHED_NAB.items()))
    return found


def skab_experiments(folder: Path) -> list[Experiment]:
    """Return each experiment with an anomaly, put together again from its windows of 60 s; the fault-free recording has none."""
    units = units_of(folder)
    groups: dict[tuple[str, str], list[tuple[int, bool, str]]] = {}
    for row in parts_of(folder):
        number = int(re.search(r"_w(\d+)", row["series"]).group(1))  # type: ignore[union-attr]
        groups.setdefault((row["group"], row["split"]), []).append((number, row["label"] != "ok", row["series"]))
    found = []
    for (name, split), windows in sorted(groups.items()):
        if any(anomalous for _, anomalous, _ in windows):
            found.append(experiment(folder, name, split, sorted(windows), units))
    return found


def experiment(folder: Path, name: str, split: str, windows: Sequence[tuple[int, bool, str]], units: Mapping[str, str]) -> Experiment:
    pieces: dict[str, list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = {}
    t_s, anomalous = [], []
    for number, bad, path in windows:
        series = read_series(folder / path, units=units)
        for channel, one in series.items():
            pieces.setdefault(channel, []).append((one.t_ns + 60 * number * S_NS, one.values))
        times = next(iter(series.values())).t_ns / S_NS + 60 * number
        t_s.append(times)
        anomalous.append(np.full(len(times), bad))
    channels = {
        channel: Series(np.concatenate([t for t, _ in some]), np.concatenate([v for _, v in some]), units.get(channel, ""))
        for channel, some in pieces.items()
    }
    changes = []
    for (before, was, _), (after, is_now, _) in pairwise(windows):
        if was != is_now:
            # an anomalous window is marked in half of its rows at least, and a good one in none
            earliest, latest = (60 * (before + 1), 60 * after + 30) if is_now else (60 * before + 30, 60 * after)
            changes.append((float(earliest), float(latest)))
    return Experiment(name, split, np.concatenate(t_s), channels, np.concatenate(anomalous), changes)


def looks_of(one: Experiment) -> list[Look]:
    """Measure the last 20 s every 10 s; what was so in the first 400 s is normal."""
    start_s = float(one.t_s[0])
    times_s = [float(now_s) for now_s in np.arange(start_s + LOOK_S, float(one.t_s[-1]) + EVERY_S, EVERY_S)]
    records = [record_of(cut(one.channels, now_s - LOOK_S, now_s), round(now_s * S_NS), "") for now_s in times_s]
    measured = [(now_s, measure(record, MachineConfig())) for now_s, record in zip(times_s, records, strict=True)]
    normal = Normal.fit(rows for now_s, rows in measured if now_s <= start_s + NORMAL_S)
    return [Look(now_s, furthest(rows, normal)) for now_s, rows in measured if now_s > start_s + NORMAL_S]


def cut(channels: Mapping[str, Series], start_s: float, end_s: float) -> dict[str, Series]:
    found = {}
    for name, series in channels.items():
        first, last = np.searchsorted(series.t_ns, (round(start_s * S_NS), round(end_s * S_NS)))
        if last > first:
            found[name] = Series(series.t_ns[first:last], series.values[first:last], series.unit)
    return found


def furthest(rows: Measurements, normal: Normal) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows.values():
        known = normal.range_of(row)
        if known is not None:
            found[row.kind] = max(found.get(row.kind, 0.0), abs(known.reach(row.value)))
    return found


def alarms(looks: Sequence[Look], kinds: Sequence[str], limit: float) -> list[bool]:
    return [any(look.reach.get(kind, 0.0) > limit for kind in kinds) for look in looks]


def confusion(some: Iterable[Experiment], looks: Mapping[str, list[Look]], kinds: Sequence[str], limit: float) -> tuple[int, int, int, int]:
    """Return true and false alarms, missed and quiet rows; a row is told by the look that was the last before it."""
    counts = np.zeros(4, dtype=int)
    for one in some:
        told = np.array(alarms(looks[one.name], kinds, limit))
        place = np.searchsorted([look.t_s for look in looks[one.name]], one.t_s, side="right") - 1
        scored = place >= 0
        alarm, bad = told[place[scored]], one.anomalous[scored]
        counts += np.array([np.sum(alarm & bad), np.sum(alarm & ~bad), np.sum(~alarm & bad), np.sum(~alarm & ~bad)])
    return tuple(int(count) for count in counts)  # type: ignore[return-value]


def f1(counts: tuple[int, int, int, int]) -> float:
    hits, false, missed, _ = counts
    return 2 * hits / max(2 * hits + false + missed, 1)


def rates(counts: tuple[int, int, int, int]) -> dict[str, float]:
    hits, false, missed, quiet = counts
    return {"far_pct": 100 * false / max(false + quiet, 1), "mar_pct": 100 * missed / max(hits + missed, 1)}


def rates_shown(counts: tuple[int, int, int, int]) -> str:
    found = rates(counts)
    return f"FAR {found['far_pct']:.1f} %  MAR {found['mar_pct']:.1f} %"


def changes_told(looks: Sequence[Look], kinds: Sequence[str], limit: float, hold: int) -> list[float]:
    """Return when the alarm came or went, having stayed so for `hold` looks."""
    told, state, run = [], False, 0
    for look, alarm in zip(looks, alarms(looks, kinds, limit), strict=True):
        run = run + 1 if alarm != state else 0
        if run >= hold:
            told.append(look.t_s)
            state, run = alarm, 0
    return told


def nab_score(
    some: Iterable[Experiment], looks: Mapping[str, list[Look]], kinds: Sequence[str], limit: float, hold: int
) -> dict[str, float]:
    """Return the score of each profile: 0 for who says nothing, 100 for who says all at once and nothing else."""
    total, missed_all, changes = dict.fromkeys(PROFILES, 0.0), 0, 0
    for one in some:
        told = changes_told(looks[one.name], kinds, limit, hold)
        windows = [(earliest, latest + SCORING_S) for earliest, latest in one.changes_s]
        first = [next((t for t in told if start <= t <= end), None) for start, end in windows]
        false = sum(not any(start <= t <= end for start, end in windows) for t in told)
        changes += len(windows)
        missed_all += sum(t is None for t in first)
        for name, (price, missed) in PROFILES.items():
            found = [worth((t - start) / (end - start), price) for t, (start, end) in zip(first, windows, strict=True) if t is not None]
            total[name] += sum(found) + price * false + missed * (len(windows) - len(found))
    return {name: 100 * (total[name] - missed * changes) / ((1 - missed) * changes) for name, (_, missed) in PROFILES.items()}


def worth(late: float, price: float) -> float:
    """Return what a find is worth by how late in its window it comes: 1 at once, the price of a false alarm at the end."""
    x = np.pi * (late - 0.5)
    return float((1 - price) / 2 * -np.tanh(x) / np.tanh(np.pi / 2) + (1 - price) / 2 + price)


# --- one temperature over eleven weeks -----------------------------------------------------------------------------------------------

LEARN_S, DAY_S, APART_S = 10 * 86_400.0, 86_400.0, 0.5 * 86_400.0


def nab() -> Figures:
    """The fourth window's middle is the catastrophic failure; alarms less than half a day apart are one."""
    folder = DATASETS / "nab-machine-temperature"
    series = read_series(folder / "series.csv.gz")["temperature"]
    with (folder / "windows.csv").open(encoding="utf-8") as file:
        windows = [(float(row["start_s"]), float(row["end_s"])) for row in csv.DictReader(file)]
    told = streamed(series)
    inside = np.zeros(len(told), dtype=bool)
    for start, end in windows:
        inside |= (told[:, 0] >= start) & (told[:, 0] <= end)
    limits = told[(told[:, 0] < LEARN_S) & ~inside, 1:].max(axis=0)
    print(f"limits from the first ten days: {limits[0]:.2f} half widths by hours (slots of 3 min), {limits[1]:.2f} by days (36 min)")
    found: Figures = {"limits": limits.tolist()}
    over = told[:, 1:] > limits
    for name, alarm in (("by hours", over[:, 0]), ("by days", over[:, 1]), ("either", over.any(axis=1))):
        found[name] = episodes_told(told[alarm, 0], windows, float(told[-1, 0]))
        print(f"{name:<10} {json.dumps(found[name])}")
    return found


def streamed(series: Series) -> NDArray[np.float64]:
    """Return (time, reach by hours, reach by days) every 15 minutes, as a live stream has them: nothing of later is known."""
    history, rows = History(), []
    for first in range(0, len(series.t_ns), 3):
        some = slice(first, first + 3)
        history.add_samples("temperature", series.t_ns[some], series.values[some])
        now_ns = int(series.t_ns[some][-1]) + 300 * S_NS
        told = [row for row in history.at_each_width(now_ns) if row.kind == "long_excursion"]
        reach = {row.start_s: abs(row.usual.reach(row.value)) for row in told if row.usual is not None}
        by_hours = max((r for start, r in reach.items() if start > -3600), default=0.0)
        by_days = max((r for start, r in reach.items() if start <= -3600), default=0.0)
        rows.append((now_ns / S_NS, by_hours, by_days))
    return np.array(rows)


def episodes_told(alarms_s: NDArray[np.float64], windows: Sequence[tuple[float, float]], end_s: float) -> Figures:
    begins = [float(t) for k, t in enumerate(alarms_s) if k == 0 or t - alarms_s[k - 1] >= APART_S]
    outside_s = end_s - sum(end - start for start, end in windows)
    false = [t for t in begins if not any(start <= t <= end for start, end in windows)]
    first = [min((float(t) for t in alarms_s if start <= t <= end), default=None) for start, end in windows]
    failure_s = sum(windows[-1]) / 2
    before = [float(t) for t in alarms_s if failure_s - 2 * DAY_S <= t <= failure_s]
    return {
        "false_per_week": round(len(false) / (outside_s / (7 * DAY_S)), 2),
        "windows_found": sum(t is not None for t in first),
        "hours_before_the_middle_of_each_window": [
            None if t is None else round(((start + end) / 2 - t) / 3600, 1) for t, (start, end) in zip(first, windows, strict=True)
        ],
        "hours_from_first_alarm_of_two_days_to_the_failure": round((failure_s - before[0]) / 3600, 1) if before else None,
    }


# --- which component of the hydraulic rig --------------------------------------------------------------------------------------------

CAUSE_OF = {"cooler": "cooling_failure", "pump": "pump_leak", "accumulator": "low_pressure", "valve": "blocked_flow", "": NOT_MEASURED}
"""Component to the cause of the catalogue that stands for it."""
UNDECIDED = Verdict("review", 0.5, 0.5, ModelRef("none", "0", "0"))


def hydraulic() -> Figures:
    folder = DATASETS / "uci-hydraulic"
    rows, units = parts_of(folder), units_of(folder)
    records = [record_of(read_series(folder / row["series"], units=units), 60 * S_NS, row["part_id"]) for row in rows]
    measured = [measure(record, MachineConfig()) for record in records]
    good = [m for m, row in zip(measured, rows, strict=True) if row["split"] == "train" and row["label"] == "ok"]
    ranked = by_rules(records, measured, Normal.fit(good))
    ruled = [names[0] for names in ranked]
    found: Figures = {"good cycles in train": len(good), "rules, of two or more faults at once": of_several(ranked, rows)}
    print(f"rules: {json.dumps(found['rules, of two or more faults at once'])}")
    heads = by_heads(measured, rows)
    best = max(heads, key=lambda name: accuracy(heads[name], rows, "val"))
    for name, told in {"rules": ruled, **heads}.items():
        found[name] = {split: accuracy(told, rows, split) for split in ("val", "test")}
        found[name]["test, ties count"] = accuracy(told, rows, "test", ties=True)
        by_component = [row | {"split": row["cause"]} for row in rows if row["split"] == "test"]
        of_test = [one for one, row in zip(told, rows, strict=True) if row["split"] == "test"]
        found[name]["test, by component"] = {cause or "none": accuracy(of_test, by_component, cause) for cause in CAUSE_OF}
        print(f"{name:<24} {json.dumps(found[name])}{'   <- chosen on val' if name == best else ''}")
    found["chosen on val"] = best
    return found


def by_rules(records: Sequence[PartRecord], measured: Sequence[Measurements], normal: Normal) -> list[list[str]]:
    """Return the components whose causes are ranked, the likeliest first; "" stands for none."""
    catalogue = load_catalogue()
    names = {cause: component for component, cause in CAUSE_OF.items()}
    told = []
    for record, rows in zip(records, measured, strict=True):
        found = diagnose(record, UNDECIDED, machine=MachineConfig(), normal=normal, catalogue=catalogue, measurements=rows)
        told.append([names[cause.name] for cause in found.causes if cause.name in names])
    return told


def degraded(row: Mapping[str, str]) -> set[str]:
    """Return every component that is degraded in a cycle, and not only the worst, by the columns and limits of the data set."""
    pump, valve, bar = int(row["pump_leakage"]), int(row["valve_pct"]), int(row["accumulator_bar"])
    worn = {"cooler": int(row["cooler_pct"]) < 100, "pump": pump > 0, "accumulator": bar <= 100, "valve": valve <= 80}
    return {component for component, is_worn in worn.items() if is_worn}


def of_several(ranked: Sequence[Sequence[str]], rows: Sequence[Mapping[str, str]]) -> dict[str, float]:
    """Return, of test cycles with more than one fault: how often the first named is one, the worst is first, or among the first two."""
    some = [(names, row) for names, row in zip(ranked, rows, strict=True) if row["split"] == "test" and len(degraded(row)) > 1]
    shares = {
        "cycles": float(len(some)),
        "first is degraded": float(np.mean([names[0] in degraded(row) for names, row in some])),
        "first is the worst": float(np.mean([names[0] == row["cause"] for names, row in some])),
        "worst among the first two": float(np.mean([row["cause"] in names[:2] for names, row in some])),
        "first two are both degraded": float(np.mean([set(names[:2]) <= degraded(row) for names, row in some])),
    }
    return {name: round(share, 3) for name, share in shares.items()}


def by_heads(measured: Sequence[Measurements], rows: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import QuantileTransformer, StandardScaler

    keys = sorted(set.intersection(*(set(one) for one in measured)))
    table = np.array([[one[key].value for key in keys] for one in measured])
    train = np.array([row["split"] == "train" for row in rows])
    truth = np.array([row["cause"] for row in rows])
    heads = {
        "head: shrunk LDA": make_pipeline(StandardScaler(), LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")),
        "head: logistic": make_pipeline(
            QuantileTransformer(output_distribution="normal", n_quantiles=100),
            LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced"),
        ),
        "head: forest": RandomForestClassifier(300, min_samples_leaf=2, class_weight="balanced", random_state=0),
    }
    return {name: [str(told) for told in head.fit(table[train], truth[train]).predict(table)] for name, head in heads.items()}


def accuracy(told: Sequence[str], rows: Sequence[Mapping[str, str]], split: str, *, ties: bool = False) -> float:
    right = []
    for one, row in zip(told, rows, strict=True):
        if row["split"] == split:
            alike = row["note"].removeprefix("ties: ").split(",") if ties and row["note"].startswith("ties: ") else []
            right.append(one == row["cause"] or one in alike)
    return round(float(np.mean(right)), 3)


if __name__ == "__main__":
    main()
