"""
Notices and certificates as PDF.

The same notice always gives the same bytes, so that the hash kept at the moment of issue can be checked for
ever. Printing takes most of a second of a core: :class:`Press` does it in a process of its own.
"""

import asyncio
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from cloudwindow.domain.errors import Conflict, Unavailable
from cloudwindow.domain.notice import Kind, Notice, missing
from cloudwindow.notices import phrases
from cloudwindow.notices.certificate import Certificate, draw_border
from cloudwindow.notices.letter import Letter
from cloudwindow.notices.sheet import RED, TINY, Fonts, Passage, Sheet, Type
from cloudwindow.notices.words import words
from cloudwindow.parent import end_with_or_now

__all__ = ["Fonts", "Press", "render"]


def render(
    notice: Notice, *, language: str, verify_url: str, fonts: Fonts, photo: bytes | None = None
) -> bytes:
    """
    Return the notice as PDF, ``language`` (``zh…`` or ``en…``) first and the other one second.

    ``verify_url`` is the public page that confirms it; ``photo`` a JPEG for certificates. Raises Conflict
    ``notice_incomplete`` if the kind demands a field that is absent: such a paper must not leave the house.
    """
    if absent := missing(notice):
        raise Conflict("notice_incomplete", values={"fields": ", ".join(absent)}, field=absent[0])
    sheet = _sheet(notice, language, fonts)
    if notice.kind is Kind.CERTIFICATE:
        Certificate(sheet, notice, language=language, verify_url=verify_url, photo=photo).set()
    else:
        Letter(sheet, notice, language=language, verify_url=verify_url).set()
    return sheet.finished()


class Press:
    """
    Prints without holding up the calls: one notice at a time, in a process of its own.

    Most of a second of pure computing beside a live call would be heard in it.
    """

    def __init__(self, fonts_folder: Path) -> None:
        """Raises Unavailable ``fonts_missing`` if the font package is not installed there."""
        self._fonts = Fonts.found_in(fonts_folder)
        self._pool = _pool()
        self._closed = False

    async def print(
        self, notice: Notice, *, language: str, verify_url: str, photo: bytes | None = None
    ) -> bytes:
        """Return the PDF; arguments and errors as :func:`render`; Unavailable("press_unavailable")."""
        job = partial(
            render, notice, language=language, verify_url=verify_url, fonts=self._fonts, photo=photo
        )
        if self._closed:
            raise Unavailable("press_unavailable")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, job)
        except BrokenProcessPool as exc:
            self._pool = _pool()
            raise Unavailable("press_unavailable") from exc

    def close(self) -> None:
        """End the printing process; what is not printed yet is printed after the next start."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=_go_with, initargs=(os.getpid(),)
    )


def _go_with(parent: int) -> None:
    """End with the process that prints, in the middle of a page too; leave Ctrl-C to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_or_now(parent, signal.SIGKILL)


def _sheet(notice: Notice, language: str, fonts: Fonts) -> Sheet:
    first, second = ("en", "zh") if language.startswith("en") else ("zh", "en")
    said = words("Issued through Guangzhou Cloud Window")
    if notice.demo:
        said = words("Demonstration document, without legal effect")
    colour = RED if notice.demo else TINY.colour
    foot = Passage(
        text=f"{said.in_language(first)}  ·  {said.in_language(second)}",
        type=Type(points=TINY.points, colour=colour, leading=TINY.leading),
    )
    return Sheet(
        fonts,
        title=f"{phrases.title(notice).in_language(first)} {notice.number}",
        language="en" if first == "en" else "zh-CN",
        made_at=notice.issued_at,
        foot=foot,
        watermark=words("DEMO").zh if notice.demo else "",
        border=draw_border if notice.kind is Kind.CERTIFICATE else None,
    )
