"""Cases as tables: read what plants export, column by column as the user maps it; write what can be read again.

A row is a case or it is reported with its reason. Nothing is guessed: an unknown outcome is None, a number that is none is an error.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inspector.errors import DataError, UsageError
from inspector.knowledge.columns import FIELDS, NUMBER_FIELDS, PARAMETER, TEXT_FIELDS, fields_of
from inspector.knowledge.sheets import rows
from inspector.parts import Case, Parameter

_NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?")
_OUTCOMES = {
    True: "helped, yes, y, true, 1, ok, solved, fixed, effective, success, successful, resolved, 有效, 是, 已解决, 解决, 成功",
    False: "not_helped, not helped, no, n, false, 0, not ok, nok, not solved, failed, failure, ineffective, no effect, unsuccessful, "
    "not effective, unresolved, 无效, 否, 未解决, 没解决, 失败",
}
_OUTCOME_OF_WORD = {word.strip(): helped for helped, words in _OUTCOMES.items() for word in words.split(",")}
_DATE_ORDERS = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日")
_SHOWN_CHARACTERS = 40
_WORDS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no case; `row` is its line in the file, the header being line 1."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class CaseTable:
    """What a file held."""

    cases: tuple[Case, ...]
    bad_rows: tuple[BadRow, ...]
    unknown_outcomes: int = 0
    """Rows whose outcome was given in words that are not known; they are cases without an outcome."""
    unknown_words: tuple[str, ...] = ()
    """The first of those words."""
    rows: tuple[int, ...] = ()
    """Where each case stands in the file."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Column -> field, as it was read."""
    guessed: Mapping[str, str] = field(default_factory=dict)
    """Those of `columns` that were not mapped but guessed from the column's name."""


def read_cases(path: Path, mapping: Mapping[str, str] | None = None, encoding: str = "utf-8-sig", sheet: str | None = None) -> CaseTable:
    """Read cases from a CSV file or a workbook; columns with usual names need no mapping. Raises DataError, and UsageError."""
    lines = rows(path, encoding, sheet)
    header = next(lines, None)
    if header is None:
        raise DataError("is empty; the first row must name the columns", path=path)
    fields, guessed = fields_of(header[1], mapping or {}, path)
    read = {name.strip(): field for name, field in zip(header[1], fields, strict=True) if field}
    cases: list[Case] = []
    places: list[int] = []
    bad_rows: list[BadRow] = []
    unknown: dict[str, int] = {}
    for row, cells in lines:
        try:
            case, strange = _case(fields, cells, len(header[1]))
        except ValueError as error:
            bad_rows.append(BadRow(row, str(error)))
        else:
            cases.append(case)
            places.append(row)
            if strange:
                unknown[strange] = unknown.get(strange, 0) + 1
    words = tuple(_short(word) for word in list(unknown)[:_WORDS_SHOWN])
    return CaseTable(tuple(cases), tuple(bad_rows), sum(unknown.values()), words, tuple(places), read, guessed)


def write_cases(path: Path, cases: Sequence[Case]) -> None:
    """Write cases so that `read_cases` returns them again. Raises UsageError when the file cannot be written."""
    settings = list(dict.fromkeys((p.name, p.unit) for case in cases for p in case.parameters))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*FIELDS, *(f"parameter:{name}:{unit}" for name, unit in settings)])
    for case in cases:
        values = {(p.name, p.unit): repr(float(p.value)) for p in case.parameters}
        writer.writerow([*(_cell(case, name) for name in FIELDS), *(values.get(setting, "") for setting in settings)])
    try:
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


# --- the cells -----------------------------------------------------------------------------------------------------------------


def _case(fields: Sequence[str | None], cells: Sequence[str], width: int) -> tuple[Case, str]:
    """Return a row's case, and its outcome where that was not understood. Raises ValueError with the reason where there is none."""
    if len(cells) != width:
        raise ValueError(f"has {len(cells)} cells, the header has {width}")
    given = {name: cell.strip() for name, cell in zip(fields, cells, strict=True) if name is not None and cell.strip()}
    if "action" not in given and "fix_id" not in given:
        raise ValueError("no action")
    if not {"symptom", "defect", "cause"} & set(given):
        raise ValueError("no symptom, defect or cause")
    values: dict[str, Any] = {name: given[name] for name in TEXT_FIELDS if name in given}
    values |= {name: _amount(name, given[name]) for name in NUMBER_FIELDS if name in given}
    helped = _OUTCOME_OF_WORD.get(" ".join(given.get("outcome", "").casefold().split()))
    case = Case(
        **{"case_id": "", **values},
        helped=helped,
        parameters=tuple(_parameter(name, cell) for name, cell in given.items() if name.startswith("parameter:")),
        when=_instant(given["when"]) if "when" in given else None,
    )
    return case, given.get("outcome", "") if helped is None else ""


def _amount(name: str, cell: str) -> float:
    value = _number(name, cell)
    if value < 0:
        raise ValueError(f"{name} '{_short(cell)}' is below 0")
    return value


def _parameter(field: str, cell: str) -> Parameter:
    match = PARAMETER.fullmatch(field)
    assert match is not None  # only such fields are handed over
    name, unit = match["name"], match["unit"]
    return Parameter(name, _number(name, cell.removesuffix(unit).strip() if unit else cell), unit)


def _number(name: str, cell: str) -> float:
    if not _NUMBER.fullmatch(cell):
        raise ValueError(f"{name} '{_short(cell)}' is not a number")
    value = float(cell.replace(",", "."))
    if not math.isfinite(value):
        raise ValueError(f"{name} '{_short(cell)}' is too large")
    return value


def _instant(cell: str) -> str:
    """Return ISO 8601 in UTC; a time without a zone is taken as UTC."""
    try:
        instant = datetime.fromisoformat(cell)
    except ValueError:
        instant = next((parsed for order in _DATE_ORDERS if (parsed := _parsed(cell, order)) is not None), None)  # type: ignore[assignment]
    if instant is None:
        raise ValueError(f"when '{_short(cell)}' is not a date; write 2026-03-31 or 2026-03-31T14:05")
    return (instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)).isoformat()


def _parsed(cell: str, order: str) -> datetime | None:
    try:
        return datetime.strptime(cell, order)
    except ValueError:
        return None


def _short(cell: str) -> str:
    return cell if len(cell) <= _SHOWN_CHARACTERS else f"{cell[:_SHOWN_CHARACTERS]}…"


def _cell(case: Case, name: str) -> str:
    if name == "outcome":
        return {True: "helped", False: "not helped", None: ""}[case.helped]
    value = getattr(case, name)
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)
