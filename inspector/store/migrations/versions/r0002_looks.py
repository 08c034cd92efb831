"""What parts looked and sounded like, to be searched by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inspection_look",
        sa.Column("inspection_id", sa.String(), sa.ForeignKey("inspection.inspection_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("channel", sa.String(), primary_key=True),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
    )
    op.create_index("ix_inspection_look_channel", "inspection_look", ["channel", "inspection_id"])


def downgrade() -> None:
    op.drop_table("inspection_look")
