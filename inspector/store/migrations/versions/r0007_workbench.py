"""Masks that people draw, golden parts, which model serves a station, and the health of devices hour by hour."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drawn_mask",
        sa.Column("mask_id", sa.String(), primary_key=True),
        sa.Column("inspection_id", sa.String(), sa.ForeignKey("inspection.inspection_id", ondelete="CASCADE"), nullable=False),
        sa.Column("camera", sa.String(), nullable=False),
        sa.Column("width_px", sa.BigInteger(), nullable=False),
        sa.Column("height_px", sa.BigInteger(), nullable=False),
        sa.Column("runs", sa.JSON(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("wall_utc_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_drawn_mask_inspection_id", "drawn_mask", ["inspection_id"])
    op.create_table(
        "golden_part",
        sa.Column("inspection_id", sa.String(), sa.ForeignKey("inspection.inspection_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("wall_utc_ns", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "model_service",
        sa.Column("service_id", sa.String(), primary_key=True),
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("replaces", sa.String(), nullable=True),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("wall_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_utc_ns", sa.BigInteger(), nullable=True),
    )
    op.create_index("ix_model_service_station", "model_service", ["station", "service_id"])
    op.create_table(
        "health_ledger",
        sa.Column("station", sa.String(), primary_key=True),
        sa.Column("hour_utc_ns", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("health", sa.JSON(), nullable=False),
    )


def downgrade() -> None:
    for table in ("health_ledger", "model_service", "golden_part", "drawn_mask"):
        op.drop_table(table)
