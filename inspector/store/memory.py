"""Fixes and cases as rows, and the import batches they came in."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from inspector.parts import Case, Fix, Parameter, Text
from inspector.store.confirmations import causes_named
from inspector.store.database import alone
from inspector.store.identity import timed_id
from inspector.store.models import CaseRow, FixRow, ImportBatchRow, StationLimitsRow, Table
from inspector.store.results import ImportBatch, ImportResult, KnowledgeMark

_CASE_FIELDS = tuple(Case.__dataclass_fields__)
_CASE_COLUMNS: list[Any] = [getattr(CaseRow, "when_utc" if name == "when" else name) for name in _CASE_FIELDS]
_AT_PARAMETERS = _CASE_FIELDS.index("parameters")


def all_fixes(connection: Connection) -> list[Fix]:
    return [_fix(row) for row in connection.execute(select(*FixRow.__table__.c).order_by(FixRow.fix_id))]


def all_cases(connection: Connection) -> list[Case]:
    return [_case(row) for row in connection.execute(select(*_CASE_COLUMNS).order_by(CaseRow.case_id))]


def add_cases(connection: Connection, cases: Sequence[Case], source: str, fixes: Iterable[Fix] = ()) -> ImportResult:
    """Write the cases, and the fixes that come with them, that are new, as one batch. A case without an id gets one from what it says."""
    alone(connection)
    new, new_fixes = _new_cases(connection, cases), _new_fixes(connection, fixes)
    if not new and not new_fixes:
        return ImportResult(None, 0, len(cases))
    batch_id, now_ns = timed_id(), _next_utc_ns(connection)
    connection.execute(insert(ImportBatchRow).values(batch_id=batch_id, source=source, wall_utc_ns=now_ns, cases=len(new)))
    _write(connection, CaseRow, [_case_row(case, mark, batch_id, now_ns) for mark, case in new.items()])
    _write(connection, FixRow, [_fix_row(fix, batch_id) for fix in new_fixes])
    return ImportResult(batch_id, len(new), len(cases) - len(new), len(new_fixes))


def put_case(connection: Connection, case: Case) -> None:
    """Write one case that belongs to no import, in place of what was said under its id before."""
    alone(connection)
    now_ns = _next_utc_ns(connection)
    connection.execute(delete(CaseRow).where(CaseRow.case_id == case.case_id))
    connection.execute(insert(CaseRow), [_case_row(case, fingerprint(case), None, now_ns)])


def seed(connection: Connection, fixes: Sequence[Fix], cases: Sequence[Case], source: str) -> None:
    """Write what of the shipped knowledge is missing. Looks for its ids only: the memory may be large."""
    alone(connection)
    _write(connection, FixRow, [_fix_row(fix, None) for fix in _new_fixes(connection, fixes)])
    ids = [case.case_id for case in cases]
    present = set(connection.execute(select(CaseRow.case_id).where(CaseRow.case_id.in_(ids))).scalars())
    if missing := [case for case in cases if case.case_id not in present]:
        add_cases(connection, missing, source)


def set_outcome(connection: Connection, case_id: str, helped: bool, who: str | None) -> bool:
    """Record whether a case helped; say whether there is such a case."""
    alone(connection)
    values: dict[str, Any] = {"helped": helped, "changed_utc_ns": _next_utc_ns(connection)}
    if who is not None:
        values["who"] = who
    return connection.execute(update(CaseRow).where(CaseRow.case_id == case_id).values(values)).rowcount > 0


def keep_limits(connection: Connection, station: str, limits: Mapping[tuple[str, str], tuple[float, float]]) -> None:
    connection.execute(delete(StationLimitsRow).where(StationLimitsRow.station == station))
    rows = [[setting, unit, low, high] for (setting, unit), (low, high) in limits.items()]
    connection.execute(insert(StationLimitsRow).values(station=station, limits=rows))


def all_limits(connection: Connection) -> dict[str, dict[tuple[str, str], tuple[float, float]]]:
    """Return station -> (setting, unit) -> (low, high)."""
    chosen = select(StationLimitsRow.station, StationLimitsRow.limits)
    return {
        station: {(setting, unit): (low, high) for setting, unit, low, high in limits} for station, limits in connection.execute(chosen)
    }


def all_batches(connection: Connection) -> list[ImportBatch]:
    chosen = select(*ImportBatchRow.__table__.c).where(ImportBatchRow.undone_utc_ns.is_(None)).order_by(ImportBatchRow.batch_id)
    return [ImportBatch(row.batch_id, row.source, row.wall_utc_ns, row.cases) for row in connection.execute(chosen)]


def remove_batch(connection: Connection, batch_id: str) -> int | None:
    """Delete an import with its cases and fixes; return how many cases went, None where there is no such import."""
    undone = update(ImportBatchRow).where(ImportBatchRow.batch_id == batch_id, ImportBatchRow.undone_utc_ns.is_(None))
    if not connection.execute(undone.values(undone_utc_ns=time.time_ns())).rowcount:
        return None
    removed = connection.execute(delete(CaseRow).where(CaseRow.batch_id == batch_id)).rowcount
    connection.execute(delete(FixRow).where(FixRow.batch_id == batch_id))
    return removed


def mark(connection: Connection) -> KnowledgeMark:
    """Return the mark of one who knows everything."""
    changed = connection.execute(select(func.max(CaseRow.changed_utc_ns))).scalar()
    undone = connection.execute(select(func.max(ImportBatchRow.undone_utc_ns))).scalar()
    fixes = connection.execute(select(func.count()).select_from(FixRow)).scalar()
    return KnowledgeMark(int(changed or 0), None, int(undone or 0), int(fixes or 0), causes_named(connection))


def cases_since(connection: Connection, known: KnowledgeMark, limit: int) -> tuple[list[Case], KnowledgeMark]:
    """Return the first cases that were added or changed after a mark, and the mark of one who knows them too."""
    later = CaseRow.changed_utc_ns > known.changed_utc_ns
    if known.case_id is not None:
        later |= (CaseRow.changed_utc_ns == known.changed_utc_ns) & (CaseRow.case_id > known.case_id)
    chosen = select(*_CASE_COLUMNS, CaseRow.changed_utc_ns).where(later).order_by(CaseRow.changed_utc_ns, CaseRow.case_id).limit(limit)
    rows = connection.execute(chosen).all()
    if not rows:
        return [], replace(known, case_id=None)
    case_id = rows[-1].case_id if len(rows) == limit else None
    return [_case(row) for row in rows], replace(known, changed_utc_ns=rows[-1].changed_utc_ns, case_id=case_id)


def fingerprint(case: Case) -> str:
    """Return a digest of all that a case says, its id apart; letter case and spaces do not count."""
    said = {name: getattr(case, name) for name in _CASE_FIELDS}
    said |= {"case_id": "", "symptom": _folded(case.symptom), "action": _folded(case.action)}
    said["parameters"] = [asdict(parameter) for parameter in case.parameters]
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _next_utc_ns(connection: Connection) -> int:
    """Return an instant after all changes so far, whatever the wall clock does. The caller is alone."""
    last = connection.execute(select(func.max(CaseRow.changed_utc_ns))).scalar()
    return max(time.time_ns(), int(last or 0) + 1)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _new_cases(connection: Connection, cases: Iterable[Case]) -> dict[str, Case]:
    """Return the cases to write, by fingerprint."""
    ids = set(connection.execute(select(CaseRow.case_id)).scalars())
    marks = set(connection.execute(select(CaseRow.fingerprint)).scalars())
    new: dict[str, Case] = {}
    for case in cases:
        mark = fingerprint(case)
        named = case if case.case_id else replace(case, case_id=f"case-{mark[:12]}")
        if mark in marks or named.case_id in ids:
            continue
        marks.add(mark)
        ids.add(named.case_id)
        new[mark] = named
    return new


def _new_fixes(connection: Connection, fixes: Iterable[Fix]) -> list[Fix]:
    """Return the fixes whose id is new; those that are there may have been edited and stay."""
    present = set(connection.execute(select(FixRow.fix_id)).scalars())
    return [fix for fix in fixes if fix.fix_id not in present]


def _write(connection: Connection, table: type[Table], rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _case_row(case: Case, mark: str, batch_id: str | None, changed_utc_ns: int) -> dict[str, Any]:
    row = {name: getattr(case, name) for name in _CASE_FIELDS if name not in ("when", "parameters")}
    row |= {"fingerprint": mark, "batch_id": batch_id, "changed_utc_ns": changed_utc_ns, "when_utc": case.when}
    return row | {"parameters": [asdict(parameter) for parameter in case.parameters]}


def _case(row: Row[*tuple[Any, ...]]) -> Case:
    """Return a case by the order of its columns: a million of them would take twice as long by name."""
    values = list(row[: len(_CASE_FIELDS)])
    values[_AT_PARAMETERS] = _parameters(values[_AT_PARAMETERS])
    return Case(*values)


def _fix_row(fix: Fix, batch_id: str | None) -> dict[str, Any]:
    return {
        "fix_id": fix.fix_id,
        "action_en": fix.action.en,
        "action_zh": fix.action.zh,
        "causes": list(fix.causes),
        "defects": list(fix.defects),
        "parameters": [asdict(parameter) for parameter in fix.parameters],
        "minutes": fix.minutes,
        "cost": fix.cost,
        "station": fix.station,
        "batch_id": batch_id,
    }


def _fix(row: Row[Any]) -> Fix:
    return Fix(
        row.fix_id,
        Text(row.action_en, row.action_zh),
        tuple(row.causes),
        tuple(row.defects),
        _parameters(row.parameters),
        row.minutes,
        row.cost,
        row.station,
    )


def _parameters(stored: Sequence[dict[str, Any]]) -> tuple[Parameter, ...]:
    return tuple(Parameter(**parameter) for parameter in stored)
