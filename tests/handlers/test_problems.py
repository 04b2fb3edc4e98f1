"""How errors are told: one shape for scripts, one kind of page for people, in their language."""

import re
from typing import Any

import pytest

from cloudwindow.handlers.door import NEXT_STEPS
from cloudwindow.i18n import texts
from tests.handlers.people import Answer, Browser, City, about, browser, newcomer

JSON = {"Accept": "application/json"}


async def asked(person: Browser, kind: str, headers: dict[str, str]) -> Answer:
    """One mistake of each kind."""
    if kind == "page_not_found":
        return await person.get("/no/such/page", headers=headers)
    if kind == "unknown_item":
        return await person.get("/items/XX99", headers=headers)
    if kind == "no_visit":
        return await person.get("/visit", headers=headers)
    if kind == "method_not_allowed":
        return await person.ask("DELETE", "/health", headers=headers)
    if kind == "origin_refused":
        return await person.post("/cases", headers={**headers, "Origin": "http://evil.example"})
    if kind == "form_malformed":
        return await person.ask(
            "POST", "/cases", b"%ff=%ff", headers=headers | {"Content-Type": "text/plain"}
        )
    if kind == "intake_gone":
        await person.page("/items/HR01/start")
        return await person.post("/items/HR01/code", headers=headers)
    if kind == "csrf_wrong":
        await person.page("/cases")
        person.csrf = "wrong"
        return await person.post("/cases", headers=headers)
    assert kind == "not_signed_in"
    return await person.ask("POST", "/desk/submit", b"", headers=headers)


KINDS = {
    "page_not_found": 404,
    "unknown_item": 404,
    "no_visit": 404,
    "method_not_allowed": 405,
    "origin_refused": 403,
    "form_malformed": 400,
    "intake_gone": 410,
    "csrf_wrong": 403,
    "not_signed_in": 401,
}


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize(("kind", "status"), KINDS.items())
async def test_a_script_is_told_a_problem_with_a_stable_code(
    city: City, kind: str, status: int, language: str
) -> None:
    async with browser(city, language) as person:
        answer = await asked(person, kind, JSON)
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json
    assert problem.keys() - {"field", "errors"} == {"type", "title", "status", "code", "request_id"}
    assert (problem["type"], problem["status"], problem["code"]) == ("about:blank", status, kind)
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert problem["title"].isascii() is (language == "en")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize(("kind", "status"), KINDS.items())
async def test_a_person_is_told_a_sentence_and_a_next_step_in_their_language(
    city: City, kind: str, status: int, language: str
) -> None:
    async with browser(city, language) as person:
        answer = await asked(person, kind, {"Accept": "text/html"})
    assert answer.status == status
    assert f'<html lang="{language}"' in answer.text
    assert kind in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    step = texts(language).gettext(NEXT_STEPS[status])
    assert step.split("'")[0] in answer.text
    assert "Traceback" not in answer.text


async def test_a_person_who_is_not_signed_in_is_led_to_the_sign_in(visitor: Browser) -> None:
    for path in ("/desk", "/inbox", "/board", "/staff"):
        answer = await visitor.get(path)
        assert (answer.status, answer.place) == (303, "/staff/sign-in")


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"id_number": "440106199103150010"}, "id_number", "idno_check_digit"),
        ({"mobile": "12345"}, "mobile", ""),
        ({"name": ""}, "name", "required"),
        ({"home_district": "999999"}, "home_district", "required"),
        ({"home_street": "440106001"}, "home_street", "required"),
        ({"capacity": "king"}, "capacity", "choice_unknown"),
        ({"call_language": "la"}, "call_language", "choice_unknown"),
        ({"mode": ""}, "mode", "required"),
        ({"id_number": "'; DROP TABLE ticket; --"}, "id_number", ""),
        ({"name": "<script>alert(1)</script>"}, "name", ""),
    ],
    ids=str,
)
async def test_a_wrong_answer_is_named_at_its_field_and_the_rest_is_kept(
    visitor: Browser, wrong: dict[str, str], field: str, code: str
) -> None:
    await visitor.page("/items/HR01/start")
    typed = about(visitor.city, newcomer()) | wrong
    page = await visitor.post("/items/HR01/start", typed)
    assert page.status == 422
    kept = {"name", "mobile"} - {field}
    assert all(f'value="{typed[name]}"' in page.text for name in kept)
    assert "<script>alert" not in page.text
    problem = (await visitor.post("/items/HR01/start", typed, headers=JSON)).json
    assert problem["code"] == "form_has_errors"
    named: list[Any] = [row for row in problem["errors"] if row[0] == field]
    assert len(named) == 1
    assert named[0][1] == code or (not code and named[0][1])
    assert named[0][2]


async def test_several_wrong_answers_are_told_at_once(visitor: Browser) -> None:
    await visitor.page("/items/HR01/start")
    problem = (await visitor.post("/items/HR01/start", {}, headers=JSON)).json
    fields = [row[0] for row in problem["errors"]]
    assert {"name", "id_number", "mobile", "home_district", "capacity"} <= set(fields)
    assert len(fields) == len(set(fields))


async def test_a_wrong_code_and_a_missing_consent_are_named_and_nothing_is_lost(visitor: Browser) -> None:
    who = newcomer()
    await visitor.page("/items/HR01/start")
    await visitor.post("/items/HR01/start", about(visitor.city, who))
    await visitor.page("/items/HR01/confirm")
    right = visitor.city.code_to(who.mobile)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    for typed, code in (
        ({"code": wrong, "consent_handling": "yes"}, "code_wrong"),
        ({"code": right}, "consent_needed"),
        ({"consent_handling": "yes"}, "code_missing"),
    ):
        page = await visitor.post("/items/HR01/confirm", typed)
        assert page.status == 422
        assert code in page.text
    taken = await visitor.post("/items/HR01/confirm", {"code": right, "consent_handling": "yes"})
    assert (taken.status, taken.place) == (303, "/visit")


async def test_a_code_is_spent_once_and_guessing_locks_it(visitor: Browser) -> None:
    who = newcomer()
    await visitor.page("/items/HR01/start")
    await visitor.post("/items/HR01/start", about(visitor.city, who))
    await visitor.page("/items/HR01/confirm")
    right = visitor.city.code_to(who.mobile)
    wrong = {"code": f"{(int(right) + 1) % 1_000_000:06d}", "consent_handling": "yes"}
    pages = [await visitor.post("/items/HR01/confirm", wrong, headers=JSON) for _ in range(6)]
    assert "code_wrong" in {page.code for page in pages}
    last = await visitor.post("/items/HR01/confirm", wrong | {"code": right}, headers=JSON)
    assert last.status in {410, 422, 429}
    assert (await visitor.get("/visit", headers=JSON)).code == "no_visit"


async def test_the_same_person_with_the_same_matter_is_brought_back_to_their_ticket(city: City) -> None:
    who = newcomer()
    numbers = []
    for _ in range(2):
        async with browser(city) as one:
            await one.page("/items/HR01/start")
            await one.post("/items/HR01/start", about(city, who))
            await one.page("/items/HR01/confirm")
            typed = {"code": city.code_to(who.mobile), "consent_handling": "yes"}
            assert (await one.post("/items/HR01/confirm", typed)).place == "/visit"
            found = re.search(r'class="ticket-card__number">([A-Z]\d{3})<', (await one.get("/visit")).text)
            assert found
            numbers.append(found[1])
    assert numbers[0] == numbers[1]


async def test_what_a_citizen_types_is_shown_as_text_everywhere(city: City) -> None:
    sly = "<img src=x onerror=alert(1)>"
    async with browser(city) as one:
        for path in (f"/items?q={sly}", f"/verify?code={sly}", f"/cases?receipt={sly}"):
            page = await one.get(path)
            assert "<img src=x" not in page.text
            assert page.status == 200
