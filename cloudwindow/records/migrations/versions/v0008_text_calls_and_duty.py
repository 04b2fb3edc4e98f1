"""How many text calls an agent takes at once, what they asked of the line, and who passed a ticket on."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0008"
down_revision: str | None = "v0012"


def upgrade() -> None:
    op.create_table(
        "duty",
        sa.Column("staff", sa.String(length=32), nullable=False),
        sa.Column("pull", sa.Boolean(), nullable=False, comment="takes tickets by hand"),
        sa.Column("leaving", sa.String(length=32), nullable=False, comment="why away after this call"),
        sa.Column("shift_ends_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["staff"], ["staff.id"], name=op.f("fk_duty_staff_staff")),
        sa.PrimaryKeyConstraint("staff", name=op.f("pk_duty")),
    )
    with op.batch_alter_table("staff", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "text_calls",
                sa.Integer(),
                server_default=sa.text("3"),
                nullable=False,
                comment="how many at once, 1 to 3",
            )
        )
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("passed_by", sa.JSON(), nullable=True, comment="agents who passed it on")
        )
