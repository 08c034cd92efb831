"""First tables: inspections with their documents, answers, stations, fixes, cases, imports."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inspection",
        sa.Column("inspection_id", sa.String(), primary_key=True),
        sa.Column("part_id", sa.String(), nullable=False),
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("wall_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("kind", sa.String()),
        sa.Column("cause", sa.String()),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("verdict_ms", sa.Double()),
        sa.Column("has_heat_map", sa.Boolean(), nullable=False),
        sa.Column("truth_label", sa.String()),
        sa.Column("truth_cause", sa.String()),
        sa.Column("evidence_note", sa.String()),
    )
    op.create_index("ix_inspection_part", "inspection", ["part_id", "inspection_id"])
    op.create_index("ix_inspection_station", "inspection", ["station", "inspection_id"])
    op.create_index("ix_inspection_outcome", "inspection", ["outcome", "inspection_id"])
    op.create_index("ix_inspection_station_outcome", "inspection", ["station", "outcome", "inspection_id"])
    op.create_index("ix_inspection_kind", "inspection", ["kind", "inspection_id"])
    op.create_index("ix_inspection_cause", "inspection", ["cause", "inspection_id"])
    op.create_index("ix_inspection_station_time", "inspection", ["station", "wall_utc_ns", "outcome", "kind", "cause"])
    op.create_index("ix_inspection_time", "inspection", ["wall_utc_ns"])
    op.create_table(
        "inspection_document",
        sa.Column("inspection_id", sa.String(), sa.ForeignKey("inspection.inspection_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("document", sa.JSON(), nullable=False),
    )
    op.create_table(
        "feedback",
        sa.Column("feedback_id", sa.String(), primary_key=True),
        sa.Column("inspection_id", sa.String(), sa.ForeignKey("inspection.inspection_id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("fix_id", sa.String()),
        sa.Column("who", sa.String()),
        sa.Column("note", sa.String()),
        sa.Column("wall_utc_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_feedback_inspection_id", "feedback", ["inspection_id"])
    op.create_table(
        "station_status",
        sa.Column("station", sa.String(), primary_key=True),
        sa.Column("wall_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("health", sa.JSON(), nullable=False),
    )
    _create_knowledge()


def _create_knowledge() -> None:
    op.create_table(
        "fix",
        sa.Column("fix_id", sa.String(), primary_key=True),
        sa.Column("action_en", sa.String(), nullable=False),
        sa.Column("action_zh", sa.String(), nullable=False),
        sa.Column("causes", sa.JSON(), nullable=False),
        sa.Column("defects", sa.JSON(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("minutes", sa.Double()),
        sa.Column("cost", sa.Double()),
        sa.Column("station", sa.String()),
    )
    op.create_table(
        "import_batch",
        sa.Column("batch_id", sa.String(), primary_key=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("wall_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("cases", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "past_case",
        sa.Column("case_id", sa.String(), primary_key=True),
        sa.Column("fingerprint", sa.String(), nullable=False, unique=True),
        sa.Column("batch_id", sa.String(), sa.ForeignKey("import_batch.batch_id", ondelete="CASCADE")),
        sa.Column("changed_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("symptom", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("fix_id", sa.String()),
        sa.Column("defect", sa.String()),
        sa.Column("cause", sa.String()),
        sa.Column("station", sa.String()),
        sa.Column("product", sa.String()),
        sa.Column("helped", sa.Boolean()),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("minutes", sa.Double()),
        sa.Column("cost", sa.Double()),
        sa.Column("who", sa.String()),
        sa.Column("when_utc", sa.String()),
    )
    op.create_index("ix_past_case_batch_id", "past_case", ["batch_id"])
    op.create_index("ix_past_case_changed_utc_ns", "past_case", ["changed_utc_ns"])


def downgrade() -> None:
    for table in ("past_case", "import_batch", "fix", "station_status", "feedback", "inspection_document", "inspection"):
        op.drop_table(table)
