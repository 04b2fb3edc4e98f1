"""Numbers people read aloud and type."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwindow.domain.ids import CROCKFORD, check_character, in_groups, normal_code, with_check, word

spelled = st.text(CROCKFORD, min_size=1, max_size=30)


@given(st.binary(min_size=1, max_size=40))
def test_a_word_has_a_letter_for_each_five_bits(raw: bytes) -> None:
    made = word(raw)
    assert len(made) == -(-len(raw) * 8 // 5)
    assert set(made.upper()) <= set(CROCKFORD)


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_two_words_are_equal_only_if_their_bytes_are(one: bytes, other: bytes) -> None:
    assert (word(one) == word(other)) == (one == other)


def test_the_alphabet_has_no_letters_that_are_mistaken_for_others() -> None:
    assert not set("ILOU") & set(CROCKFORD)
    assert len(set(CROCKFORD)) == 32


@given(st.binary(min_size=1, max_size=32))
def test_a_printed_code_is_recognised_as_it_stands(raw: bytes) -> None:
    assert normal_code(with_check(raw)) == with_check(raw)


@given(st.binary(min_size=2, max_size=10), st.randoms())
def test_case_spaces_and_hyphens_do_not_matter(raw: bytes, chance: object) -> None:
    code = with_check(raw)
    assert normal_code(f"  {code.lower().replace('-', ' ')} ") == code
    assert normal_code(code.replace("-", "")) == code


@given(st.binary(min_size=2, max_size=10))
def test_letters_that_look_like_digits_are_read_as_digits(raw: bytes) -> None:
    code = with_check(raw)
    assert normal_code(code.replace("1", "I").replace("0", "O")) == code
    assert normal_code(code.replace("1", "l").replace("0", "o")) == code


@given(spelled, st.data())
def test_one_wrong_letter_is_always_noticed(text: str, data: st.DataObject) -> None:
    code = text + check_character(text)
    place = data.draw(st.integers(0, len(code) - 1))
    wrong = data.draw(st.sampled_from([letter for letter in CROCKFORD if letter != code[place]]))
    assert normal_code(code[:place] + wrong + code[place + 1 :]) is None


@given(spelled, st.data())
def test_two_swapped_neighbours_are_noticed_but_for_one_pair(text: str, data: st.DataObject) -> None:
    code = text + check_character(text)
    place = data.draw(st.integers(0, len(code) - 2))
    pair = code[place : place + 2]
    if len(set(pair)) == 1 or set(pair) == {CROCKFORD[0], CROCKFORD[-1]}:
        return
    assert normal_code(code[:place] + pair[::-1] + code[place + 2 :]) is None


@pytest.mark.parametrize("typed", ["", "0", "-", "A" * 65, "UUUU", "你好你好", "AB\x00C", "ABC!"])
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert normal_code(typed) is None


@given(st.text(string.printable, max_size=80))
def test_whatever_is_typed_the_answer_is_a_code_or_nothing(typed: str) -> None:
    found = normal_code(typed)
    assert found is None or normal_code(found) == found


@given(st.text(string.ascii_uppercase, max_size=40))
def test_groups_hold_four_letters_and_only_the_last_may_hold_less(text: str) -> None:
    groups = in_groups(text).split("-")
    assert "".join(groups) == text
    assert all(len(group) == 4 for group in groups[:-1])
