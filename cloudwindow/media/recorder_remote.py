"""The recorder as the web process asks for it, through the media plane's lines."""

from dataclasses import dataclass
from typing import Any

from cloudwindow.domain.errors import Unavailable
from cloudwindow.media.remote import RemoteMediaPlane


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStatus:
    """How a recording stands at its worker; ``head`` is the last hash of its chain."""

    recording: str
    running: bool
    paused: str
    head: str
    octets: int


class RemoteRecorder:
    """Records rooms on the workers that hold them. Every call raises Unavailable ``media_unavailable``."""

    def __init__(self, plane: RemoteMediaPlane) -> None:
        self._plane = plane

    async def start(self, room: str, *, recording: str, key: bytes, now: float) -> None:
        """
        Record ``room`` from now on; safe to repeat.

        Raises BadInput ``recording_unavailable``, Conflict ``recording_running``, and Unavailable also when
        no worker holds the room.
        """
        if self._plane.worker_of(room) is None:
            raise Unavailable("media_unavailable")
        order: dict[str, Any] = {"recording": recording, "key": key.hex(), "began_at": now}
        await self._plane.ask(room, "record", order)

    async def pause(self, room: str, reason: str) -> None:
        """Write nothing of ``room`` for now."""
        await self._plane.ask(room, "pause_recording", {"reason": reason})

    async def resume(self, room: str) -> None:
        """Go on."""
        await self._plane.ask(room, "resume_recording", {})

    async def stop(self, room: str) -> None:
        """End the recording."""
        await self._plane.ask(room, "stop_recording", {})

    async def status(self, room: str) -> RecorderStatus | None:
        """How it stands; None when the room is not recorded, or on no worker."""
        told = await self._plane.ask(room, "recording", {})
        return RecorderStatus(**told) if told else None
