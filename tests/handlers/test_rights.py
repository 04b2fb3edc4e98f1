"""Every address × every role: the door lets in whom the table names; a foreign thing is an unknown one."""

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cloudwindow import app as product
from cloudwindow.domain.rights import ACTIONS, Role
from cloudwindow.handlers.door import is_staff_path
from cloudwindow.handlers.routes import ROUTES, Route
from tests.handlers.conftest import staff
from tests.handlers.people import (
    Answer,
    Browser,
    City,
    Submitted,
    browser,
    hand_in,
    newcomer,
    take_ticket,
)

assert product.HANDLERS, "importing them declares their routes"

PEOPLE: Mapping[str, frozenset[Role]] = {
    "visitor": frozenset({Role.VISITOR}),
    "owner": frozenset({Role.VISITOR, Role.CITIZEN}),
    "other_citizen": frozenset({Role.VISITOR, Role.CITIZEN}),
    "agent": frozenset({Role.VISITOR, Role.AGENT}),
    "approver_home": frozenset({Role.VISITOR, Role.APPROVER}),
    "approver_other": frozenset({Role.VISITOR, Role.APPROVER}),
    "district_admin": frozenset({Role.VISITOR, Role.DISTRICT_ADMIN}),
    "city_admin": frozenset({Role.VISITOR, Role.CITY_ADMIN}),
}
ACCOUNTS = {
    "agent": "agent-huadu",
    "approver_home": "approver-huadu",
    "approver_other": "approver-tianhe",
    "district_admin": "admin-huadu",
    "city_admin": "admin-city",
}
AT_THE_DOOR = {"not_allowed", "not_signed_in", "no_visit", "case_not_found"}
"""Codes of a refusal by the route table, before any handler runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """One browser for each kind of person, and a case of ``owner`` in the inbox of ``approver_home``."""

    browsers: Mapping[str, Browser]
    case: Submitted

    def own(self, path: str) -> str:
        """An address with things that exist: the owner's."""
        known = {
            "item": "HR01",
            "receipt": self.case.receipt,
            "document": self.case.documents[0],
            "material": self.case.materials[0],
            "rule": "id_card",
            "action": "acknowledge",
            "lending": "nobody-lends",
            "form": "nobodys-form",
            "party": "nobody-joined",
            "recording": "nothing-recorded",
            "viewing": "nobodys-leave",
            "clip": "0",
            "copy": "nobodys-copy",
            "path:.+": "css/base.css",
        }
        return re.sub(r"\{([^}]+)\}", lambda found: known[found[1]], path)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowd(city: City) -> AsyncIterator[Crowd]:
    """Everybody, once for this file."""
    async with AsyncExitStack() as stack:
        browsers = {name: await stack.enter_async_context(browser(city)) for name in PEOPLE}
        for name, account in ACCOUNTS.items():
            browsers[name] = await stack.enter_async_context(staff(city, account))
        case = await hand_in(city, browsers["owner"], browsers["agent"], newcomer(), "PS01")
        await take_ticket(browsers["other_citizen"], newcomer())
        yield Crowd(browsers=browsers, case=case)


def described(route: Route) -> str:
    return f"{route.method} {route.path}"


def test_every_address_of_the_application_was_declared(city: City) -> None:
    app = product.web_application(city.config, city.journey)
    declared = {(one.method, one.path) for one in ROUTES}
    served = {
        (one.method, one.resource.canonical)
        for one in app.router.routes()
        if one.resource is not None and one.method != "HEAD"
    }
    canonical = {(method, re.sub(r"\{(\w+):[^}]*\}", r"{\1}", path)) for method, path in declared}
    assert served == canonical
    assert len(list(app.router.routes())) == len(ROUTES) + sum(one.method == "GET" for one in ROUTES)


async def test_an_address_that_nobody_declared_is_open_to_nobody(city: City) -> None:
    async def forgotten(request: web.Request) -> web.Response:
        return web.Response(text="open")

    app = product.web_application(city.config, city.journey)
    app.router.add_get("/forgotten", forgotten)
    app.router.add_get("/desk/forgotten", forgotten)
    async with TestClient(TestServer(app)) as client:
        for path in ("/forgotten", "/desk/forgotten"):
            answer = await client.get(path)
            assert answer.status in {401, 404} or answer.url.path == "/staff/sign-in"
            assert await answer.text() != "open"


@pytest.mark.parametrize("name", PEOPLE)
@pytest.mark.parametrize("route", ROUTES, ids=described)
async def test_the_door_lets_in_whom_the_table_names(crowd: Crowd, route: Route, name: str) -> None:
    """Writes go without the form's token, so that a person who is let in changes nothing."""
    person = crowd.browsers[name]
    headers = {"Accept": "application/json", "X-CSRF": "wrong"}
    if route.method == "POST":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    answer = await person.ask(route.method, crowd.own(route.path), headers=headers)
    allowed = bool(PEOPLE[name] & ACTIONS[route.action])
    if allowed:
        foreign = name == "other_citizen" or (name == "approver_other" and "{receipt}" in route.path)
        own_thing = "{" in route.path and foreign
        assert answer.code not in AT_THE_DOOR or (own_thing and answer.status == 404), answer.text
        assert answer.status != 500, answer.text
        return
    if is_staff_path(route.path):
        known = name in ACCOUNTS
        expected = (403, "not_allowed") if known else (401, "not_signed_in")
    else:
        known_by = {
            "visit": "no_visit",
            "appointment": "no_appointment",
            "left_form": "no_left_form",
            "guest": "third_party_unknown",
        }
        expected = (404, known_by.get(route.action.split(".")[0], "case_not_found"))
    assert (answer.status, answer.code) == expected


UPLOADS = ("/visit/materials/{rule}", "/left-form/materials/{rule}", "/cases/{receipt}/corrections")
WRITERS = {
    "visit": "owner",
    "case": "owner",
    "appointment": "owner",
    "left_form": "owner",
    "intake": "owner",
    "resume": "owner",
    "desk": "agent",
    "inbox": "approver_home",
    "board": "district_admin",
    "staff": "agent",
    "recording": "district_admin",
    "recording.download": "city_admin",
}
TOKENLESS = {
    "/preferences": "changes only how pages look, and only from our own origin",
    "/guest/join": "nobody has a session yet: the secret is the word",
    "/guest/leave": "tests/handlers/test_company.py",
    "/guest/materials/{rule}": "tests/handlers/test_company.py",
}


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one.method == "POST" and one.path not in TOKENLESS], ids=described
)
@pytest.mark.parametrize("token", ["", "wrong", "x" * 5000, "é"])
async def test_no_write_is_carried_out_without_the_forms_token(
    crowd: Crowd, route: Route, token: str
) -> None:
    writer = WRITERS.get(route.action) or WRITERS[route.action.split(".")[0]]
    person = crowd.browsers[writer]
    before, person.csrf = person.csrf, token
    path = crowd.own(route.path)
    if route.path in UPLOADS:
        answer = await person.upload(path, [("file", b"x")])
    else:
        answer = await person.post(path, {"stars": "5", "decision": "approve"})
    person.csrf = before
    assert answer.status == 403
    assert "csrf_wrong" in answer.text


# --- somebody else's things ------------------------------------------------------------------------------

FOREIGN = [
    ("other_citizen", "GET", "/cases/{receipt}"),
    ("other_citizen", "GET", "/cases/{receipt}/documents/{document}"),
    ("other_citizen", "POST", "/cases/{receipt}/corrections"),
    ("other_citizen", "GET", "/visit/materials/{material}"),
    ("other_citizen", "POST", "/visit/materials/{material}/remove"),
    ("visitor", "GET", "/cases/{receipt}"),
    ("approver_other", "GET", "/inbox/{receipt}"),
    ("approver_other", "GET", "/inbox/{receipt}/documents/{document}"),
    ("approver_other", "GET", "/inbox/{receipt}/materials/{material}"),
    ("approver_other", "GET", "/inbox/{receipt}/signature"),
    ("approver_other", "POST", "/inbox/{receipt}/acknowledge"),
    ("approver_other", "POST", "/inbox/{receipt}/deny"),
    ("agent", "GET", "/desk/materials/{material}"),
    ("agent", "GET", "/desk/documents/{document}"),
]


def unknown_like(thing: str) -> str:
    """Something of the same length that does not exist."""
    return "-".join(secrets.token_hex(9)[: len(part)].upper() for part in thing.split("-"))


def plain(answer: Answer, *things: str) -> tuple[int, bytes, dict[str, str]]:
    """What an answer tells, without what is made anew for each request."""
    body = answer.text
    request_id = answer.headers.get("X-Request-Id", "")
    policy = answer.headers.get("Content-Security-Policy", "")
    nonce = re.search(r"'nonce-([^']+)'", policy)
    for part in (*things, request_id, nonce[1] if nonce else ""):
        body = body.replace(part, "*") if part else body
    kept = {
        name: value
        for name, value in answer.headers.items()
        if name.lower() not in {"x-request-id", "date", "content-security-policy"}
    }
    return answer.status, body.encode(), kept


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
@pytest.mark.parametrize(("name", "method", "path"), FOREIGN, ids=lambda part: str(part))
async def test_somebody_elses_thing_answers_like_an_unknown_one(
    crowd: Crowd, name: str, method: str, path: str, accept: str
) -> None:
    person = crowd.browsers[name]
    theirs = crowd.own(path)
    things = [crowd.case.receipt, crowd.case.documents[0], crowd.case.materials[0]]
    made_up = {thing: unknown_like(thing) for thing in things}
    unknown = theirs
    for thing, other in made_up.items():
        unknown = unknown.replace(thing, other if thing == crowd.case.receipt else other.lower())
    answers = []
    for address in (theirs, unknown):
        if method == "GET":
            answers.append(await person.get(address, headers={"Accept": accept}))
        elif "corrections" in path:
            answers.append(await person.upload(address, [("id_card", b"x")]))
        else:
            answers.append(await person.post(address, {"version": "1"}, headers={"Accept": accept}))
    told = [*things, *made_up.values(), *(one.lower() for one in made_up.values())]
    first, second = (plain(one, *told) for one in answers)
    assert answers[0].status == 404, answers[0].text
    assert first == second


async def test_the_owner_and_the_home_district_reach_what_others_do_not(crowd: Crowd) -> None:
    owner, home = crowd.browsers["owner"], crowd.browsers["approver_home"]
    for person, path in (
        (owner, "/cases/{receipt}"),
        (owner, "/cases/{receipt}/documents/{document}"),
        (owner, "/visit/materials/{material}"),
        (home, "/inbox/{receipt}"),
        (home, "/inbox/{receipt}/documents/{document}"),
        (home, "/inbox/{receipt}/materials/{material}"),
        (home, "/inbox/{receipt}/signature"),
    ):
        assert (await person.get(crowd.own(path))).status == 200, path


async def test_the_inbox_of_another_district_does_not_list_the_case(crowd: Crowd) -> None:
    assert crowd.case.receipt in (await crowd.browsers["approver_home"].get("/inbox")).text
    assert crowd.case.receipt not in (await crowd.browsers["approver_other"].get("/inbox")).text


async def test_a_wrong_phone_answers_like_an_unknown_receipt(city: City, crowd: Crowd) -> None:
    async with browser(city) as stranger:
        await stranger.page("/cases")
        answers = []
        for receipt in (crowd.case.receipt, unknown_like(crowd.case.receipt)):
            typed = {"receipt": receipt, "mobile": "13900000000"}
            answers.append(await stranger.post("/cases", typed, headers={"Accept": "application/json"}))
        assert [one.status for one in answers] == [404, 404]
        assert plain(answers[0]) == plain(answers[1])


@pytest.mark.parametrize("path", ["/board", "/board/panels?names=lines", "/ws/board"])
async def test_a_district_admin_sees_their_own_district_only(crowd: Crowd, path: str) -> None:
    admin, city_admin = crowd.browsers["district_admin"], crowd.browsers["city_admin"]
    mark = "&" if "?" in path else "?"
    json = {"Accept": "application/json"}
    foreign = await admin.get(f"{path}{mark}district=440106", headers=json)
    unknown = await admin.get(f"{path}{mark}district=999999", headers=json)
    assert foreign.status == 404
    assert plain(foreign) == plain(unknown)
    for person, district in ((admin, "440114"), (city_admin, "440106"), (city_admin, "")):
        answer = await person.get(f"{path}{mark}district={district}", headers=json)
        assert answer.status == (400 if path.startswith("/ws/") else 200), answer.text
