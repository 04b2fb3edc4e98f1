"""English speech for the tests of captions: made by Debian's flite, always the same, nobody's."""

import asyncio
import fractions
import subprocess
import wave
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
from aiortc.mediastreams import MediaStreamTrack

VOICE = "rms"
SENTENCE = "My number is one two three four five six seven."
WORDS = ("number", "two", "three", "four", "five", "six")
"""Words of the sentence that a machine must understand; little ones may slip."""
RATE = 16_000
PACKET_SECONDS = 0.02


def speak(text: str, path: Path) -> Path:
    """Write ``text`` as a WAV file: 16 kHz, one channel, 16 bits."""
    subprocess.run(["flite", "-voice", VOICE, "-t", text, "-o", str(path)], check=True)
    return path


@cache
def spoken(text: str = SENTENCE, *, pause_seconds: float = 1.0) -> bytes:
    """The samples of ``text`` with silence before and after."""
    with TemporaryDirectory() as folder, wave.open(str(speak(text, Path(folder) / "said.wav"))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        silence = bytes(2 * int(RATE * pause_seconds))
        said: bytes = sound.readframes(sound.getnframes())
        return silence + said + silence


@cache
def as_opus(pcm: bytes) -> tuple[bytes, ...]:
    """Samples as Opus packets of 20 ms."""
    context: Any = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format = RATE, "mono", "s16"
    size, encoded = int(RATE * PACKET_SECONDS) * 2, []
    for number, at in enumerate(range(0, len(pcm) - size + 1, size)):
        frame = av.AudioFrame(format="s16", layout="mono", samples=size // 2)
        frame.planes[0].update(pcm[at : at + size])
        frame.sample_rate, frame.pts = RATE, number * size // 2
        encoded += [bytes(packet) for packet in context.encode(frame)]
    return tuple(encoded)


def understood(text: str) -> bool:
    """Whether the sentence's words stand in ``text``, in their order."""
    rest = iter(text.split())
    return all(word in rest for word in WORDS)


class Voice(MediaStreamTrack):
    """Somebody who says the sentence again and again, in real time."""

    kind = "audio"

    def __init__(self, pcm: bytes) -> None:
        super().__init__()
        self._pcm, self._samples, self._begun = pcm, 0, 0.0

    async def recv(self) -> av.AudioFrame:
        """Return the next 20 ms when they are due."""
        loop, samples = asyncio.get_running_loop(), int(RATE * PACKET_SECONDS)
        self._begun = self._begun or loop.time()
        await asyncio.sleep(max(0.0, self._begun + self._samples / RATE - loop.time()))
        at = 2 * self._samples % len(self._pcm)
        piece = (self._pcm + self._pcm[: 2 * samples])[at : at + 2 * samples]
        frame = av.AudioFrame(format="s16", layout="mono", samples=samples)
        frame.planes[0].update(piece)
        frame.sample_rate, frame.pts = RATE, self._samples
        frame.time_base = fractions.Fraction(1, RATE)
        self._samples += samples
        return frame
