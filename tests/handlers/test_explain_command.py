"""``python -m cloudwindow explain``: from the ledger alone, with the line away."""

import asyncio
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloudwindow.__main__ import main
from cloudwindow.domain.calendar import day_of
from cloudwindow.domain.explain import Assignment, Ending
from cloudwindow.domain.ticket import State
from cloudwindow.records import assignments
from cloudwindow.records.assignments import End
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.migrations import migrate
from tests.gateways.records_world import HUADU, NOON, TIANHE, kept_in, session, ticket

ROOT = Path(__file__).parents[2]
LANE = f"{HUADU}|human_resources|zh|video|120-60-180"
ELSEWHERE = f"{TIANHE}|human_resources|zh|video|120-60-180"
DAY = day_of(NOON).isoformat()
WHY = {
    "rule": "longest_idle",
    "score_ms": NOON * 1000 + 1_000,
    "opened_ms": 0,
    "waited_ms": 252_000,
    "idle_ms": 130_000,
    "considered": [
        {"agent": "lan", "ring": 0, "idle_ms": 60_000},
        {"agent": "far", "ring": 3, "idle_ms": 900_000},
    ],
}
OFFER = Assignment(
    ticket="t1",
    epoch=1,
    agent="mei",
    agent_district="",
    lane=LANE,
    ring=0,
    rule="longest_idle",
    made_at=NOON + 253,
    why=json.dumps(WHY),
)
NEXT = replace(
    OFFER,
    epoch=2,
    made_at=NOON + 300,
    rule="longest_waiting",
    why=json.dumps(
        {
            "rule": "longest_waiting",
            "score_ms": NOON * 1000 + 1_000,
            "opened_ms": 0,
            "considered": [{"lane": ELSEWHERE, "ticket": "t2", "at_ms": NOON * 1000 - 59_000}],
        }
    ),
)


async def _filled(url: str) -> None:
    await migrate(url)
    ledger = await Ledger.open(url)
    kept = kept_in(ledger)
    await kept.citizens(1, 2)
    await kept.agent()
    one = ticket(1, state=State.SERVING)
    await kept.take(one, ticket(2, home_district=TIANHE, number="D007"))
    await kept.call(session(one, 2, started_at=NOON + 304))
    ends = [
        End(ticket="t1", epoch=1, agent="mei", lane=LANE, at=at, ending=ending, reason="missed")
        for at, ending in ((NOON + 273, Ending.MISSED), (NOON + 273.1, Ending.RETURNED))
    ]
    taken = End(
        ticket="t1", epoch=2, agent="mei", lane=LANE, at=NOON + 304, ending=Ending.ACCEPTED, reason=""
    )
    await ledger.write(lambda conn: assignments.keep(conn, [OFFER, NEXT], [*ends, taken]))
    await ledger.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose ledger knows two offers of one ticket."""
    folder = tmp_path_factory.mktemp("explained")
    asyncio.run(_filled(f"sqlite+aiosqlite:///{folder / 'ledger.sqlite3'}"))
    return folder


@pytest.fixture(autouse=True)
def _outside(filled: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command's surroundings: no line answers, and its logging ends with it."""
    monkeypatch.setenv("DATA_DIR", str(filled))
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.chdir(ROOT)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


Captured = pytest.CaptureFixture[str]


def test_a_ticket_is_told_in_chinese_with_every_offer_in_order(capsys: Captured) -> None:
    assert main(["explain", "H001", "--date", DAY]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "H001 · 个人就业登记 · 花都区 · t1"
    assert told[1] == f"取号 {DAY} 12:00:01，首次叫号 12:05:04，此前等候 5 分钟 3 秒，办理中"
    assert told[3:9] == [
        "12:04:13 → 陈晓敏 HD-018（花都区，本区）",
        "    在该圈内 2 名空闲坐席中空闲最久，已空闲 2 分钟 10 秒。",
        "    该号已等候 4 分钟 12 秒，该圈自 12:00:01 起开放。",
        "    其他候选：lan（空闲 1 分钟）；far（全市，空闲 15 分钟）。",
        "    20 秒无人应答，该号回到原来的位置。",
        "    派单复核：一致。",
    ]
    assert told[10] == "12:05:00 → 陈晓敏 HD-018（花都区，本区）"
    assert told[-1] == "    派单复核：与记录的数据矛盾（有更靠前的号）。"


def test_the_same_is_told_in_english(capsys: Captured) -> None:
    assert main(["explain", "t1", "--language", "en"]) == 0
    told = capsys.readouterr().out
    for line in (
        "Free longest, for 2 minutes 10 seconds, among 2 in this ring.",
        "The ticket had waited 4 minutes 12 seconds, this ring was open since 12:00:01.",
        "Missed: nobody answered for 20 seconds, the ticket returned to its old place.",
        "Also considered: D007 (Tianhe District, came 1 minute earlier).",
        "Accepted after 4 seconds.",
        "Decision checked: consistent.",
    ):
        assert line in told, told


def test_programs_get_codes_and_figures_and_no_citizen(capsys: Captured) -> None:
    assert main(["explain", "t1", "--json"]) == 0
    text = capsys.readouterr().out
    told = json.loads(text)
    first, second = told["offers"]
    assert (told["number"], told["state"], told["first_called_at"]) == ("H001", "serving", NOON + 304)
    assert (first["verdict"], first["why"]["considered"][0]["lost"]) == ("consistent", "freed_later")
    assert (second["verdict"], second["faults"]) == ("contradicted", ["came_earlier"])
    assert "c1" not in text
    assert "王小明" not in text


def test_an_unknown_ticket_is_told_in_one_sentence_and_ends_with_1(capsys: Captured) -> None:
    assert main(["explain", "H001"]) == 1  # a number of another day
    assert main(["explain", "H999", "--date", DAY, "--language", "en"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    chinese, english = told.err.splitlines()
    assert chinese.startswith("那一天没有找到这个号码")
    assert english.startswith("No ticket with this number was found for that day.")


def test_a_day_that_is_none_is_told_in_one_sentence(capsys: Captured) -> None:
    assert main(["explain", "H001", "--date", "soon"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_ticket_that_was_never_offered_is_told_so(capsys: Captured) -> None:
    assert main(["explain", "t2"]) == 0
    assert "还没有记录到派给坐席的派单。" in capsys.readouterr().out


def test_a_ledger_that_is_away_is_told_in_one_sentence(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "nowhere"))
    assert main(["explain", "t1"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err
    assert "Traceback" not in told.err
