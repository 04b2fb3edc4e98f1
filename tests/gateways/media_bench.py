"""A forwarder in this process with real members; shared by the tests of calls and of roles."""

import asyncio
from collections.abc import Callable

from aiortc.mediastreams import MediaStreamTrack

from cloudwindow.media.forwarder import Forwarder, ForwarderSettings
from cloudwindow.media.plane import MediaEvent, MediaEventKind, MemberStats
from tests.gateways.media_member import Ask, MemberEnd
from tests.pace import PATIENCE_SECONDS


class Bench:
    """A forwarder, the events it told, and the members to be cleaned up."""

    def __init__(self, settings: ForwarderSettings | None = None) -> None:
        self.events: list[MediaEvent] = []
        self._told = asyncio.Condition()
        self.forwarder = Forwarder(settings or ForwarderSettings(), self._on_event)
        self.ends: list[MemberEnd] = []

    async def _on_event(self, event: MediaEvent) -> None:
        async with self._told:
            self.events.append(event)
            self._told.notify_all()

    async def told(self, kind: MediaEventKind, member: str, *, within: float = PATIENCE_SECONDS) -> None:
        """Return when ``kind`` has been told of ``member``."""
        async with asyncio.timeout(within), self._told:
            await self._told.wait_for(
                lambda: any((event.kind, event.member) == (kind, member) for event in self.events)
            )

    def ask(self, member: str, *, role: str = "citizen", room: str = "r1", echo: bool = False) -> Ask:
        async def asked(offer: str) -> str:
            return self.forwarder.answer(room, member, role=role, offer=offer, echo=echo)

        return asked

    async def join(
        self,
        member: str,
        *,
        role: str = "citizen",
        room: str = "r1",
        echo: bool = False,
        slots: int = 1,
        sound: MediaStreamTrack | None = None,
    ) -> MemberEnd:
        end = MemberEnd(slots=slots, sound=sound)
        self.ends.append(end)
        await end.join(self.ask(member, role=role, room=room, echo=echo))
        return end

    def stats(self, member: str, room: str = "r1") -> MemberStats:
        """What the forwarder counts of one member."""
        return next(one for one in self.forwarder.stats(room).members if one.member == member)

    async def until(self, true: Callable[[], bool], *, within: float = PATIENCE_SECONDS) -> None:
        """Return when ``true`` is."""
        async with asyncio.timeout(within):
            while not true():  # noqa: ASYNC110 - a counter has no event
                await asyncio.sleep(0.01)

    async def sends_on(self, *members: str, packets: int = 20) -> None:
        """Return when each of ``members`` has sent that many further packets of sound and picture."""

        def sent() -> list[int]:
            seen = [self.stats(member) for member in members]
            return [one.audio_in.packets for one in seen] + [one.video_in.packets for one in seen]

        goal = [count + packets for count in sent()]
        await self.until(lambda: all(now >= least for now, least in zip(sent(), goal, strict=True)))

    def received(self, member: str) -> tuple[int, int]:
        """Packets of sound and picture forwarded to one member so far."""
        seen = self.stats(member)
        return seen.audio_out.packets, seen.video_out.packets

    async def finish(self) -> None:
        for end in self.ends:
            await end.leave()
        await self.forwarder.close_all()
