"""The matters of a ticket as calls and pages need them; single matters cost nothing more than before."""

from collections.abc import Sequence
from dataclasses import replace

from cloudwindow.domain.application import FILLING, Application
from cloudwindow.domain.calendar import day_of
from cloudwindow.domain.catalogue import ServiceItem, Text
from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.domain.filling import Actor, asked, papers_asked
from cloudwindow.domain.ids import MaterialId, StaffId, word
from cloudwindow.domain.matter import Matter, following, same_paper, settle
from cloudwindow.domain.session import Outcome, Session
from cloudwindow.domain.ticket import State, Ticket
from cloudwindow.journey.house import House
from cloudwindow.journey.views import MatterView
from cloudwindow.records import Connection, matters
from cloudwindow.records.story import note

IN_ITS_CALL = frozenset({State.SERVING, State.ON_HOLD, State.DONE})
"""Here a call's end is the end of its ticket too; else the ticket waits again, its matters with it."""


def standing_at(ticket: Ticket, matter: Matter) -> Ticket:
    """``ticket`` with ``matter`` as the one that is prepared, or handled."""
    return replace(ticket, application=matter.application, item=matter.item, item_version=matter.item_version)


def here(found: Sequence[Matter], application: str) -> Matter:
    """The matter of this application. Raises Conflict("no_call") if the ticket has none such."""
    for one in found:
        if one.application == application:
            return one
    raise Conflict("no_call")


def joined_names(names: Sequence[Text]) -> Text:
    """Several items in one line."""
    return Text(zh="、".join(one.zh for one in names), en=", ".join(one.en for one in names))


async def first_open(house: House, conn: Connection, ticket: Ticket) -> Ticket:
    """
    ``ticket`` standing at the first matter that has no outcome: where a call begins.

    What was handed in in a call that broke off has its outcome by that.
    """
    if not ticket.several:
        return ticket
    found = []
    for one in await matters.of_ticket(conn, ticket.id):
        case = await house.cases.case(conn, one.application)
        if one.outcome is None and case.submitted:
            one = settle(one, "", "", submitted=True)
            await matters.save(conn, one)
        found.append(one)
    return standing_at(ticket, following(found, 0) or here(found, ticket.application))


async def others_open(conn: Connection, ticket: Ticket) -> bool:
    """Whether a matter besides the one ``ticket`` stands at has no outcome yet."""
    if not ticket.several:
        return False
    found = await matters.of_ticket(conn, ticket.id)
    return following(found, here(found, ticket.application).position) is not None


async def close(
    conn: Connection, ticket: Ticket, session: Session, outcome: Outcome, text: str, *, submitted: bool
) -> None:
    """
    Give the matter of ``session`` its outcome as the call is closed.

    A ticket that waits again goes on with what it has. Raises Conflict("matters_open") while another matter
    has no outcome.
    """
    if ticket.epoch != session.epoch or ticket.state not in IN_ITS_CALL:
        return
    found = await matters.of_ticket(conn, ticket.id)
    mine = here(found, session.application)
    if following(found, mine.position) is not None:
        raise Conflict("matters_open")
    await matters.save(conn, settle(mine, outcome.value, text, submitted=submitted))


async def close_by_default(house: House, conn: Connection, ticket: Ticket, session: Session) -> None:
    """Nobody said how the matters ended: handed in is handed in, a draft has its agent as owner."""
    if ticket.epoch != session.epoch or ticket.state not in IN_ITS_CALL:
        return
    for one in await matters.of_ticket(conn, ticket.id):
        if one.outcome is None:
            submitted = (await house.cases.case(conn, one.application)).submitted
            outcome = Outcome.SUBMITTED if submitted else Outcome.DRAFT_OWNED
            await matters.save(conn, replace(one, outcome=outcome))


async def views(house: House, conn: Connection, ticket: Ticket) -> Sequence[MatterView]:
    """The matters of a ticket that has several, as its pages list them; of one with a single none."""
    if not ticket.several:
        return ()
    found = []
    for one in await matters.of_ticket(conn, ticket.id):
        case = await house.cases.case(conn, one.application)
        now = one.application == ticket.application
        done = one.outcome is not None or case.submitted
        found.append(
            MatterView(
                position=one.position,
                name=house.item_of(one.item, one.item_version).name,
                item=one.item,
                state="now" if now else "done" if done else "open",
                outcome=one.outcome.value if one.outcome else "submitted" if case.submitted else "",
                note=one.outcome_note,
                receipt=case.receipt or "",
            )
        )
    return found


async def names(house: House, conn: Connection, ticket: Ticket) -> Sequence[Text]:
    """What a ticket with several matters is about; of one with a single matter nothing."""
    if not ticket.several:
        return ()
    found = await matters.of_ticket(conn, ticket.id)
    return [house.item_of(one.item, one.item_version).name for one in found]


async def cases(conn: Connection, ticket: Ticket) -> Sequence[str]:
    """The applications a ticket is about."""
    if not ticket.several:
        return (ticket.application,)
    return [one.application for one in await matters.of_ticket(conn, ticket.id)]


async def carry_over(
    house: House, conn: Connection, before: Sequence[Matter], onto: Matter, agent: StaffId, now: float
) -> None:
    """
    Take along what was done for the matters ``before``: the identity check, answers to the same questions as
    proposals that the citizen confirms, and photographs of the very same papers, to be looked at again.
    """
    item = house.item_of(onto.item, onto.item_version)
    for one in reversed(before):
        source = await house.cases.case(conn, one.application)
        target = await house.cases.case(conn, onto.application, lock=True)
        if target.state not in FILLING:
            return
        target = await _carry_identity(house, conn, source, target, agent, now)
        known = house.item_of(one.item, one.item_version)
        await _carry_answers(house, conn, source, target, known, item, agent, now)
        await _carry_papers(house, conn, source, target, known, item, agent, now)


async def _carry_identity(
    house: House, conn: Connection, source: Application, target: Application, agent: StaffId, now: float
) -> Application:
    if source.identity_result != "confirmed" or target.identity_result is not None:
        return target
    checked = replace(
        target,
        identity_checked_at=source.identity_checked_at,
        identity_method=source.identity_method,
        identity_result=source.identity_result,
        version=target.version + 1,
    )
    await house.cases.save(conn, checked, seen=target.version)
    payload = {"method": checked.identity_method, "result": "confirmed", "checked_with": source.item}
    await note(conn, target.id, "identity.checked", Actor(kind="agent", id=agent), now, payload)
    return checked


async def _carry_answers(
    house: House,
    conn: Connection,
    source: Application,
    target: Application,
    known: ServiceItem,
    item: ServiceItem,
    agent: StaffId,
    now: float,
) -> None:
    types = {question.id: question.type for question in item.form.fields}
    actor = Actor(kind="agent", id=agent)
    for question in asked(source, known):
        value = source.values.get(question.id)
        wanted = types.get(question.id) is question.type and question.id not in target.values
        if value is None or value.value is None or not wanted:
            continue
        try:
            await house.assist.set_value(
                conn,
                target.id,
                item,
                question.id,
                value.value,
                base=None,
                actor=actor,
                now=now,
                today=day_of(now),
            )
        except BadInput:
            continue  # this item's own check refuses it: the question is asked


async def _carry_papers(
    house: House,
    conn: Connection,
    source: Application,
    target: Application,
    known: ServiceItem,
    item: ServiceItem,
    agent: StaffId,
    now: float,
) -> None:
    given = {paper.rule for paper in target.materials}
    rules = {rule.id: rule for rule in papers_asked(source, known)}
    for rule in papers_asked(target, item):
        if rule.id in given or rule.id not in rules or not same_paper(rule, rules[rule.id]):
            continue
        for paper in source.materials:
            if paper.rule == rule.id:
                fresh = replace(paper, id=MaterialId(word(house.random(10))), at=now)
                fresh = replace(fresh, verdict=type(paper.verdict).PENDING, verdict_by=None)
                actor = Actor(kind="agent", id=agent)
                await house.assist.add_material(conn, target.id, item, fresh, actor=actor)
