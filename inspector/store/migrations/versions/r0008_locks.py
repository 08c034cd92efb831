"""Whether a person is locked out, and at which stations a machine may do what its scopes say."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", sa.Column("locked", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("api_client", sa.Column("stations", sa.JSON(), nullable=False, server_default='["*"]'))


def downgrade() -> None:
    with op.batch_alter_table("api_client") as client:
        client.drop_column("stations")
    with op.batch_alter_table("person") as person:
        person.drop_column("locked")
