"""What people say parts really are. Each person's last word counts, and those who disagree are not outvoted but shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, insert, select

from inspector.parts import OK_LABEL, UNKNOWN_DEFECT
from inspector.store import answers
from inspector.store.models import InspectionRow, LabelRow
from inspector.store.results import Feedback, InspectionSummary, Label

_COLUMNS = [getattr(LabelRow, name) for name in Label.__dataclass_fields__]


def add_label(connection: Connection, label: Label) -> None:
    """Keep what a person said."""
    connection.execute(insert(LabelRow).values({name: getattr(label, name) for name in Label.__dataclass_fields__}))


def labels_of(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> dict[str, list[Label]]:
    """Return by inspection what each person labelled last, oldest first; inspections that nobody labelled are absent."""
    return _last_words(_labels(connection, wanted))


def said_of(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> dict[str, list[Label]]:
    """Return by inspection the last word of each person, oldest first, be it a label or an answer at the line."""
    given = (label for about, answer in answers.on(connection, wanted) if (label := _answered(about, answer)) is not None)
    return _last_words(sorted([*_labels(connection, wanted), *given], key=lambda label: label.wall_utc_ns))


def agreed(labels: Sequence[Label]) -> Label | None:
    """Return what all who spoke agree on, by the last of them; None where nobody spoke or two disagree on kind or cause.

    A defect that somebody did not name is any that others name.
    """
    kinds = {label.kind for label in labels}
    causes = {label.cause for label in labels if label.cause is not None}
    named = kinds - {UNKNOWN_DEFECT} if OK_LABEL not in kinds else kinds
    if not labels or len(named) > 1 or len(causes) > 1:
        return None
    cause = next(iter(causes), None)
    return replace(labels[-1], kind=next(iter(named), UNKNOWN_DEFECT), cause=cause)


def truth_of(labels: Sequence[Label]) -> str | None:
    """Return `ok`, the defect of a part, `unknown` for a defect of disputed name; None where nobody spoke or good and bad stand against."""
    kinds = {label.kind for label in labels}
    if OK_LABEL in kinds:
        return OK_LABEL if len(kinds) == 1 else None
    named = kinds - {UNKNOWN_DEFECT}
    return next(iter(named)) if len(named) == 1 else UNKNOWN_DEFECT if kinds else None


def _labels(connection: Connection, wanted: Sequence[ColumnElement[bool]]) -> list[Label]:
    chosen = select(*_COLUMNS).join(InspectionRow, InspectionRow.inspection_id == LabelRow.inspection_id)
    return [Label(*row) for row in connection.execute(chosen.where(*wanted).order_by(LabelRow.label_id))]


def _last_words(labels: Iterable[Label]) -> dict[str, list[Label]]:
    last: dict[tuple[str, str], Label] = {}
    for label in labels:
        last.pop((label.inspection_id, label.who), None)
        last[label.inspection_id, label.who] = label
    found: dict[str, list[Label]] = {}
    for label in last.values():
        found.setdefault(label.inspection_id, []).append(label)
    return found


def _answered(summary: InspectionSummary, answer: Feedback) -> Label | None:
    """Return what an answer at the line says a part really was; None where it says nothing of that."""
    kind = _kind(summary, answer)
    if kind is None:
        return None
    cause = answer.detail.get("cause") if answer.kind == "named" else None
    return Label(answer.feedback_id, answer.inspection_id, kind, cause, answer.who or "", answer.note, answer.wall_utc_ns)


def _kind(summary: InspectionSummary, answer: Feedback) -> str | None:
    found = summary.kind or UNKNOWN_DEFECT
    if answer.kind == "named":
        named: str | None = answer.detail.get("defect")
        return named
    if answer.kind in ("is_good", "is_bad"):
        return OK_LABEL if answer.kind == "is_good" else found
    if answer.kind in ("verdict_right", "verdict_wrong") and summary.outcome != "review":
        return found if (summary.outcome == "fail") == (answer.kind == "verdict_right") else OK_LABEL
    return None
