"""The finished recordings: read, checked, filmed and deleted; every method works beside the event loop."""

import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from cloudwindow.domain.errors import Conflict, NotFound, Unavailable
from cloudwindow.media.recorder_chain import (
    CHAIN,
    Chain,
    ChainBusy,
    Finding,
    Line,
    gone,
    is_held,
    mark_of,
    read,
    recover,
    verify,
)
from cloudwindow.media.recorder_copy import Copied, CopyOrder, copy_name
from cloudwindow.media.recorder_film import FILM, Made, Order
from cloudwindow.media.recorder_seal import SealDamaged, SealedPages

COPY_HOW: Final = (sys.executable, "-m", "cloudwindow.media.recorder_copy")
FILM_SECONDS: Final = 6 * 3600.0
"""No film takes longer; its own limits are shorter."""
WHERE: Final = "/usr/local/bin:/usr/bin:/bin"
"""Where the child looks for ffmpeg; it is told nothing else of our environment."""
CLIPS: Final = "clip-*.sealed"
"""The files of the evidence clips."""
HOW: Final = (sys.executable, "-m", "cloudwindow.media.recorder_film")


class Archive:
    """Recordings below one folder, which the media workers write to and the web nodes read."""

    def __init__(self, folder: Path, *, font: Path | None = None) -> None:
        self._folder, self._font = folder, font
        self._one = asyncio.Semaphore(1)  # one film at a time: the calls that are on come first
        self._one_copy = asyncio.Semaphore(1)

    def path(self, recording: str) -> Path:
        """Where a recording lies. Raises NotFound("unknown_recording") for what can be no name."""
        if not recording.isalnum():
            raise NotFound("unknown_recording")
        return self._folder / recording

    async def lines(self, recording: str) -> list[Line]:
        """The chain as it is, unchecked."""
        return await asyncio.to_thread(read, self.path(recording))

    async def findings(self, recording: str, *, head: str) -> list[Finding]:
        """What is wrong with a recording whose last known hash is ``head``."""
        return await asyncio.to_thread(verify, self.path(recording), head=head)

    async def mark(self, recording: str) -> str:
        """What the files look like from outside; see ``recorder_chain.mark_of``. Raises Unavailable."""
        try:
            return await asyncio.to_thread(mark_of, self.path(recording))
        except OSError as exc:
            raise Unavailable("store_unavailable") from exc

    async def finish(
        self, recording: str, *, key: bytes, reason: str, clips: Sequence[dict[str, Any]]
    ) -> Made:
        """Finish a recording, and make its film and clips, in a child process with limits; see ``Made``."""
        folder = self.path(recording)
        if not folder.is_dir():
            return Made(state="nothing_recorded")
        order = Order(
            folder=str(folder), recording=recording, key=key.hex(), reason=reason, clips=list(clips)
        )
        async with self._one:
            told = await _child(HOW, asdict(order))
        try:
            return Made(**told)
        except TypeError:
            return Made(state="failed")

    async def copy(
        self, recording: str, *, key: bytes, name: str, copy: str, words: str, about: dict[str, str]
    ) -> Copied:
        """
        Make a copy of a film or clip with ``words`` drawn into it, in a child process; see ``Copied``.

        ``no_font`` where there are no letters to draw them with: nothing leaves the house unmarked.
        """
        if self._font is None or not self._font.is_file():
            return Copied(state="no_font")
        order = CopyOrder(
            folder=str(self.path(recording)),
            recording=recording,
            key=key.hex(),
            name=name,
            copy=copy,
            words=words,
            font=str(self._font.resolve()),
            about=about,
        )
        async with self._one_copy:
            told = await _child(COPY_HOW, asdict(order))
        try:
            return Copied(**told)
        except TypeError:
            return Copied(state="failed")

    async def octets(
        self, recording: str, *, key: bytes, name: str = FILM, start: int = 0, stop: int | None = None
    ) -> tuple[int, bytes]:
        """
        The size of a film or clip and its plain octets from ``start`` up to ``stop``.

        Raises NotFound("unknown_recording"), Unavailable("file_damaged").
        """

        def work() -> tuple[int, bytes]:
            pages = SealedPages(self.path(recording) / name, recording, key)
            return pages.size, pages.read(start, pages.size if stop is None else stop)

        try:
            return await asyncio.to_thread(work)
        except SealDamaged as exc:
            raise Unavailable("file_damaged") from exc
        except OSError as exc:
            raise NotFound("unknown_recording") from exc

    async def delete(self, recording: str, *, reason: str) -> str | None:
        """
        Delete segments, film and clips; the chain stays and says it, its head is returned.

        ``None`` if there never was anything. Raises Conflict("recording_held") while it is held,
        Unavailable("store_unavailable") while it is being written or the disk does not answer.
        """
        return await self._beside(self._delete, recording, reason)

    async def reduce(self, recording: str, *, reason: str) -> tuple[str | None, int]:
        """
        Delete everything but the evidence clips; the chain's head, and the octets that are left.

        Raises as ``delete``.
        """
        head = await self._beside(self._delete, recording, reason, CLIPS)
        return head, await asyncio.to_thread(_octets_of, self.path(recording))

    async def hold(self, recording: str, *, reason: str) -> str | None:
        """
        Keep all files whatever retention says, until ``release``; the chain says it, its head is returned.

        ``None`` if there never was anything. Raises Unavailable("store_unavailable") as ``delete``.
        """
        return await self._beside(self._say, recording, "held", reason)

    async def release(self, recording: str, *, reason: str) -> str | None:
        """End a hold; safe to repeat. Returns and raises as ``hold``."""
        return await self._beside(self._say, recording, "released", reason)

    async def _beside(self, work: Callable[..., str | None], *values: str) -> str | None:
        try:
            return await asyncio.to_thread(work, *values)
        except (ChainBusy, OSError) as exc:
            raise Unavailable("store_unavailable") from exc

    def _say(self, recording: str, kind: str, reason: str) -> str | None:
        folder = self.path(recording)
        if not (folder / CHAIN).exists():
            return None
        chain = Chain(folder)
        try:
            if is_held(chain.lines) != (kind == "held"):
                chain.append(kind, reason=reason)
            return chain.head
        finally:
            chain.close()

    async def forget(self, recording: str, copy: str, *, reason: str) -> str | None:
        """Delete one marked copy; returns the chain's head. Raises as ``hold``; safe to repeat."""
        return await self._beside(self._forget, recording, copy_name(copy), reason)

    def _forget(self, recording: str, name: str, reason: str) -> str | None:
        folder = self.path(recording)
        if not (folder / name).exists():
            return None
        chain = Chain(folder)
        try:
            if name not in gone(chain.lines):
                chain.append("deleted", names=[name], reason=reason)
            (folder / name).unlink(missing_ok=True)
            return chain.head
        finally:
            chain.close()

    def _delete(self, recording: str, reason: str, but: str = "") -> str | None:
        folder = self.path(recording)
        if not (folder / CHAIN).exists():
            return None
        chain = Chain(folder)
        try:
            if is_held(chain.lines):
                raise Conflict("recording_held")
            recover(chain, reason=reason)
            stays = {CHAIN} | ({path.name for path in folder.glob(but)} if but else set())
            names = sorted(path.name for path in folder.iterdir() if path.name not in stays)
            if names:  # said before it is done: what is half deleted is not a finding
                chain.append("deleted", names=names, reason=reason)
            for name in names:
                (folder / name).unlink(missing_ok=True)
            return chain.head
        finally:
            chain.close()

    def can_film(self) -> bool:
        """Whether ffmpeg is there."""
        return shutil.which("ffmpeg", path=WHERE) is not None


def _octets_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0


async def _child(command: tuple[str, ...], order: dict[str, Any]) -> dict[str, Any]:
    """What a child answers to an order; nothing if it does not."""
    child = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={"PATH": WHERE}
    )
    try:
        async with asyncio.timeout(FILM_SECONDS):
            told, _ = await child.communicate(json.dumps(order).encode())
        answer = json.loads(told)
        return answer if isinstance(answer, dict) else {}
    except (TimeoutError, ValueError):
        return {}
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
