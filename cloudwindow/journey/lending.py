"""Mutual aid: a district's admin lets its agents help another district's citizens for a time."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import time, timedelta

from cloudwindow.domain.calendar import day_of, moment
from cloudwindow.domain.errors import BadInput, Conflict, NotFound
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.ids import DistrictCode, StaffId, word
from cloudwindow.journey.house import House
from cloudwindow.records import Connection, lendings
from cloudwindow.records.lendings import Lending
from cloudwindow.records.people import Staff
from cloudwindow.records.story import note

LENDING_SECONDS = (600.0, 14 * 86_400.0)
"""Shortest and longest lending."""
HOURS = {"1h": 1, "2h": 2}
ENDS = (*HOURS, "day")
"""Ends that are offered in a word: in so many hours, at midnight."""


class Aid:
    """What admins agree on; ``tell_line`` tells the line again and again, so that it never differs long."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def lend(
        self, admin: Staff, *, lender: str, borrower: str, starts_at: float, ends_at: float, reason: str
    ) -> Lending:
        """
        Let the agents of ``lender`` help ``borrower`` from ``starts_at`` to ``ends_at``.

        A district's admin lends their own agents; a city admin anybody's. Raises NotFound unknown_district
        for a district that is not theirs to lend, BadInput lending_to_itself, lending_time_unusable or
        reason_required, Conflict lending_exists.
        """
        house, now = self._house, self._house.clock()
        giver, taker = house.catalogue.district(lender).code, house.catalogue.district(borrower).code
        if not may_lend(admin, giver):
            raise NotFound("unknown_district")
        if giver == taker:
            raise BadInput("lending_to_itself", field="borrower")
        shortest, longest = LENDING_SECONDS
        begins = max(starts_at, now)
        if not shortest <= ends_at - begins <= longest or begins > now + longest:
            raise BadInput("lending_time_unusable", field="ends_at")
        if not reason.strip():
            raise BadInput("reason_required", field="reason")
        lending = Lending(
            id=word(house.random(10)),
            lender=giver,
            borrower=taker,
            starts_at=begins,
            ends_at=ends_at,
            agreed_by=StaffId(admin.id),
            reason=reason.strip()[:200],
            made_at=now,
        )

        async def work(conn: Connection) -> None:
            known = await lendings.not_over(conn, now)
            if any(_overlap(one, lending) for one in known):
                raise Conflict("lending_exists")
            await lendings.add(conn, lending)
            await self._note(conn, "lending.agreed", lending, admin, now)

        await house.ledger.write(work)
        await self.tell_line()
        return lending

    async def end(self, admin: Staff, id: str) -> None:
        """End a lending early. Raises NotFound("unknown_lending"), also for one that is not theirs."""
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> None:
            lending = await lendings.lending(conn, id)
            if "city_admin" not in admin.roles and admin.district not in {lending.lender, lending.borrower}:
                raise NotFound("unknown_lending")
            if lending.ends_at > now:
                await lendings.end(conn, id, now=now)
                await self._note(conn, "lending.ended", lending, admin, now)

        await house.ledger.write(work)
        await self.tell_line()

    async def _note(self, conn: Connection, kind: str, lending: Lending, admin: Staff, now: float) -> None:
        actor = Actor(kind="staff", id=admin.id)
        payload = {
            "lender": lending.lender,
            "borrower": lending.borrower,
            "starts_at": lending.starts_at,
            "ends_at": lending.ends_at,
            "reason": lending.reason,
        }
        await note(conn, f"lending:{lending.id}", kind, actor, now, payload)

    async def agreed(self, district: str | None) -> Sequence[Lending]:
        """Lendings in force or to come which a district gives or takes; all for the city (None)."""
        async with self._house.ledger.read() as conn:
            known = await lendings.not_over(conn, self._house.clock())
        return [one for one in known if district in {None, one.lender, one.borrower}]

    async def tell_line(self) -> None:
        """Tell the line who lends to whom now; nothing happens when it knows already."""
        now = self._house.clock()
        lenders: dict[DistrictCode, set[DistrictCode]] = defaultdict(set)
        for one in await self.agreed(None):
            if one.starts_at <= now:
                lenders[one.borrower].add(one.lender)
        helping = {home: frozenset(some) for home, some in lenders.items()}
        await self._house.line.lend(helping, now=now)


def may_lend(admin: Staff, lender: DistrictCode) -> bool:
    """Whether ``admin`` may lend the agents of ``lender``: their own district's, a city admin everybody's."""
    return "city_admin" in admin.roles or lender == admin.district


def end_of(word: str, now: float) -> float:
    """When a lending made now ends by one of ENDS. Raises BadInput("lending_time_unusable")."""
    if word == "day":
        return moment(day_of(now) + timedelta(days=1), time())
    if word not in HOURS:
        raise BadInput("lending_time_unusable", field="ends")
    return now + HOURS[word] * 3600.0


def _overlap(one: Lending, other: Lending) -> bool:
    same = (one.lender, one.borrower) == (other.lender, other.borrower)
    return same and one.starts_at < other.ends_at and other.starts_at < one.ends_at
