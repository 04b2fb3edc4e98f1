"""
Find a service item by what people say: name, everyday words, pinyin, initials, English, with slips.

Everything is computed once from the items; a search touches only the terms that share letter groups with what
was typed, so it stays quick with thousands of items.
"""

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import nlargest

from pypinyin import Style, lazy_pinyin

from cloudwindow.domain.catalogue import ServiceItem

LEAST_SCORE = 0.36
"""Below this a term has too little in common with what was typed."""

SURE = 0.9
"""From here on there is no need to ask how the words sound."""

CANDIDATES = 100
RAREST_GRAMS = 10
LONGEST_QUERY = 60

# Words around the matter itself: "我想…", "how do I …". They say that, not what, somebody wants.
_AROUND = re.compile(
    r"我想要?|我要|想要|请问|怎么样?|如何|怎样|可以|能不能|办理|申请|帮我|帮忙|帮|去哪里?|哪里|在哪|一下|需要|什么"
    r"|[办的了吗呢啊呀吧给想]|个(?![人体])"
    r"|\b(?:i|we|my|me|to|the|a|an|of|for|in|on|is|are|how|do|can|want|would|like|need|please|get|apply|about)\b"
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[a-z]+[0-9]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """An item found: ``score`` from 0 to 1, ``matched`` is the term that fitted best, as written."""

    item: ServiceItem
    score: float
    matched: str


@dataclass(frozen=True, slots=True)
class _Term:
    """
    One way to call an item: ``text`` is normalised, ``written`` is what people see.

    ``starts`` are the places in ``text`` where a word or syllable begins; ``None``: everywhere.
    """

    item: int
    text: str
    written: str
    weight: float
    starts: frozenset[int] | None = None

    def has_word(self, query: str) -> bool:
        """Tell whether ``query`` stands in the text from the beginning of a word on."""
        if self.starts is None:
            return query in self.text
        return any(self.text.startswith(query, start) for start in self.starts)


class Search:
    """An index over ``items``; build it once, it does not change."""

    def __init__(self, items: Iterable[ServiceItem]) -> None:
        self._items = tuple(items)
        self._terms = [
            term for number, item in enumerate(self._items) for term in _unique(_terms_of(number, item))
        ]
        self._postings: dict[str, list[int]] = defaultdict(list)
        for place, term in enumerate(self._terms):
            for gram in _grams(term.text):
                self._postings[gram].append(place)
        self._idf = {gram: self._rarity(gram, len(places)) for gram, places in self._postings.items()}
        self._totals = [self._weight(_grams(term.text)) for term in self._terms]

    def find(self, text: str, limit: int = 10) -> list[Hit]:
        """Return at most ``limit`` items that fit ``text``, best first; nothing fits, nothing is returned."""
        best: dict[int, tuple[float, _Term]] = {}
        for query, share in _queries(text[:LONGEST_QUERY]):
            if share < 0.9 and any(score >= SURE for score, _ in best.values()):
                break
            for term, score in self._scored(query):
                score = round(score * share, 4)
                if score >= LEAST_SCORE and score > best.get(term.item, (0.0, None))[0]:
                    best[term.item] = (score, term)
        order = sorted(best.items(), key=lambda found: (-found[1][0], self._items[found[0]].id))
        return [
            Hit(item=self._items[number], score=score, matched=term.written)
            for number, (score, term) in order[:limit]
        ]

    def _scored(self, query: str) -> Iterator[tuple[_Term, float]]:
        """Yield the terms that share most with ``query``, each with its score."""
        grams = self._rarest(_grams(query, query=True))
        shared: defaultdict[int, float] = defaultdict(float)
        for gram in grams:
            weight = self._idf.get(gram, 0.0)
            for place in self._postings.get(gram, ()):
                shared[place] += weight
        total = self._weight(grams) or 1.0

        def promise(place: int) -> float:
            mine = self._totals[place]
            return shared[place] * (1 / min(total, mine) + 0.2 / max(total, mine))

        for place in nlargest(CANDIDATES, shared, key=promise):
            term = self._terms[place]
            overlap = 2 * shared[place] / (total + min(total, self._totals[place]))
            yield term, term.weight * _likeness(query, term, overlap)

    def _rarest(self, grams: frozenset[str]) -> frozenset[str]:
        """Return the groups that tell most: those that occur, the rarest first, at most ``RAREST_GRAMS``."""
        known = sorted(grams & self._postings.keys(), key=lambda gram: (len(self._postings[gram]), gram))
        return frozenset(known[:RAREST_GRAMS]) | (grams - self._postings.keys())

    def _rarity(self, gram: str, occurs: int) -> float:
        return (1.0 if len(gram) > 1 else 0.4) * math.log(2 + len(self._terms) / (1 + occurs))

    def _weight(self, grams: frozenset[str]) -> float:
        """Add up what ``grams`` tell; one that nobody uses (fill words, a slip) tells little."""
        return sum(self._idf.get(gram) or self._rarity(gram, len(self._terms) // 8) for gram in grams)


def _terms_of(number: int, item: ServiceItem) -> Iterator[_Term]:
    """Yield every way to call ``item``, normalised."""
    yield _Term(number, _normal(item.id), item.id, 1.0)
    names = (item.name, item.short_name)
    for written, weight in (
        *((name.zh, 1.0) for name in names),
        *((word, 0.97) for word in item.synonyms.zh),
    ):
        text = _normal(_core(written))
        syllables = lazy_pinyin(text, style=Style.NORMAL, errors="ignore")
        yield _Term(number, text, written, weight)
        yield _Term(number, "".join(syllables), written, weight * 0.92, _starts(syllables))
        yield _Term(number, "".join(syllable[0] for syllable in syllables), written, weight * 0.9)
    for written, weight in (
        *((name.en, 1.0) for name in names),
        *((word, 0.97) for word in item.synonyms.en),
    ):
        yield _words(number, written, written, weight)
    yield _Term(number, _normal(item.result.name.zh), item.result.name.zh, 0.9)
    yield _words(number, item.result.name.en, item.result.name.en, 0.9)
    yield _Term(number, _normal(item.description.zh), item.name.zh, 0.6)
    yield _words(number, item.description.en, item.name.en, 0.6)


def _words(number: int, text: str, written: str, weight: float) -> _Term:
    words = [_normal(word) for word in (_core(text) or text).split()]
    return _Term(number, "".join(words), written, weight, _starts(words))


def _starts(parts: list[str]) -> frozenset[int]:
    """Return where each of ``parts`` begins when they are joined."""
    return frozenset(sum(map(len, parts[:place])) for place in range(len(parts)))


def _unique(terms: Iterable[_Term]) -> Iterator[_Term]:
    """Yield the terms without empty ones and repetitions; the first, heaviest, stays."""
    seen: set[str] = set()
    for term in terms:
        if term.text and term.text not in seen:
            seen.add(term.text)
            yield term


def _normal(text: str) -> str:
    """Return ``text`` in lower case and half width, letters and digits only."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def _core(text: str) -> str:
    """Return ``text`` without the words around the matter, which may leave nothing."""
    return _AROUND.sub(" ", unicodedata.normalize("NFKC", text).casefold())


def _queries(text: str) -> Iterator[tuple[str, float]]:
    """Yield what to look for, with the share of trust it has: the words, then how they sound."""
    query = _normal(_core(text))
    if not _HAN.search(query):
        yield query, 1.0
        return
    for word in _LATIN.findall(query):
        yield word, 0.9
    han = _LATIN.sub("", query)
    yield han, 1.0
    yield "".join(lazy_pinyin(han, style=Style.NORMAL)), 0.85


def _grams(text: str, *, query: bool = False) -> frozenset[str]:
    """
    Return the letter groups of ``text``: single and pairs of Chinese characters, threes of other letters.

    ``^`` and ``$`` stand for the ends; a query of two letters is taken for a beginning.
    """
    if _HAN.search(text):
        return frozenset(text) | {text[place : place + 2] for place in range(len(text) - 1)}
    padded = f"^{text}" if query and len(text) == 2 else f"^{text}$"
    return frozenset(padded[place : place + 3] for place in range(len(padded) - 2))


def _likeness(query: str, term: _Term, overlap: float) -> float:
    """Return from 0 to 1 how well ``term`` answers ``query``; ``overlap`` is the share of common groups."""
    text = term.text
    if query == text:
        return 1.0
    if len(query) > 1 and term.has_word(query):
        return 0.78 + 0.18 * len(query) / len(text)
    han = _HAN.search(text) is not None
    if text in query and len(text) > (1 if han else 4):
        return 0.6 + 0.35 * len(text) / len(query)
    if min(len(query), len(text)) >= (3 if han else 5) and one_slip(query, text):
        return 0.76
    return 0.66 * min(1.0, overlap)


def one_slip(one: str, other: str) -> bool:
    """Tell whether one letter added, lost or changed, or two neighbours swapped, makes one the other."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    short, long = sorted((one, other), key=len)
    same = next((place for place, letter in enumerate(short) if letter != long[place]), len(short))
    if len(short) < len(long):
        return short[same:] == long[same + 1 :]
    if short[same + 1 :] == long[same + 1 :]:
        return True
    swapped = long[same + 1 : same + 2] + long[same : same + 1]
    return short[same : same + 2] == swapped and short[same + 2 :] == long[same + 2 :]
