"""Photos that came through a call's data channel, fetched from the worker that holds them."""

from base64 import b64decode

from cloudwindow.domain.errors import NotFound
from cloudwindow.media.remote import RemoteMediaPlane


class RemoteStills:
    """Fetches photos through the media plane's lines."""

    def __init__(self, plane: RemoteMediaPlane) -> None:
        self._plane = plane

    async def take(self, room: str, member: str, sha256: str) -> bytes:
        """
        Return the photo that ``member`` has sent, which the worker then forgets.

        Raises NotFound ``unknown_still`` when it did not arrive, Unavailable ``media_unavailable``.
        """
        photo = bytearray()
        while True:
            asked = {"member": member, "sha256": sha256, "start": len(photo)}
            told = await self._plane.ask(room, "still", asked)
            if told is None:
                raise NotFound("unknown_still")
            photo += b64decode(told["piece"])
            if len(photo) >= told["octets"]:
                return bytes(photo)
