"""The story of a case: appended, chained, never changed."""

import asyncio
import hashlib
import json
import math
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.records.events import Event, append, append_all, canonical, since, story, verify
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.tables import event

NOON = 1_790_000_000.25


async def _append(
    conn: AsyncConnection, case: str = "t1", kind: str = "ticket.joined", **payload: Any
) -> Event:
    return await append(
        conn,
        case=case,
        kind=kind,
        actor_kind="citizen",
        actor="c1",
        capacity="own",
        on_behalf_of=None,
        organ=None,
        at=NOON,
        payload=payload,
    )


async def _happen(ledger: Ledger, case: str = "t1", kind: str = "ticket.joined", **payload: Any) -> Event:
    return await ledger.write(lambda conn: _append(conn, case, kind, **payload))


async def _three_events(ledger: Ledger) -> None:
    for kind in ("ticket.joined", "ticket.called", "ticket.answered"):
        await _happen(ledger, kind=kind, 说明="网上取号", wait=1.5)


async def _tamper(ledger: Ledger, *statements: str) -> None:
    """Change rows as somebody could who owns the database and takes the guards away first."""

    async def change(conn: AsyncConnection) -> None:
        if conn.dialect.name == "postgresql":
            await conn.exec_driver_sql("SET LOCAL session_replication_role = replica")
        else:
            await conn.exec_driver_sql("DROP TRIGGER event_no_UPDATE")
            await conn.exec_driver_sql("DROP TRIGGER event_no_DELETE")
        for statement in statements:
            await conn.exec_driver_sql(statement)

    await ledger.write(change)


async def test_a_story_is_told_in_the_order_it_happened(ledger: Ledger) -> None:
    await _three_events(ledger)
    await _happen(ledger, case="t2")
    async with ledger.read() as conn:
        told = await story(conn, "t1")
        nothing = await story(conn, "unknown")
    assert [(each.seq, each.kind) for each in told] == [
        (1, "ticket.joined"),
        (2, "ticket.called"),
        (3, "ticket.answered"),
    ]
    assert told[0].payload == {"说明": "网上取号", "wait": 1.5}
    assert nothing == []


async def test_an_event_reads_back_exactly_as_it_was_appended(ledger: Ledger) -> None:
    values: dict[str, Any] = {
        "float": 0.1 + 0.2,
        "big": 1e22,
        "whole": 1.0,
        "deep": {"b": [None, True, "𠮷"], "a": ""},
    }
    added = await _happen(ledger, **values)
    async with ledger.read() as conn:
        assert await story(conn, "t1") == [added]
        assert await verify(conn, "t1") is None
    assert added.payload == values
    assert added.at == NOON


async def test_the_hash_can_be_computed_by_somebody_else(ledger: Ledger) -> None:
    added = await _happen(ledger, place=3)
    spelled = (
        '{"actor":"c1","actor_kind":"citizen","alg":"sha256","at":1790000000.25,"capacity":"own","case":"t1",'
        '"kind":"ticket.joined","on_behalf_of":null,"organ":null,"payload":{"place":3},'
        f'"prev_hash":"{"0" * 64}","seq":1}}'
    )
    assert added.hash == hashlib.sha256(spelled.encode()).hexdigest()


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE event SET payload = '{}' WHERE seq = 2", 2),
        ('UPDATE event SET payload = \'{"wait":1.5, "说明":"网上取号"}\' WHERE seq = 2', 2),
        ("UPDATE event SET payload = 'not json' WHERE seq = 2", 2),
        ("UPDATE event SET actor = 'somebody' WHERE seq = 1", 1),
        ("UPDATE event SET at = at + 1 WHERE seq = 3", 3),
        ("UPDATE event SET capacity = 'for_organ', organ = 'x' WHERE seq = 3", 3),
        ("UPDATE event SET on_behalf_of = 'x' WHERE seq = 3", 3),
        ("UPDATE event SET alg = 'none' WHERE seq = 2", 2),
        ("UPDATE event SET hash = prev_hash WHERE seq = 2", 2),
        ("DELETE FROM event WHERE seq = 1", 1),
        ("DELETE FROM event WHERE seq = 2", 2),
        ("UPDATE event SET case_id = 't2' WHERE seq = 2", 2),
    ],
)
async def test_verification_finds_the_first_row_that_was_altered(
    ledger: Ledger, change: str, broken: int
) -> None:
    await _three_events(ledger)
    await _tamper(ledger, change)
    async with ledger.read() as conn:
        assert await verify(conn, "t1") == broken


async def test_verification_finds_two_rows_that_changed_places(ledger: Ledger) -> None:
    await _three_events(ledger)
    swap = "UPDATE event SET seq = {} WHERE seq = {}"
    await _tamper(ledger, swap.format(9, 2), swap.format(2, 3), swap.format(3, 9))
    async with ledger.read() as conn:
        assert await verify(conn, "t1") == 2


@pytest.mark.parametrize("change", [update(event).values(actor="x"), delete(event)])
async def test_the_database_refuses_to_change_or_remove_an_event(ledger: Ledger, change: Any) -> None:
    await _three_events(ledger)
    with pytest.raises(IntegrityError, match="an event is never changed or removed"):
        await ledger.write(lambda conn: conn.execute(change))
    async with ledger.read() as conn:
        assert len(await story(conn, "t1")) == 3
        assert await verify(conn, "t1") is None


async def test_postgresql_refuses_to_empty_the_events(ledger: Ledger, ledger_url: str) -> None:
    if not ledger_url.startswith("postgresql"):
        pytest.skip("SQLite has no TRUNCATE")
    with pytest.raises(IntegrityError, match="an event is never changed or removed"):
        await ledger.write(lambda conn: conn.exec_driver_sql("TRUNCATE event"))


async def test_two_nodes_appending_to_one_case_make_one_unbroken_chain(ledger_url: str) -> None:
    first, second = await Ledger.open(ledger_url), await Ledger.open(ledger_url)
    try:
        await asyncio.gather(*(_happen(node) for _ in range(40) for node in (first, second)))
        async with first.read() as conn:
            assert [each.seq for each in await story(conn, "t1")] == list(range(1, 81))
            assert await verify(conn, "t1") is None
    finally:
        await first.close()
        await second.close()


async def test_reading_on_skips_no_event_and_repeats_none(ledger: Ledger) -> None:
    await asyncio.gather(*(_happen(ledger, case=f"t{number % 3}") for number in range(25)))
    seen: list[Event] = []
    async with ledger.read() as conn:
        while page := await since(conn, seen[-1].id if seen else 0, 4):
            assert len(page) <= 4
            seen += page
    assert len(seen) == len({each.id for each in seen}) == 25
    assert [each.id for each in seen] == sorted(each.id for each in seen)


async def test_an_unknown_capacity_is_refused(ledger: Ledger) -> None:
    with pytest.raises(IntegrityError):
        await ledger.write(
            lambda conn: append(
                conn,
                case="t1",
                kind="ticket.joined",
                actor_kind="citizen",
                actor="c1",
                capacity="boss",
                on_behalf_of=None,
                organ=None,
                at=NOON,
                payload={},
            )
        )


async def test_several_events_at_once_go_on_with_the_chain(ledger: Ledger) -> None:
    await _happen(ledger, kind="ticket.taken")
    await ledger.write(
        lambda conn: append_all(
            conn,
            case="t1",
            told=[("consent.given", {"kind": "handling"}), ("ticket.joined", {"wait": 1.5})],
            actor_kind="citizen",
            actor="c1",
            capacity="own",
            on_behalf_of=None,
            organ=None,
            at=NOON,
        )
    )
    await _happen(ledger, kind="ticket.called")
    async with ledger.read() as conn:
        told = await story(conn, "t1")
        assert await verify(conn, "t1") is None
    assert [each.kind for each in told] == ["ticket.taken", "consent.given", "ticket.joined", "ticket.called"]
    assert [each.seq for each in told] == [1, 2, 3, 4]


async def test_a_number_that_json_cannot_say_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError):
        await _happen(ledger, wait=math.nan)


def test_the_canonical_spelling_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical({"b": 1, "a": {"d": "云", "c": None}}) == canonical(
        {"a": {"c": None, "d": "云"}, "b": 1}
    )
    assert canonical({"b": 1, "a": "云"}) == '{"a":"云","b":1}'
    assert json.loads(canonical({"a": "\u2028\x00"})) == {"a": "\u2028\x00"}
