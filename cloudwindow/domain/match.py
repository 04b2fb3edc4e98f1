"""
Who may serve whom: lanes, the rings of districts around a home district, and when each ring opens.

Rule 1: a ticket's score is its joining time less its credit, fixed for life; the lowest is served first.
Rule 2: an agent of ring ``r`` may serve a ticket from ``score + opening[r]`` on; among all they may serve
they get the lowest ``score + opening[r]``: their own district first, everybody in the end.
Rule 3: the stay in a ring that has nobody on duty is skipped.
Rule 4: a ticket that asks for its old agent waits for them alone until its time is over or they go away.
The scripts in ``lua/`` do the same arithmetic in milliseconds; ``tests/gateways`` compares the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from cloudwindow.domain.errors import BadInput
from cloudwindow.domain.ids import DistrictCode, OfferId, StaffId, TicketId

MODES = ("video", "audio", "text", "sign")
"""How citizen and agent talk: pictures and sound, sound, typing, sign language before the camera."""

FULL = 3
"""What an agent can carry at most."""
WEIGHTS: Mapping[str, int] = {"video": FULL, "audio": FULL, "text": 1, "sign": FULL}
"""What a call of each mode weighs: whoever sees and hears a citizen is there for that one alone."""

OWN, LENDER, NEIGHBOUR, CITY = 0, 1, 2, 3
"""The rings, from the home district outward; lenders are the districts an admin named to help."""
RINGS = 4
CLOSED = float("inf")
"""When a ring opens that never does."""

STAYS_SECONDS = (120.0, 60.0, 180.0)
"""How long a ticket stays with own district, lenders and neighbours before the next ring opens. Without
lenders that is two and five minutes, which in simulation kept nine in ten citizens with their own district
and gave nearly all of what one pool for the whole city would."""

ACCEPT_SECONDS = 20.0
LEASE_SECONDS = 6.0
AWAY_LEASE_SECONDS = 600.0
GRACE_SECONDS = 600.0
PASS_SECONDS = 30.0
"""How long a declined ticket is not offered again to the agent who declined it."""
CREDIT_LIMIT_SECONDS = 3600.0
"""No credit and no penalty moves a ticket further than this."""


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
    lenders: Mapping[DistrictCode, frozenset[DistrictCode]] | None = None,
) -> int:
    """The ring in which an agent of the district ``helping`` stands for a ticket of ``home``."""
    if helping == home:
        return OWN
    if helping in (lenders or {}).get(home, frozenset()):
        return LENDER
    return NEIGHBOUR if helping in neighbours.get(home, frozenset()) else CITY


def openings(on_duty: Sequence[int], stays: Sequence[float] = STAYS_SECONDS) -> tuple[float, ...]:
    """
    Seconds after the score at which each ring opens, given how many able agents each has ``on_duty``.

    >>> openings((1, 0, 1, 1)), openings((0, 0, 1, 1)), openings((1, 1, 0, 1))
    ((0.0, 120.0, 120.0, 300.0), (0.0, 0.0, 0.0, 180.0), (0.0, 120.0, 180.0, 180.0))
    """
    found = [0.0]
    for stay, agents in zip(stays, on_duty, strict=False):
        closed = stay == CLOSED or found[-1] == CLOSED
        found.append(CLOSED if closed else found[-1] + (stay if agents else 0.0))
    return tuple(found)


def ring_word(stays: Sequence[float]) -> str:
    """
    How a lane spells its rings: whole seconds, ``x`` for a ring after which no other opens.

    >>> ring_word((120.0, 60.0, 180.0)), ring_word((30.0, CLOSED, 0.0))
    ('120-60-180', '30-x-0')
    """
    return "-".join("x" if stay == CLOSED else str(round(stay)) for stay in stays)


def stays_of(word: str) -> tuple[float, ...]:
    """Read ``ring_word`` back. Raises BadInput("lane_unknown")."""
    parts = word.split("-")
    usable = all(part == "x" or (part.isdigit() and len(part) < 7) for part in parts)
    if len(parts) != RINGS - 1 or not usable:
        raise BadInput("lane_unknown", {"lane": word[:80]})
    return tuple(CLOSED if part == "x" else float(part) for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Lane:
    """
    What decides who may serve a ticket. A part holds no ``|`` and no comma and is not empty.

    ``skill``: one word, or several joined by ``+`` and sorted when the ticket needs an agent with all of
    them. ``rings``: how long each ring stays alone, see ``ring_word``.
    """

    home_district: DistrictCode
    skill: str
    language: str
    mode: str
    rings: str = ring_word(STAYS_SECONDS)

    def __post_init__(self) -> None:
        for part in (self.home_district, self.skill, self.language, self.mode):
            if not plain(part):
                raise BadInput("lane_unknown", {"lane": part})
        stays_of(self.rings)

    @property
    def key(self) -> str:
        """The lane in one word, as Redis keeps it: ``440114|HR|zh|video|120-60-180``."""
        return "|".join((self.home_district, self.skill, self.language, self.mode, self.rings))

    @property
    def skills(self) -> frozenset[str]:
        """What an agent must be able to do, all of it."""
        return frozenset(self.skill.split("+"))

    @property
    def stays(self) -> tuple[float, ...]:
        """How long own district, lenders and neighbours each stay alone, in seconds."""
        return stays_of(self.rings)

    @classmethod
    def parse(cls, key: str) -> Self:
        """Read a ``key`` back. Raises BadInput("lane_unknown")."""
        parts = key.split("|")
        if len(parts) != 5:
            raise BadInput("lane_unknown", {"lane": key[:80]})
        district, skill, language, mode, rings = parts
        return cls(
            home_district=DistrictCode(district), skill=skill, language=language, mode=mode, rings=rings
        )


def fits(load: int, mode: str, capacity: int) -> bool:
    """
    Whether a call of ``mode`` fits beside calls that weigh ``load``; a single one always does.

    >>> fits(0, "video", 1), fits(2, "text", 3), fits(3, "text", 3), fits(1, "video", 3)
    (True, True, False, False)
    """
    return load == 0 or load + WEIGHTS.get(mode, FULL) <= capacity


def plain(word: str) -> bool:
    """Whether ``word`` can stand in a key: short, not empty, without the separators."""
    return 0 < len(word) <= 64 and word.isprintable() and not set(word) & set("|,> {}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProfile:
    """
    What an agent can do. ``serves_districts`` of ``None``: may help every district.

    ``capacity``: what their calls may weigh together (``WEIGHTS``), from 1 to ``FULL``; a single call always
    fits.
    """

    agent: StaffId
    district: DistrictCode
    skills: frozenset[str]
    languages: frozenset[str] = frozenset({"zh"})
    modes: frozenset[str] = frozenset({"video"})
    serves_districts: frozenset[DistrictCode] | None = None
    capacity: int = FULL

    def __post_init__(self) -> None:
        if not 1 <= self.capacity <= FULL:
            raise BadInput("agent_profile_unusable", {"part": str(self.capacity)})
        if not (self.skills and self.languages and self.modes):
            raise BadInput("agent_without_skills")
        served = self.serves_districts or frozenset()
        for word in (self.agent, self.district, *self.skills, *self.languages, *self.modes, *served):
            if not plain(word):
                raise BadInput("agent_profile_unusable", {"part": word[:80]})

    def reaches(self, home: DistrictCode) -> bool:
        """Whether the agent may serve citizens of ``home``: always their own district's."""
        return home == self.district or self.serves_districts is None or home in self.serves_districts

    def has_room(self, load: int, mode: str) -> bool:
        """Whether a call of ``mode`` fits beside calls that weigh ``load`` together."""
        return fits(load, mode, self.capacity)

    def able(self, lane: Lane) -> bool:
        """Whether the agent may ever serve a ticket of ``lane``."""
        speaks = lane.language in self.languages and lane.mode in self.modes
        return lane.skills <= self.skills and speaks and self.reaches(lane.home_district)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    How a ticket waits, besides its place; instants are seconds since the epoch.

    ``priority``: why it has credit. ``preferred``: the agent it waits for alone, until ``preferred_until``.
    ``not_before``: it is offered to nobody earlier, and keeps its place. ``callback``: its citizen need not
    have the page open, they are rung. ``passed_by``: agents it is not offered to while others could serve it.
    """

    priority: str = ""
    preferred: StaffId | None = None
    preferred_until: float = 0.0
    not_before: float = 0.0
    callback: bool = False
    passed_by: tuple[StaffId, ...] = ()


PLAIN = Terms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """
    One ticket held for one agent until ``expires_at`` (seconds since the epoch).

    ``why``: ``rule`` (longest_waiting: the agent became free; longest_idle: the ticket came or a ring
    opened; preferred: its old agent; next: the agent asked for the next; picked: the agent chose it, for
    ``reason``), ``score_ms``, ``credit_ms`` and ``priority``, ``waited_ms`` since joining, ``idle_ms``,
    ``opened_ms`` (when this ring opened, after the score) and ``considered``: up to five others that came
    close, lanes ``{lane, at_ms}`` or agents ``{agent, ring, idle_ms}``.
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
    """
    ``ahead`` of ``of`` people compete for the same agents; the range is seconds from now, or ``None``.

    ``point_seconds`` lies in the range and is made from ``expected_seconds``, see ``domain.estimate``.
    """

    ahead: int
    of: int
    agents_on_duty: int
    low_seconds: int | None
    high_seconds: int | None
    point_seconds: float | None = None
    expected_seconds: float | None = None
    home_district: DistrictCode | None = None
