"""The duties nobody presses a button for, running by themselves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from cloudwindow.domain.messages import AgentAvailable
from cloudwindow.journey import watch
from cloudwindow.journey.watch import Watch
from tests.gateways.redis_server import RedisServer
from tests.journeys.test_losses import lonely_town, own_line
from tests.journeys.town import Page, Town
from tests.pace import PATIENCE_SECONDS

__all__ = ["lonely_town", "own_line"]

LIMIT_SECONDS = PATIENCE_SECONDS


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The duties come round quickly here."""
    for name in ("TICK", "BEAT", "DUE", "SWEEP", "BOARD", "PLACE", "PRINT"):
        monkeypatch.setattr(watch, f"{name}_SECONDS", 0.02)


@asynccontextmanager
async def on_watch(made: Watch) -> AsyncIterator[None]:
    """All duties run for as long as the block."""
    running = asyncio.create_task(made.run())
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await made.listening.wait()
        yield
        assert not running.done(), "the watch stopped"
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def told(page: Page | None, kind: str, **wanted: object) -> dict[str, object]:
    """Wait until ``page`` has been told something of ``kind`` that says what is ``wanted``."""
    assert page is not None
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            for one in page.told:
                if one["type"] == kind and wanted.items() <= one.items():
                    return one
            page.news.clear()
            await page.news.wait()


async def test_an_offer_a_place_and_the_board_are_told_without_anybody_asking(town: Town) -> None:
    board = town.pages.open("board:440114")
    desk = await town.agent("mei")
    async with on_watch(town.made.watch):
        visitor = await town.visitor()
        await visitor.take_number()
        await visitor.open()
        assert str((await told(desk.page, "offer.made"))["offer"]).startswith(visitor.ticket)
        await told(board, "board.changed")
        other = await town.visitor()
        await other.take_number()
        await other.open()
        assert await told(other.page, "place.changed", ahead=0)


async def test_an_offer_that_rang_out_is_withdrawn_by_itself(town: Town) -> None:
    desk = await town.agent("mei")
    async with on_watch(town.made.watch):
        visitor = await town.visitor()
        await visitor.take_number()
        await told(desk.page, "offer.made")
        for _ in range(5):
            town.now += 4
            await town.made.watch._beat()
        assert (await told(desk.page, "offer.withdrawn"))["reason"] == "missed"


async def test_the_watch_outlives_the_line(lonely_town: Town, own_line: RedisServer) -> None:
    town = lonely_town
    desk = await town.agent("mei")
    async with on_watch(town.made.watch):
        assert desk.page is not None
        desk.page.told.clear()
        own_line.kill()
        visitor = await town.visitor()
        await visitor.take_number()
        town.now += 10
        own_line.start()
        await told(desk.page, "stage.changed", stage="away")  # its heartbeat signed it in again
        await town.made.desks.heard(desk.staff, "zh-CN", AgentAvailable())
        made = await told(desk.page, "offer.made")
    assert str(made["offer"]).startswith(visitor.ticket)
