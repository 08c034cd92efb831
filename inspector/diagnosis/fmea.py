"""Causes from a table: an FMEA worksheet, or a list of causes with their symptoms, as entries of a catalogue.

A row speaks of one cause; rows of the same cause are joined. What a table does not say is not made up: a cause without symptoms waits
for them. A row that cannot be read is named with its reason, and the others are kept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from inspector.diagnosis.catalogue import Catalogue, fits_kind
from inspector.diagnosis.wording import known_kinds
from inspector.errors import UsageError
from inspector.mistakes import unknown
from inspector.parts import Modality

COLUMNS: dict[str, str] = {
    "cause": "cause, potential cause, potential causes, failure cause, cause of failure, root cause, "
    "potential causes of failure, potential causes mechanisms of failure, "
    "失效原因, 潜在失效原因, 原因, 故障原因, 失效起因",
    "cause_zh": "cause zh, cause chinese, 原因中文",
    "defect": "defect, failure mode, potential failure mode, 失效模式, 潜在失效模式, 缺陷, 故障模式",
    "because": "because, effect, effects, failure effect, potential effect, potential effects of failure, "
    "失效后果, 潜在失效后果, 后果, 失效影响",
    "occurrence": "occurrence, occ, o, 发生度, 频度, 频度数",
    "prior": "prior",
    "chance": "chance",
    "test": "test, current control, current controls, detection control, current controls detection, "
    "current detection control, current process controls detection, "
    "current process controls, 现行控制, 探测控制, 现行探测控制, 现行过程控制, 检测方法",
    "test_zh": "test zh, test chinese, 检测方法中文",
    "minutes": "minutes, min, test minutes, 分钟",
    "kind": "kind, quantity, symptom, 征兆, 测量量",
    "channel": "channel, 通道",
    "unit": "unit, 单位",
    "modality": "modality",
    "direction": "direction, 方向",
    "p_if_present": "p_if_present",
    "p_if_absent": "p_if_absent",
}
"""Field -> the headings under which it is known; upper and lower case, punctuation and line breaks do not count."""
USUAL_PRIOR, USUAL_CHANCE, USUAL_MINUTES = 0.02, 0.3, 10.0
USUAL_PRESENT, USUAL_ABSENT = 0.6, 0.05
HEADINGS_WITHIN = 20
"""Rows from the top in which the headings of a worksheet are looked for."""
HIGHEST_PRIOR, PRIOR_STEP = 0.12, 1.5
"""Of occurrence 10, and how much rarer each rating below is: FMEA ratings are ranks, and a catalogue's priors compare causes of parts that
are being asked about; the frequencies behind the ratings (AIAG-VDA 2019) would drown all that ships."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that says nothing that can be kept."""

    row: int
    reason: str


@dataclass(slots=True)
class Imported:
    """What a table became: the content of a catalogue file, and what is to be told of it."""

    content: dict[str, Any] = field(default_factory=lambda: {"causes": [], "defects": {}})
    bad_rows: list[BadRow] = field(default_factory=list)
    unused_columns: list[str] = field(default_factory=list)
    without_symptoms: list[str] = field(default_factory=list)
    rows: int = 0


def causes_from_rows(
    rows: Iterable[tuple[int, Sequence[str]]], catalogue: Catalogue, mapping: Mapping[str, str] | None = None, *, worksheet: bool = False
) -> Imported:
    """Return a table as catalogue content over `catalogue`, whose causes and defects are recognised by name and by title.

    `mapping` (column -> field) comes before the headings that are known. In a `worksheet` titles may stand above the headings, and a
    failure mode and its effect hold for the rows below that leave them out. Raises UsageError where no column names a cause.
    """
    header, body = _split(list(rows), mapping or {}, worksheet)
    fields = _fields(header, mapping or {})
    imported = Imported(unused_columns=[name for place, name in enumerate(header) if place not in fields.values() and name.strip()])
    entries: dict[str, dict[str, Any]] = {}
    above: dict[str, str] = {}
    for row, cells in body:
        said = {name: cells[place].strip() for name, place in fields.items() if place < len(cells) and cells[place].strip()}
        imported.rows += 1
        if worksheet:
            above = ({} if "defect" in said else above) | {name: said[name] for name in ("defect", "because") if name in said}
            said = above | said
        try:
            _join(entries, _Row(said, catalogue), imported.content["defects"])
        except ValueError as error:
            imported.bad_rows.append(BadRow(row, str(error)))
    imported.content["causes"] = [_bounded(entry) for entry in entries.values()]
    imported.without_symptoms = [entry["name"] for entry in entries.values() if not entry["symptoms"]]
    return imported


def _split(
    rows: Sequence[tuple[int, Sequence[str]]], mapping: Mapping[str, str], worksheet: bool
) -> tuple[Sequence[str], Sequence[tuple[int, Sequence[str]]]]:
    """Return the headings and the rows below them."""
    if not rows:
        raise UsageError("the table is empty; its first row must name the columns")
    for place, (_, cells) in enumerate(rows[:HEADINGS_WITHIN] if worksheet else ()):
        if any(_KNOWN.get(_folded(cell)) == "cause" or mapping.get(cell) == "cause" for cell in cells):
            return cells, rows[place + 1 :]
    return rows[0][1], rows[1:]


def _fields(header: Sequence[str], mapping: Mapping[str, str]) -> dict[str, int]:
    for column, name in mapping.items():
        if column not in header:
            raise UsageError(f"--map {column}={name}: {unknown('column', column, header)}")
        if name not in COLUMNS:
            raise UsageError(f"--map {column}={name}: {unknown('field', name, COLUMNS)}")
    found: dict[str, int] = {name: list(header).index(column) for column, name in mapping.items()}
    for place, column in enumerate(header):
        field_ = _KNOWN.get(_folded(column))
        if field_ is not None and column not in mapping:
            found.setdefault(field_, place)
    if "cause" not in found:
        columns = ", ".join(name for name in header if name.strip())
        raise UsageError(f"no column names a cause; there are {columns}: say which with --map COLUMN=cause")
    return found


def _folded(text: str) -> str:
    """Return a heading or a title by its words alone."""
    return " ".join(re.findall(r"[^\W_]+", re.sub(r"\(s\)", "s", text.casefold())))


_KNOWN = {_folded(word): name for name, words in COLUMNS.items() for word in words.split(",")}


# --- one row ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Row:
    said: Mapping[str, str]
    catalogue: Catalogue

    def entry(self) -> dict[str, Any]:
        """Return the row's cause as it is known, or as a new one."""
        words = self.said.get("cause")
        if not words:
            raise ValueError("names no cause")
        for rule in self.catalogue.causes:
            if _folded(words) in map(_folded, (rule.name, rule.title.en, rule.title.zh)):
                return rule.model_dump(mode="json", exclude_defaults=True) | {
                    "symptoms": [_plain(s) for s in rule.symptoms],
                    "defects": dict(rule.defects),
                }
        zh = self.said.get("cause_zh", words)
        because = self.said.get("because")
        return {
            "name": slug(words, "cause"),
            "title": {"en": words, "zh": zh},
            "prior": USUAL_PRIOR,
            "because": {"en": because, "zh": because} if because else {"en": "as the FMEA says", "zh": "据 FMEA"},
            "symptoms": [],
            "defects": {},
            "test": self._test(),
        }

    def prior(self) -> float | None:
        """Return how common the cause is, by its chance or its occurrence rating; None where the row does not say."""
        if "prior" in self.said:
            return self._share("prior")
        if "occurrence" not in self.said:
            return None
        rating = self._number("occurrence")
        if not 1 <= rating <= 10:
            raise ValueError(f"occurrence {self.said['occurrence']} must lie between 1 and 10")
        return round(float(HIGHEST_PRIOR / PRIOR_STEP ** (10 - rating)), 5)

    def defect(self) -> tuple[str, dict[str, str] | None] | None:
        """Return the kind of defect, with its title where the catalogue does not know it."""
        words = self.said.get("defect")
        if not words:
            return None
        for kind, title in self.catalogue.defects.items():
            if _folded(words) in map(_folded, (kind, title.en, title.zh)):
                return kind, None
        return slug(words, "defect"), {"en": words, "zh": words}

    def chance(self) -> float:
        return self._share("chance") if "chance" in self.said else USUAL_CHANCE

    def symptom(self) -> dict[str, Any] | None:
        """Return the row's symptom, None where it names no quantity."""
        kind = self.said.get("kind")
        if not kind:
            return None
        if not any(fits_kind(kind, name) for name in known_kinds()):
            raise ValueError(unknown("quantity", kind, known_kinds()))
        symptom: dict[str, Any] = {"kind": kind}
        for name, allowed in (("direction", ("high", "low", "any")), ("modality", get_args(Modality))):
            if name in self.said:
                if self.said[name] not in allowed:
                    raise ValueError(unknown(name, self.said[name], allowed))
                symptom[name] = self.said[name]
        if "channel" in self.said:
            symptom["channel"] = _pattern(self.said["channel"])
        if "unit" in self.said:
            symptom["unit"] = [unit.strip() for unit in re.split(r"[,;]", self.said["unit"])]
        symptom["p_if_present"] = self._share("p_if_present") if "p_if_present" in self.said else USUAL_PRESENT
        symptom["p_if_absent"] = self._share("p_if_absent") if "p_if_absent" in self.said else USUAL_ABSENT
        return symptom

    def _test(self) -> dict[str, Any]:
        words = self.said.get("test")
        title = (
            {"en": words, "zh": self.said.get("test_zh", words)} if words else {"en": "look at the cause itself", "zh": "直接检查该原因"}
        )
        minutes = self._number("minutes") if "minutes" in self.said else USUAL_MINUTES
        if minutes <= 0:
            raise ValueError(f"minutes {self.said['minutes']} must be above 0")
        return {**title, "minutes": minutes}

    def _number(self, name: str) -> float:
        try:
            return float(self.said[name].replace(",", "."))
        except ValueError as error:
            raise ValueError(f"{name} '{self.said[name]}' is not a number") from error

    def _share(self, name: str) -> float:
        value = self._number(name)
        if not 0 < value < 1:
            raise ValueError(f"{name} {self.said[name]} must lie between 0 and 1")
        return value


def _join(entries: dict[str, dict[str, Any]], row: _Row, titles: dict[str, dict[str, str]]) -> None:
    """Add what a row says to the entry of its cause. Raises ValueError before anything is changed."""
    fresh, prior, defect, symptom = row.entry(), row.prior(), row.defect(), row.symptom()
    chance = row.chance()
    entry = entries.setdefault(fresh["name"], fresh)
    if prior is not None:
        entry["prior"] = prior
    if defect is not None:
        kind, title = defect
        entry["defects"][kind] = max(chance, entry["defects"].get(kind, 0.0))
        if title is not None:
            titles[kind] = title
    if symptom is not None and symptom not in entry["symptoms"]:
        entry["symptoms"].append(symptom)


def _bounded(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry whose defects are together at most certain."""
    total = sum(entry["defects"].values())
    return entry | {"defects": {kind: round(chance / max(total, 1.0), 4) for kind, chance in entry["defects"].items()}}


def _plain(symptom: Any) -> dict[str, Any]:
    return dict(symptom.model_dump(mode="json", exclude_defaults=True))


def _pattern(channel: str) -> str:
    try:
        re.compile(channel)
    except re.error as error:
        raise ValueError(f"channel '{channel}' is not a regular expression: {error}") from error
    return channel


def slug(words: str, otherwise: str) -> str:
    """Return words as a name for files; of words without Latin letters, a name of their own that stays the same."""
    name = "_".join(re.findall(r"[a-z0-9]+", words.casefold()))
    if re.match(r"[a-z]", name) and len(name) >= 2:
        return name[:60]
    return f"{otherwise}_{hashlib.sha256(words.encode()).hexdigest()[:8]}"
