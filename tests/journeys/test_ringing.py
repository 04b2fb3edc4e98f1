"""Stepping away from the page: what reaches the phone, and how often."""

import pytest

from cloudwindow.domain.catalogue import Text
from cloudwindow.domain.errors import BadInput
from cloudwindow.domain.match import Place
from cloudwindow.domain.ticket import State
from cloudwindow.journey.nearly import Nearly, is_near
from cloudwindow.journey.ring_words import NEARLY_TEXT, filled
from tests.journeys.town import HUADU, Town, Visitor, all_at_once


def texts(town: Town, visitor: Visitor) -> list[str]:
    """What came to the visitor's phone after the code, oldest first."""
    assert town.house.demo_sms is not None
    sent = [one.text for one in town.house.demo_sms.sent() if one.mobile == visitor.about["mobile"]]
    return [text for text in reversed(sent) if "验证码" not in text]


async def busy_town(town: Town) -> None:
    """One agent, who is in a call."""
    await town.in_call()


async def told_by(town: Town, visitor: Visitor) -> list[str]:
    story = await town.story(visitor.application)
    return [one.payload["by"] for one in story if one.kind == "ticket.nearly_told"]


async def test_who_is_rung_back_hears_once_that_the_turn_is_near(town: Town) -> None:
    await busy_town(town)
    visitor = await town.citizen()
    await town.made.visits.call_back(await visitor.browser(), True)
    await visitor.shut()
    for _ in range(3):
        await town.made.watch.nearly.look()
    assert len(texts(town, visitor)) == 1
    assert "快轮到您了" in texts(town, visitor)[0]
    assert await told_by(town, visitor) == ["text"]


async def test_two_nodes_tell_once_because_the_ledger_decides(either_town: Town) -> None:
    town = either_town
    await busy_town(town)
    visitor = await town.citizen()
    await visitor.shut()
    nodes = [Nearly(town.house, town.made.places.place, town.made.texts) for _ in range(3)]
    assert await all_at_once(*(node.look() for node in nodes)) == [None] * 3
    await nodes[0].look()
    (told,) = texts(town, visitor)
    assert "您已离开页面" in told, "who left without asking must come back to be called"
    assert await told_by(town, visitor) == ["text"]


async def test_an_open_page_is_told_on_the_page_and_not_by_text(town: Town) -> None:
    await busy_town(town)
    visitor = await town.citizen()
    assert visitor.page is not None
    await town.made.watch.nearly.look()
    assert texts(town, visitor) == []
    assert await told_by(town, visitor) == ["page"]
    assert visitor.page.last("panel.changed")["panels"] == ["ticket"]
    assert (await visitor.view()).nearly


async def test_nobody_far_behind_or_held_is_told(town: Town) -> None:
    await busy_town(town)
    crowd = [await town.citizen() for _ in range(5)]
    held = crowd[0]
    await town.made.visits.hold(await held.browser(), 30)
    await held.shut()
    await town.made.watch.nearly.look()
    assert [len(await told_by(town, one)) for one in crowd] == [0, 1, 1, 1, 0]


async def test_with_nobody_on_duty_no_turn_is_near(town: Town) -> None:
    visitor = await town.citizen()
    await town.made.watch.nearly.look()
    assert await told_by(town, visitor) == []


@pytest.mark.parametrize(
    ("ahead", "agents", "low", "near"),
    [(2, 1, 900, True), (3, 1, 900, False), (9, 9, 180, True), (9, 9, 181, False), (0, 0, None, False)],
)
def test_near_is_two_people_or_three_minutes(ahead: int, agents: int, low: int | None, near: bool) -> None:
    high = None if low is None else low + 60
    place = Place(ahead=ahead, of=10, agents_on_duty=agents, low_seconds=low, high_seconds=high)
    assert is_near(place) is near


async def test_the_call_reaches_the_phone_once_with_a_link_that_works(town: Town) -> None:
    visitor = await town.citizen()
    await town.made.visits.call_back(await visitor.browser(), True)
    await visitor.shut()
    desk = await town.agent("mei")
    offer = (await desk.view()).offer
    assert offer is not None
    await town.made.calls.accept(desk.staff, offer.offer)
    await town.made.calls.accept(desk.staff, offer.offer)
    (told,) = texts(town, visitor)
    assert "3 分钟" in told
    ticket = await town.ticket(visitor.ticket)
    assert (ticket.deadline, (await visitor.view()).return_by) == (town.now + 60, town.now + 180)
    visitor.token, _ = await town.made.door.new_citizen()
    await town.made.visits.resume(await visitor.browser(), told.rsplit("#", 1)[1])
    await visitor.open()
    await visitor.join()
    assert (await town.ticket(visitor.ticket)).state is State.SERVING
    assert (await town.kinds(visitor.application)).count("ticket.rung_by_text") == 1


async def test_who_waits_on_the_page_is_rung_there_alone(town: Town) -> None:
    desk, visitor = await town.agent("mei"), await town.citizen()
    await desk.accept()
    assert (await visitor.view()).stage == "called"
    assert texts(town, visitor) == []


async def test_a_missed_call_back_costs_three_places_and_no_waiting_time(town: Town) -> None:
    visitor = await town.citizen()
    await town.made.visits.call_back(await visitor.browser(), True)
    await visitor.shut()
    desk = await town.agent("mei")
    await desk.accept()
    joined = (await town.ticket(visitor.ticket)).joined_at
    await town.pass_time(181)
    assert (await visitor.view()).stage == "missed"
    await town.made.visits.come_back(await visitor.browser())
    assert (await town.ticket(visitor.ticket)).joined_at == joined


async def test_a_promised_time_is_shown_until_it_comes_and_the_open_page_is_told(town: Town) -> None:
    await busy_town(town)
    visitor = await town.citizen()
    await town.made.visits.hold(await visitor.browser(), 10)
    view = await visitor.view()
    assert (view.held_until, view.held_seconds) == (town.now + 600, 600)
    assert visitor.page is not None
    visitor.page.told.clear()
    await town.pass_time(601)
    assert "panel.changed" in visitor.page.kinds()
    assert (await visitor.view()).held_until is None


@pytest.mark.parametrize("minutes", [0, -10, 5, 15, 61, 240])
async def test_only_the_offered_minutes_can_be_asked_for(town: Town, minutes: int) -> None:
    visitor = await town.citizen()
    with pytest.raises(BadInput, match="promised_time_unusable"):
        await town.made.visits.hold(await visitor.browser(), minutes)
    assert (await town.ticket(visitor.ticket)).not_before is None


async def test_sign_language_is_offered_only_where_somebody_on_the_staff_signs(town: Town) -> None:
    item = town.house.item_of("HR01")
    await town.agent("mei")
    town.now += 2
    assert not await town.made.openings.signs(item)
    signing = (await town.desk("lan")).staff
    object.__setattr__(signing, "modes", ("video", "sign"))
    object.__setattr__(signing, "id", "signing")
    object.__setattr__(signing, "account", "signing")
    await town.house.ledger.write(
        lambda conn: town.house.people.add_staff(conn, signing, password_hash="none", totp_secret="none")
    )
    town.now += 2
    assert await town.made.openings.signs(item)


async def test_a_message_speaks_the_language_of_the_call(town: Town) -> None:
    english = await town.citizen(call_language="en", home_district=HUADU)
    ticket = await town.ticket(english.ticket)
    assert isinstance(NEARLY_TEXT, Text)
    assert "nearly your turn" in filled(NEARLY_TEXT, ticket, "link")
    assert town.house.demo_sms is not None
    assert "Staff never ask for it" in town.house.demo_sms.sent()[-1].text


async def test_of_many_who_left_the_page_everybody_near_is_found(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudwindow.journey.nearly.ABSENT", 1)
    await busy_town(town)
    crowd = [await town.citizen() for _ in range(3)]
    for visitor in reversed(crowd):
        await visitor.shut()
        town.now += 1
    for _ in range(4):
        await town.made.watch.nearly.look()
    assert [len(texts(town, one)) for one in crowd] == [1, 1, 1]
