"""
The paper table: photographs of papers and drawn signatures are made anew before anything keeps them.

Whatever a citizen sends is decoded in a child process that has little memory, little time and no files
(``papers_child.py``), and only the pixels come back: no location, no comment, no second file behind the
picture.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from cloudwindow.domain.errors import BadInput, TooLarge, TooOften, Unavailable

CHILD: Final = Path(__file__).with_name("papers_child.py")
ANSWER_BYTES: Final = 16 * 1024 * 1024

Task = Literal["photo", "signature"]
MAGIC: Final[dict[Task, bytes]] = {"photo": b"\xff\xd8\xff", "signature": b"\x89PNG\r\n\x1a\n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperLimits:
    """What one upload may cost; the child sets the last three on itself before it reads a byte."""

    photo_bytes: int = 15 * 1024 * 1024
    signature_bytes: int = 512 * 1024
    pixels: int = 50_000_000
    signature_pixels: int = 4_000_000
    longest_side: int = 2400
    jpeg_quality: int = 85
    signature_dark_pixels: int = 150
    seconds: float = 10
    memory_bytes: int = 512 * 1024 * 1024
    cpu_seconds: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """
    What the person who took the photograph may want to know; never a reason to refuse it.

    ``sharpness`` is the variance of the Laplacian of the grey picture at 800 pixels: text in focus gives
    hundreds, a shaken photograph less than about sixty.
    """

    sharpness: float
    blurry: bool
    dark: bool
    small: bool

    @property
    def words(self) -> tuple[str, ...]:
        """What was noticed, as the case file keeps it: of ``blurry``, ``dark``, ``small``."""
        noticed = {"blurry": self.blurry, "dark": self.dark, "small": self.small}
        return tuple(word for word, there in noticed.items() if there)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A photograph as we keep it: a JPEG without metadata, ``width`` × ``height`` pixels, upright."""

    jpeg: bytes = field(repr=False)
    width: int
    height: int
    hints: Hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A drawn signature as we keep it: black on white, a PNG without metadata."""

    png: bytes = field(repr=False)
    width: int
    height: int


class Papers:
    """Re-encodes uploads, ``children`` at a time with ``queue`` more waiting."""

    def __init__(
        self, *, limits: PaperLimits | None = None, children: int = 2, queue: int = 20, child: Path = CHILD
    ) -> None:
        self._child = child
        self._limits = limits or PaperLimits()
        self._seats = asyncio.Semaphore(children)
        self._room = children + queue
        self._inside = 0

    async def reencode(self, raw: bytes) -> Paper:
        """
        Return the photograph in ``raw`` (JPEG, PNG or WebP) upright, at most 2400 pixels long, as a JPEG.

        Raises TooLarge ``upload_too_large``, ``image_too_many_pixels``; BadInput ``not_an_image``,
        ``image_broken``; TooOften ``papers_busy``; Unavailable ``papers_unavailable``.
        """
        about, jpeg = await self._make_anew("photo", raw, self._limits.photo_bytes)
        hints = _hints(about.get("hints"))
        return Paper(jpeg=jpeg, width=about["width"], height=about["height"], hints=hints)

    async def signature_png(self, raw: bytes) -> Signature:
        """
        Return the drawn signature in ``raw`` (PNG) as black on white.

        Raises BadInput ``signature_empty`` if next to nothing was drawn, and as :meth:`reencode`.
        """
        about, png = await self._make_anew("signature", raw, self._limits.signature_bytes)
        return Signature(png=png, width=about["width"], height=about["height"])

    async def _make_anew(self, task: Task, raw: bytes, most_bytes: int) -> tuple[dict[str, Any], bytes]:
        if len(raw) > most_bytes:
            raise TooLarge("upload_too_large", values={"megabytes": round(most_bytes / 1024**2, 1)})
        async with self._turn():
            answer = await self._ask_child(task, raw)
        return self._read_answer(task, answer)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._inside >= self._room:
            raise TooOften("papers_busy", retry_after_seconds=5)
        self._inside += 1
        try:
            async with self._seats:
                yield
        finally:
            self._inside -= 1

    async def _ask_child(self, task: Task, raw: bytes) -> bytes:
        process = await self._start_child()
        try:
            async with asyncio.timeout(self._limits.seconds):
                order = json.dumps({"task": task, **asdict(self._limits)}).encode() + b"\n"
                answer = await _converse(process, order + raw)
        except TimeoutError as exc:
            raise Unavailable("papers_unavailable") from exc  # a slow machine is not a broken picture
        finally:
            if process.returncode is None:
                await _end(process)
        if process.returncode == 1:  # it never came as far as the picture: not installed, no memory
            raise Unavailable("papers_unavailable")
        return answer

    async def _start_child(self) -> asyncio.subprocess.Process:
        """``-I``: the child sees neither our environment's Python settings nor the working folder."""
        pipe = asyncio.subprocess.PIPE
        nothing = asyncio.subprocess.DEVNULL
        try:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", str(self._child)),
                stdin=pipe,
                stdout=pipe,
                stderr=nothing,
                env={},
                cwd="/",
            )
        except OSError as exc:
            raise Unavailable("papers_unavailable") from exc

    def _read_answer(self, task: Task, answer: bytes) -> tuple[dict[str, Any], bytes]:
        """Take the child at its word only as far as its shape: it has decoded hostile bytes."""
        head, _, content = answer.partition(b"\n")
        try:
            about = json.loads(head)
        except ValueError as exc:  # ended by its own limits, or broken by the picture
            raise BadInput("image_broken") from exc
        match about:
            case {"width": int(), "height": int()} if content.startswith(MAGIC[task]):
                return about, content
            case {"code": "image_too_many_pixels"}:
                raise TooLarge("image_too_many_pixels", values={"megapixels": self._limits.pixels // 10**6})
            case {"code": "not_an_image" | "signature_empty" as code}:
                raise BadInput(code)
            case _:
                raise BadInput("image_broken")


def _hints(told: object) -> Hints:
    match told:
        case {
            "sharpness": float(sharpness),
            "blurry": bool(blurry),
            "dark": bool(dark),
            "small": bool(small),
        }:
            return Hints(sharpness=sharpness, blurry=blurry, dark=dark, small=small)
        case _:
            raise BadInput("image_broken")


async def _converse(process: asyncio.subprocess.Process, order: bytes) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise Unavailable("papers_unavailable")
    answer, _ = await asyncio.gather(_read_at_most(process.stdout), _write_all(process.stdin, order))
    await process.wait()
    return answer


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _read_at_most(stream: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    left = ANSWER_BYTES
    while left > 0 and (part := await stream.read(min(left, 1 << 18))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


async def _write_all(stream: asyncio.StreamWriter, content: bytes) -> None:
    """Write and close; a child that went away says why by its answer, not by a broken pipe."""
    with suppress(BrokenPipeError, ConnectionResetError):
        stream.write(content)
        await stream.drain()
    with suppress(BrokenPipeError, ConnectionResetError):
        stream.close()
        await stream.wait_closed()
