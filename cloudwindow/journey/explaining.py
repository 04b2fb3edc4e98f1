"""
Why a ticket went to whom, replayed from the ledger alone: also while the line is away, also for old tickets.

Nothing here names a citizen. An admin of a district sees the tickets at home there and those answered by its
agents; somebody else's ticket answers like one that does not exist.
"""

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta

from cloudwindow.domain.calendar import day_of, moment
from cloudwindow.domain.catalogue import Catalogue, District, Text
from cloudwindow.domain.errors import BadInput, NotFound
from cloudwindow.domain.explain import Assignment, Candidate, Check, Ending, Why, check, lost_because, read
from cloudwindow.domain.match import Lane, plain
from cloudwindow.domain.matter import Matter
from cloudwindow.domain.rights import CITY, Person, allow
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey.ticket_matters import joined_names
from cloudwindow.records import Connection, assignments, matters
from cloudwindow.records.assignments import Colleague
from cloudwindow.records.ledger import Ledger

ACTION = "board.explain"
LATEST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Loser:
    """
    One who was considered and did not win; ``lost`` says why, see ``domain.explain.lost_because``.

    ``home`` is the district of the agent, or of the ticket's citizen. ``number`` opens its own explanation;
    it is empty for a ticket this person may not look into.
    """

    candidate: Candidate
    agent: Colleague | None
    home: District | None
    lane: Lane | None
    number: str
    lost: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferStory:
    """One offer with its reasons, and the outcome of checking it."""

    row: Assignment
    why: Why
    check: Check
    agent: Colleague | None
    agent_district: District | None
    losers: Sequence[Loser]

    @property
    def ring_opened_at(self) -> float | None:
        """When the agent's ring opened for this ticket, in seconds since the epoch."""
        return None if self.why.at_ms is None else self.why.at_ms / 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketStory:
    """One ticket's way through the line."""

    ticket: Ticket
    item: Text
    home: District
    first_called_at: float | None
    offers: Sequence[OfferStory]


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestRow:
    """One of the newest assignments."""

    row: Assignment
    number: str
    day: str
    item: Text
    home: District
    agent: Colleague | None
    check: Check


class Explaining:
    """Reads the ledger; changes nothing. ``clock`` gives seconds since the epoch."""

    def __init__(self, ledger: Ledger, catalogue: Catalogue, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._catalogue = catalogue
        self._clock = clock

    def today(self) -> date:
        """The day in Guangzhou."""
        return day_of(self._clock())

    async def story(self, name: str, *, day: str = "", person: Person | None = None) -> TicketStory:
        """
        What happened to the ticket with the id ``name``, or that had this number on ``day`` (today if empty).

        Without a ``person`` it is the operator who asks. Raises NotFound("ticket_not_found") for an unknown
        ticket and for one this person may not see, BadInput("date_format").
        """
        wanted = name.strip()
        since, until = self._span(day)
        if not plain(wanted):
            raise NotFound("ticket_not_found", field="ticket")
        async with self._ledger.read() as conn:
            for ticket in await assignments.named(conn, wanted, since=since, until=until):
                rows = await assignments.of_ticket(conn, ticket.id)
                if person is None or may_see(person, ticket, rows):
                    return await self._told(conn, ticket, rows, person)
        raise NotFound("ticket_not_found", field="ticket")

    async def latest(
        self, person: Person, *, district: str | None = None, agent: str | None = None
    ) -> Sequence[LatestRow]:
        """
        The newest assignments this person may see, of one ``district`` or one ``agent`` if asked for.

        Raises NotFound("unknown_district") for somebody else's district.
        """
        scope = self._scope(person, district)
        if agent and not plain(agent):
            return []
        async with self._ledger.read() as conn:
            found = await assignments.latest(conn, district=scope, agent=agent or None, limit=LATEST)
            people = await assignments.colleagues(conn, {row.agent for row, _ in found})
            about = await matters.of_tickets(conn, {one.id for _, one in found if one.several})
        return [
            LatestRow(
                row=row,
                number=ticket.number,
                day=day_of(ticket.joined_at).isoformat(),
                item=self._items(about.get(ticket.id) or [ticket]),
                home=self._catalogue.district(ticket.home_district),
                agent=people.get(row.agent),
                check=check(row),
            )
            for row, ticket in found
        ]

    def _scope(self, person: Person, wanted: str | None) -> str | None:
        if wanted:
            if not allow(person, ACTION, f"district:{wanted}"):
                raise NotFound("unknown_district")
            return self._catalogue.district(wanted).code
        if CITY in person.reach:
            return None
        own = (one.code for one in self._catalogue.districts if f"district:{one.code}" in person.reach)
        return next(own, "")

    def _span(self, day: str) -> tuple[float, float]:
        try:
            begins = date.fromisoformat(day) if day else self.today()
            return moment(begins, time()), moment(begins + timedelta(days=1), time())
        except (ValueError, OverflowError) as exc:
            raise BadInput("date_format", field="date") from exc

    async def _told(
        self, conn: Connection, ticket: Ticket, rows: Sequence[Assignment], person: Person | None
    ) -> TicketStory:
        reasons = {row.epoch: read(row.why) for row in rows}
        close = [one for why in reasons.values() for one in why.considered]
        people = await assignments.colleagues(conn, {*_agents(rows), *(one.agent or "" for one in close)})
        others = await assignments.tickets_of(conn, {one.ticket for one in close if one.ticket})
        seen = {
            id: other.number for id, other in others.items() if person is None or may_see(person, other, ())
        }
        about = await matters.of_ticket(conn, ticket.id) if ticket.several else [ticket]
        return TicketStory(
            ticket=ticket,
            item=self._items(about),
            home=self._catalogue.district(ticket.home_district),
            first_called_at=await assignments.first_called_at(conn, ticket.id),
            offers=[self._offer(row, reasons[row.epoch], people, seen) for row in rows],
        )

    def _offer(
        self, row: Assignment, why: Why, people: Mapping[str, Colleague], numbers: Mapping[str, str]
    ) -> OfferStory:
        return OfferStory(
            row=row,
            why=why,
            check=check(row),
            agent=people.get(row.agent),
            agent_district=self._district(row.agent_district),
            losers=[self._loser(one, why, row.ring, people, numbers) for one in why.considered],
        )

    def _loser(
        self,
        one: Candidate,
        why: Why,
        ring: int,
        people: Mapping[str, Colleague],
        numbers: Mapping[str, str],
    ) -> Loser:
        agent, lane = people.get(one.agent or ""), lane_of(one.lane)
        home = agent.district if agent else (lane.home_district if lane else "")
        return Loser(
            candidate=one,
            agent=agent,
            home=self._district(home),
            lane=lane,
            number=numbers.get(one.ticket or "", ""),
            lost=lost_because(why, one, ring),
        )

    def _items(self, about: Sequence[Ticket | Matter]) -> Text:
        """The names of all a ticket is for."""
        return joined_names([self._item(one) for one in about])

    def _item(self, about: Ticket | Matter) -> Text:
        """The item's name; its code when the catalogue has dropped it since."""
        for version in (about.item_version, None):
            with contextlib.suppress(NotFound):
                return self._catalogue.item(about.item, version).name
        return Text(zh=about.item, en=about.item)

    def _district(self, code: str) -> District | None:
        try:
            return self._catalogue.district(code)
        except NotFound:
            return None


def may_see(person: Person, ticket: Ticket, rows: Collection[Assignment]) -> bool:
    """Whether the ticket is at home in a district of ``person``, or was answered by an agent of one."""
    answered = {row.agent_district for row in rows if row.ending == Ending.ACCEPTED}
    return any(allow(person, ACTION, f"district:{code}") for code in {ticket.home_district, *answered})


def lane_of(key: str | None) -> Lane | None:
    """The lane with this key; None when it cannot be read."""
    try:
        return Lane.parse(key or "")
    except BadInput:
        return None


def _agents(rows: Sequence[Assignment]) -> set[str]:
    return {row.agent for row in rows}
