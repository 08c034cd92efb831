"""The tables. A change here needs a migration beside it; a test compares the two."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Index
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Table(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON, int: BigInteger, float: Double}  # noqa: RUF012  as SQLAlchemy asks for it


class InspectionRow(Table):
    """What lists and counts need of an inspection; narrow, so that counting reads few pages."""

    __tablename__ = "inspection"
    inspection_id: Mapped[str] = mapped_column(primary_key=True)
    part_id: Mapped[str]
    station: Mapped[str]
    wall_utc_ns: Mapped[int]
    outcome: Mapped[str]
    score: Mapped[float]
    threshold: Mapped[float]
    kind: Mapped[str | None]
    cause: Mapped[str | None]
    complete: Mapped[bool]
    verdict_ms: Mapped[float | None]
    has_heat_map: Mapped[bool]
    truth_label: Mapped[str | None]
    truth_cause: Mapped[str | None]
    evidence_note: Mapped[str | None]

    __table_args__ = (
        Index("ix_inspection_part", "part_id", "inspection_id"),
        Index("ix_inspection_station", "station", "inspection_id"),
        Index("ix_inspection_outcome", "outcome", "inspection_id"),
        Index("ix_inspection_station_outcome", "station", "outcome", "inspection_id"),
        Index("ix_inspection_kind", "kind", "inspection_id"),
        Index("ix_inspection_cause", "cause", "inspection_id"),
        # Carries all that the counts of a shift read, so that they never touch the table.
        Index("ix_inspection_station_time", "station", "wall_utc_ns", "outcome", "kind", "cause"),
        Index("ix_inspection_time", "wall_utc_ns"),
    )


class DocumentRow(Table):
    """The inspection as its JSON object, apart from the narrow row."""

    __tablename__ = "inspection_document"
    inspection_id: Mapped[str] = mapped_column(ForeignKey("inspection.inspection_id", ondelete="CASCADE"), primary_key=True)
    document: Mapped[dict[str, Any]]


class LookRow(Table):
    """What one channel of an inspection looked or sounded like."""

    __tablename__ = "inspection_look"
    inspection_id: Mapped[str] = mapped_column(ForeignKey("inspection.inspection_id", ondelete="CASCADE"), primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    vector: Mapped[bytes]
    """Half-precision numbers, little endian."""

    __table_args__ = (Index("ix_inspection_look_channel", "channel", "inspection_id"),)


class FeedbackRow(Table):
    __tablename__ = "feedback"
    feedback_id: Mapped[str] = mapped_column(primary_key=True)
    inspection_id: Mapped[str] = mapped_column(ForeignKey("inspection.inspection_id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    fix_id: Mapped[str | None]
    who: Mapped[str | None]
    note: Mapped[str | None]
    wall_utc_ns: Mapped[int]
    cause: Mapped[str | None]


class StationStatusRow(Table):
    __tablename__ = "station_status"
    station: Mapped[str] = mapped_column(primary_key=True)
    wall_utc_ns: Mapped[int]
    health: Mapped[dict[str, Any]]


class FixRow(Table):
    __tablename__ = "fix"
    fix_id: Mapped[str] = mapped_column(primary_key=True)
    action_en: Mapped[str]
    action_zh: Mapped[str]
    causes: Mapped[list[Any]]
    defects: Mapped[list[Any]]
    parameters: Mapped[list[Any]]
    minutes: Mapped[float | None]
    cost: Mapped[float | None]
    station: Mapped[str | None]


class ImportBatchRow(Table):
    __tablename__ = "import_batch"
    batch_id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    wall_utc_ns: Mapped[int]
    cases: Mapped[int]


class CaseRow(Table):
    __tablename__ = "past_case"  # "case" is a word of SQL
    case_id: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(unique=True)
    """Of all that was said of the case: the same thing imported twice is one case."""
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("import_batch.batch_id", ondelete="CASCADE"), index=True)
    changed_utc_ns: Mapped[int] = mapped_column(index=True)
    symptom: Mapped[str]
    action: Mapped[str]
    fix_id: Mapped[str | None]
    defect: Mapped[str | None]
    cause: Mapped[str | None]
    station: Mapped[str | None]
    product: Mapped[str | None]
    helped: Mapped[bool | None]
    parameters: Mapped[list[Any]]
    minutes: Mapped[float | None]
    cost: Mapped[float | None]
    who: Mapped[str | None]
    when_utc: Mapped[str | None]
