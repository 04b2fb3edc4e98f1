"""The rows that say which agent each ticket was offered to, on both databases."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
import pytest_asyncio

from cloudwindow.domain.explain import Assignment, Ending
from cloudwindow.domain.ticket import State
from cloudwindow.records import assignments
from cloudwindow.records.assignments import End
from cloudwindow.records.ledger import Ledger
from tests.gateways.records_world import HUADU, NOON, TIANHE, Kept, kept_in, session, ticket

LANE = f"{HUADU}|HR|zh|video|120-60-180"
MADE = Assignment(
    ticket="t1",
    epoch=1,
    agent="mei",
    agent_district="",
    lane=LANE,
    ring=0,
    rule="longest_idle",
    made_at=NOON + 10,
    why='{"rule":"longest_idle"}',
)


def end(ending: Ending, at: float = NOON + 15, reason: str = "", epoch: int = 1) -> End:
    return End(ticket="t1", epoch=epoch, agent="mei", lane=LANE, at=at, ending=ending, reason=reason)


@pytest_asyncio.fixture
async def kept(ledger: Ledger) -> AsyncIterator[Kept]:
    """Three citizens and mei of Huadu."""
    rooms = kept_in(ledger)
    await rooms.citizens(1, 2, 3)
    await rooms.agent()
    yield rooms


async def keep(kept: Kept, made: Sequence[Assignment] = (), ended: Sequence[End] = ()) -> None:
    await kept.ledger.write(lambda conn: assignments.keep(conn, made, ended))


async def rows(kept: Kept, name: str = "t1") -> Sequence[Assignment]:
    async with kept.ledger.read() as conn:
        return await assignments.of_ticket(conn, name)


async def test_an_offer_is_kept_with_the_district_of_its_agent(kept: Kept) -> None:
    await keep(kept, [MADE])
    assert await rows(kept) == [replace(MADE, agent_district=HUADU)]


async def test_what_is_told_twice_is_kept_once_and_the_first_telling_stays(kept: Kept) -> None:
    await keep(kept, [MADE], [end(Ending.ACCEPTED)])
    before = await rows(kept)
    await keep(kept, [MADE], [end(Ending.ACCEPTED)])
    await keep(kept, [replace(MADE, agent="lan", why="{}", ring=2)])
    assert await rows(kept) == before
    assert len(before) == 1


ORDERS = list(permutations(["made", "declined", "returned"]))


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_the_order_in_which_an_offer_and_its_ends_arrive_does_not_matter(
    kept: Kept, order: Sequence[str]
) -> None:
    ends = {
        "declined": end(Ending.DECLINED, NOON + 15, "technical"),
        "returned": end(Ending.RETURNED, NOON + 15.5, "declined"),
    }
    for name in order:
        await keep(kept, [MADE] if name == "made" else [], [ends[name]] if name in ends else [])
    expected = replace(
        MADE,
        agent_district=HUADU,
        ending="declined",
        ended_at=NOON + 15,
        end_reason="technical",
        returned_at=NOON + 15.5,
        return_reason="declined",
    )
    assert await rows(kept) == [expected]


async def test_a_return_is_the_end_only_when_nothing_else_ended_the_offer(kept: Kept) -> None:
    await keep(kept, [MADE], [end(Ending.RETURNED, NOON + 12, "vanished")])
    found = (await rows(kept))[0]
    assert (found.ending, found.ended_at, found.end_reason) == ("returned", NOON + 12, "vanished")
    await keep(kept, [replace(MADE, epoch=2)], [end(Ending.ACCEPTED, NOON + 20, epoch=2)])
    await keep(kept, [], [end(Ending.RETURNED, NOON + 60, "released", epoch=2)])
    found = (await rows(kept))[1]
    assert (found.ending, found.ended_at, found.returned_at) == ("accepted", NOON + 20, NOON + 60)
    assert found.return_reason == "released"


async def test_a_batch_holds_many_offers_and_ends(kept: Kept) -> None:
    many = [replace(MADE, epoch=n, made_at=NOON + n) for n in range(1, 301)]
    await keep(kept, many, [end(Ending.MISSED, NOON + 400, epoch=n) for n in range(1, 301)])
    found = await rows(kept)
    assert [one.epoch for one in found] == list(range(1, 301))
    assert {one.ending for one in found} == {"missed"}


async def test_reasons_are_kept_letter_by_letter(kept: Kept) -> None:
    why = json.dumps(
        {"reason": "优先 \U0001f6b6 «»", "considered": [{"at_ms": 1795420800123.4}]}, ensure_ascii=False
    )
    await keep(kept, [replace(MADE, why=why)])
    assert (await rows(kept))[0].why == why


async def newest(kept: Kept, **scope: Any) -> list[tuple[str, int]]:
    async with kept.ledger.read() as conn:
        return [(row.ticket, row.epoch) for row, _ in await assignments.latest(conn, **scope)]


async def test_a_district_sees_the_newest_of_its_citizens_and_of_its_agents_calls(kept: Kept) -> None:
    await kept.agent("lan")  # also of Huadu
    await kept.take(ticket(1), ticket(2, home_district=TIANHE), ticket(3, home_district=TIANHE))
    await keep(
        kept,
        [
            replace(MADE, ticket="t1", made_at=NOON + 1),
            replace(MADE, ticket="t2", made_at=NOON + 2),
            replace(MADE, ticket="t3", made_at=NOON + 3, agent="lan"),
            replace(MADE, ticket="unknown", made_at=NOON + 4),
        ],
        [replace(end(Ending.ACCEPTED), ticket="t2"), replace(end(Ending.MISSED), ticket="t3")],
    )
    assert await newest(kept, district=HUADU) == [("t2", 1), ("t1", 1)]
    assert await newest(kept, district=TIANHE) == [("t3", 1), ("t2", 1)]
    assert await newest(kept) == [("t3", 1), ("t2", 1), ("t1", 1)]
    assert await newest(kept, agent="lan") == [("t3", 1)]
    assert await newest(kept, limit=1) == [("t3", 1)]


async def test_an_end_without_its_offer_is_not_among_the_newest(kept: Kept) -> None:
    await kept.take(ticket(1))
    await keep(kept, [], [end(Ending.MISSED)])
    assert await newest(kept) == []
    assert len(await rows(kept)) == 1


async def test_a_ticket_is_found_by_its_id_or_by_its_number_on_its_day(kept: Kept) -> None:
    await kept.take(ticket(1), ticket(2))

    async def named(name: str, since: float = NOON, until: float = NOON + 3600) -> list[str]:
        async with kept.ledger.read() as conn:
            return [one.id for one in await assignments.named(conn, name, since=since, until=until)]

    assert await named("h002") == ["t2"]
    assert await named("T1", since=0, until=1) == ["t1"]
    assert await named("H002", since=NOON + 3, until=NOON + 4) == []
    assert await named("H009") == []


async def test_the_first_call_is_the_earliest(kept: Kept) -> None:
    one = ticket(1)
    await kept.take(one)
    await kept.call(session(one, 2), session(one, 1))
    async with kept.ledger.read() as conn:
        assert await assignments.first_called_at(conn, "t1") == one.joined_at + 60
        assert await assignments.first_called_at(conn, "t2") is None


async def test_waiting_tickets_know_the_number_of_their_last_offer(kept: Kept) -> None:
    await kept.take(ticket(1), ticket(2, state=State.SERVING), ticket(3))
    await keep(kept, [MADE, replace(MADE, epoch=4), replace(MADE, ticket="t2")])
    async with kept.ledger.read() as conn:
        assert await assignments.highest_epochs(conn) == {"t1": 4}
