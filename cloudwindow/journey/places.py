"""
The places of all who wait, from this node's replica of the line; told to a page when what it shows is wrong.

Nothing here asks Redis about a single ticket: one read of the stream brings a whole node up to date.
"""

import asyncio
import logging
from dataclasses import replace
from functools import lru_cache

from cloudwindow.domain.catalogue import District
from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.ids import TicketId, word
from cloudwindow.domain.match import Place
from cloudwindow.domain.messages import PlaceChanged, encode
from cloudwindow.domain.replica import Replica
from cloudwindow.journey.calls import citizen_topic
from cloudwindow.journey.house import House
from cloudwindow.queue import BATCH
from cloudwindow.signaling import Text

log = logging.getLogger(__name__)

FRESH_SECONDS = 0.25
"""A page that is opened shows a place at most this old; open pages are told every ``watch.PLACE_SECONDS``."""
SHIFTS_SECONDS = 20.0
"""How often the ends of shifts are asked for."""
SOON = 3
"""With so few ahead something may happen to a page at any moment."""


class Places:
    """This node's replica of the line, kept up to date by whoever needs it."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._replica: Replica | None = None
        self._reading = asyncio.Lock()
        self._read_at = self._shifts_at = float("-inf")
        self._node = word(house.random(8))
        self._open: set[TicketId] = set()
        self._unsaid: dict[TicketId, bool] = {}
        """Pages opened (true) or closed since the line last heard from this node."""
        self._left: set[TicketId] = set()

    async def catch_up(self) -> Replica:
        """
        The line as it is now. Raises Unavailable("line_unavailable").

        Whoever comes while somebody reads is content with the read that begins after theirs.
        """
        asked = asyncio.get_running_loop().time()
        async with self._reading:
            if self._replica is None or self._read_at < asked:
                begun = asyncio.get_running_loop().time()
                self._replica = await self._read(self._replica)
                self._replica.calibrate(self._house.line.calibration)
                self._read_at = begun
            return self._replica

    async def recent(self) -> Replica:
        """The line as it was at most ``FRESH_SECONDS`` ago. Raises Unavailable("line_unavailable")."""
        age = asyncio.get_running_loop().time() - self._read_at
        return self._replica if self._replica is not None and age < FRESH_SECONDS else await self.catch_up()

    async def _read(self, replica: Replica | None) -> Replica:
        replica = await self._follow(replica)
        now = asyncio.get_running_loop().time()
        if replica is not self._replica or now - self._shifts_at >= SHIFTS_SECONDS:
            replica.shifts(await self._house.line.shifts())
            self._shifts_at = now
        return replica

    async def _follow(self, replica: Replica | None) -> Replica:
        line = self._house.line
        while replica is not None:
            news = await line.since(replica.id)
            if news is None or not all(replica.apply(one.id, one) for one in news):
                break
            if len(news) < BATCH:
                if replica.case_ended:
                    replica.measured(await line.cases())
                return replica
        log.info("snapshot of the line")
        shown = replica.followed if replica is not None else {}
        snapshot = await line.snapshot()
        self._unsaid.update(dict.fromkeys(self._open, True))  # it may be another line
        return line.replica(snapshot, {ticket: shown.get(ticket) for ticket in self._open})

    async def place(self, ticket: TicketId) -> Place | None:
        """The place as pages show it, ``None`` when the ticket does not wait. Raises Unavailable."""
        replica, now = await self.recent(), self._house.clock()
        if not replica.waits(ticket):
            replica = await self.catch_up()
        exact, shown = replica.place(ticket, now), replica.shown(ticket, now)
        if exact is None or shown is None or shown.ahead is None:
            return None
        told = replace(
            exact,
            ahead=shown.ahead,
            of=max(exact.of, shown.ahead + 1),
            agents_on_duty=shown.agents,
            low_seconds=None,
            high_seconds=None,
        )
        if shown.low_minutes is None or shown.high_minutes is None or exact.point_seconds is None:
            return told
        low, high = shown.low_minutes * 60, shown.high_minutes * 60
        point = min(max(exact.point_seconds, low), high)
        return replace(told, low_seconds=low, high_seconds=high, point_seconds=point)

    async def rings(self, ticket: TicketId) -> Place | None:
        """The place of a ticket that rings at a desk just now; ``None`` for any other. Raises Unavailable."""
        return (await self.recent()).rings(ticket)

    # -- pages of this node --------------------------------------------------------------------------------

    async def opened(self, ticket: TicketId) -> None:
        """A page of this node shows the ticket: tell it its place, now and whenever that changes."""
        self.follow(ticket)
        replica = self._replica
        if replica is None or not replica.waits(ticket):
            replica = await self.catch_up()
        shown = replica.follow(ticket, self._house.clock())
        if shown is not None:
            self._push(ticket, shown, replica)

    def follow(self, ticket: TicketId) -> None:
        """A page of this node shows the ticket: tell it its place as soon as it has one."""
        self._open.add(ticket)
        self._unsaid[ticket] = True
        if self._replica is not None:
            self._replica.follow(ticket, self._house.clock())

    def stands(self, ticket: TicketId) -> bool:
        """Whether the ticket stood in the line with its citizen there, as far as this node has heard."""
        heard = self._replica is not None and self._replica.stands(ticket)
        return heard and ticket not in self._left

    def closed(self, ticket: TicketId) -> None:
        """The page is gone, and the ticket may be set aside before this node hears of it."""
        if not self._house.hub.closing:  # else the end of this node's lease tells of all its pages
            self._open.discard(ticket)
            self._unsaid[ticket] = False
        self._left.add(ticket)
        if self._replica is not None:
            self._replica.unfollow(ticket)

    def calm(self, ticket: TicketId) -> bool:
        """Whether the ticket waits with so many ahead that nothing will happen to its page soon."""
        if self._replica is None or not self._replica.waits(ticket):
            return False
        shown = self._replica.followed.get(ticket)
        return shown is not None and (shown.ahead or 0) > SOON

    async def tell_moved(self) -> int:
        """Tell the pages whose shown place has changed since they were last told; how many."""
        replica = await self.catch_up()
        told = 0
        for ticket, shown in replica.moved(self._house.clock()):
            self._push(ticket, shown, replica)
            told += 1
        self._left = {ticket for ticket in self._left if replica.stands(ticket)}
        for ticket in replica.left_alone():
            if self._house.hub.online(citizen_topic(ticket)):
                await self._house.line.attach(ticket, now=self._house.clock())
        return told

    async def beat(self) -> None:
        """Say that this node lives and which pages it has; look after those of nodes that do not."""
        said, self._unsaid = self._unsaid, {}
        line, now = self._house.line, self._house.clock()
        try:
            await line.beat_node(
                self._node,
                opened=[ticket for ticket, here in said.items() if here],
                closed=[ticket for ticket, here in said.items() if not here],
                now=now,
            )
        except CloudWindowError:
            self._unsaid = said | self._unsaid
            raise
        await line.set_orphans_aside(now=now)

    def _push(self, ticket: TicketId, shown: PlaceChanged, replica: Replica) -> None:
        home = self._house.catalogue.district(replica.home_of(ticket))
        self._house.hub.push(citizen_topic(ticket), _text(as_told(shown, home)))


def as_shown(place: Place, district: District) -> Place:
    """``place`` without a range, where the district does not show one."""
    if district.show_wait:
        return place
    return replace(place, low_seconds=None, high_seconds=None, point_seconds=None, expected_seconds=None)


def as_told(message: PlaceChanged, home: District) -> PlaceChanged:
    """What ``home`` shows of a place."""
    if not home.show_place:
        message = replace(message, ahead=None)
    return message if home.show_wait else replace(message, low_minutes=None, high_minutes=None)


@lru_cache(maxsize=4096)
def _text(shown: PlaceChanged) -> Text:
    """The same words for all who stand in the same step: encoded once."""
    return Text(encode(shown))
