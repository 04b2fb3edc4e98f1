"""Text messages are kept with the fact they tell of until they are sent."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0015"
down_revision: str | None = "v0014"


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column(
            "key",
            sa.String(length=32),
            nullable=False,
            comment="the gateway drops what comes again under it",
        ),
        sa.Column("kind", sa.String(length=32), nullable=False, comment="appointment.booked, ticket.rung …"),
        sa.Column("about", sa.String(length=64), nullable=False, comment="the id of what it tells of"),
        sa.Column("mark", sa.String(length=32), nullable=False, comment="which state of that"),
        sa.Column("said_sealed", sa.Text(), nullable=True, comment="what stands nowhere else, until it ends"),
        sa.Column("made_at", sa.Double(), nullable=False),
        sa.Column("worthless_at", sa.Double(), nullable=False, comment="never sent from then on"),
        sa.Column(
            "due_at", sa.Double(), nullable=True, comment="when a node may take it; null once it ended"
        ),
        sa.Column("tries", sa.Integer(), nullable=False, comment="how often a node took it; fences each"),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column(
            "reason",
            sa.String(length=64),
            nullable=False,
            comment="code of the last failure, late or overtaken",
        ),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_due_at"), ["due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_outbox_state_ended_at"), ["state", "ended_at"], unique=False)
