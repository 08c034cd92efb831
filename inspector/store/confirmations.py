"""Which causes people confirmed: they named it, or a fix that is meant for it helped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select

from inspector.store.models import DocumentRow, FeedbackRow, FixRow, InspectionRow
from inspector.store.results import ConfirmedCause

_MOST = 2000
"""Answers that are looked at, the newest first: what was so long ago says little of a machine that was mended since."""


def confirmed_causes(connection: Connection) -> list[ConfirmedCause]:
    """Return the confirmed causes, oldest first; of several answers on a part and a fix the last counts, and a named cause before all."""
    meant_for = {row.fix_id: frozenset(row.causes) for row in connection.execute(select(FixRow.fix_id, FixRow.causes))}
    newest: dict[tuple[str, str | None], Any] = {}
    for row in connection.execute(_answers()):
        if row.kind != "named" or row.detail.get("cause"):
            newest.setdefault((row.inspection_id, row.fix_id), row)
    named = {row.inspection_id for row in newest.values() if row.kind == "named"}
    found = {}
    for row in reversed(newest.values()):
        cause: Mapping[str, Any] | None = None
        if row.kind == "named":
            cause = _named(row.document, row.detail["cause"])
        elif row.kind == "helped" and row.inspection_id not in named:
            cause = _meant(row.document, meant_for.get(row.fix_id, frozenset()))
        if cause is not None:
            defect = (row.detail or {}).get("defect", row.defect)
            found[row.inspection_id, cause["name"]] = ConfirmedCause(cause["name"], cause.get("looked_for", {}), defect)
    return list(found.values())


def causes_named(connection: Connection) -> int:
    """Return how often people named what is wrong with a part."""
    return int(connection.execute(select(func.count()).select_from(FeedbackRow).where(FeedbackRow.kind == "named")).scalar_one())


def _answers() -> Select[Any]:
    """Return the answers that can confirm a cause, the newest first."""
    return (
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
        .where(or_(FeedbackRow.kind.in_(("helped", "not_helped")) & FeedbackRow.fix_id.is_not(None), FeedbackRow.kind == "named"))
        .order_by(FeedbackRow.feedback_id.desc())
        .limit(_MOST)
    )


def _named(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a cause as the diagnosis had it; one that it did not know of has no symptoms that were looked for."""
    return next((cause for cause in document.get("causes", ()) if cause["name"] == name), {"name": name})


def _meant(document: Mapping[str, Any], causes: frozenset[str]) -> Mapping[str, Any] | None:
    """Return the likeliest cause of a part that a fix is meant for, of those for which anything was looked for."""
    named = (cause for cause in document.get("causes", ()) if cause["name"] in causes)
    return next((cause for cause in named if cause.get("looked_for")), None)
