"""Third parties in a call; a call on hold and its private talk."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0012"
down_revision: str | None = "v0006"


def upgrade() -> None:
    op.create_table(
        "third_party",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("ticket", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name_sealed", sa.Text(), nullable=False),
        sa.Column(
            "secret_hash",
            sa.String(length=64),
            nullable=True,
            comment="of the link; null once it was followed",
        ),
        sa.Column(
            "secret_sealed", sa.Text(), nullable=True, comment="of the link, for the agent to read out"
        ),
        sa.Column("staff", sa.String(length=32), nullable=True, comment="a supervisor"),
        sa.Column("reason", sa.Text(), nullable=False, comment="why a supervisor came"),
        sa.Column("mode", sa.String(length=8), nullable=False, comment="listen, whisper or join"),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("invited_by", sa.String(length=32), nullable=False),
        sa.Column("invited_at", sa.Double(), nullable=False),
        sa.Column("agreed_at", sa.Double(), nullable=True),
        sa.Column("joined_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("deadline", sa.Double(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["session.id"], name=op.f("fk_third_party_session_session")),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.id"], name=op.f("fk_third_party_ticket_ticket")),
        sa.ForeignKeyConstraint(["staff"], ["staff.id"], name=op.f("fk_third_party_staff_staff")),
        sa.ForeignKeyConstraint(["invited_by"], ["staff.id"], name=op.f("fk_third_party_invited_by_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_third_party")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_third_party_secret_hash")),
    )
    with op.batch_alter_table("third_party", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_third_party_session"), ["session"], unique=False)
        batch_op.create_index(batch_op.f("ix_third_party_state"), ["state"], unique=False)
    with op.batch_alter_table("web_session", schema=None) as batch_op:
        batch_op.alter_column(
            "kind",
            existing_type=sa.String(length=8),
            existing_nullable=False,
            comment="citizen, staff or guest",
        )
        batch_op.add_column(
            sa.Column(
                "third_party",
                sa.String(length=32),
                nullable=True,
                comment="whom this browser belongs to in a call",
            )
        )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "hold_reason",
                sa.String(length=16),
                server_default=sa.text("''"),
                nullable=False,
                comment="empty: not on hold",
            )
        )
        batch_op.add_column(sa.Column("held_at", sa.Double(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "side_room",
                sa.Boolean(),
                server_default=sa.false(),
                nullable=False,
                comment="officer and citizen alone",
            )
        )
