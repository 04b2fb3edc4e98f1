"""
The two databases the ledger speaks to, made to behave alike.

In both, writers are serial: SQLite by ``BEGIN IMMEDIATE``, PostgreSQL by one advisory lock that a writer
holds until its commit. So the order of events is the order of commits, a check followed by a write inside one
unit of work cannot be overtaken, and writers cannot deadlock.
"""

import os
import sqlite3
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from cloudwindow.domain.errors import Unavailable
from cloudwindow.records.sqlite import OneTripConnection, connector

DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}

BUSY_MILLISECONDS: Final = 2_000
"""How long SQLite waits for another process (a backup, a migration) to let go of the file."""

CONNECT_SECONDS: Final = 2
LEDGER_LOCK: Final = 0x636C6F7564
"""The advisory lock of the ledger on PostgreSQL: "cloud" in ASCII."""

# PostgreSQL's own limits, in milliseconds: a node that stops in the middle lets go of the ledger by itself.
WRITER_LIMITS: Final = {
    "statement_timeout": "4500",
    "lock_timeout": "3000",
    "idle_in_transaction_session_timeout": "10000",
}
READER_LIMITS: Final = {"statement_timeout": "4500", "idle_in_transaction_session_timeout": "60000"}

# What says "not now" rather than "not so".
# PostgreSQL, appendix A: connection, rollback, lock not available, resources, intervention, system error.
SQLSTATE_NOT_NOW: Final = ("08", "40", "53", "55P03", "57", "58")
# SQLite, result codes: busy, locked, no memory, read-only, interrupt, I/O, corrupt, full, cannot open,
# protocol, not a database.
SQLITE_NOT_NOW: Final = frozenset({5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26})


def address(url: str) -> URL:
    """
    Return ``url`` with the driver we use; ``sqlite:///…`` and ``postgresql://…`` may leave it out.

    Raises ValueError for another database, and for SQLite in memory, which two connections cannot share.
    """
    parsed = make_url(url)
    driver = DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        raise ValueError(f"the ledger needs sqlite or postgresql, not {parsed.drivername}")
    if driver.startswith("sqlite") and parsed.database in (None, "", ":memory:"):
        raise ValueError("the ledger needs a file, sqlite:///path")
    return parsed.set(drivername=driver)


def writer(url: str) -> AsyncEngine:
    """Return the engine of the one writer: a single connection, full sync."""
    where = address(url)
    if where.get_backend_name() == "sqlite":
        return _sqlite(where, begin="BEGIN IMMEDIATE", pragmas=("foreign_keys=ON",), pool_size=1)
    return _postgresql(where, WRITER_LIMITS, pool_size=1)


def reader(url: str) -> AsyncEngine:
    """Return the engine for reading: each transaction sees one moment and can change nothing."""
    where = address(url)
    if where.get_backend_name() == "sqlite":
        return _sqlite(where, begin="BEGIN", pragmas=("query_only=ON",), pool_size=4, looks_only=True)
    limits = {**READER_LIMITS, "default_transaction_read_only": "on"}
    return _postgresql(where, limits, pool_size=8, isolation_level="REPEATABLE READ")


def builder(url: str) -> AsyncEngine:
    """Return the engine for migrations: no time limits, and SQLite may rebuild tables others point to."""
    where = address(url)
    if where.get_backend_name() == "sqlite":
        return _sqlite(where, begin="BEGIN IMMEDIATE", pragmas=("foreign_keys=OFF",), pool_size=1)
    return _postgresql(where, {}, pool_size=1)


async def take_turn(conn: AsyncConnection) -> None:
    """Begin to write: from here to the commit no other writer of this database does."""
    await conn.begin()
    if conn.dialect.name == "postgresql":
        await conn.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LEDGER_LOCK})")


async def take_a_look(conn: AsyncConnection) -> None:
    """Begin to read, and find out now rather than later if the connection died while it lay idle."""
    await conn.begin()
    if conn.dialect.name == "postgresql":
        await conn.exec_driver_sql("SELECT 1")


async def mark_unit(conn: AsyncConnection, mark: str) -> None:
    """Carry out ``mark``, a statement about a savepoint, before the next statement or the commit."""
    if conn.dialect.name == "sqlite":
        _ours(conn.sync_connection).soon(mark)
    else:
        await conn.exec_driver_sql(mark)


async def refuse_early_answers(conn: AsyncConnection) -> None:
    """Raise ValueError if the database answers a commit before its disk has it (law 1 of the design)."""
    if conn.dialect.name == "postgresql":
        setting = await conn.exec_driver_sql("SHOW synchronous_commit")
        if setting.scalar_one() == "off":
            raise ValueError("the ledger needs synchronous_commit=on; this PostgreSQL has it off")


def is_not_now(error: BaseException) -> bool:
    """Tell whether ``error`` means the database is away, full or busy, not that the statement is wrong."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in SQLITE_NOT_NOW
    return str(getattr(error.orig, "sqlstate", None) or "").startswith(SQLSTATE_NOT_NOW)


def is_locked(error: BaseException | None) -> bool:
    """Tell whether another process holds SQLite's file just now."""
    cause = error.orig if isinstance(error, DBAPIError) else None
    return isinstance(cause, sqlite3.Error) and getattr(cause, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def away() -> Unavailable:
    """Return what a caller is told while the ledger cannot be reached."""
    return Unavailable("ledger_unavailable", retry_after_seconds=1)


def _sqlite(
    where: URL, *, begin: str, pragmas: tuple[str, ...], pool_size: int, looks_only: bool = False
) -> AsyncEngine:
    engine = create_async_engine(
        where,
        async_creator=connector(os.path.abspath(where.database or ""), looks_only=looks_only),
        hide_parameters=True,  # an error is logged; the row it is about is not
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
    )
    always = (f"busy_timeout={BUSY_MILLISECONDS}", "journal_mode=WAL", "synchronous=FULL")

    def on_connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (*always, *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        if looks_only:
            _ours(connection).soon(begin)
        else:
            connection.exec_driver_sql(begin)

    event.listen(engine.sync_engine, "connect", on_connect)
    event.listen(engine.sync_engine, "begin", on_begin)
    return engine


def _ours(connection: Connection | None) -> OneTripConnection:
    """The connection to SQLite behind ``connection``."""
    driver = connection.connection.driver_connection if connection is not None else None
    assert isinstance(driver, OneTripConnection)  # noqa: S101 - our connector made it
    return driver


def _postgresql(where: URL, settings: dict[str, str], *, pool_size: int, **options: Any) -> AsyncEngine:
    return create_async_engine(
        where,
        hide_parameters=True,  # an error is logged; the row it is about is not
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=CONNECT_SECONDS,
        connect_args={"timeout": CONNECT_SECONDS, "server_settings": settings},
        **options,
    )
