"""
The line as one node remembers it: who waits and who works, from a snapshot and all that was announced since.

Rule 1: an announcement that cannot be followed (a kind unknown here, a ticket never heard of, a rebuilt line)
is answered with ``False``: whoever keeps the replica fetches a new snapshot.
Rule 2: a place costs two searches in sorted keys, however many wait; nobody is counted one by one.
Rule 3: ``moved`` finds those whose shown place changed from the edges of the steps, looking at nobody else.
Rule 4: the wait of a step is looked at again every few seconds, and told again when it has moved by a fifth.
"""

import heapq
from array import array
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from math import inf
from typing import Any, NamedTuple, Protocol

from cloudwindow.domain import steps
from cloudwindow.domain.estimate import (
    Calibration,
    Outlook,
    Sharing,
    Span,
    Wait,
    calibrated,
    has_credit,
    sharing_of,
)
from cloudwindow.domain.ids import DistrictCode, OfferId, StaffId, TicketId
from cloudwindow.domain.load import (
    PRIOR,
    AgentPresence,
    Crew,
    LaneLoad,
    Lenders,
    Reach,
    able_by_ring,
    calls_of,
    crews,
)
from cloudwindow.domain.match import NEIGHBOURS, AgentProfile, Lane, Place
from cloudwindow.domain.messages import PlaceChanged
from cloudwindow.domain.presence import State

OUTLOOK_SECONDS = 1.0
"""How old the sum of all work may be from which waits are told."""
CHECK_SECONDS = 4.0
"""How long a shown range is left alone before it is looked at again."""
CHECKS = 1000
"""At most so many ranges are looked at in one go."""
TOLERANCE = 0.2
"""A shown range stays while both its ends are right within this share."""

WAITING, HELD, DETACHED, OFFERED, SERVING = "waiting", "held", "detached", "offered", "serving"
STATES: Mapping[str, State] = {
    "agent.available": State.IDLE,
    "agent.away": State.AWAY,
    "agent.busy": State.IN_CALL,
    "agent.wrap_up": State.WRAP_UP,
}
LEFT_BEHIND = frozenset({State.IDLE, State.AWAY})
"""States in which no wish to go away after a call is left."""
TOLD_BY_OTHERS = frozenset({"offer.withdrawn", "offer.declined", "offer.missed"})
"""What these change is told by the announcement that follows each."""


class News(Protocol):
    """An announcement of the line, as far as the replica reads it; ``at`` is seconds since the epoch."""

    @property
    def kind(self) -> str: ...
    @property
    def at(self) -> float: ...
    @property
    def ticket(self) -> TicketId | None: ...
    @property
    def agent(self) -> StaffId | None: ...
    @property
    def offer(self) -> OfferId | None: ...
    @property
    def extra(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One ticket of the line: ``score`` in milliseconds as the line keeps it, ``joined_at`` in seconds."""

    lane: Lane
    score: float
    joined_at: float
    state: str = WAITING
    detached: bool = False

    @property
    def credit(self) -> bool:
        """Whether the ticket stands before some who came earlier."""
        return has_credit(self.score / 1000, self.joined_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The whole line at the announcement ``id``; ``cases``: seconds a case takes, by skill."""

    id: str
    tickets: Mapping[TicketId, Standing]
    agents: Sequence[AgentPresence]
    cases: Mapping[str, float]
    lenders: Lenders


@dataclass(slots=True, eq=False)
class _Queue:
    """
    All who wait for the same agents, as sorted keys: score + the opening of their lane for these agents.

    ``followed`` holds, in the same order, those of the queue's own lanes whose page is open on this node.
    """

    servers: tuple[Crew, ...]
    offsets: dict[Lane, float] = field(default_factory=dict)
    keys: "array[float]" = field(default_factory=lambda: array("d"))
    followed: list[tuple[float, TicketId]] = field(default_factory=list)
    edges: list[float] = field(default_factory=list)

    def enter(self, lane: Lane, score: float) -> None:
        if lane in self.offsets:
            insort(self.keys, score + self.offsets[lane])

    def take_out(self, lane: Lane, score: float) -> None:
        if lane in self.offsets:
            self.keys.pop(bisect_left(self.keys, score + self.offsets[lane]))

    def rank(self, lane: Lane, score: float) -> int:
        return bisect_left(self.keys, score + self.offsets[lane])

    def score_at(self, lane: Lane, rank: int) -> float:
        """The score (s) with which a ticket of ``lane`` would stand at ``rank``; infinite at the end."""
        return (self.keys[rank] - self.offsets[lane]) / 1000 if rank < len(self.keys) else inf

    def between(self, least: int, most: int) -> set[TicketId]:
        """The followed tickets with a rank from ``least`` to ``most``."""
        keys, followed = self.keys, self.followed
        first = bisect_left(followed, (keys[least],)) if least < len(keys) else len(followed)
        last = bisect_right(followed, keys[most], key=lambda one: one[0]) if most < len(keys) else None
        return {ticket for _, ticket in followed[first:last]}

    def steps_now(self) -> list[float]:
        """For each mark that is reached, the smallest key that stands beyond it."""
        keys, found = self.keys, []
        for mark in steps.MARKS:
            if mark + 1 >= len(keys):
                break
            key = keys[mark + 1]
            if keys[mark] == key:  # equal keys share the place of the first of them
                after = bisect_right(keys, key)
                key = keys[after] if after < len(keys) else inf
            found.append(key)
        return found

    def crossed(self) -> set[TicketId]:
        """The followed tickets that a step's edge has passed since the last call."""
        before, self.edges = self.edges, self.steps_now()
        found: set[TicketId] = set()
        for old, new in zip_longest(before, self.edges, fillvalue=inf):
            if old != new:
                first = bisect_left(self.followed, (min(old, new),))
                last = bisect_left(self.followed, (max(old, new),))
                found.update(ticket for _, ticket in self.followed[first:last])
        return found


class _Stand(NamedTuple):
    """A step of the line, for those with or without ``credit``: they wait differently."""

    step: int
    credit: bool


@dataclass(frozen=True, slots=True)
class _Step:
    """What all who stand alike in a lane are told; found right ``at`` this time, in this ``version``."""

    told: PlaceChanged
    at: float
    version: int


class Replica:
    """The line in memory, as it was at the announcement ``id``."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        neighbours: Mapping[DistrictCode, frozenset[DistrictCode]] = NEIGHBOURS,
        calibration: Calibration | None = None,
        followed: Mapping[TicketId, PlaceChanged | None] | None = None,
    ) -> None:
        self.id = snapshot.id
        self._neighbours = neighbours
        self._tickets = dict(snapshot.tickets)
        self._agents = {one.agent: one for one in snapshot.agents}
        self._cases = snapshot.cases
        self._lenders = snapshot.lenders
        self._calibration: Calibration = calibration or {}
        self._held: set[TicketId] = set()
        self._lanes: dict[Lane, list[tuple[float, TicketId]]] = {}
        self._shown: dict[TicketId, PlaceChanged | None] = dict(followed or {})
        """Each ticket whose page is open here, with the place that the page shows."""
        self._look_at: set[TicketId] = set(self._shown)
        self._pages: Counter[Lane] = Counter()
        self._alone: list[TicketId] = []
        self.case_ended = False
        """Whether a case ended since ``measured``: its time is in the line and not yet here."""
        for ticket, here in self._tickets.items():
            if here.state == WAITING:
                self._lanes.setdefault(here.lane, []).append((here.score, ticket))
            elif here.state == HELD:
                self._held.add(ticket)
            if ticket in self._shown:
                self._pages[here.lane] += 1
        for waiting in self._lanes.values():
            waiting.sort()
        self._steps: dict[Lane, dict[_Stand, _Step]] = {}
        """What each step of a lane is shown as: the same words for all who stand in it."""
        self._renewed: set[tuple[Lane, _Stand]] = set()
        self._version = 0
        self._outlook: Outlook | None = None
        self._outlook_at = 0.0
        self._duty_changed()

    # -- following the line --------------------------------------------------------------------------------

    def apply(self, id: str, news: News) -> bool:
        """Follow one announcement; ``False``: this replica can no longer be trusted."""
        self.id = id
        if news.kind in TOLD_BY_OTHERS:
            return True
        follow = FOLLOWED.get(news.kind)
        return follow is not None and follow(self, news)

    def measured(self, cases: Mapping[str, float]) -> None:
        """Take over the case times as the line measures them now."""
        self._cases = cases
        self.case_ended = False

    def shifts(self, ends: Mapping[StaffId, float]) -> None:
        """When whose shift ends: the line keeps it and does not announce it."""
        changed = {
            name: replace(agent, shift_ends_at=ends.get(name))
            for name, agent in self._agents.items()
            if agent.shift_ends_at != ends.get(name)
        }
        if changed:
            self._agents |= changed
            self._duty_changed()

    def calibrate(self, calibration: Calibration) -> None:
        """Tell ranges by what past waits have taught since."""
        if calibration is not self._calibration:
            self._calibration = calibration
            self._version += 1

    def _joined(self, news: News) -> bool:
        if news.ticket is None or news.ticket in self._tickets:
            return False
        self._place(
            news.ticket,
            Standing(
                lane=Lane.parse(news.extra["lane"]),
                score=float(news.extra["score"]),
                joined_at=float(news.extra["joined_ms"]) / 1000,
            ),
        )
        return True

    def _attached(self, news: News) -> bool:
        return self._become(
            news.ticket, lambda here: WAITING if here.state == DETACHED else here.state, False
        )

    def _detached(self, news: News) -> bool:
        if news.ticket in self._shown:
            self._alone.append(news.ticket)
        return self._become(news.ticket, lambda here: DETACHED if here.state == WAITING else here.state, True)

    def _aside(self, news: News) -> bool:
        return self._become(news.ticket, lambda here: HELD, False)

    def _ready(self, news: News) -> bool:
        return self._become(news.ticket, lambda here: WAITING, False)

    def _as_before(self, news: News) -> bool:
        """Nothing that places or the board show."""
        return True

    def _gone(self, news: News) -> bool:
        here = self._tickets.pop(news.ticket, None) if news.ticket else None
        if here is not None and news.ticket is not None:
            self._take_out(news.ticket, here)
            self._pages[here.lane] -= news.ticket in self._shown
        return True

    def _made(self, news: News) -> bool:
        agent = self._agents.get(news.agent or StaffId(""))
        if agent is None:
            return False
        if agent.calls:
            agent = replace(agent, ticket=news.ticket, offer=news.offer)
        else:
            agent = replace(
                agent, state=State.OFFERED, since=news.at, reason="", ticket=news.ticket, offer=news.offer
            )
        self._agents[agent.agent] = agent
        return self._become(news.ticket, lambda here: OFFERED)

    def _accepted(self, news: News) -> bool:
        return self._become(news.ticket, lambda here: SERVING, False)

    def _returned(self, news: News) -> bool:
        return self._become(news.ticket, lambda here: DETACHED if here.detached else WAITING)

    def _signed_in(self, news: News) -> bool:
        if news.agent is None:
            return False
        before = self._agents.get(news.agent)
        profile = profile_of(news.agent, news.extra)
        state = State(news.extra["state"])
        calls = calls_of(news.extra.get("calls", ""))
        known = before or AgentPresence(
            agent=news.agent, district=profile.district, state=state, since=news.at, profile=profile
        )
        self._agents[news.agent] = replace(
            known, district=profile.district, state=state, profile=profile, present=True, calls=calls
        )
        self._duty_changed()
        return True

    def _moved(self, news: News) -> bool:
        agent = self._agents.get(news.agent or StaffId(""))
        if agent is None:
            return False
        state = STATES.get(news.kind) or State(news.extra["state"])
        calls = calls_of(news.extra.get("calls", ""))
        self.case_ended |= agent.state is State.WRAP_UP or len(calls) < len(agent.calls)
        self._agents[agent.agent] = replace(
            agent,
            state=state,
            since=agent.since if news.kind == "agent.calls" and state is agent.state else news.at,
            reason=str(news.extra.get("reason", "")),
            ticket=_ticket_of(news.offer) or (calls[-1].ticket if calls else None),
            offer=news.offer,
            calls=calls,
            leaving="" if state in LEFT_BEHIND else agent.leaving,
        )
        if (state is State.AWAY) != (agent.state is State.AWAY):
            self._duty_changed()
        return True

    def _wished(self, news: News) -> bool:
        """An agent goes away after the call, or takes that back: who waits is told of one fewer, or more."""
        agent = self._agents.get(news.agent or StaffId(""))
        if agent is None:
            return False
        self._agents[agent.agent] = replace(agent, leaving=str(news.extra.get("reason", "")))
        self._duty_changed()
        return True

    def _lent(self, news: News) -> bool:
        self._lenders = {
            DistrictCode(home): frozenset(map(DistrictCode, helping.split(",")))
            for home, helping in news.extra.items()
        }
        self._duty_changed(lent=True)
        return True

    def _lost(self, news: News) -> bool:
        return self._seen(news, present=False)

    def _back(self, news: News) -> bool:
        return self._seen(news, present=True)

    def _seen(self, news: News, *, present: bool) -> bool:
        agent = self._agents.get(news.agent or StaffId(""))
        if agent is not None:
            self._agents[agent.agent] = replace(agent, present=present)
        return agent is not None

    def _signed_out(self, news: News) -> bool:
        self._agents.pop(news.agent or StaffId(""), None)
        self._duty_changed()
        return True

    def _become(
        self, ticket: TicketId | None, state: Callable[[Standing], str], detached: bool | None = None
    ) -> bool:
        """Give a known ticket another state; in the line or out of it accordingly."""
        here = self._tickets.get(ticket) if ticket is not None else None
        if here is None or ticket is None:
            return False
        self._take_out(ticket, here)
        gone = here.detached if detached is None else detached
        self._place(ticket, replace(here, state=state(here), detached=gone), known=True)
        return True

    def _place(self, ticket: TicketId, here: Standing, *, known: bool = False) -> None:
        self._tickets[ticket] = here
        if not known:
            self._pages[here.lane] += ticket in self._shown
        if here.state == HELD:
            self._held.add(ticket)
        if here.state != WAITING:
            return
        if here.lane not in self._lanes:
            self._lanes[here.lane] = []
            self._add_lane(here.lane)
        insort(self._lanes[here.lane], (here.score, ticket))
        for queue in self._queues.values():
            queue.enter(here.lane, here.score)
        if ticket in self._shown:
            self._look_at.add(ticket)
            self._list(ticket, here)

    def _take_out(self, ticket: TicketId, here: Standing) -> None:
        self._held.discard(ticket)
        if here.state != WAITING:
            return
        waiting = self._lanes[here.lane]
        waiting.pop(bisect_left(waiting, (here.score, ticket)))
        for queue in self._queues.values():
            queue.take_out(here.lane, here.score)
        if ticket in self._shown:
            self._shown[ticket] = None
            self._unlist(ticket, here)

    # -- who draws on the same agents ----------------------------------------------------------------------

    def _duty_changed(self, *, lent: bool = False) -> None:
        on_duty = crews(tuple(self._agents.values()))
        before = getattr(self, "_crews", None)
        self._crews: tuple[Crew, ...] = on_duty
        self._able: dict[Lane, tuple[int, ...]] = {}
        self._sharing: Sharing | None = None
        self._outlook = None
        self._version += 1
        if lent or before is None or _kinds(before) != _kinds(on_duty):
            self._reach = Reach(on_duty, neighbours=self._neighbours, lenders=self._lenders)
            self._queues: dict[object, _Queue] = {}
            self._queue_by_lane: dict[Lane, _Queue] = {}
            self._look_at.update(self._shown)

    def _queue_of(self, lane: Lane) -> _Queue:
        if lane in self._queue_by_lane:
            return self._queue_by_lane[lane]
        servers = self._reach.servers(lane)
        key: object = tuple(crew.profile.agent for crew in servers) or lane
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _Queue(servers)
            self._draw(queue, self._lanes if servers else ())
        if lane not in queue.offsets:
            self._draw(queue, (lane,))
        self._queue_by_lane[lane] = queue
        if not queue.followed:  # nobody looked at the edges while nobody followed
            queue.edges = queue.steps_now()
        for score, ticket in self._lanes.get(lane, ()) if self._pages[lane] else ():
            if ticket in self._shown:
                insort(queue.followed, (score + queue.offsets[lane], ticket))
        return queue

    def _draw(self, queue: _Queue, lanes: Iterable[Lane]) -> None:
        """Count those who wait in ``lanes`` among the queue's, as far as its agents may serve them."""
        keys = list(queue.keys)
        for lane in lanes:
            opening = self._reach.first(lane, queue.servers) if queue.servers else 0.0
            if opening is not None:
                offset = queue.offsets[lane] = opening * 1000
                keys.extend(score + offset for score, _ in self._lanes.get(lane, ()))
        queue.keys = array("d", sorted(keys))

    def _add_lane(self, lane: Lane) -> None:
        """The first ticket of a lane: whoever could serve it now has it among their own."""
        for queue in self._queues.values():
            if queue.servers and lane not in queue.offsets:
                self._draw(queue, (lane,))

    def _list(self, ticket: TicketId, here: Standing) -> None:
        queue = self._queue_by_lane.get(here.lane)
        if queue is not None:
            insort(queue.followed, (here.score + queue.offsets[here.lane], ticket))

    def _unlist(self, ticket: TicketId, here: Standing) -> None:
        queue = self._queue_by_lane.get(here.lane)
        if queue is not None:
            entry = (here.score + queue.offsets[here.lane], ticket)
            at = bisect_left(queue.followed, entry)
            if at < len(queue.followed) and queue.followed[at] == entry:
                del queue.followed[at]

    # -- answers -------------------------------------------------------------------------------------------

    def waits(self, ticket: TicketId) -> bool:
        """Whether the ticket stands in the line, its citizen there, away for a moment, or due later."""
        here = self._tickets.get(ticket)
        return here is not None and here.state in (WAITING, HELD, DETACHED)

    def stands(self, ticket: TicketId) -> bool:
        """Whether the ticket stands in the line with its citizen there."""
        here = self._tickets.get(ticket)
        return here is not None and here.state == WAITING

    def knows(self, ticket: TicketId) -> bool:
        """Whether the line holds the ticket, waiting or with an agent."""
        return ticket in self._tickets

    def home_of(self, ticket: TicketId) -> DistrictCode:
        """The home district of a ticket that is known here."""
        return self._tickets[ticket].lane.home_district

    def place(self, ticket: TicketId, now: float) -> Place | None:
        """Where a waiting ticket stands exactly, and its wait by the latest measures; else ``None``."""
        if not self.waits(ticket):
            return None
        here = self._tickets[ticket]
        queue = self._queue_of(here.lane)
        ahead = queue.rank(here.lane, here.score)
        expected = self._outlook_at_most_old(now).expected_wait(here.lane, here.score / 1000)
        span = self._span(here.lane, expected, credit=here.credit)
        return Place(
            ahead=ahead,
            of=max(len(queue.keys), ahead + 1),
            agents_on_duty=sum(self._able_for(here.lane)),
            low_seconds=None if span is None else round(span.low),
            high_seconds=None if span is None else round(span.high),
            point_seconds=None if span is None else span.point,
            expected_seconds=expected,
            home_district=here.lane.home_district,
        )

    def rings(self, ticket: TicketId) -> Place | None:
        """The place of a ticket that is just being offered to somebody: nobody is ahead; else ``None``."""
        here = self._tickets.get(ticket)
        if here is None or here.state != OFFERED:
            return None
        return Place(
            ahead=0,
            of=1,
            agents_on_duty=max(1, sum(self._able_for(here.lane))),
            low_seconds=None,
            high_seconds=None,
            home_district=here.lane.home_district,
        )

    def shown(self, ticket: TicketId, now: float) -> PlaceChanged | None:
        """The place in the steps that pages show it in, with its wait rounded outwards to minutes."""
        if not self.waits(ticket):
            return None
        here = self._tickets[ticket]
        stand = _Stand(steps.step_of(self._queue_of(here.lane).rank(here.lane, here.score)), here.credit)
        known = self._steps.get(here.lane, {}).get(stand)
        if known is None or self._unsure(known, now):
            known = self._renew(here.lane, stand, now)
        return known.told

    def _unsure(self, known: _Step, now: float) -> bool:
        """Whether what a step is shown as has to be looked at again."""
        return known.version != self._version or not 0 <= now - known.at < CHECK_SECONDS

    def _renew(self, lane: Lane, stand: _Stand, now: float) -> _Step:
        """Look at a step again; it keeps its words as long as they are nearly right."""
        known = self._steps.setdefault(lane, {}).get(stand)
        told = self._step(lane, stand, now)
        if known is not None and _alike(known.told, told):
            told = known.told
        elif known is not None:
            self._renewed.add((lane, stand))
        self._steps[lane][stand] = renewed = _Step(told, now, self._version)
        return renewed

    def _step(self, lane: Lane, stand: _Stand, now: float) -> PlaceChanged:
        least, most = steps.span_of(stand.step)
        queue, outlook = self._queue_of(lane), self._outlook_at_most_old(now)
        soonest, latest = (
            self._span(lane, outlook.expected_wait(lane, queue.score_at(lane, rank)), credit=stand.credit)
            for rank in (least, most)
        )
        return PlaceChanged(
            ahead=most,
            low_minutes=None if soonest is None else steps.down(int(soonest.low // 60)),
            high_minutes=None if latest is None else steps.up(max(1, -int(-latest.high // 60))),
            agents=steps.down(sum(self._able_for(lane))),
        )

    def _span(self, lane: Lane, expected: float | None, *, credit: bool) -> Span | None:
        if expected is None:
            return None
        return calibrated(self._calibration, Wait(lane.home_district, lane.skill, credit, expected))

    def _outlook_at_most_old(self, now: float) -> Outlook:
        """The work that waits, as it was at most ``OUTLOOK_SECONDS`` ago."""
        if self._outlook is None or not 0 <= now - self._outlook_at < OUTLOOK_SECONDS:
            if self._sharing is None:
                self._sharing = sharing_of(self._crews, self._neighbours, self._lenders)
            self._outlook_at = now
            self._outlook = Outlook(
                self.loads(), self._sharing, at=now, mean_of=self._cases, usual_mean=PRIOR.mean
            )
        return self._outlook

    def loads(self) -> list[LaneLoad]:
        """Every lane in which somebody waits."""
        return [
            LaneLoad(lane=lane, waiting=len(waiting), longest_since=self._tickets[waiting[0][1]].joined_at)
            for lane, waiting in self._lanes.items()
            if waiting
        ]

    def agents(self) -> Collection[AgentPresence]:
        """Every agent who is signed in; ``pull`` is not followed."""
        return self._agents.values()

    def on_duty(self, lane: Lane) -> tuple[int, ...]:
        """How many agents on duty can serve ``lane``, ring by ring from the home district outwards."""
        return self._able_for(lane)

    def _able_for(self, lane: Lane) -> tuple[int, ...]:
        if lane not in self._able:
            self._able[lane] = able_by_ring(lane, self._crews, self._neighbours, self._lenders)
        return self._able[lane]

    # -- pages ---------------------------------------------------------------------------------------------

    def follow(self, ticket: TicketId, now: float) -> PlaceChanged | None:
        """A page of this node shows the ticket from now on; what it is to show."""
        here = self._tickets.get(ticket)
        if ticket not in self._shown:
            self._shown[ticket] = None
            if here is not None:
                self._pages[here.lane] += 1
                if here.state == WAITING:
                    self._list(ticket, here)
        self._shown[ticket] = self.shown(ticket, now)
        self._look_at.add(ticket)
        return self._shown[ticket]

    def unfollow(self, ticket: TicketId) -> None:
        """No page of this node shows the ticket any more."""
        if ticket not in self._shown:
            return
        here = self._tickets.get(ticket)
        if here is not None:
            self._pages[here.lane] -= 1
            if here.state == WAITING:
                self._unlist(ticket, here)
        del self._shown[ticket]
        self._look_at.discard(ticket)

    @property
    def followed(self) -> Mapping[TicketId, PlaceChanged | None]:
        """What the pages of this node show, to hand on to the replica that follows this one."""
        return self._shown

    def moved(self, now: float) -> Iterator[tuple[TicketId, PlaceChanged]]:
        """The tickets whose page shows a place that is no longer right, each with the right one; once."""
        look_at, self._look_at = self._look_at, set()
        look_at |= self._held
        for lane, stand in self._to_check(now):
            self._renew(lane, stand, now)
        renewed, self._renewed = self._renewed, set()
        for lane, stand in renewed:
            look_at |= self._queue_of(lane).between(*steps.span_of(stand.step))
        for queue in self._queues.values():
            if queue.followed:
                look_at |= queue.crossed()
        for ticket in look_at:
            if ticket in self._shown:
                right = self.shown(ticket, now)
                if right is not None and right != self._shown[ticket]:
                    self._shown[ticket] = right
                    yield ticket, right

    def _to_check(self, now: float) -> Sequence[tuple[Lane, _Stand]]:
        """The steps with pages here that have not been looked at for longest; those without are forgotten."""
        found: list[tuple[float, Lane, _Stand]] = []
        for lane, known in self._steps.items():
            if self._pages[lane] > 0:
                found += [(one.at, lane, stand) for stand, one in known.items() if self._unsure(one, now)]
        oldest = [(lane, stand) for _, lane, stand in heapq.nsmallest(CHECKS, found)]
        for lane, stand in oldest:
            if not self._queue_of(lane).between(*steps.span_of(stand.step)):
                del self._steps[lane][stand]
        return [(lane, stand) for lane, stand in oldest if stand in self._steps[lane]]

    def left_alone(self) -> Sequence[TicketId]:
        """Tickets set aside although a page of theirs is open here (another one closed); each told once."""
        alone, self._alone = self._alone, []
        return alone


FOLLOWED: Mapping[str, Callable[[Replica, News], bool]] = {
    "ticket.joined": Replica._joined,
    "ticket.attached": Replica._attached,
    "ticket.detached": Replica._detached,
    "ticket.held": Replica._aside,
    "ticket.ready": Replica._ready,
    "ticket.callback": Replica._as_before,
    "ticket.left": Replica._gone,
    "ticket.expired": Replica._gone,
    "offer.made": Replica._made,
    "offer.accepted": Replica._accepted,
    "offer.returned": Replica._returned,
    "agent.signed_in": Replica._signed_in,
    **dict.fromkeys(STATES, Replica._moved),
    "agent.calls": Replica._moved,
    "agent.changed": Replica._back,
    "agent.leaving": Replica._wished,
    "agent.staying": Replica._wished,
    "line.lending": Replica._lent,
    "agent.lost": Replica._lost,
    "agent.returned": Replica._back,
    "agent.signed_out": Replica._signed_out,
}
"""What each announcement means here; any other kind asks for a new snapshot."""


def profile_of(agent: StaffId, parts: Mapping[str, Any]) -> AgentProfile:
    """An agent's profile out of the comma-joined words in which the line keeps it."""
    served = parts["serves"]
    return AgentProfile(
        agent=agent,
        district=DistrictCode(parts["district"]),
        skills=frozenset(parts["skills"].split(",")),
        languages=frozenset(parts["languages"].split(",")),
        modes=frozenset(parts["modes"].split(",")),
        serves_districts=None if served == "*" else frozenset(map(DistrictCode, served.split(","))),
        capacity=int(parts.get("capacity") or 1),
    )


def _ticket_of(offer: OfferId | None) -> TicketId | None:
    """The ticket that an offer is about: its name is ``ticket/epoch``."""
    return TicketId(offer.rsplit("/", 1)[0]) if offer else None


def _kinds(on_duty: Sequence[Crew]) -> set[tuple[object, ...]]:
    return {
        (one.district, one.skills, one.languages, one.modes, one.serves_districts)
        for one in (crew.profile for crew in on_duty)
    }


def _alike(known: PlaceChanged, right: PlaceChanged) -> bool:
    """Whether a page that shows ``known`` need not be told what is right."""
    return known.agents == right.agents and all(
        one == other
        or (one is not None and other is not None and abs(one - other) <= TOLERANCE * max(one, other))
        for one, other in (
            (known.low_minutes, right.low_minutes),
            (known.high_minutes, right.high_minutes),
        )
    )
