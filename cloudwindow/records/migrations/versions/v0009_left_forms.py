"""Forms left for the agents to look at, and which one a browser holds."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0009"
down_revision: str | None = "v0010"


def upgrade() -> None:
    op.create_table(
        "left_form",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("citizen", sa.String(length=32), nullable=False),
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=16), nullable=False),
        sa.Column("item_version", sa.Integer(), nullable=False),
        sa.Column("district", sa.String(length=6), nullable=False, comment="whose agents look at it"),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("spoken", sa.String(length=8), nullable=False, comment="language of the text messages"),
        sa.Column("begun_at", sa.Double(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("call_back", sa.Boolean(), nullable=False, comment="the citizen wishes to be rung"),
        sa.Column("left_at", sa.Double(), nullable=True),
        sa.Column("due_at", sa.Double(), nullable=True, comment="promised to be looked at by then"),
        sa.Column("agent", sa.String(length=32), nullable=True, comment="who looks, or looked, at it"),
        sa.Column("ticket", sa.String(length=32), nullable=True, comment="with which the walk went on"),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("deadline", sa.Double(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "live_key", sa.String(length=96), nullable=True, comment="citizen and item while open, else null"
        ),
        sa.Column(
            "intake_sealed", sa.Text(), nullable=True, comment="what was said about oneself, until it ends"
        ),
        sa.Column("note_sealed", sa.Text(), nullable=True, comment="what the agent wrote to the citizen"),
        sa.Column("resume_hash", sa.String(length=64), nullable=False),
        sa.Column("resume_sealed", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application"], ["application.id"], name=op.f("fk_left_form_application_application")
        ),
        sa.ForeignKeyConstraint(["citizen"], ["citizen.id"], name=op.f("fk_left_form_citizen_citizen")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_left_form")),
        sa.UniqueConstraint("live_key", name=op.f("uq_left_form_live_key")),
        sa.UniqueConstraint("number", name=op.f("uq_left_form_number")),
        sa.UniqueConstraint("resume_hash", name=op.f("uq_left_form_resume_hash")),
    )
    with op.batch_alter_table("left_form", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_left_form_application"), ["application"], unique=False)
        batch_op.create_index(batch_op.f("ix_left_form_citizen"), ["citizen"], unique=False)
        batch_op.create_index(batch_op.f("ix_left_form_district_state"), ["district", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_left_form_state_deadline"), ["state", "deadline"], unique=False)

    with op.batch_alter_table("web_session", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "left_form",
                sa.String(length=32),
                nullable=True,
                comment="the left form this browser holds",
            )
        )
