"""What the board reads of the ledger, on both databases."""

from collections.abc import AsyncIterator

import pytest_asyncio

from cloudwindow.domain.application import State
from cloudwindow.domain.handover import Handover
from cloudwindow.domain.ids import ApplicationId, ItemId
from cloudwindow.domain.session import Outcome
from cloudwindow.domain.ticket import State as Standing
from cloudwindow.records import figures
from cloudwindow.records.cases import Document
from cloudwindow.records.figures import WaitingGroup
from cloudwindow.records.ledger import Ledger
from tests.gateways.records_world import HUADU, NOON, TIANHE, Kept, case, kept_in, session, ticket


@pytest_asyncio.fixture
async def kept(ledger: Ledger) -> AsyncIterator[Kept]:
    """Seven citizens and an agent."""
    rooms = kept_in(ledger)
    await rooms.citizens(*range(1, 8))
    await rooms.agent()
    yield rooms


async def test_who_waits_is_grouped_by_district_and_item_with_the_earliest_joining(kept: Kept) -> None:
    await kept.take(
        ticket(1),
        ticket(2),
        ticket(3, state=Standing.CALLED),
        ticket(4, item=ItemId("PS01")),
        ticket(5, home_district=TIANHE),
        ticket(6, state=Standing.SERVING),
        ticket(7, state=Standing.ABANDONED),
    )
    async with kept.ledger.read() as conn:
        own = await figures.waiting(conn, HUADU)
        whole = await figures.waiting(conn, None)
    assert {one.item: one for one in own} == {
        "HR01": WaitingGroup(district=HUADU, item="HR01", waiting=3, since=NOON + 1),
        "PS01": WaitingGroup(district=HUADU, item="PS01", waiting=1, since=NOON + 4),
    }
    assert sum(one.waiting for one in whole) == 5


async def test_todays_tickets_are_counted_by_what_became_of_them(kept: Kept) -> None:
    await kept.take(
        ticket(1, state=Standing.DONE),
        ticket(2, state=Standing.ABANDONED),
        ticket(3, state=Standing.MISSED),
        ticket(4, state=Standing.EXPIRED),
        ticket(5),
        ticket(6, state=Standing.DONE, home_district=TIANHE),
        ticket(7, state=Standing.DONE, joined_at=NOON - 1),
    )
    async with kept.ledger.read() as conn:
        today = await figures.today(conn, HUADU, since=NOON)
        whole = await figures.today(conn, None, since=NOON)
    assert today == {HUADU: {"taken": 5, "served": 1, "abandoned": 1, "missed": 2}}
    assert whole[TIANHE] == {"taken": 1, "served": 1}


async def test_todays_cases_are_counted_by_receipt_decision_and_handover(kept: Kept) -> None:
    await kept.open(
        case(1, state=State.APPROVED, received_at=NOON + 1),
        case(2, state=State.HANDED_OVER, received_at=NOON + 1),
        case(3, state=State.APPROVED, received_at=NOON - 1),
        case(4),
    )
    for serial, kind in ((1, "receipt_slip"), (1, "certificate"), (2, "receipt_slip"), (3, "approval")):
        made = Document(
            id=f"{kind}-{serial}",
            application=ApplicationId(f"a{serial}"),
            kind=kind,
            number="n",
            organ="o",
            verification_code=f"{kind}-{serial}",
            handler="h",
            language="zh-CN",
            issued_at=NOON + serial,
        )
        await kept.ledger.write(lambda conn, d=made: kept.cases.add_document(conn, d))  # type: ignore[misc]
    package = Handover(
        application=ApplicationId("a2"),
        from_district=TIANHE,
        to_district=HUADU,
        organ="o",
        sent_at=NOON + 2,
        acknowledge_by=NOON,
        due_at=NOON,
    )
    await kept.ledger.write(lambda conn: kept.cases.add_handover(conn, package))
    async with kept.ledger.read() as conn:
        assert await figures.today(conn, HUADU, since=NOON) == {
            HUADU: {"submitted": 2, "issued": 2, "handed_over": 1}
        }
        assert await figures.today(conn, TIANHE, since=NOON) == {}


async def test_the_mean_wait_runs_from_the_first_press_to_the_first_call(kept: Kept) -> None:
    first, second, elsewhere = ticket(1), ticket(2), ticket(3, home_district=TIANHE)
    await kept.take(first, second, elsewhere)
    await kept.call(
        session(first, 1),  # a minute
        session(first, 2),  # called again: the first call counts
        session(second, 3),  # three minutes, after two offers nobody took
        session(elsewhere, 1),
    )
    async with kept.ledger.read() as conn:
        assert await figures.mean_wait_seconds(conn, HUADU, since=NOON) == 120
        assert await figures.mean_wait_seconds(conn, None, since=NOON) == 100
        assert await figures.mean_wait_seconds(conn, None, since=NOON + 9999) is None


async def test_an_agent_has_served_the_calls_they_closed_today(kept: Kept) -> None:
    await kept.take(ticket(1), ticket(2), ticket(3))
    await kept.call(
        session(ticket(1), outcome=Outcome.SUBMITTED),
        session(ticket(2), outcome=Outcome.CONSULTED, started_at=NOON - 9),
        session(ticket(3)),
    )
    async with kept.ledger.read() as conn:
        assert await figures.served_by(conn, "mei", since=NOON) == 1
        assert await figures.served_by(conn, "lan", since=NOON) == 0
