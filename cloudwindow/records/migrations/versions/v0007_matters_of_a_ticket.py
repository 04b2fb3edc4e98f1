"""A ticket may be for several items: each of its matters is a row of its own, with its outcome."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0007"
down_revision: str | None = "v0008"

FIRST_MATTERS = """
insert into ticket_matter
  (ticket, position, application, item, item_version, outcome, outcome_note, live_key)
select ticket.id, 1, ticket.application, ticket.item, ticket.item_version, last.outcome,
  coalesce(last.outcome_note, ''), ticket.live_key
from ticket left join session as last on last.ticket = ticket.id and last.epoch = ticket.epoch
  and last.outcome not in ('transferred', 'agent_lost') and ticket.state = 'done'
"""


def upgrade() -> None:
    op.create_table(
        "ticket_matter",
        sa.Column("ticket", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False, comment="from 1, as chosen"),
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=16), nullable=False),
        sa.Column("item_version", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=True, comment="how this matter ended"),
        sa.Column("outcome_note", sa.Text(), nullable=False),
        sa.Column(
            "live_key",
            sa.String(length=96),
            nullable=True,
            comment="citizen and item while the ticket is live",
        ),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.id"], name=op.f("fk_ticket_matter_ticket_ticket")),
        sa.PrimaryKeyConstraint("ticket", "position", name=op.f("pk_ticket_matter")),
        sa.UniqueConstraint("live_key", name=op.f("uq_ticket_matter_live_key")),
    )
    with op.batch_alter_table("ticket_matter", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_matter_application"), ["application"], unique=False)

    op.execute(FIRST_MATTERS)

    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "skill",
                sa.String(length=200),
                server_default=sa.text("''"),
                nullable=False,
                comment="of several matters",
            )
        )
        batch_op.add_column(
            sa.Column(
                "rings",
                sa.String(length=32),
                server_default=sa.text("''"),
                nullable=False,
                comment="of several matters",
            )
        )
        batch_op.drop_constraint(batch_op.f("uq_ticket_live_key"), type_="unique")
        batch_op.drop_column("live_key")
