"""Recordings of calls and who looked at them."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0014"
down_revision: str | None = "v0013"


def upgrade() -> None:
    op.create_table(
        "recording",
        sa.Column("id", sa.String(length=32), nullable=False, comment="also the name of its folder"),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column(
            "district", sa.String(length=6), nullable=False, comment="home district of the case when it began"
        ),
        sa.Column("room", sa.String(length=32), nullable=False),
        sa.Column(
            "number", sa.Integer(), nullable=False, comment="1, 2 … of the call: one more after each break"
        ),
        sa.Column("key_sealed", sa.Text(), nullable=False, comment="empty once everything was deleted"),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("paused_by", sa.String(length=32), nullable=False, comment="sides in a sensitive field"),
        sa.Column("failure", sa.String(length=32), nullable=False, comment="why it stopped by itself"),
        sa.Column("head", sa.String(length=64), nullable=False, comment="last known hash of its chain"),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.Column("film", sa.String(length=24), nullable=False, comment="made, or why there is none"),
        sa.Column("keep_until", sa.Double(), nullable=True),
        sa.Column("held_by", sa.String(length=32), nullable=True),
        sa.Column("held_at", sa.Double(), nullable=True),
        sa.Column("held_reason", sa.Text(), nullable=False),
        sa.Column("deadline", sa.Double(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application"], ["application.id"], name=op.f("fk_recording_application_application")
        ),
        sa.ForeignKeyConstraint(["held_by"], ["staff.id"], name=op.f("fk_recording_held_by_staff")),
        sa.ForeignKeyConstraint(["session"], ["session.id"], name=op.f("fk_recording_session_session")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
        sa.UniqueConstraint("session", "number", name=op.f("uq_recording_session_number")),
    )
    with op.batch_alter_table("recording", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recording_application"), ["application"], unique=False)
        batch_op.create_index(batch_op.f("ix_recording_deadline"), ["deadline"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_recording_district_started_at"), ["district", "started_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_recording_room"), ["room"], unique=False)
        batch_op.create_index(batch_op.f("ix_recording_state"), ["state"], unique=False)

    op.create_table(
        "recording_viewing",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("recording", sa.String(length=32), nullable=False),
        sa.Column("staff", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording"], ["recording.id"], name=op.f("fk_recording_viewing_recording_recording")
        ),
        sa.ForeignKeyConstraint(["staff"], ["staff.id"], name=op.f("fk_recording_viewing_staff_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording_viewing")),
    )
    with op.batch_alter_table("recording_viewing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recording_viewing_recording"), ["recording"], unique=False)
