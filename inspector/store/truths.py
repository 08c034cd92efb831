"""What parts really were: as they were labelled when they were stored, or else as people said afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, select

from inspector.parts import OK_LABEL, UNKNOWN_DEFECT
from inspector.store import answers
from inspector.store.models import InspectionRow
from inspector.store.results import Feedback, InspectionSummary


def label_by_answers(summary: InspectionSummary, given: Sequence[Feedback]) -> str | None:
    """Return what a part really was by the last of the answers that says so, `given` being oldest first; None where nobody said."""
    return next((label for answer in reversed(given) if (label := _label(summary, answer)) is not None), None)


def known_labels(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> tuple[dict[str, str], frozenset[str]]:
    """Return the labels of the inspections that meet all conditions, as labelled or else as people said; and which were answered."""
    labelled = select(InspectionRow.inspection_id, InspectionRow.truth_label).where(*wanted, InspectionRow.truth_label.is_not(None))
    given: dict[str, tuple[InspectionSummary, list[Feedback]]] = {}
    for about, answer in answers.on(connection, wanted):
        given.setdefault(about.inspection_id, (about, []))[1].append(answer)
    said = {found: label for found, (about, told) in given.items() if (label := label_by_answers(about, told)) is not None}
    return said | {str(found): str(label) for found, label in connection.execute(labelled)}, frozenset(given)


def _label(summary: InspectionSummary, answer: Feedback) -> str | None:
    found = summary.kind or UNKNOWN_DEFECT
    if answer.kind == "named":
        named: str | None = answer.detail.get("defect")
        return named
    if answer.kind in ("is_good", "is_bad"):
        return OK_LABEL if answer.kind == "is_good" else found
    if answer.kind in ("verdict_right", "verdict_wrong") and summary.outcome != "review":
        return found if (summary.outcome == "fail") == (answer.kind == "verdict_right") else OK_LABEL
    return None
