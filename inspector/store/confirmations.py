"""What people confirmed: a cause, as a fix that is meant for it helped; what a part really was, as they said of its verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from inspector.parts import OK_LABEL, UNKNOWN_DEFECT
from inspector.store.inspections import summary, summary_columns
from inspector.store.models import DocumentRow, FeedbackRow, FixRow, InspectionRow
from inspector.store.results import ConfirmedCause, Feedback, InspectionSummary

_MOST = 2000
"""Answers that are looked at, the newest first: what was so long ago says little of a machine that was mended since."""


def confirmed_causes(connection: Connection) -> list[ConfirmedCause]:
    """Return the confirmed causes, oldest first; of several answers on a part and a fix the last counts."""
    meant_for = {row.fix_id: frozenset(row.causes) for row in connection.execute(select(FixRow.fix_id, FixRow.causes))}
    chosen = (
        select(FeedbackRow.inspection_id, FeedbackRow.fix_id, FeedbackRow.kind, InspectionRow.kind.label("defect"), DocumentRow.document)
        .join(InspectionRow, InspectionRow.inspection_id == FeedbackRow.inspection_id)
        .join(DocumentRow, DocumentRow.inspection_id == FeedbackRow.inspection_id)
        .where(FeedbackRow.kind.in_(("helped", "not_helped")), FeedbackRow.fix_id.is_not(None))
        .order_by(FeedbackRow.feedback_id.desc())
        .limit(_MOST)
    )
    newest: dict[tuple[str, str], Any] = {}
    for row in connection.execute(chosen):
        newest.setdefault((row.inspection_id, row.fix_id), row)
    found = {}
    for row in reversed(newest.values()):
        cause = _meant(row.document, meant_for.get(row.fix_id, frozenset())) if row.kind == "helped" else None
        if cause is not None:
            found[row.inspection_id, cause["name"]] = ConfirmedCause(cause["name"], cause.get("looked_for", {}), row.defect)
    return list(found.values())


def label_by_answers(summary: InspectionSummary, answers: Sequence[Feedback]) -> str | None:
    """Return what a part really was by the last answer to its verdict, `answers` being oldest first; None where nobody said."""
    said = next((answer.kind for answer in reversed(answers) if answer.kind in ("verdict_right", "verdict_wrong")), None)
    if said is None or summary.outcome == "review":
        return None
    defective = (summary.outcome == "fail") == (said == "verdict_right")
    return (summary.kind or UNKNOWN_DEFECT) if defective else OK_LABEL


def known_labels(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> tuple[dict[str, str], frozenset[str]]:
    """Return the labels of the inspections that meet all conditions, as labelled or else as people said; and which were answered."""
    labelled = select(InspectionRow.inspection_id, InspectionRow.truth_label).where(*wanted, InspectionRow.truth_label.is_not(None))
    answers = (
        select(*(getattr(FeedbackRow, name) for name in Feedback.__dataclass_fields__), *summary_columns())
        .join(InspectionRow, InspectionRow.inspection_id == FeedbackRow.inspection_id)
        .where(*wanted)
        .order_by(FeedbackRow.feedback_id)
    )
    given: dict[str, tuple[InspectionSummary, list[Feedback]]] = {}
    fields = len(Feedback.__dataclass_fields__)
    for row in connection.execute(answers):
        given.setdefault(row.inspection_id, (summary(row[fields:]), []))[1].append(Feedback(*row[:fields]))
    said = {found: label for found, (about, told) in given.items() if (label := label_by_answers(about, told)) is not None}
    return said | {str(found): str(label) for found, label in connection.execute(labelled)}, frozenset(given)


def _meant(document: Mapping[str, Any], causes: frozenset[str]) -> Mapping[str, Any] | None:
    """Return the likeliest cause of a part that a fix is meant for, of those for which anything was looked for."""
    named = (cause for cause in document.get("causes", ()) if cause["name"] in causes)
    return next((cause for cause in named if cause.get("looked_for")), None)
