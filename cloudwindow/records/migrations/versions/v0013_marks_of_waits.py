"""What waits taught is kept by district, skill and credit, each for itself."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0013"
down_revision: str | None = "v0009"


def upgrade() -> None:
    with op.batch_alter_table("wait_promise", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "credit",
                sa.Boolean(),
                server_default=sa.false(),
                nullable=False,
                comment="stood before earlier ones",
            )
        )
    with op.batch_alter_table("wait_marks", schema=None) as batch_op:
        batch_op.alter_column(
            "bucket",
            existing_type=sa.String(length=16),
            type_=sa.String(length=400),
            existing_nullable=False,
            comment="whose waits: see domain.estimate",
            existing_comment="home district and band of expected waits",
        )
