"""What an answer says in particular, the token that it was sent under, and alarms with what people did about them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("feedback", sa.Column("detail", sa.JSON()))
    op.add_column("feedback", sa.Column("token", sa.String()))
    op.create_index("ix_feedback_token", "feedback", ["token"], unique=True)
    op.create_table(
        "alarm",
        sa.Column("alarm_id", sa.String(), primary_key=True),
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("opened_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("last_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.BigInteger(), nullable=False),
        sa.Column("clean_parts", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.String()),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("held_back", sa.Boolean(), nullable=False),
        sa.Column("acknowledged_by", sa.String()),
        sa.Column("acknowledged_utc_ns", sa.BigInteger()),
        sa.Column("returned_utc_ns", sa.BigInteger()),
        sa.Column("shelved_until_utc_ns", sa.BigInteger()),
        sa.Column("shelved_by", sa.String()),
        sa.Column("shelved_reason", sa.String()),
        sa.Column("closed_utc_ns", sa.BigInteger()),
    )
    still_open = sa.text("closed_utc_ns IS NULL")
    op.create_index("ix_alarm_open", "alarm", ["station", "cause"], unique=True, sqlite_where=still_open, postgresql_where=still_open)
    op.create_index("ix_alarm_opened", "alarm", ["station", "opened_utc_ns"])
    op.create_table(
        "alarm_event",
        sa.Column("event_id", sa.String(), primary_key=True),
        sa.Column("alarm_id", sa.String(), sa.ForeignKey("alarm.alarm_id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("wall_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String()),
        sa.Column("note", sa.String()),
    )
    op.create_index("ix_alarm_event_alarm_id", "alarm_event", ["alarm_id"])
    op.create_table(
        "alarm_watch",
        sa.Column("station", sa.String(), primary_key=True),
        sa.Column("seen_id", sa.String(), nullable=False),
    )


def downgrade() -> None:
    for table in ("alarm_watch", "alarm_event", "alarm"):
        op.drop_table(table)
    op.drop_index("ix_feedback_token", "feedback")
    with op.batch_alter_table("feedback") as feedback:
        feedback.drop_column("token")
        feedback.drop_column("detail")
