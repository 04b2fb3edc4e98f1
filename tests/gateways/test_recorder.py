"""Writing the line's announcements into the ledger: at least once each, and once in effect."""

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from redis.asyncio import Redis

import cloudwindow.queue
from cloudwindow.domain.errors import Unavailable
from cloudwindow.domain.explain import Assignment, Verdict, check, read
from cloudwindow.domain.ids import TicketId
from cloudwindow.journey import recorder
from cloudwindow.journey.recorder import Recorder, end_told, offer_told
from cloudwindow.queue import Announcement, Line
from cloudwindow.records import assignments
from cloudwindow.records.ledger import Ledger
from tests.gateways.hall import Hall, profile

SEEDS = count(1)


def a_recorder(ledger: Ledger, hall: Hall) -> Recorder:
    """One node's recorder, with a name of its own."""
    return Recorder(ledger, hall.line, lambda size: next(SEEDS).to_bytes(size, "big"))


async def rows(ledger: Ledger, ticket: str) -> Sequence[Assignment]:
    async with ledger.read() as conn:
        return await assignments.of_ticket(conn, ticket)


async def served(hall: Hall, *tickets: str) -> None:
    """Each ticket is offered to mei, accepted and served."""
    await hall.arrive(profile("mei"))
    for one in tickets:
        await hall.join(one)
        await hall.serve()


async def test_an_offer_and_its_end_become_a_row_that_can_be_checked(redis: Redis, ledger: Ledger) -> None:
    hall = Hall(redis)
    await served(hall, "t1")
    offer = await hall.last_offer()
    one = a_recorder(ledger, hall)
    assert await one.record() > 0
    row = (await rows(ledger, "t1"))[0]
    assert (row.agent, row.epoch, row.ring, row.ending) == ("mei", 1, 0, "accepted")
    assert row.made_at == hall.now
    assert read(row.why).waited_ms == offer.why["waited_ms"]
    assert check(row).verdict is not Verdict.CONTRADICTED
    assert await one.record() == 0
    assert (await one.look()).entries == 0


async def test_missed_and_declined_offers_are_told_with_the_return(redis: Redis, ledger: Ledger) -> None:
    hall = Hall(redis)
    await hall.arrive(profile("mei"))
    await hall.join("t1")
    await hall.pass_time(21)
    offer = await hall.last_offer()
    await hall.line.decline(offer.agent, offer.offer, reason="technical", now=hall.now)
    await a_recorder(ledger, hall).record()
    first, second = (await rows(ledger, "t1"))[:2]
    assert (first.ending, first.return_reason) == ("missed", "missed")
    assert (second.ending, second.end_reason, second.return_reason) == ("declined", "technical", "declined")


async def test_what_a_recorder_held_when_it_died_is_recorded_by_another(
    redis: Redis, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between reading and acknowledging: before its silence is long enough nobody takes over."""
    hall = Hall(redis)
    await served(hall, "t1")
    assert await hall.line.unrecorded("dead")
    other = a_recorder(ledger, hall)
    assert await other.record() == 0
    assert await rows(ledger, "t1") == []
    monkeypatch.setattr(cloudwindow.queue, "SILENT_SECONDS", 0.0)
    assert await other.record() > 0
    assert [one.ending for one in await rows(ledger, "t1")] == ["accepted"]
    assert (await other.look()).entries == 0


async def test_killed_between_writing_and_acknowledging_the_row_stays_one(
    redis: Redis, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall = Hall(redis)
    await served(hall, "t1")
    monkeypatch.setattr(cloudwindow.queue, "SILENT_SECONDS", 0.0)
    dying = a_recorder(ledger, hall)

    async def killed(ids: Sequence[str]) -> None:
        raise ConnectionError("killed")

    with monkeypatch.context() as moment:
        moment.setattr(hall.line, "recorded", killed)
        with pytest.raises(ConnectionError):
            await dying.record()
    before = await rows(ledger, "t1")
    assert len(before) == 1
    assert await a_recorder(ledger, hall).record() > 0
    assert await rows(ledger, "t1") == before


async def test_two_recorders_share_the_work_and_every_offer_is_there_once(
    redis: Redis, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "BATCH", 7)
    hall = Hall(redis)
    names = [f"t{n}" for n in range(30)]
    await served(hall, *names)
    first, second = a_recorder(ledger, hall), a_recorder(ledger, hall)
    first_share = await hall.line.unrecorded(first._name, count=7)
    done = await second.record() + await first.record()
    assert first_share
    assert done == len(await hall.told())
    assert [len(await rows(ledger, name)) for name in names] == [1] * 30
    assert {(await rows(ledger, name))[0].ending for name in names} == {"accepted"}


async def test_nothing_is_acknowledged_while_the_ledger_is_away_and_it_catches_up_later(
    redis: Redis, ledger: Ledger
) -> None:
    hall = Hall(redis)
    await served(hall, "t1")
    one = a_recorder(ledger, hall)

    async def away() -> None:
        raise OSError("no disk")

    ledger.failpoints["before_commit"] = away
    for _ in range(2):
        with pytest.raises(Unavailable):
            await one.record()
    assert (await one.look()).entries == len(await hall.told())
    ledger.failpoints.clear()
    for _ in range(100):  # the ledger tries again by itself before it takes work
        with suppress(Unavailable):
            if await one.record():
                break
        await ledger_is_back(ledger)
    assert [row.ending for row in await rows(ledger, "t1")] == ["accepted"]
    assert (await one.look()).entries == 0


async def ledger_is_back(ledger: Ledger) -> None:
    async with ledger.read():
        return


async def test_after_redis_was_emptied_the_recorder_goes_on(redis: Redis, ledger: Ledger) -> None:
    hall = Hall(redis)
    await served(hall, "t1")
    one = a_recorder(ledger, hall)
    await one.record()
    await redis.flushall()
    assert (await one.look()).entries == 0
    assert await one.record() == 0
    await redis.flushall()
    await served(hall, "t2")
    assert await one.record() > 0
    assert [len(await rows(ledger, name)) for name in ("t1", "t2")] == [1, 1]


async def test_what_was_announced_before_the_first_recorder_is_recorded(redis: Redis, ledger: Ledger) -> None:
    hall = Hall(redis)
    await served(hall, "t1", "t2")
    await a_recorder(ledger, hall).record()
    assert [len(await rows(ledger, name)) for name in ("t1", "t2")] == [1, 1]


async def test_announcements_the_stream_dropped_are_counted_and_not_asked_for_again(
    redis: Redis, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    hall = Hall(redis)
    await served(hall, "t1")
    one = a_recorder(ledger, hall)
    held = await hall.line.unrecorded(one._name)
    await redis.xtrim("{hall}:announcements", maxlen=1, approximate=False)
    lost = recorder.LOST._value.get()
    with caplog.at_level(logging.WARNING):
        assert await one.record() == len(held)
    assert recorder.LOST._value.get() - lost == len(held) - 1
    assert "dropped before they were recorded" in caplog.text
    assert await one.record() == 0
    assert (await one.look()).entries == 0


async def test_a_record_that_falls_behind_is_told_once_and_so_is_its_catching_up(
    redis: Redis, ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    hall = Hall(redis, Line(redis, prefix="hall", stream_length=10))
    one = a_recorder(ledger, hall)
    await one.record()
    await served(hall, "t1", "t2")
    with caplog.at_level(logging.INFO, logger="cloudwindow"):
        lag = await one.look()
        await one.look()
        assert lag.entries > 0.5 * lag.limit == 5
        assert recorder.LAG_ENTRIES._value.get() == lag.entries
        await one.record()
        await one.look()
    told = [entry.getMessage() for entry in caplog.records if entry.name == recorder.__name__]
    assert told == ["the record is behind the line", "the record has caught up"]
    assert recorder.LAG_ENTRIES._value.get() == recorder.LAG_SECONDS._value.get() == 0


async def test_a_gap_that_nobody_had_read_is_seen(redis: Redis, ledger: Ledger) -> None:
    hall = Hall(redis)
    one = a_recorder(ledger, hall)
    await served(hall, "t1")
    await one.record()
    await served(hall, "t2")
    await redis.xtrim("{hall}:announcements", maxlen=1, approximate=False)
    assert (await one.look()).gap
    await one.record()
    assert not (await one.look()).gap


async def test_names_of_readers_that_ended_long_ago_are_forgotten_unless_they_hold_something(
    redis: Redis, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall = Hall(redis)
    await hall.line.unrecorded("idle")
    await served(hall, "t1")
    await hall.line.unrecorded("holding")
    assert await hall.line.forget_readers() == 0
    monkeypatch.setattr(cloudwindow.queue, "FORGOTTEN_SECONDS", -1.0)
    assert await hall.line.forget_readers() == 1
    left = await redis.xinfo_consumers("{hall}:announcements", "recorders")
    assert [one["name"] for one in left] == ["holding"]


async def test_one_announcement_that_cannot_be_written_does_not_hold_up_the_rest(
    redis: Redis, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall = Hall(redis)
    await served(hall, "t1", "t2")
    real = assignments.keep

    async def picky(conn: Any, made: Sequence[Assignment], ended: Any) -> None:
        if any(one.ticket == "t1" for one in made):
            raise ValueError("unwritable")
        await real(conn, made, ended)

    monkeypatch.setattr(assignments, "keep", picky)
    one = a_recorder(ledger, hall)
    await one.record()
    assert [row.rule for row in await rows(ledger, "t1")] == [""]
    assert [row.rule for row in await rows(ledger, "t2")] == ["longest_idle"]
    assert await one.record() == 0


# --- reading announcements -------------------------------------------------------------------------------


def news(kind: str = "offer.made", **extra: Any) -> Announcement:
    return Announcement(
        id="1-1", kind=kind, at=1_000.5, ticket=TicketId("t1"), agent=None, epoch=3, extra=extra
    )


def test_only_what_concerns_an_offer_is_recorded() -> None:
    for kind in ("ticket.joined", "agent.away", "line.rebuilt", "trimmed"):
        assert offer_told(news(kind)) is None
        assert end_told(news(kind)) is None


def test_the_reasons_of_the_new_line_are_kept_as_they_are_told() -> None:
    why = {
        "rule": "longest_waiting",
        "score_ms": 1.5,
        "opened_ms": 0,
        "considered": [{"lane": "440114|HR|zh|video|120-60-180", "ticket": "t2", "at_ms": 2}],
    }
    made = offer_told(
        Announcement(
            id="1-1",
            kind="offer.made",
            at=10.0,
            ticket=TicketId("t1"),
            agent=profile("mei").agent,
            epoch=1,
            extra={"ring": 3, "lane": "440114|HR|zh|video|120-60-180", "why": why},
        )
    )
    assert made is not None
    assert (made.ring, made.rule, json.loads(made.why)) == (3, "longest_waiting", why)
    assert made.why == json.dumps(why, sort_keys=True, separators=(",", ":"))


def test_missing_reasons_are_unknown() -> None:
    told = Announcement(
        id="1-1", kind="offer.made", at=10.0, ticket=TicketId("t1"), agent=profile("mei").agent, epoch=1
    )
    made = offer_told(told)
    assert made is not None
    assert (made.rule, made.ring, made.lane, made.why) == ("unknown", -1, "", "{}")


def test_an_end_carries_its_reason() -> None:
    ended = end_told(news("offer.returned", reason="vanished", lane="440114|HR|zh|video|120-60-180"))
    assert ended is not None
    assert (ended.ending, ended.reason, ended.epoch, ended.at) == ("returned", "vanished", 3, 1_000.5)
