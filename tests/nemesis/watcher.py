"""
Reads the line's announcements beside the product and judges each offer by what was known at that instant.

Rule: within a lane whoever waits with the lower score is offered first, unless this very agent has passed on
them. What the watcher does not know (a line that was emptied, a rebuilt ticket) it does not judge.
"""

import asyncio
from dataclasses import dataclass, field
from math import inf

from redis.exceptions import RedisError

from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.load import calls_of
from cloudwindow.domain.match import PASS_SECONDS
from cloudwindow.queue import Announcement, Line, connect

LOOK_SECONDS = 0.2
SLACK_MS = 1.0
OUT_OF_TURN = {"picked", "preferred"}
"""An agent who chose a ticket and said why, a ticket that waited for one agent alone."""


@dataclass(slots=True)
class Waiting:
    """A ticket the watcher has seen join."""

    lane: str
    score: float
    waits: bool = True
    detached: bool = False
    held: bool = False
    served: bool = False


@dataclass(slots=True)
class Watcher:
    """Follows one line; ``wrong`` are offers that were out of turn."""

    url: str
    tickets: dict[str, Waiting] = field(default_factory=dict)
    passes: dict[tuple[str, str], float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    judged: int = 0
    deaf: bool = False
    read: str = "0-0"

    async def watch(self) -> None:
        """Until cancelled."""
        client = connect(self.url)
        line = Line(client)
        try:
            while True:
                try:
                    if not self.deaf:
                        await self._look(line)
                except (CloudWindowError, RedisError, OSError):
                    pass  # the server is away; it tells the rest when it is back
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await client.aclose()

    async def _look(self, line: Line) -> None:
        fresh = await line.history(self.read)
        if self.deaf:
            return
        for told in fresh:
            self.read = told.id
            self.take(told)

    def forget(self) -> None:
        """The line is about to be emptied: close the ears."""
        self.deaf = True
        self.tickets.clear()
        self.passes.clear()

    async def listen_again(self) -> None:
        """It has been emptied: from here on only what is new counts."""
        client = connect(self.url)
        try:
            self.read = await Line(client).latest()
            self.deaf = False
        except (CloudWindowError, RedisError, OSError):
            self.read = "0-0"
            self.deaf = False
        finally:
            await client.aclose()

    def take(self, told: Announcement) -> None:
        """Follow one announcement; whatever is not known is left alone."""
        ticket = str(told.ticket or "")
        if told.kind in {"agent.available", "agent.away", "agent.calls", "agent.signed_out"}:
            self._wrapped_up(told)
        if told.kind == "ticket.joined":
            self.tickets[ticket] = Waiting(str(told.extra["lane"]), float(told.extra["score"]))
            return
        here = self.tickets.get(ticket)
        if here is None:
            return
        if told.kind == "offer.made":
            self._judge(told, here)
            here.waits = False
        elif told.kind == "offer.declined":
            self.passes[str(told.agent), ticket] = told.at + PASS_SECONDS
        elif told.kind == "offer.returned":
            here.waits = True
            if here.served:
                self.passes[str(told.agent), ticket] = inf  # until its wrap-up is over
            here.served = False
        elif told.kind in {"ticket.detached", "ticket.attached"}:
            here.detached = told.kind == "ticket.detached"
        elif told.kind in {"ticket.held", "ticket.ready"}:
            here.held, here.waits, here.detached = told.kind == "ticket.held", True, False
        elif told.kind == "offer.accepted":
            here.detached, here.served = False, True
        elif told.kind in {"ticket.left", "ticket.expired"}:
            del self.tickets[ticket]

    def _wrapped_up(self, told: Announcement) -> None:
        """What an agent no longer wraps up may be offered to them again."""
        still = {one.ticket for one in calls_of(told.extra.get("calls", ""))}
        for agent, ticket in [one for one, until in self.passes.items() if until == inf]:
            if agent == told.agent and ticket not in still:
                del self.passes[agent, ticket]

    def _judge(self, told: Announcement, here: Waiting) -> None:
        if told.extra.get("why", {}).get("rule") in OUT_OF_TURN:
            return
        self.judged += 1
        for other, waiting in self.tickets.items():
            before = waiting.lane == here.lane and waiting.score < here.score - SLACK_MS
            if not before or not waiting.waits or waiting.detached or waiting.held:
                continue
            if self.passes.get((str(told.agent), other), 0.0) > told.at:
                continue
            self.wrong.append(
                f"order: {told.agent} was offered {told.ticket} before {other} of the same lane"
            )
