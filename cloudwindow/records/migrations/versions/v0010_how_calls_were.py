"""What browsers measured during calls, and how long joining took."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0010"
down_revision: str | None = "v0007"


def upgrade() -> None:
    op.create_table(
        "call_quality",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False, comment="citizen or agent"),
        sa.Column("at", sa.Double(), nullable=False, comment="end of the five seconds"),
        sa.Column("loss_up", sa.Double(), nullable=True, comment="percent of what was sent"),
        sa.Column("loss_down", sa.Double(), nullable=True, comment="percent of what was to come"),
        sa.Column("rtt_ms", sa.Integer(), nullable=True),
        sa.Column("kbit_up", sa.Integer(), nullable=False),
        sa.Column("kbit_down", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False, comment="of the picture received"),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("limited_by", sa.String(length=16), nullable=False, comment="none, network or device"),
        sa.Column("browser", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["session.id"], name=op.f("fk_call_quality_session_session")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_quality")),
    )
    op.create_table(
        "call_setup",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False, comment="citizen or agent"),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("occasion", sa.String(length=8), nullable=False, comment="join or repair"),
        sa.Column("devices_ms", sa.Integer(), nullable=True),
        sa.Column("answer_ms", sa.Integer(), nullable=True),
        sa.Column("connected_ms", sa.Integer(), nullable=True),
        sa.Column("picture_ms", sa.Integer(), nullable=True),
        sa.Column("browser", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["session"], ["session.id"], name=op.f("fk_call_setup_session_session")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_setup")),
    )
    for table in ("call_quality", "call_setup"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.create_index(batch_op.f(f"ix_{table}_session"), ["session"], unique=False)
            batch_op.create_index(batch_op.f(f"ix_{table}_at"), ["at"], unique=False)
