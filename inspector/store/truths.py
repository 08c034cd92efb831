"""What parts really were: as they were labelled when they were stored, or else as people said. Reports and training see the same."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, select

from inspector.store.labels import said_of, truth_of
from inspector.store.models import FeedbackRow, InspectionRow


def known_labels(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> tuple[dict[str, str], frozenset[str]]:
    """Return the labels of the inspections that meet all conditions, and which of them anybody answered or labelled."""
    labelled = select(InspectionRow.inspection_id, InspectionRow.truth_label).where(*wanted, InspectionRow.truth_label.is_not(None))
    answered = select(FeedbackRow.inspection_id).join(InspectionRow, InspectionRow.inspection_id == FeedbackRow.inspection_id)
    said = said_of(connection, wanted)
    known = {found: truth for found, labels in said.items() if (truth := truth_of(labels)) is not None}
    touched = frozenset(connection.execute(answered.where(*wanted)).scalars()) | said.keys()
    return known | {str(found): str(label) for found, label in connection.execute(labelled)}, touched
