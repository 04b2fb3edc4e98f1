"""
The agents' side of left forms: the list, looking one through, ringing its citizen or inviting them.

A form is reached through the agent: of their district and within what they can do; any other answers as if it
did not exist.
"""

import contextlib
from collections.abc import Sequence

from cloudwindow.domain import left_form as rules
from cloudwindow.domain.calendar import day_of
from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, NotFound
from cloudwindow.domain.fields import mask_mobile
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.left_form import Event, LeftForm, State
from cloudwindow.domain.presence import State as Presence
from cloudwindow.domain.showings import mask_name
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey import showing
from cloudwindow.journey.desk import Desks, card_of, profile_of
from cloudwindow.journey.filling import Filling
from cloudwindow.journey.house import House
from cloudwindow.journey.intake import Intake, Intakes
from cloudwindow.journey.leaving import papers_missing
from cloudwindow.journey.left_views import LeftBoardRow, LeftFormRow, LeftListView, LeftReadView
from cloudwindow.journey.openings import lane_at
from cloudwindow.journey.texts import Ready, Texts
from cloudwindow.records import Connection
from cloudwindow.records.people import Staff
from cloudwindow.records.story import SYSTEM, note

NOTE_CHARACTERS = 500


class LeftDesk:
    """What agents do with left forms, and what time does."""

    def __init__(self, house: House, intakes: Intakes, desks: Desks, filling: Filling, texts: Texts) -> None:
        self._house = house
        self._texts = texts
        self._intakes = intakes
        self._desks = desks
        self._filling = filling

    # --- reading -----------------------------------------------------------------------------------------

    async def listed(self, agent: Staff) -> LeftListView:
        """The forms of the agent's district that they are able to serve, the oldest first."""
        house, now = self._house, self._house.clock()
        async with house.ledger.read() as conn:
            forms = await house.left_forms.unseen(conn, agent.district)
            found = [one for one in forms if self._able(agent, one)]
            names = [(await house.people.citizen(conn, one.citizen)).name for one in found]
        return LeftListView(
            staff=card_of(house, agent),
            district=house.catalogue.district(agent.district),
            rows=[
                LeftFormRow(
                    form=one,
                    item=house.item_of(one.item, one.item_version),
                    name=mask_name(name),
                    overdue=one.overdue(now),
                )
                for one, name in zip(found, names, strict=True)
            ],
        )

    async def read(self, agent: Staff, form_id: str, language: str) -> LeftReadView:
        """One form, personal numbers masked. Raises NotFound("unknown_left_form")."""
        house, now = self._house, self._house.clock()
        async with house.ledger.read() as conn:
            form = await self._reached(conn, agent, form_id)
            case = await house.cases.case(conn, form.application)
            citizen = await house.people.citizen(conn, form.citizen)
        item = house.item_of(form.item, form.item_version)
        return LeftReadView(
            staff=card_of(house, agent),
            form=form,
            item=item,
            home=house.catalogue.district(case.home_district),
            name=mask_name(citizen.name),
            mobile=mask_mobile(citizen.mobile),
            capacity=case.capacity,
            lines=showing.form_rows(case, item, language=language),
            materials=showing.materials(case, item, url=f"/desk/left-forms/{form.id}/materials"),
            missing=showing.missing_labels(case, item, language),
            missing_papers=papers_missing(case, item, language),
            overdue=form.overdue(now),
            mine=form.state is State.TAKEN and form.agent == agent.id,
        )

    async def picture(self, agent: Staff, form_id: str, material: str) -> bytes:
        """A photographed page. Raises NotFound unknown_left_form or unknown_material."""
        async with self._house.ledger.read() as conn:
            form = await self._reached(conn, agent, form_id)
        return await self._filling.picture(form.application, material)

    async def on_board(self, scope: str | None) -> Sequence[LeftBoardRow]:
        """The districts of ``scope`` (``None``: the city) in which forms wait to be looked at."""
        async with self._house.ledger.read() as conn:
            counts = await self._house.left_forms.counts(conn, self._house.clock())
        return [
            LeftBoardRow(
                district=self._house.catalogue.district(one.district),
                unseen=one.unseen,
                overdue=one.overdue,
            )
            for one in counts
            if scope in (None, one.district)
        ]

    def _able(self, agent: Staff, form: LeftForm) -> bool:
        item = self._house.item_of(form.item, form.item_version)
        lane = lane_at(item, form.district, form.language, form.mode)
        profile = profile_of(agent, day_of(self._house.clock()))
        return agent.district == form.district and profile.able(lane)

    async def _reached(self, conn: Connection, agent: Staff, form_id: str) -> LeftForm:
        form = await self._house.left_forms.one(conn, form_id)
        if form.state not in rules.UNSEEN or not self._able(agent, form):
            raise NotFound("unknown_left_form")
        return form

    async def _mine(self, conn: Connection, agent: Staff, form_id: str) -> LeftForm:
        form = await self._reached(conn, agent, form_id)
        if form.state is not State.TAKEN or form.agent != agent.id:
            raise Conflict("left_form_not_taken")
        return form

    # --- acting ------------------------------------------------------------------------------------------

    async def take(self, agent: Staff, form_id: str) -> None:
        """
        Look it through from now on; again by the same agent changes nothing.

        Raises NotFound("unknown_left_form"), Conflict("left_form_taken") while another looks at it.
        """
        now = self._house.clock()

        async def work(conn: Connection) -> None:
            form = await self._reached(conn, agent, form_id)
            if form.state is State.TAKEN and form.agent == agent.id:
                return
            if form.state is State.TAKEN:
                raise Conflict("left_form_taken")
            await self._move(conn, form, rules.advance(form, Event.TAKE, now, agent=agent.id), agent)

        await self._house.ledger.write(work)

    async def release(self, agent: Staff, form_id: str) -> None:
        """Give it back to the list. Raises NotFound, Conflict("left_form_not_taken")."""
        now = self._house.clock()

        async def work(conn: Connection) -> None:
            form = await self._mine(conn, agent, form_id)
            await self._move(conn, form, rules.advance(form, Event.RELEASE, now), agent)

        await self._house.ledger.write(work)

    async def invite(self, agent: Staff, form_id: str, text: str) -> None:
        """
        Write what is missing and ask its citizen to take a number or book a time; they are told by message.

        Raises BadInput("left_note_missing"), NotFound, Conflict("left_form_not_taken").
        """
        words = text.strip()[:NOTE_CHARACTERS]
        if not words:
            raise BadInput("left_note_missing", field="note")
        now = self._house.clock()

        async def work(conn: Connection) -> Ready | None:
            form = await self._mine(conn, agent, form_id)
            after = rules.advance(form, Event.INVITE, now)
            await self._house.left_forms.keep_note(conn, form.id, words)
            await self._move(conn, form, after, agent)
            return await self._texts.put_here(conn, "left_form.invited", form.id, "", now=now)

        await self._texts.try_send(await self._house.ledger.write(work))

    async def ring(self, agent: Staff, form_id: str, text: str) -> Ticket:
        """
        Make the ticket with which the walk goes on, and offer it to this agent: accepting rings the citizen.

        It joins the line now, for this agent first. Raises Conflict no_call_back, left_form_not_taken,
        call_not_closed or ticket_exists, NotFound.
        """
        house, now = self._house, self._house.clock()
        words = text.strip()[:NOTE_CHARACTERS]
        async with house.ledger.read() as conn:
            form = await self._mine(conn, agent, form_id)
        await self._desks.must_have_room(agent, form.mode)

        async def work(conn: Connection) -> Ticket:
            form = await self._mine(conn, agent, form_id)
            if not form.call_back:
                raise Conflict("no_call_back")
            if words:
                await house.left_forms.keep_note(conn, form.id, words)
            intake = Intake(**await house.left_forms.intake(conn, form.id))
            case = await house.cases.case(conn, form.application)
            ticket = await self._intakes.rung(conn, intake, case, agent=agent.id, now=now)
            after = rules.advance(form, Event.CONTINUE, now, ticket=ticket.id)
            await self._move(conn, form, after, agent)
            return ticket

        ticket = await house.ledger.write(work)
        await self._intakes.join(ticket)
        with contextlib.suppress(CloudWindowError):  # it waits in line, for this agent first
            known = await self._desks.presence(agent.id)
            if known is None or known.state is Presence.OFFLINE:
                await self._desks.start(agent, pull=True)
            await self._desks.pick(agent, ticket.id, "known_case")
        return ticket

    async def _move(self, conn: Connection, form: LeftForm, after: LeftForm, agent: Staff) -> None:
        await self._house.left_forms.save(conn, after, seen=form.version)
        told = {"left_form": form.id, "state": after.state.value}
        kind = {
            State.TAKEN: "left_form.taken",
            State.LEFT: "left_form.released",
            State.INVITED: "left_form.invited",
            State.CONTINUED: "left_form.continued",
        }[after.state]
        actor = Actor(kind="agent", id=agent.id, name=agent.name)
        await note(conn, form.application, kind, actor, self._house.clock(), told)

    # --- what time brings --------------------------------------------------------------------------------

    async def due(self) -> None:
        """Give back what an agent did not finish; end what did not go on, and tell its citizen."""
        now = self._house.clock()
        async with self._house.ledger.read() as conn:
            found = await self._house.left_forms.due(conn, now)
        for form in found:
            with contextlib.suppress(Conflict):  # another node was there first
                await self._bring(form, now)
        await self._texts.look()

    async def _bring(self, form: LeftForm, now: float) -> None:
        event = rules.due(form)
        after = rules.advance(form, event, now)
        kind = "left_form.released" if event is Event.RELEASE else "left_form.expired"

        async def work(conn: Connection) -> None:
            await self._house.left_forms.save(conn, after, seen=form.version)
            await note(conn, form.application, kind, SYSTEM, now, {"left_form": form.id})
            if event is Event.EXPIRE and form.state is not State.FILLING:
                await self._texts.put(conn, "left_form.expired", form.id, "", now=now)

        await self._house.ledger.write(work)
