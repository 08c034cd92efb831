"""People and their sessions, machines that may call, the audit log and who was told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_people()
    _create_clients()
    _create_audit()
    op.create_table(
        "event_reader",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("told_sequence", sa.BigInteger(), nullable=False),
    )


def _create_people() -> None:
    op.create_table(
        "person",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("badge", sa.String(), unique=True),
        sa.Column("pin_hash", sa.String()),
        sa.Column("changed_utc_ns", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "person_role",
        sa.Column("name", sa.String(), sa.ForeignKey("person.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("station", sa.String(), primary_key=True),
        sa.Column("role", sa.String(), nullable=False),
    )
    op.create_table(
        "person_session",
        sa.Column("session_hash", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), sa.ForeignKey("person.name", ondelete="CASCADE"), nullable=False),
        sa.Column("is_screen", sa.Boolean(), nullable=False),
        sa.Column("began_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("ends_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("acting_name", sa.String(), sa.ForeignKey("person.name", ondelete="SET NULL")),
        sa.Column("acting_ends_utc_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_person_session_name", "person_session", ["name"])


def _create_clients() -> None:
    op.create_table(
        "api_client",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("token_hash", sa.String(), nullable=False, unique=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("made_utc_ns", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "api_answer",
        sa.Column("client", sa.String(), sa.ForeignKey("api_client.name", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.String(), primary_key=True),
        sa.Column("request_sha256", sa.String(), nullable=False),
        sa.Column("status", sa.BigInteger()),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("wall_utc_ns", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_api_answer_wall_utc_ns", "api_answer", ["wall_utc_ns"])


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("sequence", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("wall_utc_ns", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False, unique=True),
        sa.Column("hash", sa.String(), nullable=False),
    )
    op.create_index("ix_audit_action", "audit", ["action", "subject", "sequence"])
    op.create_table(
        "audit_end",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
    )


def downgrade() -> None:
    for table in ("event_reader", "audit_end", "audit", "api_answer", "api_client", "person_session", "person_role", "person"):
        op.drop_table(table)
