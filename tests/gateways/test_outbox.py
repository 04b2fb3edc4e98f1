"""Text messages in the ledger, on both databases: one node has each, and a node that dies loses none."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest_asyncio
from sqlalchemy import select

from cloudwindow.domain.outbox import LEASE_SECONDS, Event, Outgoing, State, advance, taken, written
from cloudwindow.records import Connection, tables
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.outbox import Backlog, Outbox
from cloudwindow.vault import Vault
from tests.pace import PATIENCE_SECONDS

NOW = 1_800_000_000.0
LIMIT_SECONDS = PATIENCE_SECONDS

CHILD = """
import asyncio, os, signal, sys
from cloudwindow.domain.outbox import taken, written
from cloudwindow.records.events import append
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.outbox import Outbox
from cloudwindow.vault import Vault

async def main():
    ledger, outbox = await Ledger.open(sys.argv[1]), Outbox(Vault.of(bytes(32)))
    now = float(sys.argv[2])

    async def work(conn):
        await append(conn, case="a1", kind="appointment.booked", actor_kind="citizen", actor="c1",
            capacity="own", on_behalf_of=None, organ=None, at=now, payload={})
        await outbox.add(conn, taken(written("appointment.booked", "a1", "0", now=now), now), None)

    await ledger.write(work)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest_asyncio.fixture
async def outbox() -> Outbox:
    """The outbox with a vault of zeros."""
    return Outbox(Vault.of(bytes(32)))


def message(serial: int = 1, kind: str = "ticket.rung") -> Outgoing:
    return written(kind, f"t{serial}", "1", now=NOW)


async def take(ledger: Ledger, outbox: Outbox, now: float, *, limit: int = 50) -> Sequence[Outgoing]:
    """Take what is due, as a node does."""

    async def work(conn: Connection) -> list[Outgoing]:
        found = await outbox.due(conn, now, limit=limit)
        mine = [taken(one, now) for one in found]
        for before, after in zip(found, mine, strict=True):
            assert await outbox.save(conn, after, seen=before.tries)
        return mine

    return await ledger.write(work)


async def save(ledger: Ledger, outbox: Outbox, one: Outgoing) -> bool:
    return await ledger.write(lambda conn: outbox.save(conn, one, seen=one.tries))


async def test_a_fact_is_told_once(ledger: Ledger, outbox: Outbox) -> None:
    assert await ledger.write(lambda conn: outbox.add(conn, message()))
    assert not await ledger.write(lambda conn: outbox.add(conn, message()))
    assert len(await take(ledger, outbox, NOW)) == 1


async def test_two_nodes_take_different_messages(ledger: Ledger, ledger_url: str, outbox: Outbox) -> None:
    other = await Ledger.open(ledger_url)
    for serial in range(20):
        await ledger.write(lambda conn, n=serial: outbox.add(conn, message(n)))  # type: ignore[misc]
    try:
        nodes = [ledger, other] * 5
        found = await asyncio.gather(*(take(node, outbox, NOW, limit=3) for node in nodes))
    finally:
        await other.close()
    keys = [one.key for some in found for one in some]
    assert len(keys) == len(set(keys)) == 20


async def test_a_node_that_lost_its_time_writes_nothing(ledger: Ledger, outbox: Outbox) -> None:
    await ledger.write(lambda conn: outbox.add(conn, message()))
    (slow,) = await take(ledger, outbox, NOW)
    assert await take(ledger, outbox, NOW + LEASE_SECONDS - 1) == []
    (quick,) = await take(ledger, outbox, NOW + LEASE_SECONDS)
    assert not await save(ledger, outbox, advance(slow, Event.FAIL, NOW + 31))
    assert await save(ledger, outbox, advance(quick, Event.SEND, NOW + 32))
    assert not await save(ledger, outbox, advance(quick, Event.FAIL, NOW + 33))


async def test_what_was_said_is_sealed_and_forgotten_with_the_end(ledger: Ledger, outbox: Outbox) -> None:
    said = {"mobile": "13800000001", "text": "482913"}
    await ledger.write(lambda conn: outbox.add(conn, message(kind="code.sign"), said))
    (mine,) = await take(ledger, outbox, NOW)
    async with ledger.read() as conn:
        kept = (await conn.execute(select(tables.outbox.c.said_sealed))).scalar_one()
        assert await outbox.said(conn, mine.key) == said
    assert "482913" not in kept
    assert "138" not in kept
    assert await save(ledger, outbox, advance(mine, Event.SEND, NOW))
    async with ledger.read() as conn:
        assert (await conn.execute(select(tables.outbox.c.said_sealed))).scalar_one() is None
        assert await outbox.said(conn, mine.key) == {}


async def test_the_backlog_counts_what_waits_and_what_ended_unsent(ledger: Ledger, outbox: Outbox) -> None:
    for serial in range(5):
        await ledger.write(lambda conn, n=serial: outbox.add(conn, message(n)))  # type: ignore[misc]
    mine = list(await take(ledger, outbox, NOW))
    await save(ledger, outbox, advance(mine[0], Event.SEND, NOW))
    await save(ledger, outbox, advance(mine[1], Event.REFUSE, NOW, reason="sms_refused"))
    await save(ledger, outbox, advance(mine[2], Event.EXPIRE, NOW, reason="late"))
    await save(ledger, outbox, advance(mine[3], Event.EXPIRE, NOW, reason="overtaken"))
    async with ledger.read() as conn:
        found = await outbox.backlog(conn, since=NOW - 1)
        later = await outbox.backlog(conn, since=NOW + 1)
    assert found == Backlog(waiting=1, oldest_at=NOW, refused=1, expired=1)
    assert later == Backlog(waiting=1, oldest_at=NOW, refused=0, expired=0)
    await ledger.write(lambda conn: outbox.forget(conn, before=NOW + 1))
    async with ledger.read() as conn:
        left = (await conn.execute(select(tables.outbox.c.state))).scalars().all()
    assert left == [State.WAITING]


async def test_a_process_killed_between_commit_and_sending_leaves_the_message(
    ledger_url: str, outbox: Outbox
) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, ledger_url, str(NOW), cwd=Path.cwd()
        )
        assert await child.wait() == -signal.SIGKILL
    ledger = await Ledger.open(ledger_url)
    try:
        assert await take(ledger, outbox, NOW + LEASE_SECONDS - 1) == []
        (left,) = await take(ledger, outbox, NOW + LEASE_SECONDS)
        async with ledger.read() as conn:
            facts = (await conn.execute(select(tables.event.c.kind))).scalars().all()
    finally:
        await ledger.close()
    assert (left.kind, left.about, left.tries) == ("appointment.booked", "a1", 2)
    assert facts == ["appointment.booked"]
