"""The checks of the nemesis find what they are for, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cloudwindow.domain.errors import Unavailable
from cloudwindow.domain.ids import OfferId, StaffId, TicketId
from cloudwindow.domain.outbox import key_of
from cloudwindow.queue import Announcement
from tests.nemesis.carrier import Carried, Carrier, CarrierGateway
from tests.nemesis.faults import KINDS, schedule
from tests.nemesis.history import (
    EventRow,
    Fact,
    History,
    Kept,
    SessionRow,
    TicketRow,
    two_calls_of_one_agent,
    violations,
)
from tests.nemesis.texts import TextRow, Texts
from tests.nemesis.watcher import Watcher

TICKET = TicketRow(id="t1", number="H001", citizen="c1", item="HR01", case="k1", joined_at=10.0, state="done")
SESSION = SessionRow(id="s1", ticket="t1", agent="mei", epoch=1, state="closed", outcome="consulted")


def event(number: int, kind: str, at: float = 10.0, **payload: Any) -> EventRow:
    return EventRow(id=number, case="k1", seq=number, kind=kind, actor="a", at=at, payload=payload)


STORY = (
    event(1, "ticket.taken", ticket="t1"),
    event(2, "session.started", session="s1"),
    event(3, "session.ended", session="s1"),
    event(4, "session.closed", session="s1"),
    event(5, "ticket.done", ticket="t1"),
)
RING = TextRow(
    key=key_of("ticket.rung", "t1", "1"),
    kind="ticket.rung",
    about="t1",
    mark="1",
    state="sent",
    reason="",
    tries=2,
)
NEAR = replace(RING, key=key_of("ticket.nearly", "t1", "0"), kind="ticket.nearly", mark="0", tries=1)
NEVER_LEFT = replace(
    NEAR, key=key_of("ticket.nearly", "t1", "5"), mark="5", state="expired", reason="overtaken"
)
TOLD = (
    event(6, "ticket.nearly_told", ticket="t1", by="text"),
    event(7, "ticket.rung_by_text", session="s1"),
    event(8, "ticket.nearly_told", ticket="t9", by="page"),
)
CARRIED = {RING.key: Carried(RING.key, {"p1"}, times=2), NEAR.key: Carried(NEAR.key, {"p1"}, times=1)}
TEXTS = Texts(rows=[RING, NEAR], carried=CARRIED)
GOOD = Kept(tickets=[TICKET], sessions=[SESSION], events=[*STORY, *TOLD], chat=["good day"], texts=TEXTS)
FACTS = (
    Fact(kind="number", at=1.0, who="p1", what="H001"),
    Fact(kind="accepted", at=2.0, who="mei", what="t1/1"),
    Fact(kind="said", at=2.5, who="mei", what="good day"),
    Fact(kind="outcome", at=3.0, who="mei", what="s1=consulted"),
    Fact(kind="left", at=4.0, who="p1", what="H001"),
)
SECOND = replace(SESSION, id="s2", epoch=2)
RUNG_AGAIN = event(9, "ticket.rung_by_text", session="s2")

BROKEN = {
    "lost:": (FACTS, replace(GOOD, tickets=[replace(TICKET, number="H002")])),
    "mixed up:": ((*FACTS, replace(FACTS[0], who="p2")), GOOD),
    "two live:": (FACTS, replace(GOOD, events=[*STORY[:2], event(3, "ticket.taken", ticket="t1")])),
    "moved:": (FACTS, replace(GOOD, tickets=[replace(TICKET, joined_at=99.0)])),
    "two holders:": (
        FACTS,
        replace(
            GOOD, sessions=[SESSION, SECOND], events=[*STORY[:2], event(3, "session.started", session="s2")]
        ),
    ),
    "epoch:": (
        FACTS,
        replace(
            GOOD,
            sessions=[SESSION, replace(SECOND, epoch=1)],
            events=[*STORY[:4], event(5, "session.started", session="s2")],
        ),
    ),
    "two calls:": (
        FACTS,
        replace(
            GOOD, sessions=[SESSION, SECOND], events=[*STORY[:3], event(4, "session.started", session="s2")]
        ),
    ),
    "two calls: mei began s2": (
        FACTS,
        replace(
            GOOD,
            tickets=[TICKET, replace(TICKET, id="t2", number="H002", citizen="c2", mode="text")],
            sessions=[SESSION, replace(SECOND, ticket="t2")],
            events=[*STORY[:3], event(4, "session.started", session="s2")],
        ),
    ),
    "lost call:": (FACTS, replace(GOOD, sessions=[replace(SESSION, agent="lan")])),
    "lost outcome:": (FACTS, replace(GOOD, sessions=[replace(SESSION, outcome="agent_lost")])),
    "words:": (FACTS, replace(GOOD, chat=["good day", "good day"])),
    "taken back:": (FACTS, replace(GOOD, tickets=[replace(TICKET, state="waiting")])),
    "chain:": (FACTS, replace(GOOD, broken=["k1"])),
    "no code:": ((*FACTS, Fact(kind="no code", at=5.0, who="p1")), GOOD),
    "text stuck:": (FACTS, replace(GOOD, texts=replace(TEXTS, rows=[replace(RING, state="waiting"), NEAR]))),
    "text lost: ticket.rung about t1, 1 is noted as sent": (
        FACTS,
        replace(GOOD, texts=replace(TEXTS, carried={NEAR.key: CARRIED[NEAR.key]})),
    ),
    "text lost: ticket.rung about t1, 1 ended": (
        FACTS,
        replace(GOOD, texts=replace(TEXTS, rows=[replace(RING, state="refused"), NEAR])),
    ),
    "text twice:": (FACTS, replace(GOOD, texts=replace(TEXTS, rows=[replace(RING, tries=1), NEAR]))),
    "text from nowhere:": (
        FACTS,
        replace(GOOD, texts=replace(TEXTS, carried={**CARRIED, "x": Carried("x", {"p1"}, times=1)})),
    ),
    "text to two phones:": (
        FACTS,
        replace(
            GOOD,
            texts=replace(TEXTS, carried={**CARRIED, RING.key: Carried(RING.key, {"p1", "p2"}, times=2)}),
        ),
    ),
    "not told:": (FACTS, replace(GOOD, sessions=[SESSION, SECOND], events=[*GOOD.events, RUNG_AGAIN])),
    "not told once:": (FACTS, replace(GOOD, texts=replace(TEXTS, rows=[RING, NEAR, NEVER_LEFT]))),
}


def found(facts: tuple[Fact, ...], kept: Kept) -> list[str]:
    return violations(History(facts=list(facts)), kept)


def test_a_run_that_kept_its_promises_raises_no_alarm() -> None:
    assert found(FACTS, GOOD) == []


def test_three_written_calls_of_one_agent_raise_no_alarm_and_a_fourth_does() -> None:
    tickets = [replace(TICKET, id=f"t{n}", case=f"k{n}", mode="text") for n in range(4)]
    sessions = [replace(SESSION, id=f"s{n}", ticket=f"t{n}") for n in range(4)]
    events = [replace(event(n, "session.started", session=f"s{n}"), case=f"k{n}") for n in range(4)]
    three = Kept(tickets=tickets, sessions=sessions, events=events[:3])
    assert list(two_calls_of_one_agent(three)) == []
    assert len(list(two_calls_of_one_agent(replace(three, events=events)))) == 1


@pytest.mark.parametrize("words", BROKEN)
def test_a_broken_promise_is_found(words: str) -> None:
    facts, kept = BROKEN[words]
    assert any(one.startswith(words) for one in found(facts, kept))


def told(kind: str, ticket: str, at: float = 1.0, agent: str = "mei", **extra: Any) -> Announcement:
    return Announcement(
        id="1-1",
        kind=kind,
        at=at,
        ticket=TicketId(ticket),
        agent=StaffId(agent),
        offer=OfferId(f"{ticket}/1"),
        epoch=1,
        extra=extra,
    )


@pytest.mark.parametrize(
    ("between", "wrong"),
    [
        ([], True),
        ([told("ticket.detached", "t1")], False),
        ([told("ticket.left", "t1")], False),
        ([told("offer.made", "t1", agent="lan")], False),
        ([told("offer.made", "t1"), told("offer.declined", "t1"), told("offer.returned", "t1")], False),
        ([told("offer.made", "t1", agent="lan"), told("offer.returned", "t1")], True),
    ],
)
def test_an_offer_out_of_turn_is_found(between: list[Announcement], wrong: bool) -> None:
    watcher = Watcher("")
    for ticket, score in (("t1", "1000.0"), ("t2", "2000.0")):
        watcher.take(told("ticket.joined", ticket, lane="440114|HR|zh|video", score=score))
    for one in between:
        watcher.take(one)
    watcher.take(told("offer.made", "t2"))
    assert bool(watcher.wrong) == wrong


def test_a_seed_always_gives_the_same_faults_and_each_kind_in_turn() -> None:
    made = schedule(7, KINDS, 120)
    assert made == schedule(7, KINDS, 120)
    assert made != schedule(8, KINDS, 120)
    assert {one.kind for one in made} == set(KINDS)
    assert all(one.at < 120 for one in made)


# --- the carrier -----------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def carrier(tmp_path: Path) -> AsyncIterator[Carrier]:
    """A phone network."""
    made = Carrier(tmp_path / "carrier")
    await made.start()
    yield made
    await made.stop()


async def sent(carrier: Carrier, key: str) -> None:
    await CarrierGateway(str(carrier.socket)).send("13800000001", f"text {key}", key=key, now=1.0)


async def test_a_phone_gets_what_comes_again_under_one_key_once(carrier: Carrier) -> None:
    for key in ("a", "a", "b"):
        await sent(carrier, key)
    assert carrier.phones["13800000001"] == ["text a", "text b"]
    assert carrier.carried["a"].times == 2
    assert await carrier.text_to("13800000001", 1, 5) == "text b"


async def test_a_carrier_that_is_away_takes_nothing(carrier: Carrier) -> None:
    carrier.away(60)
    with pytest.raises(Unavailable, match="sms_unavailable"):
        await sent(carrier, "a")
    carrier.mend()
    await sent(carrier, "a")
    assert carrier.carried["a"].times == 1


async def test_a_mute_carrier_has_what_its_sender_does_not_know_about(carrier: Carrier) -> None:
    carrier.mute(60)
    sending = asyncio.ensure_future(sent(carrier, "a"))
    assert await carrier.text_to("13800000001", 0, 5) == "text a"
    assert not sending.done()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
