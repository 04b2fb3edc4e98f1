"""
How long the line is away when its Redis comes back empty: 20,000 tickets rebuilt from the ledger.

The ledger is a real SQLite file; the rebuilding is the product's own sweep, from reading the rows to the last
tick. A second pass, made to believe that the line was lost again, must change nothing.
"""

import asyncio
import hashlib
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

from redis.asyncio import Redis

from benchmarks.city import DISTRICTS, LANGUAGES
from benchmarks.measure import EVERY_WRITE, cpu_ns, machine, main, report, server_version, valkey
from cloudwindow import app as product
from cloudwindow import journey
from cloudwindow.attendance import Attendance
from cloudwindow.bus import Workers
from cloudwindow.config import Config
from cloudwindow.domain.ids import ApplicationId, CitizenId, DistrictCode, TicketId
from cloudwindow.domain.ticket import State, Ticket, deadline_of
from cloudwindow.journey import Journey
from cloudwindow.media.remote import RemoteMediaPlane
from cloudwindow.notices import Press
from cloudwindow.queue import PREFIX, connect
from cloudwindow.records import Connection
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.migrations import migrate
from cloudwindow.signaling import Hub
from cloudwindow.staff_auth import StaffPasswords

TICKETS = 20_000
GOAL_SECONDS = 1.5
TRIES = 3
BATCH = 100
QUEUE_SECONDS = 3_600.0


def bench(quick: bool) -> None:
    """Measure on a server that syncs every write, as the product's own does."""
    with valkey(*EVERY_WRITE) as (url, pid), tempfile.TemporaryDirectory(prefix="cw-bench-") as folder:
        asyncio.run(_measure(url, pid, Path(folder), 200 if quick else TICKETS))


async def _measure(url: str, pid: int, folder: Path, tickets: int) -> None:
    config = Config(data_dir=folder)
    await migrate(config.ledger_url)
    async with _opened(config, url) as (made, redis):
        await _fill(made, tickets, time.time())
        seconds, reading, cpu = [], [], []
        for _ in range(TRIES):
            await redis.flushall()
            reading.append(await _timed_reading(made))
            before = time.process_time() + cpu_ns(pid) / 1e9
            seconds.append(await _timed_sweep(made))
            cpu.append(time.process_time() + cpu_ns(pid) / 1e9 - before)
            assert sum(load.waiting for load in await made.house.line.load()) == tickets
        kept = await _digest(url)
        await redis.delete(f"{{{PREFIX}}}:generation")
        second = await _timed_sweep(made)
        unchanged = kept == await _digest(url)
        ordinary = await _timed_sweep(made)
        report(
            "rebuild",
            measured={
                "tickets": tickets,
                "seconds": seconds,
                "cpu_seconds_of_product_and_server": cpu,
                "of_that_reading_the_ledger_seconds": reading,
                "second_pass_seconds": second,
                "ordinary_sweep_seconds": ordinary,
            },
            ratios={},
            reach={"seconds": GOAL_SECONDS, "second_pass_changes": 0},
            reached={"seconds": max(seconds) <= GOAL_SECONDS, "second_pass_changes": unchanged},
            machine=machine(server=await server_version(redis)),
        )


@asynccontextmanager
async def _opened(config: Config, url: str) -> AsyncIterator[tuple[Journey, Redis]]:
    """The product's rooms on ``url`` without its background duties, which would sweep by themselves."""
    async with AsyncExitStack() as stack:
        redis = connect(url)
        stack.push_async_callback(redis.aclose)
        ledger = await Ledger.open(config.ledger_url)
        stack.push_async_callback(ledger.close)
        workers = Workers(redis)
        passwords = StaffPasswords()
        stack.callback(passwords.close)
        media = RemoteMediaPlane(workers.all, _nothing, config.media_token)  # type: ignore[arg-type]
        stack.push_async_callback(media.stop)
        press = Press(config.web_dir / product.FONTS)
        stack.callback(press.close)
        house = product.furnished(
            config,
            redis,
            ledger,
            Hub(_nothing, Attendance("rebuild"), time.monotonic),
            workers,
            media,
            passwords,
            product.catalogue_of(config),
            product.printer_of(press),
        )
        yield journey.build(house), redis


async def _nothing(*_: object) -> None:
    """Nobody listens in this benchmark."""


async def _fill(made: Journey, tickets: int, now: float) -> None:
    """Keep waiting tickets of citizens who joined over the last hour, each for another item."""
    chance, items = Random(1), made.house.catalogue.items
    citizens = -(-tickets // len(items))
    for start in range(0, citizens, BATCH):
        await made.house.ledger.write(
            lambda conn, some=range(start, min(start + BATCH, citizens)): _identify(made, conn, some, now)  # type: ignore[misc]
        )
    waiting = [_ticket(made, chance, number, now) for number in range(tickets)]
    for start in range(0, tickets, BATCH):
        await made.house.ledger.write(
            lambda conn, some=waiting[start : start + BATCH]: _take(made, conn, some)  # type: ignore[misc]
        )


async def _identify(made: Journey, conn: Connection, serials: range, now: float) -> None:
    for serial in serials:
        who = CitizenId(f"c{serial}")
        mobile = f"138{serial:08d}"
        await made.house.people.identify(
            conn, who, name="王小明", id_number=f"id{serial}", mobile=mobile, now=now
        )


async def _take(made: Journey, conn: Connection, tickets: list[Ticket]) -> None:
    for one in tickets:
        await made.house.visits.add_ticket(conn, one, resume_secret=one.id * 2)


def _ticket(made: Journey, chance: Random, number: int, now: float) -> Ticket:
    items = made.house.catalogue.items
    item = items[number % len(items)]
    joined = now - chance.uniform(10.0, QUEUE_SECONDS)
    return Ticket(
        id=TicketId(f"t{number}"),
        number=f"H{number:05d}",
        citizen=CitizenId(f"c{number // len(items)}"),
        application=ApplicationId(f"a{number}"),
        item=item.id,
        item_version=item.version,
        home_district=DistrictCode(chance.choices([*DISTRICTS], [*DISTRICTS.values()])[0]),
        language=chance.choices([*LANGUAGES], [*LANGUAGES.values()])[0],
        mode="video",
        joined_at=joined,
        deadline=deadline_of(State.WAITING, joined),
    )


async def _timed_sweep(made: Journey) -> float:
    begun = time.perf_counter()
    await made.watch._sweep()
    return time.perf_counter() - begun


async def _timed_reading(made: Journey) -> float:
    begun = time.perf_counter()
    async with made.house.ledger.read() as conn:
        await made.house.visits.tickets_in(conn, [State.WAITING])
    return time.perf_counter() - begun


async def _digest(url: str) -> str:
    """Everything in Redis but the news and the mark of the rebuilding."""
    whole = hashlib.sha256()
    async with Redis.from_url(url) as raw:
        keys = sorted(await raw.keys("*"))
        kept = [key for key in map(_bytes, keys) if not key.endswith((b":announcements", b":generation"))]
        for start in range(0, len(kept), BATCH):
            pipe = raw.pipeline(transaction=False)
            for key in kept[start : start + BATCH]:
                pipe.dump(key)
            for key, value in zip(kept[start:], await pipe.execute(), strict=False):
                whole.update(key + value)
    return whole.hexdigest()


def _bytes(key: bytes | str) -> bytes:
    return key if isinstance(key, bytes) else key.encode()


if __name__ == "__main__":
    main(bench, __doc__ or "")
