"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision: str = "v0001"
down_revision: str | None = None


def upgrade() -> None:
    op.create_table(
        "chat_line",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("session", sa.String(length=32), nullable=False),
        sa.Column("author", sa.String(length=8), nullable=False, comment="citizen or agent"),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("text_sealed", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_line")),
    )
    with op.batch_alter_table("chat_line", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_chat_line_case_id"), ["case_id"], unique=False)

    op.create_table(
        "citizen",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column(
            "id_number_blind", sa.String(length=64), nullable=False, comment="blind index of the ID number"
        ),
        sa.Column(
            "mobile_blind", sa.String(length=64), nullable=False, comment="blind index of the mobile number"
        ),
        sa.Column("name_sealed", sa.Text(), nullable=False),
        sa.Column("id_number_sealed", sa.Text(), nullable=False),
        sa.Column("mobile_sealed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_citizen")),
        sa.UniqueConstraint(
            "id_number_blind", "mobile_blind", name=op.f("uq_citizen_id_number_blind_mobile_blind")
        ),
    )
    op.create_table(
        "event",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            comment="order of the whole ledger",
        ),
        sa.Column(
            "case_id",
            sa.String(length=64),
            nullable=False,
            comment="ticket, application … the chain it belongs to",
        ),
        sa.Column("seq", sa.Integer(), nullable=False, comment="1, 2, 3 … within the case, without gaps"),
        sa.Column(
            "kind",
            sa.String(length=64),
            nullable=False,
            comment="what happened, in the past tense: ticket.called",
        ),
        sa.Column("actor_kind", sa.String(length=16), nullable=False, comment="citizen, staff, system …"),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("capacity", sa.String(length=16), nullable=False),
        sa.Column(
            "on_behalf_of",
            sa.String(length=64),
            nullable=True,
            comment="the principal, when acting for another person",
        ),
        sa.Column(
            "organ", sa.String(length=64), nullable=True, comment="the organ, when acting in an organ's name"
        ),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False, comment="canonical JSON, as hashed"),
        sa.Column("alg", sa.String(length=16), nullable=False, comment="hash algorithm: sha256"),
        sa.Column(
            "prev_hash",
            sa.String(length=64),
            nullable=False,
            comment="hash of the row before; zeros for the first",
        ),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "capacity IN ('own', 'on_behalf_of', 'for_organ')", name=op.f("ck_event_capacity_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("case_id", "seq", name=op.f("uq_event_case_id_seq")),
    )
    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_kind_at"), ["kind", "at"], unique=False)

    op.create_table(
        "idempotency_key",
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("route", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False, comment="as sent in Idempotency-Key"),
        sa.Column(
            "body_hash",
            sa.String(length=64),
            nullable=False,
            comment="SHA-256 of the request's body, hexadecimal",
        ),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False, comment="JSON object of the reply's headers"),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="the reply, byte for byte"),
        sa.Column("stored_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "route", "key", name=op.f("pk_idempotency_key")),
    )
    with op.batch_alter_table("idempotency_key", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_key_stored_at"), ["stored_at"], unique=False)

    op.create_table(
        "phone_code",
        sa.Column("purpose", sa.String(length=16), nullable=False, comment="identify or sign"),
        sa.Column("subject", sa.String(length=64), nullable=False, comment="session hash or application"),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("sent_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("purpose", "subject", name=op.f("pk_phone_code")),
    )
    op.create_table(
        "serial_number",
        sa.Column(
            "issuer", sa.String(length=64), nullable=False, comment="organ, or district for ticket numbers"
        ),
        sa.Column("period", sa.String(length=10), nullable=False, comment="year, or day for ticket numbers"),
        sa.Column("kind", sa.String(length=32), nullable=False, comment="receipt, decision, ticket …"),
        sa.Column("last", sa.Integer(), nullable=False, comment="the last number given out"),
        sa.PrimaryKeyConstraint("issuer", "period", "kind", name=op.f("pk_serial_number")),
    )
    op.create_table(
        "staff",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column(
            "number", sa.String(length=16), nullable=False, comment="the agent's number, shown to citizens"
        ),
        sa.Column("district", sa.String(length=6), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("skills", sa.JSON(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("modes", sa.JSON(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("totp_sealed", sa.Text(), nullable=False),
        sa.Column(
            "totp_counter",
            sa.BigInteger(),
            nullable=False,
            comment="the last one-time code's counter; never reused",
        ),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("account", name=op.f("uq_staff_account")),
    )
    op.create_table(
        "web_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False, comment="citizen or staff"),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("staff", sa.String(length=32), nullable=True),
        sa.Column("ticket", sa.String(length=32), nullable=True, comment="the visit this browser holds"),
        sa.Column(
            "intake_sealed", sa.Text(), nullable=True, comment="what was chosen before the number was taken"
        ),
        sa.Column("cases", sa.JSON(), nullable=False, comment="receipt numbers this browser may follow"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_session")),
    )
    with op.batch_alter_table("web_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_web_session_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "application",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("citizen", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=16), nullable=False),
        sa.Column("item_version", sa.Integer(), nullable=False),
        sa.Column("home_district", sa.String(length=6), nullable=False),
        sa.Column("home_street", sa.String(length=9), nullable=False),
        sa.Column("capacity", sa.String(length=16), nullable=False),
        sa.Column(
            "principal_sealed",
            sa.Text(),
            nullable=True,
            comment="name, ID number and relation, when a delegate acts",
        ),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("declared", sa.JSON(), nullable=False),
        sa.Column("identity_checked_at", sa.Double(), nullable=True),
        sa.Column("identity_method", sa.String(length=24), nullable=True),
        sa.Column("identity_result", sa.String(length=16), nullable=True),
        sa.Column("readback_at", sa.Double(), nullable=True),
        sa.Column("readback_sha256", sa.String(length=64), nullable=True),
        sa.Column("signed_at", sa.Double(), nullable=True),
        sa.Column("signature_file", sa.String(length=32), nullable=True),
        sa.Column("receipt", sa.String(length=24), nullable=True),
        sa.Column("receiving_district", sa.String(length=6), nullable=True),
        sa.Column("mode", sa.String(length=16), nullable=True),
        sa.Column("organ", sa.String(length=32), nullable=True),
        sa.Column("delegation", sa.String(length=64), nullable=True),
        sa.Column("received_at", sa.Double(), nullable=True),
        sa.Column("acknowledged_at", sa.Double(), nullable=True),
        sa.Column("accepted_at", sa.Double(), nullable=True),
        sa.Column("decided_at", sa.Double(), nullable=True),
        sa.Column("due_at", sa.Double(), nullable=True),
        sa.Column("corrections", sa.JSON(), nullable=False),
        sa.Column("correction_rounds", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["citizen"], ["citizen.id"], name=op.f("fk_application_citizen_citizen")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint("receipt", name=op.f("uq_application_receipt")),
    )
    with op.batch_alter_table("application", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_application_citizen"), ["citizen"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_application_home_district_state"), ["home_district", "state"], unique=False
        )

    op.create_table(
        "ticket",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("citizen", sa.String(length=32), nullable=False),
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=16), nullable=False),
        sa.Column("item_version", sa.Integer(), nullable=False),
        sa.Column("home_district", sa.String(length=6), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("joined_at", sa.Double(), nullable=False, comment="never changes"),
        sa.Column("credit_seconds", sa.Double(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False, comment="fence: one more with every call"),
        sa.Column("recalls", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(length=32), nullable=True),
        sa.Column("deadline", sa.Double(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "live_key", sa.String(length=96), nullable=True, comment="citizen and item while live, else null"
        ),
        sa.Column("resume_hash", sa.String(length=64), nullable=False),
        sa.Column("resume_sealed", sa.Text(), nullable=False),
        sa.Column("devices", sa.JSON(), nullable=False, comment="outcome of the device test"),
        sa.ForeignKeyConstraint(["citizen"], ["citizen.id"], name=op.f("fk_ticket_citizen_citizen")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket")),
        sa.UniqueConstraint("live_key", name=op.f("uq_ticket_live_key")),
        sa.UniqueConstraint("resume_hash", name=op.f("uq_ticket_resume_hash")),
    )
    with op.batch_alter_table("ticket", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ticket_application"), ["application"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_ticket_home_district_joined_at"), ["home_district", "joined_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_ticket_state_joined_at"), ["state", "joined_at"], unique=False)

    op.create_table(
        "consent",
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False, comment="handling or recording"),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("text_version", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application"], ["application.id"], name=op.f("fk_consent_application_application")
        ),
        sa.PrimaryKeyConstraint("application", "kind", name=op.f("pk_consent")),
    )
    op.create_table(
        "document",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("organ", sa.String(length=32), nullable=False),
        sa.Column("verification_code", sa.String(length=32), nullable=False),
        sa.Column("handler", sa.String(length=64), nullable=False, comment="who issued it, as printed"),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("file", sa.String(length=32), nullable=False, comment="empty until it is printed"),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("issued_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application"], ["application.id"], name=op.f("fk_document_application_application")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("verification_code", name=op.f("uq_document_verification_code")),
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_application"), ["application"], unique=False)
        batch_op.create_index(batch_op.f("ix_document_file"), ["file"], unique=False)

    op.create_table(
        "field_value",
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("field", sa.String(length=48), nullable=False),
        sa.Column("value_sealed", sa.Text(), nullable=False, comment="canonical JSON"),
        sa.Column("standing", sa.String(length=12), nullable=False),
        sa.Column("author_kind", sa.String(length=8), nullable=False),
        sa.Column("author", sa.String(length=32), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application"], ["application.id"], name=op.f("fk_field_value_application_application")
        ),
        sa.PrimaryKeyConstraint("application", "field", name=op.f("pk_field_value")),
    )
    op.create_table(
        "handover",
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("from_district", sa.String(length=6), nullable=False),
        sa.Column("to_district", sa.String(length=6), nullable=False),
        sa.Column("organ", sa.String(length=32), nullable=False),
        sa.Column("sent_at", sa.Double(), nullable=False),
        sa.Column("acknowledge_by", sa.Double(), nullable=False),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("acknowledged_by", sa.String(length=32), nullable=True),
        sa.Column("acknowledged_at", sa.Double(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application"], ["application.id"], name=op.f("fk_handover_application_application")
        ),
        sa.PrimaryKeyConstraint("application", name=op.f("pk_handover")),
    )
    op.create_table(
        "material",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("rule", sa.String(length=48), nullable=False),
        sa.Column("file", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("hints", sa.JSON(), nullable=False),
        sa.Column("added_by", sa.String(length=8), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("verdict_by", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["application"], ["application.id"], name=op.f("fk_material_application_application")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_material")),
    )
    with op.batch_alter_table("material", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_material_application"), ["application"], unique=False)

    op.create_table(
        "rating",
        sa.Column("ticket", sa.String(length=32), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.id"], name=op.f("fk_rating_ticket_ticket")),
        sa.PrimaryKeyConstraint("ticket", name=op.f("pk_rating")),
    )
    op.create_table(
        "session",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("ticket", sa.String(length=32), nullable=False),
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("citizen", sa.String(length=32), nullable=False),
        sa.Column("agent", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("room", sa.String(length=32), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("joined_at", sa.Double(), nullable=True),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("outcome", sa.String(length=24), nullable=True),
        sa.Column("outcome_note", sa.Text(), nullable=False),
        sa.Column("recording", sa.Boolean(), nullable=False),
        sa.Column("deadline", sa.Double(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["staff.id"], name=op.f("fk_session_agent_staff")),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.id"], name=op.f("fk_session_ticket_ticket")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("ticket", "epoch", name=op.f("uq_session_ticket_epoch")),
    )
    with op.batch_alter_table("session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_session_agent"), ["agent"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_session_ticket"), ["ticket"], unique=False)
