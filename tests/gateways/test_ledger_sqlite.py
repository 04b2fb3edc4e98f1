"""Our SQLite connection answers like the driver's own, in fewer trips."""

import os
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cloudwindow.records import engines

PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 2_000}


@pytest.fixture
def engine(tmp_path: Path) -> AsyncEngine:
    """The writer's engine on an empty file."""
    return engines.writer(f"sqlite:///{tmp_path}/ledger.db")


async def test_the_writer_syncs_fully_and_checks_references(engine: AsyncEngine) -> None:
    async with engine.connect() as conn:
        for pragma, value in PRAGMAS.items():
            assert (await conn.exec_driver_sql(f"PRAGMA {pragma}")).scalar_one() == value
    await engine.dispose()


async def test_rows_can_be_had_at_once_one_by_one_or_as_a_stream(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await conn.exec_driver_sql("CREATE TABLE t (n INTEGER PRIMARY KEY)")
        many = await conn.execute(text("INSERT INTO t VALUES (:n)"), [{"n": number} for number in range(200)])
        assert many.rowcount == 200
        rows = await conn.exec_driver_sql("SELECT n FROM t ORDER BY n")
        assert rows.keys() == ["n"]
        assert rows.fetchone() == (0,)
        assert rows.fetchmany(2) == [(1,), (2,)]
        assert len(rows.fetchall()) == 197
        streamed = [row.n async for row in await conn.stream(text("SELECT n FROM t ORDER BY n"))]
        assert streamed == list(range(200))
        changed = await conn.exec_driver_sql("DELETE FROM t WHERE n < 50")
        assert changed.rowcount == 50
        assert (await conn.exec_driver_sql("INSERT INTO t VALUES (7) RETURNING n")).scalar_one() == 7
        assert (await conn.exec_driver_sql("SELECT n FROM t WHERE n < 0")).all() == []
    await engine.dispose()


async def test_a_released_savepoint_is_undone_with_its_transaction(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await conn.exec_driver_sql("CREATE TABLE t (n INTEGER)")
    async with engine.connect() as conn:
        async with conn.begin_nested():
            await conn.exec_driver_sql("INSERT INTO t VALUES (1)")
        await conn.rollback()
        assert (await conn.exec_driver_sql("SELECT count(*) FROM t")).scalar_one() == 0
    await engine.dispose()


async def test_a_relative_path_means_the_folder_the_ledger_was_opened_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = engines.writer("sqlite:///relative.db")
    os.chdir("/")
    async with engine.connect() as conn:
        await conn.exec_driver_sql("SELECT 1")
    await engine.dispose()
    assert (tmp_path / "relative.db").exists()
