"""What the citizen and the board are shown."""

import pytest
from redis.asyncio import Redis

from cloudwindow.domain.ids import StaffId, TicketId
from cloudwindow.domain.match import Place
from cloudwindow.domain.presence import State
from tests.gateways.hall import BAIYUN, HUADU, NANSHA, TIANHE, Hall, lane, profile


@pytest.fixture
def hall(redis: Redis) -> Hall:
    return Hall(redis)


async def place(hall: Hall, ticket: str) -> Place:
    found = await hall.line.place(TicketId(ticket), now=hall.now)
    assert found is not None
    return found


async def busy(hall: Hall, agent: str, *args: str) -> None:
    """An agent at work who is in a call for a ticket of their own."""
    one = profile(agent, *args)  # type: ignore[arg-type]
    await hall.arrive(one)
    await hall.join(f"of-{agent}", lane(one.district, sorted(one.skills)[0]))
    await hall.accept()


async def test_a_place_counts_who_came_before(hall: Hall) -> None:
    for ticket in ("t1", "t2", "t3"):
        await hall.join(ticket)
    assert (await place(hall, "t1")).ahead == 0
    third = await place(hall, "t3")
    assert (third.ahead, third.of) == (2, 3)


async def test_with_nobody_on_duty_no_time_is_promised(hall: Hall) -> None:
    await hall.join("t1")
    found = await place(hall, "t1")
    assert (found.agents_on_duty, found.low_seconds, found.high_seconds) == (0, None, None)


async def test_a_place_counts_other_skills_of_the_same_desk_but_not_of_others(hall: Hall) -> None:
    await busy(hall, "mei", HUADU, "CA HR")
    await busy(hall, "lan", HUADU, "PS")
    await hall.join("same-desk", lane(skill="CA"))
    await hall.join("other-desk", lane(skill="PS"))
    await hall.join("mine")
    found = await place(hall, "mine")
    assert (found.ahead, found.of, found.agents_on_duty) == (1, 2, 1)


async def test_another_district_stands_before_me_only_by_more_than_its_ring(hall: Hall) -> None:
    await busy(hall, "mei", HUADU)
    await busy(hall, "lan", BAIYUN)
    await hall.join("foreign", lane(BAIYUN))
    await hall.pass_time(100)
    await hall.join("soon")
    await hall.pass_time(100)
    await hall.join("later")
    assert (await place(hall, "soon")).ahead == 0
    assert (await place(hall, "later")).ahead == 2


async def test_the_range_grows_with_the_line_and_shrinks_with_agents(hall: Hall) -> None:
    await busy(hall, "mei", HUADU)
    for number in range(8):
        await hall.join(f"t{number}")
    first, last = await place(hall, "t0"), await place(hall, "t7")
    assert first.low_seconds is not None
    assert first.high_seconds is not None
    assert last.low_seconds is not None
    assert last.high_seconds is not None
    assert first.low_seconds < last.low_seconds < last.high_seconds
    await busy(hall, "lan", HUADU)
    assert (await place(hall, "t7")).high_seconds < last.high_seconds  # type: ignore[operator]


async def test_the_range_learns_from_what_cases_take(hall: Hall) -> None:
    await hall.arrive(profile("mei"))
    await hall.join("first")
    before = (await hall.accept()).ticket
    await hall.join("t1")
    slow = await place(hall, "t1")
    await hall.line.wrap_up(StaffId("mei"), before, now=hall.now + 30)
    await hall.line.finish(StaffId("mei"), now=hall.now + 60)
    for number in range(30):
        await hall.join(f"quick{number}")
        offer = await hall.accept()
        await hall.line.wrap_up(offer.agent, offer.ticket, now=hall.now + 30)
        await hall.line.finish(offer.agent, now=hall.now + 60)
    await hall.accept()
    await hall.join("t9")
    quick = await place(hall, "t9")
    assert quick.high_seconds < slow.high_seconds / 2  # type: ignore[operator]


async def test_a_ticket_that_does_not_wait_has_no_place(hall: Hall) -> None:
    assert await hall.line.place(TicketId("never"), now=hall.now) is None
    await busy(hall, "mei", HUADU)
    assert await hall.line.place(TicketId("of-mei"), now=hall.now) is None


async def test_the_board_shows_count_and_longest_wait_per_lane(hall: Hall) -> None:
    await hall.join("t1", lane(NANSHA, "CA"), credit=300)
    joined = hall.now
    await hall.join("t2", lane(NANSHA, "CA"))
    await hall.join("t3", lane(TIANHE))
    loads = {load.lane: load for load in await hall.line.load()}
    assert loads[lane(NANSHA, "CA")].waiting == 2
    assert loads[lane(NANSHA, "CA")].longest_since == joined
    assert loads[lane(TIANHE)].waiting == 1


async def test_the_board_counts_agents_by_district_and_state(hall: Hall) -> None:
    assert await hall.line.load() == []
    assert await hall.line.agents() == []
    await busy(hall, "mei", HUADU)
    await hall.arrive(profile("lan"))
    await hall.line.sign_in(profile("hua", BAIYUN), now=hall.now)
    assert await hall.line.agent_counts() == {
        HUADU: {State.IN_CALL: 1, State.IDLE: 1},
        BAIYUN: {State.AWAY: 1},
    }
    presences = {one.agent: one for one in await hall.line.agents()}
    assert presences[StaffId("mei")].ticket == "of-mei"
    assert presences[StaffId("hua")].reason == "signed_in"


async def test_the_heads_of_all_lanes_come_before_those_behind_and_absent_ones_apart(hall: Hall) -> None:
    for ticket in ("a1", "a2", "a3", "a4"):
        await hall.join(ticket)
    await hall.join("b1", lane(TIANHE))
    await hall.line.detach(TicketId("a1"), now=hall.now)
    found = await hall.line.heads(2, lanes=9)
    assert set(found[:2]) == {"a2", "b1"}
    assert found[2:] == ["a3"]
    assert await hall.line.absent(0, 5) == ["a1"]
    assert await hall.line.absent(1, 5) == []
    one_by_one = [(await hall.line.heads(1, lanes=1, first=first))[0] for first in (0, 1, 2)]
    assert set(one_by_one) == {"a2", "b1"}
    assert one_by_one[0] == one_by_one[2]
