"""
The captions' process: ``python -m cloudwindow.media.captions_child``.

Reads orders and packets of sound from stdin (``captions_pipe``), decodes them, lets an engine look for words
and says them on stdout, one JSON object a line. Nothing is written anywhere. It runs at a low priority
with bounded memory; what it cannot keep up with is left out and said. When the worker dies stdin ends.

It says ``{"ready": language}``; ``{"stretch", "text", "final"}``; and twice a second ``{"behind": [stretches
whose words are missing]}``.
"""

import json
import logging
import os
import resource
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import av
from av.audio.resampler import AudioResampler

from cloudwindow.media.caption_engine import (
    SAMPLE_OCTETS,
    SAMPLES_PER_SECOND,
    CaptionEngine,
    Heard,
    engine_for,
)
from cloudwindow.media.captions_pipe import Sound, Unpacker

READ_OCTETS: Final = 256 * 1024
WAIT_SECONDS: Final = 0.1
REPORT_SECONDS: Final = 0.5
NICE: Final = 10
"""A tenth of what a worker is given when both want the same core; at 19 it would starve beside one."""
MEMORY_OCTETS: Final = 2 * 1024**3
"""Address space, libraries and the model's file included."""
MAX_ENGINES: Final = 4
"""Speakers understood at the same time, all calls together."""
AT_ONCE: Final = 5
"""Packets handled of one speaker before the others and stdin are looked at again: a tenth of a second."""
LATE_SECONDS: Final = 6.0
"""When sound has waited this long, no more is taken in until the rest is done: whole words are left out."""
BEHIND_SECONDS: Final = 5.0
"""How long after a loss it is said that words are missing."""
CLOCK: Final = 48_000
"""Ticks of an Opus timestamp a second."""
PAUSE_SECONDS: Final = 0.6
"""Silence put in where a sender said nothing: enough to end a line."""
WRAP: Final = 1 << 32

Say = Callable[[dict[str, Any]], None]


class Ear:
    """Opus packets of one speaker to 16 kHz sound, with silence where nothing was sent."""

    def __init__(self) -> None:
        self._decoder = av.CodecContext.create("libopus", "r")
        self._resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLES_PER_SECOND)
        self._expected: int | None = None

    def hear(self, sound: Sound) -> bytes:
        """Decode one packet; one that is broken is silent."""
        pause = self._pause_before(sound.timestamp)
        try:
            frames = self._decoder.decode(av.Packet(sound.payload))
        except av.FFmpegError:
            return pause
        self._expected = (sound.timestamp + sum(frame.samples for frame in frames)) % WRAP
        made = [one for frame in frames for one in self._resampler.resample(frame)]
        return pause + b"".join(bytes(one.planes[0])[: one.samples * SAMPLE_OCTETS] for one in made)

    def _pause_before(self, timestamp: int) -> bytes:
        missing = 0 if self._expected is None else (timestamp - self._expected) % WRAP
        if missing == 0 or missing > WRAP // 2:
            return b""
        return silence(min(missing / CLOCK, PAUSE_SECONDS))


def silence(seconds: float) -> bytes:
    """That much of no sound."""
    return bytes(round(seconds * SAMPLES_PER_SECOND) * SAMPLE_OCTETS)


class Speaker:
    """One stretch: what waits to be heard, and the engine that hears it once there is one."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.engine: CaptionEngine | None = None
        self.waiting: deque[Sound] = deque()
        self.ended = False
        self.behind_until = 0.0
        self._ear = Ear()
        self._skipping = False
        self._heard_at: float | None = None

    @property
    def oldest(self) -> float:
        """When the oldest waiting packet came; infinity when none waits."""
        return self.waiting[0].at if self.waiting else float("inf")

    def take(self, sound: Sound, now: float) -> None:
        """Keep a packet for later, or leave it out while too much waits."""
        self._skipping = bool(self.waiting) and (self._skipping or now - self.oldest > LATE_SECONDS)
        if self._skipping:
            self.behind_until = now + BEHIND_SECONDS
        else:
            self.waiting.append(sound)

    def work(self, now: float) -> list[Heard]:
        """Hear a few of the waiting packets."""
        if self.engine is None:
            self.waiting.clear()
            self.behind_until = now + BEHIND_SECONDS
            return []
        some = [self.waiting.popleft() for _ in range(min(AT_ONCE, len(self.waiting)))]
        self._heard_at = now
        return self.engine.feed(b"".join(self._ear.hear(sound) for sound in some))

    def rest(self, now: float) -> list[Heard]:
        """End the line of who sends nothing any more."""
        if self.engine is None or self._heard_at is None or now - self._heard_at < PAUSE_SECONDS:
            return []
        self._heard_at = None
        return self.engine.feed(silence(PAUSE_SECONDS))


class Captioner:
    """All captioned speakers of one worker."""

    def __init__(self, say: Say, make: Callable[[str], CaptionEngine] = engine_for) -> None:
        self._say, self._make = say, make
        self._speakers: dict[int, Speaker] = {}
        self._idle: dict[str, list[CaptionEngine]] = {}
        self._engines = 0
        self._reported = 0.0

    @property
    def busy(self) -> bool:
        """Whether there is something to be done at once."""
        return any(speaker.waiting or speaker.ended for speaker in self._speakers.values())

    def obey(self, order: dict[str, Any]) -> None:
        """Carry out one order of the worker."""
        match order:
            case {"order": "warm", "language": str(language)}:
                engine = self._borrow(language)
                if engine is not None:
                    self._idle.setdefault(language, []).append(engine)
                self._say({"ready": language})
            case {"order": "start", "stretch": int(stretch), "language": str(language)}:
                self._speakers[stretch] = Speaker(language)
            case {"order": "end", "stretch": int(stretch)} if stretch in self._speakers:
                self._speakers[stretch].ended = True

    def put(self, sound: Sound, now: float) -> None:
        """Take one packet of sound."""
        speaker = self._speakers.get(sound.stretch)
        if speaker is not None and not speaker.ended:
            speaker.take(sound, now)

    def work(self, now: float) -> None:
        """Hear a little of who has waited longest; end what has ended."""
        if not self._speakers:
            return
        stretch, speaker = min(self._speakers.items(), key=lambda known: known[1].oldest)
        if speaker.waiting:
            if speaker.engine is None:
                speaker.engine = self._borrow(speaker.language)
            self._told(stretch, speaker.work(now))
        for stretch, speaker in list(self._speakers.items()):
            if not speaker.waiting:
                self._told(stretch, speaker.rest(now))
            if speaker.ended and not speaker.waiting:
                self._part(stretch, speaker)

    def report(self, now: float) -> None:
        """Say twice a second that we live, and whose words are missing."""
        if now - self._reported >= REPORT_SECONDS:
            self._reported = now
            late = [stretch for stretch, speaker in self._speakers.items() if speaker.behind_until > now]
            self._say({"behind": late})

    def _borrow(self, language: str) -> CaptionEngine | None:
        idle = self._idle.get(language)
        if idle:
            return idle.pop()
        if self._engines >= MAX_ENGINES:
            return None
        self._engines += 1
        return self._make(language)

    def _part(self, stretch: int, speaker: Speaker) -> None:
        del self._speakers[stretch]
        if speaker.engine is not None:
            self._told(stretch, speaker.engine.finish())
            self._idle.setdefault(speaker.language, []).append(speaker.engine)

    def _told(self, stretch: int, found: list[Heard]) -> None:
        for heard in found:
            self._say({"stretch": stretch, "text": heard.text, "final": heard.final})


def limit_ourselves() -> None:
    """Take what others leave: low priority, bounded memory, no core file with speech in it."""
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_OCTETS, MEMORY_OCTETS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Listen until stdin ends."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)  # the worker is asked to end; it then ends our stdin
    limit_ourselves()
    captioner, unpacker, clock = Captioner(_say), Unpacker(), time.monotonic
    while True:
        ready, _, _ = select.select([0], [], [], 0 if captioner.busy else WAIT_SECONDS)
        if ready:
            octets = os.read(0, READ_OCTETS)
            if not octets:
                return 0
            now = clock()
            for told in unpacker.feed(octets):
                if isinstance(told, Sound):
                    captioner.put(told, now)
                else:
                    captioner.obey(told)
        captioner.work(clock())
        captioner.report(clock())


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr)
    try:
        sys.exit(main())
    except BrokenPipeError:  # the worker is dead: there is nobody to tell
        os._exit(0)
