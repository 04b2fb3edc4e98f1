"""
``MediaPlane`` on Janus' VideoRoom: rooms, rights and places are decided here, Janus moves the packets.

Each member sends on one connection and receives on another, which Janus offers. Nobody but this process
knows a room's secret, and browsers cannot speak to Janus: whom somebody receives is what ``meeting`` says.
"""

import asyncio
import hmac
from collections.abc import Callable, Collection
from contextlib import suppress
from secrets import randbits
from typing import Final

from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, Unavailable
from cloudwindow.media.janus import Janus, JanusSettings, Message, Told
from cloudwindow.media.janus_handles import Duties, Handles
from cloudwindow.media.janus_member import JanusMember, JanusRoom, named, without_candidates
from cloudwindow.media.janus_receiving import Receptions
from cloudwindow.media.meeting import Seat, checked, with_hold, with_mode, with_side_room
from cloudwindow.media.plane import (
    Arrangement,
    EventHandler,
    Invitation,
    MediaEvent,
    MediaEventKind,
    Mode,
    RoomStats,
)
from cloudwindow.media.rights import rights_of
from cloudwindow.media.sdp import parse_offer

MAX_MEMBERS: Final = 6
PUBLISHERS: Final = 2 * MAX_MEMBERS
"""A reloaded page's new connection stands beside its old one until it is up."""
SETUP_SECONDS: Final = 15.0
MAX_BITS_PER_SECOND: Final = 2_500_000


class JanusMediaPlane:
    """Every room of one Janus. ``run`` it; ``on_event`` hears of our rooms."""

    def __init__(
        self,
        settings: JanusSettings,
        on_event: EventHandler,
        *,
        name: str,
        draining: asyncio.Event | None = None,
    ) -> None:
        self.draining = draining or asyncio.Event()
        self._settings, self._on_event, self._name = settings, on_event, name
        self.rooms: dict[str, JanusRoom] = {}
        self.janus = Janus(settings, self._hear, self._lose_all)
        self._duties = Duties()
        self._handles = Handles(self.janus, self._duties)
        self._receptions = Receptions(self._handles, self._duties, invite=self._invite, settle=self._settle)
        self._swept = False

    @property
    def ready(self) -> bool:
        """Whether Janus can be asked now."""
        return self.janus.ready

    @property
    def member_count(self) -> int:
        """Members in all rooms."""
        return sum(len(room.members) for room in self.rooms.values())

    async def until_ready(self, *, within: float) -> None:
        """Return when Janus can be asked, or after so many seconds."""
        await self.janus.until_ready(within=within)

    async def run(self) -> None:
        """Keep the line to Janus until cancelled."""
        await self.janus.run()

    async def until_settled(self) -> None:
        """Return when Janus has done all that is on its way, with the browsers' answers to it."""
        await self._duties.done()

    async def close_all(self) -> None:
        """Say goodbye to everybody, if Janus still answers; else their session there ends by itself."""
        for place in list(self.rooms.values()):
            if self.ready:
                with suppress(CloudWindowError):
                    await self.close(place.name)
            for one in place.members.values():
                self._forget(one)
        await self._duties.end()

    # --- MediaPlane ---------------------------------------------------------------------------------

    async def answer(
        self,
        room: str,
        member: str,
        *,
        role: str,
        offer: str,
        echo: bool = False,
        arrangement: Arrangement | None = None,
        fallback: Arrangement | None = None,
    ) -> str:
        """See ``MediaPlane.answer``; ``fallback`` is how a room stands that is new here."""
        if not rights_of(role).sends:
            raise BadInput("unknown_role")
        parsed = parse_offer(offer)
        place = self.rooms.get(room)
        standing = arrangement if place else arrangement or fallback
        place = place or self._new_room(room)
        self._check_seat(place, member, role)
        if standing is not None:
            place.arrangement = checked(standing, [*place.seats, Seat(member, role)])
        async with place.busy:
            self.rooms[room] = place  # it may have been closed while we waited
            known = place.members.get(member)
            if known is not None and known.continues(parsed, echo=echo):
                restarted = known.offer.fragment != parsed.fragment
                known.offer = parsed
                answer = await self._offered_again(known, offer)
                if restarted:
                    await self._receptions.restart(place, known)
            else:
                joined = JanusMember(member=member, role=role, offer=parsed, handle=0, feed=0, echo=echo)
                answer = await self._join(place, joined, offer)
            self._duties.keep(self._settle(place))
        return answer

    async def receive(self, room: str, member: str, *, number: int, answer: str) -> None:
        """See ``MediaPlane.receive``."""
        place = self.rooms.get(room)
        one = place.members.get(member) if place else None
        if place is None or one is None:
            return
        async with place.busy:
            await self._receptions.take(one, number, answer)
        self._duties.keep(self._settle(place))

    async def remove(self, room: str, member: str) -> None:
        """See ``MediaPlane.remove``."""
        place = self.rooms.get(room)
        one = place.members.get(member) if place else None
        if place is not None and one is not None:
            async with place.busy:
                await self._part(place, one)
            self._duties.keep(self._settle(place))

    async def close(self, room: str) -> None:
        """See ``MediaPlane.close``."""
        place = self.rooms.pop(room, None)
        if place is None:
            return
        async with place.busy:
            for one in list(place.members.values()):
                await self._part(place, one)
            await self._destroy(place)

    async def stats(self, room: str) -> RoomStats:
        """See ``MediaPlane.stats``; of the traffic Janus' API tells nothing, so that it stays 0 here."""
        place = self.rooms.get(room)
        if place is None:
            return RoomStats(room=room)
        now = asyncio.get_running_loop().time()
        return RoomStats(room=room, members=place.stats(now))

    async def arrange(self, room: str, arrangement: Arrangement) -> None:
        """See ``MediaPlane.arrange``."""
        await self.change(room, lambda _before: arrangement)

    async def hold(self, room: str, reason: str | None, *, member: str | None = None) -> None:
        """See ``MediaPlane.hold``."""
        await self.change(room, lambda before: with_hold(before, reason, member))

    async def side_room(self, room: str, members: Collection[str]) -> None:
        """See ``MediaPlane.side_room``."""
        await self.change(room, lambda before: with_side_room(before, members))

    async def mode(self, room: str, member: str, mode: Mode) -> None:
        """See ``MediaPlane.mode``."""
        await self.change(room, lambda before: with_mode(before, member, mode))

    async def drain(self, worker: str) -> None:
        """See ``MediaPlane.drain``."""
        self.draining.set()

    async def change(self, room: str, change: Callable[[Arrangement], Arrangement]) -> Arrangement:
        """Change how a room stands and return how it stands then; nothing flows that may not on return."""
        place = self.rooms.setdefault(room, self._new_room(room))
        place.arrangement = checked(change(place.arrangement), place.seats)
        await self._settle(place)
        return place.arrangement

    # --- coming and going ---------------------------------------------------------------------------

    def _check_seat(self, place: JanusRoom, member: str, role: str) -> None:
        known = place.members.get(member)
        if known is None and len(place.members) >= MAX_MEMBERS:
            raise Conflict("room_full")
        if known is not None and known.role != role:
            raise Conflict("role_changed")

    def _new_room(self, name: str) -> JanusRoom:
        number = randbits(50) | 1
        return JanusRoom(name, number, self._secret(number))

    def _secret(self, number: int) -> str:
        """A room's secret: our next process can make it again, and nobody else."""
        return hmac.new(self._settings.admin_key.encode(), str(number).encode(), "sha256").hexdigest()

    async def _open(self, place: JanusRoom) -> None:
        """Make the room at Janus, if it is not there yet."""
        if place.handle:
            return
        handle = await self._handles.attach()
        await self._sweep(handle)
        await self._handles.ask(
            handle,
            {
                "request": "create",
                "room": place.number,
                "description": self._name,
                "secret": place.secret,
                "pin": place.secret,
                "admin_key": self._settings.admin_key,
                "is_private": True,
                "publishers": PUBLISHERS,
                "bitrate": MAX_BITS_PER_SECOND,
                "audiocodec": "opus",
                "videocodec": "vp8",
                "opus_fec": True,
            },
        )
        place.handle = handle

    async def _sweep(self, handle: int) -> None:
        """Once, end the rooms that a worker of our name left at Janus when it was killed."""
        if self._swept:
            return
        self._swept = True
        ours = {place.number for place in self.rooms.values()}
        for number in await self._listed(handle):
            if number not in ours:
                body = {"request": "destroy", "room": number, "secret": self._secret(number)}
                await self._handles.ask(handle, body)

    async def _listed(self, handle: int) -> list[int]:
        told = await self._handles.ask(handle, {"request": "list", "admin_key": self._settings.admin_key})
        rooms = told.data.get("list", [])
        return [int(one["room"]) for one in rooms if one.get("description") == self._name]

    async def numbers(self) -> list[int]:
        """Janus' numbers of the rooms that bear our name."""
        handle = await self._handles.attach()
        try:
            return await self._listed(handle)
        finally:
            await self._handles.drop(handle)

    async def _destroy(self, place: JanusRoom) -> None:
        if place.handle:
            body = {"request": "destroy", "room": place.number, "secret": place.secret}
            with suppress(Unavailable):
                await self._handles.ask(place.handle, body)
            await self._handles.drop(place.handle)
            place.handle = 0

    async def _join(self, place: JanusRoom, one: JanusMember, offer: str) -> str:
        """Let a new connection in beside the one it replaces."""
        one.handle = await self._handles.attach("echotest" if one.echo else "videoroom")
        try:
            told = await (self._echo(one, offer) if one.echo else self._publish(place, one, offer))
        except CloudWindowError:
            await self._handles.drop(one.handle)
            raise
        before = place.members.get(one.member)
        if before is not None:
            one.before, one.places = before.handle, before.places
            self._forget(before)
            if before.before:
                await self._handles.drop(before.before)
            await self._receptions.drop(before)
        place.members[one.member] = one
        self._handles.owners[one.handle] = (place, one)
        one.setup = self._duties.later(SETUP_SECONDS, lambda: self._overdue(place, one))
        return _answered(one, told)

    async def _echo(self, one: JanusMember, offer: str) -> Told:
        return await self._handles.ask(
            one.handle, {"audio": True, "video": True}, offer=without_candidates(offer)
        )

    async def _publish(self, place: JanusRoom, one: JanusMember, offer: str) -> Told:
        await self._open(place)
        one.feed = randbits(50) | 1
        body = {
            "request": "joinandconfigure",
            "ptype": "publisher",
            "room": place.number,
            "pin": place.secret,
            "id": one.feed,
        }
        return await self._handles.ask(one.handle, body, offer=without_candidates(offer))

    async def _offered_again(self, one: JanusMember, offer: str) -> str:
        body: Message = {"audio": True, "video": True} if one.echo else {"request": "configure"}
        told = await self._handles.ask(one.handle, body, offer=without_candidates(offer))
        return _answered(one, told)

    async def _part(self, place: JanusRoom, one: JanusMember) -> None:
        """Let go of a member's connections; their place may be kept for them."""
        if place.members.get(one.member) is one:
            del place.members[one.member]
            if rights_of(one.role).keeps_slot:
                place.kept[one.member] = one.role
        self._forget(one)
        await self._handles.drop(one.handle)
        if one.before:
            await self._handles.drop(one.before)
        await self._receptions.drop(one)

    def _forget(self, one: JanusMember) -> None:
        """Listen to a connection no more, and let no timer wait for it."""
        self._handles.owners.pop(one.handle, None)
        if one.setup is not None:
            one.setup.cancel()
        if one.receiving is not None:
            one.receiving.settled()

    async def _overdue(self, place: JanusRoom, one: JanusMember) -> None:
        if place.members.get(one.member) is one and not one.up:
            await self._gone(place, one)

    async def _gone(self, place: JanusRoom, one: JanusMember) -> None:
        """A member's connection ended by itself."""
        if place.members.get(one.member) is not one:
            return
        async with place.busy:
            await self._part(place, one)
        await self._tell(MediaEventKind.GONE, place, one)
        await self._settle(place)

    # --- who receives whom --------------------------------------------------------------------------

    async def _settle(self, place: JanusRoom) -> None:
        """Let Janus do what the rules say, for everybody in the room; a room that is done with is closed."""
        async with place.busy:
            if not place.members:
                await self._forget_if_idle(place)
                return
            moved = place.seat_all(asyncio.get_running_loop().time())
            present = list(place.members.values())
            for one in present:
                await self._receptions.stop(place, one)
            for one in present:
                await self._receptions.serve(place, one)
        for one in moved:
            await self._tell(MediaEventKind.SLOTS, place, one)

    async def _forget_if_idle(self, place: JanusRoom) -> None:
        if place.arrangement == Arrangement() and self.rooms.get(place.name) is place:
            del self.rooms[place.name]
            await self._destroy(place)
            await self._on_event(MediaEvent(kind=MediaEventKind.CLOSED, room=place.name, member=""))

    # --- what Janus tells ---------------------------------------------------------------------------

    def _hear(self, handle: int, message: Message) -> None:
        found = self._handles.owners.get(handle)
        if found is None:
            return
        place, one = found
        kind = message.get("janus")
        if handle == one.handle:
            self._hear_sending(place, one, message)
        elif kind in {"hangup", "detached"} and one.receiving is not None:
            self._duties.keep(self._receiving_ended(place, one, handle))

    def _hear_sending(self, place: JanusRoom, one: JanusMember, message: Message) -> None:
        match message.get("janus"):
            case "webrtcup":
                self._duties.keep(self._came_up(place, one))
            case "hangup" | "detached":
                self._duties.keep(self._gone(place, one))
            case "media":
                self._duties.keep(self._heard_of(place, one, message))

    async def _came_up(self, place: JanusRoom, one: JanusMember) -> None:
        if one.up or place.members.get(one.member) is not one:
            return
        one.up = True
        if one.setup is not None:
            one.setup.cancel()
        await self._tell(MediaEventKind.CONNECTED, place, one)
        await self._settle(place)
        if one.before:
            before, one.before = one.before, 0
            await self._handles.drop(before)

    async def _heard_of(self, place: JanusRoom, one: JanusMember, message: Message) -> None:
        mid = str(message.get("mid"))
        if message.get("receiving"):
            one.heard.add(mid)
        else:
            one.heard.discard(mid)
        if one.silent == bool(one.heard):
            one.silent = not one.heard
            kind = MediaEventKind.SILENT if one.silent else MediaEventKind.RESUMED
            await self._tell(kind, place, one)

    async def _receiving_ended(self, place: JanusRoom, one: JanusMember, handle: int) -> None:
        async with place.busy:
            if one.receiving is None or one.receiving.handle != handle:
                return
            await self._receptions.drop(one)
        await self._settle(place)

    def _lose_all(self) -> None:
        """Janus has forgotten us: nobody is connected any more."""
        gone = [(place, one) for place in self.rooms.values() for one in place.members.values()]
        for _, one in gone:
            self._forget(one)
        self.rooms.clear()
        self._handles.owners.clear()
        for place, one in gone:
            self._duties.keep(self._tell(MediaEventKind.GONE, place, one))

    # --- telling ------------------------------------------------------------------------------------

    async def _tell(self, kind: MediaEventKind, place: JanusRoom, one: JanusMember) -> None:
        await self._on_event(MediaEvent(kind=kind, room=place.name, member=one.member))

    def _invite(self, place: JanusRoom, one: JanusMember, invitation: Invitation) -> None:
        kind = MediaEventKind.INVITED
        event = MediaEvent(kind=kind, room=place.name, member=one.member, invitation=invitation)

        async def told() -> None:
            await self._on_event(event)

        self._duties.keep(told())


def _answered(one: JanusMember, told: Told) -> str:
    """Janus' answer; who tries the echo receives on it."""
    return named(told.sdp, {line.mid: 0 for line in one.offer.lines}) if one.echo else told.sdp
