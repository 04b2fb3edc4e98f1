"""What the front door keeps out: foreign origins, stale tokens, floods, malformed bodies, sly paths."""

import asyncio
from http.cookies import SimpleCookie
from pathlib import Path

import pytest

from cloudwindow.handlers import reading
from cloudwindow.handlers.door import CITIZEN_COOKIE, STAFF_COOKIE, Settings, host_known
from tests.domain.test_strict_json import REFUSED
from tests.handlers.conftest import staff
from tests.handlers.people import Browser, City, newcomer, photo, take_ticket
from tests.handlers.wire import spoken

JSON = {"Accept": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WEB = Path(__file__).parents[2] / "web"


# --- where a request comes from --------------------------------------------------------------------------

ORIGINS = [
    "http://evil.example",
    "null",
    "",
    "http://127.0.0.1",
    "http://127.0.0.1:1",
    "https://evil.example",
    "file://",
    "http://localhost.evil.example",
    "ftp://127.0.0.1",
]


@pytest.mark.parametrize("origin", [one for one in ORIGINS if one])
async def test_a_form_from_elsewhere_is_refused_even_with_the_right_token(
    citizen: Browser, origin: str
) -> None:
    answer = await citizen.post("/visit/leave", headers={"Origin": origin, **JSON})
    assert (answer.status, answer.code) == (403, "origin_refused")
    assert (await citizen.get("/visit")).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
async def test_a_form_that_the_browser_calls_foreign_is_refused(citizen: Browser, site: str) -> None:
    answer = await citizen.post("/visit/leave", headers={"Sec-Fetch-Site": site, **JSON})
    assert (answer.status, answer.code) == (403, "origin_refused")


async def test_a_form_of_an_old_browser_that_tells_no_origin_needs_the_token(citizen: Browser) -> None:
    silent = {"Origin": "", "Sec-Fetch-Site": "", **JSON}
    right, citizen.csrf = citizen.csrf, "wrong"
    refused = await citizen.post("/visit/form", headers=silent)
    assert (refused.status, refused.code) == (403, "csrf_wrong")
    citizen.csrf = right
    assert (await citizen.post("/visit/form", headers=silent)).status == 204


async def test_the_token_of_one_person_is_worth_nothing_to_another(
    city: City, citizen: Browser, visitor: Browser
) -> None:
    await take_ticket(visitor, newcomer())
    visitor.csrf, own = citizen.csrf, visitor.csrf
    assert own != citizen.csrf
    assert (await visitor.post("/visit/leave", headers=JSON)).code == "csrf_wrong"


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("path", ["/ws/visit", "/ws/desk", "/ws/board"])
async def test_a_socket_from_elsewhere_is_refused_before_it_opens(
    citizen: Browser, agent: Browser, admin: Browser, path: str, origin: str
) -> None:
    person = {"/ws/visit": citizen, "/ws/desk": agent, "/ws/board": admin}[path]
    headers = {
        "Origin": origin,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        **JSON,
    }
    answer = await person.ask("GET", path, headers=headers)
    assert (answer.status, answer.code) == (403, "origin_refused")


@pytest.mark.parametrize(
    ("public", "demo", "host", "known"),
    [
        ("https://window.example", False, "window.example", True),
        ("https://window.example", False, "localhost:8080", False),
        ("https://window.example", False, "window.example:8443", False),
        ("https://window.example:8443", False, "window.example:8443", True),
        ("https://window.example", False, "", False),
        ("https://window.example", True, "localhost:8080", True),
        ("", False, "127.0.0.1:9", True),
        ("", True, "window.example", False),
    ],
)
def test_we_answer_to_our_public_name_and_in_demonstrations_to_this_machine(
    public: str, demo: bool, host: str, known: bool
) -> None:
    assert host_known(host, Settings(public_url=public, demo=demo, trusted_proxy_hops=0)) is known


# --- cookies ---------------------------------------------------------------------------------------------


async def test_cookies_are_for_this_site_and_not_for_scripts(visitor: Browser, city: City) -> None:
    answer = await visitor.get("/cases")
    cookie = SimpleCookie(answer.headers["Set-Cookie"])[CITIZEN_COOKIE]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert (cookie["path"], cookie["domain"], cookie["samesite"]) == ("/", "", "Lax")
    async with staff(city, "agent-panyu") as agent:
        signed = [one for one in agent.session.cookie_jar if one.key == STAFF_COOKIE]
        assert [one["samesite"] for one in signed] == ["Strict"]
        assert all(one["secure"] and one["httponly"] and one["path"] == "/" for one in signed)


async def test_a_session_ends_for_good_with_the_sign_out(city: City) -> None:
    async with staff(city, "agent-tianhe") as agent:
        token = agent.cookie(STAFF_COOKIE)
        await agent.page("/desk")
        live = await agent.live("/ws/desk")
        assert (await agent.post("/staff/sign-out")).place == "/staff/sign-in"
        assert await live.ended() == 4401
        answer = await agent.ask("GET", "/desk", headers={"Cookie": f"{STAFF_COOKIE}={token}", **JSON})
        assert (answer.status, answer.code) == (401, "not_signed_in")


@pytest.mark.parametrize("token", ["", "x", "0" * 52, "x" * 5000, "é", "../../etc/passwd", "%00"])
async def test_a_made_up_session_is_nobody(visitor: Browser, token: str) -> None:
    for name, path, code in (
        (CITIZEN_COOKIE, "/visit", "no_visit"),
        (STAFF_COOKIE, "/desk", "not_signed_in"),
    ):
        headers = {"Cookie": f"{name}={token}", **JSON}
        assert (await visitor.ask("GET", path, headers=headers)).code == code


async def test_a_citizens_session_opens_no_staff_page_nor_the_other_way_round(
    visitor: Browser, citizen: Browser, agent: Browser
) -> None:
    for token, name, path in (
        (citizen.cookie(CITIZEN_COOKIE), STAFF_COOKIE, "/desk"),
        (agent.cookie(STAFF_COOKIE), CITIZEN_COOKIE, "/visit"),
    ):
        assert token
        answer = await visitor.ask("GET", path, headers={"Cookie": f"{name}={token}", **JSON})
        assert answer.status in {401, 404}


# --- bodies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
async def test_json_that_could_be_read_in_two_ways_is_refused(citizen: Browser, text: str) -> None:
    headers = {"Content-Type": "application/json", "X-CSRF": citizen.csrf, **JSON}
    body = text.encode("utf-8", "surrogatepass")
    answer = await citizen.ask("POST", "/visit/sign", body, headers=headers)
    assert (answer.status, answer.code) == (400, "json_malformed")


@pytest.mark.parametrize(
    "body", [b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"[]", b'"x"', b"null", b"{\x00}", b"\x80"]
)
async def test_json_that_is_no_plain_object_is_refused(citizen: Browser, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "X-CSRF": citizen.csrf, **JSON}
    answer = await citizen.ask("POST", "/visit/sign", body, headers=headers)
    assert (answer.status, answer.code) == (400, "json_malformed")


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_json_without_the_sessions_token_is_refused_unread(citizen: Browser, token: str) -> None:
    headers = {"Content-Type": "application/json", "X-CSRF": token, **JSON}
    answer = await citizen.ask("POST", "/visit/sign", b"not json", headers=headers)
    assert (answer.status, answer.code) == (403, "csrf_wrong")


@pytest.mark.parametrize(
    "body", [b"a=%ff", b"\xff\xfe", b"a=%00", b"%00=a", b"&".join(b"a=1" for _ in range(501))]
)
async def test_a_form_that_cannot_be_read_is_refused(citizen: Browser, body: bytes) -> None:
    headers = {**FORM, "X-CSRF": citizen.csrf, **JSON}
    answer = await citizen.ask("POST", "/visit/form", body, headers=headers)
    assert (answer.status, answer.code) == (400, "form_malformed")


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "multipart/mixed; boundary=x"])
async def test_a_body_that_is_no_form_is_refused(citizen: Browser, kind: str) -> None:
    headers = {"Content-Type": kind or "application/octet-stream", "X-CSRF": citizen.csrf, **JSON}
    answer = await citizen.ask("POST", "/visit/form", b"a=1", headers=headers)
    assert (answer.status, answer.code) == (400, "form_malformed")


MULTIPART = {
    "no boundary": ("multipart/form-data", b"--x\r\n"),
    "empty boundary": ("multipart/form-data; boundary=", b"--\r\n"),
    "nothing": ("multipart/form-data; boundary=x", b""),
    "no end": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
    ),
    "no name": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; filename="a"\r\n\r\nabc\r\n--x--\r\n',
    ),
    "no disposition": ("multipart/form-data; boundary=x", b"--x\r\n\r\nabc\r\n--x--\r\n"),
    "a parcel in a parcel": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\nabc\r\n--y--\r\n--x--\r\n",
    ),
    "another boundary": ("multipart/form-data; boundary=x", b"--y\r\n\r\nabc\r\n--y--\r\n"),
    "broken header": ("multipart/form-data; boundary=x", b"--x\r\n:::\r\n\r\nabc\r\n--x--\r\n"),
    "too many parts": (
        "multipart/form-data; boundary=x",
        b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(65))
        + b"--x--\r\n",
    ),
    "text that is none": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\xfe\r\n--x--\r\n',
    ),
    "packed part": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        b"!!!\r\n--x--\r\n",
    ),
}


@pytest.mark.parametrize(("kind", "body"), MULTIPART.values(), ids=MULTIPART.keys())
async def test_a_malformed_upload_is_refused_and_nothing_breaks(
    citizen: Browser, kind: str, body: bytes
) -> None:
    headers = {"Content-Type": kind, "X-CSRF": citizen.csrf, **JSON}
    answer = await citizen.ask("POST", "/visit/materials/id_card", body, headers=headers)
    assert answer.code in {"form_malformed", "file_missing"}, answer.text
    assert answer.status in {400, 422}


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a" + b"\0" * 99,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7",
        b"\xff\xd8\xff\xe0",
        b"x",
    ],
)
async def test_what_is_no_photograph_is_refused_with_a_code(citizen: Browser, content: bytes) -> None:
    answer = await citizen.upload("/visit/materials/id_card", [("file", content)])
    assert answer.status == 422
    assert "not_an_image" in answer.text


async def test_a_photograph_for_an_unknown_paper_is_refused(citizen: Browser) -> None:
    answer = await citizen.upload("/visit/materials/no_such_paper", [("file", photo())])
    assert answer.status in {404, 422}


async def test_a_body_over_the_limit_is_refused_before_it_is_sent(city: City, citizen: Browser) -> None:
    cookie = f"{CITIZEN_COOKIE}={citizen.cookie(CITIZEN_COOKIE)}"
    head = (
        f"POST /visit/form HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nX-CSRF: {citizen.csrf}\r\n"
        "Accept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {reading.FORM_BYTES + 1}\r\n\r\n"
    )
    answer = await spoken(city, head.encode())
    assert answer.status == 413
    assert b"body_too_large" in answer.body


async def test_a_body_that_grows_beyond_the_limit_in_pieces_is_refused(city: City, citizen: Browser) -> None:
    cookie = f"{CITIZEN_COOKIE}={citizen.cookie(CITIZEN_COOKIE)}"
    head = (
        f"POST /visit/form HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nX-CSRF: {citizen.csrf}\r\n"
        "Accept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    piece = b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
    answer = await spoken(city, head.encode(), *[piece] * (reading.FORM_BYTES // 0x8000 + 1))
    assert answer.status == 413
    assert b"body_too_large" in answer.body


async def test_an_upload_over_the_limit_is_refused(citizen: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "UPLOAD_BYTES", 1000)
    answer = await citizen.upload("/visit/materials/id_card", [("file", b"x" * 1500)])
    assert answer.status == 413
    assert "upload_too_large" in answer.text


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines of a tenth of a second."""
    monkeypatch.setattr(reading, "BODY_SECONDS", 0.1)
    monkeypatch.setattr(reading, "UPLOAD_SECONDS", 0.1)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/visit/form", "application/x-www-form-urlencoded"),
        ("/visit/sign", "application/json"),
        ("/visit/materials/id_card", "multipart/form-data; boundary=x"),
        ("/preferences", "application/x-www-form-urlencoded"),
    ],
)
async def test_a_body_that_dribbles_in_is_given_up(
    city: City, citizen: Browser, path: str, kind: str
) -> None:
    cookie = f"{CITIZEN_COOKIE}={citizen.cookie(CITIZEN_COOKIE)}"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nX-CSRF: {citizen.csrf}\r\n"
        f"Accept: application/json\r\nContent-Type: {kind}\r\nContent-Length: 100\r\n\r\n"
    )
    answer = await spoken(city, head.encode(), b"--x\r\nConte")
    assert answer.status == 400
    assert b"body_too_slow" in answer.body


async def test_many_slow_bodies_do_not_keep_others_waiting(city: City, visitor: Browser) -> None:
    head = b"POST /cases HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n" + (
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    held = [await asyncio.open_connection("127.0.0.1", city.config.port) for _ in range(100)]
    for _, writer in held:
        writer.write(head)
    assert (await visitor.get("/health")).status == 200
    for _, writer in held:
        writer.close()


# --- paths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../cloudwindow/app.py",
        "/assets/%2e%2e/pyproject.toml",
        "/assets/css/../../pyproject.toml",
        "/assets/css/%2e%2e/%2e%2e/pyproject.toml",
        "/assets/css/..%2f..%2fpyproject.toml",
        "/assets/css/..%5c..%5cpyproject.toml",
        "/assets//etc/passwd",
        "/assets/css//etc/passwd",
        "/assets/css/%00",
        "/assets/css/base.css%00.js",
        "/assets/css",
        "/assets/css/",
        "/assets/js",
        "/assets/package.json",
        "/assets/tsconfig.json",
        "/assets/node_modules/typescript/package.json",
        "/assets/node_modules/signature_pad/dist/../package.json",
        "/assets/node_modules/signature_pad/dist/..%2fpackage.json",
        "/assets/css/" + "a" * 4000,
        "/assets/css/\u200bbase.css",
    ],
)
async def test_nothing_but_the_browsers_files_can_be_fetched(city: City, path: str) -> None:
    sent = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"
    answer = await spoken(city, sent.encode("latin-1", "replace"))
    assert answer.status in {400, 404}, answer.body
    assert b"cloudwindow" not in answer.body
    assert b"root:" not in answer.body


async def test_the_browsers_files_are_served_as_they_are(visitor: Browser) -> None:
    for path, kind in (("css/base.css", "text/css"), ("js/site.js", "text/javascript")):
        answer = await visitor.get(f"/assets/{path}")
        assert answer.body == (WEB / path).read_bytes()
        assert answer.headers["Content-Type"].split(";")[0] == kind
        assert answer.headers["Cache-Control"] == "no-cache"
        assert "immutable" in (await visitor.get(f"/assets/{path}?v=1")).headers["Cache-Control"]


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "",
        "/\t/evil.example",
    ],
)
async def test_choosing_a_language_never_leads_elsewhere(visitor: Browser, back: str) -> None:
    answer = await visitor.post("/preferences", {"language": "en", "return_to": back})
    assert answer.status == 303
    assert answer.place == "/"


async def test_choosing_a_language_leads_back_and_is_remembered(visitor: Browser) -> None:
    answer = await visitor.post("/preferences", {"language": "en", "return_to": "/items/HR01?x=1"})
    assert answer.place == "/items/HR01?x=1"
    assert '<html lang="en"' in (await visitor.get("/")).text


@pytest.mark.parametrize("place", ["/a\r\nSet-Cookie: x=1", "/a\nX: 1", "/é", "/\x00"])
async def test_a_way_back_cannot_add_headers(visitor: Browser, place: str) -> None:
    answer = await visitor.post("/preferences", {"language": "en", "return_to": place})
    assert answer.status in {303, 400}
    assert "X" not in answer.headers
    assert all("x=1" not in one for one in answer.headers.getall("Set-Cookie", []))  # type: ignore[attr-defined]


# --- floods ----------------------------------------------------------------------------------------------


async def test_guessing_passwords_is_slowed_down_and_told_when_to_come_back(visitor: Browser) -> None:
    await visitor.page("/staff/sign-in")
    wrong = {"account": "nobody-here", "password": "wrong-password-1", "code": "000000"}
    for _ in range(20):
        answer = await visitor.post("/staff/sign-in", wrong, headers=JSON)
        if answer.status == 429:
            break
        assert (answer.status, answer.code) == (422, "sign_in_wrong")
    assert (answer.status, answer.code) == (429, "sign_in_too_often")
    assert int(answer.headers["Retry-After"]) > 0


async def test_a_wrong_account_password_or_code_are_answered_alike(visitor: Browser) -> None:
    told = []
    for account, password in (("nobody-there", "x" * 14), ("agent-huadu", "x" * 14), ("", "")):
        await visitor.page("/staff/sign-in")
        typed = {"account": account, "password": password, "code": "000000"}
        answer = await visitor.post("/staff/sign-in", typed, headers=JSON)
        told.append((answer.status, answer.code, answer.json["title"]))
    assert len(set(told)) == 1


async def test_guessing_receipts_is_slowed_down(visitor: Browser) -> None:
    await visitor.page("/cases")
    codes = []
    for serial in range(15):
        typed = {"receipt": f"AAAA-{serial:04d}", "mobile": "13900000000"}
        codes.append((await visitor.post("/cases", typed, headers=JSON)).code)
    assert codes[0] == "case_not_found"
    assert codes[-1] == "lookup_too_often"
