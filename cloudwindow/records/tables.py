"""
The tables of the ledger, for SQLite and PostgreSQL alike.

Times are float seconds since the epoch. Texts that are hashed are kept as the text that was hashed.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
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

# --- people ----------------------------------------------------------------------------------------------

citizen = Table(
    "citizen",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("id_number_blind", String(64), nullable=False, comment="blind index of the ID number"),
    Column("mobile_blind", String(64), nullable=False, comment="blind index of the mobile number"),
    Column("name_sealed", Text, nullable=False),
    Column("id_number_sealed", Text, nullable=False),
    Column("mobile_sealed", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("id_number_blind", "mobile_blind"),
)

staff = Table(
    "staff",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("account", String(64), nullable=False, unique=True),
    Column("name", String(64), nullable=False),
    Column("number", String(16), nullable=False, comment="the agent's number, shown to citizens"),
    Column("district", String(6), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("skills", JSON, nullable=False),
    Column("languages", JSON, nullable=False),
    Column("modes", JSON, nullable=False),
    Column("levels", JSON, comment="skill -> level, 1 if missing"),
    Column("certified_until", JSON, comment="skill -> last day of its certificate"),
    Column(
        "text_calls", Integer, nullable=False, server_default=text("3"), comment="how many at once, 1 to 3"
    ),
    Column("password_hash", Text, nullable=False),
    Column("totp_sealed", Text, nullable=False),
    Column(
        "totp_counter", BigInteger, nullable=False, comment="the last one-time code's counter; never reused"
    ),
    Column("demo", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
)

duty = Table(
    "duty",
    metadata,
    Column("staff", String(32), ForeignKey("staff.id"), primary_key=True),
    Column("pull", Boolean, nullable=False, comment="takes tickets by hand"),
    Column("leaving", String(32), nullable=False, comment="why away after this call"),
    Column("shift_ends_at", Double),
)

web_session = Table(
    "web_session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("kind", String(8), nullable=False, comment="citizen, staff or guest"),
    Column("csrf", String(64), nullable=False),
    Column("staff", String(32)),
    Column("ticket", String(32), comment="the visit this browser holds"),
    Column("appointment", String(32), comment="the appointment this browser holds"),
    Column("third_party", String(32), comment="whom this browser belongs to in a call"),
    Column("left_form", String(32), comment="the left form this browser holds"),
    Column("intake_sealed", Text, comment="what was chosen before the number was taken"),
    Column("cases", JSON, nullable=False, comment="receipt numbers this browser may follow"),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False, index=True),
)

phone_code = Table(
    "phone_code",
    metadata,
    Column("purpose", String(16), primary_key=True, comment="identify or sign"),
    Column("subject", String(64), primary_key=True, comment="session hash or application"),
    Column("code_hash", String(64), nullable=False),
    Column("sent_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("used_at", Double),
)

# --- the line and the call ---------------------------------------------------------------------------------

ticket = Table(
    "ticket",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", String(16), nullable=False),
    Column("citizen", String(32), ForeignKey("citizen.id"), nullable=False),
    Column("application", String(32), nullable=False, index=True),
    Column("item", String(16), nullable=False),
    Column("item_version", Integer, nullable=False),
    Column("home_district", String(6), nullable=False),
    Column("language", String(8), nullable=False),
    Column("mode", String(8), nullable=False),
    Column("joined_at", Double, nullable=False, comment="never changes"),
    Column("credit_seconds", Double, nullable=False),
    Column("state", String(12), nullable=False),
    Column("epoch", Integer, nullable=False, comment="fence: one more with every call"),
    Column("recalls", Integer, nullable=False),
    Column("agent", String(32)),
    Column("deadline", Double),
    Column("priority", String(24), nullable=False, server_default=text("''"), comment="why it has credit"),
    Column("preferred_agent", String(32), comment="alone offered it until preferred_until"),
    Column("preferred_until", Double),
    Column("not_before", Double, comment="the promised time of a ticket set aside"),
    Column("aside_reason", String(32), nullable=False, server_default=text("''")),
    Column("callback", Boolean, nullable=False, server_default=false(), comment="the citizen is rung"),
    Column("nearly_told_at", Double, comment="when it was said that their turn is near"),
    Column("skill", String(200), nullable=False, server_default=text("''"), comment="of several matters"),
    Column("rings", String(32), nullable=False, server_default=text("''"), comment="of several matters"),
    Column("passed_by", JSON, comment="agents who passed it on"),
    Column("version", Integer, nullable=False),
    Column("resume_hash", String(64), nullable=False, unique=True),
    Column("resume_sealed", Text, nullable=False),
    Column("devices", JSON, nullable=False, comment="outcome of the device test"),
    Index(None, "state", "joined_at"),
    Index(None, "home_district", "joined_at"),
)

# Rule: one live ticket for each person and item: ``live_key`` of every matter, whichever ticket it is in.
ticket_matter = Table(
    "ticket_matter",
    metadata,
    Column("ticket", String(32), ForeignKey("ticket.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False, comment="from 1, as chosen"),
    Column("application", String(32), nullable=False, index=True),
    Column("item", String(16), nullable=False),
    Column("item_version", Integer, nullable=False),
    Column("outcome", String(24), comment="how this matter ended"),
    Column("outcome_note", Text, nullable=False),
    Column("live_key", String(96), unique=True, comment="citizen and item while the ticket is live"),
)

appointment = Table(
    "appointment",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", String(16), nullable=False, unique=True),
    Column("citizen", String(32), ForeignKey("citizen.id"), nullable=False, index=True),
    Column("item", String(16), nullable=False),
    Column("item_version", Integer, nullable=False),
    Column("district", String(6), nullable=False, comment="whose windows serve; not always the home"),
    Column("skill", String(64), nullable=False),
    Column("language", String(8), nullable=False),
    Column("starts_at", Double, nullable=False),
    Column("ends_at", Double, nullable=False),
    Column("seat", Integer, nullable=False, comment="0, 1 … of the slot"),
    Column("spoken", String(8), nullable=False, comment="language of the text messages"),
    Column("booked_at", Double, nullable=False, comment="when it got its present slot"),
    Column("state", String(12), nullable=False),
    Column("sequence", Integer, nullable=False, comment="RFC 5545: one more with every change"),
    Column("ticket", String(32), index=True, comment="taken at checking in"),
    Column("ended_at", Double),
    Column("remind_day_at", Double, comment="empty once told"),
    Column("remind_soon_at", Double, comment="empty once told"),
    Column("deadline", Double),
    Column("version", Integer, nullable=False),
    Column("live_key", String(96), unique=True, comment="citizen and item while booked, else null"),
    Column("seat_key", String(160), unique=True, comment="the seat while it is held, else null"),
    Column("intake_sealed", Text, comment="what was said about oneself, until the ticket is taken"),
    Column("resume_hash", String(64), nullable=False, unique=True),
    Column("resume_sealed", Text, nullable=False),
    Index(None, "state", "deadline"),
    Index(None, "district", "starts_at"),
)

left_form = Table(
    "left_form",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", String(16), nullable=False, unique=True),
    Column("citizen", String(32), ForeignKey("citizen.id"), nullable=False, index=True),
    Column("application", String(32), ForeignKey("application.id"), nullable=False, index=True),
    Column("item", String(16), nullable=False),
    Column("item_version", Integer, nullable=False),
    Column("district", String(6), nullable=False, comment="whose agents look at it"),
    Column("language", String(8), nullable=False),
    Column("mode", String(8), nullable=False),
    Column("spoken", String(8), nullable=False, comment="language of the text messages"),
    Column("begun_at", Double, nullable=False),
    Column("state", String(12), nullable=False),
    Column("call_back", Boolean, nullable=False, comment="the citizen wishes to be rung"),
    Column("left_at", Double),
    Column("due_at", Double, comment="promised to be looked at by then"),
    Column("agent", String(32), comment="who looks, or looked, at it"),
    Column("ticket", String(32), comment="with which the walk went on"),
    Column("ended_at", Double),
    Column("deadline", Double),
    Column("version", Integer, nullable=False),
    Column("live_key", String(96), unique=True, comment="citizen and item while open, else null"),
    Column("intake_sealed", Text, comment="what was said about oneself, until it ends"),
    Column("note_sealed", Text, comment="what the agent wrote to the citizen"),
    Column("resume_hash", String(64), nullable=False, unique=True),
    Column("resume_sealed", Text, nullable=False),
    Index(None, "district", "state"),
    Index(None, "state", "deadline"),
)

session = Table(
    "session",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("ticket", String(32), ForeignKey("ticket.id"), nullable=False, index=True),
    Column("application", String(32), nullable=False),
    Column("citizen", String(32), nullable=False),
    Column("agent", String(32), ForeignKey("staff.id"), nullable=False, index=True),
    Column("epoch", Integer, nullable=False),
    Column("room", String(32), nullable=False),
    Column("started_at", Double, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("joined_at", Double),
    Column("ended_at", Double),
    Column("outcome", String(24)),
    Column("outcome_note", Text, nullable=False),
    Column("recording", Boolean, nullable=False),
    Column("deadline", Double),
    Column("version", Integer, nullable=False),
    Column(
        "hold_reason", String(16), nullable=False, server_default=text("''"), comment="empty: not on hold"
    ),
    Column("held_at", Double),
    Column("side_room", Boolean, nullable=False, server_default=false(), comment="officer and citizen alone"),
    UniqueConstraint("ticket", "epoch"),
)

third_party = Table(
    "third_party",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("session", String(32), ForeignKey("session.id"), nullable=False, index=True),
    Column("ticket", String(32), ForeignKey("ticket.id"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name_sealed", Text, nullable=False),
    Column("secret_hash", String(64), unique=True, comment="of the link; null once it was followed"),
    Column("secret_sealed", Text, comment="of the link, for the agent to read out"),
    Column("staff", String(32), ForeignKey("staff.id"), comment="a supervisor"),
    Column("reason", Text, nullable=False, comment="why a supervisor came"),
    Column("mode", String(8), nullable=False, comment="listen, whisper or join"),
    Column("state", String(16), nullable=False, index=True),
    Column("invited_by", String(32), ForeignKey("staff.id"), nullable=False),
    Column("invited_at", Double, nullable=False),
    Column("agreed_at", Double),
    Column("joined_at", Double),
    Column("ended_at", Double),
    Column("deadline", Double),
    Column("version", Integer, nullable=False),
)

lending = Table(
    "lending",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("lender", String(6), nullable=False, comment="the district whose agents help"),
    Column("borrower", String(6), nullable=False, comment="the home district that is helped"),
    Column("starts_at", Double, nullable=False),
    Column("ends_at", Double, nullable=False, comment="moved forward when it is ended early"),
    Column("agreed_by", String(32), ForeignKey("staff.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", Double, nullable=False),
    Index(None, "ends_at"),
)

assignment = Table(
    "assignment",
    metadata,
    Column("ticket", String(64), primary_key=True),
    Column("epoch", Integer, primary_key=True, autoincrement=False, comment="the n-th offer of the ticket"),
    Column("agent", String(64), nullable=False),
    Column("agent_district", String(6), nullable=False, comment="when the offer was recorded"),
    Column("lane", String(280), nullable=False, comment="home district|skill|language|mode"),
    Column("ring", Integer, nullable=False, comment="0 own district outward to 3 the city; -1 not known yet"),
    Column("rule", String(24), nullable=False, comment="longest_waiting …; empty: only the end is known yet"),
    Column("made_at", Double, nullable=False),
    Column("why", Text, nullable=False, comment="canonical JSON of the line's reasons"),
    Column("ended_at", Double),
    Column("ending", String(12), comment="accepted, declined, missed, withdrawn, returned"),
    Column("end_reason", String(80)),
    Column("returned_at", Double, comment="when the ticket stood in the line again"),
    Column("return_reason", String(80)),
    Index(None, "made_at"),
    Index(None, "agent", "made_at"),
)

chat_line = Table(
    "chat_line",
    metadata,
    Column("id", BigSerial, primary_key=True),
    Column("case_id", String(32), nullable=False, index=True),
    Column("session", String(32), nullable=False),
    Column("author", String(8), nullable=False, comment="citizen or agent"),
    Column("name", String(64), nullable=False),
    Column("text_sealed", Text, nullable=False),
    Column("at", Double, nullable=False),
)

# --- the form and the case ---------------------------------------------------------------------------------

application = Table(
    "application",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("citizen", String(32), ForeignKey("citizen.id"), nullable=False, index=True),
    Column("item", String(16), nullable=False),
    Column("item_version", Integer, nullable=False),
    Column("home_district", String(6), nullable=False),
    Column("home_street", String(9), nullable=False),
    Column("capacity", String(16), nullable=False),
    Column("principal_sealed", Text, comment="name, ID number and relation, when a delegate acts"),
    Column("state", String(24), nullable=False),
    Column("declared", JSON, nullable=False),
    Column("identity_checked_at", Double),
    Column("identity_method", String(24)),
    Column("identity_result", String(16)),
    Column("readback_at", Double),
    Column("readback_sha256", String(64)),
    Column("signed_at", Double),
    Column("signature_file", String(32)),
    Column("receipt", String(24), unique=True),
    Column("receiving_district", String(6)),
    Column("mode", String(16)),
    Column("organ", String(32)),
    Column("delegation", String(64)),
    Column("received_at", Double),
    Column("acknowledged_at", Double),
    Column("accepted_at", Double),
    Column("decided_at", Double),
    Column("due_at", Double),
    Column("corrections", JSON, nullable=False),
    Column("correction_rounds", Integer, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("opened_at", Double, nullable=False),
    Column("version", Integer, nullable=False),
    Index(None, "home_district", "state"),
)

field_value = Table(
    "field_value",
    metadata,
    Column("application", String(32), ForeignKey("application.id"), primary_key=True),
    Column("field", String(48), primary_key=True),
    Column("value_sealed", Text, nullable=False, comment="canonical JSON"),
    Column("standing", String(12), nullable=False),
    Column("author_kind", String(8), nullable=False),
    Column("author", String(32), nullable=False),
    Column("at", Double, nullable=False),
    Column("version", Integer, nullable=False),
)

material = Table(
    "material",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("application", String(32), ForeignKey("application.id"), nullable=False, index=True),
    Column("rule", String(48), nullable=False),
    Column("file", String(32), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("hints", JSON, nullable=False),
    Column("added_by", String(8), nullable=False),
    Column("at", Double, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("verdict_by", String(32)),
)

consent = Table(
    "consent",
    metadata,
    Column("application", String(32), ForeignKey("application.id"), primary_key=True),
    Column("kind", String(24), primary_key=True, comment="handling or recording"),
    Column("given", Boolean, nullable=False),
    Column("text_version", Integer, nullable=False),
    Column("language", String(8), nullable=False),
    Column("at", Double, nullable=False),
)

handover = Table(
    "handover",
    metadata,
    Column("application", String(32), ForeignKey("application.id"), primary_key=True),
    Column("from_district", String(6), nullable=False),
    Column("to_district", String(6), nullable=False),
    Column("organ", String(32), nullable=False),
    Column("sent_at", Double, nullable=False),
    Column("acknowledge_by", Double, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("state", String(16), nullable=False),
    Column("acknowledged_by", String(32)),
    Column("acknowledged_at", Double),
    Column("version", Integer, nullable=False),
)

document = Table(
    "document",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("application", String(32), ForeignKey("application.id"), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("number", String(64), nullable=False),
    Column("organ", String(32), nullable=False),
    Column("verification_code", String(32), nullable=False, unique=True),
    Column("handler", String(64), nullable=False, comment="who issued it, as printed"),
    Column("language", String(8), nullable=False),
    Column("file", String(32), nullable=False, index=True, comment="empty until it is printed"),
    Column("sha256", String(64), nullable=False),
    Column("issued_at", Double, nullable=False),
)

rating = Table(
    "rating",
    metadata,
    Column("ticket", String(32), ForeignKey("ticket.id"), primary_key=True),
    Column("stars", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Double, nullable=False),
)

# --- recordings of calls ------------------------------------------------------------------------------------

recording = Table(
    "recording",
    metadata,
    Column("id", String(32), primary_key=True, comment="also the name of its folder"),
    Column("session", String(32), ForeignKey("session.id"), nullable=False),
    Column("application", String(32), ForeignKey("application.id"), nullable=False, index=True),
    Column("district", String(6), nullable=False, comment="home district of the case when it began"),
    Column("room", String(32), nullable=False, index=True),
    Column("number", Integer, nullable=False, comment="1, 2 … of the call: one more after each break"),
    Column("key_sealed", Text, nullable=False, comment="empty once everything was deleted"),
    Column("state", String(12), nullable=False, index=True),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("paused_by", String(32), nullable=False, comment="sides in a sensitive field"),
    Column("failure", String(32), nullable=False, comment="why it stopped by itself"),
    Column("head", String(64), nullable=False, comment="last known hash of its chain"),
    Column("seconds", Double, nullable=False),
    Column("octets", BigInteger, nullable=False),
    Column("film", String(24), nullable=False, comment="made, or why there is none"),
    Column("keep_until", Double),
    Column("clips", Integer, nullable=False, server_default="0", comment="evidence clips cut from it"),
    Column("evidence_until", Double, comment="null: the clips go with the rest"),
    Column("evidence_key_sealed", Text, comment="set once the film is gone"),
    Column("film_deleted_at", Double, comment="when all but its clips went"),
    Column("deleted_at", Double),
    Column("held_by", String(32), ForeignKey("staff.id")),
    Column("held_at", Double),
    Column("held_reason", Text, nullable=False),
    Column("deadline", Double, index=True),
    Column("version", Integer, nullable=False),
    UniqueConstraint("session", "number"),
    Index(None, "district", "started_at"),
)

recording_viewing = Table(
    "recording_viewing",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("recording", String(32), ForeignKey("recording.id"), nullable=False, index=True),
    Column("staff", String(32), ForeignKey("staff.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)

recording_check = Table(
    "recording_check",
    metadata,
    Column("recording", String(32), ForeignKey("recording.id"), primary_key=True),
    Column("at", Double, nullable=False, comment="when its files were last read and compared with its chain"),
    Column("mark", String(64), nullable=False, comment="of names, sizes and times of the files checked"),
    Column("findings", JSON, nullable=False, comment="problem: place, the first bad place first"),
)

recording_copy = Table(
    "recording_copy",
    metadata,
    Column("id", String(32), primary_key=True, comment="also part of its file's name"),
    Column("viewing", String(32), ForeignKey("recording_viewing.id"), nullable=False, index=True),
    Column("recording", String(32), ForeignKey("recording.id"), nullable=False, index=True),
    Column("clip", Integer, comment="number of the evidence clip; null: the whole film"),
    Column("words", Text, nullable=False, comment="what is drawn into the picture"),
    Column("asked_at", Double, nullable=False),
    Column("made_at", Double),
    Column("taken_at", Double, comment="when it was first downloaded"),
    Column("ended_at", Double, comment="when its file was gone, or it could not be made"),
    Column("failure", String(24), nullable=False, comment="why it could not be made"),
    Column("seconds", Double, nullable=False),
    Column("octets", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False, comment="of the file that is handed out"),
    Column("original", String(64), nullable=False, comment="of the sealed film or clip, as in its chain"),
    Column("deadline", Double, index=True, comment="when a node makes it, or takes it away"),
    Column("version", Integer, nullable=False),
)

# --- what was promised about waiting ------------------------------------------------------------------------

wait_promise = Table(
    "wait_promise",
    metadata,
    Column("ticket", String(32), ForeignKey("ticket.id"), primary_key=True),
    Column("district", String(6), nullable=False, comment="home district"),
    Column("lane", String(400), nullable=False),
    Column("at", Double, nullable=False, comment="when the range was shown"),
    Column("expected", Double, nullable=False, comment="seconds, before what was learnt is applied"),
    Column("low", Double, nullable=False, comment="seconds, as shown"),
    Column("point", Double, nullable=False),
    Column("high", Double, nullable=False),
    Column("ended_at", Double, index=True, comment="first called, or left; null while it waits"),
    Column("waited", Double, comment="seconds until then"),
    Column("called", Boolean, comment="false: left before being called"),
    Column("credit", Boolean, nullable=False, server_default=false(), comment="stood before earlier ones"),
)

# Rule: what past waits have taught, one row for each bucket of ``domain.estimate``; every node shows by it.
wait_marks = Table(
    "wait_marks",
    metadata,
    Column("bucket", String(400), primary_key=True, comment="whose waits: see domain.estimate"),
    Column("middle", Double, nullable=False),
    Column("below", Double, nullable=False),
    Column("above", Double, nullable=False),
    Column("cases", Integer, nullable=False),
)

# --- what is told by text message ---------------------------------------------------------------------------

# Rule: a row is written in the unit of the fact it tells of; ``domain.outbox`` says how it goes on.
outbox = Table(
    "outbox",
    metadata,
    Column("key", String(32), primary_key=True, comment="the gateway drops what comes again under it"),
    Column("kind", String(32), nullable=False, comment="appointment.booked, ticket.rung …"),
    Column("about", String(64), nullable=False, comment="the id of what it tells of"),
    Column("mark", String(32), nullable=False, comment="which state of that"),
    Column("said_sealed", Text, comment="what stands nowhere else, until it ends"),
    Column("made_at", Double, nullable=False),
    Column("worthless_at", Double, nullable=False, comment="never sent from then on"),
    Column("due_at", Double, index=True, comment="when a node may take it; null once it ended"),
    Column("tries", Integer, nullable=False, comment="how often a node took it; fences each"),
    Column("state", String(12), nullable=False),
    Column("reason", String(64), nullable=False, comment="code of the last failure, late or overtaken"),
    Column("ended_at", Double),
    Index(None, "state", "ended_at"),
)

# --- how calls were ---------------------------------------------------------------------------------------

call_quality = Table(
    "call_quality",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session", String(32), ForeignKey("session.id"), nullable=False, index=True),
    Column("side", String(8), nullable=False, comment="citizen or agent"),
    Column("at", Double, nullable=False, index=True, comment="end of the five seconds"),
    Column("loss_up", Double, comment="percent of what was sent"),
    Column("loss_down", Double, comment="percent of what was to come"),
    Column("rtt_ms", Integer),
    Column("kbit_up", Integer, nullable=False),
    Column("kbit_down", Integer, nullable=False),
    Column("width", Integer, nullable=False, comment="of the picture received"),
    Column("height", Integer, nullable=False),
    Column("step", String(16), nullable=False),
    Column("limited_by", String(16), nullable=False, comment="none, network or device"),
    Column("browser", String(32), nullable=False),
)

call_setup = Table(
    "call_setup",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session", String(32), ForeignKey("session.id"), nullable=False, index=True),
    Column("side", String(8), nullable=False, comment="citizen or agent"),
    Column("at", Double, nullable=False, index=True),
    Column("occasion", String(8), nullable=False, comment="join or repair"),
    Column("devices_ms", Integer),
    Column("answer_ms", Integer),
    Column("connected_ms", Integer),
    Column("picture_ms", Integer),
    Column("browser", String(32), nullable=False),
)
