"""What physics alone says of bearings, with no training, and what a learned head makes of the same findings.

    python -m tests.bench.physics [uestc-bearing cwru bldc-motor made-up | FOLDER ...] [--split val] [--seed 2] [--verbose] [--symptoms]

By rule: the condition of a bearing from its margins (inspector/diagnosis/spectra/condition.py), the machine as the data set declares it.
Learned: a forest over what `measure` found, without whatever the gain of the sensor or the speed of the shaft changes. It is fitted on
split train where `--split val` is asked, on train and val where `--split test` is; across speeds or loads one of them is left out after
the other, within the parts that are not test. Lines are held against theory at the speed that the signal shows, else at the declared one.
Times are of one thread.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inspector.diagnosis import Measurement, Measurements, Normal, load_catalogue, measure
from inspector.diagnosis.catalogue import Symptom
from inspector.diagnosis.findings import findings
from inspector.diagnosis.measurements import Sheet
from inspector.diagnosis.spectra import measure_waveform
from inspector.diagnosis.spectra.condition import IMPACT_LIMIT, condition_of
from inspector.training.parts_folder import LabelledPart, load_parts_folder
from tests.bench.made_up_bearings import made_up

ROOT = Path(__file__).resolve().parents[2]
DATASETS = Path(os.environ.get("INSPECTOR_DATASETS", ROOT.parent / "shared" / "datasets"))
LABELS = {"sound": "ok", "outer_race": "outer_race", "inner_race": "inner_race", "rolling_element": "ball"}
LINES = {"outer_race": "bpfo", "inner_race": "bpfi"}
MADE_UP = "made-up"
_CATALOGUE = load_catalogue()
RUNNING = ("load_hp", "rpm", "speed_setting")
"""Columns that tell one running condition from another; the first that a set has with several values."""
GAIN_OR_SPEED = (
    "shaft_speed",
    "shaft_deviation",
    "loudness",
    "band_",
    "floor_",
    "shaft_1x",
    "shaft_2x",
    "shaft_3x",
    "shaft_4x_up",
    "low_line_amplitude",
    "missing_",
    "clipped_",
)
"""What a louder recording or a faster shaft changes; the line of the shaft against its background and the ratio of its harmonics stay."""
STAY = ("loudness_step", "shaft_1x_line", "shaft_2x_to_1x")


@dataclass(frozen=True)
class Read:
    """One part with what was measured on its one channel."""

    part: LabelledPart
    found: dict[str, Measurement]
    seconds: float

    @property
    def by_rule(self) -> str:
        """The label by the margins of damage; for a part without a bearing's lines, by its impacts alone."""
        chances = condition_of({kind: item.value for kind, item in self.found.items()})
        return LABELS[max(chances, key=lambda name: chances[name])] if chances else "not told"

    @property
    def numbers(self) -> dict[str, float]:
        """Everything measured that depends neither on the gain nor on the speed: octaves against the whole, lines in turns of the shaft."""
        whole = self.found["loudness"].value
        level = {kind: item.value - whole for kind, item in self.found.items() if kind.startswith("octave_")}
        rest = {kind: item.value for kind, item in self.found.items() if kind in STAY or not kind.startswith((*GAIN_OR_SPEED, "octave_"))}
        shaft_hz = self.shaft_hz or 1.0
        places = {f"{kind}@": item.at_hz / shaft_hz for kind, item in self.found.items() if item.at_hz is not None}
        return level | rest | places

    @property
    def shaft_hz(self) -> float | None:
        """The speed that the signal shows, else the declared one."""
        return self.found["shaft_speed"].value if "shaft_speed" in self.found else self.part.machine.shaft_hz


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["uestc-bearing", "cwru", "bldc-motor", MADE_UP])
    parser.add_argument("--split", choices=["val", "test"], default="val")
    parser.add_argument("--seed", type=int, default=2, help="of the bearings that are made up")
    parser.add_argument("--verbose", action="store_true", help="name every part that the rule gets wrong")
    parser.add_argument("--symptoms", action="store_true", help="only: how often symptoms of a bearing are seen, train and val")
    arguments = parser.parse_args(argv)
    if arguments.symptoms:
        print(symptoms([name for name in arguments.names if name != MADE_UP], arguments.seed))
        return 0
    for name in arguments.names:
        if name == MADE_UP:
            report_made_up(arguments.seed)
            continue
        folder = DATASETS / name if (DATASETS / name).is_dir() else Path(name)
        report(folder, arguments.split, verbose=arguments.verbose)
    return 0


def report(folder: Path, split: str, *, verbose: bool) -> None:
    parts = [part for part in load_parts_folder(folder).parts if part.split != "test" or split == "test"]
    reads = [read(part) for part in parts]
    asked = [item for item in reads if item.part.split == split]
    seen = [item for item in reads if item.part.split != "test"]
    print(f"== {folder.name}, {len(asked)} parts of split {split}; {1e3 * statistics.median(r.seconds for r in reads):.1f} ms a part")
    if any(item.by_rule != "not told" for item in reads):
        rule = [share(some, lambda r: r.by_rule) for some in (asked, seen)]
        print(f"  by rule, no training      {rule[0]:.3f}   (on train and val {rule[1]:.3f})")
        for line in (*by_condition(reads), *confusions(asked), *theory(asked)):
            print(f"    {line}")
    else:
        print("  by rule, no training      not told: neither bearing nor speed is declared. Impacts beyond any smooth swing, by label:")
        for label in sorted({item.part.label for item in reads}):
            heard = [item.found["repeated_impacts"].value > IMPACT_LIMIT for item in reads if item.part.label == label]
            print(f"    {label}: {sum(heard)} of {len(heard)}")
    if verbose:
        for item in reads:
            if item.by_rule not in (item.part.label, "not told"):
                margins = {kind: round(found.value, 1) for kind, found in item.found.items() if kind in LABELS}
                print(f"    {item.part.part_id}: {item.part.label}, said {item.by_rule}; {margins}")
    fitted = [item for item in reads if item.part.split == "train" or (split == "test" and item.part.split == "val")]
    print(f"  learned head, {split:4}        " + ", ".join(f"{learned(fitted, asked, seed):.3f}" for seed in range(3)) + "   (three seeds)")
    across = list(left_out(seen))
    if across:
        said = ", ".join(f"{value} {score:.3f}" for value, score in across)
        print(f"  learned head, one left out {statistics.mean(score for _, score in across):.3f}   ({said})")


def report_made_up(seed: int, count: int = 200) -> None:
    """Say what the rule makes of bearings, speeds and sampling rates of which there is no recording (tests/bench/made_up_bearings.py)."""
    told: dict[str, Counter[str]] = {}
    off, by_rate = [], {}
    for signal in made_up(count, seed):
        sheet = Sheet("housing", "vibration", 0.0, len(signal.samples) / signal.rate_hz)
        measure_waveform(sheet, signal.samples, signal.rate_hz, signal.machine)
        found = {item.kind: item for item in sheet.rows.values()}
        chances = condition_of({kind: item.value for kind, item in found.items()})
        said = max(chances, key=lambda name: chances[name], default="not told")
        told.setdefault(signal.condition, Counter())[said] += 1
        by_rate.setdefault(signal.rate_hz, []).append(said == signal.condition)
        if said == signal.condition and said in LINES:
            off.append(abs((found[f"envelope_{LINES[said]}"].at_hz or 0.0) / signal.line_hz - 1))
    right = sum(counts[condition] for condition, counts in told.items())
    print(f"== {MADE_UP}, {count} signals of seed {seed}\n  by rule, no training      {right / count:.3f}")
    print("    by rate: " + ", ".join(f"{rate_hz:.0f} Hz {statistics.mean(hits):.3f}" for rate_hz, hits in sorted(by_rate.items())))
    for condition, counts in told.items():
        print(f"    {condition}: " + ", ".join(f"{said} {n}" for said, n in counts.most_common()))
    print(f"    ring lines found: {statistics.mean(value <= 0.01 for value in off):.3f} of {len(off)} within 1 % of the true rate")


def symptoms(names: Sequence[str], seed: int) -> str:
    """Return how often each symptom that the catalogue gives a worn bearing is seen on worn and on sound ones.

    Without any good part, and on split val with the good parts of train. Each condition counts alike, however many parts it has;
    `data/knowledge/causes.yaml` takes its chances from here.
    """
    parts = [*_bearings(names), *_made_up_bearings(seed)]
    rows = [f"{'symptom':40} {'set':26} worn, mean of (each)"]
    for symptom in _CATALOGUE.by_name["bearing_wear"].symptoms:
        for name in dict.fromkeys(one[0] for one in parts):
            own = [one for one in parts if one[0] == name]
            good = Normal.fit(rows for _, split, condition, rows in own if split == "train" and condition == "sound")
            rows += _seen(symptom, name, [(condition, found) for _, _, condition, found in own], Normal())
            if good.parts >= 20:
                rows += _seen(symptom, f"{name}, good known", [(one[2], one[3]) for one in own if one[1] == "val"], good)
    return "\n".join(rows)


def _seen(symptom: Symptom, name: str, parts: Sequence[tuple[str, Measurements]], normal: Normal) -> Iterator[str]:
    seen: dict[str, list[bool]] = {}
    for condition, measured in parts:
        found = [one for one in findings(measured, normal, _CATALOGUE) if symptom.fits(one.measurement)]
        if found:
            seen.setdefault(condition, []).append(any(one.toward(symptom.direction) > 1 for one in found))
    worn = {condition: statistics.mean(flags) for condition, flags in seen.items() if condition != "sound"}
    if worn:
        each = ", ".join(f"{condition} {value:.2f}" for condition, value in worn.items())
        sound = f"sound {sum(seen.get('sound', ()))} of {len(seen.get('sound', ()))}"
        yield f"{symptom.kind:40} {name:26} {statistics.mean(worn.values()):.2f} ({each}); {sound}"


def _bearings(names: Sequence[str]) -> Iterator[tuple[str, str, str, Measurements]]:
    conditions = {label: condition for condition, label in LABELS.items()}
    for name in names:
        for part in load_parts_folder(DATASETS / name).parts:
            if part.split != "test" and part.machine.bearing is not None:
                yield name, part.split, conditions.get(part.label, part.label), measure(part.record(), part.machine)


def _made_up_bearings(seed: int) -> Iterator[tuple[str, str, str, Measurements]]:
    for signal in made_up(200, seed):
        sheet = Sheet("housing", "vibration", 0.0, len(signal.samples) / signal.rate_hz)
        measure_waveform(sheet, signal.samples, signal.rate_hz, signal.machine)
        yield MADE_UP, "", signal.condition, sheet.rows


def read(part: LabelledPart) -> Read:
    record = part.record()
    begun = time.thread_time()
    found = measure(record, part.machine)
    return Read(part, {item.kind: item for item in found.values()}, time.thread_time() - begun)


def share(reads: Sequence[Read], answer: Callable[[Read], str]) -> float:
    return statistics.mean(answer(item) == item.part.label for item in reads)


def running(reads: Sequence[Read]) -> str | None:
    return next((name for name in RUNNING if len({item.part.columns.get(name, "") for item in reads}) > 1), None)


def by_condition(reads: Sequence[Read]) -> list[str]:
    column = running(reads)
    if column is None:
        return []
    values = sorted({item.part.columns[column] for item in reads}, key=float)
    scores = [share([item for item in reads if item.part.columns[column] == value], lambda r: r.by_rule) for value in values]
    return [f"by {column}: " + ", ".join(f"{value} {score:.3f}" for value, score in zip(values, scores, strict=True))]


def confusions(reads: Sequence[Read]) -> list[str]:
    told: dict[str, Counter[str]] = {}
    for item in reads:
        told.setdefault(item.part.label, Counter())[item.by_rule] += 1
    return [f"{label}: " + ", ".join(f"{said} {n}" for said, n in counts.most_common()) for label, counts in sorted(told.items())]


def theory(reads: Sequence[Read]) -> list[str]:
    """Return how near to theory the lines of damaged rings were found."""
    lines = []
    for label, line in LINES.items():
        off = [100 * deviation for item in reads if item.part.label == label and (deviation := _deviation(item, line)) is not None]
        if off:
            near, middle = statistics.mean(abs(value) <= 1 for value in off), statistics.median(off)
            lines.append(f"{line} of {len(off)} parts found: {near:.3f} of them within 1 % of theory, median {middle:+.2f} %")
    return lines


def _deviation(item: Read, line: str) -> float | None:
    """Return how far a line that was found is from theory, as a share; None where it was not found."""
    part = item.part.machine
    if item.by_rule != item.part.label or part.bearing is None or item.shaft_hz is None:
        return None
    return (item.found[f"envelope_{line}"].at_hz or 0.0) / (getattr(part.bearing, f"{line}_per_rev") * item.shaft_hz) - 1


def learned(fitted: Sequence[Read], asked: Sequence[Read], seed: int) -> float:
    """Return the accuracy of a forest over the findings."""
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    kinds = sorted({kind for item in fitted for kind in item.numbers})
    forest = make_pipeline(SimpleImputer(), ExtraTreesClassifier(300, class_weight="balanced", random_state=seed))
    forest.fit(_table(fitted, kinds), [item.part.label for item in fitted])
    return float(np.mean(forest.predict(_table(asked, kinds)) == np.array([item.part.label for item in asked])))


def _table(reads: Sequence[Read], kinds: Sequence[str]) -> NDArray[np.float64]:
    return np.array([[item.numbers.get(kind, np.nan) for kind in kinds] for item in reads])


def left_out(reads: Sequence[Read]) -> list[tuple[str, float]]:
    """Return the accuracy at each running condition of a head that never saw it."""
    column = running(reads)
    if column is None:
        return []
    scores = []
    for value in sorted({item.part.columns[column] for item in reads}, key=float):
        asked = [item for item in reads if item.part.columns[column] == value]
        rest = [item for item in reads if item.part.columns[column] != value]
        if {item.part.label for item in asked} <= {item.part.label for item in rest}:
            scores.append((value, learned(rest, asked, 0)))
    return scores


if __name__ == "__main__":
    sys.exit(main())
