"""
The nemesis: the real product, its people, and everything that can go wrong, on a schedule made from a seed.

    python -m tests.nemesis --seed 7 --minutes 3 --faults kill-web,flush --stage pair

First people come and go while faults happen; then the faults end, and everybody who still waits must be
served within a bounded time. Then what was acknowledged is compared with the ledger. The exit code is 1 when
a promise was broken, and the command that runs it again is printed.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select

from cloudwindow.app import catalogue_of
from cloudwindow.config import Config
from cloudwindow.domain.outbox import State
from cloudwindow.records import events, tables
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.visits import Visits
from cloudwindow.vault import Vault
from tests.nemesis.crowd import Agent, Citizen, World
from tests.nemesis.faults import KINDS, Injector, cannot, schedule
from tests.nemesis.history import EventRow, History, Kept, SessionRow, TicketRow, violations
from tests.nemesis.stage import AGENTS, Stage, all_ready, alone, pair
from tests.nemesis.texts import TextRow, Texts
from tests.nemesis.watcher import Watcher

CITIZENS = 8
DRAIN_SECONDS = 150.0
"""Longer than any way back to the line takes when everybody is there: an unanswered call rings for a minute,
a vanished agent has 30 seconds, a clock that was set right is at most three quarters of a minute late."""
SETTLE_SECONDS = 60.0
"""Longer than a text message waits for its next try once the carrier is back, or for the node that had it."""
STAGES = {"pair": pair, "alone": alone}


async def run(given: argparse.Namespace, folder: Path) -> list[str]:
    """One run in ``folder``; the broken promises."""
    history = History()
    async with STAGES[given.stage](folder) as stage:
        wanted = []
        for kind in given.faults.split(","):
            if reason := cannot(kind, stage):
                print(f"nemesis: {kind} skipped: {reason}", flush=True)
            else:
                wanted.append(kind)
        unserved = await _the_people(given, stage, history, wanted)
        if stage.wire is not None:
            history.seen["answers and requests cut"] = stage.wire.cuts
        await _texts_settled(stage)
        again = sum(one.times - 1 for one in stage.carrier.carried.values())
        history.seen |= {"texts carried": len(stage.carrier.carried), "texts handed over again": again}
        for node in stage.nodes:
            node.stop()
        kept = await ledger_of(stage)
    _report(history, kept)
    return unserved + violations(history, kept)


async def _the_people(
    given: argparse.Namespace, stage: Stage, history: History, wanted: Sequence[str]
) -> list[str]:
    """Citizens and agents under faults, and then in peace; who was not served, and offers out of turn."""
    streets = {str(one.code): str(one.streets[0].code) for one in catalogue_of(Config()).districts}
    world = World(stage.nodes, history, streets, stage.carrier)
    agents = [Agent(world, account, _chance(given.seed, account)) for account, _ in AGENTS]
    citizens = [Citizen(world, _chance(given.seed, f"citizen {one}")) for one in range(CITIZENS)]
    watcher = Watcher(stage.direct_url)
    async with asyncio.TaskGroup() as group:
        background = [group.create_task(agent.work(), name=agent.account) for agent in agents]
        background.append(group.create_task(watcher.watch(), name="watcher"))
        visits = [group.create_task(one.come_and_go(), name="citizen") for one in citizens]
        faults = schedule(given.seed, wanted, given.minutes * 60)
        await Injector(stage, agents, watcher, history).carry_out(faults)
        await _peace(stage)
        world.closing.set()
        began = time.monotonic()
        _, late = await asyncio.wait(visits, timeout=DRAIN_SECONDS)
        history.seen["seconds until everybody was served"] = round(time.monotonic() - began)
        unserved = [
            f"not served: {one.number or 'somebody without a number'} still waits {DRAIN_SECONDS:.0f} s "
            "after the last fault"
            for one, task in zip(citizens, visits, strict=True)
            if task in late
        ]
        for task in (*background, *late):
            task.cancel()
    history.seen["offers judged"] = watcher.judged
    several = [f"several numbers at once: {one.who} holds {one.what}" for one in history.of("several")]
    return unserved + several + watcher.wrong


async def _peace(stage: Stage) -> None:
    """No more faults: clocks right, wire whole, carrier there, everybody awake."""
    stage.carrier.mend()
    if stage.wire is not None:
        stage.wire.mend()
    for node in stage.nodes:
        node.jump(0.0)
    await all_ready(stage.nodes)


def _chance(seed: int, who: str) -> random.Random:
    return random.Random(f"{seed} {who}")


async def _texts_settled(stage: Stage) -> None:
    """Give the last text messages time to leave; which did not, the checks say."""
    waits = select(tables.outbox.c.key).where(tables.outbox.c.state == State.WAITING).limit(1)
    ledger = await Ledger.open(stage.ledger_url)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while True:
                    async with ledger.read() as conn:
                        if (await conn.execute(waits)).first() is None:
                            return
                    await asyncio.sleep(0.5)
    finally:
        await ledger.close()


async def ledger_of(stage: Stage) -> Kept:
    """What the ledger keeps, read when nobody writes any more."""
    visits = Visits(Vault.open_at(stage.folder / "data", None))
    ledger = await Ledger.open(stage.ledger_url)
    try:
        async with ledger.read() as conn:
            tickets = (await conn.execute(select(tables.ticket))).all()
            sessions = (await conn.execute(select(tables.session))).all()
            texts = (await conn.execute(select(tables.outbox))).all()
            happened = await events.since(conn, 0, 1_000_000)
            cases = {one.case for one in happened}
            chat = [one.text for case in cases for one in await visits.chat(conn, case, limit=10_000)]
            broken = [case for case in cases if await events.verify(conn, case) is not None]
    finally:
        await ledger.close()
    return Kept(
        tickets=[
            TicketRow(
                id=row.id,
                number=row.number,
                citizen=row.citizen,
                item=row.item,
                case=row.application,
                joined_at=row.joined_at,
                state=row.state,
                mode=row.mode,
            )
            for row in tickets
        ],
        sessions=[
            SessionRow(
                id=row.id,
                ticket=row.ticket,
                agent=row.agent,
                epoch=row.epoch,
                state=row.state,
                outcome=row.outcome,
            )
            for row in sessions
        ],
        events=[
            EventRow(
                id=one.id,
                case=one.case,
                seq=one.seq,
                kind=one.kind,
                actor=one.actor,
                at=one.at,
                payload=one.payload,
            )
            for one in happened
        ],
        chat=chat,
        broken=broken,
        texts=Texts(
            rows=[
                TextRow(
                    key=row.key,
                    kind=row.kind,
                    about=row.about,
                    mark=row.mark,
                    state=row.state,
                    reason=row.reason,
                    tries=row.tries,
                )
                for row in texts
            ],
            carried=stage.carrier.carried,
        ),
    )


def _report(history: History, kept: Kept) -> None:
    facts = {kind: len(history.of(kind)) for kind in sorted({one.kind for one in history.facts})}
    print(f"nemesis: {len(kept.tickets)} tickets, {len(kept.sessions)} calls, {len(kept.events)} events")
    print("nemesis: acknowledged: " + ", ".join(f"{kind} {number}" for kind, number in facts.items()))
    print("nemesis: " + ", ".join(f"{what} {number}" for what, number in sorted(history.seen.items())))


def arguments() -> argparse.ArgumentParser:
    """What can be asked for."""
    asked = argparse.ArgumentParser(
        prog="python -m tests.nemesis", description="The product, its people and what can go wrong."
    )
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--minutes", type=float, default=3.0, help="under faults; the peace after it is extra")
    asked.add_argument("--faults", default=",".join(KINDS), help="all of them unless named")
    asked.add_argument("--stage", choices=sorted(STAGES), default="pair")
    asked.add_argument("--keep", type=Path, help="an empty folder for logs and ledger, kept after the run")
    return asked


async def _stoppable(given: argparse.Namespace, folder: Path) -> list[str]:
    """The run; a request to end it takes its processes down with it."""
    task = asyncio.current_task()
    assert task is not None
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, task.cancel)
    return await run(given, folder)


def main() -> int:
    """Run; 1 when a promise was broken."""
    given = arguments().parse_args()
    unknown = set(given.faults.split(",")) - set(KINDS)
    if unknown:
        print(f"unknown faults: {', '.join(sorted(unknown))}; known: {', '.join(KINDS)}", file=sys.stderr)
        return 2
    again = (
        f"python -m tests.nemesis --seed {given.seed} --minutes {given.minutes:g} "
        f"--faults {given.faults} --stage {given.stage}"
    )
    print(f"nemesis: {again}", flush=True)
    broken = ["stopped before its end"]
    with tempfile.TemporaryDirectory(prefix="cw-nemesis-", ignore_cleanup_errors=True) as temporary:
        Path(temporary).chmod(0o755)  # PostgreSQL runs as somebody else
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(asyncio.CancelledError):
            broken = asyncio.run(_stoppable(given, folder))
    for one in broken:
        print(f"nemesis: BROKEN {one}")
    if broken:
        print(f"nemesis: again with: {again}")
    else:
        print(f"nemesis: every promise held (seed {given.seed})")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
