"""Who may do what: deny by default."""

import pytest

from cloudwindow.domain.errors import NotFound
from cloudwindow.domain.rights import ACTIONS, CITY, EVERYBODY, STAFF, Person, Role, allow, demand

CITIZENS_ONLY = {
    "appointment",
    "left_form",
    "case.follow",
    "case.correct",
    "visit",
    "visit.wait",
    "visit.fill",
    "visit.sign",
    "visit.rate",
    "visit.company",
    "visit.recording",
}
ONLY = {
    "desk": {Role.AGENT},
    "desk.submit": {Role.AGENT},
    "desk.decide": {Role.AGENT},
    "desk.take": {Role.AGENT},
    "desk.onward": {Role.AGENT},
    "desk.left_form": {Role.AGENT},
    "desk.shift": {Role.AGENT},
    "desk.company": {Role.AGENT},
    "desk.recording": {Role.AGENT},
    "guest": {Role.GUEST},
    "inbox": {Role.APPROVER},
    "inbox.case": {Role.APPROVER},
    "board": {Role.DISTRICT_ADMIN, Role.CITY_ADMIN},
    "board.lend": {Role.DISTRICT_ADMIN, Role.CITY_ADMIN},
    "board.explain": {Role.DISTRICT_ADMIN, Role.CITY_ADMIN},
    "board.supervise": {Role.DISTRICT_ADMIN, Role.CITY_ADMIN},
    "recording": set(STAFF),
    "recording.play": {Role.AGENT, Role.DISTRICT_ADMIN, Role.CITY_ADMIN},
    "recording.download": {Role.CITY_ADMIN},
    "recording.hold": {Role.DISTRICT_ADMIN, Role.CITY_ADMIN},
    "recording.film": {Role.DISTRICT_ADMIN, Role.CITY_ADMIN},
    "staff.home": set(STAFF),
} | {action: {Role.CITIZEN} for action in CITIZENS_ONLY}


def person(*roles: Role, reach: set[str] | None = None) -> Person:
    return Person(roles=frozenset({Role.VISITOR, *roles}), reach=frozenset(reach or ()))


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", ACTIONS)
def test_each_role_may_do_what_its_row_says_and_nothing_else(action: str, role: Role) -> None:
    expected = action not in ONLY or role in ONLY[action]
    assert allow(person(role), action) is expected


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("action", ["", "visit.sign ", "VISIT", "desk.delete", "*"])
def test_an_action_nobody_wrote_down_is_allowed_to_nobody(action: str, role: Role) -> None:
    assert not allow(person(*Role), action)
    assert not allow(person(role, reach={CITY}), action)


def test_an_agent_may_not_confirm_declare_or_sign_for_a_citizen() -> None:
    assert not allow(person(*STAFF), "visit.sign")
    assert not allow(person(*STAFF), "visit.fill")


def test_no_staff_action_is_open_to_citizens_or_visitors() -> None:
    open_to_all = {action for action, roles in ACTIONS.items() if roles == EVERYBODY}
    staffed = {action for action, roles in ACTIONS.items() if roles & STAFF} - open_to_all
    steps = ("submit", "decide", "take", "onward", "shift", "company", "recording", "left_form")
    desks = {"desk", *(f"desk.{what}" for what in steps)}
    boards = {"board", "board.lend", "board.explain", "board.supervise"}
    offices = {"inbox", "inbox.case", "staff.home", *boards}
    films = {"recording", *(f"recording.{what}" for what in ("play", "download", "hold", "film"))}
    assert staffed == desks | offices | films
    assert all(not ACTIONS[action] & {Role.CITIZEN, Role.VISITOR} for action in staffed)


def test_the_right_role_without_the_thing_is_refused() -> None:
    citizen = person(Role.CITIZEN, reach={"ticket:mine", "case:MINE"})
    assert allow(citizen, "visit", "ticket:mine")
    assert not allow(citizen, "visit", "ticket:theirs")
    assert not allow(citizen, "case.follow", "case:THEIRS")


def test_the_thing_without_the_right_role_is_refused() -> None:
    assert not allow(person(Role.AGENT, reach={"case:X"}), "inbox.case", "case:X")


def test_the_city_reaches_every_district_and_nothing_else() -> None:
    admin = person(Role.CITY_ADMIN, reach={CITY})
    assert allow(admin, "board", "district:440114")
    assert not allow(admin, "board", "case:X")


def test_a_district_admin_reaches_their_own_district_only() -> None:
    admin = person(Role.DISTRICT_ADMIN, reach={"district:440114"})
    assert allow(admin, "board", "district:440114")
    assert not allow(admin, "board", "district:440106")


def test_somebody_elses_thing_is_refused_like_one_that_does_not_exist() -> None:
    citizen = person(Role.CITIZEN, reach={"case:MINE"})
    demand(citizen, "case.follow", "case:MINE", "case_not_found")
    with pytest.raises(NotFound) as refused:
        demand(citizen, "case.follow", "case:THEIRS", "case_not_found")
    assert (refused.value.status, refused.value.code) == (404, "case_not_found")
