"""
The steps in which a page shows numbers: exactly up to ten, then about a tenth apart, so that few change,
and from a thousand on, where nobody counts any more, a sixth.

A number that moves with every pairing costs each of ten thousand pages a push; in steps it costs one only to
those who cross a step, and "about 110" tells a person as much as 107.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import takewhile

EXACT_UP_TO = 10
_DECADE = (11, 12, 13, 14, 15, 16, 18, 20, 22, 25, 28, 30, 33, 36, 40, 45, 50, 55, 60, 65, 70, 80, 90, 100)

_FAR = (12, 14, 16, 19, 22, 26, 30, 35, 40, 47, 55, 65, 75, 87, 100)
"""The same from ``FAR_FROM`` on."""
FAR_FROM = 1000


def _marks(limit: int) -> Sequence[int]:
    tens = [10**power for power in range(len(str(limit)))]
    return tuple(
        takewhile(
            lambda mark: mark <= limit,
            (
                *range(EXACT_UP_TO + 1),
                *(mark * ten for ten in tens for mark in (_DECADE if ten * 10 < FAR_FROM else _FAR)),
            ),
        )
    )


MARKS = _marks(10_000_000)
"""Every number that is ever shown, from zero on."""


def step_of(number: int) -> int:
    """Which step ``number`` lies in: the index of the smallest mark that is not below it."""
    return bisect_left(MARKS, number)


def span_of(step: int) -> tuple[int, int]:
    """The smallest and the largest number of a step; the largest is the one shown."""
    return (MARKS[step - 1] + 1 if step else 0), MARKS[step]


def up(number: int) -> int:
    """
    The mark at or above ``number``.

    >>> up(7), up(17), up(101)
    (7, 18, 110)
    """
    return MARKS[step_of(number)]


def down(number: int) -> int:
    """
    The mark at or below ``number``.

    >>> down(7), down(17), down(109)
    (7, 16, 100)
    """
    return MARKS[bisect_right(MARKS, number) - 1]
