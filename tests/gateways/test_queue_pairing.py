"""Which ticket goes to which agent, and when."""

import asyncio
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.domain.ids import DistrictCode, StaffId, TicketId
from cloudwindow.domain.match import CITY, CLOSED, LENDER, NEIGHBOUR, AgentProfile, Lane, Terms, ring_word
from cloudwindow.domain.presence import State
from tests.gateways.hall import BAIYUN, CONGHUA, HUADU, NANSHA, TIANHE, Hall, lane, profile


@pytest.fixture
def hall(redis: Redis) -> Hall:
    return Hall(redis)


async def test_a_ticket_is_offered_at_once_to_a_free_agent(hall: Hall) -> None:
    await hall.arrive(profile("mei"))
    await hall.join("t1")
    assert await hall.offers() == [("t1", "mei")]
    offer = await hall.last_offer()
    assert (offer.epoch, offer.offer, offer.ring) == (1, "t1/1", 0)
    assert offer.expires_at == hall.now + 20
    assert offer.why["rule"] == "longest_idle"
    assert offer.lane == lane()


async def test_an_agent_who_becomes_free_is_offered_the_longest_waiting_ticket(hall: Hall) -> None:
    for ticket in ("t1", "t2", "t3"):
        await hall.join(ticket)
    await hall.arrive(profile("mei"))
    await hall.serve()
    await hall.serve()
    await hall.serve()
    assert await hall.offers() == [("t1", "mei"), ("t2", "mei"), ("t3", "mei")]


async def test_the_longest_waiting_goes_first_across_skills_and_languages(hall: Hall) -> None:
    await hall.join("t1", lane(skill="CA"))
    await hall.join("t2", lane(language="yue"))
    await hall.join("t3", lane(mode="text"))
    await hall.join("t4")
    await hall.arrive(profile("mei", skills="HR CA", languages="zh yue", modes="video text"))
    for _ in range(4):
        await hall.serve()
    assert [ticket for ticket, _ in await hall.offers()] == ["t1", "t2", "t3", "t4"]


async def test_an_agent_is_never_offered_what_they_may_not_serve(hall: Hall) -> None:
    await hall.join("skill", lane(skill="PS"))
    await hall.join("language", lane(language="en"))
    await hall.join("mode", lane(mode="sign"))
    await hall.arrive(profile("mei"))
    assert await hall.offers() == []
    assert await hall.state("mei") is State.IDLE


async def test_of_two_free_agents_the_longest_without_a_call_is_asked(hall: Hall) -> None:
    """A break neither adds to an agent's turn nor ends it; a call does."""
    await hall.arrive(profile("first", skills="HR CA"))
    await hall.pass_time(5)
    await hall.arrive(profile("second"))
    await hall.line.set_away(StaffId("first"), now=hall.now)
    await hall.pass_time(3)
    await hall.line.set_available(StaffId("first"), now=hall.now)
    await hall.join("t1")
    await hall.serve()
    await hall.join("t2")
    await hall.serve()
    await hall.join("t3")
    assert await hall.offers() == [("t1", "first"), ("t2", "second"), ("t3", "first")]


async def test_a_break_does_not_add_to_the_turn(hall: Hall) -> None:
    await hall.arrive(profile("first"))
    await hall.line.set_away(StaffId("first"), now=hall.now)
    await hall.arrive(profile("second"))
    await hall.pass_time(10)
    await hall.line.set_available(StaffId("first"), now=hall.now)
    await hall.join("t1")
    assert await hall.offers() == [("t1", "second")]


async def test_a_free_agent_of_the_own_district_comes_before_a_longer_idle_neighbour(hall: Hall) -> None:
    await hall.arrive(profile("neighbour", BAIYUN))
    hall.now += 60
    await hall.line.beat(StaffId("neighbour"), now=hall.now)
    await hall.arrive(profile("own"))
    await hall.join("t1")
    assert await hall.offers() == [("t1", "own")]


async def test_an_agent_serves_the_own_district_before_an_older_ticket_of_another(hall: Hall) -> None:
    await hall.arrive(profile("busy", HUADU))
    await hall.join("first")
    await hall.accept()
    await hall.join("older", lane(HUADU))
    await hall.pass_time(100)
    await hall.join("younger", lane(BAIYUN))
    await hall.pass_time(60)
    await hall.arrive(profile("mei", BAIYUN))
    assert (await hall.offers())[1:] == [("younger", "mei")]


async def test_rings_open_with_time(hall: Hall) -> None:
    """Own district at once, neighbours after 120 s, the city after 300 s."""
    await hall.arrive(profile("own", HUADU))
    await hall.join("busy")
    await hall.accept()
    await hall.join("t1")
    await hall.arrive(profile("far", NANSHA))
    await hall.arrive(profile("near", CONGHUA))
    await hall.pass_time(119)
    assert len(await hall.offers()) == 1
    await hall.pass_time(1)
    assert (await hall.offers())[1:] == [("t1", "near")]
    assert (await hall.last_offer()).ring == NEIGHBOUR
    await hall.accept()
    await hall.join("t2")
    await hall.pass_time(299)
    assert len(await hall.offers()) == 2
    await hall.pass_time(1)
    assert (await hall.offers())[2:] == [("t2", "far")]
    assert (await hall.last_offer()).why["opened_ms"] == 300_000


async def test_a_ring_without_anybody_at_work_is_skipped(hall: Hall) -> None:
    await hall.arrive(profile("near", BAIYUN))
    await hall.join("t1")
    assert await hall.offers() == [("t1", "near")]


async def test_with_nobody_near_the_whole_city_serves_at_once(hall: Hall) -> None:
    await hall.arrive(profile("far", NANSHA))
    await hall.join("t1")
    assert await hall.offers() == [("t1", "far")]
    assert (await hall.last_offer()).ring == CITY


async def test_an_empty_neighbour_ring_does_not_delay_the_city(hall: Hall) -> None:
    await hall.arrive(profile("own"))
    await hall.join("busy")
    await hall.accept()
    await hall.arrive(profile("far", TIANHE))
    await hall.join("t1")
    await hall.pass_time(119)
    assert len(await hall.offers()) == 1
    await hall.pass_time(1)
    assert (await hall.offers())[1:] == [("t1", "far")]


async def test_when_the_own_district_goes_home_the_neighbours_serve_within_a_tick(hall: Hall) -> None:
    await hall.arrive(profile("own"))
    await hall.join("busy")
    await hall.accept()
    await hall.arrive(profile("near", BAIYUN))
    await hall.join("t1")
    await hall.line.wrap_up(StaffId("own"), TicketId("busy"), now=hall.now)
    await hall.line.sign_out(StaffId("own"), now=hall.now)
    await hall.line.tick(now=hall.now)
    assert (await hall.offers())[1:] == [("t1", "near")]


async def test_lenders_come_before_neighbours_and_only_while_they_lend(hall: Hall) -> None:
    await hall.arrive(profile("own"))
    await hall.join("busy")
    await hall.accept()
    await hall.arrive(profile("near", BAIYUN))
    await hall.arrive(profile("lent", NANSHA))
    await hall.line.lend({HUADU: frozenset({NANSHA})}, now=hall.now)
    await hall.join("t1")
    await hall.pass_time(120)
    assert (await hall.offers())[1:] == [("t1", "lent")]
    assert (await hall.last_offer()).ring == LENDER
    await hall.serve()
    for _ in range(2):
        await hall.line.lend({}, now=hall.now)
    assert await hall.line.lenders() == {}
    await hall.join("t2")
    await hall.pass_time(120)
    assert (await hall.offers())[2:] == [("t2", "near")]
    assert (await hall.kinds())["line.lending"] == 2


async def test_a_lending_that_begins_reaches_those_who_wait_already(hall: Hall) -> None:
    closed = replace(lane(), rings=ring_word((60.0, CLOSED, 0.0)))
    await hall.arrive(profile("own"))
    await hall.join("busy")
    await hall.accept()
    await hall.arrive(profile("far", NANSHA))
    await hall.join("t1", closed)
    await hall.pass_time(1000)
    assert len(await hall.offers()) == 1, "this item never leaves own district and lenders"
    await hall.line.lend({HUADU: frozenset({NANSHA})}, now=hall.now)
    await hall.pass_time(0)
    assert (await hall.offers())[1:] == [("t1", "far")]


async def test_each_item_has_its_own_rings(hall: Hall) -> None:
    await hall.arrive(profile("own"))
    await hall.join("busy")
    await hall.accept()
    await hall.arrive(profile("near", BAIYUN, skills="HR CA"))
    await hall.join("slow")
    await hall.join("fast", replace(lane(skill="CA"), rings=ring_word((0.0, 0.0, 0.0))))
    assert (await hall.offers())[1:] == [("fast", "near")]


async def test_a_lending_of_an_unknown_district_or_to_itself_is_refused(hall: Hall) -> None:
    for lenders in ({HUADU: {HUADU}}, {HUADU: {"110101"}}, {"110101": {HUADU}}):
        with pytest.raises(BadInput, match="district_unknown"):
            await hall.line.lend(
                {DistrictCode(home): frozenset(map(DistrictCode, some)) for home, some in lenders.items()},
                now=hall.now,
            )


async def test_a_ticket_for_two_items_goes_to_an_agent_with_both_skills(hall: Hall) -> None:
    await hall.arrive(profile("one", skills="HR"))
    await hall.arrive(profile("both", NANSHA, skills="CA HR PS"))
    await hall.join("t1", lane(skill="CA+HR"))
    assert await hall.offers() == [("t1", "both")]
    await hall.accept()
    await hall.join("t2", lane(skill="CA+HR"))
    await hall.pass_time(1000)
    assert len(await hall.offers()) == 1
    await hall.line.sign_in(profile("one", skills="CA HR"), now=hall.now)
    assert (await hall.offers())[1:] == [("t2", "one")]


async def test_a_ticket_waits_for_its_old_agent_while_they_are_at_work(hall: Hall) -> None:
    await hall.arrive(profile("old", BAIYUN))
    await hall.join("busy")
    await hall.accept()
    await hall.arrive(profile("free"))
    terms = Terms(priority="resumed_correction", preferred=StaffId("old"), preferred_until=hall.now + 300)
    await hall.join("t1", terms=terms, credit=60)
    await hall.pass_time(200)
    assert len(await hall.offers()) == 1
    await hall.line.wrap_up(StaffId("old"), TicketId("busy"), now=hall.now)
    await hall.line.finish(StaffId("old"), now=hall.now)
    assert (await hall.offers())[1:] == [("t1", "old")]
    why = (await hall.last_offer()).why
    assert (why["rule"], why["priority"], why["credit_ms"]) == ("preferred", "resumed_correction", 60_000)


@pytest.mark.parametrize("how", ["the time is over", "the agent goes away", "the agent declines"])
async def test_a_ticket_is_everybodys_when_its_old_agent_cannot_take_it(hall: Hall, how: str) -> None:
    old = StaffId("old")
    await hall.arrive(profile("old"))
    if how != "the agent declines":
        await hall.join("busy")
        await hall.accept()
    await hall.arrive(profile("free"))
    await hall.join("t1", terms=Terms(preferred=old, preferred_until=hall.now + 60))
    if how == "the time is over":
        await hall.pass_time(60)
    elif how == "the agent goes away":
        await hall.line.wrap_up(old, TicketId("busy"), now=hall.now)
        await hall.line.finish(old, now=hall.now, then="away")
        await hall.pass_time(0)
    else:
        await hall.line.decline(old, (await hall.last_offer()).offer, reason="other", now=hall.now)
    assert (await hall.offers())[-1] == ("t1", "free")


async def test_a_ticket_whose_old_agent_is_not_there_waits_like_any_other(hall: Hall) -> None:
    await hall.arrive(profile("free"))
    await hall.join("t1", terms=Terms(preferred=StaffId("gone"), preferred_until=hall.now + 60))
    assert await hall.offers() == [("t1", "free")]


async def test_a_penalty_moves_a_ticket_back_by_that_much(hall: Hall) -> None:
    for ticket, credit in (("late", -2.5), ("t2", 0.0), ("t3", 0.0), ("t4", 0.0)):
        await hall.join(ticket, credit=credit)
    await hall.arrive(profile("mei"))
    for _ in range(3):
        await hall.serve()
    assert [ticket for ticket, _ in await hall.offers()] == ["t2", "t3", "late", "t4"]


async def test_an_agent_helps_only_the_districts_they_may_serve(hall: Hall) -> None:
    own_only = AgentProfile(
        agent=StaffId("mei"),
        district=BAIYUN,
        skills=frozenset({"HR"}),
        serves_districts=frozenset({BAIYUN, CONGHUA}),
    )
    await hall.arrive(own_only)
    await hall.join("t1", lane(HUADU))
    await hall.pass_time(1000)
    assert await hall.offers() == []
    await hall.join("t2", lane(CONGHUA))
    assert await hall.offers() == [("t2", "mei")]


async def test_a_credit_moves_a_ticket_forward_by_that_much_and_no_more(hall: Hall) -> None:
    await hall.join("patient")
    await hall.pass_time(300)
    await hall.join("recent")
    await hall.join("aged", credit=120)
    await hall.arrive(profile("mei"))
    for _ in range(3):
        await hall.serve()
    assert [ticket for ticket, _ in await hall.offers()] == ["patient", "aged", "recent"]


async def test_ten_joins_at_once_of_one_ticket_make_one_entry(hall: Hall) -> None:
    join = [
        hall.line.join(TicketId("t1"), lane(), joined_at=hall.now, now=hall.now + turn) for turn in range(10)
    ]
    await asyncio.gather(*join)
    assert [load.waiting for load in await hall.line.load()] == [1]
    assert (await hall.kinds())["ticket.joined"] == 1


async def test_many_tickets_and_many_agents_are_all_paired_once(hall: Hall) -> None:
    for number in range(120):
        await hall.join(f"t{number:03}", lane(DistrictCode(["440114", "440111", "440106"][number % 3])))
    for number in range(150):
        await hall.arrive(profile(f"a{number:03}", [HUADU, BAIYUN, TIANHE][number % 3]))
    await hall.pass_time(0)
    offers = await hall.offers()
    assert len(offers) == len({ticket for ticket, _ in offers}) == len({agent for _, agent in offers}) == 120


async def test_a_lane_with_many_tickets_serves_many_idle_agents_when_its_ring_opens(hall: Hall) -> None:
    await hall.arrive(profile("own"))
    await hall.join("busy")
    await hall.accept()
    for number in range(5):
        await hall.join(f"t{number}")
    for number in range(5):
        await hall.arrive(profile(f"near{number}", BAIYUN))
    await hall.pass_time(130)
    assert sorted(ticket for ticket, _ in (await hall.offers())[1:]) == [f"t{n}" for n in range(5)]


@pytest.mark.parametrize(
    ("joined", "now", "credit"),
    [(-1.0, 10.0, 0.0), (1e9, 10.0, 0.0), (5.0, 10.0, -1e9), (5.0, 10.0, 1e9), (5.0, 10.0, float("nan"))],
)
async def test_an_absurd_time_is_refused(hall: Hall, joined: float, now: float, credit: float) -> None:
    with pytest.raises(BadInput, match="joining_time_unusable"):
        await hall.line.join(TicketId("t"), lane(), joined_at=joined, credit_seconds=credit, now=now)


async def test_a_lane_of_an_unknown_district_is_refused(hall: Hall) -> None:
    with pytest.raises(BadInput, match="lane_unknown"):
        await hall.join("t", lane(DistrictCode("110101")))
    with pytest.raises(BadInput, match="district_unknown"):
        await hall.arrive(profile("mei", DistrictCode("110101")))


async def test_a_forged_ticket_id_is_refused(hall: Hall) -> None:
    with pytest.raises(BadInput, match="ticket_unusable"):
        await hall.join("a|b")


async def test_an_agent_whom_the_line_does_not_know_is_told_to_sign_in(hall: Hall) -> None:
    for call in (hall.line.set_available, hall.line.beat, hall.line.finish):
        with pytest.raises(Conflict, match="agent_not_signed_in"):
            await call(StaffId("nobody"), now=hall.now)


async def test_a_changed_profile_takes_effect_and_keeps_the_state(hall: Hall) -> None:
    await hall.arrive(profile("mei"))
    await hall.join("t1", lane(skill="PS"))
    assert await hall.offers() == []
    assert await hall.line.sign_in(profile("mei", skills="HR PS"), now=hall.now) is State.IDLE
    assert await hall.offers() == [("t1", "mei")]
    assert [lane_load.lane for lane_load in await hall.line.load()] == []


async def test_lanes_survive_the_way_through_their_key() -> None:
    assert Lane.parse(lane().key) == lane()


async def commands_of_a_pairing(hall: Hall, waiting: int) -> int:
    """How many commands it takes from an agent being free to their next offer."""
    await hall.redis.flushall()
    entries = [
        (TicketId(f"t{number:05}"), lane(skill=f"S{number % 20}"), hall.now - 1000 + number / 100, 0.0)
        for number in range(waiting)
    ]
    await hall.line.rebuild(entries, now=hall.now)
    await hall.arrive(profile("mei", skills=" ".join(f"S{number}" for number in range(20))))
    await hall.serve()
    offer = await hall.accept()
    await hall.line.wrap_up(offer.agent, offer.ticket, now=hall.now)
    await hall.redis.config_resetstat()
    await hall.line.finish(offer.agent, now=hall.now)
    statistics = await hall.redis.info("commandstats")
    return sum(one["calls"] for one in statistics.values())


async def test_the_work_of_a_pairing_does_not_grow_with_the_number_who_wait(hall: Hall) -> None:
    few, many = await commands_of_a_pairing(hall, 100), await commands_of_a_pairing(hall, 4000)
    assert few == many
    assert many < 60
