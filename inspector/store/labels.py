"""What people say parts really are. Each person's last word counts, and those who disagree are not outvoted but shown."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert, select

from inspector.store.models import LabelRow
from inspector.store.results import Label

_COLUMNS = [getattr(LabelRow, name) for name in Label.__dataclass_fields__]


def add_label(connection: Connection, label: Label) -> None:
    """Keep what a person said."""
    connection.execute(insert(LabelRow).values({name: getattr(label, name) for name in Label.__dataclass_fields__}))


def labels_of(connection: Connection, inspection_ids: Sequence[str]) -> dict[str, list[Label]]:
    """Return the last word of each person by inspection, oldest first; inspections that nobody labelled are absent."""
    last: dict[tuple[str, str], Label] = {}
    chosen = select(*_COLUMNS).where(LabelRow.inspection_id.in_(inspection_ids)).order_by(LabelRow.label_id)
    for row in connection.execute(chosen):
        label = Label(*row)
        last.pop((label.inspection_id, label.who), None)
        last[label.inspection_id, label.who] = label
    found: dict[str, list[Label]] = {}
    for label in last.values():
        found.setdefault(label.inspection_id, []).append(label)
    return found


def labelled_ids(connection: Connection) -> list[str]:
    """Return the inspections that anybody labelled, oldest first."""
    chosen = select(LabelRow.inspection_id).distinct().order_by(LabelRow.inspection_id)
    return [str(found) for found in connection.execute(chosen).scalars()]


def agreed(labels: Sequence[Label]) -> Label | None:
    """Return what all who spoke agree on, by the last of them; None where nobody spoke or two disagree on kind or cause."""
    kinds = {label.kind for label in labels}
    causes = {label.cause for label in labels if label.cause is not None}
    if len(kinds) != 1 or len(causes) > 1:
        return None
    with_cause = [label for label in labels if label.cause is not None]
    return (with_cause or list(labels))[-1]
