"""What people say a part really is: its kind and its cause, for the next training."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "label",
        sa.Column("label_id", sa.String(), primary_key=True),
        sa.Column("inspection_id", sa.String(), sa.ForeignKey("inspection.inspection_id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("wall_utc_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_label_inspection_id", "label", ["inspection_id"])


def downgrade() -> None:
    op.drop_table("label")
