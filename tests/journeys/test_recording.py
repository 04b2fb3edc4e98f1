"""What the line decided is in the ledger, also when the line is emptied in between."""

import asyncio
from collections.abc import Sequence

import pytest

from cloudwindow.domain.explain import Assignment
from cloudwindow.domain.messages import AgentAvailable, OfferDecline
from cloudwindow.journey import watch
from cloudwindow.records import assignments
from tests.journeys.test_watch import LIMIT_SECONDS, on_watch
from tests.journeys.town import Town


async def rows(town: Town, ticket: str) -> Sequence[Assignment]:
    async with town.house.ledger.read() as conn:
        return await assignments.of_ticket(conn, ticket)


async def test_the_watch_records_offers_by_itself(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "RECORD_SECONDS", 0.01)
    await town.agent("mei")
    async with on_watch(town.made.watch):
        visitor = await town.visitor()
        await visitor.take_number()
        async with asyncio.timeout(LIMIT_SECONDS):
            while not (found := await rows(town, visitor.ticket)):
                pass
    assert (found[0].agent, found[0].agent_district, found[0].made_at) == ("mei", "440114", town.now)


async def test_offers_after_a_loss_do_not_take_the_place_of_those_before(town: Town) -> None:
    """The ledger's ticket knows accepted calls only; the record knows every offer."""
    desk = await town.agent("mei")
    visitor = await town.citizen()
    offer = (await desk.view()).offer
    assert offer is not None
    await desk.say(OfferDecline(offer=offer.offer, reason="technical"))
    await town.made.watch.recorder.record()
    await town.redis.flushall()
    await town.sweep()
    await town.made.watch._beat()
    await desk.say(AgentAvailable())
    again = (await desk.view()).offer
    assert again is not None
    assert again.offer == f"{visitor.ticket}/2"
    await town.made.watch.recorder.record()
    assert [(one.epoch, one.ending) for one in await rows(town, visitor.ticket)] == [
        (1, "declined"),
        (2, None),
    ]


async def test_a_story_is_told_from_the_first_press_to_the_call(town: Town) -> None:
    visitor, desk = await town.in_call()
    await town.made.watch.recorder.record()
    number = (await town.ticket(visitor.ticket)).number
    story = await town.made.explaining.story(number)
    assert [one.row.ending for one in story.offers] == ["accepted"]
    assert story.first_called_at == (await town.session(visitor.ticket)).started_at
    known = story.offers[0].agent
    assert known is not None
    assert known.id == desk.staff.id
