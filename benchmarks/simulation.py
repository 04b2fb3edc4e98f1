"""
A day of a city's line, played through in memory: who comes, who waits, who is served by whom.

A discrete-event simulator of exactly our rule of routing (score and ring openings of ``domain.match``); pure
and seeded, times are seconds since midnight. What it assumes and nobody has measured: the day's curve, how
long people wait before they give up, and how far demand is off from staffing (``sigma``).
"""

import heapq
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, gamma, log, sqrt
from random import Random
from typing import Literal

from cloudwindow.domain.match import CITY, NEIGHBOURS, openings, ring_of

Policy = Literal["silo", "widen", "pool"]
"""Own district only; our rings, opening after 2 and 5 minutes; everybody at once."""

OPENS, CLOSES = 8.5 * 3600, 17.5 * 3600
LUNCH = (12.0 * 3600, 13.5 * 3600)
LUNCH_STAFF = 0.35
"""The part of the staff that stays on duty over lunch."""
CURVE = (
    (8.5, 0.55),
    (9.5, 1.5),
    (11.0, 1.35),
    (12.0, 0.65),
    (13.0, 0.4),
    (13.5, 0.6),
    (14.5, 1.3),
    (16.0, 1.15),
    (17.5, 0.45),
)
"""How busy each hour is, in relation to the others: a peak in the morning, a lower one after lunch."""
MEAN_HANDLING = 360.0
HANDLING_VARIATION = 0.8
PATIENCE_SHAPE, PATIENCE_MEAN = 1.5, 3600.0
PRIORITY_SHARE, PRIORITY_CREDIT = 0.12, 300.0
SKILLS, DESKS, SKILLS_OF_A_DESK = 40, 12, (7, 13)
LANGUAGES = (("zh", 0.94), ("en", 0.04), ("ja", 0.02))
DISTRICTS = tuple(NEIGHBOURS)
RINGS = CITY + 1
NEVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """Staff and catalogue, the same every day. A class is (skill, language); a desk type serves some."""

    desks: tuple[frozenset[int], ...]
    """The classes each desk type serves."""
    means: tuple[float, ...]
    """Mean handling time of each class, in seconds."""
    demand: tuple[float, ...]
    """The share of each class in what people come for."""
    staff: tuple[tuple[int, int], ...]
    """District and desk type of each agent."""
    lunches: tuple[bool, ...]
    """Who is away over lunch."""


@dataclass(slots=True)
class Ticket:
    """One citizen of the day; ``served_by`` is a district, ``left`` says that they gave up."""

    number: int
    home: int
    kind: int
    arrived: float
    score: float
    patience: float
    case: float
    queued: bool = False
    started: float = NEVER
    served_by: int = -1
    left: bool = False
    waiting: bool = False

    @property
    def waited(self) -> float:
        """Seconds from the first press to the agent."""
        return self.started - self.arrived


def city(agents: int, seed: int = 7) -> City:
    """
    A city of so many agents, drawn once; each desk type's hours, spread evenly over what it serves, meet
    the demand, so that a day without imbalance is one that can be served.
    """
    draw = Random(seed)
    skills = [set(draw.sample(range(SKILLS), draw.randint(*SKILLS_OF_A_DESK))) for _ in range(DESKS)]
    for number, skill in enumerate(sorted(set(range(SKILLS)) - set().union(*skills))):
        skills[number % DESKS].add(skill)
    speaks = [{0} | ({1} if desk % 2 else set()) | ({2} if desk % 3 == 0 else set()) for desk in range(DESKS)]
    desks = tuple(
        frozenset(skill + SKILLS * language for skill in able for language in spoken)
        for able, spoken in zip(skills, speaks, strict=True)
    )
    means = [MEAN_HANDLING * draw.uniform(0.6, 1.5) for _ in range(SKILLS)]
    hours = [sum(1 / len(able) for able in skills if skill in able) for skill in range(SKILLS)]
    served = frozenset().union(*desks)
    demand = [
        LANGUAGES[kind // SKILLS][1] * hours[kind % SKILLS] / means[kind % SKILLS] if kind in served else 0.0
        for kind in range(SKILLS * len(LANGUAGES))
    ]
    staff = _staff(agents, [draw.uniform(0.6, 1.6) for _ in DISTRICTS])
    return City(
        desks=desks,
        means=tuple(means * len(LANGUAGES)),
        demand=tuple(part / sum(demand) for part in demand),
        staff=staff,
        lunches=tuple(draw.random() >= LUNCH_STAFF for _ in staff),
    )


def _staff(agents: int, sizes: Sequence[float]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    owed = 0.0
    for district, size in enumerate(sizes):
        for desk in range(DESKS):
            owed += agents * size / sum(sizes) / DESKS
            found += [(district, desk)] * (round(owed) - len(found))
    return tuple(found)


def _curve_at(hour: float) -> float:
    for (start, low), (end, high) in pairwise(CURVE):
        if start <= hour <= end:
            return low + (high - low) * (hour - start) / (end - start)
    return 0.0


def _spread(draw: Random, parts: Sequence[float], sigma: float) -> list[float]:
    """``parts`` with a lognormal error of ``sigma`` each, as large together as before."""
    off = [part * exp(draw.gauss(0.0, sigma)) for part in parts]
    return [part * sum(parts) / sum(off) for part in off]


def demand_of_a_day(place: City, *, load: float, sigma: float, seed: int) -> list[Ticket]:
    """
    Who comes on one day, in order of arrival.

    ``load``: work offered over the day in relation to the staff's hours, lunch counted.
    """
    draw = Random(seed)
    minutes = [OPENS + 60.0 * step for step in range(int((CLOSES - OPENS) / 60))]
    weights = [_curve_at(start / 3600) for start in minutes]
    hours = len(place.staff) * (CLOSES - OPENS) - sum(place.lunches) * (LUNCH[1] - LUNCH[0])
    mean = sum(part * size for part, size in zip(place.demand, place.means, strict=True))
    people = round(load * hours / mean)
    crowd = [0.0] * len(DISTRICTS)
    for district, _ in place.staff:
        crowd[district] += 1.0
    homes = draw.choices(range(len(DISTRICTS)), _spread(draw, crowd, sigma), k=people)
    kinds = draw.choices(range(len(place.demand)), _spread(draw, place.demand, sigma), k=people)
    arrivals = sorted(start + draw.uniform(0, 60) for start in draw.choices(minutes, weights, k=people))
    scale = PATIENCE_MEAN / gamma(1 + 1 / PATIENCE_SHAPE)
    deviation = sqrt(log(1 + HANDLING_VARIATION**2))
    return [
        Ticket(
            number=number,
            home=home,
            kind=kind,
            arrived=at,
            score=at - (PRIORITY_CREDIT if draw.random() < PRIORITY_SHARE else 0.0),
            patience=draw.weibullvariate(scale, PATIENCE_SHAPE),
            case=place.means[kind] * draw.lognormvariate(-(deviation**2) / 2, deviation),
        )
        for number, (at, home, kind) in enumerate(zip(arrivals, homes, kinds, strict=True))
    ]


@dataclass(slots=True)
class Agent:
    """One agent of the day; ``due_away`` asks them to leave for lunch after the running case."""

    district: int
    desk: int
    on_duty: bool = True
    idle_since: float | None = None
    due_away: bool = False


ARRIVE, FREE, OPENED, GIVE_UP, OUT, BACK = range(6)


class Day:
    """
    One day being played. ``seen`` is called when a ticket had to queue, ``met`` when it was served.

    Both may look at ``scores`` (of those waiting, by home district and class, sorted), ``on_duty`` (agents by
    district and desk type), ``idle`` (likewise) and ``opening``.
    """

    def __init__(
        self,
        place: City,
        tickets: Sequence[Ticket],
        policy: Policy,
        *,
        seen: Callable[["Day", Ticket], None] | None = None,
        met: Callable[["Day", Ticket], None] | None = None,
    ) -> None:
        self.place, self.tickets, self.policy = place, tickets, policy
        self.now = OPENS
        self.agents = [Agent(district, desk) for district, desk in place.staff]
        self.scores: dict[tuple[int, int], list[float]] = {}
        self.idle: dict[tuple[int, int], deque[tuple[float, int]]] = {}
        self.on_duty: dict[tuple[int, int], int] = {}
        self.desks_of = [
            tuple(desk for desk, able in enumerate(place.desks) if kind in able)
            for kind in range(len(place.demand))
        ]
        self.given_up = 0
        self.waited_seconds = 0.0
        self._seen, self._met = seen, met
        self._lines: dict[tuple[int, int], dict[tuple[float, ...], list[tuple[float, int]]]] = {}
        self._openings: dict[tuple[int, int], tuple[float, ...]] = {}
        self._events: list[tuple[float, int, int]] = []
        for number, agent in enumerate(self.agents):
            self._on_duty(agent, 1)
            self._idle(number)

    # -- the rule ------------------------------------------------------------------------------------------

    def opening(self, home: int, kind: int) -> tuple[float, ...]:
        """When each ring opens for a class at home in a district, after the score."""
        known = self._openings.get((home, kind))
        if known is None:
            count = [0] * RINGS
            for helping in range(len(DISTRICTS)):
                count[_RING[helping][home]] += sum(
                    self.on_duty.get((helping, desk), 0) for desk in self.desks_of[kind]
                )
            known = self._openings[home, kind] = self._by_policy(count)
        return known

    def _by_policy(self, count: Sequence[int]) -> tuple[float, ...]:
        if self.policy == "silo":
            return (0.0, *(NEVER for _ in range(RINGS - 1)))
        return (0.0,) * RINGS if self.policy == "pool" else tuple(openings(count))

    # -- the day -------------------------------------------------------------------------------------------

    def play(self) -> Sequence[Ticket]:
        """Everything until the last citizen has been served or has left; the tickets with their fate."""
        events = self._events
        events += [(one.arrived, ARRIVE, one.number) for one in self.tickets]
        events += [(LUNCH[0], OUT, 0), (LUNCH[1], BACK, 0)]
        heapq.heapify(events)
        while events:
            self.now, what, number = heapq.heappop(events)
            if what == ARRIVE:
                self._arrive(self.tickets[number])
            elif what == FREE:
                self._freed(number)
            elif what == OPENED:
                if self.tickets[number].waiting:
                    self._offer(self.tickets[number])
            elif what == GIVE_UP:
                self._give_up(self.tickets[number])
            else:
                self._lunch(what)
        return self.tickets

    def _arrive(self, ticket: Ticket) -> None:
        ticket.waiting = True
        if self._offer(ticket):
            return
        ticket.queued = True
        insort(self.scores.setdefault((ticket.home, ticket.kind), []), ticket.score)
        self._stand(ticket)
        heapq.heappush(self._events, (self.now + ticket.patience, GIVE_UP, ticket.number))
        if self._seen is not None:
            self._seen(self, ticket)

    def _stand(self, ticket: Ticket) -> None:
        """Put a ticket into the line of each desk type that serves it, and set the clock of its rings."""
        opening = self.opening(ticket.home, ticket.kind)
        for desk in self.desks_of[ticket.kind]:
            lines = self._lines.setdefault((desk, ticket.home), {})
            heapq.heappush(lines.setdefault(opening, []), (ticket.score, ticket.number))
        for after in set(opening):
            if self.now < ticket.score + after < NEVER:
                heapq.heappush(self._events, (ticket.score + after, OPENED, ticket.number))

    def _offer(self, ticket: Ticket) -> bool:
        """Give the ticket to the nearest ring's longest idle agent, if one may have it now."""
        waited = self.now - ticket.score + 1e-9
        for ring, after in enumerate(self.opening(ticket.home, ticket.kind)):
            if after > waited:
                return False
            lines = [
                line
                for helping in _HELPERS[ticket.home][ring]
                for desk in self.desks_of[ticket.kind]
                if (line := self.idle.get((helping, desk)))
            ]
            if lines:
                _, agent = min(lines, key=lambda line: line[0]).popleft()
                self._serve(agent, ticket)
                return True
        return False

    def _serve(self, number: int, ticket: Ticket) -> None:
        agent = self.agents[number]
        agent.idle_since = None
        ticket.waiting, ticket.started, ticket.served_by = False, self.now, agent.district
        if ticket.queued:
            self._remove(ticket)
            if self._met is not None:
                self._met(self, ticket)
        heapq.heappush(self._events, (self.now + ticket.case, FREE, number))

    def _remove(self, ticket: Ticket) -> None:
        scores = self.scores[ticket.home, ticket.kind]
        del scores[bisect_left(scores, ticket.score)]
        if not scores:
            del self.scores[ticket.home, ticket.kind]
        self.waited_seconds += self.now - ticket.arrived

    def _give_up(self, ticket: Ticket) -> None:
        if ticket.waiting:
            ticket.waiting, ticket.left = False, True
            self.given_up += 1
            self._remove(ticket)

    def _freed(self, number: int) -> None:
        agent = self.agents[number]
        if agent.due_away:
            agent.due_away = False
            return
        best: tuple[float, Ticket] | None = None
        for home in range(len(DISTRICTS)):
            ring = _RING[agent.district][home]
            for opening, line in self._lines.get((agent.desk, home), {}).items():
                while line and not self.tickets[line[0][1]].waiting:
                    heapq.heappop(line)
                if line:
                    key = line[0][0] + opening[ring]
                    if key <= self.now + 1e-9 and (best is None or key < best[0]):
                        best = key, self.tickets[line[0][1]]
        if best is None:
            self._idle(number)
        else:
            self._serve(number, best[1])

    def _idle(self, number: int) -> None:
        agent = self.agents[number]
        agent.idle_since = self.now
        self.idle.setdefault((agent.district, agent.desk), deque()).append((self.now, number))

    def _on_duty(self, agent: Agent, change: int) -> None:
        cell = agent.district, agent.desk
        self.on_duty[cell] = self.on_duty.get(cell, 0) + change

    def _lunch(self, what: int) -> None:
        """Who has lunch leaves, after the running case; or is back. The rings are reckoned anew."""
        resting = [number for number, lunches in enumerate(self.place.lunches) if lunches]
        for number in resting:
            agent = self.agents[number]
            self._on_duty(agent, -1 if what == OUT else 1)
            if what == OUT:
                agent.due_away = agent.idle_since is None
                if agent.idle_since is not None:
                    self.idle[agent.district, agent.desk].remove((agent.idle_since, number))
        self._openings.clear()
        self._lines.clear()
        for ticket in self.tickets:
            if ticket.waiting:
                self._stand(ticket)
        for number in resting if what == BACK else ():
            if self.agents[number].due_away:
                self.agents[number].due_away = False
            else:
                self._freed(number)


_RING = [[ring_of(helping, home) for home in DISTRICTS] for helping in DISTRICTS]
_HELPERS = [
    [[helping for helping in range(len(DISTRICTS)) if _RING[helping][home] == ring] for ring in range(RINGS)]
    for home in range(len(DISTRICTS))
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a policy made of some days; waits in minutes, over all who were served, queued or not."""

    mean: float
    p90: float
    p99: float
    within_5: float
    gave_up: float
    local: float


def result(tickets: Sequence[Ticket]) -> Result:
    """Sum up days."""
    served = [one for one in tickets if one.started < NEVER]
    waits = sorted(one.waited / 60 for one in served)
    return Result(
        mean=sum(waits) / len(waits),
        p90=waits[int(0.9 * len(waits))],
        p99=waits[int(0.99 * len(waits))],
        within_5=bisect_left(waits, 5.0) / len(waits),
        gave_up=1 - len(served) / len(tickets),
        local=sum(one.served_by == one.home for one in served) / len(served),
    )
