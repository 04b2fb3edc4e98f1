"""Messages: what crosses the wire keeps its shape, and nothing else gets in."""

import dataclasses
import json
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwindow.domain.errors import Malformed
from cloudwindow.domain.messages import (
    FROM_AGENT,
    FROM_CITIZEN,
    MESSAGES,
    SDP_LIMIT,
    TEXT_LIMIT,
    ChatSay,
    FormSet,
    Message,
    decode,
    encode,
)

FROM = FROM_CITIZEN | FROM_AGENT
values: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(codec="utf-8"), max_size=50),
    int: st.integers(-(2**53) + 1, 2**53 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 99),
    bool: st.booleans(),
    Any: st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=3) | st.none() | st.booleans(),
    str | None: st.none() | st.text(st.characters(codec="utf-8"), max_size=50),
    int | None: st.none() | st.integers(0, 999),
    float | None: st.none() | st.floats(0, 100),
}


def sample(kind: str, seed: int = 0) -> dict[str, Any]:
    """A message a browser could send."""
    plain = {str: "x", int: 1, float: 1.5, bool: True, Any: ["x"], str | None: None, int | None: 2}
    hints = get_type_hints(MESSAGES[kind])
    fields = {one.name: plain.get(hints[one.name], 0.5) for one in dataclasses.fields(MESSAGES[kind])}
    return {"type": kind, **fields}


@st.composite
def sent(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(FROM)))
    hints = get_type_hints(MESSAGES[kind])
    body = {one.name: draw(values[hints[one.name]]) for one in dataclasses.fields(MESSAGES[kind])}
    return {"type": kind, **body}


@given(sent(), st.none() | st.text(min_size=1, max_size=64))
def test_a_well_formed_message_arrives_as_it_was_sent(raw: dict[str, Any], request: str | None) -> None:
    message, known = decode(raw if request is None else raw | {"id": request}, FROM)
    assert known == request
    assert json.loads(encode(message)) == json.loads(json.dumps(raw))


@pytest.mark.parametrize("kind", sorted(FROM))
def test_a_message_of_the_other_side_is_unknown(kind: str) -> None:
    for permitted in (FROM_CITIZEN, FROM_AGENT, frozenset[str]()):
        if kind in permitted:
            assert decode(sample(kind), permitted)[0].type == kind
            continue
        with pytest.raises(Malformed) as refused:
            decode(sample(kind), permitted)
        assert refused.value.code == "message_unknown"


@pytest.mark.parametrize("kind", sorted(MESSAGES.keys() - FROM))
def test_nobody_may_send_what_only_the_server_says(kind: str) -> None:
    with pytest.raises(Malformed) as refused:
        decode({"type": kind}, FROM)
    assert refused.value.code == "message_unknown"


def test_a_citizen_cannot_say_what_an_agent_says_nor_the_other_way_round() -> None:
    assert {
        "agent.available",
        "agent.away",
        "agent.stay",
        "offer.accept",
        "offer.decline",
        "identity.check",
        "material.judge",
        "form.point",
        "read_back.start",
        "session.outcome",
    } == FROM_AGENT - FROM_CITIZEN
    assert {"call.join", "form.confirm", "declaration.confirm", "device.report"} == FROM_CITIZEN - FROM_AGENT


WRONG: dict[Any, list[Any]] = {
    str: [1, None, True, ["x"], {"x": 1}, "x" * (TEXT_LIMIT + 1)],
    int: ["1", 1.5, True, None, 2**53],
    float: ["1", True, None, [1.0]],
    bool: [1, "true", None],
    str | None: [1, False, [], "x" * (TEXT_LIMIT + 1)],
    int | None: ["1", 1.5, False],
    float | None: ["1", True],
}


@pytest.mark.parametrize("kind", sorted(FROM))
def test_a_field_of_the_wrong_kind_is_refused_by_its_name(kind: str) -> None:
    hints = get_type_hints(MESSAGES[kind])
    for one in dataclasses.fields(MESSAGES[kind]):
        for wrong in WRONG.get(hints[one.name], []):
            if one.name == "sdp" and isinstance(wrong, str):
                continue
            with pytest.raises(Malformed) as refused:
                decode(sample(kind) | {one.name: wrong}, FROM)
            assert (refused.value.code, refused.value.field) == ("message_malformed", one.name)


@pytest.mark.parametrize("kind", sorted(FROM))
def test_a_field_too_many_or_too_few_is_refused(kind: str) -> None:
    with pytest.raises(Malformed):
        decode(sample(kind) | {"extra": 1}, FROM)
    for one in dataclasses.fields(MESSAGES[kind]):
        less = {name: value for name, value in sample(kind).items() if name != one.name}
        if one.default is dataclasses.MISSING:
            with pytest.raises(Malformed):
                decode(less, FROM)
        else:
            assert getattr(decode(less, FROM)[0], one.name) == one.default


@pytest.mark.parametrize("raw", [None, 1, "chat.say", [], ["type"], {}, {"type": 1}, {"type": None}])
def test_what_names_no_type_is_malformed(raw: Any) -> None:
    with pytest.raises(Malformed) as refused:
        decode(raw, FROM)
    assert refused.value.code == "message_malformed"


@pytest.mark.parametrize("request_id", ["", "x" * 65, 1, ["x"], True])
def test_a_request_is_named_by_a_short_word(request_id: Any) -> None:
    with pytest.raises(Malformed) as refused:
        decode({"type": "chat.say", "text": "x", "id": request_id}, FROM)
    assert refused.value.field == "id"


def test_only_an_sdp_offer_may_be_long() -> None:
    offer = {"type": "call.offer", "purpose": "call", "attempt": 1}
    assert decode(offer | {"sdp": "v" * SDP_LIMIT}, FROM)
    with pytest.raises(Malformed):
        decode(offer | {"sdp": "v" * (SDP_LIMIT + 1)}, FROM)
    assert decode({"type": "chat.say", "text": "x" * TEXT_LIMIT}, FROM)
    with pytest.raises(Malformed):
        decode({"type": "chat.say", "text": "x" * (TEXT_LIMIT + 1)}, FROM)


def test_every_message_has_its_own_name_and_says_what_it_is() -> None:
    classes = set(MESSAGES.values())
    assert len(classes) == len(MESSAGES)
    assert all(one.__doc__ and issubclass(one, Message) for one in classes)
    assert all("id" not in get_type_hints(MESSAGES[kind]) for kind in FROM), "id is the request's name"


def test_encoding_keeps_chinese_readable_and_on_one_line() -> None:
    told = encode(ChatSay(text="您好\n世界"))
    assert "您好" in told
    assert "\n" not in told


def test_decoding_does_not_change_what_it_was_given() -> None:
    raw = {"type": "form.set", "field": "f", "value": {"a": ["b"]}, "base": 1, "id": "1"}
    before = json.dumps(raw)
    message, _ = decode(raw, FROM)
    assert isinstance(message, FormSet)
    assert json.dumps(raw) == before
