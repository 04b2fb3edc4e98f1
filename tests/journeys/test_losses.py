"""What holds when the line, the ledger or a page goes away, and what the board and the database show."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from cloudwindow.domain.errors import NotFound
from cloudwindow.domain.messages import AgentAvailable, CallHangUp, ChatSay, OfferAccept
from cloudwindow.domain.presence import State as Presence
from cloudwindow.domain.session import State as Call
from cloudwindow.domain.ticket import State
from cloudwindow.records.ledger import Ledger
from tests.gateways.redis_server import RedisServer, running_server
from tests.journeys.town import CATALOGUE, HUADU, PANYU, XINHUA, Town, opened_town, submitted


@pytest.fixture
def own_line() -> Iterator[RedisServer]:
    """A line of its own, that may be killed."""
    with running_server() as server:
        yield server


@pytest_asyncio.fixture
async def lonely_town(own_line: RedisServer, migrated_file: Path, tmp_path: Path) -> AsyncIterator[Town]:
    """A town whose line the test may kill and start again, empty each time."""
    shutil.copy(migrated_file, tmp_path / "ledger.db")
    opened = await Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}")
    async with opened_town(tmp_path, opened, own_line.url) as made:
        yield made
    await opened.close()


SHIQIAO = CATALOGUE.district(PANYU).streets[0].code


async def number(town: Town, ticket: str) -> str:
    return (await town.ticket(ticket)).number


# --- the line away ---------------------------------------------------------------------------------------


async def test_without_the_line_a_number_is_given_and_offered_when_it_is_back(
    lonely_town: Town, own_line: RedisServer
) -> None:
    town = lonely_town
    first = await town.citizen()
    own_line.kill()
    town.now += 1
    second = await town.visitor()
    await second.take_number()
    await second.open()
    views = [await one.view() for one in (first, second)]
    assert [(one.place.ahead, one.place_known) for one in views if one.place] == [(0, False), (1, False)]
    assert all(one.place.low_seconds is None for one in views if one.place)
    own_line.start()
    await town.sweep()
    desk = await town.agent("mei")
    assert await desk.offered() == await number(town, first.ticket)
    await desk.accept()
    await first.join()
    other = await town.agent("lan")
    assert await other.offered() == await number(town, second.ticket)


async def test_without_the_line_the_desk_and_the_board_say_so_and_stand(
    lonely_town: Town, own_line: RedisServer
) -> None:
    town = lonely_town
    visitor, desk = await town.in_call()
    own_line.kill()
    assert (await desk.view()).stage == "in_call"
    admin = await town.desk("he", HUADU, role="district_admin")
    board = await town.made.boards.view(admin.staff, None)
    assert (board.line_known, board.today["taken"]) == (False, 1)
    await visitor.say(ChatSay(text="还在吗？"))
    await town.made.desks.heard(desk.staff, "zh-CN", ChatSay(text="在的"))
    assert len((await visitor.view()).chat) == 2


async def test_a_call_that_ended_without_the_line_leaves_no_agent_stuck_in_it(
    lonely_town: Town, own_line: RedisServer
) -> None:
    town = lonely_town
    visitor, desk = await town.in_call()
    line = town.house.line
    real, line._redis = line._redis, type(line._redis).from_url("unix:///nowhere")
    await town.made.desks.heard(desk.staff, "zh-CN", CallHangUp())
    await desk.finish("consulted")
    assert (await town.session(visitor.ticket)).state is Call.CLOSED
    await line._redis.aclose()
    line._redis = real
    await town.pass_time(15)
    await town.sweep()
    await desk.say(AgentAvailable())
    following = await town.citizen()
    assert await desk.offered() == await number(town, following.ticket)
    assert await line.knows((await town.ticket(visitor.ticket)).id) is None


async def test_a_citizen_sent_back_without_the_line_is_offered_again(
    lonely_town: Town, own_line: RedisServer
) -> None:
    town = lonely_town
    desk = await town.agent("mei")
    visitor = await town.citizen()
    await desk.accept()
    line = town.house.line
    real, line._redis = line._redis, type(line._redis).from_url("unix:///nowhere")
    await town.made.desks.heard(desk.staff, "zh-CN", CallHangUp())
    await desk.finish("citizen_left", then="away")
    await line._redis.aclose()
    line._redis = real
    other = await town.agent("lan")
    await town.pass_time(15)
    await town.sweep()
    assert await other.offered() == await number(town, visitor.ticket)


async def test_an_emptied_line_is_rebuilt_in_order(town: Town) -> None:
    visitors = [await town.citizen() for _ in range(4)]
    await town.redis.flushall()
    assert await town.house.line.generation_missing()
    await town.sweep()
    places = [(await one.view()).place for one in visitors]
    assert [one.ahead for one in places if one] == [0, 1, 2, 3]
    desk = await town.agent("mei")
    for visitor in visitors:
        assert await desk.offered() == await number(town, visitor.ticket)
        await desk.accept()
        await visitor.join()
        await visitor.leave()
        await desk.finish("consulted")


async def test_a_desk_whose_line_was_emptied_is_signed_in_again_by_its_heartbeat(town: Town) -> None:
    desk = await town.agent("mei")
    await town.redis.flushall()
    await town.sweep()
    await town.made.watch._beat()
    assert desk.page is not None
    assert desk.page.last("stage.changed")["stage"] == "away"
    known = await town.made.desks.presence(desk.staff.id)
    assert known is not None
    assert known.state is Presence.AWAY


async def test_an_offer_from_before_a_loss_is_no_offer_after_it(town: Town) -> None:
    desk = await town.agent("mei")
    visitor = await town.citizen()
    await desk.accept()
    await desk.say(CallHangUp())
    await desk.finish("citizen_left", then="away")
    await desk.say(AgentAvailable())
    await desk.accept()
    assert (await town.session(visitor.ticket)).epoch == 2
    await desk.say(CallHangUp())
    await desk.finish("citizen_left", then="away")
    await town.redis.flushall()
    await town.sweep()
    await town.made.watch._beat()
    await desk.say(AgentAvailable())
    offer = (await desk.view()).offer
    assert offer is not None
    assert offer.offer == f"{visitor.ticket}/3"
    await desk.say(OfferAccept(offer=offer.offer))
    assert (await town.session(visitor.ticket)).epoch == 3


async def test_a_number_given_up_while_the_line_was_away_is_offered_to_nobody(town: Town) -> None:
    visitor = await town.citizen()
    line = town.house.line
    real, line._redis = line._redis, type(line._redis).from_url("unix:///nowhere")
    await town.made.visits.leave(await visitor.browser())
    await line._redis.aclose()
    line._redis = real
    assert await line.knows((await town.ticket(visitor.ticket)).id) == "waiting"
    desk = await town.agent("mei")
    assert await desk.offered() is None
    following = await town.citizen()
    assert await desk.offered() == await number(town, following.ticket)


# --- the board -------------------------------------------------------------------------------------------


async def test_a_district_admin_sees_their_own_district_and_the_city_sees_all(town: Town) -> None:
    await town.in_call()
    await town.agent("panyu", PANYU)
    await town.citizen()
    await town.citizen(home_district=PANYU, home_street=SHIQIAO)
    own = await town.desk("he", HUADU, role="district_admin")
    city = await town.desk("liang", HUADU, role="city_admin")
    boards = town.made.boards
    view = await boards.view(own.staff, None)
    assert view.scope is not None
    assert view.scope.code == HUADU
    assert (view.waiting, view.today["taken"]) == (1, 2)
    assert [row.key for row in view.by_district] == [HUADU]
    assert {one.district.code for one in view.agent_rows} == {HUADU}
    with pytest.raises(NotFound, match="unknown_district"):
        await boards.view(own.staff, PANYU)
    whole = await boards.view(city.staff, None)
    assert (whole.scope, whole.today["taken"], len(whole.by_district)) == (None, 3, 11)
    assert {one.district.code for one in whole.agent_rows} == {HUADU, PANYU}
    assert (await boards.view(city.staff, PANYU)).today["taken"] == 1


async def test_the_board_counts_what_today_brought(town: Town) -> None:
    visitor, desk = await town.in_call()
    await submitted(visitor, desk)
    await desk.decide()
    await visitor.leave()
    await desk.finish("submitted", then="away")
    gone = await town.citizen()
    await gone.leave()
    waiting = await town.citizen("PS01")
    await town.pass_time(30)
    admin = await town.desk("he", HUADU, role="district_admin")
    view = await town.made.boards.view(admin.staff, "")
    assert view.today == {
        "taken": 3,
        "served": 1,
        "abandoned": 1,
        "missed": 0,
        "submitted": 1,
        "issued": 1,
        "handed_over": 0,
    }
    assert view.longest_seconds == town.now - (await town.ticket(waiting.ticket)).joined_at
    assert {row.key: row.waiting for row in view.by_item} == {"HR01": 0, "CA04": 0, "PS01": 1}
    assert view.mean_wait_seconds is not None
    assert (await desk.view()).served_today == 1


async def test_a_board_is_told_once_that_its_figures_have_moved(town: Town) -> None:
    page = town.pages.open(f"board:{HUADU}")
    town.made.watch._moved = True
    await town.made.watch._board()
    await town.made.watch._board()
    assert page.kinds() == ["board.changed"]


# --- what is kept ----------------------------------------------------------------------------------------


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_a_citizen_told_us_is_sealed_in_the_database_file_and_on_the_disk(
    town: Town, tmp_path: Path
) -> None:
    visitor, desk = await town.in_call(name="欧阳若兰")
    await desk.say(ChatSay(text="请把身份证靠近镜头"))
    await visitor.say(ChatSay(text="我的店在阳光路"))
    await submitted(visitor, desk)
    await town.documents(visitor.application)
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    secrets = [
        visitor.about["id_number"],
        visitor.about["mobile"],
        "欧阳若兰",
        "阳光路",
        "请把身份证靠近镜头",
        (await visitor.view()).resume_link.rpartition("#")[2],
    ]
    kept = files_in(tmp_path)
    assert len(kept) > 4
    for path in kept:
        content = path.read_bytes()
        for secret in secrets:
            assert secret.encode() not in content, (path.name, secret)


async def test_every_story_of_a_day_verifies_and_tells_no_names(town: Town) -> None:
    visitor, desk = await town.in_call(name="欧阳若兰", home_street=XINHUA)
    await submitted(visitor, desk)
    story = await town.story(visitor.application)
    assert [one.seq for one in story] == list(range(1, len(story) + 1))
    assert all(earlier.at <= later.at for earlier, later in pairwise(story))
    told = repr([one.payload for one in story])
    for secret in (visitor.about["id_number"], visitor.about["mobile"], "欧阳若兰", "阳光路"):
        assert secret not in told
    assert (await town.ticket(visitor.ticket)).state is State.SERVING
