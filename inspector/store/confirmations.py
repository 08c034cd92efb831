"""Which causes people confirmed: they named it, or a fix that is meant for it helped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, or_, select

from inspector.store.models import DocumentRow, FeedbackRow, FixRow, InspectionRow
from inspector.store.results import ConfirmedCause

_MOST = 2000
"""Answers that are looked at, the newest first: what was so long ago says little of a machine that was mended since."""


def confirmed_causes(connection: Connection) -> list[ConfirmedCause]:
    """Return the confirmed causes, oldest first; of several answers on a part and a fix the last counts, and a named cause before all."""
    meant_for = {row.fix_id: frozenset(row.causes) for row in connection.execute(select(FixRow.fix_id, FixRow.causes))}
    chosen = (
        select(
            FeedbackRow.inspection_id,
            FeedbackRow.fix_id,
            FeedbackRow.kind,
            FeedbackRow.cause,
            InspectionRow.kind.label("defect"),
            DocumentRow.document,
        )
        .join(InspectionRow, InspectionRow.inspection_id == FeedbackRow.inspection_id)
        .join(DocumentRow, DocumentRow.inspection_id == FeedbackRow.inspection_id)
        .where(or_(FeedbackRow.kind.in_(("helped", "not_helped")) & FeedbackRow.fix_id.is_not(None), FeedbackRow.cause.is_not(None)))
        .order_by(FeedbackRow.feedback_id.desc())
        .limit(_MOST)
    )
    newest: dict[tuple[str, str | None], Any] = {}
    for row in connection.execute(chosen):
        newest.setdefault((row.inspection_id, None if row.cause else row.fix_id), row)
    named = {row.inspection_id for row in newest.values() if row.cause}
    found = {}
    for row in reversed(newest.values()):
        if row.cause:
            cause: Mapping[str, Any] | None = _named(row.document, row.cause)
        elif row.kind == "helped" and row.inspection_id not in named:
            cause = _meant(row.document, meant_for.get(row.fix_id, frozenset()))
        else:
            cause = None
        if cause is not None:
            found[row.inspection_id, cause["name"]] = ConfirmedCause(cause["name"], cause.get("looked_for", {}), row.defect)
    return list(found.values())


def causes_named(connection: Connection) -> int:
    """Return how often people named a cause."""
    return int(connection.execute(select(func.count()).select_from(FeedbackRow).where(FeedbackRow.cause.is_not(None))).scalar_one())


def _named(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a cause as the diagnosis had it; one that it did not know of has no symptoms that were looked for."""
    return next((cause for cause in document.get("causes", ()) if cause["name"] == name), {"name": name})


def _meant(document: Mapping[str, Any], causes: frozenset[str]) -> Mapping[str, Any] | None:
    """Return the likeliest cause of a part that a fix is meant for, of those for which anything was looked for."""
    named = (cause for cause in document.get("causes", ()) if cause["name"] in causes)
    return next((cause for cause in named if cause.get("looked_for")), None)
