"""The tables. A change here needs a migration beside it; a test compares the two."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Index, text
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
    detail: Mapped[dict[str, Any] | None]
    token: Mapped[str | None]
    """Of the screen that sent it, so that an answer sent twice is stored once."""

    __table_args__ = (Index("ix_feedback_token", "token", unique=True),)


_STILL_OPEN = text("closed_utc_ns IS NULL")


class AlarmRow(Table):
    """One case of trouble; of each cause at most one is open at a station."""

    __tablename__ = "alarm"
    alarm_id: Mapped[str] = mapped_column(primary_key=True)
    station: Mapped[str]
    cause: Mapped[str]
    opened_utc_ns: Mapped[int]
    last_utc_ns: Mapped[int]
    parts: Mapped[int]
    clean_parts: Mapped[int]
    last_id: Mapped[str | None]
    active: Mapped[bool]
    held_back: Mapped[bool]
    acknowledged_by: Mapped[str | None]
    acknowledged_utc_ns: Mapped[int | None]
    returned_utc_ns: Mapped[int | None]
    shelved_until_utc_ns: Mapped[int | None]
    shelved_by: Mapped[str | None]
    shelved_reason: Mapped[str | None]
    closed_utc_ns: Mapped[int | None]

    __table_args__ = (
        Index("ix_alarm_open", "station", "cause", unique=True, sqlite_where=_STILL_OPEN, postgresql_where=_STILL_OPEN),
        Index("ix_alarm_opened", "station", "opened_utc_ns"),
    )


class AlarmEventRow(Table):
    """What happened to an alarm, and who did it."""

    __tablename__ = "alarm_event"
    event_id: Mapped[str] = mapped_column(primary_key=True)
    alarm_id: Mapped[str] = mapped_column(ForeignKey("alarm.alarm_id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    wall_utc_ns: Mapped[int]
    who: Mapped[str | None]
    note: Mapped[str | None]


class AlarmWatchRow(Table):
    """Up to which inspection the alarms of a station are up to date."""

    __tablename__ = "alarm_watch"
    station: Mapped[str] = mapped_column(primary_key=True)
    seen_id: Mapped[str]


class LabelRow(Table):
    """What one person says a part really is; the last word of each person counts."""

    __tablename__ = "label"
    label_id: Mapped[str] = mapped_column(primary_key=True)
    inspection_id: Mapped[str] = mapped_column(ForeignKey("inspection.inspection_id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    cause: Mapped[str | None]
    who: Mapped[str]
    note: Mapped[str | None]
    wall_utc_ns: Mapped[int]


class MaskRow(Table):
    """Where on a picture one person says the defect is; the last drawing counts."""

    __tablename__ = "drawn_mask"
    mask_id: Mapped[str] = mapped_column(primary_key=True)
    inspection_id: Mapped[str] = mapped_column(ForeignKey("inspection.inspection_id", ondelete="CASCADE"), index=True)
    camera: Mapped[str]
    width_px: Mapped[int]
    height_px: Mapped[int]
    runs: Mapped[list[Any]]
    """As `inspector.parts.Mask` has them."""
    who: Mapped[str]
    wall_utc_ns: Mapped[int]


class GoldenPartRow(Table):
    """A part that every model must judge right before it may serve."""

    __tablename__ = "golden_part"
    inspection_id: Mapped[str] = mapped_column(ForeignKey("inspection.inspection_id", ondelete="CASCADE"), primary_key=True)
    who: Mapped[str]
    wall_utc_ns: Mapped[int]


class ServiceRow(Table):
    """A model that was put into service at a station; the last one that was not withdrawn serves."""

    __tablename__ = "model_service"
    service_id: Mapped[str] = mapped_column(primary_key=True)
    station: Mapped[str]
    folder: Mapped[str]
    name: Mapped[str]
    version: Mapped[str]
    sha256: Mapped[str]
    replaces: Mapped[str | None]
    """Folder of the model that judged before it."""
    who: Mapped[str]
    wall_utc_ns: Mapped[int]
    withdrawn_utc_ns: Mapped[int | None]

    __table_args__ = (Index("ix_model_service_station", "station", "service_id"),)


class StationStatusRow(Table):
    __tablename__ = "station_status"
    station: Mapped[str] = mapped_column(primary_key=True)
    wall_utc_ns: Mapped[int]
    health: Mapped[dict[str, Any]]


class HealthLedgerRow(Table):
    """The health of a station's devices, once an hour: as the last beat of the hour told it."""

    __tablename__ = "health_ledger"
    station: Mapped[str] = mapped_column(primary_key=True)
    hour_utc_ns: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    health: Mapped[dict[str, Any]]


class StationLimitsRow(Table):
    """What the settings of a station may be put to, as its file said when it last ran."""

    __tablename__ = "station_limits"
    station: Mapped[str] = mapped_column(primary_key=True)
    limits: Mapped[list[Any]]
    """Of setting, unit, low, high."""


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
    batch_id: Mapped[str | None]
    """The import that it came with, if any; it goes with it."""


class ImportBatchRow(Table):
    __tablename__ = "import_batch"
    batch_id: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    wall_utc_ns: Mapped[int]
    cases: Mapped[int]
    undone_utc_ns: Mapped[int | None]


class CaseRow(Table):
    __tablename__ = "past_case"  # "case" is a word of SQL
    case_id: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(unique=True)
    """Of all that was said of the case: the same thing imported twice is one case."""
    batch_id: Mapped[str | None] = mapped_column(ForeignKey("import_batch.batch_id", ondelete="CASCADE"), index=True)
    changed_utc_ns: Mapped[int]
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

    # For those who keep up with what changes, case by case.
    __table_args__ = (Index("ix_past_case_changed", "changed_utc_ns", "case_id"),)


# --- people, and what machines are let in by -----------------------------------------------------------------------------------------


class PersonRow(Table):
    __tablename__ = "person"
    name: Mapped[str] = mapped_column(primary_key=True)
    password_hash: Mapped[str]
    badge: Mapped[str | None] = mapped_column(unique=True)
    pin_hash: Mapped[str | None]
    locked: Mapped[bool]
    changed_utc_ns: Mapped[int]


class PersonRoleRow(Table):
    __tablename__ = "person_role"
    name: Mapped[str] = mapped_column(ForeignKey("person.name", ondelete="CASCADE"), primary_key=True)
    station: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]


class PersonSessionRow(Table):
    __tablename__ = "person_session"
    session_hash: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(ForeignKey("person.name", ondelete="CASCADE"), index=True)
    is_screen: Mapped[bool]
    began_utc_ns: Mapped[int]
    ends_utc_ns: Mapped[int]
    acting_name: Mapped[str | None] = mapped_column(ForeignKey("person.name", ondelete="SET NULL"))
    acting_ends_utc_ns: Mapped[int]


class ClientRow(Table):
    """A machine that may call the API."""

    __tablename__ = "api_client"
    name: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[Any]]
    stations: Mapped[list[Any]]
    made_utc_ns: Mapped[int]


class KeptAnswerRow(Table):
    """What a request with an idempotency key was answered, so that it can be answered again."""

    __tablename__ = "api_answer"
    client: Mapped[str] = mapped_column(ForeignKey("api_client.name", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[str]
    status: Mapped[int | None]
    """None while the first request is still being worked on."""
    answer: Mapped[dict[str, Any]]
    wall_utc_ns: Mapped[int] = mapped_column(index=True)


# --- what is told of ----------------------------------------------------------------------------------------------------------------


class AuditRow(Table):
    __tablename__ = "audit"
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    wall_utc_ns: Mapped[int]
    who: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str]
    """JSON, letter for letter as it was hashed."""
    previous: Mapped[str] = mapped_column(unique=True)
    """Unique, so that the database itself refuses a second successor."""
    hash: Mapped[str]

    __table_args__ = (Index("ix_audit_action", "action", "subject", "sequence"),)


class AuditEndRow(Table):
    """The last row of the log, so that it is missed when it is taken away."""

    __tablename__ = "audit_end"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int]
    hash: Mapped[str]


class EventReaderRow(Table):
    """Up to which row of the audit log another system was told."""

    __tablename__ = "event_reader"
    name: Mapped[str] = mapped_column(primary_key=True)
    told_sequence: Mapped[int]
