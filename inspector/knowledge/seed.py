"""The fixes and demonstration cases that ship with the product (`data/knowledge/fixes.csv`, `cases.csv`)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from inspector.errors import DataError, UsageError
from inspector.home import shipped
from inspector.knowledge.tables import read_cases
from inspector.parts import Case, Fix, Parameter, Text

SEED_SOURCE = "demo"
"""Under which the shipped cases stand in the store: they are examples, not anyone's experience."""

_COLUMNS = ("fix_id", "action_en", "action_zh", "causes", "defects", "parameters", "minutes", "cost", "station")
_NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_SETTING = re.compile(r"(?P<name>\w+) = (?P<value>{N}) (?P<unit>.+?)(?: \((?P<low>{N})\.\.(?P<high>{N})\))?".replace("{N}", _NUMBER))


def load_seed(folder: Path | None = None) -> tuple[list[Fix], list[Case]]:
    """Return the shipped fixes and cases. Raises DataError naming file and row."""
    folder = folder or shipped("data/knowledge")
    path = folder / "cases.csv"
    table = read_cases(path)
    if table.bad_rows:
        raise DataError(table.bad_rows[0].reason, path=path, row=table.bad_rows[0].row)
    return read_fixes(folder / "fixes.csv"), list(table.cases)


def read_fixes(path: Path) -> list[Fix]:
    """Read fixes from CSV: lists are separated by ';', a setting is `name = value unit (low..high)`. Raises DataError."""
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", path=path) from error
    if not rows or tuple(rows[0]) != _COLUMNS:
        raise DataError(f"must have the columns {', '.join(_COLUMNS)}", path=path, row=1)
    fixes: dict[str, Fix] = {}
    for number, cells in enumerate(rows[1:], start=2):
        try:
            fix = _fix(cells)
        except ValueError as error:
            raise DataError(str(error), path=path, row=number) from error
        if fix.fix_id in fixes:
            raise DataError(f"fix '{fix.fix_id}' is there twice", path=path, row=number)
        fixes[fix.fix_id] = fix
    return list(fixes.values())


def write_fixes(path: Path, fixes: Sequence[Fix]) -> None:
    """Write fixes so that `read_fixes` returns them again. Raises UsageError when the file cannot be written."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for fix in fixes:
        amounts = ("" if amount is None else f"{amount:g}" for amount in (fix.minutes, fix.cost))
        settings = "; ".join(_setting(parameter) for parameter in fix.parameters)
        lists = ("; ".join(fix.causes), "; ".join(fix.defects), settings)
        writer.writerow([fix.fix_id, fix.action.en, fix.action.zh, *lists, *amounts, fix.station or ""])
    try:
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error


def _setting(parameter: Parameter) -> str:
    limits = "" if parameter.low is None or parameter.high is None else f" ({parameter.low!r}..{parameter.high!r})"
    return f"{parameter.name} = {parameter.value!r} {parameter.unit}{limits}"


def _fix(cells: list[str]) -> Fix:
    if len(cells) != len(_COLUMNS):
        raise ValueError(f"has {len(cells)} cells, the header has {len(_COLUMNS)}")
    fix_id, english, chinese, causes, defects, settings, minutes, cost, station = (cell.strip() for cell in cells)
    if not (fix_id and english and chinese):
        raise ValueError("fix_id, action_en and action_zh must be given")
    parameters = tuple(_parameter(text) for text in _listed(settings))
    return Fix(
        fix_id,
        Text(english, chinese),
        _listed(causes),
        _listed(defects),
        parameters,
        _amount("minutes", minutes),
        _amount("cost", cost),
        station or None,
    )


def _listed(cell: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in cell.split(";") if item.strip())


def _amount(name: str, cell: str) -> float | None:
    try:
        return float(cell) if cell else None
    except ValueError:
        raise ValueError(f"{name} '{cell}' is not a number") from None


def _parameter(text: str) -> Parameter:
    match = _SETTING.fullmatch(text)
    if match is None:
        raise ValueError(f"parameter '{text}': write name = value unit (low..high)")
    value = float(match["value"])
    low, high = (float(match["low"]), float(match["high"])) if match["low"] else (None, None)
    if low is not None and high is not None and not low <= value <= high:
        raise ValueError(f"parameter '{text}': the value lies outside its safe limits")
    return Parameter(match["name"], value, match["unit"], low, high)
