"""How a text message goes on: one key for one fact, pauses that grow, an end in time."""

from dataclasses import replace

import pytest

from cloudwindow.domain.outbox import (
    LEASE_SECONDS,
    WORTH_SECONDS,
    Event,
    Outgoing,
    State,
    advance,
    pause_seconds,
    taken,
    written,
)

NOW = 1_800_000_000.0


def rung(epoch: int = 1, **more: float) -> Outgoing:
    return written("ticket.rung", "t1", str(epoch), now=NOW, **more)


def test_one_fact_has_one_key_and_the_next_another() -> None:
    assert rung().key == replace(rung(), made_at=NOW + 9).key
    keys = {rung().key, rung(2).key, written("ticket.nearly", "t1", "1", now=NOW).key}
    assert len(keys) == 3


def test_a_key_names_nobody() -> None:
    assert "t1" not in rung().key
    assert len(rung().key) == 32


def test_pauses_grow_to_two_minutes() -> None:
    assert [pause_seconds(tries) for tries in range(1, 9)] == [2, 4, 8, 16, 32, 64, 120, 120]


def test_what_failed_is_due_again_after_the_pause() -> None:
    mine = taken(taken(rung(), NOW), NOW + 5)
    assert (mine.tries, mine.due_at) == (2, NOW + 5 + LEASE_SECONDS)
    failed = advance(mine, Event.FAIL, NOW + 6, reason="sms_unavailable")
    assert (failed.state, failed.due_at, failed.reason) == (State.WAITING, NOW + 10, "sms_unavailable")


def test_a_message_is_worth_its_kinds_time_or_less() -> None:
    assert rung().worthless_at == NOW + WORTH_SECONDS["ticket.rung"]
    assert rung(until=NOW + 60).worthless_at == NOW + 60
    assert rung(until=NOW + 9_999).worthless_at == NOW + WORTH_SECONDS["ticket.rung"]


def test_the_last_pause_ends_when_the_message_is_of_no_use_any_more() -> None:
    failed = advance(replace(taken(rung(), NOW), tries=7), Event.FAIL, NOW + 100)
    assert failed.due_at == failed.worthless_at == NOW + 180


@pytest.mark.parametrize("event", [Event.SEND, Event.REFUSE, Event.EXPIRE])
def test_what_ended_is_due_no_more(event: Event) -> None:
    ended = advance(taken(rung(), NOW), event, NOW + 1)
    assert (ended.due_at, ended.ended_at) == (None, NOW + 1)
