"""What the settings of a station may be put to, as its file said when it last ran; which import a fix came with."""

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


def downgrade() -> None:
    op.drop_column("fix", "batch_id")
    op.drop_table("station_limits")
