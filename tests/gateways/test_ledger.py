"""The one writer: what gathers is committed together, and nobody hears of it before."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from cloudwindow.domain.errors import Conflict, Unavailable
from cloudwindow.records import engines
from cloudwindow.records import ledger as ledger_module
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.tables import serial_number
from tests.gateways.databases import DATABASES, PostgresServer

LIMIT_SECONDS = 60
Add = Callable[[AsyncConnection], Awaitable[str]]


@pytest.fixture(autouse=True)
def _patient_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch take as long as a slow machine needs, so that what gathers stays together."""
    monkeypatch.setattr(ledger_module, "BATCH_SECONDS", 60.0)


def _adds(name: str) -> Add:
    """Return a unit of work that leaves a row called ``name`` and returns the name."""

    async def add(conn: AsyncConnection) -> str:
        await conn.execute(insert(serial_number).values(issuer=name, period="2026", kind="test", last=1))
        return name

    return add


def _adds_then_fails(name: str, error: Exception) -> Add:
    async def add(conn: AsyncConnection) -> str:
        await _adds(name)(conn)
        raise error

    return add


async def _rows(ledger: Ledger) -> list[str]:
    async with ledger.read() as conn:
        names = await conn.execute(select(serial_number.c.issuer).order_by(serial_number.c.issuer))
        return list(names.scalars())


class Gate:
    """A failpoint that counts who passes and holds them until it is opened."""

    def __init__(self) -> None:
        self.passed = 0
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self) -> None:
        self.passed += 1
        self.reached.set()
        await self.opened.wait()


async def _fails() -> None:
    raise OSError("the disk said no")


@asynccontextmanager
async def _busy_writer(ledger: Ledger) -> AsyncIterator[Gate]:
    """Hold the writer before its first commit, so that what is written in the block gathers."""
    gate = Gate()
    ledger.failpoints["before_commit"] = gate
    first = asyncio.create_task(ledger.write(_adds("0-first")))
    async with asyncio.timeout(LIMIT_SECONDS):
        await gate.reached.wait()
        yield gate
        gate.opened.set()
        await first


def _start(ledger: Ledger, *units: Add) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(ledger.write(unit)) for unit in units]


async def test_a_unit_returns_its_result_and_can_be_read_at_once(ledger: Ledger) -> None:
    assert await ledger.write(_adds("a")) == "a"
    assert await _rows(ledger) == ["a"]


async def test_units_that_gather_are_committed_together_in_the_order_they_came(ledger: Ledger) -> None:
    order: list[int] = []

    def unit(number: int) -> Add:
        async def work(conn: AsyncConnection) -> str:
            order.append(number)
            return await _adds(f"{number:02}")(conn)

        return work

    async with _busy_writer(ledger) as gate:
        tasks = _start(ledger, *(unit(number) for number in range(30)))
        await asyncio.sleep(0)
        gate.opened.set()
        assert await asyncio.gather(*tasks) == [f"{number:02}" for number in range(30)]
    assert order == list(range(30))
    assert gate.passed == 2


async def test_a_batch_that_has_been_open_long_enough_leaves_the_rest_to_the_next(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "BATCH_SECONDS", 0.0)
    async with _busy_writer(ledger) as gate:
        tasks = _start(ledger, *(_adds(f"{number}") for number in range(5)))
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(*tasks)
    assert gate.passed == 6
    assert await _rows(ledger) == ["0", "0-first", "1", "2", "3", "4"]


async def test_nobody_is_answered_before_the_commit(ledger: Ledger) -> None:
    async with _busy_writer(ledger) as gate:
        tasks = _start(ledger, _adds("a"), _adds_then_fails("b", Conflict("stale")))
        assert await _rows(ledger) == []
        gate.opened.set()
        gate.opened = asyncio.Event()
        gate.reached.clear()
        await gate.reached.wait()
        assert not any(task.done() for task in tasks)
        gate.opened.set()
        await asyncio.wait(tasks)
    assert tasks[0].result() == "a"
    assert isinstance(tasks[1].exception(), Conflict)


async def test_a_unit_that_fails_is_undone_alone(ledger: Ledger) -> None:
    async with _busy_writer(ledger) as gate:
        tasks = _start(
            ledger,
            _adds("a"),
            _adds_then_fails("b", Conflict("stale")),
            _adds("a"),
            _adds_then_fails("c", KeyError("x")),
            _adds("d"),
        )
        await asyncio.sleep(0)
        gate.opened.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert gate.passed == 2
    assert outcomes[0] == "a"
    assert isinstance(outcomes[1], Conflict)
    assert isinstance(outcomes[2], IntegrityError)
    assert isinstance(outcomes[3], KeyError)
    assert outcomes[4] == "d"
    assert await _rows(ledger) == ["0-first", "a", "d"]


async def test_a_unit_that_hides_its_error_does_not_spoil_the_batch(ledger: Ledger) -> None:
    async def hides(conn: AsyncConnection) -> str:
        try:
            await _adds("a")(conn)
        except IntegrityError:
            return "hidden"
        return "added"

    await ledger.write(_adds("a"))
    async with _busy_writer(ledger) as gate:
        tasks = _start(ledger, _adds("b"), hides, _adds("c"))
        await asyncio.sleep(0)
        gate.opened.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert (outcomes[0], outcomes[2]) == ("b", "c")
    assert await _rows(ledger) == ["0-first", "a", "b", "c"]


async def test_nothing_is_acknowledged_when_the_commit_fails(ledger: Ledger) -> None:
    ledger.failpoints["before_commit"] = _fails
    outcomes = await asyncio.gather(
        *_start(ledger, _adds("a"), _adds_then_fails("b", Conflict("stale")), _adds("c")),
        return_exceptions=True,
    )
    assert [getattr(outcome, "code", outcome) for outcome in outcomes] == ["ledger_unavailable"] * 3
    assert await _rows(ledger) == []
    del ledger.failpoints["before_commit"]
    assert await ledger.write(_adds("a")) == "a"


async def test_a_unit_that_rolls_everything_back_takes_no_neighbour_along_unnoticed(ledger: Ledger) -> None:
    """As SQLite does by itself when the disk is full: the transaction is gone under the units."""

    async def rolls_back(conn: AsyncConnection) -> str:
        await conn.exec_driver_sql("ROLLBACK")
        raise Conflict("stale")

    async with _busy_writer(ledger) as gate:
        tasks = _start(ledger, _adds("a"), rolls_back, _adds("b"))
        await asyncio.sleep(0)
        gate.opened.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    acknowledged = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert isinstance(outcomes[0], Unavailable)
    assert isinstance(outcomes[1], Unavailable)
    assert await _rows(ledger) == ["0-first", *acknowledged]


async def test_a_slow_unit_is_cancelled_and_its_neighbours_are_committed(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "UNIT_SECONDS", 0.6)

    async def never_ends(conn: AsyncConnection) -> str:
        await _adds("slow")(conn)
        await asyncio.Event().wait()
        return "never"

    outcomes = await asyncio.gather(
        *_start(ledger, _adds("a"), never_ends, _adds("b")), return_exceptions=True
    )
    assert isinstance(outcomes[1], Unavailable)
    assert (outcomes[0], outcomes[2]) == ("a", "b")
    assert await _rows(ledger) == ["a", "b"]


def _never_answered(ledger_url: str) -> Add:
    """Return a unit of work whose one statement takes longer than a unit may."""
    counting = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < 4000000) SELECT max(i) FROM n"
    )
    slow = "SELECT pg_sleep(600)" if ledger_url.startswith("postgresql") else counting

    async def asks(conn: AsyncConnection) -> str:
        await conn.exec_driver_sql(slow)
        return "done"

    return asks


async def test_a_unit_cut_off_inside_a_statement_does_not_stop_the_writer(
    ledger: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "UNIT_SECONDS", 0.05)
    async with asyncio.timeout(LIMIT_SECONDS):
        with pytest.raises(Unavailable):
            await ledger.write(_never_answered(ledger_url))
        await _until_written(ledger, "a")
    assert await _rows(ledger) == ["a"]


async def test_a_unit_cut_off_inside_a_statement_takes_no_neighbour_along(
    ledger: Ledger, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "UNIT_SECONDS", 0.6)
    outcomes = await asyncio.gather(
        *_start(ledger, _adds("a"), _never_answered(ledger_url), _adds("b")), return_exceptions=True
    )
    assert isinstance(outcomes[1], Unavailable)
    assert (outcomes[0], outcomes[2]) == ("a", "b")
    assert await _rows(ledger) == ["a", "b"]


async def test_a_unit_that_lost_its_connection_takes_no_neighbour_along(ledger: Ledger) -> None:
    async def loses_it(conn: AsyncConnection) -> str:
        await _adds("lost")(conn)
        await conn.invalidate()
        return await _adds("too late")(conn)

    outcomes = await asyncio.gather(*_start(ledger, _adds("a"), loses_it, _adds("b")), return_exceptions=True)
    assert isinstance(outcomes[1], Unavailable)
    assert (outcomes[0], outcomes[2]) == ("a", "b")
    assert await _rows(ledger) == ["a", "b"]


async def test_a_wrong_statement_is_told_to_its_author_not_called_an_outage(ledger: Ledger) -> None:
    with pytest.raises(DBAPIError):
        await ledger.write(lambda conn: conn.exec_driver_sql("SELECT * FROM nowhere"))
    with pytest.raises(DBAPIError):
        async with ledger.read() as conn:
            await conn.exec_driver_sql("SELECT * FROM nowhere")


async def test_a_unit_that_writes_through_the_ledger_is_told_so_instead_of_waiting_for_itself(
    ledger: Ledger,
) -> None:
    async def writes_within(_conn: AsyncConnection) -> str:
        return await ledger.write(_adds("inner"))

    with pytest.raises(RuntimeError, match="the connection it was given"):
        await ledger.write(writes_within)


async def test_an_error_does_not_quote_the_row_it_is_about(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    async def quotes_a_row() -> None:
        raise OSError("13800138000")

    await ledger.write(_adds("13800138000"))
    with pytest.raises(IntegrityError) as refused:
        await ledger.write(_adds("13800138000"))
    ledger.failpoints["before_commit"] = quotes_a_row
    with pytest.raises(Unavailable):
        await ledger.write(_adds("a"))
    assert "ledger batch failed" in caplog.text
    assert "13800138000" not in caplog.text + str(refused.value)


async def test_a_caller_who_leaves_while_waiting_leaves_no_row(ledger: Ledger) -> None:
    async with _busy_writer(ledger) as gate:
        (leaver, stayer) = _start(ledger, _adds("leaver"), _adds("stayer"))
        await asyncio.sleep(0)
        leaver.cancel()
        gate.opened.set()
        assert await stayer == "stayer"
    assert await _rows(ledger) == ["0-first", "stayer"]


async def test_a_unit_cancelled_from_within_does_not_stop_the_writer(ledger: Ledger) -> None:
    async def cancelled(_conn: AsyncConnection) -> str:
        raise asyncio.CancelledError

    with pytest.raises(Unavailable):
        await ledger.write(cancelled)
    assert await ledger.write(_adds("a")) == "a"


async def test_more_than_a_thousand_waiting_units_are_refused_at_once(ledger: Ledger) -> None:
    async with _busy_writer(ledger) as gate:
        tasks = _start(ledger, *(_adds(f"{number:04}") for number in range(1_000)))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as refused:
            await ledger.write(_adds("too many"))
        assert refused.value.code == "ledger_unavailable"
        assert refused.value.retry_after_seconds == 1
        gate.opened.set()
        await asyncio.gather(*tasks)
    assert len(await _rows(ledger)) == 1_001


async def test_closing_commits_what_waits_and_takes_no_more(ledger_url: str) -> None:
    ledger = await Ledger.open(ledger_url)
    tasks = _start(ledger, *(_adds(f"{number:02}") for number in range(20)))
    await asyncio.sleep(0)
    await ledger.close()
    assert await asyncio.gather(*tasks) == [f"{number:02}" for number in range(20)]
    with pytest.raises(Unavailable):
        await ledger.write(_adds("late"))


async def test_a_reader_sees_one_moment_and_can_change_nothing(ledger: Ledger) -> None:
    count = select(func.count()).select_from(serial_number)
    async with ledger.read() as conn:
        assert (await conn.execute(count)).scalar_one() == 0
        await ledger.write(_adds("a"))
        assert (await conn.execute(count)).scalar_one() == 0
        with pytest.raises(DBAPIError):
            await _adds("b")(conn)
    assert await _rows(ledger) == ["a"]


async def test_a_reader_that_takes_too_long_is_told_to_try_again(ledger: Ledger) -> None:
    with pytest.raises(Unavailable):
        async with ledger.read(limit_seconds=0.05):
            await asyncio.Event().wait()
    assert await _rows(ledger) == []


async def test_two_nodes_take_turns_so_a_check_is_still_true_when_the_row_is_written(ledger_url: str) -> None:
    async def add_if_fewer_than_ten(conn: AsyncConnection) -> bool:
        count = await conn.execute(select(func.count()).select_from(serial_number))
        if (number := count.scalar_one()) >= 10:
            return False
        await _adds(f"{number:02}")(conn)
        return True

    nodes = [await Ledger.open(ledger_url), await Ledger.open(ledger_url)]
    try:
        added = await asyncio.gather(
            *(node.write(add_if_fewer_than_ten) for _ in range(15) for node in nodes)
        )
        assert sum(added) == 10
        assert len(await _rows(nodes[0])) == 10
    finally:
        for node in nodes:
            await node.close()


async def test_a_ledger_of_another_kind_is_refused() -> None:
    for url in ("mysql://localhost/x", "sqlite+aiosqlite://", "sqlite:///:memory:"):
        with pytest.raises(ValueError, match="the ledger needs"):
            await Ledger.open(url)


async def test_a_ledger_that_does_not_answer_cannot_be_opened(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    nowhere = tmp_path_factory.mktemp("nowhere")
    for url in (f"sqlite:///{nowhere}/missing/ledger.db", f"postgresql://u@/db?host={nowhere}"):
        with pytest.raises(Unavailable):
            await Ledger.open(url)


# --- the database goes away ------------------------------------------------------------------------------


async def _until_written(ledger: Ledger, name: str) -> None:
    """Try to write as a patient caller would, until the ledger takes it."""
    while True:
        try:
            await ledger.write(_adds(name))
            return
        except Unavailable:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def _database_away(url: str) -> AsyncIterator[None]:
    """Make the database at ``url`` refuse to be written for as long as the block."""
    if url.startswith("sqlite"):
        async with _locked_file(url):
            yield
    else:
        async with _closed_database(url):
            yield


@asynccontextmanager
async def _locked_file(url: str) -> AsyncIterator[None]:
    engine = create_async_engine(url)
    async with engine.connect() as conn:
        await conn.exec_driver_sql("BEGIN IMMEDIATE")
        yield
        await conn.rollback()
    await engine.dispose()


@asynccontextmanager
async def _closed_database(url: str) -> AsyncIterator[None]:
    where = engines.address(url)
    administrator = create_async_engine(where.set(database="postgres"), isolation_level="AUTOCOMMIT")
    name = where.database
    async with administrator.connect() as conn:
        await conn.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        sessions = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        await conn.execute(sessions, {"name": name})
        try:
            yield
        finally:
            await conn.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await administrator.dispose()


async def test_while_the_database_is_away_nothing_is_acknowledged_and_then_all_goes_on(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_MILLISECONDS", 50)
    ledger = await Ledger.open(ledger_url)
    try:
        await ledger.write(_adds("before"))
        async with asyncio.timeout(LIMIT_SECONDS), _database_away(ledger_url):
            outcomes = await asyncio.gather(
                *_start(ledger, *(_adds(f"lost {number}") for number in range(5))), return_exceptions=True
            )
            assert [getattr(outcome, "code", outcome) for outcome in outcomes] == ["ledger_unavailable"] * 5
            with pytest.raises(Unavailable):
                await ledger.write(_adds("lost too"))
        async with asyncio.timeout(LIMIT_SECONDS):
            await _until_written(ledger, "after")
        assert await _rows(ledger) == ["after", "before"]
    finally:
        await ledger.close()


async def test_a_database_known_to_be_away_refuses_at_once(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_MILLISECONDS", 50)
    monkeypatch.setattr(ledger_module, "RETRY_SECONDS", 0.01)
    ledger = await Ledger.open(ledger_url)
    try:
        async with _database_away(ledger_url):
            while not ledger.is_away:
                with pytest.raises(Unavailable):
                    await ledger.write(_adds("lost"))
            refused_without_waiting = ledger.write(_adds("lost"))
            with pytest.raises(Unavailable):
                refused_without_waiting.send(None)
        async with asyncio.timeout(LIMIT_SECONDS):
            await _until_written(ledger, "after")
        assert not ledger.is_away
    finally:
        await ledger.close()


async def test_a_connection_that_died_while_idle_is_replaced_unnoticed(ledger_url: str) -> None:
    ledger = await Ledger.open(ledger_url)
    try:
        await ledger.write(_adds("a"))
        if not ledger_url.startswith("sqlite"):
            async with _closed_database(ledger_url):
                pass
        assert await ledger.write(_adds("b")) == "b"
        assert await _rows(ledger) == ["a", "b"]
    finally:
        await ledger.close()


async def test_a_ledger_can_be_closed_while_the_database_is_away(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_MILLISECONDS", 50)
    ledger = await Ledger.open(ledger_url)
    async with asyncio.timeout(LIMIT_SECONDS), _database_away(ledger_url):
        with pytest.raises(Unavailable):
            await ledger.write(_adds("lost"))
        await ledger.close()


@contextmanager
def _frozen(server: PostgresServer) -> Iterator[None]:
    """Stop the server and its children in their tracks: connections stay open and nothing answers."""
    parent = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    family = [parent, *map(int, children)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in family:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.skipif(
    "postgresql" not in DATABASES or sys.platform != "linux", reason="needs PostgreSQL, /proc"
)
async def test_a_frozen_database_is_given_up_and_taken_up_again(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("UNIT_SECONDS", "COMMIT_SECONDS"):
        monkeypatch.setattr(ledger_module, limit, 1.0)
    await postgres_server.empty("migrated")
    ledger = await Ledger.open(postgres_server.url("migrated"))
    try:
        await ledger.write(_adds("before"))
        async with asyncio.timeout(LIMIT_SECONDS):
            with _frozen(postgres_server):
                outcomes = await asyncio.gather(
                    *_start(ledger, *(_adds(f"lost {number}") for number in range(5))),
                    return_exceptions=True,
                )
                with pytest.raises(Unavailable):
                    async with ledger.read(limit_seconds=0.3) as conn:
                        await conn.exec_driver_sql("SELECT 1")
            await _until_written(ledger, "after")
        assert [getattr(outcome, "code", outcome) for outcome in outcomes] == ["ledger_unavailable"] * 5
        assert {"after", "before"} <= set(await _rows(ledger))
    finally:
        await ledger.close()
