"""`inspector knowledge import`: past cases from a table or a knowledge pack into the memory of fixes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inspector.commands.output import counted, row_lines, write_json
from inspector.errors import UsageError

if TYPE_CHECKING:
    from inspector.knowledge.limits import SafeLimits
    from inspector.knowledge.tables import BadRow, CaseTable
    from inspector.parts import Case, Fix, Parameter
    from inspector.store import ImportResult, Store


def import_cases(arguments: argparse.Namespace, store: Store) -> int:
    """Read a file of cases and keep them; say what became of each row. Raises DataError, UsageError, StoreError."""
    fixes, table = _read(arguments)
    unsafe = _unsafe(table, [*store.fixes(), *fixes], store)
    result = None if arguments.dry_run else store.add_cases(table.cases, arguments.file.name, fixes)
    if arguments.json != "-":
        print("\n".join(_words(arguments.file, table, result, unsafe)))
    if arguments.json:
        write_json(arguments.json, _document(arguments.file, table, result, unsafe))
    return 0


def _read(arguments: argparse.Namespace) -> tuple[tuple[Fix, ...], CaseTable]:
    from inspector.knowledge.columns import parse_mapping
    from inspector.knowledge.packs import is_pack, read_pack
    from inspector.knowledge.tables import read_cases

    if not is_pack(arguments.file):
        return (), read_cases(arguments.file, parse_mapping(arguments.map), arguments.encoding, arguments.sheet)
    if arguments.map:
        raise UsageError("--map: the columns of a pack have their names already")
    pack = read_pack(arguments.file)
    return pack.fixes, pack.table


# --- settings that nobody should repeat ----------------------------------------------------------------------------------------


def _unsafe(table: CaseTable, fixes: Sequence[Fix], store: Store) -> list[BadRow]:
    """Return the rows whose setting lies outside what their fix or station allows: history that is kept, and never recommended."""
    from inspector.commands.installation import station_limits
    from inspector.knowledge.limits import SafeLimits
    from inspector.knowledge.tables import BadRow

    limits = SafeLimits(station_limits(store), fixes)
    known = {fix.fix_id: fix for fix in fixes}
    found = []
    for row, case in zip(table.rows, table.cases, strict=True):
        fix = known.get(case.fix_id or "")
        reasons = [reason for parameter in case.parameters if (reason := _why_unsafe(parameter, case, fix, limits))]
        found += [BadRow(row, reason) for reason in reasons]
    return found


def _why_unsafe(parameter: Parameter, case: Case, fix: Fix | None, limits: SafeLimits) -> str | None:
    from inspector.knowledge.limits import limits_of, permitted

    every = [limits_of(fix.parameters if fix else ()), *limits.at(case.station)]
    allowed = permitted(parameter.name, parameter.unit, every)
    said = f"{parameter.name} {parameter.value:g} {parameter.unit}"
    if allowed is None:
        return f"{said} cannot be held against the safe limits, which are in another unit or have nothing in common"
    if allowed[0] <= parameter.value <= allowed[1]:
        return None
    whose = f" of '{fix.fix_id}'" if fix else f" at '{case.station}'" if case.station else ""
    return f"{said} lies outside the safe limits {allowed[0]:g} to {allowed[1]:g}{whose}"


# --- words for people ----------------------------------------------------------------------------------------------------------


def _words(path: Path, table: CaseTable, result: ImportResult | None, unsafe: Sequence[BadRow]) -> Iterator[str]:
    bad = f"{counted(len(table.bad_rows), 'bad row')} left out"
    if result is None:
        yield f"{path}: {counted(len(table.cases), 'case')} could be read, {bad}; nothing was kept"
    else:
        fixes = f"{counted(result.fixes, 'fix')} and " if result.fixes else ""
        yield f"{path}: {fixes}{counted(result.added, 'case')} added, {counted(result.duplicates, 'duplicate')} merged, {bad}"
    if result is None or table.guessed:
        yield from (f"  {column} → {name}{' (guessed)' if column in table.guessed else ''}" for column, name in table.columns.items())
    if table.unknown_outcomes:
        has = "has" if table.unknown_outcomes == 1 else "have"
        words = ", ".join(f"'{word}'" for word in table.unknown_words)
        yield f"  {counted(table.unknown_outcomes, 'row')} {has} an outcome in words that are not known ({words}): kept without an outcome"
    yield from row_lines([(one.row, one.reason) for one in table.bad_rows])
    if unsafe:
        lies = "lies" if len(unsafe) == 1 else "lie"
        yield f"  {counted(len(unsafe), 'setting')} {lies} outside safe limits: kept as history, never recommended"
        yield from row_lines([(one.row, one.reason) for one in unsafe])
    if result is not None and result.batch_id:
        yield f"  take it back with: inspector knowledge undo {result.batch_id}"


def _document(path: Path, table: CaseTable, result: ImportResult | None, unsafe: Sequence[BadRow]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "file": str(path),
        "added": result.added if result else 0,
        "duplicates": result.duplicates if result else None,
        "fixes": result.fixes if result else 0,
        "unknown_outcomes": table.unknown_outcomes,
        "unknown_outcome_words": list(table.unknown_words),
        "columns": dict(table.columns),
        "guessed": list(table.guessed),
        "bad_rows": [asdict(bad) for bad in table.bad_rows],
        "outside_safe_limits": [asdict(one) for one in unsafe],
    }
    return document | ({"import": result.batch_id} if result and result.batch_id else {})
