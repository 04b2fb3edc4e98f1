"""What was acknowledged is there after the plug was pulled: the ledger's file, and the line's."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import select

from cloudwindow.queue import connect
from cloudwindow.records.events import verify
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.tables import event
from tests.gateways import power
from tests.gateways.redis_server import RedisServer, wheel
from tests.gateways.test_ledger_crash import CHILD

LIMIT_SECONDS = 60
WRITERS = 4


@pytest.fixture(scope="module")
def power_can_be_cut() -> None:
    if why := power.reason():
        pytest.skip(why)


@pytest.fixture
def disk(power_can_be_cut: None) -> Iterator[power.Disk]:
    """A disk of this test's own."""
    with power.disk() as made:
        yield made


def synced(file: Path) -> None:
    """``file`` is there from before, name and content."""
    for path in (file, file.parent):
        opened = os.open(path, os.O_RDONLY)
        os.fsync(opened)
        os.close(opened)


async def _written_until_the_cut(disk: power.Disk, url: str, after: int) -> list[str]:
    """A child writes into the ledger; the power goes after so many acknowledgements. All it was told."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, url, "one", cwd=Path.cwd(), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    async with asyncio.timeout(LIMIT_SECONDS):
        lines = [await child.stdout.readline() for _ in range(after)]
        await asyncio.to_thread(power.freeze, child.pid)
        disk.cut()
        child.kill()
        lines += (await child.stdout.read()).splitlines(keepends=True)
        await child.wait()
    return [line.decode().strip() for line in lines if line.endswith(b"\n")]


@pytest.mark.parametrize("after", [40, 170])
async def test_the_ledger_keeps_what_it_acknowledged_before_the_power_went(
    disk: power.Disk, migrated_file: Path, after: int
) -> None:
    shutil.copy(migrated_file, disk.mounted / "ledger.db")
    synced(disk.mounted / "ledger.db")
    told = await _written_until_the_cut(disk, f"sqlite+aiosqlite:///{disk.mounted}/ledger.db", after)
    with disk.after_the_cut() as found:
        ledger = await Ledger.open(f"sqlite+aiosqlite:///{found}/ledger.db")
        try:
            async with ledger.read() as conn:
                kept = set((await conn.execute(select(event.c.kind))).scalars())
                cases = set((await conn.execute(select(event.c.case_id))).scalars())
                broken = [case for case in cases if await verify(conn, case) is not None]
        finally:
            await ledger.close()
    assert len(told) >= after
    assert set(told) <= kept
    assert not broken


async def _counted_until_the_cut(disk: power.Disk, options: tuple[str, ...], after: int) -> list[int]:
    """Writers count in a server on the disk; the last number each was told."""
    server = RedisServer(disk.mounted / "line", wheel(), options)
    server.folder.mkdir()
    server.start()
    told = [0] * WRITERS
    enough = asyncio.Event()

    async def count(client: Redis, writer: int) -> None:
        while True:
            told[writer] = int(await client.incr(f"writer {writer}"))
            if sum(told) >= after:
                enough.set()

    client = connect(server.url)
    counting = [asyncio.create_task(count(client, writer)) for writer in range(WRITERS)]
    async with asyncio.timeout(LIMIT_SECONDS):
        await enough.wait()
    assert server.process is not None
    await asyncio.to_thread(power.freeze, server.process.pid)
    disk.cut()
    server.kill()
    ended = await asyncio.gather(*counting, return_exceptions=True)
    assert all(isinstance(one, RedisError | OSError) for one in ended)
    await client.aclose()
    return told


async def _found_after(folder: Path, options: tuple[str, ...]) -> list[int]:
    server = RedisServer(folder, wheel(), options)
    (folder / "s").unlink(missing_ok=True)
    server.start()
    client = connect(server.url)
    try:
        return [int(await client.get(f"writer {writer}") or 0) for writer in range(WRITERS)]
    finally:
        await client.aclose()
        server.kill()


@pytest.mark.parametrize("after", [100, 700])
async def test_the_line_keeps_what_it_acknowledged_before_the_power_went(
    disk: power.Disk, after: int
) -> None:
    options = ("--appendonly", "yes", "--appendfsync", "always")
    told = await _counted_until_the_cut(disk, options, after)
    with disk.after_the_cut() as found:
        kept = await _found_after(found / "line", options)
    assert all(one >= other for one, other in zip(kept, told, strict=True)), (kept, told)


async def test_without_syncing_the_power_cut_loses_what_was_acknowledged(disk: power.Disk) -> None:
    """The test bench can tell the difference."""
    options = ("--appendonly", "yes", "--appendfsync", "no")
    told = await _counted_until_the_cut(disk, options, 700)
    with disk.after_the_cut() as found:
        folder = found / "line"
        folder.mkdir(exist_ok=True)
        kept = await _found_after(folder, options)
    assert sum(kept) < sum(told)
