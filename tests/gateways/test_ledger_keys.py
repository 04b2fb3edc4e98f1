"""A request that is sent again has no second effect and gets the first answer."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.errors import BadInput, Conflict, Malformed, Unavailable
from cloudwindow.records.keys import KEPT_SECONDS, StoredReply, forget, once
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.numbers import next_number

NOON = 1_790_000_000.0


async def _submit(
    ledger: Ledger,
    *,
    actor: str = "c1",
    route: str = "POST /applications",
    key: str = "k1",
    body_hash: str = "00",
    now: float = NOON,
) -> StoredReply:
    """Send a request whose reply tells how many took effect so far."""

    async def work(conn: AsyncConnection) -> StoredReply:
        async def effect() -> StoredReply:
            number = await next_number(conn, "organ", 2026, "receipt")
            headers = {"Content-Type": "text/plain; charset=utf-8", "Location": f"/cases/{number}"}
            return StoredReply(status=201, headers=headers, body=f"第{number}号\x00".encode() + b"\xff")

        return await once(
            conn, actor=actor, route=route, key=key, body_hash=body_hash, now=now, effect=effect
        )

    return await ledger.write(work)


async def _effects(ledger: Ledger) -> int:
    return await ledger.write(lambda conn: next_number(conn, "organ", 2026, "receipt")) - 1


async def test_a_repeated_request_gets_the_same_bytes_and_has_no_second_effect(ledger: Ledger) -> None:
    first = await _submit(ledger)
    again = await _submit(ledger, now=NOON + 29 * 86_400)
    assert first == again
    assert first.body == "第1号\x00".encode() + b"\xff"
    assert await _effects(ledger) == 1


async def test_repeats_sent_at_the_same_moment_have_one_effect(ledger: Ledger) -> None:
    replies = await asyncio.gather(*(_submit(ledger) for _ in range(20)))
    assert all(reply == replies[0] for reply in replies)
    assert await _effects(ledger) == 1


async def test_a_key_that_comes_back_with_another_body_is_refused(ledger: Ledger) -> None:
    await _submit(ledger)
    with pytest.raises(BadInput) as refused:
        await _submit(ledger, body_hash="01")
    assert (refused.value.code, refused.value.status) == ("idempotency_key_reused", 422)
    assert await _effects(ledger) == 1


async def test_the_same_key_of_another_person_or_route_is_another_key(ledger: Ledger) -> None:
    await _submit(ledger)
    await _submit(ledger, actor="c2", body_hash="01")
    await _submit(ledger, route="POST /tickets", body_hash="02")
    assert await _effects(ledger) == 3


@pytest.mark.parametrize("key", ["", "a b", "é", "云", "a\n", "x" * 101, "\x7f"])
async def test_a_key_that_is_not_a_hundred_visible_characters_is_refused(ledger: Ledger, key: str) -> None:
    with pytest.raises(Malformed) as refused:
        await _submit(ledger, key=key)
    assert (refused.value.code, refused.value.status) == ("idempotency_key_malformed", 400)
    assert await _effects(ledger) == 0


async def test_a_key_of_a_hundred_visible_characters_is_taken(ledger: Ledger) -> None:
    assert await _submit(ledger, key="!~" * 50) == await _submit(ledger, key="!~" * 50)


async def test_an_effect_that_fails_leaves_no_key_so_it_can_be_tried_again(ledger: Ledger) -> None:
    async def refuses() -> StoredReply:
        raise Conflict("stale")

    with pytest.raises(Conflict):
        await ledger.write(
            lambda conn: once(
                conn,
                actor="c1",
                route="POST /applications",
                key="k1",
                body_hash="00",
                now=NOON,
                effect=refuses,
            )
        )
    assert (await _submit(ledger)).status == 201


async def _fails() -> None:
    raise OSError("the process ended here")


async def test_a_crash_between_effect_and_reply_is_healed_by_the_repeat(ledger: Ledger) -> None:
    """The commit is done but the answer never left: the repeat gets it, and there is one effect."""
    ledger.failpoints["after_commit"] = _fails
    with pytest.raises(Unavailable):
        await _submit(ledger)
    ledger.failpoints.clear()
    assert (await _submit(ledger)).headers["Location"] == "/cases/1"
    assert await _effects(ledger) == 1


async def test_a_crash_before_the_commit_leaves_neither_effect_nor_key(ledger: Ledger) -> None:
    ledger.failpoints["before_commit"] = _fails
    with pytest.raises(Unavailable):
        await _submit(ledger)
    ledger.failpoints.clear()
    assert await _effects(ledger) == 0
    assert (await _submit(ledger, body_hash="other")).headers["Location"] == "/cases/2"


async def test_replies_are_forgotten_after_thirty_days(ledger: Ledger) -> None:
    await _submit(ledger, key="old")
    await _submit(ledger, key="new", now=NOON + 1)
    removed = await ledger.write(lambda conn: forget(conn, now=NOON + KEPT_SECONDS + 0.5))
    assert removed == 1
    assert (await _submit(ledger, key="new")).headers["Location"] == "/cases/2"
    assert (await _submit(ledger, key="old")).headers["Location"] == "/cases/3"
