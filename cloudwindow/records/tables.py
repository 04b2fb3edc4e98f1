"""
The tables of the ledger, for SQLite and PostgreSQL alike.

Times are float seconds since the epoch. Texts that are hashed are kept as the text that was hashed.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BigSerial = BigInteger().with_variant(Integer, "sqlite")
"""A number the database gives out; SQLite counts only in a plain INTEGER key."""

# Rule: rows of ``event`` are only ever added; triggers in the migrations refuse everything else.
event = Table(
    "event",
    metadata,
    Column("id", BigSerial, primary_key=True, comment="order of the whole ledger"),
    Column("case_id", String(64), nullable=False, comment="ticket, application … the chain it belongs to"),
    Column("seq", Integer, nullable=False, comment="1, 2, 3 … within the case, without gaps"),
    Column("kind", String(64), nullable=False, comment="what happened, in the past tense: ticket.called"),
    Column("actor_kind", String(16), nullable=False, comment="citizen, staff, system …"),
    Column("actor", String(64), nullable=False),
    Column("capacity", String(16), nullable=False),
    Column("on_behalf_of", String(64), comment="the principal, when acting for another person"),
    Column("organ", String(64), comment="the organ, when acting in an organ's name"),
    Column("at", Double, nullable=False),
    Column("payload", Text, nullable=False, comment="canonical JSON, as hashed"),
    Column("alg", String(16), nullable=False, comment="hash algorithm: sha256"),
    Column("prev_hash", String(64), nullable=False, comment="hash of the row before; zeros for the first"),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("case_id", "seq"),
    CheckConstraint("capacity IN ('own', 'on_behalf_of', 'for_organ')", name="capacity_known"),
    Index(None, "kind", "at"),
)

idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("actor", String(64), primary_key=True),
    Column("route", String(128), primary_key=True),
    Column("key", String(100), primary_key=True, comment="as sent in Idempotency-Key"),
    Column("body_hash", String(64), nullable=False, comment="SHA-256 of the request's body, hexadecimal"),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False, comment="JSON object of the reply's headers"),
    Column("body", LargeBinary, nullable=False, comment="the reply, byte for byte"),
    Column("stored_at", Double, nullable=False, index=True),
)

serial_number = Table(
    "serial_number",
    metadata,
    Column("issuer", String(64), primary_key=True, comment="organ, or district for ticket numbers"),
    Column("period", String(10), primary_key=True, comment="year, or day for ticket numbers"),
    Column("kind", String(32), primary_key=True, comment="receipt, decision, ticket …"),
    Column("last", Integer, nullable=False, comment="the last number given out"),
)
