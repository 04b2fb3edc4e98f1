"""What every answer carries, whatever it is."""

import json
import re

import pytest

from cloudwindow.handlers.door import ALWAYS
from tests.handlers.people import Answer, Browser, City
from tests.handlers.wire import spoken

PAGES = ["/", "/items?q=就业", "/items/HR01", "/items/HR01/start", "/resume", "/cases", "/verify", "/demo"]
OTHERS = [
    "/nothing/here",
    "/items/XX99",
    "/assets/css/base.css",
    "/assets/js/site.js?v=1",
    "/assets/nothing.css",
    "/health",
    "/ready",
    "/metrics",
    "/staff",
    "/desk",
    "/visit",
    "/ws/visit",
]
GARBAGE = {
    "no request line": b"hello\r\n\r\n",
    "bad method": b"G(T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bad version": b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "bad header": b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon here\r\n\r\n",
    "zero character": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "negative length": b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "endless line": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "endless header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    "a secure greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40 + b"\r\n\r\n",
}


def hardened(headers: dict[str, str]) -> None:
    """Check what every answer must carry; names are in lower case."""
    assert "server" not in headers
    for name, value in ALWAYS.items():
        assert headers.get(name.lower()) == value, name
    assert re.fullmatch(r"[0-9a-f]{16}", headers["x-request-id"])
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "'unsafe" not in headers["content-security-policy"]


def lowered(answer: Answer) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_runs_only_the_scripts_it_names(visitor: Browser, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status == 200
    headers = lowered(answer)
    hardened(headers)
    assert headers["cache-control"] == "no-store"
    nonce = re.search(r"script-src 'nonce-([\w-]{20,})' 'strict-dynamic'", headers["content-security-policy"])
    assert nonce
    scripts = re.findall(r"<script[^>]*>", answer.text)
    assert scripts
    assert all(f'nonce="{nonce[1]}"' in script for script in scripts)
    assert "require-trusted-types-for 'script'" in headers["content-security-policy"]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_no_inline_style_or_handler_and_loads_nothing_from_elsewhere(
    visitor: Browser, path: str
) -> None:
    text = (await visitor.get(path)).text
    assert not re.search(r"<[^>]+\s(style|on\w+)=", text)
    assert "javascript:" not in text
    loaded = re.findall(r'<(?:script|link|img|iframe|video|audio)[^>]*\s(?:src|href)="([^"]*)"', text)
    assert loaded
    assert all(one.startswith("/") and not one.startswith("//") for one in loaded)


async def test_a_nonce_is_used_once(visitor: Browser) -> None:
    policies = {(await visitor.get("/")).headers["Content-Security-Policy"] for _ in range(5)}
    assert len(policies) == 5


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("path", OTHERS)
async def test_every_answer_carries_the_same_protection(visitor: Browser, path: str, accept: str) -> None:
    answer = await visitor.get(path, headers={"Accept": accept})
    headers = lowered(answer)
    hardened(headers)
    if not path.startswith("/assets/") or answer.status != 200:
        assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST"])
async def test_a_wrong_method_is_refused_and_told_the_right_ones(visitor: Browser, method: str) -> None:
    answer = await visitor.ask(method, "/health", headers={"Accept": "application/json"})
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET,HEAD"
    hardened(lowered(answer))


async def test_the_head_of_a_page_has_no_body(visitor: Browser) -> None:
    answer = await visitor.ask("HEAD", "/")
    assert (answer.status, answer.body) == (200, b"")
    hardened(lowered(answer))


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE.keys())
async def test_what_is_no_request_is_refused_without_naming_us_or_quoting_the_sender(
    city: City, sent: bytes
) -> None:
    answer = await spoken(city, sent, last=True)
    assert answer.status == 400
    hardened(answer.headers)
    problem = json.loads(answer.body)
    assert problem["code"] == "request_malformed"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert not re.search(rb"aiohttp|python|aaaa|evil|colon", answer.body, re.IGNORECASE)


async def test_a_compressed_body_or_an_old_protocol_with_chunks_is_refused(city: City) -> None:
    packed = b"POST /cases HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"
    assert (await spoken(city, packed)).status == 415
    old = b"POST /cases HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert (await spoken(city, old)).status == 400


@pytest.mark.parametrize("path", ["/", "/health", "/nothing"])
@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "localhost:80:80", "[::2]"]
)
async def test_a_name_that_is_not_ours_is_not_answered(city: City, path: str, host: str) -> None:
    answer = await spoken(city, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.status == 400
    assert host.encode() not in answer.body or not host
    hardened(answer.headers)


async def test_a_full_address_in_the_request_line_does_not_choose_the_host(city: City) -> None:
    sent = b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = await spoken(city, sent)
    assert b"evil.example" not in answer.body
    assert "evil.example" not in answer.headers.get("content-security-policy", "")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST:1234"])
async def test_this_machines_own_names_are_answered_in_a_demonstration(city: City, host: str) -> None:
    assert (await spoken(city, f"GET /health HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())).status == 200
