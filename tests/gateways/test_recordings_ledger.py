"""Recordings in the ledger and leave to play them, on both databases."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from cloudwindow.domain import recording as machine
from cloudwindow.domain.errors import Conflict, Gone, NotFound
from cloudwindow.domain.ids import ApplicationId, SessionId, StaffId
from cloudwindow.domain.recording import Event, Recording, State
from cloudwindow.records import recordings
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.recordings import Viewing
from tests.gateways.records_world import HUADU, NOON, TIANHE, Kept, case, kept_in, session, ticket

DAY = machine.DAY_SECONDS


@pytest_asyncio.fixture
async def kept(ledger: Ledger) -> AsyncIterator[Kept]:
    """One case with one call."""
    rooms = kept_in(ledger)
    await rooms.citizens(1)
    await rooms.agent()
    await rooms.open(case())
    await rooms.take(ticket())
    await rooms.call(session(ticket()))
    yield rooms


def begun(number: int = 1, *, id: str = "", district: str = HUADU) -> Recording:
    return Recording(
        id=id or f"rec{number}",
        session=SessionId("s-t1-1"),
        application=ApplicationId("a1"),
        district=district,
        room="room-t1-1",
        number=number,
        key_sealed="sealed",
        state=State.STARTING,
        started_at=NOON + number,
        deadline=NOON + 10,
    )


async def add(kept: Kept, *made: Recording) -> None:
    for one in made:
        await kept.ledger.write(lambda conn, one=one: recordings.add(conn, one))  # type: ignore[misc]


async def change(kept: Kept, to: Recording, *, seen: int) -> None:
    await kept.ledger.write(lambda conn: recordings.change(conn, to, seen=seen))


async def due(kept: Kept, now: float) -> list[str]:
    async with kept.ledger.read() as conn:
        return [one.id for one in await recordings.due(conn, now, states=tuple(State))]


def finished(one: Recording) -> Recording:
    """Run, ended and kept for a day."""
    ended = machine.advance(machine.advance(one, Event.RUN, NOON), Event.END, NOON)
    return machine.kept(ended, days=1, now=NOON)


async def test_a_recording_is_read_as_it_was_written(kept: Kept) -> None:
    await add(kept, begun())
    async with kept.ledger.read() as conn:
        assert await recordings.one(conn, "rec1") == begun()
        assert await recordings.active_in(conn, "room-t1-1") == begun()
        with pytest.raises(NotFound, match="unknown_recording"):
            await recordings.one(conn, "another")


async def test_two_nodes_begin_one_recording_of_a_call(kept: Kept) -> None:
    await add(kept, begun())
    with pytest.raises(Conflict, match="recording_running"):
        await add(kept, begun(id="of-another-node"))
    async with kept.ledger.read() as conn:
        assert [one.id for one in await recordings.of_session(conn, "s-t1-1")] == ["rec1"]


async def test_what_moved_on_meanwhile_is_not_written_over(kept: Kept) -> None:
    await add(kept, begun())
    await change(kept, machine.advance(begun(), Event.RUN, NOON), seen=0)
    with pytest.raises(Conflict, match="version_stale"):
        await change(kept, machine.advance(begun(), Event.END, NOON), seen=0)


async def test_an_unfinished_film_is_found_again_by_whoever_starts_next(kept: Kept, ledger: Ledger) -> None:
    await add(kept, begun())
    ended = machine.advance(begun(), Event.END, NOON)
    await change(kept, ended, seen=0)
    assert await due(kept, NOON + 4) == []
    assert await due(kept_in(ledger), NOON + 5) == ["rec1"]
    async with ledger.read() as conn:
        assert await recordings.active_in(conn, "room-t1-1") is None


async def test_a_held_recording_outlives_its_time_until_it_is_released(kept: Kept) -> None:
    await add(kept, begun())
    done = replace(finished(begun()), version=1)
    held = replace(done, held_by=StaffId("mei"), held_at=NOON, held_reason="诉讼中", version=2)
    await change(kept, done, seen=0)
    assert await due(kept, NOON + DAY) == ["rec1"]
    await change(kept, held, seen=1)
    assert await due(kept, NOON + 400 * DAY) == []
    released = replace(held, held_by=None, held_at=None, held_reason="", version=3)
    await change(kept, released, seen=2)
    assert await due(kept, NOON + 400 * DAY) == ["rec1"]


async def test_a_film_asked_for_again_is_due_also_while_the_recording_is_held(kept: Kept) -> None:
    await add(kept, begun())
    done = replace(finished(begun()), version=1, held_by=StaffId("mei"), held_at=NOON, held_reason="诉讼中")
    await change(kept, replace(done, deadline=NOON + 20), seen=0)
    assert await due(kept, NOON + 20) == ["rec1"]


async def test_the_newest_of_the_asked_for_districts_and_of_an_agents_calls_are_listed(kept: Kept) -> None:
    await add(kept, begun(1), begun(2), begun(3, district=TIANHE))

    async def listed(districts: list[str] | None, agent: str = "lin", limit: int = 10) -> list[str]:
        async with kept.ledger.read() as conn:
            found = await recordings.listed(conn, districts=districts, agent=agent, limit=limit)
        return [one.recording.id for one in found]

    assert await listed([HUADU]) == ["rec2", "rec1"]
    assert await listed(None, limit=2) == ["rec3", "rec2"]
    assert await listed([]) == []
    assert await listed([], agent="mei") == ["rec3", "rec2", "rec1"]


async def test_a_recording_is_listed_with_its_case_and_its_agent(kept: Kept) -> None:
    await add(kept, begun())
    async with kept.ledger.read() as conn:
        one = await recordings.listed_one(conn, "rec1")
        assert await recordings.listed_of(conn, "a1") == [one]
        assert await recordings.listed_of(conn, "a2") == []
        with pytest.raises(NotFound, match="unknown_recording"):
            await recordings.listed_one(conn, "another")
    assert one.recording == begun()
    assert (one.receipt, one.item, one.agent, one.agent_name) == ("", "HR01", "mei", "陈晓敏")


async def test_leave_to_play_holds_for_one_person_and_runs_out(kept: Kept) -> None:
    await add(kept, begun())
    leave = Viewing(
        id="v1",
        recording="rec1",
        staff=StaffId("mei"),
        reason="复核签名",
        at=NOON,
        expires_at=NOON + 60,
    )
    await kept.ledger.write(lambda conn: recordings.add_viewing(conn, leave))
    async with kept.ledger.read() as conn:
        assert await recordings.viewing(conn, "v1", staff="mei", now=NOON + 59) == leave
        assert [one.viewing for one in await recordings.viewings(conn, "rec1")] == [leave]
        with pytest.raises(NotFound, match="unknown_recording"):
            await recordings.viewing(conn, "v1", staff="lin", now=NOON + 1)
        with pytest.raises(Gone, match="viewing_over"):
            await recordings.viewing(conn, "v1", staff="mei", now=NOON + 60)
