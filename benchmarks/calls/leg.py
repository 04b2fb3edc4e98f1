"""
One peer connection of a lean end: STUN, DTLS through aiortc, SRTP, and no decoding.

It offers or answers like Chromium (VP8 with RTX, Opus, transport-wide feedback, send times) and
understands as much of the other side's SDP as it needs.
"""

import asyncio
import re
import socket
import struct
from dataclasses import dataclass
from secrets import randbits, token_hex
from time import monotonic
from typing import Any, cast

from aioice import stun
from aiortc.rtcdtlstransport import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from cloudwindow.media.dtls import Carrier
from cloudwindow.media.srtp import InPlaceCipher, PacketBuffer

HOST = "127.0.0.1"
CONNECT_SECONDS = 20.0
CHECK_SECONDS = 4.0
"""How often a running leg says that it is still there (RFC 7675)."""

AUDIO_LEVEL, SEND_TIME, WIDE, MID = 1, 2, 3, 4
"""Ids of the header extensions offered."""
OPUS, VP8, REPAIR = 111, 96, 97

_EXTENSIONS = f"""a=extmap:{SEND_TIME} http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:{WIDE} http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:{MID} urn:ietf:params:rtp-hdrext:sdes:mid"""


@dataclass(frozen=True, slots=True)
class Remote:
    """What the other side's SDP says of its transport."""

    fragment: str
    password: str
    fingerprint: tuple[str, str]
    address: tuple[str, int]
    active: bool
    """Whether it begins the DTLS handshake."""


def read_remote(sdp: str) -> Remote:
    """Read the first of everything; all lines are bundled."""

    def found(pattern: str) -> str:
        match = re.search(pattern, sdp)
        assert match, f"no {pattern} in the answer"
        return match[1]

    mark = re.search(r"a=fingerprint:(\S+) (\S+)", sdp)
    place = re.search(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", sdp, re.IGNORECASE)
    assert mark
    assert place
    return Remote(
        fragment=found(r"a=ice-ufrag:(\S+)"),
        password=found(r"a=ice-pwd:(\S+)"),
        fingerprint=(mark[1], mark[2]),
        address=(place[1], int(place[2])),
        active="a=setup:active" in sdp,
    )


class Leg:
    """One connection; ``connect`` it inside an event loop, then let ``Load`` drive it."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("", 0))
        self.fragment, self.password = token_hex(4), token_hex(12)
        self.certificate = RTCCertificate.generateCertificate()
        self.ssrcs = {"audio": randbits(31) | 1, "video": randbits(31) | 1}
        self.repair_ssrc = randbits(31) | 1
        self.rx: InPlaceCipher | None = None
        self.tx: InPlaceCipher | None = None
        self.wide_id = WIDE
        self.checked_at = 0.0
        self._remote: Remote | None = None
        self._answered = asyncio.Event()
        self._carrier = Carrier(self._send)
        self._dtls = RTCDtlsTransport(cast(Any, self._carrier), [self.certificate])
        self._inbox = PacketBuffer()

    @property
    def fingerprint(self) -> str:
        """Our certificate's, as SDP writes it."""
        mark = next(mark for mark in self.certificate.getFingerprints() if mark.algorithm == "sha-256")
        return f"{mark.algorithm} {mark.value}"

    # --- SDP ----------------------------------------------------------------------------------------

    def offer(self, direction: str) -> str:
        """An offer of one line of sound and one of picture; ``direction`` as SDP has it."""
        return self._lines(
            "offer",
            f"""m=audio 9 UDP/TLS/RTP/SAVPF {OPUS}
c=IN IP4 0.0.0.0
{self._transport("actpass")}
a=mid:0
a={direction}
a=rtcp-mux
a=extmap:{AUDIO_LEVEL} urn:ietf:params:rtp-hdrext:ssrc-audio-level
{_EXTENSIONS}
a=rtpmap:{OPUS} opus/48000/2
a=rtcp-fb:{OPUS} transport-cc
a=fmtp:{OPUS} minptime=10;useinbandfec=1
a=msid:- sound
a=ssrc:{self.ssrcs["audio"]} cname:{self.fragment}
m=video 9 UDP/TLS/RTP/SAVPF {VP8} {REPAIR}
c=IN IP4 0.0.0.0
{self._transport("actpass")}
a=mid:1
a={direction}
a=rtcp-mux
a=rtcp-rsize
{_EXTENSIONS}
a=rtpmap:{VP8} VP8/90000
a=rtcp-fb:{VP8} transport-cc
a=rtcp-fb:{VP8} ccm fir
a=rtcp-fb:{VP8} nack
a=rtcp-fb:{VP8} nack pli
a=rtpmap:{REPAIR} rtx/90000
a=fmtp:{REPAIR} apt={VP8}
a=msid:- picture
a=ssrc-group:FID {self.ssrcs["video"]} {self.repair_ssrc}
a=ssrc:{self.ssrcs["video"]} cname:{self.fragment}
a=ssrc:{self.repair_ssrc} cname:{self.fragment}
""",
        )

    def answer(self, offer: str) -> str:
        """Accept every line of a server's offer for receiving, and become the one who begins DTLS."""
        self.take(offer)
        wide = re.search(r"a=extmap:(\d+)\S* http://www.ietf.org/id/draft-holmer", offer)
        self.wide_id = int(wide[1]) if wide else 0
        kept = []
        for line in offer.replace("\r\n", "\n").split("\n"):
            if line.startswith(("v=", "o=", "s=", "t=", "a=group", "a=msid", "a=ssrc", "a=candidate")):
                continue
            if line.startswith(("a=ice-", "a=fingerprint", "a=end-of", "a=setup:")) or not line:
                continue
            kept.append("a=recvonly" if line == "a=sendonly" else line)
            if line.startswith("a=mid:"):
                kept.append(self._transport("active"))
        return self._lines("answer", "\n".join(kept) + "\n")

    def take(self, sdp: str) -> None:
        """Remember where the other side is."""
        self._remote = read_remote(sdp)

    def _transport(self, setup: str) -> str:
        return (
            f"a=ice-ufrag:{self.fragment}\na=ice-pwd:{self.password}\n"
            f"a=fingerprint:{self.fingerprint}\na=setup:{setup}\n"
            f"a=candidate:1 1 udp 2113937151 {HOST} {self.socket.getsockname()[1]} typ host"
        )

    def _lines(self, kind: str, lines: str) -> str:
        mids = " ".join(re.findall(r"a=mid:(\S+)", lines))
        head = f"v=0\no=- {randbits(40)} 1 IN IP4 {HOST}\ns=-\nt=0 0\na=group:BUNDLE {mids}\n"
        return (head + lines).replace("\n", "\r\n")

    # --- connecting ---------------------------------------------------------------------------------

    async def connect(self) -> None:
        """STUN until answered, then DTLS; afterwards both ciphers are there."""
        assert self._remote
        self.socket.connect(self._remote.address)
        loop = asyncio.get_running_loop()
        loop.add_reader(self.socket.fileno(), self._on_readable)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._reach()
                await self._shake_hands(self._remote)
        finally:
            loop.remove_reader(self.socket.fileno())

    async def _reach(self) -> None:
        while not self._answered.is_set():
            self.check(monotonic())
            try:
                async with asyncio.timeout(0.2):
                    await self._answered.wait()
            except TimeoutError:
                continue

    async def _shake_hands(self, remote: Remote) -> None:
        self._dtls._set_role("server" if remote.active else "client")
        mark = RTCDtlsFingerprint(algorithm=remote.fingerprint[0], value=remote.fingerprint[1])
        await self._dtls.start(RTCDtlsParameters(fingerprints=[mark]))
        assert self._dtls.state == "connected", "DTLS failed"
        self.rx, self.tx = InPlaceCipher(self._dtls._rx_srtp), InPlaceCipher(self._dtls._tx_srtp)

    def _on_readable(self) -> None:
        while True:
            try:
                datagram = self.socket.recv(2048)
            except OSError:
                return
            if datagram[0] < 4:
                self.on_stun(datagram)
            elif 19 < datagram[0] < 64:
                self._carrier.deliver(datagram)

    def check(self, now: float) -> None:
        """Send a binding request, which is also the consent check."""
        assert self._remote
        self.checked_at = now
        request = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.REQUEST,
            attributes={
                "USERNAME": f"{self._remote.fragment}:{self.fragment}",
                "PRIORITY": 1853824767,
                "ICE-CONTROLLING": 1,
                "USE-CANDIDATE": None,
            },
        )
        request.add_message_integrity(self._remote.password.encode())
        request.add_fingerprint()
        self._send(bytes(request))

    def on_stun(self, datagram: bytes) -> None:
        """Note an answer; answer a request."""
        if datagram[:2] == b"\x01\x01":
            self._answered.set()
        elif datagram[:2] == b"\x00\x01":
            request = stun.parse_message(datagram)
            response = stun.Message(
                message_method=stun.Method.BINDING,
                message_class=stun.Class.RESPONSE,
                transaction_id=request.transaction_id,
                attributes={"XOR-MAPPED-ADDRESS": self.socket.getpeername()},
            )
            response.add_message_integrity(self.password.encode())
            response.add_fingerprint()
            self._send(bytes(response))

    def _send(self, datagram: bytes) -> None:
        try:
            self.socket.send(datagram)
        except OSError:
            return

    async def close(self) -> None:
        """End everything."""
        self._carrier.close()
        await self._dtls.stop()
        self.socket.close()


def extension_words(at: float, wide: int, *, level: bool) -> bytes:
    """The header extensions of one packet: send time, transport-wide number, for sound its level."""
    clock = int(at * (1 << 18)) & 0xFFFFFF
    told = struct.pack(">BBHBH", SEND_TIME << 4 | 2, clock >> 16, clock & 0xFFFF, WIDE << 4 | 1, wide)
    told += struct.pack(">BB", AUDIO_LEVEL << 4, 0x90) if level else b""
    return told + bytes(-len(told) % 4)
