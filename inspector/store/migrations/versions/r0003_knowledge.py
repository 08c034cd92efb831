"""What the settings of a station may be put to; which import a fix came with; when an import was undone; what changed since."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "station_limits",
        sa.Column("station", sa.String(), primary_key=True),
        sa.Column("limits", sa.JSON(), nullable=False),
    )
    op.add_column("fix", sa.Column("batch_id", sa.String(), nullable=True))
    op.add_column("import_batch", sa.Column("undone_utc_ns", sa.BigInteger(), nullable=True))
    op.drop_index("ix_past_case_changed_utc_ns", "past_case")
    op.create_index("ix_past_case_changed", "past_case", ["changed_utc_ns", "case_id"])


def downgrade() -> None:
    op.drop_index("ix_past_case_changed", "past_case")
    op.create_index("ix_past_case_changed_utc_ns", "past_case", ["changed_utc_ns"])
    op.drop_column("import_batch", "undone_utc_ns")
    op.drop_column("fix", "batch_id")
    op.drop_table("station_limits")
