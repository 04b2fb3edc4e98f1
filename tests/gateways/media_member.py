"""A whole WebRTC end for tests: aiortc sends a moving picture and a tone, and counts what it decodes."""

import asyncio
import fractions
from collections.abc import Awaitable, Callable, Iterable

import av
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack, VideoStreamTrack

from cloudwindow.media.remote import RemoteMediaPlane
from tests.pace import PATIENCE_SECONDS

Ask = Callable[[str], Awaitable[str]]


class Picture(VideoStreamTrack):
    """A small grey picture, 20 times a second."""

    async def recv(self) -> av.VideoFrame:
        """Return the next frame when it is due."""
        timestamp, _ = await self.next_timestamp()
        frame = av.VideoFrame(width=64, height=48, format="yuv420p")
        for plane in frame.planes:
            plane.update(bytes([128]) * plane.buffer_size)
        frame.pts, frame.time_base = timestamp, fractions.Fraction(1, 90000)
        return frame


class MemberEnd:
    """One member's browser, as far as the forwarder can tell."""

    def __init__(self, *, codec: str = "", slots: int = 1, sound: MediaStreamTrack | None = None) -> None:
        """``slots`` is how many others can be received at once; ``sound`` is sent in place of the tone."""
        self.connection = RTCPeerConnection(RTCConfiguration(bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.frames = {"audio": 0, "video": 0}
        self.pictures = [0] * slots
        """Decoded pictures by slot."""
        self.errors = 0
        self._moved = asyncio.Condition()
        self._readers: list[asyncio.Task[None]] = []
        self.connection.on("track", self._on_track)
        self.connection.addTrack(sound or AudioStreamTrack())
        self.connection.addTrack(Picture())
        for _ in range(slots - 1):
            for kind in ("audio", "video"):
                self.connection.addTransceiver(kind, direction="recvonly")
        if codec:
            offered = RTCRtpSender.getCapabilities("video").codecs
            wanted = [entry for entry in offered if entry.mimeType == f"video/{codec}"]
            self.connection.getTransceivers()[1].setCodecPreferences(wanted)

    async def join(self, ask: Ask) -> str:
        """Offer, let ``ask`` bring the answer, and start; returns the answer."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        answer = await ask(self.connection.localDescription.sdp)
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        return answer

    async def sees(self, more: int = 5, *, within: float = PATIENCE_SECONDS) -> None:
        """Return when ``more`` further frames of sound and picture have been decoded."""
        goal = {kind: count + more for kind, count in self.frames.items()}
        async with asyncio.timeout(within), self._moved:
            await self._moved.wait_for(lambda: all(self.frames[kind] >= goal[kind] for kind in goal))

    async def sees_slot(self, slot: int, more: int = 5, *, within: float = PATIENCE_SECONDS) -> None:
        """Return when ``more`` further pictures have been decoded in one slot."""
        goal = self.pictures[slot] + more
        async with asyncio.timeout(within), self._moved:
            await self._moved.wait_for(lambda: self.pictures[slot] >= goal)

    async def leave(self) -> None:
        """Close everything."""
        await self.connection.close()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._readers.append(asyncio.ensure_future(self._read(track)))

    def _slot_of(self, track: MediaStreamTrack) -> int:
        lines = [line for line in self.connection.getTransceivers() if line.kind == "video"]
        return [line.receiver.track for line in lines].index(track)

    async def _read(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            async with self._moved:
                self.frames[track.kind] += 1
                if track.kind == "video":
                    self.pictures[self._slot_of(track)] += 1
                self._moved.notify_all()


CHROMIUM_OFFER = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS
m=audio 9 UDP/TLS/RTP/SAVPF 111 63
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2113937151 a6d1a1f0.local 50000 typ host generation 0
a=ice-ufrag:EsAw
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y
a=ice-options:trickle
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:- b0f0
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=ssrc:1001 cname:x
m=video 9 UDP/TLS/RTP/SAVPF 96 97 103 104
c=IN IP4 0.0.0.0
a=rtcp:9 IN IP4 0.0.0.0
a=ice-ufrag:EsAw
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y
a=ice-options:trickle
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=mid:1
a=extmap:14 urn:ietf:params:rtp-hdrext:toffset
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:13 urn:3gpp:video-orientation
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:- b0f1
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:103 H264/90000
a=rtcp-fb:103 goog-remb
a=rtcp-fb:103 transport-cc
a=rtcp-fb:103 nack
a=rtcp-fb:103 nack pli
a=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:104 rtx/90000
a=fmtp:104 apt=103
a=ssrc-group:FID 2001 2002
a=ssrc:2001 cname:x
a=ssrc:2002 cname:x
"""


def written_offer(fingerprint: str = ":".join(["AB"] * 32)) -> str:
    """Return an offer as Chromium writes it; nobody will ever connect under it."""
    return CHROMIUM_OFFER.format(fingerprint=fingerprint).replace("\n", "\r\n")


async def end_all(
    ends: Iterable[MemberEnd],
    planes: Iterable[RemoteMediaPlane],
    processes: Iterable[asyncio.subprocess.Process],
) -> None:
    """Stop everything that a test started."""
    for end in ends:
        await end.leave()
    for plane in planes:
        await plane.stop()
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.wait()
