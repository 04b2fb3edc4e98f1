"""People without a browser before the plane on Janus: two lean legs each, and a recorded stream."""

import asyncio
from dataclasses import dataclass, field
from functools import cache
from random import Random
from time import monotonic

from benchmarks.calls.leg import Leg
from benchmarks.calls.load import End, Load
from benchmarks.calls.stream import Stream, recorded
from cloudwindow.media.plane import Invitation, MediaEvent, MediaEventKind, MediaPlane
from tests.pace import PATIENCE_SECONDS

LIMIT_SECONDS = PATIENCE_SECONDS
ROOM = "r1"


@cache
def _stream() -> Stream:
    return recorded(1)


@dataclass(slots=True)
class Person:
    """What a member's browser would hold; ``invitations`` are the offers it was sent, answered or not."""

    member: str
    sending: End
    receiving: End | None = None
    invitations: list[Invitation] = field(default_factory=list)

    @property
    def seen(self) -> End:
        """Where the others arrive."""
        assert self.receiving
        return self.receiving


class Company:
    """People at one plane; the plane's events arrive at ``on_event``."""

    def __init__(self) -> None:
        self.plane: MediaPlane | None = None
        self.people: dict[str, Person] = {}
        self.told: list[MediaEvent] = []
        self._stream = _stream()
        self._legs: list[Leg] = []
        self._news = asyncio.Condition()

    def leg(self) -> Leg:
        """Another connection, let go of at the end."""
        self._legs.append(Leg())
        return self._legs[-1]

    def offer(self) -> str:
        """An offer of somebody who will never connect."""
        return self.leg().offer("sendrecv")

    async def on_event(self, event: MediaEvent) -> None:
        """Remember, and answer an invitation as ``call.js`` would."""
        if event.invitation is not None:
            await self._accept(event.member, event.invitation)
        async with self._news:
            self.told.append(event)
            self._news.notify_all()

    async def _accept(self, member: str, invitation: Invitation) -> None:
        person = self.people[member]
        person.invitations.append(invitation)
        leg = self.leg() if invitation.fresh else person.seen.leg
        assert self.plane
        answer = leg.answer(invitation.sdp)
        await self.plane.receive(ROOM, member, number=invitation.number, answer=answer)
        if invitation.fresh:
            await leg.connect()
            person.receiving = End(leg, self._stream, sends=False, receives=True, measures=False)

    async def heard(self, kind: MediaEventKind, member: str) -> MediaEvent:
        """Wait for such an event."""

        def found() -> list[MediaEvent]:
            return [event for event in self.told if (event.kind, event.member) == (kind, member)]

        async with asyncio.timeout(LIMIT_SECONDS), self._news:
            await self._news.wait_for(found)
        return found()[-1]

    async def enter(self, member: str, role: str, *, echo: bool = False) -> Person:
        """Join and connect; a second time as a reloaded page would."""
        leg = self.leg()
        end = End(leg, self._stream, sends=True, receives=echo, measures=False)
        person = self.people[member] = Person(member, end)
        assert self.plane
        answer = await self.plane.answer(ROOM, member, role=role, offer=leg.offer("sendrecv"), echo=echo)
        leg.take(answer)
        await leg.connect()
        return person

    async def meet(self, *people: Person) -> None:
        """Return when each of them has a connection to receive on."""
        async with asyncio.timeout(LIMIT_SECONDS), self._news:
            await self._news.wait_for(lambda: all(person.receiving for person in people))

    async def close(self) -> None:
        """Let go of every leg."""
        for leg in self._legs:
            await leg.close()


def flows(sender: End, receiver: End, *, seconds: float) -> set[int]:
    """Let ``sender`` send until sound and picture arrive, at most so long; the SSRCs of what did."""
    settle(receiver)
    load = Load([sender, receiver], chance=Random(1))
    limit = monotonic() + seconds
    try:
        while monotonic() < limit and len(receiver.arrived) < 2:
            load.run(0.2)
    finally:
        load.close()
    return set(receiver.arrived)


def settle(receiver: End) -> None:
    """Read what is still on its way until nothing comes any more, and forget it."""
    load = Load([receiver], chance=Random(1))
    while load.run(0.2).received:
        continue
    load.close()
    receiver.arrived.clear()
