"""Inspections as rows: how one becomes a row, and the questions that pages ask of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, case, exists, func, insert, select
from sqlalchemy.orm import aliased

from inspector.document import inspection_document
from inspector.parts import Inspection, Outcome, PartTruth
from inspector.store.models import DocumentRow, InspectionRow
from inspector.store.results import FirstPass, History, HourlyYield, InspectionSummary, Share

_HOUR_NS = 3_600_000_000_000
_VERDICT_STAGES = ("align", "features", "judge")
"""What the plant waits for; localisation and diagnosis come after."""

_SUMMARY = [getattr(InspectionRow, name) for name in InspectionSummary.__dataclass_fields__]


def insert_inspection(
    connection: Connection, inspection_id: str, wall_utc_ns: int, inspection: Inspection, truth: PartTruth | None, note: str | None
) -> dict[str, Any]:
    """Write the row and the document of one inspection; return the document."""
    row = _row(inspection) | {"inspection_id": inspection_id, "wall_utc_ns": wall_utc_ns, "evidence_note": note}
    if truth is not None:
        row |= {"truth_label": truth.label, "truth_cause": truth.cause}
    connection.execute(insert(InspectionRow).values(row))
    document = inspection_document(inspection)
    connection.execute(insert(DocumentRow).values(inspection_id=inspection_id, document=document))
    return document


def newest(connection: Connection, station: str | None) -> str | None:
    """Return the id of the inspection stored last."""
    chosen = select(InspectionRow.inspection_id).order_by(InspectionRow.inspection_id.desc()).limit(1)
    if station is not None:
        chosen = chosen.where(InspectionRow.station == station)
    return connection.execute(chosen).scalar()


def newest_of_part(connection: Connection, part_id: str, station: str | None) -> str | None:
    """Return the id of the last inspection of a part."""
    chosen = select(InspectionRow.inspection_id).where(InspectionRow.part_id == part_id)
    if station is not None:
        chosen = chosen.where(InspectionRow.station == station)
    return connection.execute(chosen.order_by(InspectionRow.inspection_id.desc()).limit(1)).scalar()


def page(connection: Connection, conditions: Sequence[ColumnElement[bool]], *, limit: int, before: str | None) -> History:
    """Return the newest `limit` inspections that meet all `conditions` and are older than the id `before`."""
    chosen = select(*_SUMMARY).where(*conditions)
    if before is not None:
        chosen = chosen.where(InspectionRow.inspection_id < before)
    rows = connection.execute(chosen.order_by(InspectionRow.inspection_id.desc()).limit(limit + 1)).all()
    inspections = tuple(summary(row) for row in rows[:limit])
    return History(inspections, inspections[-1].inspection_id if len(rows) > limit and inspections else None)


def conditions(
    *,
    station: str | None = None,
    outcome: Outcome | None = None,
    kind: str | None = None,
    cause: str | None = None,
    since_utc_ns: int | None = None,
    until_utc_ns: int | None = None,
    part_text: str | None = None,
) -> list[ColumnElement[bool]]:
    """Return what a filtered list asks of each row; `part_text` may stand anywhere in the part id."""
    wanted: list[ColumnElement[bool]] = []
    for column, value in (
        (InspectionRow.station, station),
        (InspectionRow.outcome, outcome),
        (InspectionRow.kind, kind),
        (InspectionRow.cause, cause),
    ):
        if value is not None:
            wanted.append(column == value)
    if since_utc_ns is not None:
        wanted.append(InspectionRow.wall_utc_ns >= since_utc_ns)
    if until_utc_ns is not None:
        wanted.append(InspectionRow.wall_utc_ns < until_utc_ns)
    if part_text:
        wanted.append(InspectionRow.part_id.icontains(part_text, autoescape=True))
    return wanted


def outcome_counts(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> dict[str, int]:
    """Return outcome -> number of parts."""
    chosen = select(InspectionRow.outcome, func.count()).where(*wanted).group_by(InspectionRow.outcome)
    return {str(outcome): int(number) for outcome, number in connection.execute(chosen)}


def shares(connection: Connection, by: Literal["kind", "cause"], wanted: Sequence[ColumnElement[bool]]) -> list[Share]:
    """Return the parts that did not pass by kind or cause, the most frequent first."""
    column = InspectionRow.kind if by == "kind" else InspectionRow.cause
    number = func.count().label("parts")
    chosen = select(column, number).where(*wanted, InspectionRow.outcome != "pass", column.is_not(None))
    return [Share(str(name), parts) for name, parts in connection.execute(chosen.group_by(column).order_by(number.desc(), column))]


def hourly(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> list[HourlyYield]:
    """Return the yield of each hour (UTC) that saw a part, oldest first."""
    hour = (InspectionRow.wall_utc_ns // _HOUR_NS).label("hour")
    passed = func.sum(case((InspectionRow.outcome == "pass", 1), else_=0))
    chosen = select(hour, func.count(), passed).where(*wanted).group_by(hour).order_by(hour)
    return [HourlyYield(int(start) * _HOUR_NS, parts, int(good)) for start, parts, good in connection.execute(chosen)]


def first_pass(connection: Connection, station: str, since_utc_ns: int) -> FirstPass:
    """Return the parts whose first inspection at a station came since then, and how many of those inspections passed."""
    earlier = aliased(InspectionRow)
    seen_before = exists().where(
        earlier.part_id == InspectionRow.part_id,
        earlier.inspection_id < InspectionRow.inspection_id,
        earlier.station == InspectionRow.station,
    )
    passed = func.sum(case((InspectionRow.outcome == "pass", 1), else_=0))
    wanted = conditions(station=station, since_utc_ns=since_utc_ns)
    parts, good = connection.execute(select(func.count(), passed).where(*wanted, ~seen_before)).one()
    return FirstPass(int(parts), int(good or 0))


def after(connection: Connection, station: str, inspection_id: str | None, limit: int) -> list[InspectionSummary]:
    """Return the first `limit` inspections of a station after an id, oldest first."""
    chosen = select(*_SUMMARY).where(InspectionRow.station == station, InspectionRow.inspection_id > (inspection_id or ""))
    return [summary(row) for row in connection.execute(chosen.order_by(InspectionRow.inspection_id).limit(limit))]


def outcomes_around(connection: Connection, station: str, wall_utc_ns: int, parts: int) -> tuple[list[str], list[str]]:
    """Return the outcomes of the last parts before an instant, and of the first after it."""
    of_station = select(InspectionRow.outcome).where(InspectionRow.station == station).limit(parts)
    time = InspectionRow.wall_utc_ns
    before = of_station.where(time < wall_utc_ns).order_by(time.desc())
    after = of_station.where(time >= wall_utc_ns).order_by(time)
    return list(connection.execute(before).scalars()), list(connection.execute(after).scalars())


def station_names(connection: Connection) -> list[str]:
    """Return the stations that have stored a part, sorted. Hops through the index: a plain DISTINCT would read every row of it."""
    names: list[str] = []
    while (name := _next_station(connection, names[-1] if names else "")) is not None:
        names.append(name)
    return names


def summary(row: Sequence[Any]) -> InspectionSummary:
    """Return a row as its value."""
    return InspectionSummary(*row[: len(_SUMMARY)])


def summary_columns() -> list[Any]:
    """Return the columns that `summary` reads, in its order."""
    return list(_SUMMARY)


def _next_station(connection: Connection, after: str) -> str | None:
    return connection.execute(select(func.min(InspectionRow.station)).where(InspectionRow.station > after)).scalar()


def _row(inspection: Inspection) -> dict[str, Any]:
    verdict, diagnosis = inspection.verdict, inspection.diagnosis
    passed = verdict.outcome == "pass"
    return {
        "part_id": inspection.part_id,
        "station": inspection.station,
        "outcome": verdict.outcome,
        "score": float(verdict.score),
        "threshold": float(verdict.threshold),
        "kind": verdict.defects[0].kind if verdict.defects and not passed else None,
        "cause": diagnosis.causes[0].name if diagnosis and diagnosis.causes and not passed else None,
        "complete": verdict.complete,
        "verdict_ms": _verdict_ms(inspection),
        "has_heat_map": bool(inspection.heat_maps),
    }


def _verdict_ms(inspection: Inspection) -> float | None:
    stages = [float(inspection.timings_ms[stage]) for stage in _VERDICT_STAGES if stage in inspection.timings_ms]
    return sum(stages) if stages else None
