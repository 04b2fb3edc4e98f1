"""Evidence clips outlive the film, recordings keep their last check, downloads are marked copies."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0017"
down_revision: str | None = "v0015"


def upgrade() -> None:
    with op.batch_alter_table("recording", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "clips",
                sa.Integer(),
                server_default="0",
                nullable=False,
                comment="evidence clips cut from it",
            )
        )
        batch_op.add_column(
            sa.Column(
                "evidence_until", sa.Double(), nullable=True, comment="null: the clips go with the rest"
            )
        )
        batch_op.add_column(
            sa.Column("evidence_key_sealed", sa.Text(), nullable=True, comment="set once the film is gone")
        )
        batch_op.add_column(
            sa.Column("film_deleted_at", sa.Double(), nullable=True, comment="when all but its clips went")
        )
        batch_op.add_column(sa.Column("deleted_at", sa.Double(), nullable=True))

    op.create_table(
        "recording_check",
        sa.Column("recording", sa.String(length=32), nullable=False),
        sa.Column(
            "at",
            sa.Double(),
            nullable=False,
            comment="when its files were last read and compared with its chain",
        ),
        sa.Column(
            "mark",
            sa.String(length=64),
            nullable=False,
            comment="of names, sizes and times of the files checked",
        ),
        sa.Column("findings", sa.JSON(), nullable=False, comment="problem: place, the first bad place first"),
        sa.ForeignKeyConstraint(
            ["recording"], ["recording.id"], name=op.f("fk_recording_check_recording_recording")
        ),
        sa.PrimaryKeyConstraint("recording", name=op.f("pk_recording_check")),
    )

    op.create_table(
        "recording_copy",
        sa.Column("id", sa.String(length=32), nullable=False, comment="also part of its file's name"),
        sa.Column("viewing", sa.String(length=32), nullable=False),
        sa.Column("recording", sa.String(length=32), nullable=False),
        sa.Column(
            "clip", sa.Integer(), nullable=True, comment="number of the evidence clip; null: the whole film"
        ),
        sa.Column("words", sa.Text(), nullable=False, comment="what is drawn into the picture"),
        sa.Column("asked_at", sa.Double(), nullable=False),
        sa.Column("made_at", sa.Double(), nullable=True),
        sa.Column("taken_at", sa.Double(), nullable=True, comment="when it was first downloaded"),
        sa.Column(
            "ended_at",
            sa.Double(),
            nullable=True,
            comment="when its file was gone, or it could not be made",
        ),
        sa.Column("failure", sa.String(length=24), nullable=False, comment="why it could not be made"),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False, comment="of the file that is handed out"),
        sa.Column(
            "original",
            sa.String(length=64),
            nullable=False,
            comment="of the sealed film or clip, as in its chain",
        ),
        sa.Column("deadline", sa.Double(), nullable=True, comment="when a node makes it, or takes it away"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording"], ["recording.id"], name=op.f("fk_recording_copy_recording_recording")
        ),
        sa.ForeignKeyConstraint(
            ["viewing"], ["recording_viewing.id"], name=op.f("fk_recording_copy_viewing_recording_viewing")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording_copy")),
    )
    with op.batch_alter_table("recording_copy", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recording_copy_deadline"), ["deadline"], unique=False)
        batch_op.create_index(batch_op.f("ix_recording_copy_recording"), ["recording"], unique=False)
        batch_op.create_index(batch_op.f("ix_recording_copy_viewing"), ["viewing"], unique=False)
