"""
Photographs of papers on their way through a call's data channel, until the web process fetches them.

The browser announces ``{"octets": n, "sha256": hex}`` and sends the photo in messages of a 4-octet offset and
its piece, in order. We say ``{"takes": n}`` when the channel opens, ``{"have": n}`` on the way, which is what
the browser waits for, and ``{"kept": hex}`` or ``{"refused": code}`` at the end. Nothing is looked into here:
the web process checks a photo as it checks an uploaded one.
"""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Final

CHANNEL: Final = "stills"
MAX_OCTETS: Final = 15 * 1024 * 1024
"""The limit of an upload."""
ALL_OCTETS: Final = 64 * 1024 * 1024
"""What all members of a worker may have on their way together."""
TOLD_EVERY: Final = 64 * 1024
KEPT_SECONDS: Final = 60.0
"""How long a photo that does not grow, or is not fetched, is kept."""
PIECE_OCTETS: Final = 64 * 1024
_HASH: Final = re.compile(r"[0-9a-f]{64}\Z")


class Budget:
    """The memory of one worker for photos, shared by its members."""

    def __init__(self, octets: int = ALL_OCTETS) -> None:
        self.left = octets

    def take(self, octets: int) -> bool:
        """Reserve; False when there is not so much left."""
        if octets > self.left:
            return False
        self.left -= octets
        return True

    def give_back(self, octets: int) -> None:
        """Free what was reserved."""
        self.left += octets


class Stills:
    """One member's photo on its way: one at a time, a new announcement takes the place of the one before."""

    def __init__(self, budget: Budget, say: Callable[[str], None]) -> None:
        self._budget, self._say = budget, say
        self._photo = bytearray()
        self._octets = 0
        self._sha256 = ""
        self._whole = False
        self._told = 0
        self._moved_at: float | None = None

    def opened(self) -> None:
        """The channel is there."""
        self._tell(takes=MAX_OCTETS)

    def heard(self, message: str | bytes) -> None:
        """Take a message of the browser's."""
        self._moved_at = None
        if isinstance(message, bytes):
            self._on_piece(message)
        else:
            self._on_announcement(message)

    def _on_announcement(self, text: str) -> None:
        self.drop()
        try:
            said = json.loads(text)
            octets, sha256 = said["octets"], said["sha256"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return self._tell(refused="malformed")
        if type(octets) is not int or octets < 1 or not isinstance(sha256, str) or not _HASH.match(sha256):
            return self._tell(refused="malformed")
        if octets > MAX_OCTETS:
            return self._tell(refused="upload_too_large")
        if not self._budget.take(octets):
            return self._tell(refused="busy")
        self._octets, self._sha256 = octets, sha256
        self._tell(have=0)
        return None

    def _on_piece(self, message: bytes) -> None:
        if not self._octets or self._whole:
            return
        if int.from_bytes(message[:4]) != len(self._photo) or len(message) <= 4:
            return self._refuse("out_of_order")
        self._photo += memoryview(message)[4:]
        have = len(self._photo)
        if have > self._octets:
            return self._refuse("upload_too_large")
        if have == self._octets:
            return self._finish()
        if have - self._told >= TOLD_EVERY:
            self._told = have
            self._tell(have=have)
        return None

    def _finish(self) -> None:
        if hashlib.sha256(self._photo).hexdigest() != self._sha256:
            return self._refuse("broken")
        self._whole = True
        return self._tell(kept=self._sha256)

    def _refuse(self, code: str) -> None:
        self.drop()
        self._tell(refused=code)

    def piece(self, sha256: str, start: int) -> tuple[int, bytes] | None:
        """
        The photo's size and its piece from ``start`` on, for who knows its hash; ``None`` if it is not here.

        With its last piece the photo is forgotten.
        """
        if not self._whole or sha256 != self._sha256 or not 0 <= start < self._octets:
            return None
        size, piece = self._octets, bytes(self._photo[start : start + PIECE_OCTETS])
        if start + len(piece) == size:
            self.drop()
        return size, piece

    def tick(self, now: float) -> None:
        """Forget what nobody comes back for."""
        if not self._octets:
            return
        if self._moved_at is None:
            self._moved_at = now
        elif now - self._moved_at > KEPT_SECONDS:
            self.drop()

    def drop(self) -> None:
        """Forget the photo and free its memory."""
        self._budget.give_back(self._octets)
        self._photo = bytearray()
        self._octets, self._told, self._sha256, self._whole = 0, 0, "", False

    def _tell(self, **said: str | int) -> None:
        self._say(json.dumps(said))
