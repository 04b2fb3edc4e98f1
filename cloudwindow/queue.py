"""
The line on Redis: who waits, who is free, and which ticket goes to which agent.

Rule 1: each public method that changes something is one script of ``lua/``: the change and its announcement
happen together or not at all, and a repeated call changes nothing more.
Rule 2: Redis holds the present only. What is lost is rebuilt from the ledger, in order (``rebuild``).
Rule 3: times go in as seconds since the epoch and into the scripts as milliseconds; no script asks a clock.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha1
from importlib.resources import files
from textwrap import indent
from time import monotonic
from typing import Any, Literal

import hiredis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as TooSlow

from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, Gone, Unavailable
from cloudwindow.domain.estimate import (
    Calibration,
    Outlook,
    Sharing,
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
    able_by_ring,
    calls_of,
    crews,
    handling,
    rivals,
)
from cloudwindow.domain.match import (
    ACCEPT_SECONDS,
    AWAY_LEASE_SECONDS,
    CREDIT_LIMIT_SECONDS,
    FULL,
    GRACE_SECONDS,
    LEASE_SECONDS,
    NEIGHBOURS,
    PASS_SECONDS,
    PLAIN,
    WEIGHTS,
    AgentProfile,
    Lane,
    Offer,
    Place,
    Terms,
    openings,
    plain,
)
from cloudwindow.domain.messages import PlaceChanged
from cloudwindow.domain.presence import State
from cloudwindow.domain.replica import Replica, Snapshot, Standing, profile_of

STREAM_LENGTH = 100_000
"""Announcements kept, about: a quarter of an hour at five times a city's peak."""
RECORDERS = "recorders"
"""The readers that write announcements into the ledger share this group of the stream."""
SILENT_SECONDS = 30.0
"""A reader that has not asked for this long is taken for dead: another gets what it held."""
FORGOTTEN_SECONDS = 3600.0
ATTEMPTS = 3
PAUSE_SECONDS = 0.1
CONNECTIONS = 64
"""Of one process to Redis; one of them listens to the other nodes all the time."""
TURN_SECONDS = 10.0
"""How long a command waits for its turn when thousands of pages come back at once."""
POOLS = 16
"""For so many sets of skills a district keeps one list of the idle; others stand in a list of each skill."""
REBUILD_BATCH = 500
BATCH = 2000
NODE_LEASE_SECONDS = 10.0
"""A web node that has not been heard of for so long is gone, and its waiting pages with it."""
PREFIX = "cw2"
"""Goes up when keys are laid out anew: an older version's keys are not read, the line is rebuilt."""
PARTS = re.compile(r"^( *)-- Parts: ([a-z ]+)\.$", re.MULTILINE)
"""Where a script of ``lua/`` wants the text of parts that several share."""
CONSTANTS = re.compile(r"\bRULES\.(\w+)")
"""Where a script names one of its constants: the figure itself stands in its place."""
COMMENT = re.compile(r" *--.*$", re.MULTILINE)
FUNCTION = re.compile(r"( *)(?:local function (\w+)|(\w+) = function)\b")
"""How a function begins; of the second kind is one that is declared before the parts."""
DECLARED = re.compile(r"local [\w, ]+")
WORD, TEXT = re.compile(r"\w+"), re.compile(r'"[^"]*"')

REFUSALS: Mapping[str, tuple[type[CloudWindowError], str]] = {
    "OFFER_GONE": (Gone, "offer_gone"),
    "NOT_SIGNED_IN": (Conflict, "agent_not_signed_in"),
    "STATE_FORBIDS": (Conflict, "state_forbids"),
    "TICKET_ELSEWHERE": (Conflict, "ticket_elsewhere"),
    "TICKET_GONE": (Conflict, "ticket_not_waiting"),
    "MAY_NOT_SERVE": (Conflict, "may_not_serve"),
}
"""First words of the scripts' errors and what they are outside."""


def connect(url: str) -> Redis:
    """
    A client for ``url`` (redis://, rediss:// or unix://) that never repeats a command by itself.

    The library's own retries run a script twice when only its answer was lost; ``Line`` repeats what may be.
    Of a crowd of commands ``CONNECTIONS`` run at a time; the others wait for their turn instead of failing.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=TURN_SECONDS,
        decode_responses=True,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=5.0,
        socket_connect_timeout=2.0,
    )
    pool.connection_class = _quick(pool.connection_class)
    return Redis.from_pool(pool)


def _quick(kind: Any) -> Any:
    """The library's connection ``kind``, packing commands in C: it does so itself only without asyncio."""

    class Quick(kind):  # type: ignore[misc]
        def pack_command(self, *args: Any) -> list[bytes]:
            name, *others = args
            words = name.split() if isinstance(name, str) else [name]
            return [hiredis.pack_command((*words, *others))]

    return Quick


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One thing that happened in the line; ``id`` orders them all, ``at`` is seconds since the epoch."""

    id: str
    kind: str
    at: float
    ticket: TicketId | None = None
    agent: StaffId | None = None
    offer: OfferId | None = None
    epoch: int = 0
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLag:
    """
    How far the record is behind: the age of the oldest unrecorded announcement, and how many there are.

    Beyond ``limit`` announcements the stream drops the oldest. ``gap``: it has dropped some nobody had read.
    """

    seconds: float
    entries: int
    limit: int
    gap: bool


class Line:
    """A city's line. Every method raises Unavailable("line_unavailable") when Redis does not answer."""

    def __init__(
        self,
        redis: Redis,
        *,
        prefix: str = PREFIX,
        accept_seconds: float = ACCEPT_SECONDS,
        misses_before_away: int = 2,
        neighbours: Mapping[DistrictCode, frozenset[DistrictCode]] = NEIGHBOURS,
        lease_seconds: float = LEASE_SECONDS,
        away_lease_seconds: float = AWAY_LEASE_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
        pass_seconds: float = PASS_SECONDS,
        stream_length: int = STREAM_LENGTH,
        snapshot_seconds: float = 0.0,
        pools: int = POOLS,
    ) -> None:
        self._redis = redis
        self._key = "{" + prefix + "}"
        self._neighbours = neighbours
        self._rules = _rules(
            milliseconds={
                "accept": accept_seconds,
                "lease": lease_seconds,
                "away_lease": away_lease_seconds,
                "grace": grace_seconds,
                "pass": pass_seconds,
            },
            counts={
                "misses": misses_before_away,
                "stream": stream_length,
                "pools": pools,
                "full": FULL,
                "lightest": min(WEIGHTS.values()),
            },
            words={
                "weights": ";".join(f"{mode}={weight}" for mode, weight in WEIGHTS.items()),
                "districts": ",".join(sorted(neighbours)),
                "borders": "".join(f";{one}={_list(others)};" for one, others in sorted(neighbours.items())),
            },
        )
        self._stream = f"{self._key}:announcements"
        self._stream_length = stream_length
        self._snapshot_seconds = snapshot_seconds
        self._snapshot: tuple[float, Sequence[LaneLoad], Sequence[AgentPresence], Lenders] | None = None
        self._shared: tuple[tuple[Crew, ...], Lenders, Sharing] | None = None
        self._known: tuple[Sequence[LaneLoad], Outlook] | None = None
        self._calibration: Calibration = {}

    # -- citizens ------------------------------------------------------------------------------------------

    async def join(
        self,
        ticket: TicketId,
        lane: Lane,
        *,
        joined_at: float,
        credit_seconds: float = 0.0,
        now: float,
        epoch: int = 0,
        terms: Terms = PLAIN,
    ) -> None:
        """
        Put ``ticket`` into ``lane`` at the place its joining time gives it; offered at once if it can be.

        A ticket already in the line stays as it is. ``credit_seconds`` moves it forward, or back as a
        penalty. ``epoch``: the highest the ledger knows, for a ticket that has been offered before. Raises
        BadInput lane_unknown, ticket_unusable or joining_time_unusable.
        """
        await self._run("join", now, *self._entry(ticket, lane, joined_at, credit_seconds, now, epoch, terms))

    async def leave(self, ticket: TicketId, *, now: float, reason: str = "citizen") -> bool:
        """
        Take ``ticket`` out of the line for good; whether it is out now.

        A running offer is withdrawn and the agent free again. A ticket in a call stays: ``wrap_up`` ends it.
        """
        return bool(await self._run("leave", now, ticket, reason))

    async def detach(self, ticket: TicketId, *, now: float) -> bool:
        """The citizen's last page closed: nobody is offered the ticket, its place is kept for the grace."""
        return bool(await self._run("detach", now, ticket))

    async def attach(self, ticket: TicketId, *, now: float) -> bool:
        """The citizen is back: the ticket takes its old place. False when the line does not know it."""
        return bool(await self._run("attach", now, ticket))

    async def hold(self, ticket: TicketId, *, not_before: float, now: float) -> bool:
        """
        Keep ``ticket`` aside until ``not_before``, its place untouched; an instant that has passed ends it.

        A running offer is withdrawn. False when the line does not know it or it is being served.
        """
        return bool(await self._run("hold", now, ticket, str(round(not_before * 1000))))

    async def call_back(self, ticket: TicketId, wanted: bool, *, now: float) -> bool:
        """Whether the citizen is to be rung and need not have the page open; False as ``hold``."""
        return bool(await self._run("call_back", now, ticket, "1" if wanted else ""))

    async def knows(self, ticket: TicketId) -> str | None:
        """``waiting``, ``held``, ``detached``, ``offered`` or ``serving``; ``None`` when not in the line."""
        state = await self._ask("hget", f"{self._key}:ticket:{ticket}", "state")
        return None if state is None else _text(state)

    async def missing(self, tickets: Sequence[TicketId]) -> Sequence[TicketId]:
        """Those of ``tickets`` that the line does not know, in their order."""
        found: list[TicketId] = []
        for start in range(0, len(tickets), REBUILD_BATCH):
            answer = await self._run("missing", 0.0, *tickets[start : start + REBUILD_BATCH])
            found += [TicketId(_text(one)) for one in answer]
        return found

    async def heads(self, count: int, *, lanes: int, first: int = 0) -> Sequence[TicketId]:
        """The first ``count`` (at least 1) of ``lanes`` lanes, beginning with the ``first``-th."""
        found = await self._run("heads", 0.0, str(count), str(lanes), str(first))
        return [TicketId(_text(one)) for one in found]

    async def absent(self, first: int, count: int) -> Sequence[TicketId]:
        """``count`` who left the page, from the ``first``-th on; who loses the place soonest comes first."""
        found = await self._ask("zrange", f"{self._key}:grace", first, first + count - 1)
        return [TicketId(_text(one)) for one in found]

    # -- agents --------------------------------------------------------------------------------------------

    async def sign_in(self, profile: AgentProfile, *, now: float) -> State:
        """
        Make an agent known, away at first; a repeated sign-in keeps their state and takes the new profile.

        Raises BadInput("district_unknown").
        """
        served = profile.serves_districts
        if not {profile.district, *(served or ())} <= self._neighbours.keys():
            raise BadInput("district_unknown", {"district": profile.district})
        state = await self._run(
            "sign_in",
            now,
            profile.agent,
            profile.district,
            _list(profile.skills),
            _list(profile.languages),
            _list(profile.modes),
            "*" if served is None else _list(served | {profile.district}),
            str(_carries(profile)),
        )
        return State(_text(state))

    async def set_available(self, agent: StaffId, *, pull: bool = False, now: float) -> None:
        """
        Free for the next citizen, who is offered at once; with ``pull`` only when the agent asks.

        Raises Conflict agent_not_signed_in, or state_forbids in a call or its wrap-up.
        """
        await self._run("set_available", now, agent, "1" if pull else "")

    async def set_away(self, agent: StaffId, *, reason: str = "break", now: float) -> State:
        """
        Take no more calls; a running offer returns to its old place.

        In a call or its wrap-up the wish is kept and carried out at its end. Raises Conflict
        agent_not_signed_in.
        """
        return State(_text(await self._run("set_away", now, agent, reason)))

    async def stay(self, agent: StaffId, *, now: float) -> None:
        """The wish to go away after this call is taken back. Raises Conflict("agent_not_signed_in")."""
        await self._run("stay", now, agent)

    async def end_shift_at(self, agent: StaffId, ends_at: float | None, *, now: float) -> None:
        """From ``ends_at`` on the agent is away, a running call finished first. Raises as ``set_away``."""
        ends = "" if ends_at is None else str(round(ends_at * 1000))
        await self._run("shift", now, agent, ends)

    async def next_for(self, agent: StaffId, *, now: float) -> bool:
        """
        The agent asks for the next ticket and is free from now on; whether one is offered.

        Raises Conflict agent_not_signed_in, or state_forbids in a call or its wrap-up.
        """
        return bool(await self._run("next", now, agent))

    async def pick(self, agent: StaffId, ticket: TicketId, *, reason: str, now: float) -> None:
        """
        Offer this very ticket to the agent, before its turn and its ring, for ``reason``.

        Raises Conflict as ``next_for``, ticket_not_waiting, or may_not_serve without skill, language, mode
        or reach.
        """
        await self._run("pick", now, agent, ticket, reason)

    async def lend(self, lenders: Mapping[DistrictCode, frozenset[DistrictCode]], *, now: float) -> None:
        """All lendings in force: which districts help each home district. Raises BadInput."""
        pairs = [(home, _list(helping)) for home, helping in lenders.items() if helping]
        for home, helping in lenders.items():
            if home in helping or not {home, *helping} <= self._neighbours.keys():
                raise BadInput("district_unknown", {"district": home})
        await self._run("lend", now, *(part for pair in pairs for part in pair))

    async def lenders(self) -> Mapping[DistrictCode, frozenset[DistrictCode]]:
        """Which districts lend agents to each home district now."""
        return _lenders(await self._ask("hgetall", f"{self._key}:lenders"))

    async def sign_out(self, agent: StaffId, *, now: float) -> None:
        """Forget the agent; a running offer returns. Raises Conflict("state_forbids") in a call."""
        await self._run("sign_out", now, agent)

    async def beat(self, agent: StaffId, *, now: float) -> None:
        """Still here: renew the lease. Raises Conflict("agent_not_signed_in"): sign in again."""
        await self._run("beat", now, agent)

    async def accept(self, agent: StaffId, offer: OfferId, *, now: float) -> Offer:
        """
        Take the offered ticket; the same answer when repeated.

        Raises Gone("offer_gone") if it is over, was withdrawn or was never this agent's.
        """
        return _offer(json.loads(await self._run("accept", now, agent, offer)))

    async def decline(self, agent: StaffId, offer: OfferId, *, reason: str, now: float) -> None:
        """Give the ticket back to its old place; the agent is free for others. Raises Gone("offer_gone")."""
        await self._run("decline", now, agent, offer, reason)

    async def release(
        self, agent: StaffId, ticket: TicketId, *, now: float, reason: str = "released"
    ) -> None:
        """The call did not come about: the ticket returns to its old place, the agent goes to wrap-up."""
        await self._run("release", now, agent, ticket, reason)

    async def wrap_up(self, agent: StaffId, ticket: TicketId, *, now: float) -> None:
        """The call is over: the ticket leaves the line for good, the agent does the after-work."""
        await self._run("wrap_up", now, agent, ticket)

    async def finish(
        self,
        agent: StaffId,
        *,
        now: float,
        then: Literal["available", "away"] = "available",
        ticket: TicketId | None = None,
    ) -> None:
        """
        The after-work of a call is done: of the one about ``ticket``, else of the oldest.

        Whoever holds other calls goes on with those. Raises Conflict("state_forbids") when none is being
        wrapped up.
        """
        await self._run("finish", now, agent, then, ticket or "")

    # -- time ----------------------------------------------------------------------------------------------

    async def tick(self, *, now: float) -> int:
        """Carry out a bounded piece of what is due; how much was done. Any number of processes may call."""
        return int(await self._run("tick", now))

    # -- nodes ---------------------------------------------------------------------------------------------

    async def beat_node(
        self, node: str, *, opened: Sequence[TicketId], closed: Sequence[TicketId], now: float
    ) -> None:
        """
        The node lives; pages of the tickets ``opened`` are open there since, those of ``closed`` no more.

        One lease for all its citizens: when it ends, ``orphans`` names those who have no page elsewhere.
        """
        lease = str(round(NODE_LEASE_SECONDS * 1000))
        for start in range(0, max(1, len(opened)), REBUILD_BATCH):
            held = opened[start : start + REBUILD_BATCH]
            await self._run("node_beat", now, node, lease, str(len(held)), *held)
        for start in range(0, len(closed), REBUILD_BATCH):
            await self._run("node_beat", now, node, lease, "0", *closed[start : start + REBUILD_BATCH])

    async def set_orphans_aside(self, *, now: float) -> int:
        """Detach the tickets whose page was on a node that is gone; how many. Any number may call."""
        done, node = 0, ""
        tickets: list[str] = []
        while True:
            found = [_text(one) for one in await self._run("node_orphans", now, node, *tickets)]
            if not found:
                return done
            node, tickets = found[0], found[1:]
            for ticket in tickets:
                await self.detach(TicketId(ticket), now=now)
            done += len(tickets)

    # -- looking -------------------------------------------------------------------------------------------

    async def place(self, ticket: TicketId, *, now: float) -> Place | None:
        """Where a waiting ticket stands and how long it may take; ``None`` when it does not wait."""
        standing = await self._ask(
            "hmget", f"{self._key}:ticket:{ticket}", "lane", "score", "state", "joined"
        )
        if standing[2] is None or _text(standing[2]) not in {"waiting", "held", "detached"}:
            return None
        lane, score = Lane.parse(_text(standing[0])), float(standing[1])
        loads, agents, lenders = await self._present()
        on_duty = crews(agents)
        found = rivals(
            lane, [load.lane for load in loads], on_duty, neighbours=self._neighbours, lenders=lenders
        )
        cuts = [(rival.lane.key, score - rival.lead_seconds * 1000) for rival in found]
        ahead, of = await self._run("ahead", now, *(str(part) for cut in cuts for part in cut))
        able = able_by_ring(lane, on_duty, self._neighbours, lenders)
        outlook = await self._outlook(loads, on_duty, lenders, now)
        expected = outlook.expected_wait(lane, score / 1000)
        credit = has_credit(score / 1000, float(standing[3]) / 1000)
        wait = None if expected is None else Wait(lane.home_district, lane.skill, credit, expected)
        span = None if wait is None else calibrated(self._calibration, wait)
        return Place(
            ahead=ahead,
            of=max(of, ahead + 1),
            agents_on_duty=sum(able),
            low_seconds=None if span is None else round(span.low),
            high_seconds=None if span is None else round(span.high),
            point_seconds=None if span is None else span.point,
            expected_seconds=expected,
            home_district=lane.home_district,
        )

    def calibrate(self, calibration: Calibration) -> None:
        """Take over what past waits have taught: places show ranges by it from now on."""
        self._calibration = calibration

    @property
    def calibration(self) -> Calibration:
        """What past waits have taught, as far as this line was told."""
        return self._calibration

    async def load(self) -> Sequence[LaneLoad]:
        """Every lane in which somebody waits."""
        lanes = json.loads(await self._run("board", 0.0))
        return [
            LaneLoad(lane=Lane.parse(key), waiting=int(waiting), longest_since=float(since) / 1000)
            for key, waiting, since in lanes
        ]

    async def agents(self) -> Sequence[AgentPresence]:
        """Every agent who is signed in."""
        return [_presence(one) for one in json.loads(await self._run("roster", 0.0))]

    async def agent(self, agent: StaffId) -> AgentPresence | None:
        """One agent; ``None`` when not signed in."""
        found = [_presence(one) for one in json.loads(await self._run("roster", 0.0, agent))]
        return found[0] if found else None

    async def agent_counts(self) -> Mapping[DistrictCode, Mapping[State, int]]:
        """How many agents of each district are in each state, from counters."""
        counts: dict[DistrictCode, dict[State, int]] = {}
        for name, count in (await self._ask("hgetall", f"{self._key}:staff")).items():
            district, state = _text(name).split("|")
            if int(count):
                counts.setdefault(DistrictCode(district), {})[State(state)] = int(count)
        return counts

    async def opening_seconds(self, lane: Lane) -> tuple[float, ...]:
        """When each ring opens for ``lane`` as things stand, in seconds of waiting."""
        able = able_by_ring(lane, crews(await self.agents()), self._neighbours, await self.lenders())
        return openings(able, lane.stays)

    # -- after a loss --------------------------------------------------------------------------------------

    async def generation_missing(self) -> bool:
        """Whether Redis was emptied or replaced since the last ``rebuild``."""
        return not await self._ask("exists", f"{self._key}:generation")

    async def rebuild(
        self,
        waiting: Sequence[tuple[TicketId, Lane, float, float]],
        *,
        now: float,
        epochs: Mapping[TicketId, int] | None = None,
        terms: Mapping[TicketId, Terms] | None = None,
    ) -> int:
        """
        Put back every ticket of ``waiting`` (ticket, lane, joined at, credit seconds) the line does not know.

        Answers how many were missing. Nothing is offered before all are in; then the oldest are first.
        ``epochs``: the highest the ledger knows, so that no offer from before the loss
        can be taken for a new one. ``terms``: how each waits, if not plainly.
        """
        known, kept = epochs or {}, terms or {}
        added = 0
        for start in range(0, len(waiting), REBUILD_BATCH):
            batch = waiting[start : start + REBUILD_BATCH]
            entries = [
                self._entry(ticket, lane, joined, credit, now, known.get(ticket, 0), kept.get(ticket, PLAIN))
                for ticket, lane, joined, credit in batch
            ]
            added += int(await self._run("rebuild", now, *(part for entry in entries for part in entry)))
        await self._run("rebuilt", now, str(added))
        while await self.tick(now=now):
            pass
        return added

    # -- news ----------------------------------------------------------------------------------------------

    async def announcements(
        self, after: str = "$", *, rest_seconds: Callable[[], float] = lambda: 0.0
    ) -> AsyncIterator[Announcement]:
        """
        What happens from now on, or since the announcement ``after``, in order and for ever.

        ``rest_seconds``: how long to let news gather between two reads that found any.
        Raises Unavailable("line_unavailable") when Redis goes away: begin again after the last one received.
        """
        stream = f"{self._key}:announcements"
        last = await self._latest(stream) if after == "$" else after
        while not _cancelled():
            answer = await self._ask("xread", {stream: last}, count=200, block=1000)
            for last, fields in _entries(answer):
                yield _announcement(last, fields)
            if answer and (seconds := rest_seconds()):
                await asyncio.sleep(seconds)

    async def history(self, after: str = "0-0", *, count: int = STREAM_LENGTH) -> list[Announcement]:
        """What has been announced after ``after``, as far as it is kept; at most ``count``."""
        answer = await self._ask("xread", {f"{self._key}:announcements": after}, count=count)
        return [_announcement(id, fields) for id, fields in _entries(answer)]

    async def since(self, after: str, *, count: int = BATCH) -> list[Announcement] | None:
        """
        What was announced after ``after``, at most ``count``; ``None`` when something in between is lost.

        The announcement ``after`` itself must still be there: then nothing behind it was trimmed, and this is
        the Redis that it came from.
        """
        stream = f"{self._key}:announcements"

        async def once() -> Any:
            async with self._redis.pipeline(transaction=True) as both:
                both.xrange(stream, after, after)
                both.xread({stream: after}, count=count)
                return await both.execute()

        kept, answer = await self._patiently(once)
        if not kept and after != "0-0":
            return None
        return [_announcement(id, fields) for id, fields in _entries(answer)]

    async def snapshot(self) -> Snapshot:
        """The whole line at one instant, to be followed from its ``id`` on with ``since``."""
        id, lanes, others, agents, sums, lenders = await self._run("snapshot", 0.0)
        tickets: dict[TicketId, Standing] = {}
        for name, rows in lanes:
            lane = Lane.parse(_text(name))
            for ticket, score, joined in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
                tickets[TicketId(_text(ticket))] = Standing(
                    lane=lane, score=float(score), joined_at=float(joined) / 1000
                )
        for ticket, name, score, joined, state, detached in others:
            tickets[TicketId(_text(ticket))] = Standing(
                lane=Lane.parse(_text(name)),
                score=float(score),
                joined_at=float(joined) / 1000,
                state=_text(state),
                detached=bool(detached),
            )
        return Snapshot(
            id=_text(id),
            tickets=tickets,
            agents=[_presence(one) for one in json.loads(agents)],
            cases=_cases(sums),
            lenders=_lenders(dict(zip(lenders[::2], lenders[1::2], strict=True))),
        )

    async def shifts(self) -> Mapping[StaffId, float]:
        """When the shifts of the agents signed in end, in seconds since the epoch, for those who said so."""
        found = await self._ask("zrange", f"{self._key}:shifts", 0, -1, withscores=True)
        return {StaffId(_text(agent)): ends / 1000 for agent, ends in found}

    async def cases(self) -> Mapping[str, float]:
        """How long a case of each skill takes, in seconds."""
        sums = await self._ask("hgetall", f"{self._key}:handling")
        return _cases([part for item in sums.items() for part in item])

    def replica(self, snapshot: Snapshot, followed: Mapping[TicketId, PlaceChanged | None]) -> Replica:
        """A replica by this line's rules; ``followed``: what the pages of this node show already."""
        return Replica(
            snapshot, neighbours=self._neighbours, calibration=self._calibration, followed=followed
        )

    async def latest(self) -> str:
        """The id of the latest announcement, to read on from after a snapshot."""
        return await self._latest(f"{self._key}:announcements")

    # -- the record ----------------------------------------------------------------------------------------

    async def unrecorded(self, reader: str, *, count: int = 200) -> list[Announcement]:
        """
        Announcements nobody has recorded yet; they stay in the hands of ``reader`` until ``recorded``.

        Those it held already, those of a reader that fell silent, then new ones, at most ``count`` of each:
        every announcement is given to somebody until it is recorded, so sometimes twice. One that the stream
        dropped in the meantime has the kind ``trimmed``. After a loss of Redis everything kept is new.
        """
        own = await self._of_group("xreadgroup", reader, {self._stream: "0"}, count=count)
        silent_ms = round(SILENT_SECONDS * 1000)
        claimed = await self._of_group("xautoclaim", reader, silent_ms, "0-0", count=count)
        fresh = await self._of_group("xreadgroup", reader, {self._stream: ">"}, count=count)
        found: dict[str, Mapping[str, str]] = {_text(id): {} for id in claimed[2:3] and claimed[2]}
        found |= dict([*_entries(own), *_entries([["", claimed[1]]]), *_entries(fresh)])
        return [_recordable(id, fields) for id, fields in found.items()]

    async def recorded(self, ids: Sequence[str]) -> None:
        """These announcements are in the ledger: nobody is given them again."""
        if ids:
            await self._ask("xack", self._stream, RECORDERS, *ids)

    async def record_lag(self) -> RecordLag:
        """How far the record is behind the line, by the clock of Redis."""
        groups = await self._of_group("xinfo_groups", "")
        mine = next(one for one in groups if _text(one["name"]) == RECORDERS)
        held = await self._of_group("xpending", "")
        first, latest = await self._ask("xrange", self._stream, count=1), await self._latest(self._stream)
        begins, ends = _order(_text(first[0][0]) if first else latest), _order(latest)
        delivered = _order(_text(mine["last-delivered-id"]))
        oldest = min(delivered, _order(_text(held["min"]))) if held["pending"] else delivered
        unread = mine.get("lag")
        if unread is None:  # before Redis 7: by the share of time that is unread
            kept = int(await self._ask("xlen", self._stream))
            unread = round(kept * min(1.0, (ends[0] - delivered[0]) / max(1, ends[0] - begins[0])))
        entries = int(unread) + int(held["pending"])
        seconds, _ = await self._ask("time")
        return RecordLag(
            seconds=max(0.0, int(seconds) - max(oldest, begins)[0] / 1000) if entries else 0.0,
            entries=entries,
            limit=self._stream_length,
            gap=begins > delivered > (0, 0),
        )

    async def forget_readers(self) -> int:
        """Remove the names of readers that ended long ago and hold nothing; how many."""
        readers = await self._of_group("xinfo_consumers", RECORDERS)
        gone = [
            _text(one["name"])
            for one in readers
            if not one["pending"] and one["idle"] > FORGOTTEN_SECONDS * 1000
        ]
        for name in gone:
            await self._ask("xgroup_delconsumer", self._stream, RECORDERS, name)
        return len(gone)

    async def _of_group(self, command: str, reader: str, *args: Any, **options: Any) -> Any:
        """Ask for something of the readers' group, which is made anew after Redis was emptied."""
        asked = {
            "xreadgroup": (RECORDERS, reader, *args),
            "xautoclaim": (self._stream, RECORDERS, reader, *args),
            "xpending": (self._stream, RECORDERS),
            "xinfo_groups": (self._stream,),
            "xinfo_consumers": (self._stream, RECORDERS),
        }[command]
        try:
            answer = await self._ask(command, *asked, **options)
            if command != "xinfo_groups" or any(_text(one["name"]) == RECORDERS for one in answer):
                return answer
        except Unavailable as away:
            if not str(away.__cause__).startswith(("NOGROUP", "no such key", "ERR no such key")):
                raise
        await self._make_group()
        return await self._ask(command, *asked, **options)

    async def _make_group(self) -> None:
        try:
            await self._ask("xgroup_create", self._stream, RECORDERS, "0", mkstream=True)
        except Unavailable as away:
            if not str(away.__cause__).startswith("BUSYGROUP"):
                raise

    # -- inside --------------------------------------------------------------------------------------------

    def _entry(
        self,
        ticket: TicketId,
        lane: Lane,
        joined_at: float,
        credit_seconds: float,
        now: float,
        epoch: int,
        terms: Terms,
    ) -> tuple[str, ...]:
        if lane.home_district not in self._neighbours:
            raise BadInput("lane_unknown", {"lane": lane.key})
        if not plain(ticket):
            raise BadInput("ticket_unusable")
        if not 0 < joined_at <= now + 60 or not abs(credit_seconds) <= CREDIT_LIMIT_SECONDS:
            raise BadInput("joining_time_unusable")
        score = (joined_at - credit_seconds) * 1000
        preferred = terms.preferred if terms.preferred_until > now else None
        return (
            ticket,
            lane.key,
            f"{score:.3f}",
            str(round(joined_at * 1000)),
            str(epoch),
            str(round(credit_seconds * 1000)) if credit_seconds else "",
            terms.priority,
            preferred or "",
            str(round(terms.preferred_until * 1000)) if preferred else "",
            str(round(terms.not_before * 1000)) if terms.not_before > now else "",
            "1" if terms.callback else "",
            ",".join(sorted(terms.passed_by)),
        )

    async def _latest(self, stream: str) -> str:
        newest = await self._ask("xrevrange", stream, count=1)
        return _text(newest[0][0]) if newest else "0-0"

    async def _outlook(
        self, loads: Sequence[LaneLoad], on_duty: tuple[Crew, ...], lenders: Lenders, now: float
    ) -> Outlook:
        """The work that waits, worked out once for a snapshot; agents on duty are taken to stay."""
        if self._known is None or self._known[0] is not loads:
            if self._shared is None or self._shared[:2] != (on_duty, lenders):
                self._shared = on_duty, lenders, sharing_of(on_duty, self._neighbours, lenders)
            means = await self.cases()
            known = Outlook(loads, self._shared[2], at=now, mean_of=means, usual_mean=PRIOR.mean)
            self._known = loads, known
        return self._known[1]

    async def _present(self) -> tuple[Sequence[LaneLoad], Sequence[AgentPresence], Lenders]:
        """Loads, agents and lenders, at most ``snapshot_seconds`` old: a page of places reads them once."""
        if self._snapshot is None or monotonic() - self._snapshot[0] >= self._snapshot_seconds:
            self._snapshot = monotonic(), await self.load(), await self.agents(), await self.lenders()
        return self._snapshot[1:]

    async def _run(self, name: str, now: float, *args: str) -> Any:
        if not 0 <= now < 1e11:
            raise BadInput("time_unusable")
        text, digest = _script(name, self._rules)
        keys_and_args = (self._key, str(round(now * 1000)), *args)

        async def once() -> Any:
            try:
                return await self._redis.evalsha(digest, 1, *keys_and_args)
            except NoScriptError:
                return await self._redis.eval(text, 1, *keys_and_args)

        return await self._patiently(once)

    async def _ask(self, command: str, *args: Any, **options: Any) -> Any:
        async def once() -> Any:
            return await getattr(self._redis, command)(*args, **options)

        return await self._patiently(once)

    async def _patiently(self, once: Any) -> Any:
        """Repeat what a lost connection cut short: every script answers a repetition with the same state."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await once()
            except (Disconnected, TooSlow, OSError) as away:
                if attempt == ATTEMPTS:
                    raise Unavailable("line_unavailable") from away
                await asyncio.sleep(PAUSE_SECONDS * attempt)
            except ResponseError as refusal:
                raise _refusal(refusal) from refusal
            except RedisError as broken:
                raise Unavailable("line_unavailable") from broken
        raise AssertionError("unreachable")


@cache
def _lua(name: str) -> str:
    return files("cloudwindow").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")


@cache
def _script(name: str, rules: str) -> tuple[str, str]:
    """The whole text of a script (what all share, its own with its parts, rules) and its SHA-1."""
    constants: dict[str, str] = json.loads(rules)
    whole = "\n".join((_lua("line"), _with_parts(_lua(name))))
    text = CONSTANTS.sub(lambda found: constants[found[1]], _lean(whole))
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()


def _with_parts(text: str) -> str:
    """A text with that of its parts in their places, as far from the margin as these are."""
    return PARTS.sub(
        lambda place: "\n".join(indent(_with_parts(_lua(part)), place[1]) for part in place[2].split()), text
    )


@dataclass(slots=True, eq=False)
class _Function:
    """A function on some lines of a script; the lines behind them know it, up to ``known_until``."""

    lines: range
    known_until: int
    own: list[int] = field(default_factory=list)
    """Its lines without those of the functions in it."""


def _lean(text: str) -> str:
    """A script without comments, and without functions it never comes to: each is made anew at every call."""
    lines = COMMENT.sub("", text).split("\n")
    made: dict[str, list[_Function]] = {}
    owners: list[_Function | None] = [None] * len(lines)
    for at, line in enumerate(lines):
        if found := FUNCTION.match(line):
            one = _function(lines, at, found[1])
            made.setdefault(found[2] or found[3], []).append(one)
            owners[one.lines.start : one.lines.stop] = [one] * len(one.lines)
    for at, owner in enumerate(owners):
        if owner:
            owner.own.append(at)
    needed: set[_Function] = set()
    ahead = [at for at, owner in enumerate(owners) if not owner and not DECLARED.fullmatch(lines[at])]
    while ahead:
        at = ahead.pop()
        for name in WORD.findall(TEXT.sub("", lines[at])):
            meant = [one for one in made.get(name, ()) if one.lines.start <= at < one.known_until]
            if meant and meant[-1] not in needed:
                needed.add(meant[-1])
                ahead += meant[-1].own
    kept = (at for at, owner in enumerate(owners) if not owner or owner in needed)
    return "\n".join(lines[at] for at in kept if lines[at].strip())


def _function(lines: Sequence[str], first: int, margin: str) -> _Function:
    last = next(at for at in range(first, len(lines)) if lines[at] == f"{margin}end")
    outside = (at for at in range(last, len(lines)) if lines[at].strip() and not lines[at].startswith(margin))
    return _Function(range(first, last + 1), next(outside, len(lines)))


def _rules(*, milliseconds: Mapping[str, float], counts: Mapping[str, int], words: Mapping[str, str]) -> str:
    """What is written into every script: its constants, so that its digest also pins the rules it follows."""
    numbers = {name: round(value * 1000) for name, value in milliseconds.items()} | dict(counts)
    constants = {name: str(number) for name, number in numbers.items()}
    return json.dumps(
        constants | {name: json.dumps(word, ensure_ascii=False) for name, word in words.items()}
    )


def _carries(profile: AgentProfile) -> int:
    """The capacity of whoever takes something that fits beside others; 1 of whoever does not."""
    light = min(WEIGHTS.get(mode, FULL) for mode in profile.modes)
    return profile.capacity if light < FULL else 1


def _cancelled() -> bool:
    """
    Whether the running task has been asked to end.

    The client library sends with ``asyncio.wait_for``, which before Python 3.12 swallows a cancellation that
    meets a finished send: a loop around it must look for itself.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _refusal(refusal: ResponseError) -> CloudWindowError:
    words = str(refusal).removeprefix("ERR ").split()
    kind, code = REFUSALS.get(words[0] if words else "", (Unavailable, "line_unavailable"))
    if code == "state_forbids":
        return kind(code, {"state": words[1], "event": words[2]})
    return kind(code)


def _text(reply: str | bytes) -> str:
    return reply.decode() if isinstance(reply, bytes) else reply


def _list(words: frozenset[str] | frozenset[DistrictCode]) -> str:
    return ",".join(sorted(words))


def _cases(sums: Sequence[Any]) -> Mapping[str, float]:
    """Mean case times, in seconds, out of ``skill|n``, ``|t`` and ``|s``, each followed by its value."""
    found = {_text(name): float(value) for name, value in zip(sums[::2], sums[1::2], strict=True)}
    skills = {name.rsplit("|", 1)[0] for name in found}
    return {skill: handling(*(found.get(f"{skill}|{part}", 0.0) for part in "nts")).mean for skill in skills}


def _lenders(found: Mapping[Any, Any]) -> Lenders:
    return {
        DistrictCode(_text(home)): frozenset(map(DistrictCode, _text(helping).split(",")))
        for home, helping in found.items()
    }


def _offer(parts: Mapping[str, Any]) -> Offer:
    return Offer(
        offer=OfferId(parts["offer"]),
        ticket=TicketId(parts["ticket"]),
        agent=StaffId(parts["agent"]),
        epoch=int(parts["epoch"]),
        expires_at=float(parts["expires_ms"]) / 1000,
        ring=int(parts["ring"]),
        why={"considered": [], **parts["why"]},
        lane=Lane.parse(parts["lane"]),
    )


def offer_of(announcement: Announcement) -> Offer:
    """The offer an ``offer.made`` announcement tells of."""
    return _offer(announcement.extra)


def _presence(parts: Mapping[str, Any]) -> AgentPresence:
    profile = profile_of(StaffId(parts["agent"]), parts)
    return AgentPresence(
        agent=profile.agent,
        district=profile.district,
        state=State(parts["state"]),
        since=float(parts["since"]) / 1000,
        profile=profile,
        reason=parts["reason"],
        ticket=TicketId(parts["ticket"]) if parts["ticket"] else None,
        offer=OfferId(parts["offer"]) if parts["offer"] else None,
        present=bool(parts["present"]),
        pull=bool(parts.get("pull")),
        leaving=parts.get("leaving", ""),
        shift_ends_at=float(parts["shift_ms"]) / 1000 if parts.get("shift_ms") else None,
        rings_until=float(parts["rings_ms"]) / 1000 if parts.get("rings_ms") else None,
        calls=calls_of(parts["calls"]),
    )


def _entries(answer: Any) -> list[tuple[str, Mapping[str, str]]]:
    """The entries of one stream out of an XREAD answer: ``[[stream, [(id, fields), ...]]]`` or nothing."""
    return [
        (_text(id), {_text(name): _text(value) for name, value in fields.items()})
        for _, entries in answer or []
        for id, fields in entries
        if id is not None
    ]


def _recordable(id: str, fields: Mapping[str, str]) -> Announcement:
    """An announcement to be recorded; without fields the stream has dropped it."""
    return _announcement(id, fields or {"kind": "trimmed", "at": id.split("-")[0]})


def _order(id: str) -> tuple[int, int]:
    """The id of a stream's entry as numbers: milliseconds and a counter."""
    milliseconds, _, counter = id.partition("-")
    return int(milliseconds), int(counter)


def _announcement(id: str, fields: Mapping[str, str]) -> Announcement:
    extra = json.loads(fields.get("extra") or "{}")
    return Announcement(
        id=id,
        kind=fields["kind"],
        at=float(fields["at"]) / 1000,
        ticket=TicketId(fields["ticket"]) if fields.get("ticket") else None,
        agent=StaffId(fields["agent"]) if fields.get("agent") else None,
        offer=OfferId(fields["offer"]) if fields.get("offer") else None,
        epoch=int(fields.get("epoch") or 0),
        extra=extra if isinstance(extra, dict) else {},
    )
