"""
Who may do what: one table, one question, deny by default.

``allow(person, action, thing)`` is asked at every door: by the route table for the kind of person (no thing),
and by the journey for the very thing. A thing is a word such as ``ticket:abc``, ``case:XXXX``,
``session:abc`` or ``district:440114``; a person reaches the things listed in ``reach``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cloudwindow.domain.errors import NotFound


class Role(StrEnum):
    """The kinds of people; everybody is a visitor."""

    VISITOR = "visitor"
    CITIZEN = "citizen"
    GUEST = "guest"
    """Somebody invited into a call."""
    AGENT = "agent"
    APPROVER = "approver"
    DISTRICT_ADMIN = "district_admin"
    CITY_ADMIN = "city_admin"


STAFF = frozenset({Role.AGENT, Role.APPROVER, Role.DISTRICT_ADMIN, Role.CITY_ADMIN})
EVERYBODY = frozenset(Role)
CITY = "city"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody at the door: their roles and the things they reach."""

    roles: frozenset[Role] = frozenset({Role.VISITOR})
    reach: frozenset[str] = field(default_factory=frozenset)


# Rule: an action that is not here is allowed to nobody. The test of the route table walks every row.
ACTIONS: Mapping[str, frozenset[Role]] = {
    "look": EVERYBODY,
    "prefer": EVERYBODY,
    "intake": EVERYBODY,
    "resume": EVERYBODY,
    "case.find": EVERYBODY,
    "appointment.find": EVERYBODY,
    "appointment": frozenset({Role.CITIZEN}),
    "left_form": frozenset({Role.CITIZEN}),
    "case.follow": frozenset({Role.CITIZEN}),
    "case.correct": frozenset({Role.CITIZEN}),
    "visit": frozenset({Role.CITIZEN}),
    "visit.wait": frozenset({Role.CITIZEN}),
    "visit.fill": frozenset({Role.CITIZEN}),
    "visit.sign": frozenset({Role.CITIZEN}),
    "visit.rate": frozenset({Role.CITIZEN}),
    "visit.company": frozenset({Role.CITIZEN}),
    "visit.recording": frozenset({Role.CITIZEN}),
    "guest.enter": EVERYBODY,
    "guest": frozenset({Role.GUEST}),
    "verify": EVERYBODY,
    "staff.sign_in": EVERYBODY,
    "staff.home": STAFF,
    "desk": frozenset({Role.AGENT}),
    "desk.submit": frozenset({Role.AGENT}),
    "desk.decide": frozenset({Role.AGENT}),
    "desk.take": frozenset({Role.AGENT}),
    "desk.onward": frozenset({Role.AGENT}),
    "desk.left_form": frozenset({Role.AGENT}),
    "desk.shift": frozenset({Role.AGENT}),
    "desk.company": frozenset({Role.AGENT}),
    "desk.recording": frozenset({Role.AGENT}),
    "inbox": frozenset({Role.APPROVER}),
    "inbox.case": frozenset({Role.APPROVER}),
    "board": frozenset({Role.DISTRICT_ADMIN, Role.CITY_ADMIN}),
    "board.lend": frozenset({Role.DISTRICT_ADMIN, Role.CITY_ADMIN}),
    "board.explain": frozenset({Role.DISTRICT_ADMIN, Role.CITY_ADMIN}),
    "board.supervise": frozenset({Role.DISTRICT_ADMIN, Role.CITY_ADMIN}),
    "recording": STAFF,
    "recording.play": frozenset({Role.AGENT, Role.DISTRICT_ADMIN, Role.CITY_ADMIN}),
    "recording.download": frozenset({Role.CITY_ADMIN}),
    "recording.hold": frozenset({Role.DISTRICT_ADMIN, Role.CITY_ADMIN}),
    "recording.film": frozenset({Role.DISTRICT_ADMIN, Role.CITY_ADMIN}),
    "demo": EVERYBODY,
    "health": EVERYBODY,
    "metrics": EVERYBODY,
}


def allow(person: Person, action: str, thing: str | None = None) -> bool:
    """Whether ``person`` may do ``action``, to ``thing`` if one is named."""
    if not person.roles & ACTIONS.get(action, frozenset()):
        return False
    if thing is None or thing in person.reach:
        return True
    return CITY in person.reach and thing.startswith("district:")


def demand(person: Person, action: str, thing: str, code: str) -> None:
    """Raise NotFound(``code``) unless allowed: somebody else's thing answers like one that does not exist."""
    if not allow(person, action, thing):
        raise NotFound(code)
