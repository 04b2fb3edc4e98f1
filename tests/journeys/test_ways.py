"""The ways to the media server: a page is told the relay in words of its own, good for minutes."""

from collections.abc import Mapping
from typing import Any

from cloudwindow.domain.messages import CallPrepare
from cloudwindow.media.relay import LIFE_SECONDS
from tests.journeys.town import Town


async def test_without_a_relay_browsers_go_straight_to_the_workers(town: Town) -> None:
    visitor = await town.citizen()
    await visitor.say(CallPrepare())
    assert visitor.page is not None
    told: Mapping[str, Any] = visitor.page.last("call.ways")
    assert (told["servers"], told["relay_only"], told["good_for_seconds"]) == ([], False, LIFE_SECONDS)


async def test_an_agent_may_ask_before_any_call(town: Town) -> None:
    desk = await town.agent("mei")
    await desk.say(CallPrepare())
    assert desk.page is not None
    assert desk.page.last("call.ways")["servers"] == []
