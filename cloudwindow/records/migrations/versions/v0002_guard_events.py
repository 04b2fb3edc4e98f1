"""Events are only ever added: the database itself refuses to change or remove one."""

from typing import Final

from alembic import op

revision: str = "v0002"
down_revision: str | None = "v0001"

SQLITE: Final = """
CREATE TRIGGER event_no_{verb} BEFORE {verb} ON event
BEGIN
    SELECT RAISE(ABORT, 'an event is never changed or removed');
END
"""

FUNCTION: Final = """
CREATE FUNCTION refuse_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an event is never changed or removed' USING ERRCODE = 'integrity_constraint_violation';
END
$$
"""

POSTGRESQL: Final = """
CREATE TRIGGER event_no_{verb} BEFORE {verb} ON event
FOR EACH STATEMENT EXECUTE FUNCTION refuse_event_change()
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(FUNCTION)
        for verb in ("UPDATE", "DELETE", "TRUNCATE"):
            op.execute(POSTGRESQL.format(verb=verb))
    else:
        for verb in ("UPDATE", "DELETE"):
            op.execute(SQLITE.format(verb=verb))
