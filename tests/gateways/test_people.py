"""Citizens, staff, browsers and one-time codes in the ledger, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from sqlalchemy import select

from cloudwindow.domain.errors import Gone, TooOften
from cloudwindow.domain.ids import CitizenId, DistrictCode, StaffId
from cloudwindow.records import Connection, tables
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.people import Citizen, People, Staff, WebSession
from cloudwindow.vault import Vault

NOON = 1_779_249_600.0
WANG = {"name": "王小明", "id_number": "440114199003070018", "mobile": "13800000001"}
MEI = Staff(
    id=StaffId("mei"),
    account="agent-mei",
    name="陈晓敏",
    number="HD-018",
    district=DistrictCode("440114"),
    roles=("agent",),
    skills=("human_resources",),
    languages=("zh", "yue"),
    modes=("video",),
    demo=False,
    active=True,
)


@pytest.fixture
def people() -> People:
    return People(Vault.of(bytes(32)))


@pytest_asyncio.fixture
async def browser(ledger: Ledger, people: People) -> AsyncIterator[WebSession]:
    """A citizen's browser, known for an hour."""
    yield await opened(ledger, people, "token")


async def opened(ledger: Ledger, people: People, token: str) -> WebSession:
    return await ledger.write(
        lambda conn: people.open_session(conn, token, kind="citizen", csrf="csrf", now=NOON, seconds=3600)
    )


async def identified(ledger: Ledger, people: People, fresh: str, **other: str) -> Citizen:
    return await ledger.write(
        lambda conn: people.identify(conn, CitizenId(fresh), now=NOON, **(WANG | other))
    )


async def known(ledger: Ledger, people: People, token: str, *, now: float = NOON) -> WebSession | None:
    async with ledger.read() as conn:
        return await people.session(conn, token, kind="citizen", now=now)


# --- citizens --------------------------------------------------------------------------------------------


async def test_the_same_number_and_phone_are_the_same_citizen(ledger: Ledger, people: People) -> None:
    first = await identified(ledger, people, "c1")
    again = await identified(ledger, people, "c2", name="王晓明")
    assert (first.id, again.id) == ("c1", "c1")
    async with ledger.read() as conn:
        assert await people.citizen(conn, "c1") == again


@pytest.mark.parametrize("other", [{"mobile": "13800000002"}, {"id_number": "440114199003070026"}])
async def test_another_number_or_phone_is_somebody_else(
    ledger: Ledger, people: People, other: dict[str, str]
) -> None:
    await identified(ledger, people, "c1")
    assert (await identified(ledger, people, "c2", **other)).id == "c2"


async def test_a_citizens_row_shows_nothing_of_them(ledger: Ledger, people: People) -> None:
    await identified(ledger, people, "c1")
    async with ledger.read() as conn:
        row = (await conn.execute(select(tables.citizen))).one()
    assert not [one for one in WANG.values() if one in repr(row)]


# --- staff -----------------------------------------------------------------------------------------------


async def test_staff_are_found_by_id_and_by_account_while_active(ledger: Ledger, people: People) -> None:
    gone = replace(MEI, id=StaffId("lan"), account="agent-lan", active=False)
    for one in (MEI, gone):
        await _add(ledger, people, one)
    async with ledger.read() as conn:
        assert await people.staff(conn, "mei") == MEI
        assert await people.staff(conn, "lan") is None
        assert await people.credentials(conn, "agent-lan") is None
        assert await people.credentials(conn, "agent-mei") == (MEI, "hash", "secret", 0)
        assert [one.account for one in await people.all_staff(conn)] == ["agent-lan", "agent-mei"]


async def _add(ledger: Ledger, people: People, staff: Staff) -> None:
    await ledger.write(lambda conn: people.add_staff(conn, staff, password_hash="hash", totp_secret="secret"))


async def test_a_one_time_code_of_staff_is_spent_once_and_takes_older_ones_with_it(
    ledger: Ledger, people: People
) -> None:
    await _add(ledger, people, MEI)

    async def spend(counter: int) -> bool:
        return await ledger.write(lambda conn: people.spend_totp(conn, "mei", counter))

    assert sorted(await asyncio.gather(*(spend(7) for _ in range(5)))) == [False] * 4 + [True]
    assert [await spend(6), await spend(7), await spend(8)] == [False, False, True]


# --- browsers --------------------------------------------------------------------------------------------


async def test_a_browser_is_known_by_its_token_until_it_expires(
    ledger: Ledger, people: People, browser: WebSession
) -> None:
    assert await known(ledger, people, "token") == browser
    assert await known(ledger, people, "other") is None
    assert await known(ledger, people, "token", now=NOON + 3600) is None
    async with ledger.read() as conn:
        assert await people.session(conn, "token", kind="staff", now=NOON) is None


async def test_a_touched_browser_lives_longer_and_an_ended_one_is_gone(
    ledger: Ledger, people: People, browser: WebSession
) -> None:
    await ledger.write(lambda conn: people.touch(conn, browser, now=NOON + 3000, expires_at=NOON + 6600))
    touched = await known(ledger, people, "token", now=NOON + 4000)
    assert touched is not None
    assert touched.seen_at == NOON + 3000
    await ledger.write(lambda conn: people.end_session(conn, browser))
    assert await known(ledger, people, "token") is None
    with pytest.raises(Gone, match="intake_gone"):
        await ledger.write(lambda conn: people.session_again(conn, browser))


async def test_what_was_chosen_waits_sealed_in_the_session(
    ledger: Ledger, people: People, browser: WebSession
) -> None:
    await ledger.write(lambda conn: people.keep_intake(conn, browser, WANG))
    again = await ledger.write(lambda conn: people.session_again(conn, browser))
    assert again.intake == WANG
    async with ledger.read() as conn:
        row = (await conn.execute(select(tables.web_session))).one()
    assert "王小明" not in repr(row)
    assert "token" not in row.token_hash


async def test_a_visit_is_held_by_one_browser(ledger: Ledger, people: People, browser: WebSession) -> None:
    phone = await opened(ledger, people, "phone")
    await ledger.write(lambda conn: people.keep_intake(conn, phone, WANG))
    for session in (browser, phone):
        await ledger.write(lambda conn, one=session: people.bind_ticket(conn, one, "t1"))  # type: ignore[misc]
    old, new = await known(ledger, people, "token"), await known(ledger, people, "phone")
    assert old is not None
    assert new is not None
    assert (old.ticket, new.ticket, new.intake) == (None, "t1", {})


async def test_a_browser_may_follow_its_last_twenty_cases(
    ledger: Ledger, people: People, browser: WebSession
) -> None:
    for serial in [*range(22), 5]:
        session = await known(ledger, people, "token")
        assert session is not None
        await ledger.write(
            lambda conn, one=session, n=serial: people.allow_case(conn, one, f"R{n}")  # type: ignore[misc]
        )
    session = await known(ledger, people, "token")
    assert session is not None
    assert len(session.cases) == 20
    assert session.cases[-2:] == ("R21", "R5")
    assert "R1" not in session.cases


# --- codes -----------------------------------------------------------------------------------------------


async def send(ledger: Ledger, people: People, code: str = "123456", *, now: float = NOON) -> None:
    await ledger.write(lambda conn: people.set_code(conn, purpose="sign", subject="a1", code=code, now=now))


async def enter(
    ledger: Ledger,
    people: People,
    code: str,
    *,
    now: float = NOON,
    subject: str = "a1",
    purpose: str = "sign",
) -> bool:
    return await ledger.write(
        lambda conn: people.try_code(conn, purpose=purpose, subject=subject, code=code, now=now)
    )


async def test_a_code_opens_once(ledger: Ledger, people: People) -> None:
    await send(ledger, people)
    answers = await asyncio.gather(
        *(enter(ledger, people, "123456") for _ in range(5)), return_exceptions=True
    )
    assert [one for one in answers if one is True] == [True]
    assert all(one is True or isinstance(one, Gone) for one in answers)


async def test_a_code_belongs_to_its_purpose_and_subject(ledger: Ledger, people: People) -> None:
    await send(ledger, people)
    with pytest.raises(Gone, match="code_expired"):
        await enter(ledger, people, "123456", subject="a2")
    with pytest.raises(Gone, match="code_expired"):
        await enter(ledger, people, "123456", purpose="identify")
    assert await enter(ledger, people, "123456")


async def test_five_wrong_codes_lock_even_the_right_one(ledger: Ledger, people: People) -> None:
    await send(ledger, people)
    assert [await enter(ledger, people, "000000") for _ in range(5)] == [False] * 5
    with pytest.raises(TooOften, match="code_locked"):
        await enter(ledger, people, "123456")
    await send(ledger, people, "654321", now=NOON + 60)
    assert await enter(ledger, people, "654321", now=NOON + 61)


async def test_a_code_ends_after_five_minutes_and_may_be_sent_anew_after_one(
    ledger: Ledger, people: People
) -> None:
    await send(ledger, people)
    with pytest.raises(TooOften, match="code_too_often") as told:
        await send(ledger, people, now=NOON + 59)
    assert told.value.retry_after_seconds == 2
    with pytest.raises(Gone, match="code_expired"):
        await enter(ledger, people, "123456", now=NOON + 300)
    await send(ledger, people, "654321", now=NOON + 60)
    assert not await enter(ledger, people, "123456", now=NOON + 61)


async def test_whether_a_code_is_out_can_be_asked(ledger: Ledger, people: People) -> None:
    async def out(now: float) -> bool:
        async with ledger.read() as conn:
            return await people.code_sent(conn, purpose="sign", subject="a1", now=now)

    assert not await out(NOON)
    await send(ledger, people)
    assert [await out(NOON + 299), await out(NOON + 300)] == [True, False]
    await enter(ledger, people, "123456")
    assert not await out(NOON + 1)


async def test_no_code_is_kept_as_it_was_sent(ledger: Ledger, people: People) -> None:
    await send(ledger, people)

    async def rows(conn: Connection) -> str:
        return repr((await conn.execute(select(tables.phone_code))).all())

    async with ledger.read() as conn:
        assert "123456" not in await rows(conn)
