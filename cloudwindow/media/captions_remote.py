"""Captions as the web process asks for them, through the media plane's lines."""

from typing import Any

from cloudwindow.domain.errors import Unavailable
from cloudwindow.media.plane import Captioning
from cloudwindow.media.remote import RemoteMediaPlane
from cloudwindow.media.wire import read_captioning


class RemoteCaptions:
    """Switches captions at the workers; ``languages`` are those with an engine, as far as this node knows."""

    def __init__(self, plane: RemoteMediaPlane, languages: frozenset[str]) -> None:
        self._plane = plane
        self.languages = languages

    async def switch(self, room: str, member: str, language: str, *, on: bool) -> Captioning:
        """
        ``member`` wants the words of ``room`` written along, or wants it no more.

        Raises as ``Captions.want``, and Unavailable ``media_unavailable`` also when no worker holds the room.
        """
        values: dict[str, Any] = {"member": member, "language": language}
        told = await self._plane.ask(room, "caption" if on else "caption_no_more", values)
        captioning = read_captioning(told)
        if captioning is None:
            raise Unavailable("media_unavailable")
        return captioning
