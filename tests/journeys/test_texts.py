"""Text messages: never lost with a process, never twice on a phone, never when they are no longer true."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from cloudwindow.domain.errors import BadInput, Unavailable
from cloudwindow.domain.messages import CallHangUp
from cloudwindow.domain.outbox import LEASE_SECONDS, WORTH_SECONDS, State
from cloudwindow.journey.intake import Problems
from cloudwindow.journey.texts import Texts
from cloudwindow.journey.views import TextsView
from cloudwindow.records import tables
from cloudwindow.sms import DemoSms
from tests.journeys.test_appointments import LATER, booker, choose, confirm, texts_to
from tests.journeys.test_ringing import texts
from tests.journeys.town import HUADU, Town, Visitor, all_at_once


@dataclass(slots=True)
class Gateway:
    """The demo gateway behind a network that can be away, refuse, hang, or take its sender along."""

    demo: DemoSms
    fault: Callable[[], None] | None = None
    hangs: bool = False
    dies_after: bool = False
    handed: list[str] = field(default_factory=list)

    async def send(self, mobile: str, text: str, *, key: str, now: float) -> None:
        """Hand over, or not."""
        self.handed.append(key)
        if self.fault is not None:
            self.fault()
        if self.hangs:
            await asyncio.Event().wait()
        await self.demo.send(mobile, text, key=key, now=now)
        if self.dies_after:
            raise asyncio.CancelledError

    def away(self) -> None:
        """The network takes nothing."""

        def fault() -> None:
            raise Unavailable("sms_unavailable")

        self.fault = fault

    def refuses(self) -> None:
        """The network will never take it."""

        def fault() -> None:
            raise BadInput("sms_refused")

        self.fault = fault

    def back(self) -> None:
        """All is well."""
        self.fault, self.hangs, self.dies_after = None, False, False


def gateway_of(town: Town) -> Gateway:
    """Put a network between the town and its phones."""
    assert town.house.demo_sms is not None
    made = Gateway(town.house.demo_sms)
    object.__setattr__(town.house, "sms", made)
    return made


async def standing(town: Town, kind: str) -> list[tuple[str, str]]:
    """(state, reason) of the messages of a kind."""
    table = tables.outbox
    async with town.house.ledger.read() as conn:
        rows = await conn.execute(select(table.c.state, table.c.reason).where(table.c.kind == kind))
        return [(row.state, row.reason) for row in rows]


async def rings_back(town: Town) -> Visitor:
    """Somebody who left the page and wants to be rung."""
    visitor = await town.citizen()
    await town.made.visits.call_back(await visitor.browser(), True)
    await visitor.shut()
    return visitor


async def untold(town: Town, gateway: Gateway) -> Visitor:
    """Somebody who got their code, booked, and was not told by the gateway."""
    gateway.back()
    visitor = await town.visitor()
    await choose(visitor)
    gateway.away()
    await confirm(visitor)
    return visitor


async def test_a_node_that_dies_between_commit_and_sending_loses_no_message(either_town: Town) -> None:
    town = either_town
    visitor = await town.visitor()
    await choose(visitor)
    booking = asyncio.create_task(confirm(visitor))

    async def dies() -> None:
        booking.cancel()

    town.house.ledger.failpoints["after_commit"] = dies
    with pytest.raises(asyncio.CancelledError):
        await booking
    town.house.ledger.failpoints.clear()
    others = [Texts(town.house) for _ in range(3)]
    await all_at_once(*(node.look() for node in others))
    assert texts_to(visitor) == [], "the node that died may still be at it"
    town.now += LEASE_SECONDS
    assert sum(await all_at_once(*(node.look() for node in others))) == 1
    assert len(texts_to(visitor)) == 1
    assert "已预约" in texts_to(visitor)[0]
    assert await standing(town, "appointment.booked") == [(State.SENT, "")]


async def test_a_node_that_dies_after_handing_over_sends_nothing_twice(either_town: Town) -> None:
    town, gateway = either_town, gateway_of(either_town)
    visitor = await town.visitor()
    await choose(visitor)
    gateway.dies_after = True
    with pytest.raises(asyncio.CancelledError):
        await confirm(visitor)
    gateway.back()
    town.now += LEASE_SECONDS
    await town.made.texts.look()
    assert len(texts_to(visitor)) == 1
    assert gateway.handed[-1] == gateway.handed[-2], "the phone's network drops what it has had"


async def test_however_many_nodes_look_each_message_is_handed_over_once(either_town: Town) -> None:
    town, gateway = either_town, gateway_of(either_town)
    visitors = [await untold(town, gateway) for _ in range(2)]
    gateway.back()
    gateway.handed.clear()
    town.now += 2
    nodes = [Texts(town.house) for _ in range(4)]
    assert sum(await all_at_once(*(node.look() for node in nodes))) == 2
    assert sorted(gateway.handed) == sorted(set(gateway.handed))
    assert [len(texts_to(one)) for one in visitors] == [1, 1]


async def test_a_code_comes_by_itself_when_the_gateway_is_back(town: Town) -> None:
    gateway = gateway_of(town)
    gateway.away()
    visitor = await town.visitor()
    await visitor.begin()
    assert await town.made.intakes.code_late(await visitor.browser())
    for seconds in (2, 4, 8):
        town.now += seconds - 1
        assert await town.made.texts.look() == 0, "the pause grows"
        town.now += 1
        assert await town.made.texts.look() == 1
    gateway.back()
    town.now += 16
    await town.made.texts.look()
    assert not await town.made.intakes.code_late(await visitor.browser())
    ticket = await visitor.take(town.code_to(visitor.about["mobile"]))
    assert ticket.number


async def test_a_code_that_came_too_late_or_was_followed_by_another_is_not_sent(town: Town) -> None:
    gateway = gateway_of(town)
    gateway.away()
    visitor = await town.visitor()
    for _ in range(2):
        await visitor.begin()
        town.now += 61
    await town.made.texts.look()
    assert sorted(await standing(town, "code.identify")) == [
        (State.EXPIRED, "overtaken"),
        (State.WAITING, "sms_unavailable"),
    ]
    town.now += WORTH_SECONDS["code.identify"]
    gateway.back()
    await town.made.texts.look()
    assert (State.EXPIRED, "late") in await standing(town, "code.identify")
    assert town.house.demo_sms is not None
    assert town.house.demo_sms.sent() == ()


async def test_a_ring_that_could_not_be_sent_in_time_is_never_sent(town: Town) -> None:
    gateway = gateway_of(town)
    visitor = await rings_back(town)
    desk = await town.agent("mei")
    gateway.away()
    await desk.accept()
    town.now += WORTH_SECONDS["ticket.rung"]
    gateway.back()
    await town.made.texts.look()
    assert texts(town, visitor) == []
    assert await standing(town, "ticket.rung") == [(State.EXPIRED, "late")]


async def test_nearly_your_turn_is_not_said_once_the_turn_has_come(either_town: Town) -> None:
    town, gateway = either_town, gateway_of(either_town)
    _, desk = await town.in_call()
    visitor = await rings_back(town)
    gateway.away()
    await town.made.watch.nearly.look()
    assert await standing(town, "ticket.nearly") == [(State.WAITING, "sms_unavailable")]
    gateway.back()
    await desk.say(CallHangUp())
    await desk.finish("consulted")
    await desk.accept()
    town.now += 2
    await town.made.texts.look()
    assert await standing(town, "ticket.nearly") == [(State.EXPIRED, "overtaken")]
    assert len(texts(town, visitor)) == 1
    assert "轮到" in texts(town, visitor)[0]


async def test_of_a_booking_moved_while_the_gateway_was_away_only_the_last_time_is_told(town: Town) -> None:
    gateway = gateway_of(town)
    visitor = await untold(town, gateway)
    await town.made.bookings.move(await visitor.browser(), window=HUADU, at=LATER)
    gateway.back()
    town.now += 2
    await town.made.texts.look()
    (told,) = texts_to(visitor)
    assert "15:00" in told
    assert await standing(town, "appointment.booked") == [(State.EXPIRED, "overtaken")]


async def test_a_message_sent_late_carries_the_link_of_that_moment(town: Town) -> None:
    gateway = gateway_of(town)
    visitor = await untold(town, gateway)
    view = await town.made.bookings.view(await visitor.browser())
    visitor.token, session = await town.made.door.new_citizen()
    await town.made.bookings.resume(session, view.resume_link.rsplit("#", 1)[1])
    gateway.back()
    town.now += 2
    await town.made.texts.look()
    visitor.token, session = await town.made.door.new_citizen()
    await town.made.bookings.resume(session, texts_to(visitor)[0].rsplit("#", 1)[1])


async def test_a_refused_number_is_told_at_once_and_seen_on_the_board(town: Town) -> None:
    gateway = gateway_of(town)
    gateway.refuses()
    visitor = await town.visitor()
    with pytest.raises(Problems) as told:
        await visitor.begin()
    assert [(one.code, one.field) for one in told.value.errors] == [("sms_refused", "mobile")]
    town.now += 200
    assert await town.made.texts.look() == 0, "it is not tried again"
    admin = await town.desk("boss", role="city_admin")
    board = await town.made.boards.view(admin.staff, None)
    assert board.texts == TextsView(waiting=0, oldest_seconds=None, refused=1, expired=0)


async def test_the_board_and_the_log_say_how_long_messages_wait(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = gateway_of(town)
    await untold(town, gateway)
    town.now += 61
    await town.made.texts.measure()
    admin = await town.desk("boss", role="city_admin")
    board = await town.made.boards.view(admin.staff, None)
    assert (board.texts.waiting, board.texts.oldest_seconds) == (1, 61)
    gateway.back()
    await town.made.texts.look()
    await town.made.texts.measure()
    said = [one.message for one in caplog.records if one.name == "cloudwindow.journey.texts"]
    assert [one for one in said if one.startswith("text messages")] == ["text messages wait"]


async def test_a_gateway_that_hangs_holds_nobody_up_for_long(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudwindow.journey.texts.SEND_SECONDS", 0.05)
    gateway = gateway_of(town)
    visitor = await town.visitor()
    await choose(visitor)
    gateway.hangs = True
    assert (await confirm(visitor)).fresh
    gateway.back()
    town.now += 2
    await town.made.texts.look()
    assert len(texts_to(visitor)) == 1


async def test_a_message_that_cannot_be_put_together_holds_up_no_other(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = gateway_of(town)
    visitor = await untold(town, gateway)
    await town.house.ledger.write(
        lambda conn: town.made.texts.put(
            conn, "code.sign", "nobody", "1", now=town.now, said={"text": "no number"}
        )
    )
    monkeypatch.setattr(type(town.house.people), "code_sent_at", broken)
    gateway.back()
    town.now += 2
    await town.made.texts.look()
    assert len(texts_to(visitor)) == 1
    assert await standing(town, "code.sign") == [(State.WAITING, "")]


async def broken(*_: object, **__: object) -> float:
    raise ValueError("a row nobody can read")


async def test_what_ended_is_forgotten_after_a_week(town: Town) -> None:
    await booker(town)
    await town.made.texts.forget()
    assert len(await standing(town, "appointment.booked")) == 1
    town.now += 8 * 86_400
    await town.made.texts.forget()
    assert await standing(town, "appointment.booked") == []
