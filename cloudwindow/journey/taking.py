"""What an agent chooses from: who waits, and where a call can go on."""

import asyncio
from collections.abc import Sequence
from datetime import time

from cloudwindow.domain.calendar import day_of, moment
from cloudwindow.domain.errors import BadInput, Unavailable
from cloudwindow.domain.load import ON_DUTY, AgentPresence
from cloudwindow.domain.match import MODES, AgentProfile, Lane
from cloudwindow.domain.matter import Matter
from cloudwindow.domain.presence import State as Presence
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey.house import House
from cloudwindow.journey.intake import lane_of
from cloudwindow.journey.ticket_matters import joined_names
from cloudwindow.journey.views import ChoiceRow, ColleagueRow, OnwardView
from cloudwindow.records import matters, waiting
from cloudwindow.records.people import Staff

CHOICES_SHOWN = 20
CHOICES_READ = 40
"""Some who wait cannot be taken now: their page is closed, or another agent is ringing."""
COLLEAGUES_SHOWN = 30
PARK_MINUTES = (5, 10, 15, 30, 60, 120)
TAKEABLE = frozenset({"waiting", "held"})


async def choices(house: House, profile: AgentProfile) -> Sequence[ChoiceRow]:
    """Those of the first in line whom this agent may take now; none while the line is away."""
    items = [item.id for item in house.catalogue.items if set(item.skill.split("+")) <= profile.skills]
    async with house.ledger.read() as conn:
        found = await waiting.first_in_line(
            conn,
            items=items,
            languages=sorted(profile.languages),
            modes=sorted(profile.modes),
            limit=CHOICES_READ,
        )
        about = await matters.of_tickets(conn, [one.id for one in found if one.several])
    served = [ticket for ticket in found if profile.able(_lane(house, ticket))]
    try:
        standing = await asyncio.gather(*(house.line.knows(ticket.id) for ticket in served))
    except Unavailable:
        return []
    taken = [ticket for ticket, state in zip(served, standing, strict=True) if state in TAKEABLE]
    return [_choice(house, ticket, about.get(ticket.id, ())) for ticket in taken[:CHOICES_SHOWN]]


def _lane(house: House, ticket: Ticket) -> Lane:
    return lane_of(house.item_of(ticket.item, ticket.item_version), ticket)


def _choice(house: House, ticket: Ticket, about: Sequence[Matter]) -> ChoiceRow:
    mine: Sequence[Ticket | Matter] = about or [ticket]
    names = [house.item_of(one.item, one.item_version).name for one in mine]
    return ChoiceRow(
        ticket=ticket.id,
        number=ticket.number,
        item=joined_names(names),
        home=house.catalogue.district(ticket.home_district),
        waited_seconds=house.clock() - ticket.joined_at,
        priority=ticket.priority,
        promised_at=ticket.not_before,
        language=ticket.language,
        mode=ticket.mode,
    )


async def onward(house: House, agent: Staff, ticket: Ticket) -> OnwardView:
    """Where the call of ``agent`` about ``ticket`` can go on, and when."""
    item, now = house.item_of(ticket.item, ticket.item_version), house.clock()
    return OnwardView(
        parks=[(minutes, now + minutes * 60.0) for minutes in PARK_MINUTES],
        languages=item.languages,
        modes=MODES,
        districts=house.catalogue.districts,
        colleagues=await _colleagues(house, agent, ticket),
    )


async def _colleagues(house: House, agent: Staff, ticket: Ticket) -> Sequence[ColleagueRow]:
    """Who is at work with the skills of the matter: the free ones first, then the own district's."""
    lane = _lane(house, ticket)

    def able(one: AgentPresence) -> bool:
        here = one.present and one.state in ON_DUTY and one.agent != agent.id
        return here and lane.skills <= one.profile.skills and one.profile.reaches(lane.home_district)

    try:
        found = [one for one in await house.line.agents() if able(one)]
    except Unavailable:
        return []
    found.sort(key=lambda one: (one.state is not Presence.IDLE, one.district != agent.district, one.agent))
    async with house.ledger.read() as conn:
        known = [(one, await house.people.staff(conn, one.agent)) for one in found[:COLLEAGUES_SHOWN]]
    return [
        ColleagueRow(
            id=staff.id,
            name=staff.name,
            number=staff.number,
            district=house.catalogue.district(staff.district),
            state=one.state.value,
            languages=staff.languages,
        )
        for one, staff in known
        if staff is not None
    ]


def shift_end(clock: str, now: float) -> float | None:
    """
    The instant of ``clock`` (``17:30``) today; ``None`` for no word, which takes a shift's end back.

    Raises BadInput("shift_end_unusable") for what is no time or has passed.
    """
    if not clock:
        return None
    try:
        ends_at = moment(day_of(now), time.fromisoformat(clock))
    except ValueError as exc:
        raise BadInput("shift_end_unusable", field="ends") from exc
    if len(clock) != len("17:30") or ends_at <= now:
        raise BadInput("shift_end_unusable", field="ends")
    return ends_at
