"""The wait that is shown: promised with the number, judged when it is over, published by district."""

from collections.abc import Awaitable, Callable, Mapping

from cloudwindow.domain.catalogue import District
from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.ids import TicketId
from cloudwindow.domain.match import Lane, Place
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey.house import House
from cloudwindow.journey.views import WaitRecord
from cloudwindow.records import promises
from cloudwindow.records.promises import Promise, Record

PUBLISHED_DAYS = 30
FEWEST_CASES = 20
"""Below this a share says nothing and is not published."""


class Promises:
    """What we say about waiting and whether it was true."""

    def __init__(self, house: House, place_of: Callable[[TicketId], Awaitable[Place | None]]) -> None:
        self._house = house
        self._place_of = place_of
        """The place as pages are shown it."""

    async def make(self, ticket: Ticket, lane: Lane) -> None:
        """Keep the range that the holder of a new number is shown; none if it is hidden or there is none."""
        now = self._house.clock()
        if not self._house.catalogue.district(ticket.home_district).show_wait:
            return
        try:
            place = await self._place_of(ticket.id)
        except CloudWindowError as error:
            if error.code != "line_unavailable":
                raise
            return
        promise = None if place is None else _promise(ticket, lane, place, now)
        if promise is not None:
            await self._house.ledger.write(lambda conn: promises.add(conn, promise))

    async def recalibrate(self) -> None:
        """Let the line show ranges by what all nodes have learnt so far."""
        async with self._house.ledger.read() as conn:
            self._house.line.calibrate(await promises.calibration(conn))

    async def published(self) -> list[WaitRecord]:
        """How often the shown range was right in the last 30 days, for each district that shows one."""
        since = self._house.clock() - PUBLISHED_DAYS * 86_400
        async with self._house.ledger.read() as conn:
            found = await promises.records(conn, since=since)
        return [wait_record(one, found) for one in self._house.catalogue.districts]


def wait_record(district: District, found: Mapping[str, Record]) -> WaitRecord:
    """One district's line of the published table."""
    one = found.get(district.code, Record(cases=0, kept=0))
    share = one.kept / one.cases if one.cases >= FEWEST_CASES else None
    return WaitRecord(name=district.name, shown=district.show_wait, cases=one.cases, share=share)


def _promise(ticket: Ticket, lane: Lane, place: Place, now: float) -> Promise | None:
    low, point, high, expected = (
        place.low_seconds,
        place.point_seconds,
        place.high_seconds,
        place.expected_seconds,
    )
    if low is None or point is None or high is None or expected is None:
        return None
    return Promise(
        ticket=ticket.id,
        district=ticket.home_district,
        lane=lane.key,
        at=now,
        expected=expected,
        low=low,
        point=point,
        high=high,
        credit=ticket.credit_seconds > 0,
    )
