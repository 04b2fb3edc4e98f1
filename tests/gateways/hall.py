"""A line with its own clock and short words, for tests that tell a story."""

from collections import Counter

from redis.asyncio import Redis

from cloudwindow.domain.ids import DistrictCode, OfferId, StaffId, TicketId
from cloudwindow.domain.match import PLAIN, AgentProfile, Lane, Offer, Terms
from cloudwindow.domain.presence import State
from cloudwindow.queue import Announcement, Line, offer_of

HUADU, BAIYUN, CONGHUA, NANSHA, TIANHE = (
    DistrictCode(code) for code in ("440114", "440111", "440117", "440115", "440106")
)


def lane(
    district: DistrictCode = HUADU, skill: str = "HR", language: str = "zh", mode: str = "video"
) -> Lane:
    return Lane(home_district=district, skill=skill, language=language, mode=mode)


def profile(
    agent: str,
    district: DistrictCode = HUADU,
    skills: str = "HR",
    languages: str = "zh",
    modes: str = "video",
) -> AgentProfile:
    return AgentProfile(
        agent=StaffId(agent),
        district=district,
        skills=frozenset(skills.split()),
        languages=frozenset(languages.split()),
        modes=frozenset(modes.split()),
    )


class Hall:
    """The line as seen by a test: ``now`` moves only when the test says so."""

    def __init__(self, redis: Redis, line: Line | None = None) -> None:
        self.redis = redis
        self.line = line or Line(redis, prefix="hall")
        self.now = 1_000_000.0

    async def join(
        self, ticket: str, where: Lane | None = None, *, credit: float = 0.0, terms: Terms = PLAIN
    ) -> None:
        """A citizen joins a second after whatever happened last."""
        self.now += 1
        await self.line.join(
            TicketId(ticket),
            where or lane(),
            joined_at=self.now,
            credit_seconds=credit,
            now=self.now,
            terms=terms,
        )

    async def arrive(self, one: AgentProfile) -> None:
        """An agent signs in and is free."""
        await self.line.sign_in(one, now=self.now)
        await self.line.set_available(one.agent, now=self.now)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass; everybody's page is still open."""
        self.now += seconds
        for one in await self.line.agents():
            if one.present:
                await self.line.beat(one.agent, now=self.now)
        while await self.line.tick(now=self.now):
            pass

    async def go_by_silently(self, seconds: float) -> None:
        """Let time pass without a heartbeat from anybody."""
        self.now += seconds
        while await self.line.tick(now=self.now):
            pass

    async def told(self) -> list[Announcement]:
        """Everything announced so far."""
        return await self.line.history()

    async def kinds(self) -> Counter[str]:
        """How often each kind of thing was announced."""
        return Counter(one.kind for one in await self.told())

    async def offers(self) -> list[tuple[str, str]]:
        """Every (ticket, agent) offered so far, in order."""
        return [(str(one.ticket), str(one.agent)) for one in await self.told() if one.kind == "offer.made"]

    async def last_offer(self) -> Offer:
        """The latest offer."""
        return offer_of([one for one in await self.told() if one.kind == "offer.made"][-1])

    async def accept(self) -> Offer:
        """The latest offer is accepted."""
        offer = await self.last_offer()
        return await self.line.accept(offer.agent, offer.offer, now=self.now)

    async def serve(self) -> None:
        """The latest offer is accepted, and the agent is free again afterwards."""
        offer = await self.accept()
        await self.line.wrap_up(offer.agent, offer.ticket, now=self.now)
        await self.line.finish(offer.agent, now=self.now)

    async def state(self, agent: str) -> State:
        """What an agent is doing."""
        found = {one.agent: one.state for one in await self.line.agents()}
        return found.get(StaffId(agent), State.OFFLINE)


def offer_id(ticket: str, turn: int) -> OfferId:
    return OfferId(f"{ticket}/{turn}")
