"""A whole WebRTC end for tests: aiortc sends a moving picture and a tone, and counts what it decodes."""

import asyncio
import fractions
from collections.abc import Awaitable, Callable

import av
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack, VideoStreamTrack

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

    def __init__(self) -> None:
        self.connection = RTCPeerConnection()
        self.frames = {"audio": 0, "video": 0}
        self.errors = 0
        self._moved = asyncio.Condition()
        self._readers: list[asyncio.Task[None]] = []
        self.connection.on("track", self._on_track)
        self.connection.addTrack(AudioStreamTrack())
        self.connection.addTrack(Picture())

    async def join(self, ask: Ask) -> str:
        """Offer, let ``ask`` bring the answer, and start; returns the answer."""
        await self.connection.setLocalDescription(await self.connection.createOffer())
        answer = await ask(self.connection.localDescription.sdp)
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        return answer

    async def sees(self, more: int = 5, *, within: float = 10) -> None:
        """Return when ``more`` further frames of sound and picture have been decoded."""
        goal = {kind: count + more for kind, count in self.frames.items()}
        async with asyncio.timeout(within), self._moved:
            await self._moved.wait_for(lambda: all(self.frames[kind] >= goal[kind] for kind in goal))

    async def leave(self) -> None:
        """Close everything."""
        await self.connection.close()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._readers.append(asyncio.ensure_future(self._read(track)))

    async def _read(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            async with self._moved:
                self.frames[track.kind] += 1
                self._moved.notify_all()
