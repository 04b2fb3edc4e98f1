"""
Telling somebody that it is nearly their turn: on the page, and by text message to those away from it.

Rule: the ledger decides once, and the message is written down in the same unit.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace

from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.errors import Conflict, NotFound
from cloudwindow.domain.ids import TicketId
from cloudwindow.domain.match import Place
from cloudwindow.domain.messages import PanelChanged
from cloudwindow.journey.house import House
from cloudwindow.journey.texts import Texts
from cloudwindow.records import Connection
from cloudwindow.records.story import SYSTEM, note

NEAR_AHEAD = 2
NEAR_SECONDS = 180
HEADS = 5
"""So many of each lane can be near their turn; nobody behind them is looked at."""
LANES = 100
"""Lanes in one look; the next look goes on behind them."""
ABSENT = 32
"""People away from the page in one look; they stand in no lane meanwhile."""
REMEMBERED = 50_000
"""Tickets this node need not ask the ledger about again."""
MOST_LOOKS = 64
"""Places asked for in one look; a city with more candidates takes them in turns."""


def is_near(place: Place) -> bool:
    """Whether a place is nearly at its turn: only while somebody is on duty who could serve it."""
    soon = place.low_seconds is not None and place.low_seconds <= NEAR_SECONDS
    return place.agents_on_duty > 0 and (place.ahead <= NEAR_AHEAD or soon)


class Nearly:
    """«Nearly your turn», once for each ticket."""

    def __init__(
        self, house: House, place_of: Callable[[TicketId], Awaitable[Place | None]], texts: Texts
    ) -> None:
        self._house = house
        self._place_of = place_of
        self._texts = texts
        self._told: set[TicketId] = set()
        self._turn = 0
        self._lane = 0
        self._absent = 0

    async def look(self) -> None:
        """Look at the first of each lane and at some who are away, and tell those who are near."""
        heads = await self._house.line.heads(HEADS, lanes=LANES, first=self._lane)
        self._lane += LANES
        if len(self._told) > REMEMBERED:
            self._told.clear()
        absent = await self._house.line.absent(self._absent, ABSENT)
        self._absent = self._absent + ABSENT if len(absent) == ABSENT else 0
        waiting = [one for one in heads if one not in self._told]
        for ticket in [*self._next(waiting), *(one for one in absent if one not in self._told)]:
            place = await self._place_of(ticket)
            if place is not None and is_near(place):
                with contextlib.suppress(Conflict, NotFound):  # it moved on meanwhile
                    await self._tell(ticket, place)
                self._told.add(ticket)
        await self._texts.look()

    def _next(self, candidates: list[TicketId]) -> list[TicketId]:
        if len(candidates) <= MOST_LOOKS:
            return candidates
        self._turn = (self._turn + MOST_LOOKS) % len(candidates)
        return (candidates[self._turn :] + candidates)[:MOST_LOOKS]

    async def _tell(self, ticket: TicketId, place: Place) -> None:
        house, now = self._house, self._house.clock()
        topic = f"ticket:{ticket}"
        absent = not house.hub.online(topic)

        async def work(conn: Connection) -> bool:
            known = await house.visits.ticket(conn, ticket, lock=True)
            if known.state is not tickets.State.WAITING or known.nearly_told_at is not None:
                return False
            told = replace(known, nearly_told_at=now, version=known.version + 1)
            await house.visits.save_ticket(conn, told, seen=known.version)
            by = "text" if absent or known.callback else "page"
            payload = {"ticket": ticket, "by": by, "ahead": place.ahead}
            await note(conn, known.application, "ticket.nearly_told", SYSTEM, now, payload)
            if by == "text":
                await self._texts.put(conn, "ticket.nearly", ticket, str(known.epoch), now=now)
            return True

        if await house.ledger.write(work):
            await house.hub.tell(topic, PanelChanged(panels=("ticket",)))
