"""Applications with their values, papers and notices in the ledger, on both databases."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import select

from cloudwindow.domain.application import (
    Application,
    Delegate,
    Event,
    Material,
    Standing,
    State,
    Value,
    Verdict,
    advance,
)
from cloudwindow.domain.errors import Conflict, NotFound
from cloudwindow.domain.handover import Event as Move
from cloudwindow.domain.handover import Handover
from cloudwindow.domain.handover import advance as move
from cloudwindow.domain.ids import ApplicationId, ItemId, MaterialId, StaffId
from cloudwindow.records import tables
from cloudwindow.records.cases import Consent, Document
from cloudwindow.records.ledger import Ledger
from tests.gateways.records_world import HUADU, NOON, TIANHE, Kept, case, kept_in, ticket


@pytest_asyncio.fixture
async def kept(ledger: Ledger) -> AsyncIterator[Kept]:
    """A citizen."""
    rooms = kept_in(ledger)
    await rooms.citizens(1)
    yield rooms


def value(field: str, content: Any, version: int = 1) -> Value:
    return Value(
        field=field,
        value=content,
        standing=Standing.PROPOSED,
        author_kind="agent",
        author="mei",
        at=NOON,
        version=version,
    )


def page(serial: int, rule: str = "id_card") -> Material:
    return Material(
        id=MaterialId(f"m{serial}"),
        rule=rule,
        file=f"f{serial}",
        sha256="a" * 64,
        width=1200,
        height=800,
        hints=("dark",),
        added_by="citizen",
        at=NOON + serial,
    )


def document(serial: int, **more: Any) -> Document:
    made = Document(
        id=f"d{serial}",
        application=ApplicationId("a1"),
        kind="receipt_slip",
        number=f"第 {serial} 号",
        organ="440114.human_resources",
        verification_code=f"CODE-{serial}",
        handler="陈晓敏 HD-018",
        language="zh-CN",
        issued_at=NOON + serial,
    )
    return replace(made, **more)


async def as_kept(kept: Kept, application: str = "a1") -> Application:
    async with kept.ledger.read() as conn:
        return await kept.cases.case(conn, application)


# --- cases -----------------------------------------------------------------------------------------------


async def test_a_case_comes_back_as_it_was_kept(kept: Kept) -> None:
    made = case(
        state=State.CORRECTION_REQUESTED,
        declared={"truth": NOON},
        corrections=({"target": "trade", "kind": "field", "note": "请改", "done": ""},),
        correction_rounds=1,
        receipt="R-1",
        due_at=NOON + 1.5,
        reasons="理由",
    )
    await kept.open(made)
    assert await as_kept(kept) == replace(made, corrections=tuple(made.corrections))
    with pytest.raises(NotFound, match="unknown_case"):
        await as_kept(kept, "a9")


async def test_a_moved_case_is_written_over_the_version_that_was_seen(kept: Kept) -> None:
    await kept.open(case())
    read = advance(case(), Event.READ_BACK, NOON)
    await kept.ledger.write(lambda conn: kept.cases.save(conn, read, seen=0))
    assert await as_kept(kept) == read
    with pytest.raises(Conflict, match="version_stale"):
        await kept.ledger.write(lambda conn: kept.cases.save(conn, read, seen=0))


async def test_a_case_is_found_by_its_receipt(kept: Kept) -> None:
    await kept.open(case(receipt="R-1"), case(2))
    async with kept.ledger.read() as conn:
        assert (await kept.cases.by_receipt(conn, "R-1")).id == "a1"
        for unknown in ("R-2", "", "None"):
            with pytest.raises(NotFound, match="unknown_case"):
                await kept.cases.by_receipt(conn, unknown)


async def test_the_draft_a_citizen_left_behind_is_the_latest_never_handed_in(kept: Kept) -> None:
    await kept.open(
        case(1),
        case(2, opened_at=NOON + 5),
        case(3, opened_at=NOON + 9, state=State.RECEIVED),
        case(4, opened_at=NOON + 9, item=ItemId("PS01")),
        case(5, opened_at=NOON + 9, item_version=2),
    )
    async with kept.ledger.read() as conn:
        found = await kept.cases.draft_of(conn, "c1", "HR01", 1)
        assert found is not None
        assert found.id == "a2"
        assert await kept.cases.draft_of(conn, "c2", "HR01", 1) is None


async def test_the_principal_of_a_delegate_is_kept_sealed(kept: Kept) -> None:
    principal = Delegate(name="李奶奶", id_number="440114195001010027", mobile="", relation="child")
    await kept.open(case(1), principal=principal)
    await kept.open(case(2))
    async with kept.ledger.read() as conn:
        assert await kept.cases.principal(conn, "a1") == principal
        assert await kept.cases.principal(conn, "a2") is None
        rows = repr((await conn.execute(select(tables.application))).all())
    assert "李奶奶" not in rows
    assert principal.id_number not in rows


async def test_a_district_sees_its_cases_the_earliest_due_first(kept: Kept) -> None:
    await kept.open(
        case(1, state=State.HANDED_OVER, due_at=NOON + 9, mode="transfer"),
        case(2, state=State.ACCEPTED, due_at=NOON + 5, mode="transfer"),
        case(3, state=State.HANDED_OVER, due_at=NOON + 1, mode="transfer", home_district=TIANHE),
        case(4),
        case(5, state=State.APPROVED, mode="authorised"),
    )
    async with kept.ledger.read() as conn:
        found = await kept.cases.of_district(conn, HUADU, [State.HANDED_OVER, State.ACCEPTED])
        assert [(one.id, package) for one, package in found] == [("a2", None), ("a1", None)]
        assert await kept.cases.counts(conn, HUADU) == {
            State.HANDED_OVER: 1,
            State.ACCEPTED: 1,
        }


# --- values and papers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", ["王小明", {"district": "440114", "detail": "阳光路"}, ["a", "b"], 12.5, True, None]
)
async def test_a_value_of_any_shape_comes_back_and_is_sealed(kept: Kept, content: Any) -> None:
    await kept.open(case())
    made = value("trade", content)
    await kept.ledger.write(lambda conn: kept.cases.set_value(conn, "a1", made))
    assert (await as_kept(kept)).values == {"trade": made}
    async with kept.ledger.read() as conn:
        row = (await conn.execute(select(tables.field_value))).one()
    assert "王小明" not in repr(row)
    assert "阳光路" not in repr(row)


async def test_a_new_value_takes_the_place_of_the_last_in_its_own_case_only(kept: Kept) -> None:
    await kept.open(case(1), case(2))
    for application, made in (("a1", value("trade", "old")), ("a2", value("trade", "other"))):
        await kept.ledger.write(lambda conn, a=application, v=made: kept.cases.set_value(conn, a, v))  # type: ignore[misc]
    await kept.ledger.write(lambda conn: kept.cases.set_value(conn, "a1", value("trade", "new", 2)))
    assert (await as_kept(kept, "a1")).values["trade"].value == "new"
    assert (await as_kept(kept, "a2")).values["trade"].value == "other"


async def test_a_sealed_value_moved_to_another_case_does_not_open(kept: Kept) -> None:
    await kept.open(case(1), case(2))
    await kept.ledger.write(lambda conn: kept.cases.set_value(conn, "a1", value("trade", "leather")))

    async def steal(conn: Any) -> None:
        await conn.execute(tables.field_value.update().values(application="a2"))

    await kept.ledger.write(steal)
    with pytest.raises(Exception, match="sealed_value_damaged"):
        await as_kept(kept, "a2")


async def test_pages_come_in_the_order_they_were_added_with_their_verdicts(kept: Kept) -> None:
    await kept.open(case())
    for one in (page(2), page(1), page(3, "portrait")):
        await kept.ledger.write(lambda conn, p=one: kept.cases.add_material(conn, "a1", p))  # type: ignore[misc]
    judged = replace(page(1), verdict=Verdict.BLURRY, verdict_by=StaffId("mei"))
    await kept.ledger.write(lambda conn: kept.cases.change_material(conn, judged))
    await kept.ledger.write(lambda conn: kept.cases.drop_material(conn, "m2"))
    assert (await as_kept(kept)).materials == (judged, page(3, "portrait"))


# --- what goes with a case -------------------------------------------------------------------------------


async def test_of_two_answers_to_one_consent_the_latest_counts(kept: Kept) -> None:
    await kept.open(case())
    for given in (True, False):
        consent = Consent(kind="recording", given=given, text_version=1, language="zh-CN", at=NOON)
        await kept.ledger.write(lambda conn, it=consent: kept.cases.add_consents(conn, "a1", [it]))  # type: ignore[misc]
    async with kept.ledger.read() as conn:
        assert [(one.kind, one.given) for one in await kept.cases.consents(conn, "a1")] == [
            ("recording", False)
        ]


async def test_a_case_is_handed_over_once_and_its_package_moves_by_version(kept: Kept) -> None:
    await kept.open(case())
    package = Handover(
        application=ApplicationId("a1"),
        from_district=TIANHE,
        to_district=HUADU,
        organ="440114.public_security",
        sent_at=NOON,
        acknowledge_by=NOON + 1,
        due_at=NOON + 2,
    )
    await kept.ledger.write(lambda conn: kept.cases.add_handover(conn, package))
    with pytest.raises(Conflict, match="already_handed_over"):
        await kept.ledger.write(lambda conn: kept.cases.add_handover(conn, package))
    signed = move(package, Move.ACKNOWLEDGE, NOON + 1, approver=StaffId("zhou"))
    await kept.ledger.write(lambda conn: kept.cases.save_handover(conn, signed, seen=0))
    async with kept.ledger.read() as conn:
        assert await kept.cases.handover(conn, "a1") == signed
        assert await kept.cases.handover(conn, "a2") is None
    with pytest.raises(Conflict, match="version_stale"):
        await kept.ledger.write(lambda conn: kept.cases.save_handover(conn, signed, seen=0))


async def test_issued_notices_wait_to_be_printed_oldest_first(kept: Kept) -> None:
    await kept.open(case())
    for one in (document(2), document(1), document(3, file="f3", sha256="c" * 64)):
        await kept.ledger.write(lambda conn, d=one: kept.cases.add_document(conn, d))  # type: ignore[misc]
    async with kept.ledger.read() as conn:
        assert [one.id for one in await kept.cases.unprinted(conn)] == ["d1", "d2"]
    printed = replace(document(1), file="f1", sha256="b" * 64)
    await kept.ledger.write(lambda conn: kept.cases.print_document(conn, printed))
    async with kept.ledger.read() as conn:
        assert [one.id for one in await kept.cases.unprinted(conn)] == ["d2"]
        assert (await kept.cases.documents(conn, "a1"))[0] == printed


async def test_a_notice_once_printed_is_not_replaced_by_a_second_print(kept: Kept) -> None:
    await kept.open(case())
    await kept.ledger.write(lambda conn: kept.cases.add_document(conn, document(1)))
    for file in ("first", "second"):
        printed = replace(document(1), file=file, sha256=file)
        await kept.ledger.write(lambda conn, d=printed: kept.cases.print_document(conn, d))  # type: ignore[misc]
    async with kept.ledger.read() as conn:
        assert [one.file for one in await kept.cases.documents(conn, "a1")] == ["first"]


async def test_a_notice_is_found_by_its_verification_code(kept: Kept) -> None:
    await kept.open(case())
    await kept.ledger.write(lambda conn: kept.cases.add_document(conn, document(1)))
    async with kept.ledger.read() as conn:
        assert await kept.cases.by_verification_code(conn, "CODE-1") == document(1)
        assert await kept.cases.by_verification_code(conn, "CODE-2") is None


async def test_a_visit_is_rated_once(kept: Kept) -> None:
    await kept.take(ticket())
    await kept.ledger.write(lambda conn: kept.cases.rate(conn, "t1", stars=4, reason="好", now=NOON))
    with pytest.raises(Conflict, match="already_rated"):
        await kept.ledger.write(lambda conn: kept.cases.rate(conn, "t1", stars=5, reason="", now=NOON))
    async with kept.ledger.read() as conn:
        assert await kept.cases.rating(conn, "t1") == 4
        assert await kept.cases.rating(conn, "t2") is None
