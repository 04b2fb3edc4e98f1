"""
The control line between web process and media worker: one JSON object per line, both ways.

First the caller sends ``{"token": …}`` and gets ``{"ok": true, "name": …}``; then calls
``{"id": n, "call": …, "values": {…}}`` are answered by ``{"id": n, "value": …}`` or
``{"id": n, "error": {"kind": …, "code": …}}`` in any order, and ``{"event": {…}}`` comes unasked.
"""

import asyncio
import json
from dataclasses import asdict
from typing import Any, Final

from cloudwindow.domain import errors
from cloudwindow.media.plane import (
    Arrangement,
    Caption,
    Captioning,
    CaptionState,
    Invitation,
    MediaEvent,
    MediaEventKind,
    MemberStats,
    Mode,
    RoomStats,
    Traffic,
)

MAX_LINE_OCTETS: Final = 128 * 1024
MAX_WAITING_OCTETS: Final = 1024 * 1024
"""Octets that may wait for a reader; a slower one is cut off."""
CALL_SECONDS: Final = 5.0

Message = dict[str, Any]

_ERRORS: Final[dict[str, type[errors.CloudWindowError]]] = {
    kind.__name__: kind for kind in (errors.BadInput, errors.Conflict, errors.NotFound, errors.Unavailable)
}


class Broken(Exception):
    """The line ended or carried something that is no message."""


class Line:
    """One connection of either side: whole messages in, whole messages out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def receive(self) -> Message:
        """Return the next message. Raises Broken when there will be none."""
        try:
            text = await self._reader.readline()
            message = json.loads(text) if text.endswith(b"\n") else None
        except (ValueError, OSError, RecursionError) as exc:
            raise Broken from exc
        if not isinstance(message, dict):
            raise Broken
        return message

    def send(self, message: Message) -> None:
        """Queue a message; a reader who lets a megabyte pile up is cut off. Raises Broken if closed."""
        if self._writer.is_closing():
            raise Broken
        self._writer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        if self._writer.transport.get_write_buffer_size() > MAX_WAITING_OCTETS:
            self._writer.transport.abort()

    def cut(self) -> None:
        """End the connection at once; the reader notices."""
        self._writer.transport.abort()

    def end(self) -> None:
        """Let what was sent arrive, and nothing after it; the reader notices."""
        self._writer.close()

    async def close(self) -> None:
        """Close; never raises."""
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


def split_address(control: str) -> tuple[str, int] | str:
    """Return the path of ``unix:/path``, or host and port of ``host:port``. Raises ValueError."""
    if control.startswith("unix:"):
        return control[len("unix:") :]
    host, separator, port = control.rpartition(":")
    if not separator or not host:
        raise ValueError(f"not a control address: {control}")
    return host.strip("[]"), int(port)


async def dial(control: str) -> Line:
    """Connect to a worker. Raises Broken."""
    place = split_address(control)
    try:
        async with asyncio.timeout(CALL_SECONDS):
            if isinstance(place, str):
                return Line(*await asyncio.open_unix_connection(place, limit=MAX_LINE_OCTETS))
            return Line(*await asyncio.open_connection(*place, limit=MAX_LINE_OCTETS))
    except (OSError, TimeoutError) as exc:
        raise Broken from exc


def error_message(error: errors.CloudWindowError) -> Message:
    """Write an error so that the other side can raise it again; unknown kinds become Unavailable."""
    kind = type(error).__name__
    return {"kind": kind if kind in _ERRORS else "Unavailable", "code": error.code}


def read_error(message: object) -> errors.CloudWindowError:
    """Read what ``error_message`` wrote; anything else is Unavailable ``media_unavailable``."""
    if isinstance(message, dict) and isinstance(code := message.get("code"), str):
        kind = _ERRORS.get(str(message.get("kind")))
        if kind is not None:
            return kind(code)
    return errors.Unavailable("media_unavailable")


def stats_message(stats: RoomStats) -> Message:
    """Write statistics as plain JSON."""
    return asdict(stats)


def read_stats(message: Message) -> RoomStats:
    """Read what ``stats_message`` wrote."""
    return RoomStats(room=message["room"], members=tuple(_member(entry) for entry in message["members"]))


def _member(entry: Message) -> MemberStats:
    kinds = ("audio_in", "audio_out", "video_in", "video_out")
    traffic = {kind: Traffic(**entry[kind]) for kind in kinds}
    return MemberStats(**entry | traffic | {"slots": tuple(entry["slots"]), "mode": Mode(entry["mode"])})


def arrangement_message(arrangement: Arrangement) -> Message:
    """Write how a room stands."""
    return {
        "hold": arrangement.hold,
        "holds": dict(arrangement.holds),
        "side_room": sorted(arrangement.side_room),
        "modes": {member: mode.value for member, mode in arrangement.modes.items()},
    }


def read_arrangement(message: object) -> Arrangement:
    """Read what ``arrangement_message`` wrote. Raises BadInput ``bad_media_call``."""
    if not isinstance(message, dict) or message.keys() != {"hold", "holds", "side_room", "modes"}:
        raise errors.BadInput("bad_media_call")
    hold, holds, side_room, modes = (message[name] for name in ("hold", "holds", "side_room", "modes"))
    if not (
        (hold is None or isinstance(hold, str))
        and _are_words(holds)
        and isinstance(side_room, list)
        and all(isinstance(member, str) for member in side_room)
        and _are_words(modes)
    ):
        raise errors.BadInput("bad_media_call")
    return Arrangement(
        hold=hold,
        holds=holds,
        side_room=frozenset(side_room),
        modes={member: read_mode(mode) for member, mode in modes.items()},
    )


def read_mode(word: str) -> Mode:
    """Read a mode. Raises BadInput ``bad_media_call``."""
    try:
        return Mode(word)
    except ValueError as exc:
        raise errors.BadInput("bad_media_call") from exc


def _are_words(found: object) -> bool:
    return isinstance(found, dict) and all(isinstance(word, str) for word in found.values())


def event_message(event: MediaEvent) -> Message:
    """Write an event."""
    said: Message = {"kind": event.kind.value, "room": event.room, "member": event.member}
    if event.reason:
        said["reason"] = event.reason
    if event.invitation is not None:
        said["invitation"] = asdict(event.invitation)
    if event.captioning is not None:
        said["captioning"] = asdict(event.captioning)
    if event.caption is not None:
        said["caption"] = asdict(event.caption)
    return {"event": said}


def read_event(message: Message) -> MediaEvent:
    """Read what ``event_message`` wrote. Raises ValueError, TypeError or KeyError."""
    event = message["event"]
    invited = event.get("invitation")
    return MediaEvent(
        kind=MediaEventKind(event["kind"]),
        room=event["room"],
        member=event["member"],
        reason=str(event.get("reason", "")),
        invitation=Invitation(**invited) if invited is not None else None,
        captioning=read_captioning(event.get("captioning")),
        caption=_read_caption(event.get("caption")),
    )


def captioning_message(captioning: Captioning) -> Message:
    """Write how a room's captions stand."""
    return asdict(captioning)


def read_captioning(message: Message | None) -> Captioning | None:
    """Read what ``captioning_message`` wrote. Raises ValueError, TypeError or KeyError."""
    if message is None:
        return None
    return Captioning(state=CaptionState(message["state"]), wanted_by=tuple(message["wanted_by"]))


def _read_caption(message: Message | None) -> Caption | None:
    return None if message is None else Caption(**message | {"readers": tuple(message["readers"])})
