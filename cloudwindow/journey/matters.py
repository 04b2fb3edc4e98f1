"""Several items in one ticket: chosen before the number, prepared while waiting, handled in one call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cloudwindow.domain import matter as rules
from cloudwindow.domain import session as sessions
from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.catalogue import Delegation, ServiceItem
from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.intake_rule import TAKES_NUMBERS, Verdict
from cloudwindow.domain.matter import MOST, Matter, following
from cloudwindow.domain.session import Session
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey import ticket_matters
from cloudwindow.journey.calls import Calls, Live
from cloudwindow.journey.house import House
from cloudwindow.journey.intake import Intake, Intakes
from cloudwindow.journey.openings import Openings
from cloudwindow.records import Connection, matters
from cloudwindow.records.people import Staff, WebSession
from cloudwindow.records.story import note

OTHER_MATTER = (
    "matters",
    "form",
    "materials",
    "read_back",
    "signature",
    "decision",
    "citizen",
    "call_header",
    "case",
    "ticket",
    "devices",
)
"""What a page shows of the matter its ticket stands at."""
PREPARING = frozenset({tickets.State.WAITING, tickets.State.CALLED, tickets.State.MISSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """
    The further items of a number that is being taken.

    ``together``: what may be added now; ``apart``: what takes a number of its own, as no one agent does all.
    """

    chosen: Sequence[ServiceItem]
    together: Sequence[ServiceItem]
    apart: Sequence[ServiceItem]
    full: bool


class Matters:
    """What citizens and agents do with the matters of a ticket."""

    def __init__(self, house: House, openings: Openings, intakes: Intakes, calls: Calls) -> None:
        self._house = house
        self._openings = openings
        self._intakes = intakes
        self._calls = calls

    # --- before the number -------------------------------------------------------------------------------

    async def basket(self, intake: Intake) -> Basket:
        """What this number is for besides its first item, and what else could be."""
        chosen = [self._house.item_of(one) for one in intake.more]
        together, apart = [], []
        for item in self._house.catalogue.items:
            if item.id in {intake.item, *intake.more} or self._unfit(intake, item) is not None:
                continue
            verdict = await self._verdict(intake, [*chosen, item])
            if verdict in TAKES_NUMBERS:
                together.append(item)
            elif verdict is Verdict.UNCOVERED:
                apart.append(item)
        full = len(chosen) + 1 >= MOST
        return Basket(chosen=chosen, together=[] if full else together, apart=apart, full=full)

    async def add(self, session: WebSession, item_id: str, other: str) -> None:
        """
        Add an item to the number that is being taken.

        Raises NotFound("unknown_item"), Gone("intake_gone"), and Conflict matters_full, matter_twice,
        matter_not_by_video, matter_not_for_others, matter_other_language, matters_not_together,
        office_closed or intake_full: each says why not.
        """
        intake = self._intakes.of(session, item_id)
        item = self._house.item_of(other)
        if item.id in {intake.item, *intake.more}:
            raise Conflict("matter_twice", field="more")
        if len(intake.more) + 1 >= MOST:
            raise Conflict("matters_full", {"most": MOST}, field="more")
        unfit = self._unfit(intake, item)
        if unfit is not None:
            raise Conflict(unfit, field="more")
        more = (*intake.more, item.id)
        verdict = await self._verdict(intake, [self._house.item_of(one) for one in more])
        if verdict not in TAKES_NUMBERS:
            codes = {Verdict.UNCOVERED: "matters_not_together", Verdict.FULL: "matters_too_long"}
            raise Conflict(codes.get(verdict, "matters_closed"), field="more")
        await self._intakes.keep(session, replace(intake, more=more))

    async def drop(self, session: WebSession, item_id: str, other: str) -> None:
        """Take a further item away again; one that is not there is away already."""
        intake = self._intakes.of(session, item_id)
        more = tuple(one for one in intake.more if one != other)
        await self._intakes.keep(session, replace(intake, more=more))

    @staticmethod
    def _unfit(intake: Intake, item: ServiceItem) -> str | None:
        """Why ``item`` can never be part of this number, as an error's code."""
        if item.video_completeness == "guide":
            return "matter_not_by_video"
        if intake.call_language not in item.languages:
            return "matter_other_language"
        if intake.capacity == "delegate" and item.delegation_allowed is Delegation.FORBIDDEN:
            return "matter_not_for_others"
        return None

    async def _verdict(self, intake: Intake, more: Sequence[ServiceItem]) -> Verdict:
        return await self._openings.verdict(
            self._house.item_of(intake.item, intake.item_version),
            self._house.catalogue.district(intake.window),
            language=intake.call_language,
            mode=intake.mode,
            more=more,
        )

    # --- while waiting -----------------------------------------------------------------------------------

    async def prepare(self, ticket: str, position: int) -> None:
        """
        Show the citizen another matter of their ticket to prepare; place and clock stay.

        Raises BadInput("unknown_matter"), Conflict("state_forbids") once the call has begun.
        """

        async def work(conn: Connection) -> Live:
            known = await self._calls.live(conn, ticket, lock=True)
            if known.ticket.state not in PREPARING:
                raise Conflict("state_forbids", {"state": known.ticket.state.value, "event": "prepare"})
            wanted = _at(await matters.of_ticket(conn, ticket), position)
            turned = ticket_matters.standing_at(known.ticket, wanted)
            if turned != known.ticket:
                turned = replace(turned, version=known.ticket.version + 1)
                await self._house.visits.save_ticket(conn, turned, seen=known.ticket.version)
            return replace(known, ticket=turned)

        await self._calls.refresh(await self._house.ledger.write(work), *OTHER_MATTER)

    # --- in the call -------------------------------------------------------------------------------------

    async def go_on(self, agent: Staff, outcome: str, text: str, *, session: str = "") -> None:
        """
        Give the present matter its outcome (none is needed once it is handed in) and open the next one.

        Same call: what was checked, typed and photographed is taken along. Raises BadInput unknown_outcome or
        outcome_note_required, Conflict outcome_not_true, no_call or no_further_matter.
        """
        now = self._house.clock()

        async def work(conn: Connection) -> Live:
            call, ticket, found = await self._standing(conn, agent, session)
            if call.state not in sessions.OPEN:
                raise Conflict("no_call")
            mine = ticket_matters.here(found, call.application)
            onward = following(found, mine.position)
            if onward is None:
                raise Conflict("no_further_matter")
            await self._settle(conn, call, mine, outcome, text, now)
            moved = replace(ticket_matters.standing_at(ticket, onward), version=ticket.version + 1)
            await self._house.visits.save_ticket(conn, moved, seen=ticket.version)
            turned = replace(call, application=onward.application, version=call.version + 1)
            await self._house.visits.save_session(conn, turned, seen=call.version)
            before = [one for one in found if one.position != onward.position and one.outcome] + [mine]
            await ticket_matters.carry_over(self._house, conn, before, onward, agent.id, now)
            payload = {"session": call.id, "ticket": ticket.id, "position": onward.position}
            actor = Actor(kind="agent", id=agent.id)
            await note(conn, onward.application, "matter.opened", actor, now, payload)
            return Live(ticket=moved, session=turned)

        await self._calls.refresh(await self._house.ledger.write(work), *OTHER_MATTER)

    async def settle(
        self, agent: Staff, position: int, outcome: str, text: str, *, session: str = ""
    ) -> None:
        """
        Give a matter that was not opened its outcome, before the call is closed.

        Raises as ``go_on``, and BadInput("unknown_matter") for the present one: it has the call's outcome.
        """
        now = self._house.clock()

        async def work(conn: Connection) -> Live:
            call, ticket, found = await self._standing(conn, agent, session)
            wanted = _at(found, position)
            if wanted.application == call.application:
                raise BadInput("unknown_matter", field="position")
            await self._settle(conn, call, wanted, outcome, text, now)
            return Live(ticket=ticket, session=call)

        await self._calls.refresh(await self._house.ledger.write(work), "matters", "outcome", "ended")

    async def _standing(
        self, conn: Connection, agent: Staff, call: str
    ) -> tuple[Session, Ticket, Sequence[Matter]]:
        """The agent's call with its ticket, while the ticket is in this very call."""
        session = await self._house.visits.session_of_agent(conn, agent.id, call)
        if session is None:
            raise Conflict("no_call")
        ticket = await self._house.visits.ticket(conn, session.ticket, lock=True)
        if ticket.epoch != session.epoch or ticket.state not in ticket_matters.IN_ITS_CALL:
            raise Conflict("no_call")
        return session, ticket, await matters.of_ticket(conn, ticket.id)

    async def _settle(
        self, conn: Connection, session: Session, matter: Matter, outcome: str, text: str, now: float
    ) -> None:
        case = await self._house.cases.case(conn, matter.application)
        settled = rules.settle(matter, outcome, text, submitted=case.submitted)
        await matters.save(conn, settled)
        said = settled.outcome.value if settled.outcome else ""
        payload = {"session": session.id, "outcome": said, "position": matter.position}
        await note(conn, case.id, "matter.settled", Actor(kind="agent", id=session.agent), now, payload)


def _at(found: Sequence[Matter], position: int) -> Matter:
    """The open matter at ``position``. Raises BadInput("unknown_matter")."""
    for one in found:
        if one.position == position and one.outcome is None:
            return one
    raise BadInput("unknown_matter", field="position")
