"""Whatever people, desks, nodes and Redis do: the promises of the line hold, and seeded bugs are found."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase

from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.match import FULL, WEIGHTS
from cloudwindow.queue import Line
from tests.gateways.redis_server import RedisServer
from tests.journeys import town_model
from tests.journeys.town import HUADU, TIANHE
from tests.journeys.town_model import explore


def test_whatever_happens_in_a_town_the_promises_of_the_line_hold(
    valkey: RedisServer, migrated_file: Path
) -> None:
    explore(valkey.url, migrated_file, 8, Phase.generate, Phase.shrink)


def test_an_agent_whose_page_is_gone_stays_gone_when_a_node_gives_a_call_of_theirs_back(
    valkey: RedisServer, migrated_file: Path
) -> None:
    """Steps that the model found with written calls: the deed of a node passed for a sign of the agent."""
    town_model.Machine.url, town_model.Machine.migrated = valkey.url, migrated_file
    town = town_model.Machine()
    try:
        town.morning()
        for step in (
            partial(town.people_come, [0], "HR01", HUADU, "text", 1),
            town.a_node_stands_still,
            partial(town.work_goes_on, [1]),
            town.the_line_is_emptied,
            partial(town.people_come, [1], "HR01", TIANHE, "text", 1),
            town.a_node_stands_still,
        ):
            step()
            town.promises_are_kept()
    finally:
        town.teardown()


def the_tail_instead_of_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever comes into the line again, by themselves or after a loss, comes to its end."""
    join, rebuild = Line.join, Line.rebuild

    async def wrong_join(self: Line, *args: Any, joined_at: float, now: float, **rest: Any) -> None:
        await join(self, *args, joined_at=now, now=now, **rest)

    async def wrong_rebuild(self: Line, waiting: Any, *, now: float, **rest: Any) -> int:
        at_the_end = [
            (ticket, lane, now - place / 100, credit)
            for place, (ticket, lane, _, credit) in enumerate(waiting)
        ]
        return await rebuild(self, at_the_end, now=now, **rest)

    monkeypatch.setattr(Line, "join", wrong_join)
    monkeypatch.setattr(Line, "rebuild", wrong_rebuild)


def no_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger takes a call with any epoch."""
    right = tickets.advance

    def wrong(ticket: tickets.Ticket, event: tickets.Event, now: float, **call: Any) -> Any:
        lenient = replace(ticket, epoch=-1) if event is tickets.Event.CALL else ticket
        return right(lenient, event, now, **call)

    monkeypatch.setattr(tickets, "advance", wrong)


def no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line believes in an agent for ever."""
    right = Line.__init__

    def wrong(self: Line, *args: Any, **rest: Any) -> None:
        right(self, *args, **{**rest, "lease_seconds": 1e8})

    monkeypatch.setattr(Line, "__init__", wrong)


def no_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Line and ledger take one call more, whatever the agent holds."""
    monkeypatch.setitem(WEIGHTS, "video", 1)
    monkeypatch.setattr(town_model, "WEIGHTS", {**WEIGHTS, "video": FULL})
    monkeypatch.setattr(town_model, "fits", partial(_fits, {**WEIGHTS, "video": FULL}))


def _fits(weights: Mapping[str, int], load: int, mode: str, capacity: int) -> bool:
    return load == 0 or load + weights[mode] <= capacity


@pytest.mark.parametrize("bug", [no_measure, the_tail_instead_of_the_head, no_fence, no_lease])
def test_a_seeded_bug_of_the_town_is_found(
    valkey: RedisServer, migrated_file: Path, monkeypatch: pytest.MonkeyPatch, bug: Any
) -> None:
    bug(monkeypatch)
    with pytest.raises((AssertionError, CloudWindowError)):
        explore(valkey.url, migrated_file, 100, Phase.generate)
