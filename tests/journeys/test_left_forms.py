"""Leave a form when no number can be had; it is looked at, and the walk goes on with the same draft."""

from datetime import date, time

import pytest

from cloudwindow.domain.application import State as Stage
from cloudwindow.domain.calendar import moment
from cloudwindow.domain.errors import BadInput, Conflict, Gone, NotFound
from cloudwindow.domain.left_form import INVITED_SECONDS, KEPT_SECONDS, TAKEN_SECONDS, LeftForm, State
from tests.journeys.test_appointments import texts_to
from tests.journeys.town import HUADU, TIANHE, WEDNESDAY_TEN, Desk, Town, Visitor

AT_NIGHT = WEDNESDAY_TEN + 11 * 3600
"""Wednesday, 21:00."""
THURSDAY_TEN = WEDNESDAY_TEN + 24 * 3600
THURSDAY = date(2026, 5, 21)


async def about_to_leave(town: Town) -> Visitor:
    """A citizen who met closed windows, of a district with one agent, and chose to leave a form."""
    town.now = AT_NIGHT
    await town.desk("chen")
    visitor = await town.visitor()
    browser = await visitor.browser()
    with pytest.raises(Conflict, match="office_closed"):
        await town.made.intakes.begin(browser, visitor.item, visitor.about)
    await town.made.leaving.begin(await visitor.browser(), visitor.item)
    return visitor


async def opened(town: Town) -> tuple[Visitor, LeftForm]:
    """A citizen with an open draft."""
    visitor = await about_to_leave(town)
    form = await town.made.leaving.open(
        await visitor.browser(),
        visitor.item,
        code=town.code_to(visitor.about["mobile"]),
        recording=False,
        language="zh-CN",
    )
    return visitor, form


async def left(town: Town, *, call_back: bool = True) -> tuple[Visitor, LeftForm]:
    """A citizen who has filled in something and left the form."""
    visitor, _ = await opened(town)
    browser = await visitor.browser()
    assert await town.made.leaving.set_many(browser, {"trade": "leather"}) == []
    return visitor, await town.made.leaving.leave(browser, call_back=call_back)


async def come_back(visitor: Visitor, secret: str) -> None:
    """A browser forgets within a day; the link of the text message is the way back."""
    visitor.token, session = await visitor.town.made.door.new_citizen()
    await visitor.town.made.leaving.resume(session, secret)


def link_to(visitor: Visitor) -> str:
    """The secret of the newest text message."""
    return texts_to(visitor)[0].rsplit("#", 1)[1]


async def colleague(town: Town, account: str) -> Desk:
    """Somebody of the staff list."""
    async with town.house.ledger.read() as conn:
        staff = await town.house.people.staff(conn, account)
    assert staff is not None
    return Desk(town=town, staff=staff)


async def form_now(town: Town, form: LeftForm) -> LeftForm:
    """The form as it stands."""
    async with town.house.ledger.read() as conn:
        return await town.house.left_forms.one(conn, form.id)


async def test_a_form_left_at_night_is_rung_next_day_and_goes_on_as_the_same_application(
    either_town: Town,
) -> None:
    town = either_town
    visitor, form = await left(town)
    assert form.due_at == moment(THURSDAY, time(17))
    assert form.number in texts_to(visitor)[0]
    town.now = THURSDAY_TEN
    await come_back(visitor, link_to(visitor))
    agent = await colleague(town, "chen")
    await agent.open()
    listed = await town.made.left_desk.listed(agent.staff)
    assert [row.form.id for row in listed.rows] == [form.id]
    await town.made.left_desk.take(agent.staff, form.id)
    read = await town.made.left_desk.read(agent.staff, form.id, "zh-CN")
    assert read.mine
    assert read.missing
    ticket = await town.made.left_desk.ring(agent.staff, form.id, "请准备身份证")
    assert (ticket.application, ticket.joined_at) == (form.application, town.now)
    assert (ticket.preferred_agent, ticket.callback) == (agent.staff.id, True)
    desk = await agent.view()
    assert desk.offer is not None
    assert desk.offer.number == ticket.number
    await agent.accept()
    assert "轮到" in texts_to(visitor)[0]
    after = await form_now(town, form)
    assert (after.state, after.ticket) == (State.CONTINUED, ticket.id)
    await town.made.leaving.visit(await visitor.browser())
    view = await town.made.visits.view(await visitor.browser(), "zh-CN")
    shown = {one.field.id: one.raw for section in view.sections for one in section.fields}
    assert shown["trade"] == "leather"
    told = await town.kinds(form.application)
    for kind in ("left_form.begun", "left_form.left", "left_form.taken", "left_form.continued"):
        assert kind in told
    assert "case.received" not in told


async def test_a_form_can_be_left_only_while_no_number_can_be_had(town: Town) -> None:
    await town.agent("chen")
    visitor = await town.visitor()
    await visitor.begin()
    with pytest.raises(Conflict, match="no_form_to_leave"):
        await town.made.leaving.begin(await visitor.browser(), visitor.item)
    town.now = AT_NIGHT
    await town.made.leaving.begin(await visitor.browser(), visitor.item)


async def test_nobody_leaves_a_form_where_nobody_would_look(town: Town) -> None:
    await town.desk("li", TIANHE)
    town.now = AT_NIGHT
    visitor = await town.visitor()
    with pytest.raises(Conflict, match="office_closed"):
        await visitor.begin()
    with pytest.raises(Conflict, match="no_form_to_leave"):
        await town.made.leaving.begin(await visitor.browser(), visitor.item)


async def test_agents_of_another_district_find_no_such_form(town: Town) -> None:
    _, form = await left(town)
    stranger = await town.desk("li", TIANHE)
    assert (await town.made.left_desk.listed(stranger.staff)).rows == []
    for step in (
        town.made.left_desk.read(stranger.staff, form.id, "zh-CN"),
        town.made.left_desk.take(stranger.staff, form.id),
        town.made.left_desk.picture(stranger.staff, form.id, "any"),
    ):
        with pytest.raises(NotFound, match="unknown_left_form"):
            await step


async def test_one_agent_at_a_time_looks_and_an_unfinished_look_is_given_back(town: Town) -> None:
    _, form = await left(town)
    one, two = await colleague(town, "chen"), await town.desk("he")
    await town.made.left_desk.take(one.staff, form.id)
    with pytest.raises(Conflict, match="left_form_taken"):
        await town.made.left_desk.take(two.staff, form.id)
    with pytest.raises(Conflict, match="left_form_not_taken"):
        await town.made.left_desk.invite(two.staff, form.id, "来吧")
    town.now += TAKEN_SECONDS
    await town.made.left_desk.due()
    await town.made.left_desk.take(two.staff, form.id)
    assert (await form_now(town, form)).agent == two.staff.id


async def test_who_did_not_ask_to_be_called_is_written_to_and_takes_a_number_with_the_draft(
    town: Town,
) -> None:
    visitor, form = await left(town, call_back=False)
    agent = await colleague(town, "chen")
    await town.made.left_desk.take(agent.staff, form.id)
    with pytest.raises(Conflict, match="no_call_back"):
        await town.made.left_desk.ring(agent.staff, form.id, "")
    with pytest.raises(BadInput, match="left_note_missing"):
        await town.made.left_desk.invite(agent.staff, form.id, "  ")
    await town.made.left_desk.invite(agent.staff, form.id, "请补拍身份证反面")
    view = await town.made.leaving.view(await visitor.browser(), "zh-CN")
    assert (view.form.state, view.note) == (State.INVITED, "请补拍身份证反面")
    assert "看过" in texts_to(visitor)[0]
    town.now = THURSDAY_TEN
    await come_back(visitor, link_to(visitor))
    await visitor.take_number()
    assert visitor.application == form.application
    assert (await form_now(town, form)).state is State.CONTINUED


async def test_a_withdrawn_form_gives_its_draft_up(town: Town) -> None:
    visitor, form = await left(town)
    browser = await visitor.browser()
    await town.made.leaving.withdraw(browser)
    await town.made.leaving.withdraw(browser)
    async with town.house.ledger.read() as conn:
        assert (await town.house.cases.case(conn, form.application)).state is Stage.ABANDONED
        with pytest.raises(NotFound):
            await town.house.left_forms.intake(conn, form.id)
    with pytest.raises(Gone, match="left_form_over"):
        await town.made.leaving.set_many(browser, {"trade": "leather"})
    agent = await colleague(town, "chen")
    with pytest.raises(NotFound, match="unknown_left_form"):
        await town.made.left_desk.read(agent.staff, form.id, "zh-CN")


async def test_a_form_nobody_looked_at_is_overdue_on_the_board_and_ends_with_notice(town: Town) -> None:
    visitor, form = await left(town)
    (row,) = await town.made.left_desk.on_board(HUADU)
    assert (row.unseen, row.overdue) == (1, 0)
    assert form.due_at is not None
    town.now = form.due_at
    (row,) = await town.made.left_desk.on_board(None)
    assert (row.unseen, row.overdue) == (1, 1)
    assert await town.made.left_desk.on_board(TIANHE) == []
    assert form.left_at is not None
    town.now = form.left_at + KEPT_SECONDS
    await town.made.left_desk.due()
    await town.made.left_desk.due()
    assert (await form_now(town, form)).state is State.EXPIRED
    assert len([text for text in texts_to(visitor) if "失效" in text]) == 1


async def test_an_invitation_nobody_follows_ends(town: Town) -> None:
    _, form = await left(town)
    agent = await colleague(town, "chen")
    await town.made.left_desk.take(agent.staff, form.id)
    await town.made.left_desk.invite(agent.staff, form.id, "请来取号")
    town.now += INVITED_SECONDS
    await town.made.left_desk.due()
    assert (await form_now(town, form)).state is State.EXPIRED


async def test_the_link_brings_the_form_to_another_browser_once(town: Town) -> None:
    visitor, form = await left(town)
    secret, old = link_to(visitor), visitor.token
    await come_back(visitor, secret)
    assert (await town.made.leaving.of_session(await visitor.browser())).id == form.id
    with pytest.raises(Gone, match="link_unknown"):
        await come_back(visitor, secret)
    visitor.token = old
    with pytest.raises(NotFound, match="no_left_form"):
        await town.made.leaving.of_session(await visitor.browser())


async def test_pressed_twice_a_form_is_opened_and_left_once(town: Town) -> None:
    visitor, form = await opened(town)
    again = await town.made.leaving.open(
        await visitor.browser(), visitor.item, code="000000", recording=False, language="zh-CN"
    )
    assert again.id == form.id
    browser = await visitor.browser()
    first = await town.made.leaving.leave(browser, call_back=True)
    second = await town.made.leaving.leave(browser, call_back=False)
    assert second == first
    assert len(texts_to(visitor)) == 1


async def test_a_wrong_code_opens_nothing(town: Town) -> None:
    visitor = await about_to_leave(town)
    with pytest.raises(BadInput, match="code_wrong"):
        await town.made.leaving.open(
            await visitor.browser(), visitor.item, code="12", recording=False, language="zh-CN"
        )
    with pytest.raises(NotFound, match="no_left_form"):
        await town.made.leaving.of_session(await visitor.browser())
