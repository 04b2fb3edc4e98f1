"""From the accepted offer to the outcome: answered, lost, found, ended."""

import pytest

from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.domain.messages import (
    AgentAvailable,
    CallDevices,
    CallHangUp,
    CallJoin,
    CallOffer,
    CallReceiving,
    ChatSay,
)
from cloudwindow.domain.presence import State as Presence
from cloudwindow.domain.session import Outcome
from cloudwindow.domain.session import State as Call
from cloudwindow.domain.ticket import State
from cloudwindow.journey.calls import KEPT_ROOM_SECONDS, Onward
from cloudwindow.media.plane import Invitation
from tests.journeys.town import Desk, Town, Visitor


async def presence(town: Town, desk: Desk) -> Presence:
    known = await town.made.desks.presence(desk.staff.id)
    return known.state if known else Presence.OFFLINE


def stage(person: Visitor | Desk) -> str:
    assert person.page is not None
    return str(person.page.last("stage.changed")["stage"])


async def number(town: Town, visitor: Visitor) -> str:
    return (await town.ticket(visitor.ticket)).number


# --- answering -------------------------------------------------------------------------------------------


async def test_an_accepted_offer_calls_the_citizen_who_answers_with_a_camera(town: Town) -> None:
    desk, visitor = await town.agent("mei"), await town.citizen()
    await desk.accept()
    assert (stage(visitor), stage(desk)) == ("called", "in_call")
    assert (await town.ticket(visitor.ticket)).state is State.CALLED
    await visitor.join()
    await desk.say(CallOffer(purpose="call", attempt=1, sdp="v=0"))
    assert (stage(visitor), stage(desk)) == ("in_call", "in_call")
    session = await town.session(visitor.ticket)
    assert session.state is Call.LIVE
    assert town.media.rooms == {session.room: {"citizen", "agent"}}
    assert visitor.page is not None
    assert visitor.page.last("call.answer")["purpose"] == "call"


async def test_the_citizen_sees_who_serves_them_and_the_agent_sees_masked_numbers(town: Town) -> None:
    visitor, desk = await town.in_call()
    card = (await visitor.view()).agent
    assert card is not None
    assert card.number == desk.staff.number
    shown = (await desk.view()).session
    assert shown is not None
    assert shown.applicant == visitor.about["name"]
    assert visitor.about["id_number"] not in repr(shown)
    assert visitor.about["mobile"] not in repr(shown)


async def test_an_invitation_reaches_its_page_and_the_answer_the_room_of_that_call(town: Town) -> None:
    """Where the media server sends on a connection of its own, as Janus does."""
    visitor, desk = await town.in_call()
    session = await town.session(visitor.ticket)
    offered = Invitation(number=7, sdp="v=0 of Janus", fresh=True)
    await town.made.calls.invite_media(session.room, "citizen", offered)
    assert visitor.page is not None
    told = visitor.page.last("call.receive")
    assert (told["number"], told["sdp"], told["fresh"]) == (7, "v=0 of Janus", True)
    await visitor.say(CallReceiving(number=7, sdp="v=0 of the citizen"))
    await desk.say(CallReceiving(number=8, sdp="v=0 of the agent"))
    assert town.media.received == [
        (session.room, "citizen", 7, "v=0 of the citizen"),
        (session.room, "agent", 8, "v=0 of the agent"),
    ]


async def test_who_is_in_no_call_answers_no_invitation(town: Town) -> None:
    visitor = await town.citizen()
    with pytest.raises(Conflict, match="no_call"):
        await visitor.say(CallReceiving(number=1, sdp="v=0"))
    assert town.media.received == []


async def test_an_echo_test_needs_no_call_and_meets_nobody(town: Town) -> None:
    visitor = await town.citizen()
    await visitor.say(CallOffer(purpose="echo", attempt=1, sdp="v=0"))
    assert town.media.rooms == {f"echo-{visitor.ticket}": {"self"}}
    with pytest.raises(Conflict, match="no_call"):
        await visitor.join()
    with pytest.raises(BadInput, match="unknown_purpose"):
        await visitor.say(CallOffer(purpose="listen", attempt=1, sdp="v=0"))


async def test_a_citizen_can_answer_without_camera_by_text_alone(town: Town) -> None:
    desk, visitor = await town.agent("mei"), await town.citizen()
    await desk.accept()
    await visitor.say(CallJoin())
    await visitor.say(ChatSay(text=" 我听不见，打字可以吗？ "))
    assert desk.page is not None
    assert desk.page.last("chat.said")["text"] == "我听不见，打字可以吗？"
    await desk.say(ChatSay(text="可以的"))
    assert [line.text for line in (await visitor.view()).chat] == ["我听不见，打字可以吗？", "可以的"]
    with pytest.raises(BadInput, match="chat_empty"):
        await desk.say(ChatSay(text="  "))


async def test_what_one_side_sends_is_told_to_the_other_only(town: Town) -> None:
    visitor, desk = await town.in_call()
    await visitor.say(CallDevices(camera=False, microphone=True, reason="camera_denied"))
    assert desk.page is not None
    assert visitor.page is not None
    assert desk.page.last("peer.devices")["camera"] is False
    assert "peer.devices" not in visitor.page.kinds()


async def test_a_citizen_who_does_not_answer_is_called_three_times_and_then_missed(town: Town) -> None:
    desk, visitor = await town.agent("mei"), await town.citizen()
    await desk.accept()
    await town.pass_time(45)
    assert (await town.kinds(visitor.application)).count("ticket.recalled") == 2
    assert (await town.ticket(visitor.ticket)).state is State.CALLED
    await town.pass_time(20)
    ticket = await town.ticket(visitor.ticket)
    assert ticket.state is State.MISSED
    assert (await town.session(visitor.ticket)).state is Call.CLOSED
    assert stage(visitor) == "missed"
    assert await presence(town, desk) is Presence.IDLE
    assert (await visitor.view()).return_by == ticket.deadline


async def test_a_missed_citizen_returns_with_one_tap_three_places_behind(town: Town) -> None:
    """The wait is still counted from the first press."""
    desk, visitor = await town.agent("mei"), await town.citizen()
    joined = (await town.ticket(visitor.ticket)).joined_at
    await desk.accept()
    later = await town.citizen()
    await town.pass_time(65)
    assert await desk.offered() == await number(town, later)
    await desk.accept()
    await later.join()
    others = [await town.citizen() for _ in range(4)]
    await town.made.visits.come_back(await visitor.browser())
    ticket = await town.ticket(visitor.ticket)
    assert (ticket.state, ticket.joined_at) == (State.WAITING, joined)
    places = [(await one.view()).place for one in (*others, visitor)]
    assert [place.ahead if place else None for place in places] == [0, 1, 2, 4, 3]
    await desk.say(CallHangUp())
    await desk.finish("consulted")
    assert await desk.offered() == await number(town, others[0])


async def test_a_missed_citizen_who_does_not_return_is_expired_after_ten_minutes(town: Town) -> None:
    desk, visitor = await town.agent("mei"), await town.citizen()
    await desk.accept()
    await town.pass_time(65)
    await town.pass_time(610)
    assert (await town.ticket(visitor.ticket)).state is State.EXPIRED
    with pytest.raises(Conflict, match="state_forbids"):
        await town.made.visits.come_back(await visitor.browser())


async def test_a_missed_citizens_end_does_not_touch_the_agents_next_call(town: Town) -> None:
    desk, missed = await town.agent("mei"), await town.citizen()
    await desk.accept()
    await town.pass_time(65)
    visitor = await town.citizen()
    await desk.accept()
    await visitor.join()
    await visitor.leave()
    assert await presence(town, desk) is Presence.WRAP_UP
    await missed.leave()
    assert (await town.ticket(missed.ticket)).state is State.ABANDONED
    assert await presence(town, desk) is Presence.WRAP_UP
    assert stage(desk) == "wrap_up"


async def test_a_returned_citizen_who_leaves_is_offered_to_nobody(town: Town) -> None:
    desk, visitor = await town.agent("mei"), await town.citizen()
    await desk.accept()
    await town.pass_time(65)
    busy = await town.citizen()
    await desk.accept()
    await busy.join()
    await town.made.visits.come_back(await visitor.browser())
    await visitor.leave()
    assert await town.house.line.knows((await town.ticket(visitor.ticket)).id) is None
    await busy.leave()
    await desk.finish("consulted")
    assert await desk.offered() is None


async def test_leaving_while_being_called_frees_the_agent(town: Town) -> None:
    desk, visitor = await town.agent("mei"), await town.citizen()
    await desk.accept()
    await visitor.leave()
    assert (await town.ticket(visitor.ticket)).state is State.ABANDONED
    assert await presence(town, desk) is Presence.IDLE
    assert stage(desk) == "idle"
    assert stage(visitor) == "ended"
    following = await town.citizen()
    assert await desk.offered() == await number(town, following)


async def test_an_agent_who_hangs_up_before_the_answer_returns_the_citizen_to_the_old_place(
    town: Town,
) -> None:
    desk, visitor = await town.agent("mei"), await town.citizen()
    other = await town.agent("lan")
    await desk.accept()
    await desk.say(CallHangUp())
    assert stage(desk) == "wrap_up"
    assert stage(visitor) == "waiting"
    assert (await visitor.view()).agent is None
    assert await other.offered() == await number(town, visitor)
    await desk.finish("citizen_left")
    await other.accept()
    await visitor.join()
    assert (await town.session(visitor.ticket)).agent == other.staff.id


# --- losing and finding ----------------------------------------------------------------------------------


async def test_a_citizen_lost_in_a_call_is_on_hold_and_back_in_the_same_call(town: Town) -> None:
    visitor, desk = await town.in_call()
    session = await town.session(visitor.ticket)
    await visitor.shut()
    assert (await town.ticket(visitor.ticket)).state is State.ON_HOLD
    assert (await town.session(visitor.ticket)).state is Call.INTERRUPTED
    assert desk.page is not None
    assert desk.page.last("stage.changed")["peer_online"] is False
    await town.pass_time(170)
    await visitor.open()
    assert stage(visitor) == "in_call"
    await visitor.join()
    back = await town.session(visitor.ticket)
    assert (back.id, back.room, back.state) == (session.id, session.room, Call.LIVE)
    assert (await town.ticket(visitor.ticket)).state is State.SERVING
    assert desk.page.last("stage.changed")["peer_online"] is True


async def test_a_citizen_lost_for_three_minutes_goes_back_to_the_old_place(town: Town) -> None:
    visitor, desk = await town.in_call()
    joined = (await town.ticket(visitor.ticket)).joined_at
    behind = await town.citizen()
    await visitor.shut()
    await town.pass_time(185)
    ticket = await town.ticket(visitor.ticket)
    assert (ticket.state, ticket.joined_at) == (State.WAITING, joined)
    assert await presence(town, desk) is Presence.WRAP_UP
    assert stage(desk) == "wrap_up"
    await desk.finish("network_lost")
    assert await desk.offered() == await number(town, behind)  # nobody rings for an empty chair
    await visitor.open()
    other = await town.agent("lan")
    assert await other.offered() == ticket.number
    kinds = await town.kinds(visitor.application)
    assert kinds.index("ticket.on_hold") < kinds.index("ticket.requeued")


async def test_a_citizen_who_hangs_up_while_lost_is_not_put_back_into_the_line(town: Town) -> None:
    visitor, desk = await town.in_call()
    await visitor.shut()
    await visitor.leave()
    await town.pass_time(200)
    assert (await town.ticket(visitor.ticket)).state is State.DONE
    assert await presence(town, desk) is Presence.WRAP_UP


async def test_an_agent_who_gives_up_on_a_lost_citizen_leaves_them_their_place(town: Town) -> None:
    visitor, desk = await town.in_call()
    joined = (await town.ticket(visitor.ticket)).joined_at
    await visitor.shut()
    await town.pass_time(60)
    await desk.say(CallHangUp())
    await desk.finish("network_lost")
    ticket = await town.ticket(visitor.ticket)
    assert (ticket.state, ticket.joined_at) == (State.WAITING, joined)
    assert await desk.offered() is None
    await visitor.open()
    await town.settle()
    assert await desk.offered() == ticket.number


async def test_an_agent_who_reloads_is_back_in_the_same_call(town: Town) -> None:
    visitor, desk = await town.in_call()
    await desk.shut()
    assert visitor.page is not None
    assert visitor.page.last("stage.changed")["peer_online"] is False
    await town.pass_time(5)
    await desk.open()
    assert (await town.session(visitor.ticket)).state is Call.LIVE
    assert stage(desk) == "in_call"
    assert visitor.page.last("stage.changed")["peer_online"] is True


async def test_an_agent_who_is_lost_returns_the_citizen_to_the_head_with_the_same_wait(town: Town) -> None:
    desk, visitor = await town.agent("mei"), await town.citizen()
    joined = (await town.ticket(visitor.ticket)).joined_at
    await desk.accept()
    await visitor.join()
    await town.citizen()
    await desk.shut()
    await town.pass_time(35)
    ticket = await town.ticket(visitor.ticket)
    assert (ticket.state, ticket.joined_at, ticket.agent) == (State.WAITING, joined, None)
    session = await town.session(visitor.ticket)
    assert (session.state, session.outcome) == (Call.CLOSED, Outcome.AGENT_LOST)
    assert stage(visitor) == "waiting"
    other = await town.agent("lan")
    assert await other.offered() == ticket.number
    offer = (await other.view()).offer
    assert offer is not None
    assert offer.waited_seconds == town.now - joined


async def test_an_agent_whose_node_died_without_a_word_is_lost_too(town: Town) -> None:
    visitor, desk = await town.in_call()
    assert desk.page is not None
    town.pages.shut(desk.page)
    await town.pass_time(45)
    assert (await town.ticket(visitor.ticket)).state is State.WAITING
    assert (await town.session(visitor.ticket)).outcome is Outcome.AGENT_LOST


async def test_a_lost_agent_comes_back_away_and_hears_nothing_of_the_old_call(town: Town) -> None:
    visitor, desk = await town.in_call()
    await desk.shut()
    await town.pass_time(40)
    await desk.open()
    assert stage(desk) == "away"
    assert await presence(town, desk) is Presence.AWAY
    other = await town.citizen()
    await visitor.leave()
    await desk.say(AgentAvailable())
    await desk.accept()
    await other.join()
    await visitor.open()
    await town.made.visits.tell_stage(visitor.ticket)
    assert stage(desk) == "in_call"


async def test_when_both_are_lost_the_citizen_is_not_left_alone_in_the_call(town: Town) -> None:
    visitor, desk = await town.in_call()
    await desk.shut()
    await visitor.shut()
    await town.pass_time(15)
    await visitor.open()
    await visitor.join()
    await town.pass_time(45)
    assert (await town.ticket(visitor.ticket)).state is State.WAITING
    assert (await town.session(visitor.ticket)).outcome is Outcome.AGENT_LOST


async def test_when_both_stay_away_the_place_is_kept_and_nobody_is_called(town: Town) -> None:
    visitor, desk = await town.in_call()
    await desk.shut()
    await visitor.shut()
    await town.pass_time(40)
    assert (await town.ticket(visitor.ticket)).state is State.WAITING
    other = await town.agent("lan")
    assert await other.offered() is None
    await visitor.open()
    await town.settle()
    assert await other.offered() == await number(town, visitor)


async def test_a_media_room_that_broke_asks_both_browsers_to_offer_again(town: Town) -> None:
    visitor, desk = await town.in_call()
    room = (await town.session(visitor.ticket)).room
    await town.made.calls.media_gone(room, "citizen")
    await town.made.calls.media_gone(room, "agent")
    for person in (visitor, desk):
        assert person.page is not None
        assert person.page.last("call.renegotiate")["purpose"] == "call"


# --- ending ----------------------------------------------------------------------------------------------


async def test_the_next_call_waits_for_an_outcome(town: Town) -> None:
    visitor, desk = await town.in_call()
    following = await town.citizen()
    await visitor.leave()
    assert (stage(visitor), stage(desk)) == ("ended", "wrap_up")
    assert await desk.offered() is None
    with pytest.raises(Conflict, match="call_not_closed"):
        await desk.say(AgentAvailable())
    await desk.finish("consulted")
    assert await desk.offered() == await number(town, following)
    assert town.media.rooms == {}


async def test_an_outcome_must_be_of_the_list_and_true(town: Town) -> None:
    visitor, desk = await town.in_call()
    with pytest.raises(Conflict, match="no_call"):
        await desk.finish("consulted")
    await visitor.leave()
    for outcome in ("agent_lost", "fine", ""):
        with pytest.raises(BadInput, match="unknown_outcome"):
            await desk.finish(outcome)
    with pytest.raises(Conflict, match="outcome_not_true"):
        await desk.finish("submitted")
    with pytest.raises(BadInput, match="outcome_note_required"):
        await desk.finish("onsite_required", "  ")
    await desk.finish("onsite_required", "请带原件到狮岭镇窗口", then="away")
    assert (await town.session(visitor.ticket)).outcome is Outcome.ONSITE_REQUIRED
    assert await presence(town, desk) is Presence.AWAY
    view = await visitor.view()
    assert (view.outcome, view.outcome_note) == ("onsite_required", "请带原件到狮岭镇窗口")
    with pytest.raises(Conflict, match="no_call"):
        await desk.finish("consulted")


async def test_an_outcome_nobody_gives_closes_the_call_after_half_an_hour_and_sends_the_agent_away(
    town: Town,
) -> None:
    visitor, desk = await town.in_call()
    await desk.say(CallHangUp())
    await town.pass_time(29 * 60)
    assert (await town.session(visitor.ticket)).state is Call.WRAPPING_UP
    await town.pass_time(90)
    assert (await town.session(visitor.ticket)).state is Call.CLOSED
    assert (await town.ticket(visitor.ticket)).state is State.DONE
    assert await presence(town, desk) is Presence.AWAY
    assert stage(desk) == "away"


async def test_hanging_up_twice_ends_one_call(town: Town) -> None:
    visitor, desk = await town.in_call()
    await desk.say(CallHangUp())
    await desk.say(CallHangUp())
    await visitor.say(CallHangUp())
    assert (await town.kinds(visitor.application)).count("session.ended") == 1


async def test_a_call_is_ended_by_its_outcome_also_when_the_line_was_emptied_meanwhile(town: Town) -> None:
    visitor, desk = await town.in_call()
    await town.redis.flushall()
    await town.sweep()
    await town.pass_time(5)
    await visitor.leave()
    following = await town.citizen()
    await desk.finish("consulted")
    assert await desk.offered() == await number(town, following)


async def test_the_citizens_connection_waits_in_its_room_for_the_next_agent(town: Town) -> None:
    visitor, desk = await town.in_call()
    before = await town.session(visitor.ticket)
    other = await town.agent("other")
    await town.made.desks.transfer(desk.staff, Onward(agent=other.staff.id), "special_knowledge")
    assert town.media.rooms == {before.room: {"citizen"}}
    assert visitor.page is not None
    assert visitor.page.last("stage.changed")["keeps_room"] is True
    await other.accept()
    await visitor.join()
    await other.say(CallOffer(purpose="call", attempt=1, sdp="v=0"))
    after = await town.session(visitor.ticket)
    assert (after.id != before.id, after.room) == (True, before.room)
    assert town.media.rooms == {before.room: {"citizen", "agent"}}


async def test_a_room_is_not_kept_for_ever(town: Town) -> None:
    visitor, desk = await town.in_call()
    before = await town.session(visitor.ticket)
    await town.made.desks.transfer(desk.staff, Onward(mode="audio"), "other_mode")
    await town.pass_time(KEPT_ROOM_SECONDS + 1)
    other = await town.agent("other")
    await other.accept()
    assert (await town.session(visitor.ticket)).room != before.room
