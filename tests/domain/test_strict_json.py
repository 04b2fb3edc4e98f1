"""What the strict reader lets in, and what it does not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwindow.domain.strict_json import DEEPEST, parsed

REFUSED = {
    "nothing": "",
    "half an object": '{"a": 1',
    "two values": "{} {}",
    "not a number": '{"a": NaN}',
    "infinity": '{"a": -Infinity}',
    "overflowing number": '{"a": 1e999}',
    "very long number": '{"a": ' + "9" * 5000 + "}",
    "number one digit too long": '{"a": ' + "9" * 18 + "}",
    "duplicate names": '{"a": 1, "a": 2}',
    "duplicate names inside": '{"b": {"a": 1, "a": 2}}',
    "lone surrogate": '{"a": "\\ud800"}',
    "lone surrogate as a name": '{"\\udfff": 1}',
    "one level too deep": "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1),
    "far too deep": "[" * 100_000 + "]" * 100_000,
    "single quotes": "{'a': 1}",
    "trailing comma": '{"a": 1,}',
    "comment": '{"a": 1} // no',
    "byte order mark": '\ufeff{"a": 1}',
    "zero character": '{"a": "x\\u0000"}',
    "zero character in a name": '{"\\u0000": 1}',
    "control character": '{"a": "\n"}',
}

letters = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
plain: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**16) + 1, 10**17 - 1) | letters,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(letters, inner, max_size=4),
    max_leaves=15,
)


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_could_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parsed(text)


@given(plain)
def test_whatever_was_written_plainly_is_read_as_it_was(value: Any) -> None:
    assert parsed(json.dumps(value)) == value
    assert parsed(json.dumps(value, ensure_ascii=False)) == value


def test_the_deepest_nesting_allowed_is_read() -> None:
    assert parsed("[" * DEEPEST + "]" * DEEPEST)


def test_a_pair_of_surrogates_is_one_letter() -> None:
    assert parsed('"\\ud83d\\ude00"') == "😀"
