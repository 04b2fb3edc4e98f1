"""The doors of recordings: who is let in, what a player is sent, and what nobody else is."""

import asyncio
import hashlib
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

import pytest
import pytest_asyncio

from cloudwindow.domain.calendar import SHANGHAI
from cloudwindow.domain.recording import Recording, State
from cloudwindow.handlers.playback import span_of
from cloudwindow.journey.recordings import key_of
from tests.handlers.conftest import staff
from tests.handlers.people import LIMIT_SECONDS, Answer, Browser, City, Submitted, browser, hand_in, newcomer
from tests.handlers.test_rights import plain
from tests.journeys.recorded_calls import recorded, standing

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs Debian's ffmpeg")
NOBODYS = "0" * 24
REASON = "复核签名过程"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A recorded call of Huadu's agent, its film made, and everybody who might want to see it."""

    city: City
    case: Submitted
    recording: Recording
    people: dict[str, Browser]

    @property
    def path(self) -> str:
        """The recording's page."""
        return f"/staff/recordings/{self.recording.id}"

    async def leave(self, name: str) -> str:
        """Give a reason as ``name``; the address of the player."""
        one = self.people[name]
        await one.page(self.path)
        answer = await one.post(f"{self.path}/viewings", {"reason": REASON})
        assert answer.status == 303, answer.text
        return answer.place


async def filmed(city: City, recording: Recording) -> Recording:
    """The recording once a film was made of it, by whichever duty came first."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while (known := await standing(city.journey.house, recording.id)).state is not State.KEPT:
            await city.journey.films.make()
    return known


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stored(city: City) -> AsyncIterator[Stored]:
    """One recorded call, once for this file."""
    accounts = {
        "agent": "agent-huadu",
        "agent_other": "agent-tianhe",
        "approver": "approver-huadu",
        "admin": "admin-huadu",
        "approver_other": "approver-tianhe",
        "city_admin": "admin-city",
    }
    async with AsyncExitStack() as stack:
        people = {
            name: await stack.enter_async_context(staff(city, account)) for name, account in accounts.items()
        }
        people["citizen"] = await stack.enter_async_context(browser(city))
        people["visitor"] = await stack.enter_async_context(browser(city))
        case = await hand_in(city, people["citizen"], people["agent"], newcomer(), "PS01")
        house = city.journey.house
        async with house.ledger.read() as conn:
            application = await house.cases.by_receipt(conn, case.receipt)
            ticket = await house.visits.ticket_of(conn, application.id)
            session = await house.visits.session_of_ticket(conn, ticket or "")
        assert session is not None
        began = (application.identity_checked_at or 0.0) - 1
        seconds = (application.signed_at or 0.0) + 1 - began
        recording = await recorded(house, session, began_at=began, seconds=seconds)
        yield Stored(city=city, case=case, recording=await filmed(city, recording), people=people)


async def film_of(stored: Stored) -> bytes:
    """The film as it lies in the archive, opened."""
    house = stored.city.journey.house
    _, film = await house.archive.octets(stored.recording.id, key=key_of(house.vault, stored.recording))
    return film


# --- who is let in ---------------------------------------------------------------------------------------

SEES = ("agent", "approver", "admin", "city_admin")
PLAYS = ("agent", "admin", "city_admin")


@pytest.mark.parametrize(
    "name", ["agent", "agent_other", "approver", "approver_other", "admin", "city_admin"]
)
async def test_a_recording_is_shown_to_those_within_whose_reach_it_is(stored: Stored, name: str) -> None:
    person = stored.people[name]
    page, listed = await person.get(stored.path), await person.get("/staff/recordings")
    assert page.status == (200 if name in SEES else 404)
    assert listed.status == 200
    assert (stored.path in listed.text) is (name in SEES)
    found = await person.get(f"/staff/recordings?receipt={stored.case.receipt}")
    assert (stored.path in found.text) is (name in SEES)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("agent", 303, ""),
        ("admin", 303, ""),
        ("city_admin", 303, ""),
        ("agent_other", 404, "unknown_recording"),
        ("approver", 403, "not_allowed"),
        ("approver_other", 403, "not_allowed"),
        ("citizen", 401, "not_signed_in"),
        ("visitor", 401, "not_signed_in"),
    ],
)
async def test_who_may_ask_to_play_it(stored: Stored, name: str, status: int, code: str) -> None:
    person = stored.people[name]
    if name not in {"citizen", "visitor"}:
        await person.page("/staff/recordings")
    answer = await person.call(f"{stored.path}/viewings", {"reason": REASON})
    assert (answer.status, answer.code) == (status, code), answer.text


@pytest.mark.parametrize("action", ["hold", "release"])
@pytest.mark.parametrize(
    ("name", "status"),
    [("agent", 403), ("approver", 403), ("agent_other", 403), ("visitor", 401)],
)
async def test_who_may_not_hold_it_back(stored: Stored, name: str, status: int, action: str) -> None:
    person = stored.people[name]
    if name != "visitor":
        await person.page("/staff/recordings")
    answer = await person.call(f"{stored.path}/{action}", {"reason": REASON})
    assert answer.status == status


async def test_a_recording_out_of_reach_answers_like_one_that_does_not_exist(stored: Stored) -> None:
    person = stored.people["agent_other"]
    for accept in ("text/html", "application/json"):
        headers = {"Accept": accept}
        theirs = await person.get(stored.path, headers=headers)
        unknown = await person.get(f"/staff/recordings/{NOBODYS}", headers=headers)
        assert theirs.status == 404
        assert plain(theirs, stored.recording.id, NOBODYS) == plain(unknown, stored.recording.id, NOBODYS)


async def test_a_leave_is_of_no_use_to_anybody_else(stored: Stored) -> None:
    player = await stored.leave("admin")
    for path in ("", "/film", "/clips/0"):
        assert (await stored.people["admin"].get(player + path)).status == 200
        for name in ("agent", "city_admin", "agent_other"):
            assert (await stored.people[name].get(player + path)).status == 404, (name, path)
        for name in ("approver", "approver_other"):
            assert (await stored.people[name].get(player + path)).status == 403, (name, path)
        stranger = await stored.people["citizen"].get(player + path)
        assert (stranger.status, stranger.place) == (303, "/staff/sign-in")


async def test_only_the_city_may_download_it(stored: Stored) -> None:
    theirs = await stored.leave("admin")
    assert f'action="{theirs}/copies"' not in (await stored.people["admin"].get(theirs)).text
    assert (await stored.people["admin"].post(f"{theirs}/copies", {})).status == 403
    city, player = stored.people["city_admin"], await stored.leave("city_admin")
    assert f'action="{player}/copies"' in (await city.get(player)).text
    copy = (await city.post(f"{player}/copies", {})).place
    for path in (copy, f"{copy}/file"):
        assert (await stored.people["admin"].get(path)).status == 403
    page = await ready(stored, copy)
    answer = await city.get(f"{copy}/file")
    assert hashlib.sha256(answer.body).hexdigest() in page.text
    assert answer.body != await film_of(stored), "it is marked"
    name = f"{stored.recording.id}-{copy.rpartition('/')[2][:8]}.webm"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert "已下载带标记的副本" in (await city.get(stored.path)).text


async def ready(stored: Stored, copy: str) -> Answer:
    """The page of a copy once it is made, by whichever duty came first."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while f"{copy}/file" not in (page := await stored.people["city_admin"].get(copy)).text:
            assert 'http-equiv="refresh"' in page.text
            await stored.city.journey.copies.make()
    return page


async def test_anybody_who_sees_a_recording_may_have_it_checked_again(stored: Stored) -> None:
    person = stored.people["approver"]
    assert f'action="{stored.path}/check"' in (await person.get(stored.path)).text
    assert (await person.post(f"{stored.path}/check", {})).status == 303
    assert "核验通过" in (await person.get(stored.path)).text
    assert (await stored.people["agent_other"].call(f"{stored.path}/check")).status == 404


# --- what the pages say ----------------------------------------------------------------------------------


async def test_the_player_carries_the_viewers_mark_and_the_page_lists_the_viewing(stored: Stored) -> None:
    player = await stored.people["admin"].get(await stored.leave("admin"))
    assert player.text.count(f"何婉仪 HD-900 · {_today(stored)}") >= 4
    assert stored.case.receipt in player.text
    assert re.search(r"<video[^>]* controlslist=\"nodownload nofullscreen", player.text)
    page = await stored.people["agent"].get(stored.path)
    assert "何婉仪" in page.text
    assert REASON in page.text
    for words in ("身份核验", "回读", "签名", "核验通过", "上次核验"):
        assert words in page.text, words
    english = await stored.people["admin"].get(stored.path, headers={"Accept-Language": "en"})
    for words in ("Who looked at it", "Read-back", "Intact"):
        assert words in english.text, words


def _today(stored: Stored) -> str:
    now = stored.city.journey.house.clock()
    return datetime.fromtimestamp(now, SHANGHAI).strftime("%Y-%m-%d")


@pytest.mark.parametrize("action", ["viewings", "hold"])
async def test_a_reason_too_short_is_refused_at_its_field_and_kept(stored: Stored, action: str) -> None:
    person = stored.people["admin"]
    await person.page(stored.path)
    page = await person.post(f"{stored.path}/{action}", {"reason": "看看 "})
    assert page.status == 422
    assert "请用 4 至 300 个字写明理由。" in page.text
    assert ">看看 </textarea>" in page.text
    field = {"viewings": "play"}.get(action, action)
    assert f'href="#field-reason-{field}"' in page.text


async def test_the_case_of_the_home_district_leads_to_its_recordings(stored: Stored) -> None:
    page = await stored.people["approver"].get(f"/inbox/{stored.case.receipt}")
    assert f'href="{stored.path}"' in page.text


async def test_a_hold_and_its_end_are_shown(stored: Stored) -> None:
    person = stored.people["admin"]
    await person.page(stored.path)
    assert (await person.post(f"{stored.path}/hold", {"reason": "行政复议 2026-17"})).status == 303
    page = await person.get(stored.path)
    assert "行政复议 2026-17" in page.text
    assert f'action="{stored.path}/release"' in page.text
    assert (await person.post(f"{stored.path}/release", {"reason": "复议已结"})).status == 303
    assert f'action="{stored.path}/hold"' in (await person.get(stored.path)).text


async def test_a_film_that_is_there_is_not_made_again(stored: Stored) -> None:
    person = stored.people["admin"]
    await person.page(stored.path)
    assert (await person.call(f"{stored.path}/film")).code == "film_not_missing"


# --- ranges ----------------------------------------------------------------------------------------------


async def ranged(stored: Stored, asked: str) -> Answer:
    player = await stored.leave("admin")
    headers = {"Range": asked} if asked else {}
    return await stored.people["admin"].get(f"{player}/film", headers=headers)


async def test_a_film_is_sent_by_ranges_as_players_ask(stored: Stored) -> None:
    film = await film_of(stored)
    size = len(film)
    for asked, start, stop in (
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, size),
        ("bytes=-50", size - 50, size),
        (f"bytes=10-{size * 2}", 10, size),
    ):
        answer = await ranged(stored, asked)
        assert answer.status == 206, asked
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer.headers["Content-Type"] == "video/webm"
        assert answer.body == film[start:stop]
    whole = await ranged(stored, "")
    assert (whole.status, whole.headers["Accept-Ranges"]) == (200, "bytes")
    assert whole.body == film
    assert whole.headers["Cache-Control"] == "no-store"
    nothing = await ranged(stored, f"bytes={size}-")
    assert (nothing.status, nothing.headers["Content-Range"]) == (416, f"bytes */{size}")


@pytest.mark.parametrize(
    ("asked", "span"),
    [
        ("", (0, 1000)),
        ("bytes=0-0", (0, 1)),
        ("bytes=999-", (999, 1000)),
        ("bytes=1000-", None),
        ("bytes=-0", None),
        ("bytes=-5000", (0, 1000)),
        ("bytes=5-4", (0, 1000)),
        ("bytes=-", (0, 1000)),
        ("bytes=0-1,5-6", (0, 1000)),
        ("items=0-1", (0, 1000)),
        (f"bytes={'9' * 15}-", None),
        (f"bytes={'9' * 99}-", (0, 1000)),
        ("bytes=٣-", (0, 1000)),
    ],
)
def test_a_range_header_is_read_as_the_standard_says(asked: str, span: tuple[int, int] | None) -> None:
    assert span_of(asked, 1000) == span
