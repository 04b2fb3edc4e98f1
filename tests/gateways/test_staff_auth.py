"""Signing in: passwords under argon2id, one-time codes that work once, a door that cannot be jammed."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Literal

import pytest
from argon2 import PasswordHasher

from cloudwindow.domain.errors import BadInput, TooOften
from cloudwindow.staff_auth import (
    StaffPasswords,
    argon2id,
    totp_address,
    totp_code,
    totp_secret,
    verify_totp,
)

# RFC 6238, appendix B: the secret "12345678901234567890"; the codes are the last six of eight digits.
RFC_SECRET = totp_secret(b"12345678901234567890")
NOW = 1_111_111_109.0
PASSWORD = "沿江西路的木棉花开了没有"


@pytest.fixture
def passwords() -> Iterator[StaffPasswords]:
    made = StaffPasswords(hasher=argon2id(time_cost=1, memory_kib=64))
    yield made
    made.close()


async def test_the_right_password_is_right_and_any_other_wrong(passwords: StaffPasswords) -> None:
    kept = await passwords.hash(PASSWORD)
    assert await passwords.verify(kept, PASSWORD)
    assert not await passwords.verify(kept, PASSWORD + " ")
    assert not await passwords.verify(kept, "")


async def test_two_hashes_of_one_password_differ_and_are_argon2id(passwords: StaffPasswords) -> None:
    first, second = await passwords.hash(PASSWORD), await passwords.hash(PASSWORD)
    assert first != second
    assert first.startswith("$argon2id$")


async def test_nobody_of_that_name_takes_the_same_work_and_is_refused() -> None:
    worked: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            worked.append(str(hash))
            return super().verify(hash, password)

    passwords = StaffPasswords(hasher=Watched(time_cost=1, memory_cost=64, parallelism=1))
    assert not await passwords.verify(None, PASSWORD)
    assert not await passwords.verify(None, "nobody has this password")
    assert len(worked) == 2
    passwords.close()


@pytest.mark.parametrize("kept", ["", "$argon2id$", "plain text"])
async def test_a_damaged_hash_lets_nobody_in(passwords: StaffPasswords, kept: str) -> None:
    assert not await passwords.verify(kept, PASSWORD)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_too_short"),
        ("x1" * 65, "password_too_long"),
        ("Admin123456789", "password_too_common"),
        ("ababababababab", "password_too_common"),
    ],
)
async def test_a_weak_password_is_refused_by_name(
    passwords: StaffPasswords, password: str, code: str
) -> None:
    with pytest.raises(BadInput) as refused:
        await passwords.hash(password)
    assert refused.value.code == code


async def test_a_flood_of_sign_ins_is_turned_away_and_the_loop_stays_free() -> None:
    gate = threading.Event()

    class Slow(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            assert gate.wait(10)
            return True

    passwords = StaffPasswords(hasher=Slow(time_cost=1, memory_cost=64, parallelism=1), threads=2, queue=3)
    inside = [asyncio.create_task(passwords.verify("kept", PASSWORD)) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(TooOften) as refused:
        await passwords.verify("kept", PASSWORD)
    assert refused.value.code == "sign_in_busy"
    assert refused.value.retry_after_seconds is not None
    gate.set()
    assert await asyncio.gather(*inside) == [True] * 5
    assert await passwords.verify("kept", PASSWORD)
    passwords.close()


async def test_a_hash_with_older_costs_is_outdated(passwords: StaffPasswords) -> None:
    kept = await passwords.hash(PASSWORD)
    assert not passwords.outdated(kept)
    stronger = StaffPasswords(hasher=argon2id(time_cost=2, memory_kib=64))
    assert stronger.outdated(kept)
    stronger.close()


def test_the_shipped_costs_are_not_below_the_floor() -> None:
    """ASVS 5.0, appendix C: argon2id with t=1, m=46 MiB, p=1 at least."""
    hasher = argon2id()
    assert hasher.memory_cost >= 46 * 1024
    assert hasher.time_cost >= 1
    assert hasher.type.name == "ID"


@pytest.mark.parametrize(
    ("at", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")],
)
def test_codes_follow_the_standard(at: int, code: str) -> None:
    assert totp_code(RFC_SECRET, now=float(at)) == code
    assert verify_totp(RFC_SECRET, code, now=float(at), last_counter=None) == at // 30


def test_a_code_works_once() -> None:
    code = totp_code(RFC_SECRET, now=NOW)
    counter = verify_totp(RFC_SECRET, code, now=NOW, last_counter=None)
    assert counter is not None
    assert verify_totp(RFC_SECRET, code, now=NOW + 1, last_counter=counter) is None


def test_the_code_before_a_used_one_does_not_work_any_more() -> None:
    earlier = totp_code(RFC_SECRET, now=NOW - 30)
    assert verify_totp(RFC_SECRET, earlier, now=NOW, last_counter=int(NOW // 30)) is None


@pytest.mark.parametrize(("late", "right"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_one_step_of_clock_difference_is_forgiven(late: int, right: bool) -> None:
    code = totp_code(RFC_SECRET, now=NOW + late)
    assert (verify_totp(RFC_SECRET, code, now=NOW, last_counter=None) is not None) is right


@pytest.mark.parametrize("code", ["", "08180", "0818040", "08180a", "０８１８０４", "-81804", "٠٨١٨٠٤"])
def test_anything_but_six_plain_digits_is_no_code(code: str) -> None:
    assert verify_totp(RFC_SECRET, code, now=NOW, last_counter=None) is None


def test_a_code_may_be_typed_in_two_groups() -> None:
    assert verify_totp(RFC_SECRET, "081 804", now=NOW, last_counter=None) == int(NOW // 30)


def test_the_address_for_the_authenticator_names_account_and_issuer() -> None:
    address = totp_address(RFC_SECRET, account="lin.xiaolan", issuer="云窗口")
    assert address.startswith("otpauth://totp/")
    assert RFC_SECRET in address
    assert "lin.xiaolan" in address


def test_a_secret_is_made_of_twenty_bytes() -> None:
    assert len(RFC_SECRET) == 32
    with pytest.raises(ValueError, match="20 bytes"):
        totp_secret(b"too short")


def test_a_hash_of_the_product_costs_what_asvs_asks_for() -> None:
    hasher = argon2id()
    assert hasher.memory_cost >= 46 * 1024
    assert hasher.time_cost >= 2
