"""What people say the true cause of a part was."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("feedback", sa.Column("cause", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("feedback", "cause")
