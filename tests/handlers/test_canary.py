"""
Known names, numbers and secrets are sent through the house; afterwards nothing it left behind may hold them.

Looked through: every log line, every key and value of the line, every file of the data folder.
"""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import pytest_asyncio

from cloudwindow import demo, journal
from cloudwindow.domain.messages import PanelChanged
from cloudwindow.embedded import find_binary
from cloudwindow.handlers.door import CITIZEN_COOKIE, STAFF_COOKIE
from tests.gateways.redis_server import running_server
from tests.handlers.conftest import new_city, staff
from tests.handlers.people import (
    Applicant,
    City,
    applicant,
    browser,
    hand_in,
    resume_secret_of,
    take_ticket,
    totp_of,
)
from tests.handlers.wire import spoken

WHO = applicant(731, "欧阳金丝雀")
ANOTHER = applicant(732, "司徒鹦鹉")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything that is logged, as operators would see it, at the most talkative level."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    journal.write_to(stream, level="DEBUG")
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nest:
    """A city, its data folder and the folder of its line."""

    city: City
    data: Path
    line: Path


@pytest_asyncio.fixture(loop_scope="module")
async def nest(seeded: Path, tmp_path: Path) -> AsyncIterator[Nest]:
    """A city with a line that writes everything to disk, as the product's own does."""
    options = ("--appendonly", "yes", "--appendfsync", "always", "--aof-use-rdb-preamble", "no")
    with running_server(find_binary(), *options) as server:
        async with new_city(server.url, seeded, tmp_path) as running:
            yield Nest(city=running, data=tmp_path, line=server.folder)


def spellings(word: str) -> set[bytes]:
    """How a word may be hidden in a file."""
    return {
        word.encode(),
        word.encode("utf-16-le"),
        json.dumps(word).strip('"').encode(),
        quote(word).encode(),
    }


def found_in(content: bytes, canaries: dict[str, str]) -> set[str]:
    """The canaries that ``content`` holds."""
    return {name for name, word in canaries.items() if any(one in content for one in spellings(word))}


def personal(who: Applicant) -> dict[str, str]:
    """What is known of somebody, under words for a failing test to name."""
    return {f"name of {who.name}": who.name, "ID number": who.id_number, "mobile": who.mobile}


async def test_no_name_number_or_secret_is_left_in_logs_line_or_ledger(
    nest: Nest, written: io.StringIO
) -> None:
    city = nest.city
    canaries = personal(WHO) | {"password": demo.DEMO_PASSWORD}
    async with browser(city) as citizen, staff(city, "agent-huadu") as agent, browser(city) as other:
        case = await hand_in(city, citizen, agent, WHO, "PS01")
        canaries["session of the citizen"] = citizen.cookie(CITIZEN_COOKIE)
        canaries["session of the agent"] = agent.cookie(STAFF_COOKIE)
        canaries |= {f"another's {name}": word for name, word in personal(ANOTHER).items()}
        visit = await take_ticket(other, ANOTHER, item="HR01")
        canaries["resume secret"] = resume_secret_of(visit)
        canaries["session of another"] = other.cookie(CITIZEN_COOKIE)
        live = await other.live("/ws/visit")
        await live.ask("chat.say", text=f"{ANOTHER.name} {ANOTHER.id_number}")
        await live.ask("no.such", field=ANOTHER.id_number)
        await live.close()
        await citizen.get(f"/nothing/{WHO.id_number}?name={WHO.name}")
        await citizen.get(f"/cases/{case.receipt}?mobile={WHO.mobile}")
        await spoken(city, f"GET /{WHO.id_number} nonsense {WHO.mobile}\r\n\r\n".encode())
        await other.post("/cases", {"receipt": case.receipt, "mobile": WHO.mobile})
        canaries["one-time-code"] = await totp_of(city, "agent-tianhe")
        assert all(canaries.values())

    logged = written.getvalue().encode()
    assert logged.count(b"\n") > 50
    del canaries["one-time-code"]
    assert found_in(logged, canaries) == set()

    left = {file: file.read_bytes() for file in [*_files(nest.data), *_files(nest.line)]}
    assert any(b"appendonly" in str(file).encode() for file in left)
    assert any(file.name.startswith("ledger.sqlite3") for file in left)
    holding = {file.name: found_in(content, canaries) for file, content in left.items()}
    assert {name: found for name, found in holding.items() if found} == {}


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


async def test_the_search_would_find_a_canary(nest: Nest, written: io.StringIO) -> None:
    """A search that cannot find anything would prove nothing."""
    logging.getLogger("cloudwindow.test").warning("seen: %s", WHO.name)
    assert found_in(written.getvalue().encode(), personal(WHO)) == {f"name of {WHO.name}"}
    async with nest.city.journey.house.ledger.read():
        pass
    await nest.city.journey.house.hub.tell(f"ticket:{WHO.mobile}", _news())
    content = b"".join(file.read_bytes() for file in _files(nest.line))
    assert found_in(content, personal(WHO)) == {"mobile"}


def _news() -> PanelChanged:
    return PanelChanged(panels=("form",))


async def test_every_log_line_is_json_with_listed_fields_only(nest: Nest, written: io.StringIO) -> None:
    async with browser(nest.city) as one:
        await one.get("/items?q=%0a%0dinjected%1b[31m")
        await one.get("/nothing\u202eevil")
    logging.getLogger("cloudwindow.test").warning("two\nlines\u202e", extra={"secret": "x", "code": "y"})
    for line in written.getvalue().splitlines():
        told = json.loads(line)
        assert line.isascii()
        fixed = {"at", "level", "logger", "message", "error"}
        assert told.keys() <= fixed | set(journal.FIELDS)


async def test_a_log_line_names_the_route_and_never_the_address(nest: Nest, written: io.StringIO) -> None:
    async with browser(nest.city) as one:
        answer = await one.get("/cases/AAAA-BBBB-CCCC-DDDD-E?x=1")
        lines = [json.loads(line) for line in written.getvalue().splitlines()]
    (told,) = [one for one in lines if one.get("request_id") == answer.headers["X-Request-Id"]]
    assert told["route"] == "/cases/{receipt}"
    assert "AAAA" not in written.getvalue()


async def test_an_unexpected_error_is_logged_with_its_place_and_without_its_words(
    nest: Nest, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*given: object, **named: object) -> None:
        raise RuntimeError(WHO.name)

    monkeypatch.setattr(type(nest.city.journey.following), "verify", broken)
    async with browser(nest.city) as one:
        answer = await one.get("/verify?code=X", headers={"Accept": "application/json"})
    assert (answer.status, answer.code) == (500, "internal_error")
    assert WHO.name not in answer.text
    (told,) = [
        json.loads(line)
        for line in written.getvalue().splitlines()
        if "error" in json.loads(line) and "request failed" in line
    ]
    assert told["error"].startswith("RuntimeError at ")
    assert told["request_id"] == answer.json["request_id"]
    assert found_in(written.getvalue().encode(), personal(WHO)) == set()
