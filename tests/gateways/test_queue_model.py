"""
The line against a simple model of itself: whatever people do, in any order, the rules hold.

After each step everything announced since is replayed in plain Python, and each offer is judged by what was
known at that instant: the right ticket for the agent, or the right agent for the ticket. Then the indexes in
Redis are compared with the plain truth.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

import cloudwindow.queue
from cloudwindow.domain.errors import CloudWindowError, Conflict, Gone
from cloudwindow.domain.ids import DistrictCode, OfferId, StaffId, TicketId
from cloudwindow.domain.match import PASS_SECONDS, AgentProfile, Lane, openings, ring_of
from cloudwindow.queue import Announcement, Line, connect
from tests.gateways.hall import BAIYUN, HUADU, NANSHA
from tests.gateways.redis_server import RedisServer

DISTRICTS = [HUADU, BAIYUN, NANSHA]
LANES = [
    Lane(home_district=district, skill=skill, language=language, mode="video")
    for district in DISTRICTS
    for skill, language in (("HR", "zh"), ("CA", "zh"))
]
AGENTS = [
    AgentProfile(
        agent=StaffId(f"a{number}"),
        district=district,
        skills=frozenset(skills),
        languages=frozenset(languages),
        serves_districts=serves,
    )
    for number, (district, skills, languages, serves) in enumerate(
        [
            (HUADU, ["HR"], ["zh"], None),
            (BAIYUN, ["HR", "CA"], ["zh", "yue"], None),
            (HUADU, ["HR"], ["zh"], None),
            (NANSHA, ["CA"], ["zh"], None),
            (HUADU, ["HR", "CA"], ["zh"], frozenset({HUADU})),
            (BAIYUN, ["HR"], ["zh", "yue"], frozenset({BAIYUN, HUADU})),
        ]
    )
]
PROFILES = {one.agent: one for one in AGENTS}
DELAYS = (0.0, 12.0, 30.0)
AT_WORK = {"idle", "offered", "in_call", "wrap_up"}


@dataclass(slots=True)
class Waiting:
    lane: Lane
    score: float
    epoch: int = 0
    state: str = "waiting"
    agent: StaffId | None = None
    detached: bool = False


@dataclass(slots=True)
class Working:
    state: str
    idle_since: float = 0.0
    ticket: TicketId | None = None
    passed: TicketId | None = None
    passed_until: float = 0.0


@dataclass(slots=True)
class Replay:
    """The plain truth, read from the announcements."""

    tickets: dict[TicketId, Waiting] = field(default_factory=dict)
    agents: dict[StaffId, Working] = field(default_factory=dict)

    def opening(self, lane: Lane, agent: StaffId) -> float:
        able = [0, 0, 0]
        for other, working in self.agents.items():
            if working.state in AT_WORK and PROFILES[other].able(lane):
                able[ring_of(PROFILES[other].district, lane.home_district)] += 1
        return openings(able, DELAYS)[ring_of(PROFILES[agent].district, lane.home_district)]

    def passes(self, agent: StaffId, ticket: TicketId, now: float) -> bool:
        working = self.agents[agent]
        return working.passed == ticket and now < working.passed_until

    def due(self, agent: StaffId, ticket: TicketId, now: float) -> float | None:
        """The instant from which the agent may serve the waiting ticket, if that has come."""
        waiting = self.tickets[ticket]
        if waiting.state != "waiting" or not PROFILES[agent].able(waiting.lane):
            return None
        if self.passes(agent, ticket, now):
            return None
        opened = waiting.score + self.opening(waiting.lane, agent)
        return opened if opened <= now + 1e-6 else None

    def judge(self, told: Announcement) -> None:
        """Whether an offer is the right one."""
        assert told.ticket
        assert told.agent
        mine = self.due(told.agent, told.ticket, told.at)
        assert mine is not None, f"{told.agent} may not serve {told.ticket} yet"
        if told.extra["why"]["rule"] == "longest_waiting":
            better = {
                ticket: opened
                for ticket in self.tickets
                if (opened := self.due(told.agent, ticket, told.at)) is not None and opened < mine - 1e-6
            }
            assert not better, f"{told.agent} was offered {told.ticket} before {better}"
            return
        here = self.tickets[told.ticket]
        ring = ring_of(PROFILES[told.agent].district, here.lane.home_district)
        for agent, working in self.agents.items():
            if working.state == "idle" and self.due(agent, told.ticket, told.at) is not None:
                other = ring_of(PROFILES[agent].district, here.lane.home_district)
                turn = (other, working.idle_since)
                assert turn >= (ring, self.agents[told.agent].idle_since), f"{agent} was before {told.agent}"
        for ticket, waiting in self.tickets.items():
            if waiting.lane == here.lane and waiting.state == "waiting" and waiting.score < here.score - 1e-6:
                assert self.passes(told.agent, ticket, told.at), f"{ticket} waited longer than {told.ticket}"

    def take(self, told: Announcement) -> None:
        """Follow one announcement."""
        thing, _, event = told.kind.partition(".")
        if thing == "ticket":
            self._take_ticket(event, told)
        elif thing == "offer":
            self._take_offer(event, told)
        elif thing == "agent" and told.agent:
            self._take_agent(event, told, told.agent)

    def _take_ticket(self, event: str, told: Announcement) -> None:
        assert told.ticket
        if event == "joined":
            assert told.ticket not in self.tickets, "nobody joins twice"
            lane, score = Lane.parse(told.extra["lane"]), float(told.extra["score"]) / 1000
            self.tickets[told.ticket] = Waiting(lane, score)
        elif event in {"left", "expired"}:
            gone = self.tickets.pop(told.ticket)
            assert gone.state != "offered", "an offer is withdrawn before its ticket goes"
        else:
            here = self.tickets[told.ticket]
            here.detached = event == "detached"
            if here.state in {"waiting", "detached"}:
                here.state = "detached" if here.detached else "waiting"

    def _take_offer(self, event: str, told: Announcement) -> None:
        assert told.ticket
        assert told.agent
        here, there = self.tickets[told.ticket], self.agents[told.agent]
        if event == "made":
            self.judge(told)
            assert told.epoch == here.epoch + 1, "every offer has a higher epoch"
            here.epoch, here.state, here.agent = told.epoch, "offered", told.agent
            there.state, there.ticket = "offered", told.ticket
            return
        assert (here.agent, told.epoch) == (told.agent, here.epoch), "one holder at a time"
        if event == "accepted":
            assert here.state == "offered"
            here.state, here.detached = "serving", False
        elif event == "declined":
            there.passed, there.passed_until = told.ticket, told.at + PASS_SECONDS
        elif event in {"returned", "withdrawn"}:
            here.state = "withdrawn" if event == "withdrawn" else "detached" if here.detached else "waiting"
            here.agent, there.ticket = None, None

    def _take_agent(self, event: str, told: Announcement, agent: StaffId) -> None:
        states = {"available": "idle", "away": "away", "busy": "in_call", "wrap_up": "wrap_up"}
        if event == "signed_out":
            del self.agents[agent]
        elif event in states:
            there = self.agents.setdefault(agent, Working("offline"))
            there.state = states[event]
            if event == "available" and told.extra["reason"] != "withdrawn":
                there.idle_since = told.at


class Machine(RuleBasedStateMachine):
    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.redis: Any = connect(self.url)
        self.line = Line(self.redis, prefix="hall", ring_delays=DELAYS)
        self.truth = Replay()
        self.now = 1_000_000.0
        self.read = "0-0"
        self.number = 0
        self.steps = 0

    def do(self, work: Awaitable[Any]) -> Any:
        """Do it and read what was announced; the line may refuse, but only in words it has."""

        async def done() -> Any:
            try:
                answer = await work
            except (Conflict, Gone) as refusal:
                answer = refusal
            for told in await self.line.history(self.read):
                self.read = told.id
                self.truth.take(told)
            return answer

        return self.runner.run(done())

    @initialize()
    def empty(self) -> None:
        self.do(self.redis.flushall())
        for one in AGENTS:
            self.agent(one, "set_available")

    @rule(lanes=st.lists(st.sampled_from(LANES), min_size=2, max_size=4))
    def several_join(self, lanes: list[Lane]) -> None:
        for lane in lanes:
            self.now += 1
            self.join(lane, 0.0)

    @rule(lane=st.sampled_from(LANES), credit=st.sampled_from([0.0, 0.0, 15.0]))
    def join(self, lane: Lane, credit: float) -> None:
        self.number += 1
        ticket = TicketId(f"t{self.number}")
        for _ in range(2):
            self.do(self.line.join(ticket, lane, joined_at=self.now, credit_seconds=credit, now=self.now))
        assert ticket in self.truth.tickets

    @rule(ones=st.lists(st.sampled_from(AGENTS), min_size=1, max_size=4))
    def work(self, ones: list[AgentProfile]) -> None:
        """Some agents do what is expected of them next."""
        for one in ones:
            self._next_step(one)

    def _next_step(self, one: AgentProfile) -> None:
        there = self.truth.agents.get(one.agent)
        if not there or there.state == "away":
            self.agent(one, "set_available")
        elif there.state == "offered":
            self.answer(one, "accept")
        elif there.state == "in_call":
            self.end(one, "wrap_up")
        elif there.state == "wrap_up":
            self.finish(one, "available")

    @rule(pick=st.integers(0, 99), what=st.sampled_from(["leave", "detach", "attach"]))
    def citizen(self, pick: int, what: str) -> None:
        if self.number:
            ticket = TicketId(f"t{1 + pick % self.number}")
            self.do(getattr(self.line, what)(ticket, now=self.now))

    @rule(
        one=st.sampled_from(AGENTS),
        what=st.sampled_from(["set_away", "sign_out", "decline", "release", "available", "away"]),
    )
    def something_else(self, one: AgentProfile, what: Any) -> None:
        """An agent does what is less expected, or not allowed."""
        if what == "decline":
            self.answer(one, what)
        elif what == "release":
            self.end(one, what)
        elif what in {"available", "away"}:
            self.finish(one, what)
        else:
            self.agent(one, what)

    def agent(self, one: AgentProfile, what: str) -> None:
        if what == "set_available":
            self.do(self.line.sign_in(one, now=self.now))
        self.do(getattr(self.line, what)(one.agent, now=self.now))

    def answer(self, one: AgentProfile, what: str) -> None:
        there = self.truth.agents.get(one.agent)
        if not there or not there.ticket or there.state not in {"offered", "in_call"}:
            return
        offer = OfferId(f"{there.ticket}/{self.truth.tickets[there.ticket].epoch}")
        rest = {"reason": "other"} if what == "decline" else {}
        self.do(getattr(self.line, what)(one.agent, offer, now=self.now, **rest))

    def end(self, one: AgentProfile, what: str) -> None:
        there = self.truth.agents.get(one.agent)
        if there and there.state == "in_call" and there.ticket:
            self.do(getattr(self.line, what)(one.agent, there.ticket, now=self.now))

    def finish(self, one: AgentProfile, then: Any) -> None:
        self.do(self.line.finish(one.agent, now=self.now, then=then))

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 5.0, 8.0, 13.0] * 2 + [21.0, 31.0, 700.0]))
    def time_passes(self, seconds: float, silent: AgentProfile | None = None) -> None:
        self.now += seconds
        for one in AGENTS:
            if one is not silent:
                self.do(self.line.beat(one.agent, now=self.now))

    @rule(silent=st.sampled_from(AGENTS))
    def somebody_is_not_heard_of(self, silent: AgentProfile) -> None:
        self.time_passes(6.0, silent)

    @invariant()
    def nothing_is_left_undone(self) -> None:
        for _ in range(20):
            if not self.do(self.line.tick(now=self.now)):
                break
        else:
            raise AssertionError("ticking comes to no end")
        for agent, working in self.truth.agents.items():
            if working.state == "idle":
                missed = [t for t in self.truth.tickets if self.truth.due(agent, t, self.now) is not None]
                assert not missed, f"{agent} is free beside {missed}"

    @invariant()
    def redis_agrees(self) -> None:
        self.steps += 1
        if self.steps % 5 == 0:
            self.runner.run(self._compare())

    async def _compare(self) -> None:
        tickets, agents = self.truth.tickets, self.truth.agents
        asking = self.redis.pipeline()
        for ticket in tickets:
            asking.hget(f"{{hall}}:ticket:{ticket}", "state")
        assert await asking.execute() == [here.state for here in tickets.values()]
        signed_in = {one.agent: (one.state.value, one.ticket) for one in await self.line.agents()}
        for agent, there in agents.items():
            assert signed_in[agent][0] == there.state
            if there.state in {"offered", "in_call"}:
                assert signed_in[agent][1] == there.ticket
        assert signed_in.keys() == agents.keys()
        waiting = Counter(here.lane for here in tickets.values() if here.state == "waiting")
        assert {load.lane: load.waiting for load in await self.line.load()} == waiting
        await self._compare_indexes(waiting)

    async def _compare_indexes(self, waiting: Counter[Lane]) -> None:
        states = Counter(
            (PROFILES[agent].district, there.state) for agent, there in self.truth.agents.items()
        )
        counted = {
            (district, state.value): count
            for district, by_state in (await self.line.agent_counts()).items()
            for state, count in by_state.items()
        }
        assert counted == states
        heads = {
            lane.key: min(
                here.score
                for here in self.truth.tickets.values()
                if here.lane == lane and here.state == "waiting"
            )
            for lane in waiting
        }
        keys = [key async for key in self.redis.scan_iter("{hall}:*")]
        for key in keys:
            if key.startswith(("{hall}:desk:", "{hall}:skill:")):
                skills = key.split(":", 2)[2].split(",")
                found = {
                    lane: score / 1000 for lane, score in await self.redis.zrange(key, 0, -1, withscores=True)
                }
                assert found == {lane: score for lane, score in heads.items() if lane.split("|")[1] in skills}
        idle = {agent for agent, there in self.truth.agents.items() if there.state == "idle"}
        assert set(await self.redis.zrange("{hall}:idle", 0, -1)) == idle
        by_desk = [k for k in keys if k.startswith("{hall}:idle:")]
        assert {agent for key in by_desk for agent in await self.redis.zrange(key, 0, -1)} == idle
        assert set(await self.redis.hkeys("{hall}:opens")) == heads.keys()

    def teardown(self) -> None:
        self.runner.run(self.redis.aclose())
        self.runner.close()


def explore(url: str, examples: int, *phases: Phase, seed: int | None = None) -> None:
    """Let people do things in ``examples`` orders: always the same ones, unless there is a ``seed``."""
    Machine.url = url
    machine = Machine if seed is None else hypothesis.seed(seed)(Machine)
    chosen = settings(
        max_examples=examples,
        stateful_step_count=40,
        phases=phases,
        derandomize=seed is None,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=chosen)


def test_whatever_people_do_the_rules_of_the_line_hold(newest_server: RedisServer) -> None:
    explore(newest_server.url, 40, Phase.generate, Phase.shrink)


BUGS = {
    "the tail instead of the head": ("line", "best.skip, best.skip)[1]", "-1, -1)[1]"),
    "the old place is lost": ("line", "push(ticket, t.lane, t.score)", "push(ticket, t.lane, now)"),
    "rings do not open": ("line", "score + opening, lane)", "score + opening + 3600000, lane)"),
    "the own district does not come first": ("line", "at = score + opening, ring", "at = score, ring"),
    "a running offer is not withdrawn": ("leave", "withdraw(ticket, t, reason)", "t.state = t.state"),
    "a counter is forgotten": ("line", 'call("HINCRBY", K .. "waiting", lane, -1) <= 0', "false"),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_found(newest_server: RedisServer, monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    script, right, wrong = BUGS[bug]
    lua = cloudwindow.queue._lua
    assert right in lua(script), "the bug has a place"
    spoilt = {script: lua(script).replace(right, wrong)}
    monkeypatch.setattr(cloudwindow.queue, "_lua", lambda name: spoilt.get(name) or lua(name))
    cloudwindow.queue._script.cache_clear()
    try:
        with pytest.raises((AssertionError, CloudWindowError)):
            explore(newest_server.url, 400, Phase.generate)
    finally:
        cloudwindow.queue._script.cache_clear()


def test_districts_of_the_model_stand_in_all_three_rings() -> None:
    rings = {ring_of(one, DistrictCode(other)) for one in DISTRICTS for other in DISTRICTS}
    assert rings == {0, 1, 2}
