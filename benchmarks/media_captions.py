"""
What captions cost and how often they are wrong: CPU for each second of speech, and the word error rate.

The sound goes through Opus and the captions' process's own code, one speaker after the other. Two kinds of
speech: three voices of Debian's ``flite``, which are synthetic, and the five sentences of a book read aloud
(LibriVox) that come with Debian's ``pocketsphinx-testdata``; without that package they are left out.
"""

import re
import subprocess
import tempfile
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av

from benchmarks.measure import machine, main, report
from cloudwindow.media.caption_engine import SAMPLES_PER_SECOND, engine_for
from cloudwindow.media.captions_child import CLOCK, Captioner
from cloudwindow.media.captions_pipe import Sound

VOICES = ("rms", "slt", "kal16")
TEXT = (
    "Good morning. My name is Mary. I would like to apply for a residence permit. My number is one two "
    "three four five six seven. I live near the station. I have the papers here. Can you please tell me what "
    "I need to do next? I came to the city two years ago. I work in a small company. Thank you very much for "
    "your help."
)
READ_ALOUD = Path("/usr/share/pocketsphinx/test/data/librivox")
PACKET_SECONDS = 0.02
PAUSE_SECONDS = 1.0


def samples(path: Path) -> bytes:
    """A WAV file's sound, with a pause before it."""
    with wave.open(str(path)) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (SAMPLES_PER_SECOND, 1)
        said: bytes = sound.readframes(sound.getnframes())
    return bytes(round(2 * SAMPLES_PER_SECOND * PAUSE_SECONDS)) + said


def synthetic(voices: tuple[str, ...]) -> Iterator[tuple[bytes, str]]:
    """The text in each voice."""
    with tempfile.TemporaryDirectory() as folder:
        for voice in voices:
            path = Path(folder) / f"{voice}.wav"
            subprocess.run(["flite", "-voice", voice, "-t", TEXT, "-o", str(path)], check=True)
            yield samples(path), TEXT


def read_aloud() -> Iterator[tuple[bytes, str]]:
    """The sentences of the book one after the other, with what was read."""
    sounds, texts = [], []
    for line in (READ_ALOUD / "transcription").read_text().splitlines():
        found = re.match(r"(?:<s>)?(.*?)(?:</s>)?\s*\((.*)\)$", line.strip())
        assert found
        sounds.append(samples(READ_ALOUD / f"{found[2]}.wav"))
        texts.append(found[1])
    yield b"".join(sounds), " ".join(texts)


def as_opus(pcm: bytes) -> Iterator[bytes]:
    """Sound as a browser sends it, in packets of 20 ms."""
    context: Any = av.CodecContext.create("libopus", "w")
    context.sample_rate, context.layout, context.format = SAMPLES_PER_SECOND, "mono", "s16"
    size = round(2 * SAMPLES_PER_SECOND * PACKET_SECONDS)
    for number, at in enumerate(range(0, len(pcm) - size + 1, size)):
        frame = av.AudioFrame(format="s16", layout="mono", samples=size // 2)
        frame.planes[0].update(pcm[at : at + size])
        frame.sample_rate, frame.pts = SAMPLES_PER_SECOND, number * size // 2
        yield from (bytes(packet) for packet in context.encode(frame))


def understood(packets: list[bytes]) -> tuple[str, float]:
    """What the process makes of ``packets``, and the CPU seconds it took."""
    said: list[dict[str, Any]] = []
    captioner = Captioner(said.append)
    captioner.obey({"order": "warm", "language": "en"})
    captioner.obey({"order": "start", "stretch": 1, "language": "en"})
    began = time.process_time()
    for number, payload in enumerate(packets):
        at = number * PACKET_SECONDS
        captioner.put(Sound(1, at, round(at * CLOCK), payload), at)
        captioner.work(at)
    captioner.obey({"order": "end", "stretch": 1})
    while captioner.busy:
        captioner.work(0.0)
    return " ".join(one["text"] for one in said if one.get("final")), time.process_time() - began


def words_of(text: str) -> list[str]:
    """Lower case, without signs."""
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def errors(said: list[str], heard: list[str]) -> int:
    """Words put in, left out or mistaken (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, 1):
        before, row[0] = row[:], number
        for place, other in enumerate(heard, 1):
            row[place] = min(before[place] + 1, row[place - 1] + 1, before[place - 1] + (word != other))
    return row[-1]


def measured(sound: Iterator[tuple[bytes, str]]) -> dict[str, float]:
    """The word error rate over all of ``sound``, and what a second of it costs."""
    wrong = spoken = 0
    cpu = seconds = 0.0
    for pcm, text in sound:
        packets = list(as_opus(pcm))
        heard, took = understood(packets)
        said = words_of(text)
        wrong, spoken = wrong + errors(said, words_of(heard)), spoken + len(said)
        cpu, seconds = cpu + took, seconds + len(packets) * PACKET_SECONDS
    return {
        "words": spoken,
        "word_error_percent": 100 * wrong / spoken,
        "seconds": seconds,
        "core_percent_while_speaking": 100 * cpu / seconds,
    }


def bench(quick: bool) -> None:
    """Measure both kinds of speech and silence, and print the line."""
    kinds: dict[str, Callable[[], Iterator[tuple[bytes, str]]]] = {
        "synthetic": lambda: synthetic(VOICES[:1] if quick else VOICES)
    }
    if (READ_ALOUD / "transcription").exists():
        kinds["read_aloud"] = read_aloud
    seen: dict[str, Any] = {kind: measured(sound()) for kind, sound in kinds.items()}
    silent = list(as_opus(bytes(2 * SAMPLES_PER_SECOND * (10 if quick else 60))))
    seen["core_percent_in_silence"] = 100 * understood(silent)[1] / (len(silent) * PACKET_SECONDS)
    began = time.process_time()
    engine_for("en")
    seen["cpu_seconds_to_start"] = time.process_time() - began
    report(
        "media_captions",
        measured=seen,
        ratios={},
        reach={},
        reached={},
        machine=machine(),
        notes=[
            "CPU time of the process's own code, decoding included; the worker's tap is not in it",
            "synthetic speech is far easier than people; read_aloud is five sentences by one reader",
            *([] if "read_aloud" in kinds else ["pocketsphinx-testdata is not installed"]),
        ],
    )


if __name__ == "__main__":
    main(bench, __doc__)
