"""
Leaving a form: by somebody who cannot have a number, filled at leisure, looked at by the next working day.

Nothing is handed in here (DESIGN: the call is not the legal act): the draft waits for the call in which its
citizen confirms and signs, under the same application.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from cloudwindow.assist import Changed
from cloudwindow.domain import left_form as rules
from cloudwindow.domain.application import FILLING, Application
from cloudwindow.domain.application import Event as CaseEvent
from cloudwindow.domain.application import advance as case_advance
from cloudwindow.domain.calendar import day_of
from cloudwindow.domain.catalogue import ServiceItem
from cloudwindow.domain.errors import BadInput, Conflict, Gone, NotFound
from cloudwindow.domain.fields import mask_mobile
from cloudwindow.domain.filling import Actor, papers_asked
from cloudwindow.domain.ids import ItemId, with_check, word
from cloudwindow.domain.left_form import Event, LeftForm, State
from cloudwindow.domain.showings import mask_name
from cloudwindow.journey import showing
from cloudwindow.journey.filling import Filling
from cloudwindow.journey.house import House
from cloudwindow.journey.intake import Agreed, Intake, Intakes
from cloudwindow.journey.left_views import LeftFormView
from cloudwindow.journey.openings import Openings
from cloudwindow.journey.texts import Ready, Texts
from cloudwindow.records import Connection
from cloudwindow.records.people import WebSession, wrong_code
from cloudwindow.records.story import note


class Leaving:
    """What a citizen does with a form they leave. Every lookup starts from their session."""

    def __init__(
        self, house: House, intakes: Intakes, openings: Openings, filling: Filling, texts: Texts
    ) -> None:
        self._house = house
        self._intakes = intakes
        self._openings = openings
        self._filling = filling
        self._texts = texts

    # --- beginning ---------------------------------------------------------------------------------------

    async def offered(self, intake: Intake) -> bool:
        """Whether a form can be left for what this person chose."""
        house = self._house
        return await self._openings.leavable(
            house.item_of(intake.item, intake.item_version),
            house.catalogue.district(intake.window),
            language=intake.call_language,
            mode=intake.mode,
        )

    async def begin(self, session: WebSession, item_id: str) -> Intake:
        """
        Have a code at hand for what this browser has said already.

        Raises Gone("intake_gone"), Conflict("no_form_to_leave") if a number can be had or nobody would look.
        """
        intake = self._intakes.of(session, item_id)
        if not await self.offered(intake):
            raise Conflict("no_form_to_leave")
        await self._intakes.have_code(session, intake)
        return intake

    async def open(
        self, session: WebSession, item_id: str, *, code: str, recording: bool, language: str
    ) -> LeftForm:
        """
        Spend the code and open the draft; the handling consent was ticked.

        Whoever has an open form for the item is brought back to it. Raises Conflict("ticket_exists") for who
        holds a number for it, Conflict("no_form_to_leave"), Gone("intake_gone"), and what a code can raise.
        """
        house, now = self._house, self._house.clock()
        if session.intake and not await self.offered(self._intakes.of(session, item_id)):
            raise Conflict("no_form_to_leave")

        async def work(conn: Connection) -> LeftForm | BadInput:
            known = await house.people.session_again(conn, session)
            if not known.intake and known.left_form is not None:
                held = await house.left_forms.one(conn, known.left_form)
                if held.open and held.item == item_id:
                    return held
            intake = self._intakes.of(known, item_id)
            right = await house.people.try_code(
                conn, purpose="identify", subject=session.token_hash, code=code.strip(), now=now
            )
            if not right:
                return wrong_code()  # given, not raised: the wrong attempt must be committed
            agreed = self._intakes.agreed(recording=recording, language=language)
            return await self._open(conn, session, intake, agreed, now)

        opened = await house.ledger.write(work)
        if isinstance(opened, BadInput):
            raise opened
        return opened

    async def _open(
        self, conn: Connection, session: WebSession, intake: Intake, agreed: Agreed, now: float
    ) -> LeftForm:
        house = self._house
        item = house.item_of(intake.item, intake.item_version)
        citizen = await self._intakes.identify(conn, intake, now)
        if await house.visits.live_ticket(conn, citizen.id, item.id) is not None:
            raise Conflict("ticket_exists")
        standing = await house.left_forms.of_citizen(conn, citizen.id, item.id)
        if standing is not None:
            await house.people.bind_left_form(conn, session, standing.id)
            return standing
        case = await self._intakes.draft(conn, intake, item, citizen, now)
        form = LeftForm(
            id=word(house.random(10)),
            number=with_check(house.random(5)),
            citizen=citizen.id,
            application=case.id,
            item=ItemId(item.id),
            item_version=item.version,
            district=house.catalogue.district(intake.window).code,
            language=intake.call_language,
            mode=intake.mode,
            spoken=agreed.language,
            begun_at=now,
            deadline=now + rules.FILLING_SECONDS,
        )
        secret = word(house.random(20))
        await house.left_forms.add(conn, form, intake=asdict(replace(intake, more=())), resume_secret=secret)
        await house.people.bind_left_form(conn, session, form.id)
        actor = Actor(kind="citizen", id=citizen.id)
        await note(conn, case.id, "left_form.begun", actor, now, {"left_form": form.id})
        await self._intakes.consented(conn, case.id, agreed, actor, now)
        return form

    # --- filling -----------------------------------------------------------------------------------------

    def held_by(self, session: WebSession) -> str:
        """The left form this browser holds. Raises NotFound("no_left_form")."""
        if session.left_form is None:
            raise NotFound("no_left_form")
        return session.left_form

    async def of_session(self, session: WebSession) -> LeftForm:
        """The left form this browser holds, as it stands. Raises NotFound("no_left_form")."""
        async with self._house.ledger.read() as conn:
            return await self._house.left_forms.one(conn, self.held_by(session))

    async def _to_change(self, session: WebSession) -> tuple[LeftForm, ServiceItem, Actor]:
        form = await self.of_session(session)
        if not form.open:
            raise Gone("left_form_over")
        async with self._house.ledger.read() as conn:
            citizen = await self._house.people.citizen(conn, form.citizen)
            principal = await self._house.cases.principal(conn, form.application)
        actor = Actor(
            kind="citizen",
            id=citizen.id,
            name=citizen.name,
            on_behalf_of="principal" if principal else None,
        )
        return form, self._house.item_of(form.item, form.item_version), actor

    async def set_many(self, session: WebSession, typed: Mapping[str, Any]) -> list[BadInput]:
        """Keep what was typed; gives what could not be kept. Raises Gone("left_form_over"), NotFound."""
        house, now = self._house, self._house.clock()
        form, item, actor = await self._to_change(session)
        errors: list[BadInput] = []
        case = form.application

        async def keep(field: str, raw: Any) -> None:
            async def work(conn: Connection) -> Changed:
                return await house.assist.set_value(
                    conn, case, item, field, raw, base=None, actor=actor, now=now, today=day_of(now)
                )

            await house.ledger.write(work)

        for field, raw in typed.items():
            try:
                await keep(field, raw)
            except BadInput as error:
                errors.append(error)
        return errors

    async def add_material(self, session: WebSession, rule: str, raw: bytes) -> None:
        """Keep a photographed page. Raises what papers and assist raise."""
        form, item, actor = await self._to_change(session)
        material = await self._filling.photographed(item, rule, raw, by=actor)
        await self._house.ledger.write(
            lambda conn: self._house.assist.add_material(conn, form.application, item, material, actor=actor)
        )

    async def remove_material(self, session: WebSession, material: str) -> None:
        """Take a page back. Raises NotFound("unknown_material")."""
        now = self._house.clock()
        form, _, actor = await self._to_change(session)
        await self._house.ledger.write(
            lambda conn: self._house.assist.remove_material(
                conn, form.application, material, actor=actor, now=now
            )
        )

    async def picture(self, session: WebSession, material: str) -> bytes:
        """A photographed page of this form. Raises NotFound("unknown_material")."""
        form = await self.of_session(session)
        return await self._filling.picture(form.application, material)

    # --- leaving, withdrawing, coming back ---------------------------------------------------------------

    async def leave(self, session: WebSession, *, call_back: bool) -> LeftForm:
        """Leave it to be looked at; a second press changes nothing. Raises Conflict("state_forbids")."""
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> tuple[LeftForm, Ready | None]:
            form = await house.left_forms.one(conn, self.held_by(session))
            if form.state in rules.UNSEEN:
                return form, None
            calendar = house.catalogue.district(form.district).calendar
            after = rules.left(form, calendar, now, call_back=call_back)
            await house.left_forms.save(conn, after, seen=form.version)
            actor = Actor(kind="citizen", id=form.citizen)
            told = {"left_form": form.id, "due_at": after.due_at, "call_back": call_back}
            await note(conn, form.application, "left_form.left", actor, now, told)
            return after, await self._texts.put_here(conn, "left_form.left", form.id, "", now=now)

        after, text = await house.ledger.write(work)
        await self._texts.try_send(text)
        return after

    async def withdraw(self, session: WebSession) -> None:
        """
        Take the form back: the draft is given up with it. A second press changes nothing.

        Raises Conflict("state_forbids") once it has ended otherwise.
        """
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> None:
            form = await house.left_forms.one(conn, self.held_by(session))
            if form.state is State.WITHDRAWN:
                return
            after = rules.advance(form, Event.WITHDRAW, now)
            await house.left_forms.save(conn, after, seen=form.version)
            actor = Actor(kind="citizen", id=form.citizen)
            case = await house.cases.case(conn, form.application, lock=True)
            if case.state in FILLING:
                given_up = case_advance(case, CaseEvent.ABANDON, now)
                await house.cases.save(conn, given_up, seen=case.version)
            await note(conn, form.application, "left_form.withdrawn", actor, now, {"left_form": form.id})

        await house.ledger.write(work)

    async def resume(self, session: WebSession, secret: str) -> None:
        """Take the form over to this browser; the link works once. Raises Gone("link_unknown")."""
        house = self._house
        fresh = word(house.random(20))

        async def work(conn: Connection) -> None:
            form = await house.left_forms.resume(conn, secret.strip().lower(), fresh_secret=fresh)
            await house.people.bind_left_form(conn, session, form.id)
            actor = Actor(kind="citizen", id=form.citizen)
            told = {"left_form": form.id}
            await note(conn, form.application, "left_form.resumed", actor, house.clock(), told)

        try:
            await house.ledger.write(work)
        except NotFound as error:
            raise Gone("link_unknown", field="secret") from error

    async def visit(self, session: WebSession) -> None:
        """Go over to the number the form went on with. Raises NotFound("no_visit")."""
        form = await self.of_session(session)
        ticket = form.ticket
        if ticket is None:
            raise NotFound("no_visit")
        await self._house.ledger.write(lambda conn: self._house.people.bind_ticket(conn, session, ticket))

    # --- the page ----------------------------------------------------------------------------------------

    async def view(self, session: WebSession, language: str) -> LeftFormView:
        """Everything the holder's page shows. Raises NotFound("no_left_form")."""
        house, now = self._house, self._house.clock()
        form = await self.of_session(session)
        async with house.ledger.read() as conn:
            citizen = await house.people.citizen(conn, form.citizen)
            case = await house.cases.case(conn, form.application)
            secret = await house.left_forms.resume_secret(conn, form.id)
            written = await house.left_forms.note(conn, form.id)
        item = house.item_of(form.item, form.item_version)
        district = house.catalogue.district(form.district)
        return LeftFormView(
            form=form,
            item=item,
            district=district,
            name=mask_name(citizen.name),
            mobile=mask_mobile(citizen.mobile),
            sections=showing.sections(case, item, side="citizen", language=language),
            materials=showing.materials(case, item, url="/left-form/materials"),
            missing=showing.missing_labels(case, item, language),
            missing_papers=papers_missing(case, item, language),
            note=written,
            look_by=form.due_at or rules.look_by(district.calendar, now),
            resume_link=f"{house.origin}/resume#{secret}",
        )


def papers_missing(case: Application, item: ServiceItem, language: str) -> list[str]:
    """Names of required papers of which no page was photographed."""
    given = {paper.rule for paper in case.materials}
    return [
        rule.name.in_language(language)
        for rule in papers_asked(case, item)
        if rule.required and rule.form != "generated" and rule.id not in given
    ]
