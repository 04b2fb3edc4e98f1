"""
One member's connection: their transport, what they send (sources), what they are sent (sinks).

The connection survives ICE restarts and re-offers; a page reload makes a new one.
"""

import asyncio
from typing import Final, Protocol

from cloudwindow.media import rtcp
from cloudwindow.media.answer import AnsweredLine, Credentials
from cloudwindow.media.congestion import Downstream, Upstream
from cloudwindow.media.dtls import SecureChannel
from cloudwindow.media.ice import MAX_ADDRESSES, Address
from cloudwindow.media.lines import Lines
from cloudwindow.media.rights import Rights
from cloudwindow.media.rtp import Packet, unwrap_retransmission
from cloudwindow.media.sctp import Association
from cloudwindow.media.sdp import Offer, fingerprints_of
from cloudwindow.media.srtp import Cipher, PacketBuffer
from cloudwindow.media.stills import CHANNEL, Budget, Stills
from cloudwindow.media.tracks import Source

SETUP_SECONDS: Final = 15.0
CONSENT_SECONDS: Final = 15.0
SILENCE_SECONDS: Final = 2.0
MAX_OCTETS_PER_SECOND: Final = 750_000
"""Six Mbit/s from one member; what is above is dropped undecrypted."""
REPORT_SECONDS: Final = 0.1
DATA_PER_SECOND, DATA_AT_ONCE = 400, 160
"""Datagrams of handshake and data channel that one member's connection looks into; a photo needs no more."""


class Office(Protocol):
    """What the worker does for a member."""

    scratch: PacketBuffer
    stills: Budget

    def send(self, datagram: memoryview | bytes, address: Address) -> None: ...
    def invite(self, remote_fragment: str, member: "Peer") -> Credentials: ...
    def forget_fragment(self, fragment: str) -> None: ...
    def watch(self, address: Address, member: "Peer") -> bool: ...
    def forget_address(self, address: Address, member: "Peer") -> None: ...
    def random_word(self) -> int: ...
    def connected(self, member: "Peer") -> None: ...
    def ended(self, member: "Peer") -> None: ...


class Peer:
    """One member's connection."""

    def __init__(
        self,
        office: Office,
        offer: Offer,
        *,
        room: str,
        member: str,
        role: str,
        rights: Rights,
        echo: bool,
        now: float,
    ) -> None:
        self.room, self.member, self.role, self.rights, self.echo = room, member, role, rights, echo
        self.origin, self.fingerprints = offer.origin, offer.fingerprints
        self.slots: list[str | None] = []
        self.asked_slots = 0
        self.reporter = office.random_word()
        self.session = office.random_word()
        self.version = 0
        self.downstream = Downstream()
        self.upstream = Upstream(self._send_wide)
        self.lines = Lines(self, rights, self.upstream, office.random_word)
        self.ready = False
        self.connected = self.silent = self.closed = False
        self.last_packet_at = -1.0
        self.refused = 0
        self._office = office
        self._address: Address | None = None
        self._addresses: dict[Address, None] = {}
        self._fragments: dict[str, None] = {}
        self._remote_fragment = ""
        self._rx: Cipher | None = None
        self._tx: Cipher | None = None
        self._joined_at = self._checked_at = now
        self._now = now
        self._allowance = MAX_OCTETS_PER_SECOND
        self._data_allowance = float(DATA_AT_ONCE)
        self._packet = Packet()
        self.stills = Stills(office.stills, self._say)
        self._association: Association | None = None
        self._channel = SecureChannel(
            fingerprints=fingerprints_of(offer),
            send=self._send_plain,
            on_up=self._on_up,
            on_down=self._on_down,
        )
        self.credentials: Credentials = self._accept_fragment(offer)

    # --- offers -------------------------------------------------------------------------------------

    def continues(self, offer: Offer) -> bool:
        """Whether ``offer`` is a re-offer of this very connection, not that of a reloaded page."""
        return (self.origin, self.fingerprints) == (offer.origin, offer.fingerprints)

    @property
    def fingerprint(self) -> tuple[str, str]:
        """Our certificate's fingerprint."""
        return self._channel.fingerprint

    def apply(self, offer: Offer, now: float) -> list[AnsweredLine]:
        """Take over the lines of an offer or re-offer and say what we answer on each."""
        self.version += 1
        self._joined_at = now if not self.connected else self._joined_at
        if offer.fragment != self._remote_fragment:
            self.credentials = self._accept_fragment(offer)
        answered = self.lines.apply(offer.lines, now)
        if self.lines.takes_data and self._association is None:
            self._open_data()
        return answered

    def _open_data(self) -> None:
        def random(count: int) -> bytes:
            words = (self._office.random_word().to_bytes(4) for _ in range(0, count, 4))
            return b"".join(words)[:count]

        self._association = Association(
            CHANNEL,
            send=self._channel.send_data,
            opened=self.stills.opened,
            heard=self.stills.heard,
            random=random,
        )
        self._channel.open_data(self._association.deliver)

    def _say(self, text: str) -> None:
        if self._association is not None:
            self._association.say(text)

    def _accept_fragment(self, offer: Offer) -> Credentials:
        """ICE restart: new credentials now; the old ones end with the first check under the new."""
        self._remote_fragment = offer.fragment
        while len(self._fragments) > 3:
            self._forget_fragment(next(iter(self._fragments)))
        mine = self._office.invite(offer.fragment, self)
        self._fragments[mine.fragment] = None
        return mine

    # --- transport ----------------------------------------------------------------------------------

    def on_check(self, fragment: str, address: Address, *, nominated: bool) -> bool:
        """A valid STUN check came from ``address``: consent goes on, and packets may come from there."""
        if address not in self._addresses and not self._office.watch(address, self):
            return False
        self._checked_at = self._now
        if address not in self._addresses:
            self._addresses[address] = None
            if len(self._addresses) > MAX_ADDRESSES:
                self._forget_address(next(kept for kept in self._addresses if kept != self._address))
        newest = fragment == self.credentials.fragment
        if newest and (nominated or self._address is None):
            self._address = address
            for old in [known for known in self._fragments if known != fragment]:
                self._forget_fragment(old)
        return True

    def _forget_fragment(self, fragment: str) -> None:
        self._fragments.pop(fragment, None)
        self._office.forget_fragment(fragment)

    def _forget_address(self, address: Address) -> None:
        self._addresses.pop(address, None)
        self._office.forget_address(address, self)

    def _on_up(self, rx: Cipher, tx: Cipher) -> None:
        self._rx, self._tx = rx, tx
        self.connected = self.ready = True
        for sink in self.lines.sinks.values():
            sink.restart(self._now)
        for source in self.lines.sources.values():
            source.want_keyframe(self._now)
        self._office.connected(self)

    def _on_down(self) -> None:
        self._office.ended(self)

    def _send_plain(self, datagram: bytes) -> None:
        if self._address is not None:
            self._office.send(datagram, self._address)

    def send_rtp(self, buffer: PacketBuffer, length: int) -> None:
        """Encrypt the packet in ``buffer`` in place and send it."""
        if self._tx is None or self._address is None:
            return
        length = self._tx.protect(buffer, length)
        if length > 0:
            self._office.send(buffer.view[:length], self._address)

    def send_rtcp(self, packet: bytes) -> None:
        """Encrypt a copy of ``packet`` and send it."""
        if self._tx is None or self._address is None:
            return
        scratch = self._office.scratch
        length = self._tx.protect_rtcp(scratch, scratch.load(packet))
        if length > 0:
            self._office.send(scratch.view[:length], self._address)

    # --- what arrives -------------------------------------------------------------------------------

    def on_datagram(self, buffer: PacketBuffer, length: int, now: float) -> None:
        """Sort a datagram from one of our validated addresses (RFC 7983)."""
        self._now = now
        self._allowance -= length
        if self._allowance < 0:
            self.refused += 1
            return
        first = buffer.octets[0]
        if 127 < first < 192:
            if 191 < buffer.octets[1] < 224:
                self._on_rtcp(buffer, length, now)
            else:
                self._on_rtp(buffer, length, now)
        elif 19 < first < 64:
            self._data_allowance -= 1
            if self._data_allowance < 0:
                self.refused += 1
                return
            self._channel.deliver(bytes(buffer.view[:length]))

    def _on_rtp(self, buffer: PacketBuffer, length: int, now: float) -> None:
        rx, packet, octets, lines = self._rx, self._packet, buffer.octets, self.lines
        if rx is None:
            return
        length = rx.unprotect(buffer, length)
        if (
            length < 0
            or not packet.parse(octets, length)
            or not packet.locate(octets, lines.wide_id, lines.mid_id)
        ):
            self.refused += 1
            return
        self.last_packet_at = now
        source = lines.sources_by_ssrc.get(packet.ssrc) or lines.learn(packet, octets)
        wide_index = -1
        if packet.wide_position:
            position = packet.wide_position
            number = octets[position] << 8 | octets[position + 1]
            wide_index = self.upstream.arrived(number, int(now * 1_000_000))
        if source is None:
            return
        if packet.ssrc == source.repair_ssrc and not self._unwrap(source, packet, octets):
            return
        source.take(packet, buffer, wide_index, now)

    def _unwrap(self, source: Source, packet: Packet, octets: bytearray) -> bool:
        original = source.repairs.get(packet.payload_type)
        if original is None or source.ssrc is None:
            return False
        length = unwrap_retransmission(octets, packet, payload_type=original, ssrc=source.ssrc)
        return (
            length > 0
            and packet.parse(octets, length)
            and packet.locate(octets, self.lines.wide_id, self.lines.mid_id)
        )

    def _on_rtcp(self, buffer: PacketBuffer, length: int, now: float) -> None:
        if self._rx is None:
            return
        length = self._rx.unprotect_rtcp(buffer, length)
        if length < 0:
            self.refused += 1
            return
        for part in rtcp.parts(bytes(buffer.view[:length])):
            self._on_part(part, now)

    def _on_part(self, part: rtcp.Part, now: float) -> None:
        if part.kind in (rtcp.SENDER_REPORT, rtcp.RECEIVER_REPORT):
            self._on_report(part, now)
        elif part.kind == rtcp.TRANSPORT_FEEDBACK and part.form == rtcp.WIDE_FEEDBACK:
            for upstream in self.downstream.judge(self, part.body[8:], int(now * 1_000_000)):
                upstream.flush(int(now * 1_000_000))
        elif part.kind == rtcp.TRANSPORT_FEEDBACK and part.form == rtcp.NACK:
            sink = self.lines.sinks_by_ssrc.get(rtcp.words_of(part.body)[1])
            if sink is not None:
                sink.repeat(rtcp.lost_numbers(part), self._office.scratch, now)
        elif part.kind == rtcp.PAYLOAD_FEEDBACK:
            self._on_payload_feedback(part, now)

    def _on_report(self, part: rtcp.Part, now: float) -> None:
        if part.kind == rtcp.SENDER_REPORT and len(part.body) >= 24:
            ssrc = rtcp.words_of(part.body)[0]
            source = self.lines.sources_by_ssrc.get(ssrc)
            if source is not None and source.ssrc == ssrc:
                source.sender_report(part.body, now)
        for block in rtcp.report_blocks(part):
            sink = self.lines.sinks_by_ssrc.get(block.ssrc)
            if sink is not None:
                sink.receiver_report(block)

    def _on_payload_feedback(self, part: rtcp.Part, now: float) -> None:
        ssrcs: list[int] = []
        if part.form == rtcp.PICTURE_LOSS:
            ssrcs = [rtcp.words_of(part.body)[1]]
        elif part.form == rtcp.FULL_REFRESH:
            ssrcs = [rtcp.words_of(part.body, place)[0] for place in range(8, min(len(part.body), 72), 8)]
        elif part.form == rtcp.APPLICATION:
            self._on_estimate(part)
        for ssrc in ssrcs:
            sink = self.lines.sinks_by_ssrc.get(ssrc)
            if sink is not None and sink.source is not None:
                sink.source.want_keyframe(now)

    def _on_estimate(self, part: rtcp.Part) -> None:
        """Pass a receiver's estimate on to senders that negotiated REMB."""
        found = rtcp.estimate(part)
        for ssrc in found[1] if found else []:
            sink = self.lines.sinks_by_ssrc.get(ssrc)
            source = sink.source if sink is not None else None
            if found and source is not None and source.ssrc is not None and source.takes_estimates:
                source.wire.send_rtcp(rtcp.estimate_report(source.wire.reporter, found[0], [source.ssrc]))

    # --- time ---------------------------------------------------------------------------------------

    def tick(self, now: float, passed: float) -> None:
        """Housekeeping about ten times a second; ``passed`` seconds since the last."""
        self._now = now
        self._allowance = min(MAX_OCTETS_PER_SECOND, self._allowance + int(passed * MAX_OCTETS_PER_SECOND))
        self._data_allowance = min(DATA_AT_ONCE, max(0.0, self._data_allowance) + passed * DATA_PER_SECOND)
        self.stills.tick(now)
        if self._association is not None:
            self._association.tick(now)
        for source in self.lines.sources.values():
            source.tick(now)
        for sink in self.lines.sinks.values():
            sink.tick()
        if now - self.upstream.flushed_at / 1e6 > REPORT_SECONDS:
            self.upstream.flush(int(now * 1_000_000))

    def overdue(self, now: float) -> bool:
        """Whether the connection never came up, or consent (RFC 7675) has ended."""
        if not self.connected:
            return now - self._joined_at > SETUP_SECONDS
        return now - self._checked_at > CONSENT_SECONDS

    def is_quiet(self, now: float) -> bool:
        """Whether a member who had been sending has sent no media packet for two seconds."""
        return self.last_packet_at >= 0 and now - self.last_packet_at > SILENCE_SECONDS

    def _send_wide(self, body: bytes) -> None:
        ssrc = next((source.ssrc for source in self.lines.sources.values() if source.ssrc is not None), 0)
        self.send_rtcp(rtcp.wide_feedback(self.reporter, ssrc, body))

    def close(self, now: float) -> asyncio.Task[None]:
        """Forget everything about this connection; the returned task says goodbye to the browser."""
        self.closed = True
        self.connected = self.ready = False
        self.lines.drop_all(now)
        self.stills.drop()
        if self._association is not None:
            self._association.end()
        for fragment in list(self._fragments):
            self._forget_fragment(fragment)
        for address in list(self._addresses):
            self._forget_address(address)
        return asyncio.create_task(self._channel.close())
