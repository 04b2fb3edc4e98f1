"""
From the first word to the number: choose, identify, agree, take a ticket.

Nothing is stored under a name before the phone has answered; what was chosen waits sealed in the browser's
session.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from cloudwindow.domain import fields
from cloudwindow.domain import left_form as left_forms
from cloudwindow.domain.application import Application, Delegate, void
from cloudwindow.domain.application import State as Stage
from cloudwindow.domain.calendar import day_of
from cloudwindow.domain.catalogue import Delegation, Field, FieldType, Limits, ServiceItem, Text
from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, Gone, TooOften, Unavailable
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.ids import ApplicationId, CitizenId, StaffId, TicketId, word
from cloudwindow.domain.match import MODES, Lane
from cloudwindow.domain.matter import Matter, joined_rings, joined_skill
from cloudwindow.domain.priority import CREDIT_SECONDS, OLD_AGE, STATED, Reason, strongest
from cloudwindow.domain.readings import age, birthday
from cloudwindow.domain.session import Session
from cloudwindow.domain.ticket import PREFER_SECONDS, State, Ticket, deadline_of
from cloudwindow.journey.code_words import written_for
from cloudwindow.journey.house import House
from cloudwindow.journey.openings import Openings, lane_at
from cloudwindow.journey.promises import Promises
from cloudwindow.journey.texts import Texts
from cloudwindow.records import Connection
from cloudwindow.records.cases import Consent
from cloudwindow.records.numbers import next_ticket_number
from cloudwindow.records.people import Citizen, WebSession, wrong_code
from cloudwindow.records.story import Told, note, note_all

CAPACITIES = ("own", "delegate")
DRAFT_SECONDS = 30 * 86_400.0
"""A draft somebody left behind is taken up again for so long."""
RESUME_SECONDS = 86_400.0
"""A call about the same case within this time is resumed: with the same agent, if they are there."""
ACTING_AS = {"own": "self", "delegate": "delegate"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """
    What a citizen chose and who they say they are; ``principal_…`` when acting for somebody.

    ``more``: further items of the same number, as chosen.
    """

    item: str
    item_version: int
    home_district: str
    home_street: str
    capacity: str
    call_language: str
    mode: str
    name: str
    id_number: str
    mobile: str
    principal_name: str = ""
    principal_id_number: str = ""
    principal_mobile: str = ""
    relation: str = ""
    priority: str = ""
    window_district: str = ""
    slot_start: float = 0.0
    more: tuple[str, ...] = ()

    @property
    def window(self) -> str:
        """The district whose windows serve: the home district unless another was chosen."""
        return self.window_district or self.home_district


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What a person agreed to ``at`` a moment: text versions by kind (handling, recording)."""

    recording: bool
    language: str
    at: float
    versions: Mapping[str, int]

    @property
    def consents(self) -> list[Consent]:
        """The answers, one for each text."""
        given = {"handling": True, "recording": self.recording}
        return [
            Consent(kind=kind, given=given[kind], text_version=version, language=self.language, at=self.at)
            for kind, version in self.versions.items()
        ]


class Problems(CloudWindowError):
    """Several fields are wrong at once; each error names its field."""

    status = 422

    def __init__(self, errors: list[BadInput]) -> None:
        super().__init__(code="form_has_errors")
        self.errors = errors


def lane_of(item: ServiceItem, ticket: Ticket) -> Lane:
    """Where a ticket queues."""
    lane = lane_at(item, ticket.home_district, ticket.language, ticket.mode)
    return replace(lane, skill=ticket.skill, rings=ticket.rings) if ticket.several else lane


def _taken(matter: Ticket | Matter, ticket: Ticket) -> Told:
    """The number, for the story of one matter's case."""
    payload = {
        "ticket": ticket.id,
        "number": ticket.number,
        "item": matter.item,
        "item_version": matter.item_version,
        "priority": ticket.priority,
    }
    return "ticket.taken", payload


class Intakes:
    """The steps before the number."""

    def __init__(self, house: House, openings: Openings, promises: Promises, texts: Texts) -> None:
        self._house = house
        self._openings = openings
        self._promises = promises
        self._texts = texts

    def check(self, item_id: str, typed: Mapping[str, str]) -> Intake:
        """
        Read the form «about you». Raises Problems with one error for each field that cannot be used,
        NotFound for an unknown item.
        """
        item = self._house.item_of(item_id)
        reader = _Reader(typed, day_of(self._house.clock()))
        reader.place(self._house, typed)
        capacity = reader.choice("capacity", CAPACITIES)
        delegate = capacity == "delegate"
        if delegate and item.delegation_allowed is Delegation.FORBIDDEN:
            reader.refuse("delegation_forbidden", "capacity")
        found = Intake(
            item=item.id,
            item_version=item.version,
            home_district=typed.get("home_district", ""),
            home_street=typed.get("home_street", ""),
            capacity=capacity,
            call_language=reader.choice("call_language", item.languages),
            mode=reader.choice("mode", MODES),
            priority=reader.choice("priority", ("", *STATED), needed=False),
            name=reader.value("name", FieldType.NAME),
            id_number=reader.value("id_number", FieldType.IDNO),
            mobile=reader.value("mobile", FieldType.MOBILE),
            principal_name=reader.value("principal_name", FieldType.NAME) if delegate else "",
            principal_id_number=reader.value("principal_id_number", FieldType.IDNO) if delegate else "",
            principal_mobile=reader.value("principal_mobile", FieldType.MOBILE, needed=False)
            if delegate
            else "",
            relation=reader.value("relation", FieldType.TEXT, needed=False) if delegate else "",
        )
        if delegate and found.id_number and found.id_number == found.principal_id_number:
            reader.refuse("principal_is_delegate", "principal_id_number")
        if reader.errors:
            raise Problems(reader.errors)
        return found

    async def begin(self, session: WebSession, item_id: str, typed: Mapping[str, str]) -> Intake:
        """
        Keep the choice in the session and send the first code. Raises Problems, TooOften.

        What was typed is kept even when no number can be had: Conflict office_closed, intake_full,
        lane_uncovered.
        """
        return await self.go_on(session, self.check(item_id, typed))

    async def elsewhere(self, session: WebSession, item_id: str, window: str) -> Intake:
        """
        Queue at the windows of another district; who decides stays the home district. Raises as ``begin``.
        """
        code = self._house.catalogue.district(window).code
        return await self.go_on(
            session, replace(self.of(session, item_id), window_district=code, slot_start=0.0)
        )

    async def go_on(self, session: WebSession, intake: Intake) -> Intake:
        """Keep ``intake``, see whether a number can be had, and have a code at hand."""
        await self.keep(session, intake)
        await self._openings.demand(
            self._house.item_of(intake.item, intake.item_version),
            self._house.catalogue.district(intake.window),
            language=intake.call_language,
            mode=intake.mode,
            more=[self._house.item_of(one) for one in intake.more],
        )
        await self.have_code(session, intake)
        return intake

    async def keep(self, session: WebSession, intake: Intake) -> None:
        """Keep the choice in the session."""
        await self._house.ledger.write(
            lambda conn: self._house.people.keep_intake(conn, session, asdict(intake))
        )

    async def have_code(self, session: WebSession, intake: Intake) -> None:
        """
        Send a code, unless one of the last minute is still good to be entered. Raises TooOften, Problems.
        """
        try:
            await self.send_code(session, intake)
        except TooOften as error:
            if error.code != "code_too_often":
                raise
        except BadInput as error:  # the network will never take it for this number
            raise Problems([BadInput(error.code, field="mobile")]) from error

    def of(self, session: WebSession, item_id: str) -> Intake:
        """What this browser has chosen for ``item_id``. Raises Gone("intake_gone") when nothing is there."""
        if session.intake.get("item") != item_id:
            raise Gone("intake_gone")
        return intake_of(session.intake)

    async def send_code(self, session: WebSession, intake: Intake) -> None:
        """
        Send a one-time code to the phone. Raises TooOften within a minute or over ten an hour.

        What the gateway does not take now is tried again by itself, and ``code_late`` says so until then.
        """
        now = self._house.clock()
        wait = await self._house.buckets.take(
            f"code:{self._house.vault.blind('mobile', intake.mobile)}", per_minute=1, burst=8, now=now
        )
        if wait > 0:
            raise TooOften("code_too_many", retry_after_seconds=int(wait) + 1)
        ready = await self._house.ledger.write(
            lambda conn: self._texts.code(
                conn,
                purpose="identify",
                subject=session.token_hash,
                mobile=intake.mobile,
                language=written_for(intake.call_language),
                now=now,
            )
        )
        with suppress(Unavailable):
            await self._texts.send(ready)

    async def code_sent(self, session: WebSession) -> bool:
        """Whether a code is out that can still be entered."""
        async with self._house.ledger.read() as conn:
            return await self._house.people.code_sent(
                conn, purpose="identify", subject=session.token_hash, now=self._house.clock()
            )

    async def code_late(self, session: WebSession) -> bool:
        """Whether the last code is still on its way because the text gateway does not take it."""
        async with self._house.ledger.read() as conn:
            return await self._texts.code_late(conn, purpose="identify", subject=session.token_hash)

    async def take_ticket(
        self, session: WebSession, item_id: str, *, code: str, recording: bool, language: str
    ) -> Ticket:
        """
        Spend the code, open the case and give a number; the handling consent was ticked.

        One unit of the ledger: a code is never spent without a number. A citizen who already holds a live
        ticket for the item is brought back to it, and a button pressed again gives the same number. Raises
        BadInput code_wrong, Gone code_expired or intake_gone, Conflict office_closed or matter_has_number,
        TooOften code_locked.
        """
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> Ticket | BadInput:
            known = await house.people.session_again(conn, session)
            held = await self._held(conn, known, item_id)
            if held is not None:
                return held
            intake = self.of(known, item_id)
            self._must_be_open(intake, now)
            right = await house.people.try_code(
                conn, purpose="identify", subject=session.token_hash, code=code.strip(), now=now
            )
            if not right:
                return wrong_code()  # given, not raised: the wrong attempt must be committed
            item = house.item_of(intake.item, intake.item_version)
            agreed = self.agreed(recording=recording, language=language)
            return await self.open(conn, session, intake, item, agreed, now)

        taken = await house.ledger.write(work)
        if isinstance(taken, BadInput):
            raise taken
        await self.join(taken)
        return taken

    def agreed(self, *, recording: bool, language: str) -> Agreed:
        """The present texts, the first of them agreed to."""
        texts = {kind: self._house.catalogue.text(f"{kind}_consent") for kind in ("handling", "recording")}
        return Agreed(
            recording=recording,
            language=language,
            at=self._house.clock(),
            versions={kind: text.version for kind, text in texts.items()},
        )

    async def _held(self, conn: Connection, session: WebSession, item_id: str) -> Ticket | None:
        """What this browser has just taken: a second press finds the intake spent and the ticket live."""
        if session.intake or session.ticket is None:
            return None
        ticket = await self._house.visits.ticket(conn, session.ticket)
        held = await self._house.visits.live_ticket(conn, ticket.citizen, item_id)
        return ticket if held is not None and held.id == ticket.id else None

    def _must_be_open(self, intake: Intake, now: float) -> None:
        calendar = self._house.catalogue.district(intake.window).calendar
        if not calendar.is_open(now):
            raise Conflict("office_closed", {"next": calendar.next_opening(now)})

    async def join(self, ticket: Ticket) -> None:
        """Put a waiting ticket into the line; if the line is away the sweeper does it when it is back."""
        if ticket.state is not State.WAITING:
            return
        lane = lane_of(self._house.item_of(ticket.item, ticket.item_version), ticket)
        try:
            await self._house.line.join(
                ticket.id,
                lane,
                joined_at=ticket.joined_at,
                credit_seconds=ticket.credit_seconds,
                now=self._house.clock(),
                epoch=ticket.epoch,
                terms=ticket.terms,
            )
        except CloudWindowError as error:
            if error.code != "line_unavailable":
                raise
            return
        await self._promises.make(ticket, lane)

    async def open(
        self,
        conn: Connection,
        session: WebSession,
        intake: Intake,
        item: ServiceItem,
        agreed: Agreed,
        now: float,
        *,
        credit_seconds: float = 0.0,
    ) -> Ticket:
        """Case and ticket of somebody who has identified; a live ticket for the item is given again."""
        house = self._house
        citizen = await self.identify(conn, intake, now)
        held = await house.visits.live_ticket(conn, citizen.id, item.id)
        if held is not None:
            await house.people.bind_ticket(conn, session, held.id)
            return held
        case = await self._go_on_with(conn, intake, item, citizen, now)
        last = await house.visits.last_session(conn, case.id) if case else None
        if case is None:
            case = await self._open_case(conn, intake, item, citizen, now)
        others = [house.item_of(one) for one in intake.more]
        window = house.catalogue.district(intake.window)
        serial = await next_ticket_number(conn, window.code, day_of(now))
        items = [item, *others]
        ticket = self._made_ticket(intake, items, citizen, case, last, serial, now, credit_seconds)
        further = await self._further(conn, intake, others, citizen, ticket, now)
        secret = word(house.random(20))
        await house.visits.add_ticket(conn, ticket, resume_secret=secret, more=further)
        await house.people.bind_ticket(conn, session, ticket.id, new=True)
        about: list[Ticket | Matter] = [ticket, *further]
        actor = Actor(kind="citizen", id=citizen.id)
        for matter in about:
            await self.consented(conn, matter.application, agreed, actor, now, _taken(matter, ticket))
            await self._continue_left(conn, matter.application, ticket, now)
        return ticket

    async def _further(
        self,
        conn: Connection,
        intake: Intake,
        items: Sequence[ServiceItem],
        citizen: Citizen,
        ticket: Ticket,
        now: float,
    ) -> list[Matter]:
        """The other matters with their cases. Raises Conflict("matter_has_number") for what waits already."""
        found = []
        for position, item in enumerate(items, start=2):
            if await self._house.visits.live_ticket(conn, citizen.id, item.id) is not None:
                raise Conflict("matter_has_number", {"item": item.id}, field="more")
            case = await self.draft(conn, intake, item, citizen, now)
            found.append(
                Matter(
                    ticket=ticket.id,
                    position=position,
                    application=case.id,
                    item=item.id,
                    item_version=item.version,
                )
            )
        return found

    async def _continue_left(self, conn: Connection, case: ApplicationId, ticket: Ticket, now: float) -> None:
        """The form somebody left goes on with ``ticket``."""
        left = await self._house.left_forms.of_application(conn, case)
        if left is None:
            return
        after = left_forms.advance(left, left_forms.Event.CONTINUE, now, ticket=ticket.id)
        await self._house.left_forms.save(conn, after, seen=left.version)
        actor = Actor(kind="citizen", id=ticket.citizen)
        await note(conn, case, "left_form.continued", actor, now, {"left_form": left.id})

    async def consented(
        self,
        conn: Connection,
        case: ApplicationId,
        agreed: Agreed,
        actor: Actor,
        now: float,
        *further: Told,
    ) -> None:
        """Keep that the phone has answered, what was agreed to, and what happened ``further``."""
        told: list[Told] = [("intake.identified", {"method": "phone_code"})]
        for consent in agreed.consents:
            said = "consent.given" if consent.given else "consent.refused"
            told.append((said, {"kind": consent.kind, "text_version": consent.text_version}))
        await self._house.cases.add_consents(conn, case, agreed.consents)
        await note_all(conn, case, [*told, *further], actor, now)

    async def draft(
        self, conn: Connection, intake: Intake, item: ServiceItem, citizen: Citizen, now: float
    ) -> Application:
        """The draft this citizen left behind, or a new one."""
        behind = await self._go_on_with(conn, intake, item, citizen, now)
        return behind or await self._open_case(conn, intake, item, citizen, now)

    async def rung(
        self, conn: Connection, intake: Intake, case: Application, *, agent: StaffId, now: float
    ) -> Ticket:
        """
        The ticket of a left form that ``agent`` has looked through: for them first, its citizen rung.

        Raises Conflict("ticket_exists") if a live one is held for the item.
        """
        house = self._house
        item = house.item_of(case.item, case.item_version)
        citizen = await house.people.citizen(conn, case.citizen)
        window = house.catalogue.district(intake.window)
        serial = await next_ticket_number(conn, window.code, day_of(now))
        made = self._made_ticket(intake, [item], citizen, case, None, serial, now, 0.0, rung_by=agent)
        await house.visits.add_ticket(conn, made, resume_secret=word(house.random(20)))
        await note_all(conn, case.id, [_taken(made, made)], Actor(kind="agent", id=agent), now)
        return made

    async def identify(self, conn: Connection, intake: Intake, now: float) -> Citizen:
        """The citizen whose phone has answered."""
        return await self._house.people.identify(
            conn,
            CitizenId(word(self._house.random(10))),
            name=intake.name,
            id_number=intake.id_number,
            mobile=intake.mobile,
            now=now,
        )

    async def _go_on_with(
        self, conn: Connection, intake: Intake, item: ServiceItem, citizen: Citizen, now: float
    ) -> Application | None:
        """
        The draft this citizen left behind for the same item and place: what was filled in is not asked twice.

        Who is in front of the camera has to be compared again, and what was signed signed again.
        """
        if intake.capacity != "own":
            return None
        draft = await self._house.cases.draft_of(conn, citizen.id, item.id, item.version)
        if draft is None or draft.capacity != "own" or draft.opened_at < now - DRAFT_SECONDS:
            return None
        again = replace(
            void(draft),
            state=Stage.DRAFT,
            home_district=self._house.catalogue.district(intake.home_district).code,
            home_street=intake.home_street,
            identity_checked_at=None,
            identity_method=None,
            identity_result=None,
            version=draft.version + 1,
        )
        await self._house.cases.save(conn, again, seen=draft.version)
        return again

    async def _open_case(
        self, conn: Connection, intake: Intake, item: ServiceItem, citizen: Citizen, now: float
    ) -> Application:
        case = Application(
            id=ApplicationId(word(self._house.random(10))),
            citizen=citizen.id,
            item=item.id,
            item_version=item.version,
            home_district=self._house.catalogue.district(intake.home_district).code,
            home_street=intake.home_street,
            capacity=intake.capacity,
            values={},
            declared={},
            opened_at=now,
        )
        principal = principal_of(intake)
        await self._house.cases.add(conn, case, principal=principal)
        actor = Actor(kind="citizen", id=citizen.id)
        await self._house.assist.prefill(conn, case, item, known_of(intake), actor, now, day_of(now))
        return case

    def _made_ticket(
        self,
        intake: Intake,
        items: Sequence[ServiceItem],
        citizen: Citizen,
        case: Application,
        last: Session | None,
        serial: int,
        now: float,
        credit_seconds: float,
        *,
        rung_by: StaffId | None = None,
    ) -> Ticket:
        resumed = last is not None and last.started_at > now - RESUME_SECONDS
        reason, credit = priority_of(
            intake, resumed=resumed, appointment_seconds=credit_seconds, today=day_of(now)
        )
        home = self._house.catalogue.district(intake.window)
        several = len(items) > 1
        return Ticket(
            id=TicketId(word(self._house.random(10))),
            number=f"{home.letter}{serial:03d}",
            citizen=citizen.id,
            application=case.id,
            item=items[0].id,
            item_version=items[0].version,
            home_district=home.code,
            language=intake.call_language,
            mode=intake.mode,
            joined_at=now,
            credit_seconds=credit,
            priority=reason or "",
            preferred_agent=rung_by or (last.agent if last and resumed else None),
            preferred_until=now + PREFER_SECONDS if resumed or rung_by else None,
            callback=rung_by is not None,
            deadline=deadline_of(State.WAITING, now),
            skill=joined_skill(items) if several else "",
            rings=joined_rings(items) if several else "",
        )


def priority_of(
    intake: Intake, *, resumed: bool, appointment_seconds: float, today: date
) -> tuple[Reason | None, float]:
    """
    Why this person is moved forward, if at all, and by how many seconds: the strongest reason counts alone.

    What they state, their age, a call that broke off, an appointment. It is the age of who waits: a delegate
    is no older for whom they act.
    """
    reasons = [Reason(intake.priority)] if intake.priority else []
    if age(birthday(intake.id_number), today) >= OLD_AGE:
        reasons.append(Reason.AGE_80)
    if resumed:
        reasons.append(Reason.RESUMED_DROP)
    reason = strongest(reasons)
    credit = CREDIT_SECONDS[reason] if reason else 0.0
    return (Reason.APPOINTMENT_DUE, appointment_seconds) if appointment_seconds > credit else (reason, credit)


def intake_of(said: Mapping[str, Any]) -> Intake:
    """What was kept of a choice, read back."""
    return Intake(**{**said, "more": tuple(said.get("more", ()))})


def principal_of(intake: Intake) -> Delegate | None:
    """The person a delegate acts for."""
    if intake.capacity != "delegate":
        return None
    return Delegate(
        name=intake.principal_name,
        id_number=intake.principal_id_number,
        mobile=intake.principal_mobile,
        relation=intake.relation,
    )


def known_of(intake: Intake) -> dict[str, Any]:
    """What the form may be filled with already; the applicant is the principal when a delegate acts."""
    own = intake.capacity == "own"
    known: dict[str, Any] = {
        "applicant.name": intake.name if own else intake.principal_name,
        "applicant.id_no": intake.id_number if own else intake.principal_id_number,
        "applicant.mobile": intake.mobile if own else intake.principal_mobile,
        "acting_as": ACTING_AS[intake.capacity],
    }
    if not own:
        known |= {
            "delegate.name": intake.name,
            "delegate.id_no": intake.id_number,
            "delegate.mobile": intake.mobile,
        }
    return known


class _Reader:
    """Reads typed values one by one and gathers what is wrong with them."""

    def __init__(self, typed: Mapping[str, str], today: Any) -> None:
        self._typed = typed
        self._today = today
        self.errors: list[BadInput] = []

    def refuse(self, code: str, field: str, values: Mapping[str, Any] | None = None) -> None:
        """Note an error, once for each field."""
        if all(error.field != field for error in self.errors):
            self.errors.append(BadInput(code, dict(values or {}), field=field))

    def value(self, name: str, kind: FieldType, *, needed: bool = True) -> str:
        """A value of ``kind`` under ``name``."""
        label = Text(zh="", en="")
        limits = Limits(max_length=20) if kind is FieldType.TEXT else Limits()
        question = Field(id=name, type=kind, label=label, plain=label, limits=limits, required=needed)
        checked = fields.check(question, self._typed.get(name, ""), values={}, today=self._today)
        if not checked.ok:
            self.refuse(checked.code or "required", name, checked.params)
            return ""
        return str(checked.value or "")

    def choice(self, name: str, choices: tuple[str, ...], *, needed: bool = True) -> str:
        """One of ``choices`` under ``name``; nothing if it is not needed."""
        typed = self._typed.get(name, "")
        if typed not in choices and (typed or needed):
            self.refuse("required" if not typed else "choice_unknown", name)
        return typed

    def place(self, house: House, typed: Mapping[str, str]) -> None:
        """Home district and street."""
        known = {str(one.code): one for one in house.catalogue.districts}
        district = known.get(typed.get("home_district", ""))
        if district is None:
            self.refuse("required", "home_district")
        elif all(street.code != typed.get("home_street") for street in district.streets):
            self.refuse("required", "home_street")
