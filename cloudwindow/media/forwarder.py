"""
The forwarder: one UDP socket, many rooms, no decoding.

Everything happens in one event loop: reading is a loop over ``recvfrom_into`` on one buffer until the
socket is empty. A datagram from an address that never passed a STUN check is looked at as a STUN check
and otherwise dropped; nothing of it is kept.
"""

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from secrets import randbits, token_bytes
from typing import Final

from cloudwindow.domain.errors import Conflict
from cloudwindow.media.answer import Answer, Credentials, write_answer
from cloudwindow.media.ice import Address, CheckList
from cloudwindow.media.meeting import Seat, checked
from cloudwindow.media.peer import Peer
from cloudwindow.media.plane import Arrangement, EventHandler, MediaEvent, MediaEventKind, RoomStats
from cloudwindow.media.rights import rights_of
from cloudwindow.media.room import Room
from cloudwindow.media.sdp import Offer, parse_offer
from cloudwindow.media.srtp import MAX_PACKET_OCTETS, PacketBuffer
from cloudwindow.media.stills import Budget
from cloudwindow.media.tap import Tap

READS_PER_WAKE: Final = 128
TICK_SECONDS: Final = 0.1
GATHER_SECONDS: Final = 0.0025
"""Under load packets are gathered this long before they are read: waking up costs more than a packet."""
GATHER_FROM, GATHER_TO = 1_000, 15_000
"""Packets per second between which they are gathered; above, each wake-up finds many anyway."""
SOCKET_OCTETS: Final = 4 * 1024 * 1024
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
"""socket(7): beyond ``net.core.rmem_max``, for a process that may; the others keep what it allows."""
EMPTY_ROOM_SECONDS: Final = 600.0
"""How long a room nobody is in is remembered, if there is anything to remember."""

Change = Callable[[Arrangement], Arrangement]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwarderSettings:
    """Where the forwarder listens, and the addresses browsers are told (literal IPs, best first)."""

    udp_host: str = "127.0.0.1"
    udp_port: int = 0
    advertised_hosts: tuple[str, ...] = ("127.0.0.1",)
    max_members_per_room: int = 6


class Forwarder:
    """All rooms of one worker. Create it inside a running event loop, ``close_all`` it at the end."""

    def __init__(
        self,
        settings: ForwarderSettings,
        on_event: EventHandler,
        *,
        draining: asyncio.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.draining = draining or asyncio.Event()
        """Set: no new rooms are placed here, and whoever runs the forwarder ends it when it is empty."""
        self.rooms: dict[str, Room] = {}
        self.scratch = PacketBuffer()
        self.stills = Budget()
        self.stray = 0
        """Datagrams dropped because their address never passed a check."""
        self.unsent = 0
        self.parted = 0
        """Connections that have ended."""
        self.received = 0
        self._settings, self._on_event, self._clock = settings, on_event, clock
        self._checks = CheckList(token_bytes)
        self._by_address: dict[Address, Peer] = {}
        self._buffer = PacketBuffer()
        self._window = self._buffer.view[: MAX_PACKET_OCTETS + 1]
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._socket = _open_socket(settings)
        self.port: int = self._socket.getsockname()[1]
        self._ending = False
        self._gathering: asyncio.TimerHandle | None = None
        self._counted = 0
        self._loop.add_reader(self._socket.fileno(), self.read_waiting)
        self._ticked_at = clock()
        self._timer = self._loop.call_later(TICK_SECONDS, self._tick)

    # --- what the control side asks -----------------------------------------------------------------

    def answer(
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
        """Let a member in, or renegotiate; see ``MediaPlane.answer``. ``fallback`` is for a new room only."""
        rights = rights_of(role)
        parsed = parse_offer(offer)
        now = self._clock()
        place = self.rooms.get(room)
        standing = arrangement if place else arrangement or fallback
        place = place or Room(room)
        known = self._admit(place, member, role)
        if standing is not None:
            place.arrange(checked(standing, [*place.seats(), Seat(member, role)]), now)
        if known is not None and not (known.continues(parsed) and known.echo == echo):
            self._part(known, now)
            known = None
        peer = known or Peer(
            self, parsed, room=room, member=member, role=role, rights=rights, echo=echo, now=now
        )
        self.rooms[room] = place
        place.members[member] = peer
        place.emptied_at = None
        return self._write(peer, parsed, place, now)

    def _admit(self, place: Room, member: str, role: str) -> Peer | None:
        """Return the member if they are in the room. Raises Conflict ``room_full`` or ``role_changed``."""
        known = place.members.get(member)
        if known is None and len(place.members) >= self._settings.max_members_per_room:
            raise Conflict("room_full")
        if known is not None and known.role != role:
            raise Conflict("role_changed")
        return known

    def _write(self, peer: Peer, offer: Offer, place: Room, now: float) -> str:
        lines = peer.apply(offer, now)
        self._arrange(place, now)
        return write_answer(
            Answer(
                session=peer.session,
                version=peer.version,
                hosts=self._settings.advertised_hosts,
                port=self.port,
                credentials=peer.credentials,
                fingerprint=peer.fingerprint,
                lines=lines,
            )
        )

    def remove(self, room: str, member: str) -> None:
        """End a member's connection; nothing happens for a stranger."""
        place = self.rooms.get(room)
        peer = place.leave(member) if place else None
        if place is not None and peer is not None:
            self._part(peer, self._clock())
            self._arrange(place, self._clock())

    def close(self, room: str) -> None:
        """Remove everybody from a room and forget how it stood; taps stay until they are detached."""
        place = self.rooms.get(room)
        if place is None:
            return
        now = self._clock()
        for member in list(place.members):
            peer = place.leave(member)
            if peer is not None:
                self._part(peer, now)
        place.arrange(Arrangement(), now)
        self._arrange(place, now)

    def arrange(self, room: str, change: Change) -> Arrangement:
        """Change how a room stands and return how it stands then; see ``MediaPlane.arrange``."""
        place = self.rooms.get(room) or Room(room)
        now = self._clock()
        place.arrange(checked(change(place.arrangement), place.seats()), now)
        if not place.members and place.emptied_at is None:
            place.emptied_at = now
        self.rooms[room] = place
        self._arrange(place, now)
        return place.arrangement

    def attach_tap(self, room: str, tap: Tap) -> None:
        """Hand what members of ``room`` send to ``tap``, also members and rooms that come later."""
        place = self.rooms.setdefault(room, Room(room))
        place.attach_tap(tap, self._clock())

    def detach_tap(self, room: str, tap: Tap) -> None:
        """Hand nothing more to ``tap``; does nothing for one that is not attached."""
        place = self.rooms.get(room)
        if place is not None:
            place.detach_tap(tap, self._clock())
            self._forget_if_idle(place)

    def attach_ear(self, room: str, tap: Tap) -> None:
        """Hand the sound of ``room`` to ``tap``, see ``Room.attach_ear``; a room must be there."""
        place = self.rooms.get(room)
        if place is not None:
            place.attach_ear(tap, self._clock())

    def detach_ear(self, room: str, tap: Tap) -> None:
        """Hand nothing more to ``tap``; does nothing for one that is not attached."""
        place = self.rooms.get(room)
        if place is not None:
            place.detach_ear(tap, self._clock())

    def hearers(self, room: str, member: str) -> tuple[str, ...]:
        """Who hears ``member`` now."""
        place = self.rooms.get(room)
        return place.hearers(member) if place else ()

    def role_of(self, room: str, member: str) -> str | None:
        """The role of a member who is in ``room``, else ``None``."""
        place = self.rooms.get(room)
        peer = place.members.get(member) if place else None
        return peer.role if peer else None

    def stats(self, room: str) -> RoomStats:
        """Count what flows in a room."""
        place = self.rooms.get(room)
        return place.stats(self._clock()) if place else RoomStats(room=room)

    def still(self, room: str, member: str, sha256: str, start: int) -> tuple[int, bytes] | None:
        """Give a piece of the photo that ``member`` has sent; see ``Stills.piece``."""
        place = self.rooms.get(room)
        peer = place.members.get(member) if place else None
        return peer.stills.piece(sha256, start) if peer else None

    def drain(self) -> None:
        """Ask for the end, once nobody is here; calls that are on go on."""
        self.draining.set()

    @property
    def member_count(self) -> int:
        """Members in all rooms."""
        return sum(len(room.members) for room in self.rooms.values())

    async def close_all(self) -> None:
        """Say goodbye to everybody and give the socket back; all are told as gone, no room as closed."""
        self._ending = True
        self._timer.cancel()
        if self._gathering is not None:
            self._gathering.cancel()
        for room, place in list(self.rooms.items()):
            for peer in place.members.values():
                self._tell(MediaEventKind.GONE, peer)
            self.close(room)
        self._loop.remove_reader(self._socket.fileno())
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._socket.close()

    # --- what members ask (Office) ------------------------------------------------------------------

    def send(self, datagram: memoryview | bytes, address: Address) -> None:
        """Send now or never: a full socket loses the packet, as the network would."""
        try:
            self._socket.sendto(datagram, address)
        except OSError:
            self.unsent += 1

    def invite(self, remote_fragment: str, member: Peer) -> Credentials:
        """Make ICE credentials for a member."""
        return self._checks.invite(remote_fragment, member)

    def forget_fragment(self, fragment: str) -> None:
        """Refuse checks under an old user fragment."""
        self._checks.forget(fragment)

    def watch(self, address: Address, member: Peer) -> bool:
        """Accept packets from a validated address as this member's; nobody can take another's address."""
        return self._by_address.setdefault(address, member) is member

    def forget_address(self, address: Address, member: Peer) -> None:
        """Drop packets from ``address`` again."""
        if self._by_address.get(address) is member:
            del self._by_address[address]

    def random_word(self) -> int:
        """Return 31 random bits, never 0: an SSRC or a session number."""
        return randbits(31) | 1

    def connected(self, member: Peer) -> None:
        """A member's transport is up."""
        self._arrange(self.rooms[member.room], self._clock())
        self._tell(MediaEventKind.CONNECTED, member)

    def ended(self, member: Peer) -> None:
        """A member's transport has ended by itself."""
        place = self.rooms.get(member.room)
        if place is not None and place.members.get(member.member) is member:
            self._tell(MediaEventKind.GONE, member)
            self.remove(member.room, member.member)

    # --- rooms --------------------------------------------------------------------------------------

    def _part(self, peer: Peer, now: float) -> None:
        self.parted += 1
        self._keep(peer.close(now))

    def _arrange(self, place: Room, now: float) -> None:
        if not place.members:
            self._empty(place, now)
            return
        asked = place.connect(now)
        for peer in asked.renegotiate:
            self._tell(MediaEventKind.RENEGOTIATE, peer)
        for peer in asked.slots:
            self._tell(MediaEventKind.SLOTS, peer)
        place.choose_leaders()

    def _empty(self, place: Room, now: float) -> None:
        if place.emptied_at is None:
            place.emptied_at = now
            place.mark_closed(now)
        self._forget_if_idle(place)

    def _forget_if_idle(self, place: Room) -> None:
        if place.idle:
            self._forget(place)

    def _forget(self, place: Room) -> None:
        if self.rooms.get(place.name) is place:
            del self.rooms[place.name]
            self._keep(asyncio.ensure_future(self._say_closed(place.name)))

    async def _say_closed(self, room: str) -> None:
        if room not in self.rooms and not self._ending:  # nobody was quicker to open it again
            await self._on_event(MediaEvent(kind=MediaEventKind.CLOSED, room=room, member=""))

    def _forget_if_left(self, place: Room, now: float) -> None:
        """A room nobody came back to is forgotten, unless it is tapped."""
        if place.emptied_at is not None and now - place.emptied_at > EMPTY_ROOM_SECONDS and not place.taps:
            self._forget(place)

    def _tell(self, kind: MediaEventKind, peer: Peer) -> None:
        async def deliver() -> None:
            await self._on_event(MediaEvent(kind=kind, room=peer.room, member=peer.member))

        self._keep(asyncio.ensure_future(deliver()))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- the socket ---------------------------------------------------------------------------------

    def read_waiting(self) -> bool:
        """
        Read what has arrived, at most 128 datagrams at a time, so that nothing else starves.

        Returns whether there may be more.
        """
        receive, window, peers, buffer = (
            self._socket.recvfrom_into,
            self._window,
            self._by_address,
            self._buffer,
        )
        now = self._clock()
        for _ in range(READS_PER_WAKE):
            try:
                length, address = receive(window)
            except OSError:
                return False
            if not 0 < length <= MAX_PACKET_OCTETS:
                continue
            self.received += 1
            peer = peers.get(address)
            if buffer.octets[0] < 4:
                self._on_check(bytes(buffer.view[:length]), address)
            elif peer is not None:
                peer.on_datagram(buffer, length, now)
            else:
                self.stray += 1
        return True

    def _on_check(self, datagram: bytes, address: Address) -> None:
        response = self._checks.answer(datagram, address)
        if response is None:
            self.stray += 1
        else:
            self.send(response, address)

    def _gather(self) -> None:
        pause = 0.0 if self.read_waiting() else GATHER_SECONDS
        self._gathering = self._loop.call_later(pause, self._gather)

    def _choose_reading(self) -> None:
        """Gather packets while it saves wake-ups and no queue can fill meanwhile."""
        count, self._counted = self.received - self._counted, self.received
        many = GATHER_FROM * TICK_SECONDS < count < GATHER_TO * TICK_SECONDS
        if many and self._gathering is None:
            self._loop.remove_reader(self._socket.fileno())
            self._gathering = self._loop.call_later(GATHER_SECONDS, self._gather)
        elif not many and self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
            self._loop.add_reader(self._socket.fileno(), self.read_waiting)

    def _tick(self) -> None:
        self._choose_reading()
        self.look_round()
        self._timer = self._loop.call_later(TICK_SECONDS, self._tick)

    def look_round(self) -> None:
        """Do what is due now: repeats, reports, silences, deadlines; the forwarder does it by itself."""
        now = self._clock()
        passed, self._ticked_at = now - self._ticked_at, now
        for room in list(self.rooms.values()):
            for peer in list(room.members.values()):
                self._look_after(peer, now, passed)
            room.choose_leaders()
            self._forget_if_left(room, now)

    def _look_after(self, peer: Peer, now: float, passed: float) -> None:
        peer.tick(now, passed)
        if peer.overdue(now):
            self.ended(peer)
        elif peer.is_quiet(now) != peer.silent:
            peer.silent = not peer.silent
            self._tell(MediaEventKind.SILENT if peer.silent else MediaEventKind.RESUMED, peer)


def _open_socket(settings: ForwarderSettings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.udp_host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.setblocking(False)
    if family == socket.AF_INET6:
        with suppress(OSError):  # ``::`` hears both families on the one port
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    for plain, forced in ((socket.SO_RCVBUF, SO_RCVBUFFORCE), (socket.SO_SNDBUF, SO_SNDBUFFORCE)):
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, plain, SOCKET_OCTETS)
            opened.setsockopt(socket.SOL_SOCKET, forced, SOCKET_OCTETS)
    try:
        opened.bind((settings.udp_host, settings.udp_port))
    except OSError:
        opened.close()
        raise
    return opened
