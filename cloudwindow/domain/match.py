"""
Who may serve whom: lanes, the rings of districts around a home district, and when each ring opens.

Rule 1: a ticket's score is its joining time less its credit, fixed for life; the lowest is served first.
Rule 2: an agent of ring ``r`` may serve a ticket from ``score + opening[r]`` on; among all they may serve
they get the lowest ``score + opening[r]``: their own district first, everybody in the end.
Rule 3: the stay in a ring that has nobody on duty is skipped.
The scripts in ``lua/`` do the same arithmetic in milliseconds; ``tests/gateways`` compares the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from cloudwindow.domain.errors import BadInput
from cloudwindow.domain.ids import DistrictCode, OfferId, StaffId, TicketId

OWN, NEIGHBOUR, CITY = 0, 1, 2
"""The rings, from the home district outward."""

RING_DELAYS_SECONDS = (0.0, 120.0, 300.0)
"""Waiting time after which each ring opens. Two and five minutes kept nine in ten citizens with their own
district in simulation and gave nearly all of what one pool for the whole city would."""

ACCEPT_SECONDS = 20.0
LEASE_SECONDS = 6.0
AWAY_LEASE_SECONDS = 600.0
GRACE_SECONDS = 600.0
PASS_SECONDS = 30.0
"""How long a declined ticket is not offered again to the agent who declined it."""
CREDIT_LIMIT_SECONDS = 3600.0
"""No priority class may overtake anybody who joined more than this much earlier."""


def _both_ways(borders: Mapping[str, Sequence[str]]) -> dict[DistrictCode, frozenset[DistrictCode]]:
    pairs = [(one, other) for one, others in borders.items() for other in others]
    pairs += [(other, one) for one, other in pairs]
    districts = sorted({one for one, _ in pairs})
    return {
        DistrictCode(district): frozenset(DistrictCode(other) for one, other in pairs if one == district)
        for district in districts
    }


NEIGHBOURS = _both_ways(
    {
        "440103": ["440104", "440105", "440111", "440113"],  # 荔湾: 越秀 海珠 白云 番禺
        "440104": ["440105", "440106", "440111"],  # 越秀: 海珠 天河 白云
        "440105": ["440106", "440112", "440113"],  # 海珠: 天河 黄埔 番禺
        "440106": ["440111", "440112"],  # 天河: 白云 黄埔
        "440111": ["440112", "440114", "440117"],  # 白云: 黄埔 花都 从化
        "440112": ["440113", "440117", "440118"],  # 黄埔: 番禺 从化 增城
        "440113": ["440115"],  # 番禺: 南沙
        "440114": ["440117"],  # 花都: 从化
        "440117": ["440118"],  # 从化: 增城
    }
)
"""Which of Guangzhou's 11 districts border on each other, by land or across the river."""


def ring_of(
    helping: DistrictCode,
    home: DistrictCode,
    neighbours: Mapping[DistrictCode, frozenset[DistrictCode]] = NEIGHBOURS,
) -> int:
    """The ring in which an agent of the district ``helping`` stands for a ticket of ``home``."""
    if helping == home:
        return OWN
    return NEIGHBOUR if helping in neighbours.get(home, frozenset()) else CITY


def openings(
    on_duty: Sequence[int], delays: Sequence[float] = RING_DELAYS_SECONDS
) -> tuple[float, float, float]:
    """
    Seconds after the score at which each ring opens, given how many able agents each has ``on_duty``.

    >>> openings((1, 1, 1)), openings((0, 1, 1)), openings((0, 0, 1))
    ((0.0, 120.0, 300.0), (0.0, 0.0, 180.0), (0.0, 0.0, 0.0))
    """
    own, neighbour, city = delays
    second = own + (neighbour - own if on_duty[OWN] else 0.0)
    third = second + (city - neighbour if on_duty[NEIGHBOUR] else 0.0)
    return own, second, third


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Lane:
    """What decides who may serve a ticket. A part holds no ``|`` and no comma and is not empty."""

    home_district: DistrictCode
    skill: str
    language: str
    mode: str

    def __post_init__(self) -> None:
        for part in (self.home_district, self.skill, self.language, self.mode):
            if not plain(part):
                raise BadInput("lane_unknown", {"lane": part})

    @property
    def key(self) -> str:
        """The lane in one word, as Redis keeps it: ``440114|HR|zh|video``."""
        return "|".join((self.home_district, self.skill, self.language, self.mode))

    @classmethod
    def parse(cls, key: str) -> Self:
        """Read a ``key`` back. Raises BadInput("lane_unknown")."""
        parts = key.split("|")
        if len(parts) != 4:
            raise BadInput("lane_unknown", {"lane": key[:80]})
        return cls(home_district=DistrictCode(parts[0]), skill=parts[1], language=parts[2], mode=parts[3])


def plain(word: str) -> bool:
    """Whether ``word`` can stand in a key: short, not empty, without the separators."""
    return 0 < len(word) <= 64 and word.isprintable() and not set(word) & set("|,> {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProfile:
    """What an agent can do. ``serves_districts`` of ``None``: may help every district."""

    agent: StaffId
    district: DistrictCode
    skills: frozenset[str]
    languages: frozenset[str] = frozenset({"zh"})
    modes: frozenset[str] = frozenset({"video"})
    serves_districts: frozenset[DistrictCode] | None = None

    def __post_init__(self) -> None:
        if not (self.skills and self.languages and self.modes):
            raise BadInput("agent_without_skills")
        served = self.serves_districts or frozenset()
        for word in (self.agent, self.district, *self.skills, *self.languages, *self.modes, *served):
            if not plain(word):
                raise BadInput("agent_profile_unusable", {"part": word[:80]})

    def reaches(self, home: DistrictCode) -> bool:
        """Whether the agent may serve citizens of ``home``: always their own district's."""
        return home == self.district or self.serves_districts is None or home in self.serves_districts

    def able(self, lane: Lane) -> bool:
        """Whether the agent may ever serve a ticket of ``lane``."""
        speaks = lane.language in self.languages and lane.mode in self.modes
        return lane.skill in self.skills and speaks and self.reaches(lane.home_district)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    One ticket held for one agent until ``expires_at`` (seconds since the epoch).

    ``why``: ``rule`` (longest_waiting: the agent became free; longest_idle: the ticket came or a ring
    opened), ``waited_ms`` since joining, ``idle_ms``, ``opened_ms`` (when this ring opened, after the score)
    and ``considered`` (up to five others that came close: lanes, or agents).
    """

    offer: OfferId
    ticket: TicketId
    agent: StaffId
    epoch: int
    expires_at: float
    ring: int
    why: Mapping[str, Any] = field(default_factory=dict)
    lane: Lane | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``ahead`` of ``of`` people compete for the same agents; the range is seconds from now, or ``None``."""

    ahead: int
    of: int
    agents_on_duty: int
    low_seconds: int | None
    high_seconds: int | None
