"""Fixes and cases as rows, and the import batches they came in."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from inspector.parts import Case, Fix, Parameter, Text
from inspector.store.database import alone
from inspector.store.identity import timed_id
from inspector.store.models import CaseRow, FixRow, ImportBatchRow
from inspector.store.results import ImportBatch, ImportResult

_CASE_FIELDS = tuple(Case.__dataclass_fields__)


def all_fixes(connection: Connection) -> list[Fix]:
    return [_fix(row) for row in connection.execute(select(*FixRow.__table__.c).order_by(FixRow.fix_id))]


def all_cases(connection: Connection) -> list[Case]:
    return [_case(row) for row in connection.execute(select(*CaseRow.__table__.c).order_by(CaseRow.case_id))]


def add_fixes(connection: Connection, fixes: Iterable[Fix]) -> list[str]:
    """Write the fixes whose id is new, and return their ids; those that are there may have been edited and stay."""
    present = set(connection.execute(select(FixRow.fix_id)).scalars())
    rows = [_fix_row(fix) for fix in fixes if fix.fix_id not in present]
    if rows:
        connection.execute(insert(FixRow), rows)
    return [row["fix_id"] for row in rows]


def add_cases(connection: Connection, cases: Sequence[Case], source: str) -> ImportResult:
    """Write the cases that are new, as one batch. A case without an id gets one from what it says."""
    alone(connection)
    new = _new_cases(connection, cases)
    if not new:
        return ImportResult(None, 0, len(cases))
    batch_id, now_ns = timed_id(), time.time_ns()
    connection.execute(insert(ImportBatchRow).values(batch_id=batch_id, source=source, wall_utc_ns=now_ns, cases=len(new)))
    connection.execute(insert(CaseRow), [_case_row(case, mark, batch_id, now_ns) for mark, case in new.items()])
    return ImportResult(batch_id, len(new), len(cases) - len(new))


def put_case(connection: Connection, case: Case) -> None:
    """Write one case that belongs to no import, in place of what was said under its id before."""
    connection.execute(delete(CaseRow).where(CaseRow.case_id == case.case_id))
    connection.execute(insert(CaseRow), [_case_row(case, fingerprint(case), None, time.time_ns())])


def seed(connection: Connection, fixes: Sequence[Fix], cases: Sequence[Case], source: str) -> None:
    """Write what of the shipped knowledge is missing. Looks for its ids only: the memory may be large."""
    alone(connection)
    add_fixes(connection, fixes)
    ids = [case.case_id for case in cases]
    present = set(connection.execute(select(CaseRow.case_id).where(CaseRow.case_id.in_(ids))).scalars())
    if missing := [case for case in cases if case.case_id not in present]:
        add_cases(connection, missing, source)


def set_outcome(connection: Connection, case_id: str, helped: bool, who: str | None) -> bool:
    """Record whether a case helped; say whether there is such a case."""
    values: dict[str, Any] = {"helped": helped, "changed_utc_ns": time.time_ns()}
    if who is not None:
        values["who"] = who
    return connection.execute(update(CaseRow).where(CaseRow.case_id == case_id).values(values)).rowcount > 0


def all_batches(connection: Connection) -> list[ImportBatch]:
    chosen = select(*ImportBatchRow.__table__.c).order_by(ImportBatchRow.batch_id)
    return [ImportBatch(row.batch_id, row.source, row.wall_utc_ns, row.cases) for row in connection.execute(chosen)]


def remove_batch(connection: Connection, batch_id: str) -> int | None:
    """Delete an import with its cases; return how many cases went, None where there is no such import."""
    if connection.execute(select(ImportBatchRow.batch_id).where(ImportBatchRow.batch_id == batch_id)).scalar() is None:
        return None
    removed = connection.execute(delete(CaseRow).where(CaseRow.batch_id == batch_id)).rowcount
    connection.execute(delete(ImportBatchRow).where(ImportBatchRow.batch_id == batch_id))
    return removed


def version(connection: Connection) -> tuple[int, int]:
    """Return the number of cases and when one changed last: differs whenever the memory has changed."""
    count, changed = connection.execute(select(func.count(), func.max(CaseRow.changed_utc_ns)).select_from(CaseRow)).one()
    return int(count), int(changed or 0)


def fingerprint(case: Case) -> str:
    """Return a digest of all that a case says, its id apart; letter case and spaces do not count."""
    said = asdict(replace(case, case_id=""))
    said |= {"symptom": _folded(case.symptom), "action": _folded(case.action)}
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


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


def _case_row(case: Case, mark: str, batch_id: str | None, changed_utc_ns: int) -> dict[str, Any]:
    row = {name: getattr(case, name) for name in _CASE_FIELDS if name not in ("when", "parameters")}
    row |= {"fingerprint": mark, "batch_id": batch_id, "changed_utc_ns": changed_utc_ns, "when_utc": case.when}
    return row | {"parameters": [asdict(parameter) for parameter in case.parameters]}


def _case(row: Row[Any]) -> Case:
    values = {name: getattr(row, name) for name in _CASE_FIELDS if name not in ("when", "parameters")}
    return Case(**values, when=row.when_utc, parameters=_parameters(row.parameters))


def _fix_row(fix: Fix) -> dict[str, Any]:
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
