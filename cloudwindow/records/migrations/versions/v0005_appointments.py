"""Appointments, and which one a browser holds."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0005"
down_revision: str | None = "v0004"


def upgrade() -> None:
    op.create_table(
        "appointment",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("citizen", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=16), nullable=False),
        sa.Column("item_version", sa.Integer(), nullable=False),
        sa.Column(
            "district",
            sa.String(length=6),
            nullable=False,
            comment="whose windows serve; not always the home",
        ),
        sa.Column("skill", sa.String(length=64), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("starts_at", sa.Double(), nullable=False),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.Column("seat", sa.Integer(), nullable=False, comment="0, 1 … of the slot"),
        sa.Column("spoken", sa.String(length=8), nullable=False, comment="language of the text messages"),
        sa.Column("booked_at", sa.Double(), nullable=False, comment="when it got its present slot"),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False, comment="RFC 5545: one more with every change"),
        sa.Column("ticket", sa.String(length=32), nullable=True, comment="taken at checking in"),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("remind_day_at", sa.Double(), nullable=True, comment="empty once told"),
        sa.Column("remind_soon_at", sa.Double(), nullable=True, comment="empty once told"),
        sa.Column("deadline", sa.Double(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "live_key",
            sa.String(length=96),
            nullable=True,
            comment="citizen and item while booked, else null",
        ),
        sa.Column(
            "seat_key", sa.String(length=160), nullable=True, comment="the seat while it is held, else null"
        ),
        sa.Column(
            "intake_sealed",
            sa.Text(),
            nullable=True,
            comment="what was said about oneself, until the ticket is taken",
        ),
        sa.Column("resume_hash", sa.String(length=64), nullable=False),
        sa.Column("resume_sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["citizen"], ["citizen.id"], name=op.f("fk_appointment_citizen_citizen")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment")),
        sa.UniqueConstraint("live_key", name=op.f("uq_appointment_live_key")),
        sa.UniqueConstraint("number", name=op.f("uq_appointment_number")),
        sa.UniqueConstraint("resume_hash", name=op.f("uq_appointment_resume_hash")),
        sa.UniqueConstraint("seat_key", name=op.f("uq_appointment_seat_key")),
    )
    with op.batch_alter_table("appointment", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_appointment_citizen"), ["citizen"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_appointment_district_starts_at"), ["district", "starts_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_appointment_state_deadline"), ["state", "deadline"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_appointment_ticket"), ["ticket"], unique=False)

    with op.batch_alter_table("web_session", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "appointment",
                sa.String(length=32),
                nullable=True,
                comment="the appointment this browser holds",
            )
        )
