"""A process that is killed at any moment loses no row that was acknowledged."""

import asyncio
import random
import signal
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from cloudwindow.records.events import verify
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.tables import event
from tests.pace import PATIENCE_SECONDS

LIMIT_SECONDS = PATIENCE_SECONDS

CHILD = """
import asyncio, os, sys
from cloudwindow.records.events import append
from cloudwindow.records.ledger import Ledger

async def write_on(ledger, writer):
    number = 0
    while True:
        number += 1
        name = f"{writer}.{number}"
        await ledger.write(lambda conn: append(
            conn, case=f"t{writer}", kind=name, actor_kind="system", actor="a", capacity="own",
            on_behalf_of=None, organ=None, at=1.0, payload={}))
        os.write(1, (name + "\\n").encode())

async def main():
    ledger = await Ledger.open(sys.argv[1])
    await asyncio.gather(*(write_on(ledger, f"{sys.argv[2]}-{writer}") for writer in range(6)))

asyncio.run(main())
"""


async def _acknowledged_until_killed(url: str, life: str, after: int) -> list[str]:
    """Run a writing child, kill it when it has acknowledged ``after`` rows; return all it acknowledged."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, url, life, cwd=Path.cwd(), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    lines = [await child.stdout.readline() for _ in range(after)]
    child.send_signal(signal.SIGKILL)
    lines += (await child.stdout.read()).splitlines(keepends=True)
    await child.wait()
    return [line.decode().strip() for line in lines if line.endswith(b"\n")]


async def test_a_killed_writer_loses_no_acknowledged_row(ledger_url: str) -> None:
    acknowledged: list[str] = []
    async with asyncio.timeout(LIMIT_SECONDS):
        for life in range(3):
            after = random.Random(life).randint(50, 250)
            acknowledged += await _acknowledged_until_killed(ledger_url, f"{life}", after)
    ledger = await Ledger.open(ledger_url)
    try:
        async with ledger.read() as conn:
            kept = list((await conn.execute(select(event.c.kind))).scalars())
            cases = set((await conn.execute(select(event.c.case_id))).scalars())
            broken = {case: await verify(conn, case) for case in cases}
    finally:
        await ledger.close()
    assert len(acknowledged) >= 150
    assert set(acknowledged) <= set(kept)
    assert len(kept) == len(set(kept))
    assert not any(broken.values())


async def test_a_reader_beside_a_writing_process_sees_whole_units_only(ledger_url: str) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, ledger_url, "x", cwd=Path.cwd(), stdout=asyncio.subprocess.PIPE
    )
    ledger = await Ledger.open(ledger_url)
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            assert child.stdout is not None
            for _ in range(20):
                name = (await child.stdout.readline()).decode().strip()
                async with ledger.read() as conn:
                    found = await conn.execute(select(event.c.seq).where(event.c.kind == name))
                    assert found.scalar_one() == int(name.partition(".")[2])
    finally:
        child.kill()
        await child.communicate()
        await ledger.close()


@pytest.mark.parametrize("after", [1])
async def test_a_killed_writer_does_not_keep_the_ledger_from_the_next(ledger_url: str, after: int) -> None:
    await _acknowledged_until_killed(ledger_url, "first", after)
    assert await _acknowledged_until_killed(ledger_url, "second", after)
