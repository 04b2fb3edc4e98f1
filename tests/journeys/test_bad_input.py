"""What people and late nodes cannot do: one stable error or the same answer, never a second ticket."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from cloudwindow.domain.errors import BadInput, Conflict, Gone, NotFound
from cloudwindow.domain.messages import AgentAvailable, CallHangUp, OfferAccept
from cloudwindow.domain.ticket import State
from tests.journeys.town import Town, Visitor, all_at_once, id_number, opened_town
from tests.journeys.town_model import SlowLedger, held_before_the_ledger


@pytest_asyncio.fixture
async def slow_town(line_url: str, migrated_file: Path, tmp_path: Path) -> AsyncIterator[Town]:
    """A town in which one task may stand still before it reaches the ledger."""
    shutil.copy(migrated_file, tmp_path / "ledger.db")
    opened = await SlowLedger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}")
    async with opened_town(tmp_path, opened, line_url) as made:
        yield made
    await opened.close()


async def test_one_person_in_eight_browsers_at_once_holds_one_number(town: Town) -> None:
    browsers: list[tuple[Visitor, str]] = []
    for _ in range(8):
        visitor = await town.visitor(id_number=id_number(77), mobile="13900000077")
        await visitor.begin()
        browsers.append((visitor, town.code_to("13900000077")))
    taken = await all_at_once(*(visitor.take(code) for visitor, code in browsers))
    assert len({one.id for one in taken}) == 1
    async with town.house.ledger.read() as conn:
        waiting = await town.house.visits.tickets_in(conn, list(State))
    assert [one.id for one in waiting] == [taken[0].id]


async def test_an_agent_without_skills_cannot_sit_down(town: Town) -> None:
    desk = await town.desk("mei")
    desk.staff = replace(desk.staff, skills=())
    with pytest.raises(BadInput, match="agent_without_skills"):
        await desk.open()
    assert await town.house.line.agents() == []


@pytest.mark.parametrize("offer", ["", "x", "nobody/1", "1/1/1", "{cw}:agents"])
async def test_a_forged_offer_is_gone(town: Town, offer: str) -> None:
    desk = await town.agent("mei")
    visitor = await town.citizen()
    with pytest.raises(Gone, match="offer_gone"):
        await desk.say(OfferAccept(offer=offer))
    assert await desk.offered() == (await town.ticket(visitor.ticket)).number


async def test_a_ticket_nobody_took_is_unknown(town: Town) -> None:
    visitor = await town.visitor()
    with pytest.raises(NotFound, match="no_visit"):
        await visitor.leave()
    with pytest.raises(NotFound, match="unknown_ticket"):
        await town.made.calls.leave("forged")
    with pytest.raises(NotFound, match="unknown_ticket"):
        await town.made.calls.join("forged")


async def test_a_node_that_stood_still_cannot_take_back_a_call_others_have_had(slow_town: Town) -> None:
    """P3: accepted in the line, frozen before the ledger, thawed after another agent had the ticket."""
    town = slow_town
    slow, quick = await town.agent("mei"), await town.desk("lan")
    visitor = await town.citizen()
    offer = (await slow.view()).offer
    assert offer is not None
    going_on = asyncio.Event()
    held = held_before_the_ledger.set(going_on)
    late = asyncio.ensure_future(town.made.desks.heard(slow.staff, "zh-CN", OfferAccept(offer=offer.offer)))
    held_before_the_ledger.reset(held)
    while await slow.offered():  # noqa: ASYNC110 - the line tells it to nobody here
        await asyncio.sleep(0)
    town.pages.shut(slow.page)  # type: ignore[arg-type]
    await town.pass_time(13)
    await town.sweep()
    await quick.open()
    await quick.say(AgentAvailable())
    await quick.accept()
    await quick.say(CallHangUp())
    before = await town.ticket(visitor.ticket)
    going_on.set()
    with pytest.raises(Conflict, match="epoch_stale"):
        await late
    assert await town.ticket(visitor.ticket) == before
    assert before.state is State.WAITING
