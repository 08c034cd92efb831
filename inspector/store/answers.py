"""What operators said, as rows; and what of it the memory of fixes learns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select

from inspector.parts import Case, Parameter
from inspector.store import inspections, memory
from inspector.store.database import alone
from inspector.store.models import DocumentRow, FeedbackRow, InspectionRow
from inspector.store.results import Feedback, InspectionSummary, PartAnswer, StoredInspection

_COLUMNS = [getattr(FeedbackRow, name) for name in Feedback.__dataclass_fields__]


def keep(connection: Connection, stored: StoredInspection, answer: Feedback, token: str | None) -> str:
    """Write an answer on an inspection, once per token; return the id under which it is kept."""
    if token is not None:
        alone(connection)
        known = connection.execute(select(FeedbackRow.feedback_id).where(FeedbackRow.token == token)).scalar()
        if known is not None:
            return str(known)
    row = {name: getattr(answer, name) for name in Feedback.__dataclass_fields__}
    connection.execute(insert(FeedbackRow).values(row | {"detail": dict(answer.detail) or None, "token": token}))
    if answer.fix_id is not None and answer.kind in ("helped", "not_helped"):
        memory.put_case(connection, _case_of(stored, answer, _applied(connection, answer)))
    return answer.feedback_id


def of_inspection(connection: Connection, inspection_id: str) -> list[Feedback]:
    """Return the answers given to one inspection, oldest first."""
    chosen = select(*_COLUMNS).where(FeedbackRow.inspection_id == inspection_id).order_by(FeedbackRow.feedback_id)
    return [_answer(row) for row in connection.execute(chosen)]


def on(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> Iterator[tuple[InspectionSummary, Feedback]]:
    """Yield the answers on the inspections that meet all conditions, oldest first."""
    chosen = select(*_COLUMNS, *inspections.summary_columns()).join(InspectionRow, InspectionRow.inspection_id == FeedbackRow.inspection_id)
    for row in connection.execute(chosen.where(*wanted).order_by(FeedbackRow.feedback_id)):
        yield inspections.summary(row[len(_COLUMNS) :]), _answer(row)


def since(connection: Connection, station: str, since_utc_ns: int) -> list[PartAnswer]:
    """Return the answers given at a station since then, oldest first."""
    chosen = (
        select(*_COLUMNS, *inspections.summary_columns(), DocumentRow.document)
        .join(InspectionRow, InspectionRow.inspection_id == FeedbackRow.inspection_id)
        .join(DocumentRow, DocumentRow.inspection_id == FeedbackRow.inspection_id)
        .where(InspectionRow.station == station, FeedbackRow.wall_utc_ns >= since_utc_ns)
        .order_by(FeedbackRow.feedback_id)
    )
    found = []
    for row in connection.execute(chosen):
        answer = _answer(row)
        suggestion = _suggestion(row.document, answer.fix_id)
        found.append(PartAnswer(answer, inspections.summary(row[len(_COLUMNS) :]), suggestion["action"] if suggestion else None))
    return found


def _answer(row: Any) -> Feedback:
    values = {name: getattr(row, name) for name in Feedback.__dataclass_fields__}
    return Feedback(**values | {"detail": row.detail or {}})


def _suggestion(document: Mapping[str, Any], fix_id: str | None) -> Mapping[str, Any] | None:
    return next((one for one in document.get("suggestions", ()) if one["fix_id"] == fix_id), None)


def _applied(connection: Connection, answer: Feedback) -> list[Mapping[str, Any]] | None:
    """Return the settings with which a fix was last applied to a part; None where nobody said."""
    chosen = select(FeedbackRow.detail).where(
        FeedbackRow.inspection_id == answer.inspection_id, FeedbackRow.fix_id == answer.fix_id, FeedbackRow.kind == "applied"
    )
    detail = connection.execute(chosen.order_by(FeedbackRow.feedback_id.desc()).limit(1)).scalar()
    return detail.get("parameters") if detail else None


def _case_of(stored: StoredInspection, answer: Feedback, applied: list[Mapping[str, Any]] | None) -> Case:
    """Return what an operator did about an inspection as a case; where nobody said with which settings, the suggested ones count."""
    summary = stored.summary
    suggestion = _suggestion(stored.document, answer.fix_id)
    settings = applied if applied is not None else suggestion["parameters"] if suggestion else ()
    return Case(
        case_id=f"feedback-{answer.inspection_id}-{answer.fix_id}",
        symptom=" ".join(stored.document.get("conclusion", {}).values()),
        action=suggestion["action"]["en"] if suggestion else "",
        fix_id=answer.fix_id,
        defect=summary.kind,
        cause=summary.cause,
        station=summary.station,
        helped=answer.kind == "helped",
        parameters=tuple(Parameter(one["name"], one["value"], one["unit"]) for one in settings),
        who=answer.who,
        when=datetime.fromtimestamp(answer.wall_utc_ns / 1e9, UTC).isoformat(),
    )
