"""
A whole town against the promises of the line: people, desks, a line that is emptied, a node that starts anew.

Real Redis, real ledger, a clock of our own. A node that stands still is one whose acceptance has gone through
the line and waits before the ledger: ``stand_still`` holds it there, ``goes_on`` lets it write, however late.
"""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from cloudwindow import journey
from cloudwindow.domain import session as sessions
from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.ids import DistrictCode, TicketId
from cloudwindow.domain.load import AgentPresence
from cloudwindow.domain.match import FULL, LEASE_SECONDS, WEIGHTS, fits, ring_of
from cloudwindow.domain.messages import (
    AgentAvailable,
    AgentAway,
    CallHangUp,
    OfferAccept,
    OfferDecline,
    SessionOutcome,
)
from cloudwindow.domain.presence import State as Presence
from cloudwindow.domain.session import Session
from cloudwindow.domain.ticket import LIVE, Ticket
from cloudwindow.journey.intake import lane_of
from cloudwindow.queue import connect
from cloudwindow.records import tables
from cloudwindow.records.ledger import Ledger, Work
from cloudwindow.records.rows import from_row
from tests.journeys.town import CATALOGUE, HUADU, TIANHE, Desk, Town, Visitor, id_number, opened_town
from tests.nemesis.watcher import Waiting, Watcher

T = TypeVar("T")
PLACES = (HUADU, HUADU, HUADU, TIANHE)
ITEMS = ("HR01", "HR01", "HR01", "PS01")
PEOPLE = 6
OTHERS_STEPS = 5
"""From a closed page to a call that was hung up."""
DESKS = (("mei", HUADU), ("lan", HUADU), ("ping", TIANHE))
STILL_SECONDS = 13.0
"""Longer than a lease, and than the watch waits before it believes that the line is wrong."""
SHARED_MEMORY = Path("/dev/shm")

held_before_the_ledger: ContextVar[asyncio.Event | None] = ContextVar("held_before_the_ledger", default=None)


class SlowLedger(Ledger):
    """A ledger that a node which stands still reaches late."""

    async def write(self, work: Work[T]) -> T:
        """As ever, once this task goes on."""
        held = held_before_the_ledger.get()
        if held is not None:
            await held.wait()
        return await super().write(work)


@dataclass(slots=True)
class Still:
    """An acceptance that has not reached the ledger."""

    going_on: asyncio.Event
    task: "asyncio.Task[None]"


@dataclass(slots=True)
class Seen:
    """What the model has seen of the ledger before."""

    joined_at: dict[str, float] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    gone_at: dict[str, float] = field(default_factory=dict)


class Machine(RuleBasedStateMachine):
    """One town; ``url`` and ``migrated`` are where its line and an empty ledger are found."""

    url = ""
    migrated = Path()

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.visitors: dict[tuple[int, str], Visitor] = {}
        self.desks: list[Desk] = []
        self.still: list[Still] = []
        self.seen = Seen()
        self.watcher = Watcher(self.url)

    def do(self, work: Any) -> Any:
        """Carry ``work`` out; the house may refuse, but only in words it has."""

        async def done() -> Any:
            with suppress(CloudWindowError):
                return await work

        return self.runner.run(done())

    @initialize()
    def morning(self) -> None:
        self.runner.run(self._morning())

    async def _morning(self) -> None:
        shared = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None  # noqa: ASYNC240 - once, before all else
        folder = Path(tempfile.mkdtemp(prefix="cw-town-", dir=shared))
        self.stack.callback(shutil.rmtree, folder, ignore_errors=True)
        shutil.copy(self.migrated, folder / "ledger.db")
        client = connect(self.url)
        await client.flushall()
        await client.aclose()
        ledger = await SlowLedger.open(f"sqlite+aiosqlite:///{folder / 'ledger.db'}", commit_linger_seconds=0)
        self.stack.push_async_callback(ledger.close)
        self.town: Town = await self.stack.enter_async_context(opened_town(folder, ledger, self.url))
        for account, district in DESKS:
            self.desks.append(await self.town.desk(account, district))
        await self.desks[0].open()
        await self.desks[0].say(AgentAvailable())

    # --- citizens

    @rule(
        people=st.lists(st.integers(0, PEOPLE - 1), min_size=1, max_size=4),
        item=st.sampled_from(ITEMS),
        district=st.sampled_from(PLACES),
        mode=st.sampled_from(["video", "video", "text"]),
        presses=st.sampled_from([1, 1, 3]),
    )
    def people_come(
        self, people: list[int], item: str, district: DistrictCode, mode: str, presses: int
    ) -> None:
        for who in people:
            self.do(self._take_a_number(who, item, district, mode, presses))

    async def _take_a_number(
        self, who: int, item: str, district: DistrictCode, mode: str, presses: int
    ) -> None:
        self.town.now += 1
        street = CATALOGUE.district(district).streets[0].code
        mobile = f"1390000{who:04d}"
        typed = {"home_district": district, "home_street": street, "mode": mode}
        visitor = await self.town.visitor(item, id_number=id_number(who), mobile=mobile, **typed)
        await visitor.begin()
        await self._several(visitor, presses)
        code = self.town.code_to(mobile)
        taken = await asyncio.gather(*(visitor.take(code) for _ in range(presses)))
        assert len({one.id for one in taken}) == 1, "pressing again gives the same number"
        before = self.visitors.get((who, item))
        if before is not None and before.page is not None:
            self.town.pages.shut(before.page)
            before.page = None
        visitor.ticket, visitor.application = taken[0].id, taken[0].application
        self.visitors[who, item] = visitor
        await visitor.open()
        await self.town.settle()

    async def _several(self, visitor: Visitor, presses: int) -> None:
        """Whoever presses twice wants another item too, unless somebody waits with it already."""
        other = next(one.id for one in CATALOGUE.items if one.id != visitor.item)
        async with self.town.house.ledger.read() as conn:
            held = await conn.execute(
                select(tables.ticket_matter.c.ticket).where(
                    tables.ticket_matter.c.live_key.like(f"%/{other}")
                )
            )
        if presses > 1 and not held.all():
            await self.town.made.matters.add(await visitor.browser(), visitor.item, other)

    @rule(
        pick=st.integers(0, 99),
        what=st.sampled_from(["answer", "answer", "shut", "open", "leave", "come_back"]),
    )
    def somebody(self, pick: int, what: str) -> None:
        if self.visitors:
            self.do(self._somebody(list(self.visitors.values())[pick % len(self.visitors)], what))

    async def _somebody(self, one: Visitor, what: str) -> None:
        if what == "answer" and one.page is not None:
            await one.join()
        elif what == "shut" and one.page is not None:
            await one.shut()
        elif what == "open" and one.page is None:
            await one.open()
            await self.town.settle()
        elif what == "leave":
            await one.leave()
        elif what == "come_back":
            await self.town.made.visits.come_back(await one.browser())
            await self.town.settle()

    # --- desks

    @rule(picks=st.lists(st.integers(0, 2), min_size=1, max_size=4))
    def work_goes_on(self, picks: list[int]) -> None:
        """Some desks do what is expected of them next."""
        for pick in picks:
            self.do(self._next_step(self.desks[pick]))

    async def _next_step(self, desk: Desk) -> None:
        if desk.page is None:
            await desk.open()
            return
        view = await desk.view()
        if view.offer is not None:
            await desk.say(OfferAccept(offer=view.offer.offer))
        elif view.stage == "away":
            await desk.say(AgentAvailable())
        elif view.stage == "in_call":
            await desk.say(CallHangUp())
        elif view.stage == "wrap_up":
            for one in view.session.open_matters if view.session else ():
                with suppress(CloudWindowError):
                    await self.town.made.matters.settle(desk.staff, one.position, "consulted", "")
            await desk.say(SessionOutcome(outcome="consulted", note="", next="available"))

    @rule(pick=st.integers(0, 2), what=st.sampled_from(["decline", "away", "shut", "shut"]))
    def something_else(self, pick: int, what: Literal["decline", "away", "shut"]) -> None:
        self.do(self._something_else(self.desks[pick], what))

    async def _something_else(self, desk: Desk, what: Literal["decline", "away", "shut"]) -> None:
        if desk.page is None:
            return
        if what == "shut":
            await desk.shut()
        elif what == "away":
            await desk.say(AgentAway(reason="break"))
        elif (offer := (await desk.view()).offer) is not None:
            await desk.say(OfferDecline(offer=offer.offer, reason="other"))

    @rule()
    def a_node_stands_still(self) -> None:
        """The desk accepts; its node stops between line and ledger, its page is gone, the others go on."""
        self.do(self._stand_still())

    async def _stand_still(self) -> None:
        views = [(one, await one.view()) for one in self.desks if one.page is not None]
        found = next(((one, view.offer) for one, view in views if view.offer is not None), None)
        if found is None:
            return
        desk, offer = found
        assert desk.page is not None
        going_on = asyncio.Event()
        held = held_before_the_ledger.set(going_on)
        accepting = self.town.made.desks.heard(desk.staff, "zh-CN", OfferAccept(offer=offer.offer))
        task = asyncio.ensure_future(accepting)
        held_before_the_ledger.reset(held)
        self.still.append(Still(going_on, task))
        while (await self._state(desk)) is Presence.OFFERED and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        self.town.pages.shut(desk.page)
        desk.page = None
        await self._time_passes(STILL_SECONDS)
        for other in [one for one in self.desks if one is not desk] * OTHERS_STEPS:
            with suppress(CloudWindowError):
                await self._next_step(other)

    async def _state(self, desk: Desk) -> Presence | None:
        agents = await self.town.house.line.agents()
        return next((one.state for one in agents if one.agent == desk.staff.id), None)

    @rule()
    def a_node_goes_on(self) -> None:
        """It writes what it had in hand, and must be refused if that is stale."""
        self.do(self._go_on())

    async def _go_on(self) -> None:
        for one in self.still:
            one.going_on.set()
            with suppress(CloudWindowError):
                await one.task
        self.still.clear()
        await self.town.settle()

    # --- time and trouble

    @rule(seconds=st.sampled_from([1.0, 6.0, 8.0, 13.0, 21.0, 31.0, 65.0, 190.0]))
    def time_passes(self, seconds: float) -> None:
        self.do(self._time_passes(seconds))

    async def _time_passes(self, seconds: float) -> None:
        await self.town.pass_time(seconds)
        await self.town.sweep()
        await self.town.sweep()

    @rule()
    def the_line_is_emptied(self) -> None:
        """Redis lost everything; the line is rebuilt, and the desks make themselves available again."""
        self.do(self._empty())

    async def _empty(self) -> None:
        await self._follow()
        await self.town.redis.flushall()
        self.watcher.forget()
        self.watcher.deaf = False
        self.watcher.read = self.town._heard = "0-0"
        for one in (await self._ledger())[0].values():
            if one.state is tickets.State.WAITING:
                self.watcher.tickets[one.id] = Waiting(self._lane(one).key, _score(one))
        await self.town.sweep()
        await self._time_passes(LEASE_SECONDS)
        for desk in self.desks * 2:
            with suppress(CloudWindowError):
                await self._next_step(desk)

    @rule()
    def the_node_starts_anew(self) -> None:
        """Killed: no page says goodbye, nothing in memory is left."""
        opened: list[Visitor | Desk] = [*self.visitors.values(), *self.desks]
        for one in opened:
            if one.page is not None:
                self.town.pages.shut(one.page)
                one.page = None
        self.town.made = journey.build(self.town.house)

    # --- the promises

    @invariant()
    def promises_are_kept(self) -> None:
        if self.desks:
            self.runner.run(self._promises())

    async def _promises(self) -> None:
        await self.town.settle()
        await self._follow()
        assert not self.watcher.wrong, self.watcher.wrong
        kept, calls = await self._ledger()
        agents = await self.town.house.line.agents()
        await self._one_live_ticket()
        self._first_joining_time(kept)
        self._one_holder(kept, calls)
        self._nobody_is_believed_in_for_ever(agents)
        await self._nobody_idle_beside_somebody_waiting(kept, agents)

    async def _follow(self) -> None:
        """Read what the line has announced; a place in it must be that of the joining time."""
        fresh = await self.town.house.line.history(self.watcher.read)
        kept, _ = await self._ledger()
        for told in fresh:
            self.watcher.read = told.id
            self.watcher.take(told)
            if told.kind == "ticket.joined":
                here, score = kept[str(told.ticket)], float(told.extra["score"])
                assert abs(score - _score(here)) < 2, f"{told.ticket} stands at {score}, not {_score(here)}"

    async def _ledger(self) -> tuple[dict[str, Ticket], list[Session]]:
        async with self.town.house.ledger.read() as conn:
            found = await conn.execute(select(tables.ticket))
            kept = {row.id: from_row(Ticket, row) for row in found}
            called = await conn.execute(select(tables.session).order_by(tables.session.c.epoch))
            return kept, [from_row(Session, row) for row in called]

    async def _one_live_ticket(self) -> None:
        matter, ticket = tables.ticket_matter, tables.ticket
        query = select(ticket.c.citizen, matter.c.item).join(matter, matter.c.ticket == ticket.c.id)
        async with self.town.house.ledger.read() as conn:
            rows = await conn.execute(query.where(ticket.c.state.in_(LIVE)))
            held = [tuple(row) for row in rows]
        assert len(held) == len(set(held)), "somebody holds two live tickets for one item"

    def _first_joining_time(self, kept: dict[str, Ticket]) -> None:
        for one in kept.values():
            first = self.seen.joined_at.setdefault(one.id, one.joined_at)
            assert one.joined_at == first, f"{one.id} has another joining time"

    def _one_holder(self, kept: dict[str, Ticket], calls: list[Session]) -> None:
        for one in kept.values():
            assert one.epoch >= self.seen.epochs.get(one.id, 0), f"a stale holder has {one.id}"
            self.seen.epochs[one.id] = one.epoch
            mine = [call for call in calls if call.ticket == one.id and call.state in sessions.OPEN]
            assert len(mine) <= 1, f"{one.id} is in two calls"
            assert all(call.epoch == one.epoch for call in mine), f"{one.id} is held by a stale call"
        loads: Counter[str] = Counter()
        for call in (one for one in calls if one.state is not sessions.State.CLOSED):
            fitting = fits(loads[call.agent], kept[call.ticket].mode, FULL)
            assert fitting, f"{call.agent} holds more calls than fit"
            loads[call.agent] += WEIGHTS[kept[call.ticket].mode]

    def _nobody_is_believed_in_for_ever(self, agents: Any) -> None:
        here = {desk.staff.id: desk.page is not None for desk in self.desks}
        for one in agents:
            if here[one.agent]:
                self.seen.gone_at.pop(one.agent, None)
                continue
            gone_at = self.seen.gone_at.setdefault(one.agent, self.town.now)
            late = self.town.now - gone_at > LEASE_SECONDS + 1
            believed = one.state in {Presence.IDLE, Presence.OFFERED}
            assert not (late and believed), f"{one.agent} is gone since {gone_at} and still {one.state}"

    async def _nobody_idle_beside_somebody_waiting(
        self, kept: dict[str, Ticket], agents: Sequence[AgentPresence]
    ) -> None:
        line, now = self.town.house.line, self.town.now
        free = [one for one in agents if one.state is Presence.IDLE or _has_room(one)]
        for one in kept.values() if free else ():
            if one.state is not tickets.State.WAITING or await line.knows(TicketId(one.id)) != "waiting":
                continue
            lane, opens = self._lane(one), None
            for agent in free:
                if not agent.profile.able(lane) or self.watcher.passes.get((agent.agent, one.id), 0) > now:
                    continue
                if not fits(agent.load, one.mode, FULL):
                    continue
                opens = opens or await line.opening_seconds(lane)
                due = _score(one) / 1000 + opens[ring_of(agent.district, one.home_district)]
                assert due > now, f"{agent.agent} is idle beside {one.id}, due since {due}"

    def _lane(self, one: Ticket) -> Any:
        return lane_of(self.town.house.item_of(one.item, one.item_version), one)

    def teardown(self) -> None:
        async def evening() -> None:
            for one in self.still:
                one.task.cancel()
            await asyncio.gather(*(one.task for one in self.still), return_exceptions=True)
            await self.stack.aclose()

        self.runner.run(evening())
        self.runner.close()


def _has_room(one: AgentPresence) -> bool:
    """Whether somebody with calls may be offered a written one besides."""
    return bool(one.calls) and one.offer is None and one.present and not one.leaving and not one.pull


def _score(one: Ticket) -> float:
    return (one.joined_at - one.credit_seconds) * 1000


def explore(url: str, migrated: Path, examples: int, *phases: Phase, seed: int | None = None) -> None:
    """Live through ``examples`` days: always the same ones, unless there is a ``seed``."""
    Machine.url, Machine.migrated = url, migrated
    machine = Machine if seed is None else hypothesis.seed(seed)(Machine)
    chosen = settings(
        max_examples=examples,
        stateful_step_count=20,
        phases=phases,
        derandomize=seed is None,
        deadline=None,
        database=None,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=chosen)
