"""Cases as CSV: read what plants export, column by column as the user maps it; write what can be read again.

A row is a case or it is reported with its reason. Nothing is guessed: an unknown outcome is None, a number that is none is an error.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from inspector.errors import DataError, UsageError
from inspector.knowledge.sheets import SUFFIXES, sheet_rows
from inspector.parts import Case, Parameter

TEXT_FIELDS = ("case_id", "symptom", "action", "fix_id", "defect", "cause", "station", "product", "who")
NUMBER_FIELDS = ("minutes", "cost")
FIELDS = (*TEXT_FIELDS[:8], "outcome", *NUMBER_FIELDS, "who", "when")

_PARAMETER = re.compile(r"parameter:(?P<name>[^:]+):(?P<unit>[^:]*)")
_NUMBER = re.compile(r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?")
_OUTCOMES = {
    True: "helped, yes, y, true, 1, ok, solved, fixed, effective, success, successful, resolved, 有效, 是, 已解决, 解决, 成功",
    False: "not_helped, not helped, no, n, false, 0, not ok, nok, not solved, failed, failure, ineffective, no effect, unsuccessful, "
    "not effective, unresolved, 无效, 否, 未解决, 没解决, 失败",
}
_OUTCOME_OF_WORD = {word.strip(): helped for helped, words in _OUTCOMES.items() for word in words.split(",")}
_DATE_ORDERS = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日")
_SHOWN_CHARACTERS = 40


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


def read_cases(path: Path, mapping: Mapping[str, str] | None = None, encoding: str = "utf-8-sig") -> CaseTable:
    """Read cases from a CSV file; columns named like a field need no mapping. Raises DataError, and UsageError for a bad mapping."""
    rows = _rows(path, encoding)
    header = next(rows, None)
    if header is None:
        raise DataError("is empty; the first row must name the columns", path=path)
    fields = _fields_of(header[1], mapping or {}, path)
    cases: list[Case] = []
    bad_rows: list[BadRow] = []
    unknown = 0
    for row, cells in rows:
        try:
            case, outcome_known = _case(fields, cells, len(header[1]))
        except ValueError as error:
            bad_rows.append(BadRow(row, str(error)))
        else:
            cases.append(case)
            unknown += not outcome_known
    return CaseTable(tuple(cases), tuple(bad_rows), unknown)


def rows_of(path: Path, encoding: str = "utf-8-sig") -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of a table's rows that hold anything, from CSV or a spreadsheet. Raises DataError, UsageError."""
    return sheet_rows(path) if path.suffix.casefold() in SUFFIXES else _rows(path, encoding)


def parse_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """Return COLUMN -> FIELD of `--map` arguments. Raises UsageError."""
    mapping: dict[str, str] = {}
    for pair in pairs:
        column, equals, name = pair.rpartition("=")
        if not equals or not column or not name:
            raise UsageError(f"--map '{pair}': write COLUMN=FIELD, e.g. problem=symptom")
        _checked_field(name)
        if column in mapping:
            raise UsageError(f"--map '{pair}': column '{column}' is mapped twice")
        mapping[column] = name
    return mapping


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


# --- the file ------------------------------------------------------------------------------------------------------------------


def _rows(path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of the rows that hold anything."""
    text = _text(path, encoding)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        row = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"is not a CSV file from here on: {error}", path=path, row=row) from error
        if any(cell.strip() for cell in cells):
            yield row, cells


def _text(path: Path, encoding: str) -> str:
    try:
        return path.read_bytes().decode(encoding)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=path) from error
    except LookupError as error:
        raise UsageError(f"--encoding '{encoding}': there is no such encoding; use e.g. utf-8, gb18030, cp1252") from error
    except UnicodeDecodeError as error:
        row = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"is not text in {encoding}; name another with --encoding, e.g. gb18030 or cp1252", path=path, row=row) from error


def _delimiter(text: str) -> str:
    header = text.partition("\n")[0]
    return max(",;\t", key=header.count)


# --- the columns ---------------------------------------------------------------------------------------------------------------


def _fields_of(header: Sequence[str], mapping: Mapping[str, str], path: Path) -> list[str | None]:
    """Return the field of each column, None for a column that is not read."""
    names = [name.strip() for name in header]
    if missing := [column for column in mapping if column not in names]:
        raise DataError(f"has no column '{missing[0]}'; its columns are {', '.join(names)}", path=path, row=1)
    fields = [mapping.get(name) or (name if name in FIELDS or _PARAMETER.fullmatch(name) else None) for name in names]
    taken = [field for field in fields if field is not None]
    if twice := next((field for field in taken if taken.count(field) > 1), None):
        raise DataError(f"more than one column is read as '{twice}'; map only one of them", path=path, row=1)
    if not {"action", "fix_id"} & set(taken):
        raise DataError(f"no column is read as 'action'; name it with --map COLUMN=action (columns: {', '.join(names)})", path=path, row=1)
    if not {"symptom", "defect", "cause"} & set(taken):
        raise DataError(
            f"no column is read as 'symptom'; name it with --map COLUMN=symptom (columns: {', '.join(names)})", path=path, row=1
        )
    return fields


def _checked_field(name: str) -> str:
    if name in FIELDS or _PARAMETER.fullmatch(name):
        return name
    raise UsageError(f"--map: there is no field '{name}'; fields are {', '.join(FIELDS)} and parameter:NAME:UNIT")


# --- the cells -----------------------------------------------------------------------------------------------------------------


def _case(fields: Sequence[str | None], cells: Sequence[str], width: int) -> tuple[Case, bool]:
    """Return a row's case, and whether its outcome was understood. Raises ValueError with the reason where there is none."""
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
    return case, helped is not None or "outcome" not in given


def _amount(name: str, cell: str) -> float:
    value = _number(name, cell)
    if value < 0:
        raise ValueError(f"{name} '{_short(cell)}' is below 0")
    return value


def _parameter(field: str, cell: str) -> Parameter:
    match = _PARAMETER.fullmatch(field)
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
