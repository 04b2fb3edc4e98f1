"""Breaking texts that mix Chinese and Latin into lines, by the Chinese rules for punctuation (避头尾)."""

import re
from collections.abc import Callable, Iterator
from typing import Final

# A Latin word or number stays whole; each Chinese character may end a line.
UNIT: Final = re.compile(r"[ \t]+|[!-~\u00a1-\u024f*]+|.", re.DOTALL)
NOT_FIRST: Final = frozenset("，。、；：？！）》〉」』】〕”’…—·%,.;:?!)]}")
NOT_LAST: Final = frozenset("（《〈「『【〔“‘([{")


def break_lines(text: str, width: float, measure: Callable[[str], float], *, indent: float = 0) -> list[str]:
    """
    Return the lines of ``text``; none is wider than ``width`` by ``measure``, the first by ``indent`` less.

    No line begins with a closing mark or ends with an opening one. A line feed in ``text`` ends a line.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines.extend(_fill(paragraph, width, measure, 0 if lines else indent))
    return lines


def _fill(text: str, width: float, measure: Callable[[str], float], indent: float) -> Iterator[str]:
    line, room = "", width - indent
    for unit in _bound_units(text):
        if measure((line + unit).rstrip()) <= room:
            line += unit
            continue
        if line.strip():
            yield line.rstrip()
            line, room = "", width
        *whole, line = _chopped(unit.lstrip(), room, measure)
        yield from whole
    yield line.rstrip()


def _bound_units(text: str) -> Iterator[str]:
    """Join each mark to the character it must not be parted from."""
    held = ""
    for unit in UNIT.findall(text):
        if held and unit[0] not in NOT_FIRST and held[-1] not in NOT_LAST:
            yield held
            held = ""
        held += unit
    if held:
        yield held


def _chopped(unit: str, width: float, measure: Callable[[str], float]) -> list[str]:
    """Cut a unit that is wider than a whole line; what fits stays as it is."""
    pieces = [""]
    for character in unit:
        if pieces[-1] and measure(pieces[-1] + character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces
