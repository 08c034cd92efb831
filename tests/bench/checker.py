"""Is what a diagnosis says true? Every number it cites, and the path from the recording to the cause, checked by other code.

Read are the inspection's JSON document, the raw recording, the catalogue's YAML and the table of good parts (`normal.json`); nothing of
`inspector.diagnosis` is imported. A fault is one line that says what does not hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from inspector.config import MachineConfig
from inspector.parts import PartRecord
from tests.bench.recomputing import Cited, Recomputed, recompute

_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
ONSETS = ("step", "ripple_line")
BEGAN_WITHIN_S = 0.25
INSIDE_SHARE = 0.85
"""Of the good parts must lie within an expected range."""


@dataclass
class Checked:
    """What became of one inspection's claims."""

    numbers: int = 0
    unknown: int = 0
    """Quantities that the checker cannot recompute."""
    faults: list[str] = field(default_factory=list)


def check(
    document: Mapping[str, Any], record: PartRecord, machine: MachineConfig, catalogue: Mapping[str, Any], normal: Mapping[str, Any]
) -> Checked:
    """Return what of an inspection's diagnosis does not hold."""
    checked = Checked()
    for cause in document["causes"]:
        for side in ("evidence", "against"):
            for item in cause.get(side, ()):
                checked.faults += [f"{cause['name']}, {side}: {fault}" for fault in _item(item, side, record, machine, normal, checked)]
                checked.faults += [f"{cause['name']}, {side}: {fault}" for fault in _path(item, side, cause["name"], catalogue)]
    checked.faults += list(_conclusion(document, record))
    checked.faults += list(_order(document["causes"]))
    return checked


# --- the numbers -----------------------------------------------------------------------------------------------------------------


def _item(
    item: Mapping[str, Any], side: str, record: PartRecord, machine: MachineConfig, normal: Mapping[str, Any], checked: Checked
) -> Iterator[str]:
    what = f"{item['channel']}.{item['kind']}"
    yield from _texts(item, what)
    yield from _range(item, what, normal)
    if item["kind"] == "quality":  # the model's own look at the signal, no quantity of the recording
        return
    cited = Cited(item["channel"], item["kind"], item["measured"], item["start_s"], item["end_s"], item.get("at_hz"))
    answer = recompute(cited, record, machine)
    if answer is None:
        checked.unknown += 1
        return
    checked.numbers += 1
    if not answer.agrees(item["measured"]):
        yield f"{what} is said to be {item['measured']:.5g}, the recording gives {answer.value:.5g}"
    if isinstance(answer, Recomputed) and answer.began_s is not None and abs(answer.began_s - item["start_s"]) > BEGAN_WITHIN_S:
        yield f"{what} is said to have begun at {item['start_s']:.2f} s, the recording says {answer.began_s:.2f} s"


def _texts(item: Mapping[str, Any], what: str) -> Iterator[str]:
    """Yield the numbers of the words that are not those of the fields, and fields that the words leave out."""
    fields = [item["measured"], item["expected_low"], item["expected_high"]]
    times = [
        abs(item["start_s"]),
        abs(item["end_s"]),
        item["end_s"] - item["start_s"],
        100 * (item.get("beyond_share") or 0.0),
        item.get("at_hz"),
    ]
    for language, text in item["text"].items():
        said = [(token, float(token)) for token in _NUMBER.findall(_without_names(text))]
        for value in fields:
            if value is not None and not any(_rounds_to(value, token) for token, _ in said):
                yield f"{what}: the words ({language}) do not say {value:.5g}"
        for token, _ in said:
            if not any(value is not None and _rounds_to(value, token) for value in (*fields, *times)):
                yield f"{what}: the words ({language}) say {token}, which is nowhere measured"


def _without_names(text: str) -> str:
    """Take out the numbers that are names: bands, orders of the shaft, octaves."""
    text = re.sub(r"\(?\d+(?:\.\d+)? (?:to|至) \d+(?:\.\d+)? k?Hz\)?(?= band|频带|）频带)", "", text)
    text = re.sub(r"[（(]\d+ (?:to|至) \d+ k?Hz[)）]|\d+ to \d+ k?Hz band|\d+ 至 \d+ k?Hz", "", text)
    text = re.sub(r"below 120 Hz|120 Hz 以下|octave at \d+ Hz|\d+ Hz 倍频程|\b\dx\b|\d(?:st|nd|rd|th)\b|4 至 10 次", "", text)
    return re.sub(r"ratio of 2x to 1x|2x 与 1x", "", text)


def _rounds_to(value: float, token: str) -> bool:
    return abs(float(token) - value) <= 0.5001 * 10.0 ** -len(token.partition(".")[2])


def _range(item: Mapping[str, Any], what: str, normal: Mapping[str, Any]) -> Iterator[str]:
    key, low, high = f"{item['channel']}.{item['kind']}", item["expected_low"], item["expected_high"]
    if low is None or high is None or key not in normal["quantities"]:
        return
    column = normal["quantities"].index(key)
    good = np.array([row[column] for row in normal["rows"] if column < len(row) and row[column] is not None], dtype=np.float64)
    inside = np.mean((good >= low) & (good <= high))
    if inside < INSIDE_SHARE:
        yield f"{what}: only {inside:.0%} of good parts lie within the range that is called normal"
    if (said := item.get("beyond_share")) is not None:
        far = good >= item["measured"] if item["measured"] >= np.median(good) else good <= item["measured"]
        if abs(float(far.mean()) - said) > 0.006:
            yield f"{what}: {said:.1%} of good parts are said to lie as far out, {far.mean():.1%} do"


# --- the path --------------------------------------------------------------------------------------------------------------------


def _path(item: Mapping[str, Any], side: str, cause: str, catalogue: Mapping[str, Any]) -> Iterator[str]:
    """Yield what does not hold between a quantity and the line of the catalogue that is said to make it speak."""
    if cause == "not_measured":
        return
    what = f"{item['channel']}.{item['kind']}"
    name, _, number = item.get("rule", "").partition(".symptoms.")
    entry = next((one for one in catalogue["causes"] if one["name"] == name), None)
    if name != cause or entry is None or not number.isdecimal() or int(number) >= len(entry["symptoms"]):
        yield f"{what}: rule '{item.get('rule')}' is none of this cause"
        return
    symptom = entry["symptoms"][int(number)]
    if not any(fnmatchcase(item["kind"], kind) for kind in symptom["kind"].split("|")):
        yield f"{what}: the rule speaks of {symptom['kind']}"
    if "channel" in symptom and not re.search(symptom["channel"], item["channel"], re.IGNORECASE):
        yield f"{what}: the rule does not speak of this channel"
    if side == "evidence" and not _outside(item, symptom.get("direction", "high")):
        yield f"{what}: does not lie outside its range on the side that the rule names"
    ratio = item.get("likelihood_ratio")
    if ratio is not None and (ratio > 1) != (side == "evidence"):
        yield f"{what}: a likelihood ratio of {ratio:.2f} does not speak this way"


def _outside(item: Mapping[str, Any], direction: str) -> bool:
    above = item["expected_high"] is not None and item["measured"] > item["expected_high"]
    below = item["expected_low"] is not None and item["measured"] < item["expected_low"]
    return {"high": above, "low": below, "any": above or below}[direction]


def _conclusion(document: Mapping[str, Any], record: PartRecord) -> Iterator[str]:
    """Yield the numbers of the operator's sentence that no piece of evidence of a named cause holds."""
    items = [item for cause in document["causes"] for item in cause.get("evidence", ())]
    values = [item[name] for item in items for name in ("measured", "expected_low", "expected_high", "at_hz") if item.get(name) is not None]
    values += [-item["start_s"] / unit for item in items for unit in (1, 60, 3600, 86_400)] + [float(len(record.present))]
    for language, text in document["conclusion"].items():
        for token in _NUMBER.findall(_without_names(text)):
            if not any(_rounds_to(value, token) for value in values):
                yield f"conclusion ({language}): {token} is in no evidence"


def _order(causes: list[Mapping[str, Any]]) -> Iterator[str]:
    chances = [cause["probability"] for cause in causes]
    if chances != sorted(chances, reverse=True) or not all(0 <= chance <= 1 + 1e-9 for chance in chances):
        yield "causes are not in the order of their probability"
