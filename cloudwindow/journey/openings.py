"""
Whether a number can be had now; and if not, what truly can: another district, the next free times.

Rule: the line being away refuses nobody; what is known for sure (hours, the staff list) still counts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from cloudwindow.domain import intake_rule
from cloudwindow.domain.calendar import day_of
from cloudwindow.domain.catalogue import District, ServiceItem
from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, Unavailable
from cloudwindow.domain.ids import DistrictCode
from cloudwindow.domain.intake_rule import TAKES_NUMBERS, Verdict
from cloudwindow.domain.load import Crew, LaneLoad, crews
from cloudwindow.domain.match import AgentProfile, Lane, ring_of
from cloudwindow.domain.matter import joined_rings, joined_skill
from cloudwindow.journey.appointment_views import OtherDistrict
from cloudwindow.journey.house import House
from cloudwindow.records.people import Staff

LOOK_SECONDS = 1.0
"""A look at the city is good for so long: a rush at the door must not read it once for each person."""
OTHERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """Who is employed, who is on duty and who waits; ``known`` is false while the line is away."""

    at: float
    profiles: Sequence[AgentProfile]
    crews: Sequence[Crew]
    loads: Sequence[LaneLoad]
    known: bool


class Openings:
    """Answers «can I have a number now?» for one item, place and way of talking."""

    def __init__(self, house: House, profile_of: Callable[[Staff, date], AgentProfile]) -> None:
        self._house = house
        self._profile_of = profile_of
        self._city: City | None = None

    async def verdict(
        self,
        item: ServiceItem,
        district: District,
        *,
        language: str,
        mode: str,
        more: Sequence[ServiceItem] = (),
    ) -> Verdict:
        """
        Whether a number for ``item`` can be had at the windows of ``district``, and if not, why.

        ``more`` are further items of the same number: it takes an agent who can do all of them.
        """
        now = self._house.clock()
        if not district.calendar.is_open(now):
            return Verdict.CLOSED
        lane = lane_at(item, district.code, language, mode, more)
        city = await self._look(now)
        if city.profiles and not intake_rule.covered(lane, city.profiles):
            return Verdict.UNCOVERED
        if not city.known:
            return Verdict.OPEN
        if not intake_rule.able_agents(lane, city.crews):
            return Verdict.UNSTAFFED
        return Verdict.OPEN if self._fits([item, *more], lane, district, city, now) else Verdict.FULL

    async def demand(
        self,
        item: ServiceItem,
        district: District,
        *,
        language: str,
        mode: str,
        more: Sequence[ServiceItem] = (),
    ) -> None:
        """Raise Conflict office_closed, intake_full or lane_uncovered unless a number can be had."""
        verdict = await self.verdict(item, district, language=language, mode=mode, more=more)
        if verdict not in TAKES_NUMBERS:
            opens = district.calendar.next_opening(self._house.clock())
            values = {"next": opens}
            raise {
                Verdict.CLOSED: Conflict("office_closed", values),
                Verdict.FULL: Conflict("intake_full", values),
                Verdict.UNCOVERED: Conflict("lane_uncovered", values),
            }[verdict]

    async def must_be_covered(self, lane: Lane) -> None:
        """Raise Conflict("lane_uncovered") when nobody on the staff list could ever serve ``lane``."""
        city = await self._look(self._house.clock())
        if city.profiles and not intake_rule.covered(lane, city.profiles):
            raise Conflict("lane_uncovered", field="mode")

    async def signs(self, item: ServiceItem) -> bool:
        """Whether anybody on the active staff list serves ``item`` in sign language."""
        city = await self._look(self._house.clock())
        return intake_rule.talks("sign", item.skill, city.profiles)

    async def leavable(self, item: ServiceItem, district: District, *, language: str, mode: str) -> bool:
        """
        Whether a form for ``item`` can be left with ``district``.

        No number can be had, or nobody is there for it; and the district itself employs somebody to look.
        """
        if await self.verdict(item, district, language=language, mode=mode) is Verdict.OPEN:
            return False
        lane = lane_at(item, district.code, language, mode)
        city = await self._look(self._house.clock())
        return intake_rule.covered(lane, (one for one in city.profiles if one.district == district.code))

    async def others(
        self, item: ServiceItem, besides: District, *, language: str, mode: str
    ) -> list[OtherDistrict]:
        """Districts that are open and have somebody of their own on duty for this, the nearest first."""
        now = self._house.clock()
        city = await self._look(now)
        found = [
            other
            for district in self._house.catalogue.districts
            if district.code != besides.code
            and (other := self._able_now(item, district, language, mode, city, now)) is not None
        ]
        found.sort(key=lambda one: (ring_of(one.district.code, besides.code), one.waiting, one.district.code))
        return found[:OTHERS]

    def _able_now(
        self, item: ServiceItem, district: District, language: str, mode: str, city: City, now: float
    ) -> OtherDistrict | None:
        lane = lane_at(item, district.code, language, mode)
        own = [crew for crew in city.crews if crew.profile.district == district.code]
        agents = intake_rule.able_agents(lane, own)
        if not agents or not district.calendar.is_open(now):
            return None
        if not self._fits([item], lane, district, city, now):
            return None
        waiting = sum(one.waiting for one in city.loads if one.lane.home_district == district.code)
        return OtherDistrict(district=district, agents=agents, waiting=waiting)

    def _fits(
        self, items: Sequence[ServiceItem], lane: Lane, district: District, city: City, now: float
    ) -> bool:
        closes = district.calendar.closes_at(now)
        return intake_rule.fits(
            ahead=intake_rule.waiting_ahead(lane, city.loads, city.crews),
            agents=intake_rule.able_agents(lane, city.crews),
            case_seconds=sum(item.avg_minutes for item in items) * 60.0,
            open_seconds=None if closes is None else closes - now,
        )

    async def _look(self, now: float) -> City:
        if self._city is not None and 0 <= now - self._city.at < LOOK_SECONDS:
            return self._city
        async with self._house.ledger.read() as conn:
            staff = await self._house.people.all_staff(conn)
        loads: Sequence[LaneLoad] = ()
        on_duty: tuple[Crew, ...] = ()
        known = True
        try:
            loads = await self._house.line.load()
            on_duty = crews(await self._house.line.agents())
        except Unavailable:
            known = False
        self._city = City(at=now, profiles=self._profiles(staff), crews=on_duty, loads=loads, known=known)
        return self._city

    def _profiles(self, staff: Sequence[Staff]) -> list[AgentProfile]:
        """What the city's agents can do; an account that is not set up serves nobody."""
        found = []
        for one in staff:
            if not one.active or "agent" not in one.roles:
                continue
            try:
                found.append(self._profile_of(one, day_of(self._house.clock())))
            except BadInput:
                continue
        return found


def lane_at(
    item: ServiceItem, district: DistrictCode, language: str, mode: str, more: Sequence[ServiceItem] = ()
) -> Lane:
    """Where a number for ``item``, and ``more`` with it, at the windows of ``district`` queues."""
    items = (item, *more)
    return Lane(
        home_district=district,
        skill=joined_skill(items),
        language=language,
        mode=mode,
        rings=joined_rings(items),
    )


def refuses(error: CloudWindowError) -> bool:
    """Whether ``error`` says that no number can be had now."""
    return error.code in {"office_closed", "intake_full", "lane_uncovered"}
