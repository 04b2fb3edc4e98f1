"""The steps in which pages show numbers."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cloudwindow.domain.steps import EXACT_UP_TO, MARKS, down, span_of, step_of, up

NUMBERS = st.integers(0, 1_000_000)


def test_up_to_ten_every_number_is_shown_as_it_is() -> None:
    assert [up(number) for number in range(EXACT_UP_TO + 1)] == list(range(EXACT_UP_TO + 1))
    assert [down(number) for number in range(EXACT_UP_TO + 1)] == list(range(EXACT_UP_TO + 1))


@given(NUMBERS)
def test_what_is_shown_is_off_by_less_than_a_fifth(number: int) -> None:
    assert number <= up(number) <= number * 1.2 + 1
    assert number * 0.8 - 1 <= down(number) <= number


@given(NUMBERS)
def test_a_step_holds_exactly_the_numbers_between_its_ends(number: int) -> None:
    least, most = span_of(step_of(number))
    assert least <= number <= most == up(number)
    assert step_of(least) == step_of(most)
    assert step_of(most + 1) == step_of(most) + 1


def test_marks_grow_by_about_a_tenth_and_never_by_more_than_a_fifth() -> None:
    beyond = [mark for mark in MARKS if mark >= EXACT_UP_TO]
    assert all(1.0 < later / mark <= 1.2 for mark, later in pairwise(beyond))
    assert len([mark for mark in MARKS if mark <= 10_000]) < 90
