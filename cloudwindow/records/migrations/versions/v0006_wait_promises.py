"""Shown waits are kept as promises, with what became of them and what they taught."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0006"
down_revision: str | None = "v0005"


def upgrade() -> None:
    op.create_table(
        "wait_promise",
        sa.Column("ticket", sa.String(length=32), nullable=False),
        sa.Column("district", sa.String(length=6), nullable=False, comment="home district"),
        sa.Column("lane", sa.String(length=400), nullable=False),
        sa.Column("at", sa.Double(), nullable=False, comment="when the range was shown"),
        sa.Column(
            "expected", sa.Double(), nullable=False, comment="seconds, before what was learnt is applied"
        ),
        sa.Column("low", sa.Double(), nullable=False, comment="seconds, as shown"),
        sa.Column("point", sa.Double(), nullable=False),
        sa.Column("high", sa.Double(), nullable=False),
        sa.Column(
            "ended_at", sa.Double(), nullable=True, comment="first called, or left; null while it waits"
        ),
        sa.Column("waited", sa.Double(), nullable=True, comment="seconds until then"),
        sa.Column("called", sa.Boolean(), nullable=True, comment="false: left before being called"),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.id"], name=op.f("fk_wait_promise_ticket_ticket")),
        sa.PrimaryKeyConstraint("ticket", name=op.f("pk_wait_promise")),
    )
    with op.batch_alter_table("wait_promise", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_wait_promise_ended_at"), ["ended_at"], unique=False)

    op.create_table(
        "wait_marks",
        sa.Column(
            "bucket",
            sa.String(length=16),
            nullable=False,
            comment="home district and band of expected waits",
        ),
        sa.Column("middle", sa.Double(), nullable=False),
        sa.Column("below", sa.Double(), nullable=False),
        sa.Column("above", sa.Double(), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_wait_marks")),
    )
