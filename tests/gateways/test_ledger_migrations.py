"""The steps in ``migrations`` lead to exactly the tables of ``tables.py``, on both databases."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from cloudwindow.domain.errors import Unavailable
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.migrations import migrate, upgrade
from cloudwindow.records.numbers import next_number
from cloudwindow.records.tables import metadata


def _differences(connection: Connection) -> list[Any]:
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def _checks(connection: Connection) -> dict[str, set[str]]:
    inspector = inspect(connection)
    return {
        table: {str(check["name"]) for check in inspector.get_check_constraints(table)}
        for table in metadata.tables
    }


async def _at(url: str, look: Any) -> Any:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as conn:
            return await conn.run_sync(look)
    finally:
        await engine.dispose()


async def test_an_empty_database_gets_the_tables_the_code_describes(empty_url: str) -> None:
    await migrate(empty_url)
    assert await _at(empty_url, _differences) == []


async def test_an_empty_database_gets_the_checks_the_code_describes(empty_url: str) -> None:
    await migrate(empty_url)
    described = {
        name: {str(check.name) for check in table.constraints if isinstance(check, CheckConstraint)}
        for name, table in metadata.tables.items()
    }
    assert await _at(empty_url, _checks) == described


async def test_a_database_that_is_up_to_date_keeps_its_rows(ledger: Ledger, ledger_url: str) -> None:
    await ledger.write(lambda conn: next_number(conn, "organ", 2026, "receipt"))
    await migrate(ledger_url)
    assert await _at(ledger_url, _differences) == []
    assert await ledger.write(lambda conn: next_number(conn, "organ", 2026, "receipt")) == 2


async def test_an_old_database_is_brought_up(empty_url: str) -> None:
    engine = create_async_engine(empty_url)
    async with engine.begin() as conn:
        await conn.run_sync(upgrade, "v0001")
    await engine.dispose()
    await migrate(empty_url)
    triggers = "SELECT count(*) FROM {} WHERE {} LIKE 'event\\_no\\_%' ESCAPE '\\'"
    where = ("sqlite_master", "name") if empty_url.startswith("sqlite") else ("pg_trigger", "tgname")
    count = await _at(empty_url, lambda conn: conn.exec_driver_sql(triggers.format(*where)).scalar_one())
    assert count == (2 if empty_url.startswith("sqlite") else 3)


async def test_nodes_that_start_together_migrate_once(empty_url: str) -> None:
    await asyncio.gather(*(migrate(empty_url) for _ in range(3)))
    assert await _at(empty_url, _differences) == []


async def test_a_database_that_does_not_answer_is_called_unavailable(tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/missing/ledger.db", f"postgresql://u@/db?host={tmp_path}"):
        with pytest.raises(Unavailable):
            await migrate(url)
