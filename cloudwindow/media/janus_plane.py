"""
``MediaPlane`` on Janus' VideoRoom: rooms, rights and places are decided here, Janus moves the packets.

Each member sends on one connection and receives on another, which Janus offers. Nobody but this process
knows a room's secret, and browsers cannot speak to Janus: whom somebody receives is what ``meeting`` says.
"""

import asyncio
import hmac
import logging
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import randbits
from typing import Any, Final

from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, Unavailable
from cloudwindow.media.janus import Janus, JanusRefused, JanusSettings, Message, Told
from cloudwindow.media.janus_member import (
    ANSWER_SECONDS,
    KINDS,
    JanusMember,
    Line,
    Receiving,
    named,
    next_number,
    without_candidates,
)
from cloudwindow.media.meeting import (
    Seat,
    checked,
    hold_of,
    in_side_room,
    meets,
    mode_of,
    receives,
    seated,
    with_hold,
    with_mode,
    with_side_room,
)
from cloudwindow.media.plane import (
    Arrangement,
    EventHandler,
    Invitation,
    MediaEvent,
    MediaEventKind,
    MemberStats,
    Mode,
    RoomStats,
)
from cloudwindow.media.rights import rights_of
from cloudwindow.media.sdp import parse_offer

MAX_MEMBERS: Final = 6
PUBLISHERS: Final = 2 * MAX_MEMBERS
"""A reloaded page's new connection stands beside its old one until it is up."""
SETUP_SECONDS: Final = 15.0
AGAIN_SECONDS: Final = 1.0
"""The pause before a subscription that failed is made anew."""
DROP_ATTEMPTS: Final = 10
"""Attempts of four seconds, which is longer than a session can be claimed: then Janus ends it by itself."""
MAX_BITS_PER_SECOND: Final = 2_500_000
BAD_SDP: Final = frozenset({437, 465})
"""The VideoRoom's and the core's numbers for a session description they cannot use."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class JanusRoom:
    """One room; ``number`` and ``secret`` are Janus' and known to us alone."""

    name: str
    number: int
    secret: str
    handle: int = 0
    members: dict[str, JanusMember] = field(default_factory=dict)
    arrangement: Arrangement = field(default_factory=Arrangement)
    kept: dict[str, str] = field(default_factory=dict)
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def seats(self) -> list[Seat]:
        """The members as the rules see them."""
        return [one.seat for one in self.members.values()]

    def met_by(self, listener: JanusMember) -> list[str]:
        """Who has a place at the listener's page, in the order they joined."""
        return [
            one.member
            for one in self.members.values()
            if one is not listener
            and not one.echo
            and not listener.echo
            and meets(listener.seat, one.seat, self.arrangement)
        ]

    def flows(self, listener: JanusMember, name: str | None) -> bool:
        """Whether that member's media may reach the listener now."""
        other = self.members.get(name or "")
        return other is not None and receives(listener.seat, other.seat, self.arrangement)


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
        self._by_handle: dict[int, tuple[JanusRoom, JanusMember]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
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
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close_all(self) -> None:
        """Say goodbye to everybody, if Janus still answers; else their session there ends by itself."""
        for place in list(self.rooms.values()):
            if self.ready:
                with suppress(CloudWindowError):
                    await self.close(place.name)
            for one in place.members.values():
                self._forget(one)
                if one.receiving is not None:
                    one.receiving.settled()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
                answer = await self._offered_again(place, known, offer)
                if restarted and known.receiving is not None:
                    self._keep(self._restart(place, known))
            else:
                joined = JanusMember(member=member, role=role, offer=parsed, handle=0, feed=0, echo=echo)
                answer = await self._join(place, joined, offer)
            self._keep(self._settle(place))
        return answer

    async def receive(self, room: str, member: str, *, number: int, answer: str) -> None:
        """See ``MediaPlane.receive``."""
        place = self.rooms.get(room)
        one = place.members.get(member) if place else None
        if place is None or one is None:
            return
        async with place.busy:
            receiving = one.receiving
            if receiving is None or receiving.invited != number:
                return
            receiving.settled()
            await self._said(receiving.handle, {"request": "start"}, answer=without_candidates(answer))
            self._keep(self._settle(place))

    async def remove(self, room: str, member: str) -> None:
        """See ``MediaPlane.remove``."""
        place = self.rooms.get(room)
        one = place.members.get(member) if place else None
        if place is not None and one is not None:
            async with place.busy:
                await self._part(place, one)
            self._keep(self._settle(place))

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
        return RoomStats(room=room, members=tuple(_stats(place, one, now) for one in place.members.values()))

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
        handle = await self._attached("videoroom")
        await self._sweep(handle)
        await self._said(
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
                await self._said(handle, body)

    async def _listed(self, handle: int) -> list[int]:
        told = await self._said(handle, {"request": "list", "admin_key": self._settings.admin_key})
        rooms = told.data.get("list", [])
        return [int(one["room"]) for one in rooms if one.get("description") == self._name]

    async def numbers(self) -> list[int]:
        """Janus' numbers of the rooms that bear our name."""
        handle = await self._attached("videoroom")
        try:
            return await self._listed(handle)
        finally:
            await self._dropped(handle)

    async def _destroy(self, place: JanusRoom) -> None:
        if place.handle:
            body = {"request": "destroy", "room": place.number, "secret": place.secret}
            with suppress(Unavailable):
                await self._said(place.handle, body)
            await self._dropped(place.handle)
            place.handle = 0

    async def _join(self, place: JanusRoom, one: JanusMember, offer: str) -> str:
        """Let a new connection in beside the one it replaces."""
        one.handle = await self._attached("echotest" if one.echo else "videoroom")
        try:
            told = await (self._echo(one, offer) if one.echo else self._publish(place, one, offer))
        except CloudWindowError:
            await self._dropped(one.handle)
            raise
        before = place.members.get(one.member)
        if before is not None:
            one.before, one.places = before.handle, before.places
            self._forget(before)
            if before.before:
                await self._dropped(before.before)
            if before.receiving is not None:
                before.receiving.settled()
                await self._dropped(before.receiving.handle)
        place.members[one.member] = one
        self._by_handle[one.handle] = (place, one)
        one.setup = asyncio.get_running_loop().call_later(
            SETUP_SECONDS, lambda: self._keep(self._overdue(place, one))
        )
        return named(told.sdp, {line.mid: 0 for line in one.offer.lines}) if one.echo else told.sdp

    async def _echo(self, one: JanusMember, offer: str) -> Told:
        return await self._said(one.handle, {"audio": True, "video": True}, offer=without_candidates(offer))

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
        return await self._said(one.handle, body, offer=without_candidates(offer))

    async def _offered_again(self, place: JanusRoom, one: JanusMember, offer: str) -> str:
        body: Message = {"audio": True, "video": True} if one.echo else {"request": "configure"}
        told = await self._said(one.handle, body, offer=without_candidates(offer))
        return named(told.sdp, {line.mid: 0 for line in one.offer.lines}) if one.echo else told.sdp

    async def _part(self, place: JanusRoom, one: JanusMember) -> None:
        """Let go of a member's connections; their place may be kept for them."""
        if place.members.get(one.member) is one:
            del place.members[one.member]
            if rights_of(one.role).keeps_slot:
                place.kept[one.member] = one.role
        self._forget(one)
        await self._dropped(one.handle)
        if one.before:
            await self._dropped(one.before)
        if one.receiving is not None:
            one.receiving.settled()
            await self._dropped(one.receiving.handle)

    def _forget(self, one: JanusMember) -> None:
        self._by_handle.pop(one.handle, None)
        if one.setup is not None:
            one.setup.cancel()

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
            present = {one.member: one.role for one in place.members.values()}
            moved = []
            for one in list(place.members.values()):
                places = seated(one.places, place.met_by(one), present, place.kept)
                if places != one.places:
                    one.places = places
                    moved.append(one)
                self._note_hold(place, one)
            for one in list(place.members.values()):
                await self._serve(place, one)
        for one in moved:
            await self._tell(MediaEventKind.SLOTS, place, one)

    async def _forget_if_idle(self, place: JanusRoom) -> None:
        if place.arrangement == Arrangement() and self.rooms.get(place.name) is place:
            del self.rooms[place.name]
            await self._destroy(place)
            await self._on_event(MediaEvent(kind=MediaEventKind.CLOSED, room=place.name, member=""))

    def _note_hold(self, place: JanusRoom, one: JanusMember) -> None:
        held = hold_of(one.seat, place.arrangement) is not None
        if not held:
            one.held_since = None
        elif one.held_since is None:
            one.held_since = asyncio.get_running_loop().time()

    async def _serve(self, place: JanusRoom, one: JanusMember) -> None:
        """Bring one member's subscription up to date; one that Janus does not follow is made anew."""
        try:
            if one.receiving is None:
                await self._subscribe(place, one)
            else:
                await self._stop_what_must(place, one, one.receiving)
                if one.receiving.invited:
                    return  # one exchange at a time: the answer to it comes back here
                await self._switch(place, one, one.receiving)
                if not one.receiving.invited:
                    await self._extend(place, one, one.receiving)
                await self._start_what_may(place, one, one.receiving)
        except CloudWindowError as error:
            log.warning("a subscription is made anew: %s", error.code)
            await self._drop_receiving(one)
            asyncio.get_running_loop().call_later(AGAIN_SECONDS, lambda: self._keep(self._settle(place)))

    def _feed_at(self, place: JanusRoom, one: JanusMember, index: int) -> int:
        """The feed that a place of the page should show, 0 if nobody is there yet."""
        name = one.places[index] if index < len(one.places) else None
        other = place.members.get(name or "")
        return other.feed if other is not None and other.up else 0

    async def _subscribe(self, place: JanusRoom, one: JanusMember) -> None:
        wanted = self._missing(place, one, None)
        if one.echo or not wanted:
            return
        handle = await self._attached("videoroom")
        one.receiving = Receiving(handle)
        self._by_handle[handle] = (place, one)
        body = {
            "request": "join",
            "ptype": "subscriber",
            "room": place.number,
            "pin": place.secret,
            "autoupdate": False,
            "streams": [{"feed": feed, "send": flows} for _, feed, flows in wanted],
        }
        told = await self._said(handle, body)
        self._invite(place, one, one.receiving, told, wanted, fresh=True)

    def _missing(
        self, place: JanusRoom, one: JanusMember, receiving: Receiving | None
    ) -> list[tuple[int, int, bool]]:
        """(place, feed, flows) of the places of the page for which there are no lines."""
        return [
            (index, feed, place.flows(one, name))
            for index, name in enumerate(one.places)
            if (feed := self._feed_at(place, one, index)) and not (receiving and receiving.at(index))
        ]

    async def _extend(self, place: JanusRoom, one: JanusMember, receiving: Receiving) -> None:
        wanted = self._missing(place, one, receiving)
        if not wanted:
            return
        streams = [{"feed": feed, "send": flows} for _, feed, flows in wanted]
        told = await self._said(receiving.handle, {"request": "update", "subscribe": streams})
        self._invite(place, one, receiving, told, wanted, fresh=False)

    def _invite(
        self,
        place: JanusRoom,
        one: JanusMember,
        receiving: Receiving,
        told: Told,
        wanted: list[tuple[int, int, bool]],
        *,
        fresh: bool,
    ) -> None:
        known = {line.mid for line in receiving.lines}
        for stream in told.data.get("streams", []):
            found = next((row for row in wanted if row[1] == stream.get("feed_id")), None)
            if found is None or stream["type"] not in KINDS:
                continue
            if stream["mid"] in known:  # Janus gave a line away that another place is kept on
                raise Unavailable("media_unavailable")
            index, feed, flows = found
            receiving.lines.append(Line(stream["mid"], index, stream["type"], feed, flows))
        if told.sdp:
            self._send_invitation(place, one, receiving, told.sdp, fresh=fresh)

    def _send_invitation(
        self, place: JanusRoom, one: JanusMember, receiving: Receiving, sdp: str, *, fresh: bool
    ) -> None:
        receiving.settled()
        receiving.invited = next_number()
        receiving.overdue = asyncio.get_running_loop().call_later(
            ANSWER_SECONDS, lambda: self._keep(self._uninvite(place, one, receiving))
        )
        described = named(sdp, {line.mid: line.place for line in receiving.lines})
        invitation = Invitation(number=receiving.invited, sdp=described, fresh=fresh)
        self._keep(self._tell(MediaEventKind.INVITED, place, one, invitation))

    async def _uninvite(self, place: JanusRoom, one: JanusMember, receiving: Receiving) -> None:
        """Nobody answered: begin again with a connection of its own."""
        if one.receiving is receiving and receiving.invited and place.members.get(one.member) is one:
            async with place.busy:
                await self._drop_receiving(one)
            await self._settle(place)

    async def _restart(self, place: JanusRoom, one: JanusMember) -> None:
        """The browser looks for a new way: so does the connection it receives on."""
        async with place.busy:
            receiving = one.receiving
            if receiving is None or receiving.invited:
                return
            try:
                told = await self._said(receiving.handle, {"request": "configure", "restart": True})
            except CloudWindowError:
                await self._drop_receiving(one)
                return
            if told.sdp:
                self._send_invitation(place, one, receiving, told.sdp, fresh=False)

    async def _switch(self, place: JanusRoom, one: JanusMember, receiving: Receiving) -> None:
        """Give a place that shows another member the new feed on the lines it has."""
        streams, moved = [], []
        for line in receiving.lines:
            feed = self._feed_at(place, one, line.place)
            source = self._mid_of(place, one, line)
            if feed and feed != line.feed and source:
                streams.append({"feed": feed, "mid": source, "sub_mid": line.mid})
                moved.append((line, feed))
        if streams:
            told = await self._said(receiving.handle, {"request": "switch", "streams": streams})
            for line, feed in moved:
                line.feed = feed
            if told.sdp:  # whoever was shown there has left: Janus wakes the lines by an exchange
                self._send_invitation(place, one, receiving, told.sdp, fresh=False)

    @staticmethod
    def _mid_of(place: JanusRoom, one: JanusMember, line: Line) -> str:
        """The sender's mid of the kind of ``line``."""
        name = one.places[line.place] if line.place < len(one.places) else None
        other = place.members.get(name or "")
        lines = other.offer.lines if other is not None else ()
        return next((sent.mid for sent in lines if sent.kind == line.kind), "")

    async def _stop_what_must(self, place: JanusRoom, one: JanusMember, receiving: Receiving) -> None:
        stopped = [line for line in receiving.lines if line.flows and not self._may_flow(place, one, line)]
        await self._configure(receiving, stopped, flows=False)

    async def _start_what_may(self, place: JanusRoom, one: JanusMember, receiving: Receiving) -> None:
        begun = [line for line in receiving.lines if not line.flows and self._may_flow(place, one, line)]
        await self._configure(receiving, begun, flows=True)

    def _may_flow(self, place: JanusRoom, one: JanusMember, line: Line) -> bool:
        name = one.places[line.place] if line.place < len(one.places) else None
        return place.flows(one, name)

    async def _configure(self, receiving: Receiving, lines: list[Line], *, flows: bool) -> None:
        if not lines:
            return
        streams = [{"mid": line.mid, "send": flows} for line in lines]
        await self._said(receiving.handle, {"request": "configure", "streams": streams})
        for line in lines:
            line.flows = flows

    async def _drop_receiving(self, one: JanusMember) -> None:
        receiving, one.receiving = one.receiving, None
        if receiving is not None:
            receiving.settled()
            await self._dropped(receiving.handle)

    # --- what Janus tells ---------------------------------------------------------------------------

    def _hear(self, handle: int, message: Message) -> None:
        found = self._by_handle.get(handle)
        if found is None:
            return
        place, one = found
        kind = message.get("janus")
        if handle == one.handle:
            self._hear_sending(place, one, message)
        elif kind in {"hangup", "detached"} and one.receiving is not None:
            self._keep(self._receiving_ended(place, one, handle))

    def _hear_sending(self, place: JanusRoom, one: JanusMember, message: Message) -> None:
        match message.get("janus"):
            case "webrtcup":
                self._keep(self._came_up(place, one))
            case "hangup" | "detached":
                self._keep(self._gone(place, one))
            case "media":
                self._keep(self._heard_of(place, one, message))

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
            await self._dropped(before)

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
            await self._drop_receiving(one)
        await self._settle(place)

    def _lose_all(self) -> None:
        """Janus has forgotten us: nobody is connected any more."""
        gone = [(place, one) for place in self.rooms.values() for one in place.members.values()]
        for _, one in gone:
            self._forget(one)
            if one.receiving is not None:
                one.receiving.settled()
        self.rooms.clear()
        self._by_handle.clear()
        for place, one in gone:
            self._keep(self._tell(MediaEventKind.GONE, place, one))

    async def _tell(
        self,
        kind: MediaEventKind,
        place: JanusRoom,
        one: JanusMember,
        invitation: Invitation | None = None,
    ) -> None:
        event = MediaEvent(kind=kind, room=place.name, member=one.member, invitation=invitation)
        await self._on_event(event)

    def _keep(self, duty: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(self._quietly(duty))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _quietly(duty: Coroutine[Any, Any, None]) -> None:
        try:
            await duty
        except CloudWindowError as error:
            log.warning("Janus did not follow: %s", error.code)

    # --- asking -------------------------------------------------------------------------------------

    async def _attached(self, plugin: str) -> int:
        try:
            return await self.janus.attach(plugin)
        except JanusRefused as exc:
            raise Unavailable("media_unavailable") from exc

    async def _said(self, handle: int, body: Message, *, offer: str = "", answer: str = "") -> Told:
        """Ask. Raises BadInput ``bad_sdp`` or Unavailable ``media_unavailable``."""
        try:
            return await self.janus.ask(handle, body, offer=offer, answer=answer)
        except JanusRefused as exc:
            if exc.code in BAD_SDP and (offer or answer):
                raise BadInput("bad_sdp") from exc
            log.warning("Janus refused %s: %s", body.get("request"), exc)
            raise Unavailable("media_unavailable") from exc

    async def _dropped(self, handle: int) -> None:
        """Detach; where Janus does not answer, as soon as it does: media may flow meanwhile."""
        self._by_handle.pop(handle, None)
        try:
            await self.janus.detach(handle)
        except Unavailable:
            self._keep(self._drop_later(handle))

    async def _drop_later(self, handle: int) -> None:
        for _ in range(DROP_ATTEMPTS):
            with suppress(Unavailable):
                await self.janus.detach(handle)
                return


def _stats(place: JanusRoom, one: JanusMember, now: float) -> MemberStats:
    return MemberStats(
        member=one.member,
        role=one.role,
        connected=one.up,
        slots=tuple(name if name in place.members else None for name in one.places),
        mode=mode_of(one.seat, place.arrangement),
        held=hold_of(one.seat, place.arrangement),
        held_seconds=now - one.held_since if one.held_since is not None else None,
        in_side_room=in_side_room(one.seat, place.arrangement),
    )
