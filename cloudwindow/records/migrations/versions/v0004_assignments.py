"""Which agent each ticket was offered to, and why."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0004"
down_revision: str | None = "v0003"


def upgrade() -> None:
    op.create_table(
        "assignment",
        sa.Column("ticket", sa.String(length=64), nullable=False),
        sa.Column(
            "epoch", sa.Integer(), autoincrement=False, nullable=False, comment="the n-th offer of the ticket"
        ),
        sa.Column("agent", sa.String(length=64), nullable=False),
        sa.Column(
            "agent_district", sa.String(length=6), nullable=False, comment="when the offer was recorded"
        ),
        sa.Column("lane", sa.String(length=280), nullable=False, comment="home district|skill|language|mode"),
        sa.Column(
            "ring",
            sa.Integer(),
            nullable=False,
            comment="0 own district outward to 3 the city; -1 not known yet",
        ),
        sa.Column(
            "rule",
            sa.String(length=24),
            nullable=False,
            comment="longest_waiting …; empty: only the end is known yet",
        ),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False, comment="canonical JSON of the line's reasons"),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column(
            "ending",
            sa.String(length=12),
            nullable=True,
            comment="accepted, declined, missed, withdrawn, returned",
        ),
        sa.Column("end_reason", sa.String(length=80), nullable=True),
        sa.Column(
            "returned_at", sa.Double(), nullable=True, comment="when the ticket stood in the line again"
        ),
        sa.Column("return_reason", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("ticket", "epoch", name=op.f("pk_assignment")),
    )
    with op.batch_alter_table("assignment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assignment_agent_made_at"), ["agent", "made_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_assignment_made_at"), ["made_at"], unique=False)
