"""Rings, priorities and promised times."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0003"
down_revision: str | None = "v0002"


def upgrade() -> None:
    op.create_table(
        "lending",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("lender", sa.String(length=6), nullable=False, comment="the district whose agents help"),
        sa.Column(
            "borrower", sa.String(length=6), nullable=False, comment="the home district that is helped"
        ),
        sa.Column("starts_at", sa.Double(), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False, comment="moved forward when it is ended early"),
        sa.Column("agreed_by", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["agreed_by"], ["staff.id"], name=op.f("fk_lending_agreed_by_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lending")),
    )
    with op.batch_alter_table("lending", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_lending_ends_at"), ["ends_at"], unique=False)

    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("levels", sa.JSON(), nullable=True, comment="skill -> level, 1 if missing")
        )
        batch_op.add_column(
            sa.Column(
                "certified_until", sa.JSON(), nullable=True, comment="skill -> last day of its certificate"
            )
        )

    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "priority",
                sa.String(length=24),
                server_default=sa.text("''"),
                nullable=False,
                comment="why it has credit",
            )
        )
        batch_op.add_column(
            sa.Column(
                "preferred_agent",
                sa.String(length=32),
                nullable=True,
                comment="alone offered it until preferred_until",
            )
        )
        batch_op.add_column(sa.Column("preferred_until", sa.Double(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "not_before", sa.Double(), nullable=True, comment="the promised time of a ticket set aside"
            )
        )
        batch_op.add_column(
            sa.Column("aside_reason", sa.String(length=32), server_default=sa.text("''"), nullable=False)
        )
        batch_op.add_column(
            sa.Column(
                "callback",
                sa.Boolean(),
                server_default=sa.false(),
                nullable=False,
                comment="the citizen is rung",
            )
        )
        batch_op.add_column(
            sa.Column(
                "nearly_told_at",
                sa.Double(),
                nullable=True,
                comment="when it was said that their turn is near",
            )
        )
