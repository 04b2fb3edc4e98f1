"""
The film of a recording, made after the call by ``python -m cloudwindow.media.recorder_film``.

stdin: one JSON object (:class:`Order`). stdout: one JSON object (:class:`Made`). The members' pictures are
put side by side by ffmpeg, which reads from pipes and writes into memory: nothing unsealed touches the disk.
A recording whose writer died is finished first.
"""

import contextlib
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import av

from cloudwindow.media.recorder_chain import Chain, ChainBusy, Line, digest, recover, seconds_of
from cloudwindow.media.recorder_seal import (
    PAGE_OCTETS,
    SealDamaged,
    SealedPages,
    evidence_key,
    opened,
    seal_pages,
    write_all,
)
from cloudwindow.parent import end_with_or_now

FILM: Final = "film.webm.sealed"
EVIDENCE: Final = "evidence"
"""In a clip's line: it is sealed with :func:`evidence_key`, not with the key of all the rest."""
TILE: Final = (480, 360)
PICTURES_PER_SECOND: Final = 15
MEMORY_OCTETS: Final = 2 * 1024**3
FILM_OCTETS: Final = 1024**3
NICENESS: Final = 15
MAX_TILES: Final = 6
MAX_BLACKS: Final = 100
BLACK_SECONDS: Final = 0.5
"""Shorter gaps keep the last picture."""
CPU_SECONDS_PER_SECOND: Final = 4
START_SECONDS: Final = 120
QUIET: Final = ("-nostdin", "-y", "-v", "error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What to make from the recording in ``folder``: the film, and clips of it.

    ``clips`` are ``{"chapter": word, "from": seconds, "to": seconds}``; ``reason`` is what is written down
    if the recording has to be finished first.
    """

    folder: str
    recording: str
    key: str
    reason: str
    clips: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """
    What became of an order.

    ``state``: ``made``, ``busy`` (still being written: ask again), ``no_ffmpeg``, ``nothing_recorded``,
    ``failed``. ``head`` is the chain's last hash, ``seconds`` the length, ``octets`` all files together.
    """

    state: str
    head: str = ""
    seconds: float = 0.0
    octets: int = 0
    clips: int = 0


@dataclass(slots=True)
class _Strip:
    """All segments of one member's sound or picture in one codec, in order."""

    member: str
    media: str
    codec: str
    sources: set[int]
    names: list[str]


def make(order: Order) -> Made:
    """Finish the recording, make film and clips, and write both into its chain."""
    folder = Path(order.folder)
    try:
        chain = Chain(folder)
    except ChainBusy:
        return Made(state="busy")
    try:
        recover(chain, reason=order.reason)
        state, clips = _film(chain, folder, order), 0
        if state == "made":
            clips = sum(line["kind"] == "clip" for line in chain.lines)
        return Made(
            state=state,
            head=chain.head,
            seconds=seconds_of(chain.lines),
            octets=sum(path.stat().st_size for path in folder.iterdir()),
            clips=clips,
        )
    finally:
        chain.close()


def _film(chain: Chain, folder: Path, order: Order) -> str:
    """Whatever of film and clips an earlier try has not left behind."""
    names = {str(line["name"]) for line in chain.lines if line["kind"] in {"film", "clip"}}
    missing = [
        (number, clip)
        for number, clip in enumerate(order.clips)
        if clip_name(number, clip["chapter"]) not in names
    ]
    if FILM in names and not missing:
        return "made"
    key = bytes.fromhex(order.key)
    strips, program = strips_of(chain.lines), shutil.which("ffmpeg")
    if not strips:
        return "nothing_recorded"
    if program is None:
        return "no_ffmpeg"
    with memory_file("film") as film:
        if FILM in names:
            unseal_into(folder / FILM, film, order.recording, key)
        elif not _whole(program, chain, folder, order, film, strips):
            return "failed"
        for number, clip in missing:
            _clip(program, chain, folder, order.recording, key, film, number, clip)
    return "made"


def _whole(
    program: str, chain: Chain, folder: Path, order: Order, film: int, strips: Sequence[_Strip]
) -> bool:
    """Make the film, in memory and sealed on the disk; False if ffmpeg could not."""
    key, seconds = bytes.fromhex(order.key), seconds_of(chain.lines)
    if not _render(program, strips, chain.lines, folder, order.recording, key, film, seconds):
        return False
    (folder / FILM).unlink(missing_ok=True)  # left by an earlier try that was not written down
    size = seal_from(film, folder / FILM, order.recording, key)
    chain.append("film", name=FILM, sha256=digest(folder / FILM), octets=size, at=seconds)
    return True


def clip_name(number: int, chapter: str) -> str:
    """The file of the ``number``-th clip of an order."""
    return f"clip-{number}-{chapter}.webm.sealed"


def strips_of(lines: Sequence[Line]) -> list[_Strip]:
    """Which files belong together: by member, kind and codec, in the order they were begun."""
    about = {line["source"]: line for line in lines if line["kind"] == "source"}
    whole = {line["name"] for line in lines if line["kind"] == "segment"}
    strips: dict[tuple[str, str, str], _Strip] = {}
    for line in lines:
        if line["kind"] != "begun" or line["name"] not in whole:
            continue
        source = about[line["source"]]
        key = (source["member"], source["media"], line["codec"])
        strip = strips.setdefault(key, _Strip(*key, sources=set(), names=[]))
        strip.sources.add(line["source"])
        strip.names.append(line["name"])
    return sorted(strips.values(), key=lambda strip: (strip.member != "citizen", strip.member, strip.media))


# --- ffmpeg ----------------------------------------------------------------------------------------------


def _render(
    program: str,
    strips: Sequence[_Strip],
    lines: Sequence[Line],
    folder: Path,
    recording: str,
    key: bytes,
    film: int,
    seconds: float,
) -> bool:
    pipes = [os.pipe() for _ in strips]
    feeders = [
        threading.Thread(target=_feed, args=(strip, folder, recording, key, write), daemon=True)
        for strip, (_, write) in zip(strips, pipes, strict=True)
    ]
    inputs: list[str] = []
    for strip, (read, _) in zip(strips, pipes, strict=True):
        # A change of size must not begin the whole picture anew: the scaler takes it.
        again = ["-reinit_filter", "0"] if strip.media == "video" else []
        shape = "mpegts" if strip.codec == "H264" else "matroska"
        inputs += [*again, "-thread_queue_size", "64", "-f", shape, "-i", f"pipe:{read}"]
    graph, maps = graph_of(strips, lines)
    arguments = [
        program,
        *QUIET,
        "-copyts",
        *inputs,
        "-filter_complex",
        graph,
        *maps,
    ]
    arguments += ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "700k"]
    arguments += ["-g", str(2 * PICTURES_PER_SECOND), "-threads", "1", "-c:a", "libopus", "-b:a", "48k"]
    arguments += ["-t", f"{seconds:.3f}", "-fs", str(FILM_OCTETS), "-f", "webm", f"/proc/self/fd/{film}"]
    child = subprocess.Popen(  # noqa: S603 - see the import
        arguments, pass_fds=[film, *(read for read, _ in pipes)], stdin=subprocess.DEVNULL
    )
    for read, _ in pipes:
        os.close(read)
    for feeder in feeders:
        feeder.start()
    try:
        code = child.wait(timeout=START_SECONDS + seconds * CPU_SECONDS_PER_SECOND)
    except subprocess.TimeoutExpired:
        child.kill()
        code = child.wait()
    for feeder in feeders:
        feeder.join()
    return code == 0 and os.fstat(film).st_size > 0


def graph_of(strips: Sequence[_Strip], lines: Sequence[Line]) -> tuple[str, list[str]]:
    """ffmpeg's filters: each picture into its tile, black where nothing was recorded; all voices together."""
    width, height = TILE
    parts: list[str] = []
    tiles: list[str] = []
    voices: list[str] = []
    for number, strip in enumerate(strips):
        if strip.media == "audio":
            parts.append(f"[{number}:a]aresample=48000:async=1:first_pts=0[a{number}]")
            voices.append(f"[a{number}]")
        elif len(tiles) < MAX_TILES:
            fitted = f"scale={width}:{height}:force_original_aspect_ratio=decrease"
            padded = f"pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,setsar=1,format=yuv420p"
            steady = f"fps={PICTURES_PER_SECOND}:start_time=0"
            black = "".join(
                f",drawbox=color=black:t=fill:enable='between(t,{first},{last})'"
                for first, last in blacks_of(strip.sources, lines)
            )
            parts.append(f"[{number}:v]{fitted}:eval=frame,{padded},{steady}{black}[v{number}]")
            tiles.append(f"[v{number}]")
    maps: list[str] = []
    if tiles:
        columns = 2 if len(tiles) <= 4 else 3
        places = "|".join(f"{at % columns * width}_{at // columns * height}" for at in range(len(tiles)))
        stack = f"xstack=inputs={len(tiles)}:layout={places}:fill=black" if len(tiles) > 1 else "null"
        parts.append(f"{''.join(tiles)}{stack}[picture]")
        maps += ["-map", "[picture]"]
    if voices:
        parts.append(f"{''.join(voices)}amix=inputs={len(voices)}:duration=longest:normalize=0[sound]")
        maps += ["-map", "[sound]"]
    return ";".join(parts), maps


def blacks_of(sources: set[int], lines: Sequence[Line]) -> list[tuple[float, float]]:
    """When nothing was recorded of these sources, for so long that it must be seen."""
    found = []
    for line in lines:
        if line["kind"] == "gap" and line["source"] in {0, *sources} and line["to"] is not None:
            first, last = float(line["from"]), float(line["to"])
            if last - first >= BLACK_SECONDS:
                found.append((first, last))
    return sorted(found)[:MAX_BLACKS]


def _feed(strip: _Strip, folder: Path, recording: str, key: bytes, write: int) -> None:
    """Write one strip into its pipe, all segments behind one another."""
    with contextlib.suppress(OSError, av.FFmpegError), os.fdopen(write, "wb") as pipe:
        transport = strip.codec == "H264"
        with av.open(_Forward(pipe), "w", format="mpegts" if transport else "matroska") as joined:
            stream = None
            last = -1
            for packet in _packets(strip, folder, recording, key):
                if stream is None:
                    stream = joined.add_stream_from_template(packet.stream, opaque=True)
                if packet.pts is None or packet.pts <= last:
                    continue
                last = packet.pts
                packet.dts = packet.pts
                packet.stream = stream
                joined.mux_one(packet)


def _packets(strip: _Strip, folder: Path, recording: str, key: bytes) -> "Iterator[av.Packet[Any]]":
    for name in strip.names:
        plain = io.BytesIO()
        with contextlib.suppress(SealDamaged, OSError):
            for chunk in opened(folder / name, recording, key):
                plain.write(chunk)
        plain.seek(0)
        with contextlib.suppress(av.FFmpegError), av.open(plain, "r") as segment:
            yield from (packet for packet in segment.demux(segment.streams[0]) if packet.size)


class _Forward:
    """A pipe as PyAV wants it: nothing can be sought."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe

    def write(self, octets: bytes) -> int:
        return self._pipe.write(octets)


def _clip(
    program: str,
    chain: Chain,
    folder: Path,
    recording: str,
    key: bytes,
    film: int,
    number: int,
    clip: dict[str, Any],
) -> None:
    first, last = max(0.0, float(clip["from"])), min(float(clip["to"]), seconds_of(chain.lines))
    if last <= first:
        return
    name = clip_name(number, clip["chapter"])
    with memory_file("clip") as made:
        arguments = [
            program,
            *QUIET,
            "-ss",
            f"{first:.3f}",
            "-t",
            f"{last - first:.3f}",
        ]
        arguments += ["-i", f"/proc/self/fd/{film}", "-c", "copy", "-f", "webm", f"/proc/self/fd/{made}"]
        done = subprocess.run(  # noqa: S603 - see the import
            arguments, pass_fds=[film, made], stdin=subprocess.DEVNULL, check=False, timeout=START_SECONDS
        )
        if done.returncode or not os.fstat(made).st_size:
            return
        (folder / name).unlink(missing_ok=True)
        size = seal_from(made, folder / name, recording, evidence_key(key))
    span = {"from": round(first, 3), "to": round(last, 3)}
    chain.append(
        "clip",
        chapter=clip["chapter"],
        name=name,
        sha256=digest(folder / name),
        octets=size,
        key=EVIDENCE,
        **span,
    )


@contextlib.contextmanager
def memory_file(name: str) -> Iterator[int]:
    """A file in memory that the system forgets when it is closed."""
    descriptor = os.memfd_create(name)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def unseal_into(path: Path, memory: int, recording: str, key: bytes) -> None:
    """Read a sealed film into memory. Raises SealDamaged, OSError."""
    pages = SealedPages(path, recording, key)
    for start in range(0, pages.size, PAGE_OCTETS):
        write_all(memory, pages.read(start, start + PAGE_OCTETS))


def seal_from(memory: int, path: Path, recording: str, key: bytes) -> int:
    """Write a file in memory sealed to ``path``; returns its plain size. Raises OSError."""
    os.lseek(memory, 0, os.SEEK_SET)

    def page(octets: int) -> bytes:
        return os.read(memory, octets)

    return seal_pages(page, path, recording, key)


def limit_ourselves() -> None:
    """Little memory, the lowest turn, no life beyond that of the node."""
    end_with_or_now(os.getppid())
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_OCTETS, MEMORY_OCTETS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Carry out one order with little memory and the lowest turn."""
    limit_ourselves()
    try:
        made = make(Order(**json.load(sys.stdin)))
    except (OSError, MemoryError, SealDamaged, subprocess.SubprocessError, KeyError) as error:
        print(type(error).__name__, file=sys.stderr)
        made = Made(state="failed")
    print(json.dumps(asdict(made)))


if __name__ == "__main__":
    main()
