"""The table of rights and the table of routes fit together."""

from cloudwindow import app
from cloudwindow.domain.rights import ACTIONS, STAFF, Role
from cloudwindow.handlers.door import is_staff_path
from cloudwindow.handlers.routes import ROUTES

assert app.HANDLERS, "importing them declares their routes"


def test_every_right_is_used_by_a_route_and_every_route_names_a_right() -> None:
    assert {one.action for one in ROUTES} == set(ACTIONS)


def test_no_address_is_declared_twice() -> None:
    addresses = [(one.method, one.path) for one in ROUTES]
    assert len(addresses) == len(set(addresses))


def test_nothing_is_changed_by_looking() -> None:
    assert {one.method for one in ROUTES} == {"GET", "POST"}
    signing = {one.method for one in ROUTES if one.action in {"visit.fill", "visit.sign", "desk.submit"}}
    assert signing == {"POST"}


def test_what_only_staff_may_do_lies_below_the_staffs_addresses() -> None:
    """Each side sees its own session only, so an address on the wrong side could never be allowed."""
    for one in ROUTES:
        roles = ACTIONS[one.action]
        if roles <= STAFF:
            assert is_staff_path(one.path), one.path
        elif Role.CITIZEN in roles and Role.VISITOR not in roles:
            assert not is_staff_path(one.path), one.path


def test_every_handler_tells_its_address_in_its_first_line() -> None:
    for one in ROUTES:
        first = (one.handler.__doc__ or "").splitlines()[0]
        assert " — " in first, one.path
        assert first.startswith(f"{one.method} /"), one.path
        assert one.path.split(":")[0] in first or one.path in {"/", "/items"}, one.path
