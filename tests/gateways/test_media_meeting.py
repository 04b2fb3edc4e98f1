"""Who receives whom, as rules: every pair of roles, modes, holds and side rooms."""

import json
from itertools import product

import pytest

from cloudwindow.domain.errors import BadInput
from cloudwindow.media.meeting import (
    MAX_NAMED,
    MAX_REASON,
    Seat,
    checked,
    meets,
    mode_of,
    receives,
    with_hold,
    with_mode,
    with_side_room,
)
from cloudwindow.media.plane import Arrangement, Mode
from cloudwindow.media.rights import RIGHTS
from cloudwindow.media.wire import arrangement_message, read_arrangement

PLAIN = Arrangement()
PEOPLE = [Seat(role, role) for role in RIGHTS]
CITIZEN, AGENT, BOSS = Seat("c", "citizen"), Seat("a", "agent"), Seat("s", "supervisor")
FAMILY, SIGNS = Seat("f", "family"), Seat("i", "interpreter")


@pytest.mark.parametrize("role", sorted(set(RIGHTS) - {"supervisor", "recorder"}))
def test_everybody_receives_everybody_but_a_listening_supervisor_and_a_recorder(role: str) -> None:
    met = {other.role for other in PEOPLE if receives(Seat("me", role), other, PLAIN)}
    alone = {"citizen", "principal"} & {role}
    assert met == set(RIGHTS) - {"supervisor", "recorder"} - alone


def test_a_citizen_never_receives_another_citizen() -> None:
    assert not receives(Seat("c1", "citizen"), Seat("c2", "citizen"), PLAIN)
    assert receives(Seat("c1", "citizen"), Seat("p", "principal"), PLAIN)


def test_nobody_receives_a_recorder_and_it_may_send_nothing() -> None:
    assert RIGHTS["recorder"].sends == frozenset()
    assert not any(receives(listener, Seat("r", "recorder"), PLAIN) for listener in PEOPLE)


def test_only_the_local_counter_has_devices() -> None:
    assert {role: set(rights.devices) for role, rights in RIGHTS.items() if rights.devices} == {
        "local_counter": {"scanner", "printer"}
    }


@pytest.mark.parametrize(
    ("mode", "heard_by"), [(Mode.LISTEN, set()), (Mode.WHISPER, {"a"}), (Mode.JOIN, {"a", "c", "f"})]
)
def test_a_supervisor_is_received_as_the_mode_says(mode: Mode, heard_by: set[str]) -> None:
    standing = with_mode(PLAIN, "s", mode)
    for listener in (AGENT, CITIZEN, FAMILY):
        assert receives(listener, BOSS, standing) == (listener.member in heard_by)
        assert meets(listener, BOSS, standing) == (listener.member in heard_by)
        assert receives(BOSS, listener, standing)


def test_a_mode_makes_nobody_else_a_supervisor() -> None:
    assert mode_of(CITIZEN, with_mode(PLAIN, "c", Mode.LISTEN)) is Mode.JOIN
    assert mode_of(BOSS, PLAIN) is Mode.LISTEN


def test_a_hold_silences_both_directions_and_keeps_the_place() -> None:
    standing = with_hold(PLAIN, "looking.up", "c")
    assert not receives(AGENT, CITIZEN, standing)
    assert not receives(CITIZEN, AGENT, standing)
    assert meets(AGENT, CITIZEN, standing)
    assert receives(AGENT, FAMILY, standing)
    assert receives(AGENT, CITIZEN, with_hold(standing, None, "c"))


def test_a_room_on_hold_is_silent_and_a_members_own_hold_outlasts_it() -> None:
    standing = with_hold(with_hold(PLAIN, "break", None), "alone", "c")
    assert not any(receives(one, other, standing) for one, other in product(PEOPLE, PEOPLE))
    released = with_hold(standing, None, None)
    assert receives(AGENT, FAMILY, released)
    assert not receives(AGENT, CITIZEN, released)


def test_in_a_side_room_only_those_inside_meet_and_the_others_hear_nothing() -> None:
    standing = with_mode(with_side_room(PLAIN, ["c", "a"]), "s", Mode.JOIN)
    assert receives(CITIZEN, AGENT, standing)
    assert receives(AGENT, CITIZEN, standing)
    for listener, speaker in product((CITIZEN, AGENT, FAMILY, SIGNS, BOSS), repeat=2):
        inside = {listener.member, speaker.member} <= {"c", "a"}
        alone = listener == speaker == CITIZEN
        assert receives(listener, speaker, standing) == (inside and not alone)
    assert receives(FAMILY, AGENT, with_side_room(standing, []))


def test_a_role_without_the_right_is_not_in_the_side_room_even_if_it_is_named() -> None:
    standing = Arrangement(side_room=frozenset({"c", "a", "f"}))
    assert not receives(FAMILY, CITIZEN, standing)
    with pytest.raises(BadInput) as refused:
        checked(standing, [CITIZEN, AGENT, FAMILY])
    assert refused.value.code == "side_room_refused"


@pytest.mark.parametrize(
    ("standing", "code"),
    [
        (Arrangement(side_room=frozenset({"c"})), "side_room_refused"),
        (Arrangement(modes={"c": Mode.LISTEN}), "mode_refused"),
        (Arrangement(hold="x" * (MAX_REASON + 1)), "bad_media_call"),
        (Arrangement(holds={"c": "x" * (MAX_REASON + 1)}), "bad_media_call"),
        (Arrangement(holds={str(number): "" for number in range(MAX_NAMED + 1)}), "bad_media_call"),
    ],
)
def test_an_arrangement_that_cannot_be_is_refused(standing: Arrangement, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        checked(standing, [CITIZEN, AGENT])
    assert refused.value.code == code


def test_an_arrangement_survives_the_wire() -> None:
    standing = Arrangement(
        hold="休息", holds={"c": "x"}, side_room=frozenset({"a", "c"}), modes={"s": Mode.WHISPER}
    )
    assert read_arrangement(json.loads(json.dumps(arrangement_message(standing)))) == standing
    assert read_arrangement(arrangement_message(PLAIN)) == PLAIN


@pytest.mark.parametrize(
    "broken",
    [
        None,
        [],
        {},
        arrangement_message(PLAIN) | {"hold": 5},
        arrangement_message(PLAIN) | {"holds": {"c": 5}},
        arrangement_message(PLAIN) | {"side_room": "ac"},
        arrangement_message(PLAIN) | {"side_room": [1, 2]},
        arrangement_message(PLAIN) | {"modes": {"s": "shout"}},
        arrangement_message(PLAIN) | {"more": 1},
    ],
)
def test_a_broken_arrangement_on_the_wire_is_refused(broken: object) -> None:
    with pytest.raises(BadInput) as refused:
        read_arrangement(broken)
    assert refused.value.code == "bad_media_call"
