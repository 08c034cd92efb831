"""Which causes people confirmed: they named it, or a fix that is meant for it helped."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from inspector.store.models import DocumentRow, FeedbackRow, FixRow, InspectionRow
from inspector.store.results import ConfirmedCause

_MOST = 2000
"""Answers that are looked at, the newest first: what was so long ago says little of a machine that was mended since."""


def confirmed_causes(connection: Connection) -> list[ConfirmedCause]:
    """Return the confirmed causes, oldest first; of several answers on a part and a fix, or names for its cause, the last counts."""
    meant_for = {row.fix_id: frozenset(row.causes) for row in connection.execute(select(FixRow.fix_id, FixRow.causes))}
    chosen = (
        select(
            FeedbackRow.inspection_id,
            FeedbackRow.fix_id,
            FeedbackRow.kind,
            FeedbackRow.detail,
            InspectionRow.kind.label("defect"),
            DocumentRow.document,
        )
        .join(InspectionRow, InspectionRow.inspection_id == FeedbackRow.inspection_id)
        .join(DocumentRow, DocumentRow.inspection_id == FeedbackRow.inspection_id)
        .where(or_(and_(FeedbackRow.kind.in_(("helped", "not_helped")), FeedbackRow.fix_id.is_not(None)), FeedbackRow.kind == "named"))
        .order_by(FeedbackRow.feedback_id.desc())
        .limit(_MOST)
    )
    newest: dict[tuple[str, str | None], Any] = {}
    for row in connection.execute(chosen):
        if row.kind != "named" or "cause" in row.detail:
            newest.setdefault((row.inspection_id, row.fix_id), row)
    found = {}
    for row in reversed(newest.values()):
        confirmed = {"helped": meant_for.get(row.fix_id, frozenset()), "named": frozenset([(row.detail or {}).get("cause")])}
        cause = _meant(row.document, confirmed.get(row.kind, frozenset()))
        if cause is not None:
            defect = (row.detail or {}).get("defect", row.defect)
            found[row.inspection_id, cause["name"]] = ConfirmedCause(cause["name"], cause.get("looked_for", {}), defect)
    return list(found.values())


def _meant(document: Mapping[str, Any], causes: Container[str]) -> Mapping[str, Any] | None:
    """Return the likeliest cause of a part among `causes`, of those for which anything was looked for."""
    named = (cause for cause in document.get("causes", ()) if cause["name"] in causes)
    return next((cause for cause in named if cause.get("looked_for")), None)
