"""
The ledger's tables, step by step: each file in ``versions`` is one step, made by ``scripts/migration.py``.

Steps only go up; the way back is a backup.
"""

import asyncio
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from cloudwindow.domain.errors import Unavailable
from cloudwindow.records import engines

WAITS_SECONDS: Final = (0.2, 0.4, 0.8, 1.6)
"""SQLite refuses a second process at once while the first changes the journal's mode: it comes again."""

FOLDER: Final = Path(__file__).parent


async def migrate(url: str) -> None:
    """
    Bring the database at ``url`` up to the newest step, all steps in one transaction.

    An empty database gets everything, an up-to-date one nothing. Two processes that start together take
    turns. Raises Unavailable("ledger_unavailable") if the database does not answer, and RuntimeError if old
    rows do not fit the new tables; either way it stays as it was.
    """
    for wait_seconds in WAITS_SECONDS:
        try:
            return await _migrate(url)
        except Unavailable as away:
            if not engines.is_locked(away.__cause__):
                raise
            await asyncio.sleep(wait_seconds)
    await _migrate(url)


async def _migrate(url: str) -> None:
    engine = engines.builder(url)
    try:
        async with engine.connect() as conn:
            await engines.take_turn(conn)
            await conn.run_sync(upgrade)
            await conn.commit()
    except OSError as error:
        raise engines.away() from error
    except DBAPIError as error:
        if engines.is_not_now(error):
            raise engines.away() from error
        raise
    finally:
        await engine.dispose()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Carry out the steps up to ``revision`` in the transaction of ``connection``; the caller commits."""
    command.upgrade(config(connection), revision)
    if connection.dialect.name == "sqlite":
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if orphans:
            raise RuntimeError(f"{len(orphans)} rows point to rows that do not exist: {orphans[:3]}")


def config(connection: Connection, folder: Path = FOLDER) -> Config:
    """Return what Alembic needs to know to work on ``connection``."""
    settings = Config()
    settings.set_main_option("script_location", str(folder).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    settings.attributes["connection"] = connection
    return settings
