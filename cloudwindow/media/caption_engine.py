"""
What turns speech into words: one engine for each speaker, chosen by the language of the call.

Rule: an engine is listed only if it works on this machine with a model that came in a package: nothing is
fetched. There is one, PocketSphinx with its model of American English; no package carries a model of
Mandarin or Cantonese, so calls in these have no captions.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final, Protocol

SAMPLES_PER_SECOND: Final = 16_000
SAMPLE_OCTETS: Final = 2
PARTIAL_SECONDS: Final = 0.4
"""How much more speech is heard before the words so far are told again."""
LONGEST_SECONDS: Final = 10.0
"""A stretch of speech without a pause is ended after this, so that the search does not grow."""
WINDOW_SECONDS: Final = 0.3
"""Of this long a stretch nearly all must be speech, or silence, to begin or end a line."""
WINDOW_SHARE: Final = 0.9
RUDE: Final = re.compile(
    r"\b(?:(?:bull|mother)?(?:shit|fuck)\w*|bitch\w*|cunt\w*|asshole\w*|nigger\w*|whore\w*)"
)
"""Words a machine finds in a cough; nobody is shown as having said them, they become an ellipsis."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The words of one stretch of speech so far, or with ``final`` for good; never empty."""

    text: str
    final: bool


class CaptionEngine(Protocol):
    """Understands one speaker at a time. ``start`` begins, ``finish`` ends; then it takes another."""

    def start(self) -> None:
        """Forget whoever was heard before."""

    def feed(self, pcm: bytes) -> list[Heard]:
        """Hear more sound (16 kHz, one channel, 16 bits little-endian) and say what has become of it."""

    def finish(self) -> list[Heard]:
        """No more sound comes: say what is left."""


class Sphinx:
    """PocketSphinx: words of American English, found by its own search in its own model."""

    def __init__(self) -> None:
        from pocketsphinx._pocketsphinx import Decoder, Endpointer

        self._decoder = Decoder(loglevel="FATAL")
        self._new_ear: Callable[[], Endpointer] = lambda: Endpointer(
            window=WINDOW_SECONDS, ratio=WINDOW_SHARE, sample_rate=SAMPLES_PER_SECOND
        )
        self.start()

    def start(self) -> None:
        """See ``CaptionEngine.start``."""
        self._ear = self._new_ear()
        self._rest = b""
        self._speaking = False
        self._told = ""
        self._line_octets = self._since_told = 0

    def feed(self, pcm: bytes) -> list[Heard]:
        """See ``CaptionEngine.feed``."""
        found: list[Heard] = []
        pcm, size = self._rest + pcm, self._ear.frame_bytes
        whole = len(pcm) - len(pcm) % size
        self._rest = pcm[whole:]
        for at in range(0, whole, size):
            speech = self._ear.process(pcm[at : at + size])
            if speech is not None:
                found.extend(self._hear(speech))
            if self._speaking and not self._ear.in_speech:
                found.extend(self._end())
        return found

    def finish(self) -> list[Heard]:
        """See ``CaptionEngine.finish``."""
        found = list(self._end()) if self._speaking else []
        self.start()
        return found

    def _hear(self, speech: bytes) -> Iterator[Heard]:
        if not self._speaking:
            self._decoder.start_utt()
            self._speaking, self._told = True, ""
            self._line_octets = self._since_told = 0
        self._decoder.process_raw(speech)
        self._line_octets += len(speech)
        self._since_told += len(speech)
        if self._line_octets >= _octets(LONGEST_SECONDS):
            yield from self._end()
        elif self._since_told >= _octets(PARTIAL_SECONDS):
            self._since_told = 0
            words = self._words()
            if words and words != self._told:
                self._told = words
                yield Heard(words, final=False)

    def _end(self) -> Iterator[Heard]:
        self._speaking = False
        self._decoder.end_utt()
        words = self._words()
        if words or self._told:
            yield Heard(words or self._told, final=True)

    def _words(self) -> str:
        found = self._decoder.hyp()
        return RUDE.sub("…", found.hypstr.strip()) if found is not None else ""


def _octets(seconds: float) -> int:
    return int(seconds * SAMPLES_PER_SECOND) * SAMPLE_OCTETS


ENGINES: Final[dict[str, tuple[str, Callable[[], CaptionEngine]]]] = {"en": ("pocketsphinx", Sphinx)}
"""By language: the package an engine needs, and how it is made."""


def languages() -> frozenset[str]:
    """The languages this machine has an engine for."""
    return frozenset(word for word, (package, _make) in ENGINES.items() if find_spec(package) is not None)


def engine_for(language: str) -> CaptionEngine:
    """Make an engine; takes a second and about 100 MiB. Raises KeyError, ImportError."""
    return ENGINES[language][1]()
