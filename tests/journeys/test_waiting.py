"""From the first press to the accepted offer."""

from dataclasses import replace

import pytest

from cloudwindow.domain.errors import BadInput, Conflict, Gone, NotFound, TooOften
from cloudwindow.domain.match import CITY
from cloudwindow.domain.messages import AgentAvailable, DeviceReport, OfferAccept, OfferDecline
from cloudwindow.domain.ticket import State
from cloudwindow.journey.intake import Problems
from tests.journeys.town import HUADU, PANYU, TIANHE, Town, Visitor, all_at_once, id_number

# --- taking a number -------------------------------------------------------------------------------------


async def test_a_citizen_is_offered_to_an_agent_of_their_own_district(town: Town) -> None:
    far, near = await town.agent("panyu", PANYU), await town.agent("huadu", HUADU)
    visitor = await town.citizen()
    number = (await town.ticket(visitor.ticket)).number
    assert number == "H001"
    assert await near.offered() == number
    assert await far.offered() is None
    assert near.page is not None
    assert near.page.last("offer.made")["expires_in_seconds"] == 20


async def test_the_offer_shows_what_the_citizen_has_done_while_waiting(town: Town) -> None:
    visitor = await town.citizen()
    await visitor.say(DeviceReport(camera="ok", microphone="ok", echo=True, rtt_ms=30, loss_percent=0.0))
    await visitor.fill({"employ_type": "flexible"})
    await visitor.photograph("id_card")
    desk = await town.agent("mei")
    offer = (await desk.view()).offer
    assert offer is not None
    assert offer.own_district
    assert offer.readiness.devices == "ok"
    assert offer.readiness.online
    assert (offer.readiness.papers_given, offer.readiness.papers_needed) == (1, 2)
    assert 0 < offer.readiness.fields_filled < offer.readiness.fields_needed


async def test_nothing_is_offered_to_another_district_before_its_ring_opens(town: Town) -> None:
    await town.in_call()
    other = await town.agent("panyu", PANYU)
    visitor = await town.citizen()
    assert await other.offered() is None
    await town.pass_time(119)
    assert await other.offered() is None
    await town.pass_time(2)
    assert await other.offered() == (await town.ticket(visitor.ticket)).number
    offer = (await other.view()).offer
    assert offer is not None
    assert not offer.own_district
    assert offer.ring == CITY


async def test_what_is_wrong_about_you_is_told_field_by_field(town: Town) -> None:
    wrong = id_number(1)[:-1] + ("0" if id_number(1)[-1] != "0" else "1")
    visitor = await town.visitor(id_number=wrong, mobile="123", home_street="000000000")
    with pytest.raises(Problems) as told:
        await visitor.begin()
    assert {one.field: one.code for one in told.value.errors} == {
        "id_number": "idno_check_digit",
        "mobile": "mobile_format",
        "home_street": "required",
    }


async def test_a_code_that_was_already_spent_takes_no_second_number(town: Town) -> None:
    visitor = await town.citizen()
    other = await town.visitor(mobile=visitor.about["mobile"])
    with pytest.raises(Gone, match="intake_gone"):
        await other.take("000000")
    await town.pass_time(61)
    await other.begin()
    other_code = town.code_to(visitor.about["mobile"])
    stranger = await town.visitor()
    await stranger.begin()
    with pytest.raises(BadInput, match="code_wrong"):
        await stranger.take(other_code)


async def test_the_fifth_wrong_code_locks_the_intake(town: Town) -> None:
    visitor = await town.visitor()
    await visitor.begin()
    right = town.code_to(visitor.about["mobile"])
    wrong = "000000" if right != "000000" else "111111"
    for _ in range(5):
        with pytest.raises(BadInput, match="code_wrong"):
            await visitor.take(wrong)
    with pytest.raises(TooOften, match="code_locked"):
        await visitor.take(right)


async def test_a_code_ends_after_five_minutes(town: Town) -> None:
    visitor = await town.visitor()
    await visitor.begin()
    town.now += 300
    with pytest.raises(Gone, match="code_expired"):
        await visitor.take()


async def test_a_second_number_for_the_same_item_is_the_first(town: Town) -> None:
    first = await town.citizen()
    await town.pass_time(61)
    again = await town.visitor(**{name: first.about[name] for name in ("id_number", "mobile", "name")})
    ticket = await again.take_number()
    assert ticket.id == first.ticket
    assert (await again.view()).ticket.number == ticket.number
    assert (await first.browser()).ticket is None


async def test_another_item_of_the_same_citizen_has_a_number_of_its_own(town: Town) -> None:
    first = await town.citizen("HR01")
    await town.pass_time(61)
    other = await town.visitor("PS01", **{name: first.about[name] for name in ("id_number", "mobile")})
    assert (await other.take_number()).id != first.ticket


async def test_ten_presses_at_once_take_one_number(town: Town) -> None:
    visitor = await town.visitor()
    await visitor.begin()
    code = town.code_to(visitor.about["mobile"])
    taken = await all_at_once(*(visitor.take(code) for _ in range(10)))
    assert len({getattr(one, "id", one) for one in taken}) == 1, taken
    async with town.house.ledger.read() as conn:
        assert len(await town.house.visits.tickets_in(conn, [State.WAITING])) == 1
    assert [load.waiting for load in await town.house.line.load()] == [1]


async def test_a_press_repeated_after_the_answer_was_lost_gives_the_same_number(town: Town) -> None:
    visitor = await town.visitor()
    await visitor.begin()
    code = town.code_to(visitor.about["mobile"])
    first = await visitor.take(code)
    assert (await visitor.take(code)).id == first.id


async def test_a_family_on_one_phone_takes_two_numbers_in_one_browser(town: Town) -> None:
    visitor = await town.citizen()
    await town.pass_time(61)
    visitor.about |= {"name": "王大明", "id_number": id_number(500)}
    await visitor.begin()
    second = await visitor.take()
    assert second.id != visitor.ticket
    assert (await visitor.browser()).ticket == second.id


async def test_outside_office_hours_no_number_is_given_and_the_next_opening_is_told(town: Town) -> None:
    visitor = await town.visitor()
    await visitor.begin()
    town.now += 2.5 * 3600  # 12:30, lunch
    with pytest.raises(Conflict, match="office_closed") as closed:
        await visitor.take()
    assert closed.value.values["next"] == town.now + 1800
    with pytest.raises(Conflict, match="office_closed") as refused:
        await visitor.begin()
    assert refused.value.values["next"] == town.now + 1800
    town.now += 1800
    await visitor.begin()
    assert (await visitor.take()).number == "H001"


async def test_an_item_that_forbids_delegates_or_does_not_exist_is_refused(town: Town) -> None:
    unknown = await town.visitor("XX99")
    with pytest.raises(NotFound):
        await unknown.begin()
    same = id_number(9)
    delegate = await town.visitor(
        capacity="delegate", id_number=same, principal_name="王奶奶", principal_id_number=same
    )
    with pytest.raises(Problems) as told:
        await delegate.begin()
    assert [one.code for one in told.value.errors] == ["principal_is_delegate"]


# --- the place -------------------------------------------------------------------------------------------


async def test_each_citizen_sees_how_many_are_before_them(town: Town) -> None:
    visitors = [await town.citizen() for _ in range(3)]
    places = [(await one.view()).place for one in visitors]
    assert [place.ahead for place in places if place] == [0, 1, 2]
    await town.made.places.tell_moved()
    page = visitors[2].page
    assert page is not None
    assert page.last("place.changed")["ahead"] == 2
    await visitors[0].leave()
    await town.made.places.tell_moved()
    assert page.last("place.changed")["ahead"] == 1


async def test_whoever_rings_at_a_desk_is_not_told_that_nobody_is_there(town: Town) -> None:
    visitor = await town.citizen()
    view = await visitor.view()
    assert view.place is not None
    assert (view.place.agents_on_duty, view.place_known) == (0, True)
    desk = await town.agent("mei")
    assert await desk.offered() is not None
    view = await visitor.view()
    assert view.place is not None
    assert (view.place.ahead, view.place.agents_on_duty, view.place_known) == (0, 1, True)


async def test_a_page_that_was_called_in_vain_is_told_its_place_again(town: Town) -> None:
    visitor = await town.citizen()
    desk = await town.agent("mei")
    await visitor.shut()
    await town.made.places.tell_moved()
    await visitor.open()
    assert visitor.page is not None
    assert "place.changed" not in visitor.page.kinds()
    offer = (await desk.view()).offer
    assert offer is not None
    await desk.say(OfferDecline(offer=offer.offer, reason="technical"))
    await town.made.places.tell_moved()
    assert visitor.page.last("place.changed")["ahead"] == 0


async def test_a_place_that_has_not_changed_is_not_told_again(town: Town) -> None:
    visitor = await town.citizen()
    await town.made.places.tell_moved()
    assert visitor.page is not None
    told = visitor.page.kinds().count("place.changed")
    await town.made.places.tell_moved()
    assert visitor.page.kinds().count("place.changed") == told


async def test_the_resume_link_works_once_and_moves_the_visit(town: Town) -> None:
    visitor = await town.citizen()
    secret = (await visitor.view()).resume_link.rpartition("#")[2]
    old_page = visitor.page
    phone = Visitor(town=town, token=(await town.made.door.new_citizen())[0], item="HR01", about={})
    await town.made.visits.resume(await phone.browser(), secret)
    phone.ticket = visitor.ticket
    assert (await phone.view()).ticket.id == visitor.ticket
    with pytest.raises(NotFound, match="no_visit"):
        await visitor.view()
    assert old_page is not None
    assert old_page.last("replaced")
    with pytest.raises(Gone, match="link_unknown"):
        await town.made.visits.resume(await visitor.browser(), secret)
    assert (await phone.view()).resume_link.rpartition("#")[2] != secret
    assert "visit.resumed" in await town.kinds(visitor.application)


async def test_a_link_nobody_was_given_opens_nothing(town: Town) -> None:
    visitor = await town.citizen()
    for guess in ("", "x", "0" * 32):
        with pytest.raises(Gone, match="link_unknown"):
            await town.made.visits.resume(await visitor.browser(), guess)


async def test_a_citizen_who_closed_the_page_keeps_the_place_for_ten_minutes(town: Town) -> None:
    first, second = await town.citizen(), await town.citizen()
    await first.shut()
    await town.pass_time(590)
    await first.open()
    desk = await town.agent("mei")
    assert await desk.offered() == (await town.ticket(first.ticket)).number
    assert (await town.ticket(second.ticket)).state is State.WAITING


async def test_a_citizen_who_stayed_away_longer_gives_up_the_place(town: Town) -> None:
    first, second = await town.citizen(), await town.citizen()
    await first.shut()
    await town.pass_time(610)
    assert (await town.ticket(first.ticket)).state is State.EXPIRED
    desk = await town.agent("mei")
    assert await desk.offered() == (await town.ticket(second.ticket)).number
    assert (await town.kinds(first.application))[-1] == "ticket.expired"


# --- offers ----------------------------------------------------------------------------------------------


async def test_an_offer_nobody_answers_returns_to_its_old_place(town: Town) -> None:
    desk, other = await town.agent("mei"), await town.agent("lan")
    visitor = await town.citizen()
    later = await town.citizen()
    number = (await town.ticket(visitor.ticket)).number
    ringing = desk if await desk.offered() == number else other
    await town.pass_time(20)
    story = await town.kinds(visitor.application)
    assert "ticket.missed_offer" in story
    assert ringing.page is not None
    assert ringing.page.last("offer.withdrawn")["reason"] == "missed"
    ticket = await town.ticket(visitor.ticket)
    assert ticket.state is State.WAITING
    assert ticket.joined_at < (await town.ticket(later.ticket)).joined_at


async def test_a_declined_citizen_is_offered_to_another_agent_and_the_reason_is_kept(town: Town) -> None:
    desk = await town.agent("mei")
    visitor = await town.citizen()
    other = await town.agent("lan")
    offer = (await desk.view()).offer
    assert offer is not None
    with pytest.raises(BadInput, match="unknown_reason"):
        await desk.say(OfferDecline(offer=offer.offer, reason="too hard"))
    await desk.say(OfferDecline(offer=offer.offer, reason="conflict_of_interest"))
    assert await other.offered() == (await town.ticket(visitor.ticket)).number
    assert await desk.offered() is None
    declined = [one for one in await town.story(visitor.application) if one.kind == "ticket.declined"]
    assert [(one.actor, one.payload["reason"]) for one in declined] == [("mei", "conflict_of_interest")]


async def test_leaving_during_an_offer_withdraws_it(town: Town) -> None:
    desk = await town.agent("mei")
    visitor = await town.citizen()
    offer = (await desk.view()).offer
    assert offer is not None
    await visitor.leave()
    assert desk.page is not None
    assert desk.page.last("offer.withdrawn")["reason"] == "withdrawn"
    assert (await town.ticket(visitor.ticket)).state is State.ABANDONED
    with pytest.raises(Gone, match="offer_gone"):
        await desk.say(OfferAccept(offer=offer.offer))
    next_one = await town.citizen()
    assert await desk.offered() == (await town.ticket(next_one.ticket)).number


async def test_somebody_elses_offer_cannot_be_accepted(town: Town) -> None:
    desk = await town.agent("mei")
    visitor = await town.citizen()
    other = await town.agent("lan", TIANHE)
    offer = (await desk.view()).offer
    assert offer is not None
    with pytest.raises(Gone, match="offer_gone"):
        await other.say(OfferAccept(offer=offer.offer))
    assert (await town.ticket(visitor.ticket)).state is State.WAITING


async def test_an_offer_accepted_twice_is_one_call(town: Town) -> None:
    desk = await town.agent("mei")
    visitor = await town.citizen()
    offer = (await desk.view()).offer
    assert offer is not None
    await desk.say(OfferAccept(offer=offer.offer))
    await desk.say(OfferAccept(offer=offer.offer))
    assert (await town.kinds(visitor.application)).count("session.started") == 1


async def test_a_call_with_an_old_epoch_is_refused_by_the_ledger(town: Town) -> None:
    desk = await town.agent("mei")
    visitor = await town.citizen()
    ticket = await town.ticket(visitor.ticket)
    ahead = replace(ticket, epoch=7, version=ticket.version + 1)
    await town.house.ledger.write(
        lambda conn: town.house.visits.save_ticket(conn, ahead, seen=ticket.version)
    )
    with pytest.raises(Conflict, match="epoch_stale"):
        await desk.accept()
    assert (await desk.view()).session is None
    await town.pass_time(6)
    await town.sweep()
    await desk.accept()
    assert (await town.session(visitor.ticket)).epoch == 8


async def test_the_ledger_away_gives_no_number_and_no_call(town: Town) -> None:
    desk = await town.agent("mei")
    waiting = await town.citizen()
    visitor = await town.visitor()
    await visitor.begin()
    code = town.code_to(visitor.about["mobile"])
    offer = (await desk.view()).offer
    assert offer is not None

    async def power_cut() -> None:
        raise OSError("the disk is gone")

    town.house.ledger.failpoints["before_commit"] = power_cut
    taken, accepted = await all_at_once(visitor.take(code), desk.say(OfferAccept(offer=offer.offer)))
    assert [taken.code, accepted.code] == ["ledger_unavailable", "ledger_unavailable"]
    town.house.ledger.failpoints.clear()
    async with town.house.ledger.read() as conn:
        assert await town.house.visits.session_of_ticket(conn, waiting.ticket) is None
        tickets = await town.house.visits.tickets_in(conn, list(State))
    assert [one.id for one in tickets] == [waiting.ticket]
    assert (await visitor.take(code)).number == "H002"
    await desk.say(AgentAvailable())
    assert await desk.offered() == "H001"
