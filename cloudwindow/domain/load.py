"""
How much there is to do and who is there to do it; from that, a place in line and a range of waiting time.

Rule 1: a place counts those who will be served before me by agents who could serve me, in any district.
Rule 2: with nobody on duty there is no honest waiting time, so none is given.
Rule 3: never estimate from one lane's own pace: lanes are too thin (7 to 14 minutes off when
simulated).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from cloudwindow.domain.ids import DistrictCode, OfferId, StaffId, TicketId
from cloudwindow.domain.match import CLOSED, NEIGHBOURS, RINGS, AgentProfile, Lane, openings, ring_of
from cloudwindow.domain.presence import State

Lenders = Mapping[DistrictCode, frozenset[DistrictCode]]
"""Which districts help a home district by an admin's word."""

ON_DUTY = frozenset({State.IDLE, State.OFFERED, State.IN_CALL, State.WRAP_UP})
"""States in which an agent is at work: they count for rings and for waiting times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLoad:
    """``waiting`` tickets in ``lane``; the head of the line joined at ``longest_since`` (seconds)."""

    lane: Lane
    waiting: int
    longest_since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPresence:
    """
    One agent as the line sees them; ``since`` is when ``state`` began, in seconds since the epoch.

    ``pull``: takes tickets by hand. ``leaving``: why they are away after this call, if they asked for it.
    ``ticket``: what rings until ``rings_until``, else the newest of their ``calls``.
    """

    agent: StaffId
    district: DistrictCode
    state: State
    since: float
    profile: AgentProfile
    reason: str = ""
    ticket: TicketId | None = None
    offer: OfferId | None = None
    present: bool = True
    pull: bool = False
    leaving: str = ""
    shift_ends_at: float | None = None
    rings_until: float | None = None
    calls: tuple["HeldCall", ...] = ()

    @property
    def load(self) -> int:
        """What their calls weigh together."""
        return sum(one.weight for one in self.calls)


class HeldCall(NamedTuple):
    """A call as the line knows it; ``ended``: only its wrap-up is left."""

    ticket: TicketId
    ended: bool
    weight: int
    accepted_at: float | None


def calls_of(words: str) -> tuple[HeldCall, ...]:
    """
    Read what the line keeps: ``ticket>state>accepted ms>skill>weight``, joined by commas.

    >>> calls_of("t1>in_call>5000>HR>1,t2>wrap_up>->HR>1")[1]
    HeldCall(ticket='t2', ended=True, weight=1, accepted_at=None)
    """
    found = []
    for word in filter(None, words.split(",")):
        ticket, state, accepted, _, weight = word.split(">")
        at = None if accepted == "-" else float(accepted) / 1000
        found.append(HeldCall(TicketId(ticket), state == "wrap_up", int(weight), at))
    return tuple(found)


class Handling(NamedTuple):
    """Measured time of one case, call and wrap-up together, in seconds."""

    mean: float
    deviation: float


PRIOR_CASES = 5
PRIOR = Handling(600.0, 480.0)
"""Until cases have been measured: ten minutes, as spread out as handling times usually are."""


def handling(cases: float, total: float, squares: float) -> Handling:
    """Mean and deviation from count, sum and sum of squares, leaning on the prior while cases are few."""
    count = cases + PRIOR_CASES
    mean = (total + PRIOR_CASES * PRIOR.mean) / count
    square = (squares + PRIOR_CASES * (PRIOR.mean**2 + PRIOR.deviation**2)) / count
    return Handling(mean, sqrt(max(square - mean * mean, 1.0)))


class Rival(NamedTuple):
    """A lane that draws on the same agents: tickets with a score below mine less ``lead`` go before me."""

    lane: Lane
    lead_seconds: float


SOON_GONE = 0.0
"""When they are gone who leave after their present call: they serve nobody who waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """
    How many agents on duty share one profile; the agent's name in it means nothing.

    ``ends``: when some of them are gone, in seconds since the epoch: their shift's end, and ``SOON_GONE``.
    """

    profile: AgentProfile
    agents: int
    ends: tuple[float, ...] = ()


def crews(agents: Sequence[AgentPresence]) -> tuple[Crew, ...]:
    """Gather the agents on duty by what they can do: a city has few kinds of desk."""
    kinds: dict[tuple[object, ...], list[AgentPresence]] = {}
    for presence in agents:
        if presence.state in ON_DUTY:
            one = presence.profile
            kind = (one.district, one.skills, one.languages, one.modes, one.serves_districts)
            kinds.setdefault(kind, []).append(presence)
    return tuple(Crew(profile=same[0].profile, agents=len(same), ends=_ends(same)) for same in kinds.values())


def _ends(agents: Sequence[AgentPresence]) -> tuple[float, ...]:
    gone = (SOON_GONE if one.leaving else one.shift_ends_at for one in agents)
    return tuple(sorted(end for end in gone if end is not None))


def able_by_ring(
    lane: Lane,
    on_duty: Sequence[Crew],
    neighbours: Mapping[DistrictCode, frozenset[DistrictCode]] = NEIGHBOURS,
    lenders: Lenders | None = None,
) -> tuple[int, ...]:
    """How many agents on duty can serve ``lane`` in each ring."""
    count = [0] * RINGS
    for crew in on_duty:
        if crew.profile.able(lane):
            count[ring_of(crew.profile.district, lane.home_district, neighbours, lenders)] += crew.agents
    closed = lane.stays.index(CLOSED) + 1 if CLOSED in lane.stays else RINGS
    return (*count[:closed], *(0 for _ in count[closed:]))


class Reach:
    """When each kind of desk on duty may serve each lane, worked out once for all who ask."""

    def __init__(
        self,
        on_duty: Sequence[Crew],
        *,
        neighbours: Mapping[DistrictCode, frozenset[DistrictCode]] = NEIGHBOURS,
        lenders: Lenders | None = None,
    ) -> None:
        self.on_duty = tuple(on_duty)
        self._neighbours = neighbours
        self._lenders = lenders
        self._openings: dict[Lane, Sequence[float]] = {}

    def opening(self, lane: Lane, crew: Crew) -> float:
        """Seconds after a ticket's score at which ``crew`` may serve it in ``lane``; ``CLOSED``: never."""
        if lane not in self._openings:
            able = able_by_ring(lane, self.on_duty, self._neighbours, self._lenders)
            self._openings[lane] = openings(able, lane.stays)
        ring = ring_of(crew.profile.district, lane.home_district, self._neighbours, self._lenders)
        return self._openings[lane][ring]

    def servers(self, lane: Lane) -> tuple[Crew, ...]:
        """The agents who will serve ``lane``: those of the nearest ring that has any."""
        able = [
            crew for crew in self.on_duty if crew.profile.able(lane) and self.opening(lane, crew) < CLOSED
        ]
        nearest = min((self.opening(lane, crew) for crew in able), default=0.0)
        return tuple(crew for crew in able if self.opening(lane, crew) == nearest)

    def first(self, lane: Lane, servers: Sequence[Crew]) -> float | None:
        """The earliest opening of ``lane`` for one of ``servers``, in seconds; ``None`` if none may."""
        able = (crew for crew in servers if crew.profile.able(lane))
        opening = min((self.opening(lane, crew) for crew in able), default=CLOSED)
        return opening if opening < CLOSED else None


def rivals(
    mine: Lane,
    lanes: Sequence[Lane],
    on_duty: Sequence[Crew],
    *,
    neighbours: Mapping[DistrictCode, frozenset[DistrictCode]] = NEIGHBOURS,
    lenders: Lenders | None = None,
) -> tuple[Rival, ...]:
    """
    The lanes whose tickets stand before one of ``mine`` in the eyes of the agents who will serve it.

    Those are the agents of the nearest ring that has any; with nobody on duty only my own lane remains.
    """
    reach = Reach(on_duty, neighbours=neighbours, lenders=lenders)
    servers = reach.servers(mine)
    nearest = reach.first(mine, servers) or 0.0
    found = [Rival(mine, 0.0)]
    for lane in lanes:
        opening = reach.first(lane, servers)
        if opening is not None and lane != mine:
            found.append(Rival(lane, opening - nearest))
    return tuple(found)
