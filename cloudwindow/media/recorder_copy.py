"""
A marked copy of a film or clip, made by ``python -m cloudwindow.media.recorder_copy`` for whoever takes it.

stdin: one JSON object (:class:`CopyOrder`). stdout: one (:class:`Copied`). Who takes it, when and of what is
drawn by ffmpeg into every picture, over each part of it, and the original's hash goes into the file's own
description. Nothing unsealed touches the disk; the copy lies sealed beside the original; its chain says so.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import av

from cloudwindow.media.recorder_chain import COPIES, Chain, ChainBusy, digest, gone, read
from cloudwindow.media.recorder_film import (
    CPU_SECONDS_PER_SECOND,
    FILM_OCTETS,
    QUIET,
    START_SECONDS,
    limit_ourselves,
    memory_file,
    seal_from,
    unseal_into,
)
from cloudwindow.media.recorder_seal import SealDamaged

COLUMNS: Final = 2
ROWS: Final = 3
"""The words stand in every sixth of the picture: no part of it that shows a face is without them."""
LETTERS_IN_HEIGHT: Final = 22
NO_PICTURE: Final = "color=black:size=480x270:rate=5"
"""Behind the words where only sound was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOrder:
    """
    What to copy: ``name`` from ``folder``, sealed with ``key``; the copy ``copy`` is sealed likewise.

    ``words`` are drawn into the picture with the letters of ``font``; ``about`` goes into the description.
    """

    folder: str
    recording: str
    key: str
    name: str
    copy: str
    words: str
    font: str
    about: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """
    What became of it: ``made``, ``busy`` (ask again), ``gone`` (no original), ``no_ffmpeg``, ``failed``.

    ``sha256`` and ``octets`` of the plain copy, ``original`` of the sealed file as in its chain.
    """

    state: str
    head: str = ""
    octets: int = 0
    sha256: str = ""
    original: str = ""


def copy_name(copy: str) -> str:
    """The file of a copy."""
    return f"{COPIES}{copy}.webm.sealed"


def make(order: CopyOrder) -> Copied:
    """Make a copy and enter it into the chain."""
    folder, key, program = Path(order.folder), bytes.fromhex(order.key), shutil.which("ffmpeg")
    original = _original(folder, order.name)
    if not original:
        return Copied(state="gone")
    if program is None:
        return Copied(state="no_ffmpeg")
    with memory_file("film") as film, memory_file("copy") as copy:
        unseal_into(folder / order.name, film, order.recording, key)
        if not _draw(program, film, copy, order, original):
            return Copied(state="failed")
        return _entered(folder, copy, order, original)


def _original(folder: Path, name: str) -> str:
    """The hash of a sealed file in the chain; empty if it is not there any more."""
    lines = read(folder)
    if name in gone(lines):
        return ""
    return next((str(line["sha256"]) for line in lines if line.get("name") == name and "sha256" in line), "")


def _draw(program: str, film: int, copy: int, order: CopyOrder, original: str) -> bool:
    seconds, pictures = _about(film)
    source = [] if pictures else ["-f", "lavfi", "-i", NO_PICTURE]
    with memory_file("words") as words, open(order.font, "rb") as font:
        os.write(words, order.words.encode())
        letters, text = (f"/proc/self/fd/{number}" for number in (font.fileno(), words))
        arguments = [program, *QUIET, *source, "-i", f"/proc/self/fd/{film}"]
        arguments += ["-map", "0:v", "-map", f"{0 if pictures else 1}:a?", "-shortest"]
        arguments += ["-vf", drawn(letters, text)]
        arguments += ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "900k"]
        arguments += ["-threads", "1", "-c:a", "copy"]
        for name, value in {**order.about, "original_sha256": original}.items():
            arguments += ["-metadata", f"{name}={value}"]
        arguments += ["-fs", str(FILM_OCTETS), "-f", "webm", f"/proc/self/fd/{copy}"]
        done = subprocess.run(  # noqa: S603 - our own words; nothing of them is a command
            arguments,
            pass_fds=[film, copy, words, font.fileno()],
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=START_SECONDS + seconds * CPU_SECONDS_PER_SECOND,
        )
    return done.returncode == 0 and os.fstat(copy).st_size > 0


def _about(film: int) -> tuple[float, bool]:
    """How long a film is, and whether it has pictures."""
    with av.open(f"/proc/self/fd/{film}") as container:
        return (container.duration or 0) / av.time_base, bool(container.streams.video)


def drawn(font: str, words: str) -> str:
    """ffmpeg's filters: the text of ``words`` in each part of the picture, light with a dark edge."""
    look = f"fontfile={font}:textfile={words}:expansion=none:fontsize=h/{LETTERS_IN_HEIGHT}:line_spacing=4"
    ink = "fontcolor=white@0.5:borderw=1:bordercolor=black@0.5"
    return ",".join(
        f"drawtext={look}:{ink}"
        f":x=w*{2 * column + 1}/{2 * COLUMNS}-text_w/2:y=h*{2 * row + 1}/{2 * ROWS}-text_h/2"
        for column in range(COLUMNS)
        for row in range(ROWS)
    )


def _entered(folder: Path, copy: int, order: CopyOrder, original: str) -> Copied:
    with os.fdopen(os.dup(copy), "rb") as plain:
        plain.seek(0)
        sha256 = hashlib.file_digest(plain, "sha256").hexdigest()
    try:
        chain = Chain(folder)
    except ChainBusy:
        return Copied(state="busy")
    with contextlib.closing(chain):
        if order.name in gone(chain.lines):
            return Copied(state="gone")
        name = copy_name(order.copy)
        (folder / name).unlink(missing_ok=True)  # left by an earlier try that was not written down
        octets = seal_from(copy, folder / name, order.recording, bytes.fromhex(order.key))
        chain.append(
            "copy", name=name, sha256=digest(folder / name), octets=octets, plain=sha256, of=order.name
        )
        return Copied(state="made", head=chain.head, octets=octets, sha256=sha256, original=original)


def main() -> None:
    """Carry out one order with little memory, little time and the lowest turn."""
    limit_ourselves()
    try:
        copied = make(CopyOrder(**json.load(sys.stdin)))
    except (OSError, MemoryError, SealDamaged, subprocess.SubprocessError, KeyError, av.FFmpegError) as error:
        print(type(error).__name__, file=sys.stderr)
        copied = Copied(state="failed")
    print(json.dumps(asdict(copied)))


if __name__ == "__main__":
    main()
