"""Questions asked in the same moment are answered together."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from cloudwindow.domain.errors import Unavailable
from cloudwindow.gather import MOST, Gathering


class Ledger:
    """Answers with the question doubled, once ``open`` lets it."""

    def __init__(self) -> None:
        self.looks: list[Sequence[str]] = []
        self.open = asyncio.Event()
        self.away = False

    async def look(self, asked: Sequence[str]) -> Mapping[str, str]:
        self.looks.append(asked)
        await self.open.wait()
        if self.away:
            raise Unavailable("ledger_unavailable")
        return {one: one * 2 for one in asked if one != "unknown"}


@pytest.fixture
async def ledger() -> Ledger:
    return Ledger()


async def test_a_lone_question_is_asked_at_once_and_those_who_come_meanwhile_together(ledger: Ledger) -> None:
    gathering = Gathering(ledger.look)
    first = asyncio.create_task(gathering.ask("a"))
    while not ledger.looks:  # noqa: ASYNC110 - one turn of the loop
        await asyncio.sleep(0)
    others = [asyncio.create_task(gathering.ask(word)) for word in ("b", "c", "b", "unknown")]
    await asyncio.sleep(0)
    ledger.open.set()
    assert await first == "aa"
    assert await asyncio.gather(*others) == ["bb", "cc", "bb", None]
    assert ledger.looks == [("a",), ("b", "c", "unknown")]


async def test_the_same_question_later_is_asked_again(ledger: Ledger) -> None:
    ledger.open.set()
    gathering = Gathering(ledger.look)
    assert await gathering.ask("a") == await gathering.ask("a") == "aa"
    assert len(ledger.looks) == 2


async def test_a_crowd_is_answered_in_handfuls(ledger: Ledger) -> None:
    ledger.open.set()
    gathering = Gathering(ledger.look)
    answers = await asyncio.gather(*(gathering.ask(f"{number}") for number in range(3 * MOST)))
    assert answers == [f"{number}" * 2 for number in range(3 * MOST)]
    assert max(map(len, ledger.looks)) == MOST


async def test_a_failure_is_told_to_everybody_who_asked_and_to_nobody_later(ledger: Ledger) -> None:
    ledger.open.set()
    ledger.away = True
    gathering = Gathering(ledger.look)
    found = await asyncio.gather(*(gathering.ask(word) for word in "abc"), return_exceptions=True)
    assert [type(one) for one in found] == [Unavailable] * 3
    ledger.away = False
    assert await gathering.ask("a") == "aa"


async def test_somebody_who_leaves_does_not_take_the_answer_away_from_others(ledger: Ledger) -> None:
    gathering = Gathering(ledger.look)
    leaving, staying = asyncio.create_task(gathering.ask("a")), asyncio.create_task(gathering.ask("a"))
    while not ledger.looks:  # noqa: ASYNC110 - one turn of the loop
        await asyncio.sleep(0)
    leaving.cancel()
    ledger.open.set()
    assert await staying == "aa"


async def test_what_nobody_waits_for_is_looked_at_in_its_turn(ledger: Ledger) -> None:
    ledger.open.set()
    gathering = Gathering(ledger.look)
    for word in "abc":
        gathering.leave(word)
    await gathering.settled()
    assert ledger.looks == [("a", "b", "c")]


async def test_what_nobody_waits_for_may_fail_beside_a_question(ledger: Ledger) -> None:
    ledger.away = True
    gathering = Gathering(ledger.look)
    gathering.leave("a")
    asking = asyncio.create_task(gathering.ask("b"))
    await asyncio.sleep(0)
    ledger.open.set()
    with pytest.raises(Unavailable):
        await asking
    await gathering.settled()
    ledger.away = False
    assert await gathering.ask("a") == "aa"
