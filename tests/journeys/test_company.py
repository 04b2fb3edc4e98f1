"""Third parties, supervisors, hold and private talk: who comes in by whose word."""

import re

import pytest

from cloudwindow.domain.errors import BadInput, Conflict, Gone, NotAllowed, NotFound
from cloudwindow.domain.messages import CallDevices, CallHangUp, CallOffer, CallPrepare, CallQuality, ChatSay
from cloudwindow.domain.third_party import Kind, State, ThirdParty
from cloudwindow.journey.views import CompanyView
from cloudwindow.media.plane import Mode
from cloudwindow.records import quality
from tests.journeys.town import HUADU, PANYU, Desk, Page, Town, Visitor, photo_of

OFFER = CallOffer(purpose="call", attempt=1, sdp="v=0")


async def of_agent(town: Town, desk: Desk) -> CompanyView:
    found = await town.made.company.of_agent(desk.staff)
    assert found is not None
    return found


async def of_citizen(town: Town, visitor: Visitor) -> CompanyView:
    found = await town.made.company.of_ticket(visitor.ticket)
    assert found is not None
    return found


async def invited(town: Town, desk: Desk, kind: str = "interpreter", name: str = "陈手语") -> ThirdParty:
    """Invited, and the link followed on their own device."""
    made = await town.made.company.invite(desk.staff, kind, name, "")
    link = next(row.link for row in (await of_agent(town, desk)).rows if row.id == made.id)
    await town.made.company.enter(link.partition("#")[2])
    return made


async def let_in(town: Town, visitor: Visitor, party: ThirdParty) -> Page:
    await town.made.company.agree(visitor.ticket, party.id)
    page = town.pages.open(f"third:{party.id}")
    await town.made.company.opened(party.id)
    await town.made.company.heard(party.id, OFFER)
    return page


async def state(town: Town, party: ThirdParty) -> State:
    async with town.house.ledger.read() as conn:
        return (await town.house.third_parties.one(conn, party.id)).state


async def test_an_interpreter_comes_in_when_agent_and_citizen_both_want_it(either_town: Town) -> None:
    town = either_town
    visitor, desk = await town.in_call()
    session = await town.session(visitor.ticket)
    party = await invited(town, desk)
    with pytest.raises(Conflict, match="third_party_waits"):
        await town.made.company.heard(party.id, OFFER)
    assert party.member not in town.media.rooms[session.room]
    page = await let_in(town, visitor, party)
    assert page.last("call.answer")["purpose"] == "call"
    assert party.member in town.media.rooms[session.room]
    rows = (await of_citizen(town, visitor)).rows
    assert [(row.kind, row.name, row.state, row.link) for row in rows] == [
        ("interpreter", "陈手语", "present", "")
    ]
    told = await town.kinds((await town.ticket(visitor.ticket)).application)
    assert [kind for kind in told if kind.startswith("third_party")] == [
        "third_party.invited",
        "third_party.agreed",
        "third_party.joined",
    ]


async def test_the_link_works_once_and_only_while_the_invitation_lasts(town: Town) -> None:
    visitor, desk = await town.in_call()
    await town.made.company.invite(desk.staff, "family", "李女儿", "")
    secret = (await of_agent(town, desk)).rows[0].link.partition("#")[2]
    await town.made.company.enter(secret)
    with pytest.raises(Gone, match="link_unknown"):
        await town.made.company.enter(secret)
    late = await town.made.company.invite(desk.staff, "family", "李儿子", "")
    secret = next(row.link for row in (await of_agent(town, desk)).rows if row.id == late.id).partition("#")[
        2
    ]
    town.now += 15 * 60 + 1
    await town.made.company.sweep()
    with pytest.raises(Gone, match="link_unknown"):
        await town.made.company.enter(secret)
    assert (await of_citizen(town, visitor)).rows == []


async def test_the_link_goes_to_a_phone_by_text_message(town: Town) -> None:
    _, desk = await town.in_call()
    await town.made.company.invite(desk.staff, "expert", "专家王", " 139 0000 1234 ")
    assert town.house.demo_sms is not None
    sent = town.house.demo_sms.sent()[0]
    assert sent.mobile == "13900001234"
    link = re.search(r"/guest/join#(\w+)", sent.text)
    assert link is not None
    await town.made.company.enter(link[1])


@pytest.mark.parametrize(
    ("kind", "name", "mobile", "code"),
    [
        ("supervisor", "某", "", "third_party_unknown_kind"),
        ("boss", "某", "", "third_party_unknown_kind"),
        ("family", " ", "", "third_party_name_missing"),
        ("family", "长" * 41, "", "third_party_name_missing"),
        ("family", "某\u202e", "", "third_party_name_missing"),
        ("family", "某", "12345", "mobile_format"),
    ],
)
async def test_a_wrong_invitation_invites_nobody(
    town: Town, kind: str, name: str, mobile: str, code: str
) -> None:
    _, desk = await town.in_call()
    with pytest.raises(BadInput, match=code):
        await town.made.company.invite(desk.staff, kind, name, mobile)
    assert (await of_agent(town, desk)).rows == []


async def test_a_call_takes_four_others_and_no_more(town: Town) -> None:
    _, desk = await town.in_call()
    for number in range(4):
        await town.made.company.invite(desk.staff, "family", f"家属{number}", "")
    with pytest.raises(Conflict, match="third_party_too_many"):
        await town.made.company.invite(desk.staff, "family", "再一个", "")
    assert not (await of_agent(town, desk)).may_invite


async def test_without_a_running_call_nobody_is_invited_held_or_taken_aside(town: Town) -> None:
    desk = await town.agent("mei")
    company = town.made.company
    for step in (
        company.invite(desk.staff, "family", "某", ""),
        company.hold(desk.staff, "look_up"),
        company.side_room(desk.staff, True),
    ):
        with pytest.raises(Conflict, match="no_call"):
            await step


async def test_the_citizen_refuses_and_sends_away(town: Town) -> None:
    visitor, desk = await town.in_call()
    refused, present = await invited(town, desk, "expert"), await invited(town, desk)
    page = await let_in(town, visitor, present)
    for one in (refused, present):
        await town.made.company.refuse(visitor.ticket, one.id)
        assert await state(town, one) is State.ENDED
    session = await town.session(visitor.ticket)
    assert town.media.rooms[session.room] == {"citizen"}
    assert page.last("panel.changed")["panels"] == ["company"]
    with pytest.raises(Conflict, match="no_call"):
        await town.made.company.heard(present.id, OFFER)


async def test_another_calls_people_answer_like_people_who_do_not_exist(town: Town) -> None:
    visitor, desk = await town.in_call()
    other_visitor, other_desk = await second_call(town)
    party = await invited(town, desk)
    with pytest.raises(NotFound, match="third_party_unknown"):
        await town.made.company.agree(other_visitor.ticket, party.id)
    with pytest.raises(NotFound, match="third_party_unknown"):
        await town.made.company.refuse(other_visitor.ticket, party.id)
    with pytest.raises(NotFound, match="third_party_unknown"):
        await town.made.company.remove(other_desk.staff, party.id)
    assert await state(town, party) is State.INVITED
    assert (await of_citizen(town, visitor)).rows[0].agreed is False


async def second_call(town: Town) -> tuple[Visitor, Desk]:
    desk = await town.agent("other")
    visitor = await town.citizen()
    await desk.accept()
    await visitor.join()
    await desk.say(OFFER)
    return visitor, desk


async def test_the_call_takes_everybody_with_it_when_it_ends(town: Town) -> None:
    visitor, desk = await town.in_call()
    party = await invited(town, desk)
    page = await let_in(town, visitor, party)
    await desk.say(CallHangUp())
    await town.made.company.sweep()
    assert await state(town, party) is State.ENDED
    view = await town.made.company.guest_view(party)
    assert view.stage == "ended"
    assert page.last("panel.changed")["panels"] == ["company"]
    assert await town.made.company.of_ticket(visitor.ticket) is None


async def test_a_page_that_reloads_is_absent_and_then_back(town: Town) -> None:
    visitor, desk = await town.in_call()
    party = await invited(town, desk)
    await let_in(town, visitor, party)
    await town.made.company.closed(party.id)
    assert await state(town, party) is State.ABSENT
    await town.made.company.heard(party.id, OFFER)
    assert await state(town, party) is State.PRESENT
    await town.made.company.heard(party.id, CallHangUp())
    assert await state(town, party) is State.ENDED


async def test_what_a_third_party_sends_is_told_to_both_sides_with_their_name(town: Town) -> None:
    visitor, desk = await town.in_call()
    party = await invited(town, desk)
    await let_in(town, visitor, party)
    await town.made.company.heard(party.id, CallDevices(camera=False, microphone=True))
    for page in (visitor.page, desk.page):
        assert page is not None
        assert page.last("peer.devices")["member"] == party.member


async def test_a_held_call_says_why_on_both_sides_and_lets_nothing_through(town: Town) -> None:
    visitor, desk = await town.in_call()
    session = await town.session(visitor.ticket)
    await town.made.company.hold(desk.staff, "look_up")
    assert town.media.arrangements[session.room].hold == "look_up"
    for view in (await of_citizen(town, visitor), await of_agent(town, desk)):
        assert (view.hold_reason, view.held_at) == ("look_up", town.now)
    town.now += 30
    await town.made.company.hold(desk.staff, "technical")
    assert (await of_agent(town, desk)).held_at == town.now - 30
    with pytest.raises(BadInput, match="unknown_reason"):
        await town.made.company.hold(desk.staff, "lunch")
    await town.made.company.hold(desk.staff, "")
    assert town.media.arrangements[session.room].hold is None
    assert (await of_citizen(town, visitor)).held_at is None
    told = await town.kinds((await town.ticket(visitor.ticket)).application)
    assert [kind for kind in told if "held" in kind] == ["session.held", "session.held", "session.unheld"]


async def test_the_private_talk_leaves_out_all_but_who_translates(town: Town) -> None:
    visitor, desk = await town.in_call()
    session = await town.session(visitor.ticket)
    family, interpreter = await invited(town, desk, "family"), await invited(town, desk)
    for one in (family, interpreter):
        await let_in(town, visitor, one)
    await town.made.company.side_room(desk.staff, True)
    assert town.media.arrangements[session.room].side_room == {"citizen", "agent", interpreter.member}
    await town.made.company.side_room(desk.staff, False)
    assert not town.media.arrangements[session.room].side_room


async def test_a_room_that_is_placed_anew_is_arranged_with_the_first_who_comes(town: Town) -> None:
    visitor, desk = await town.in_call()
    session = await town.session(visitor.ticket)
    await town.made.company.hold(desk.staff, "technical")
    town.media.arrangements.clear()
    await visitor.say(OFFER)
    assert town.media.arrangements[session.room].hold == "technical"


async def test_a_supervisor_listens_with_a_reason_and_the_agent_always_sees_it(town: Town) -> None:
    visitor, desk = await town.in_call()
    admin = await town.desk("admin", HUADU, role="district_admin")
    session = await town.session(visitor.ticket)
    with pytest.raises(BadInput, match="supervision_reason_missing"):
        await town.made.company.supervise(admin.staff, session.id, "  ")
    party = await town.made.company.supervise(admin.staff, session.id, "抽查服务质量")
    assert await town.made.company.supervise(admin.staff, session.id, "再来") == party
    await town.made.company.heard(party.id, OFFER)
    assert town.media.arrangements[session.room].modes == {party.member: Mode.LISTEN}
    assert [row.kind for row in (await of_agent(town, desk)).rows] == ["supervisor"]
    assert [row.kind for row in (await of_citizen(town, visitor)).rows] == ["supervisor"]
    await town.made.company.set_mode(admin.staff, party.id, "whisper")
    assert town.media.arrangements[session.room].modes == {party.member: Mode.WHISPER}
    with pytest.raises(BadInput, match="supervision_mode_unknown"):
        await town.made.company.set_mode(admin.staff, party.id, "shout")
    with pytest.raises(NotFound, match="third_party_unknown"):
        await town.made.company.refuse(visitor.ticket, party.id)
    events = await town.story((await town.ticket(visitor.ticket)).application)
    started = next(one for one in events if one.kind == "supervision.started")
    assert started.payload["reason"] == "抽查服务质量"


async def test_a_city_may_keep_supervisors_from_the_citizens_page(town: Town) -> None:
    visitor, desk = await town.in_call()
    admin = await town.desk("admin", HUADU, role="city_admin")
    session = await town.session(visitor.ticket)
    await town.made.company.supervise(admin.staff, session.id, "投诉核查")
    object.__setattr__(town.house, "shows_supervisors", False)
    assert (await of_citizen(town, visitor)).rows == []
    assert [row.kind for row in (await of_agent(town, desk)).rows] == ["supervisor"]


async def test_an_admin_of_another_district_finds_no_call(town: Town) -> None:
    visitor, _ = await town.in_call()
    stranger = await town.desk("stranger", PANYU, role="district_admin")
    session = await town.session(visitor.ticket)
    for wanted in (session.id, "no-such-call"):
        with pytest.raises(NotFound, match="unknown_session"):
            await town.made.company.supervise(stranger.staff, wanted, "看看")


async def test_pages_are_told_who_is_in_which_stream(town: Town) -> None:
    visitor, desk = await town.in_call()
    session = await town.session(visitor.ticket)
    party = await invited(town, desk)
    page = await let_in(town, visitor, party)
    town.media.slots = {"citizen": ("agent", party.member, None), party.member: ("citizen",)}
    for member in ("citizen", party.member):
        await town.made.company.slots(session.room, member)
    assert visitor.page is not None
    assert visitor.page.last("call.slots")["slots"] == [
        {"kind": "agent", "name": ""},
        {"kind": Kind.INTERPRETER.value, "name": "陈手语"},
        None,
    ]
    assert page.last("call.slots")["slots"] == [{"kind": "citizen", "name": ""}]


async def test_who_has_left_the_room_is_asked_to_offer_again_on_their_own_page(town: Town) -> None:
    visitor, desk = await town.in_call()
    session = await town.session(visitor.ticket)
    party = await invited(town, desk)
    page = await let_in(town, visitor, party)
    await town.made.calls.media_gone(session.room, party.member)
    assert page.last("call.renegotiate")["more"] is False
    await town.made.calls.media_gone(session.room, "citizen", more=True)
    assert visitor.page is not None
    assert visitor.page.last("call.renegotiate")["more"] is True


async def test_what_a_third_party_writes_reaches_all_and_is_kept_with_the_case(either_town: Town) -> None:
    town = either_town
    visitor, desk = await town.in_call()
    sister = await invited(town, desk, "family", "李女儿")
    page = await let_in(town, visitor, sister)
    await town.made.company.heard(sister.id, ChatSay(text=" 我在旁边 "))
    assert page.last("chat.said")["author"] == "self"
    for side in (visitor.page, desk.page):
        assert side is not None
        line = side.last("chat.said")
        assert (line["author"], line["name"], line["text"]) == ("third", "李女儿", "我在旁边")
    await town.made.filling.say(await visitor.filler(), "好的")
    assert page.last("chat.said")["text"] == "好的"
    view = await visitor.view()
    assert next((one.author, one.name) for one in view.chat) == ("third", "李女儿")


async def test_a_private_talk_is_neither_read_nor_written_by_who_is_outside(town: Town) -> None:
    visitor, desk = await town.in_call()
    sister = await invited(town, desk, "family", "李女儿")
    page = await let_in(town, visitor, sister)
    await town.made.company.side_room(desk.staff, True)
    await town.made.filling.say(await visitor.filler(), "只对你说")
    assert "chat.said" not in page.kinds()
    with pytest.raises(Conflict, match="private_talk"):
        await town.made.company.heard(sister.id, ChatSay(text="喂"))


async def test_a_supervisor_reads_along_and_does_not_write(town: Town) -> None:
    visitor, _ = await town.in_call()
    session = await town.session(visitor.ticket)
    admin = await town.desk("admin", HUADU, role="district_admin")
    party = await town.made.company.supervise(admin.staff, session.id, "抽查")
    page = town.pages.open(f"third:{party.id}")
    await town.made.company.heard(party.id, OFFER)
    await town.made.filling.say(await visitor.filler(), "您好")
    assert page.last("chat.said")["text"] == "您好"
    with pytest.raises(NotAllowed, match="not_allowed"):
        await town.made.company.heard(party.id, ChatSay(text="不该说"))


async def test_the_local_counter_scans_into_the_case_and_prints_what_was_issued(town: Town) -> None:
    visitor, desk = await town.in_call()
    counter = await invited(town, desk, "local_counter", "狮岭便民服务中心")
    with pytest.raises(Conflict, match="no_call"):
        await town.made.company.scan(counter, "id_card", photo_of("id_card"))
    await let_in(town, visitor, counter)
    await town.made.company.scan(counter, "id_card", photo_of("id_card"))
    scanned = next(one for one in (await visitor.view()).materials if one.rule.id == "id_card")
    assert len(scanned.papers) == 1
    async with town.house.ledger.read() as conn:
        there = await town.house.third_parties.one(conn, counter.id)
    shown = await town.made.company.guest_view(there)
    assert next(one for one in shown.papers if one.rule.id == "id_card").papers
    told = await town.kinds((await town.ticket(visitor.ticket)).application)
    assert "material.added" in told
    with pytest.raises(NotFound, match="unknown_document"):
        await town.made.company.printed(counter, "nothing")


async def test_only_the_local_counter_has_scanner_and_printer(town: Town) -> None:
    visitor, desk = await town.in_call()
    sister = await invited(town, desk, "family", "李女儿")
    await let_in(town, visitor, sister)
    with pytest.raises(NotAllowed, match="not_allowed"):
        await town.made.company.scan(sister, "id_card", photo_of("id_card"))
    with pytest.raises(NotAllowed, match="not_allowed"):
        await town.made.company.printed(sister, "d1")


async def test_a_counter_is_told_when_there_is_something_to_scan_or_print(town: Town) -> None:
    visitor, desk = await town.in_call()
    counter = await invited(town, desk, "local_counter", "狮岭便民服务中心")
    page = await let_in(town, visitor, counter)

    def told() -> int:
        return sum(one["type"] == "panel.changed" and "counter" in one["panels"] for one in page.told)

    assert told() == 1, "there is something to scan as soon as they are in the call"
    await town.made.filling.add_material(await visitor.filler(), "id_card", photo_of("id_card"))
    assert told() == 2


async def test_who_is_not_in_the_call_gets_no_relay_and_is_not_spoken_of(town: Town) -> None:
    visitor, desk = await town.in_call()
    sister = await invited(town, desk, "family", "李女儿")
    page = town.pages.open(f"third:{sister.id}")
    await town.made.company.heard(sister.id, CallDevices(camera=True, microphone=True))
    await town.made.company.heard(sister.id, CallPrepare())
    assert "call.ways" in page.kinds()
    await town.made.company.refuse(visitor.ticket, sister.id)
    await town.made.company.heard(sister.id, CallDevices(camera=True, microphone=True))
    for side in (visitor.page, desk.page):
        assert side is not None
        assert "peer.devices" not in side.kinds()
    for message in (CallPrepare(), OFFER):
        with pytest.raises(Conflict, match="no_call"):
            await town.made.company.heard(sister.id, message)
    with pytest.raises(BadInput, match="unknown_purpose"):
        await town.made.company.heard(sister.id, CallOffer(purpose="echo", attempt=1, sdp="v=0"))


async def test_a_guest_is_told_of_a_supervisor_only_where_the_citizen_is(town: Town) -> None:
    visitor, desk = await town.in_call()
    admin = await town.desk("admin", HUADU, role="city_admin")
    session = await town.session(visitor.ticket)
    sister = await invited(town, desk, "family", "李女儿")
    await let_in(town, visitor, sister)
    listening = await town.made.company.supervise(admin.staff, session.id, "抽查")

    async def seen_by(party: ThirdParty) -> list[str]:
        return [row.kind for row in (await town.made.company.guest_view(party)).company.rows]

    assert await seen_by(sister) == ["supervisor"]
    object.__setattr__(town.house, "shows_supervisors", False)
    assert await seen_by(sister) == []
    assert await seen_by(listening) == ["family"]


async def test_what_a_third_partys_browser_measures_is_kept_as_theirs(town: Town) -> None:
    visitor, desk = await town.in_call()
    session = await town.session(visitor.ticket)
    party = await invited(town, desk)
    measured = CallQuality(
        loss_up=1.0,
        loss_down=None,
        rtt_ms=40,
        kbit_up=500,
        kbit_down=500,
        width=640,
        height=480,
        step="360p",
        limit="none",
        browser="chrome-desktop",
    )
    await town.made.company.heard(party.id, measured)
    await let_in(town, visitor, party)
    await town.made.company.heard(party.id, measured)
    assert desk.page is not None
    assert "peer.quality" not in desk.page.kinds(), "the agent's graph is the citizen's"
    await town.made.contact.keep_measured()
    async with town.house.ledger.read() as conn:
        kept, _ = await quality.of_session(conn, session.id)
    assert [(one.side, one.loss_up) for one in kept] == [("third", 1.0)]
