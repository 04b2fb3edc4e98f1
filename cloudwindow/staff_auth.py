"""
How staff prove who they are: a password under argon2id, then a one-time code (TOTP, RFC 6238).

Hashing takes some 100 ms of a core on purpose, so it runs on two threads with a short queue: a flood of
sign-ins cannot freeze the service.
"""

import asyncio
import base64
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cloudwindow.domain.errors import BadInput, TooOften

Outcome = TypeVar("Outcome")

PASSWORD_LENGTH: Final = range(12, 129)
TOTP_SECONDS: Final = 30
TOTP_SECRET_BYTES: Final = 20  # RFC 4226 §4, R6: 160 bits recommended
COMMON: Final = frozenset(
    {
        "123456789012",
        "1234567890123",
        "12345678901234",
        "1q2w3e4r5t6y",
        "1qaz2wsx3edc",
        "aa123456789.",
        "aaaaaaaaaaaa",
        "abc123456789",
        "abcd12345678",
        "administrator",
        "admin1234567",
        "admin123456789",
        "asdfghjkl123",
        "guangzhou123",
        "guangzhou2026",
        "iloveyou1314",
        "passw0rd1234",
        "password1234",
        "password12345",
        "qwertyuiop12",
        "qwertyuiop123",
        "woaini1314520",
        "zhengwu123456",
        "zxcvbnm12345",
    }
)


def argon2id(*, time_cost: int = 2, memory_kib: int = 47_104, lanes: int = 1) -> PasswordHasher:
    """Return the hasher; 46 MiB and one lane are the ASVS 5.0 floor, and we pass over it twice."""
    return PasswordHasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=lanes)


class StaffPasswords:
    """Makes and checks password hashes, ``threads`` at a time with ``queue`` more waiting."""

    def __init__(self, *, hasher: PasswordHasher | None = None, threads: int = 2, queue: int = 20) -> None:
        self._hasher = hasher or argon2id()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + queue
        self._inside = 0
        self._decoy = self._hasher.hash("nobody has this password")

    async def hash(self, password: str) -> str:
        """
        Return the argon2id hash, salt and costs included.

        Raises BadInput ``password_too_short``, ``password_too_long`` or ``password_too_common``; TooOften
        ``sign_in_busy`` when the queue is full.
        """
        check_new_password(password)
        return await self._on_a_thread(lambda: self._hasher.hash(password))

    async def verify(self, kept: str | None, password: str) -> bool:
        """
        Say whether ``password`` belongs to the ``kept`` hash.

        ``None`` stands for nobody of that name: the answer is no and takes as long.

        Raises TooOften ``sign_in_busy`` when the queue is full.
        """
        right = await self._on_a_thread(lambda: self._matches(kept or self._decoy, password))
        return right and kept is not None

    def outdated(self, kept: str) -> bool:
        """Say whether the hash was made with other costs; hash anew at the next successful sign-in."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, kept: str, password: str) -> bool:
        if len(password) not in range(1, PASSWORD_LENGTH.stop):
            return False
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _on_a_thread(self, work: Callable[[], Outcome]) -> Outcome:
        if self._inside >= self._room:
            raise TooOften("sign_in_busy", retry_after_seconds=5)
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._inside -= 1


def check_new_password(password: str) -> None:
    """Ask for length and for something not on everybody's list; no rules of composition (NIST 800-63B)."""
    if len(password) < PASSWORD_LENGTH.start:
        raise BadInput("password_too_short", values={"length": PASSWORD_LENGTH.start}, field="password")
    if len(password) >= PASSWORD_LENGTH.stop:
        raise BadInput("password_too_long", values={"length": PASSWORD_LENGTH.stop - 1}, field="password")
    if password.lower() in COMMON or len(set(password)) < 4:
        raise BadInput("password_too_common", field="password")


def totp_secret(random_bytes: bytes) -> str:
    """Spell 20 random bytes as the base 32 secret that authenticator apps read."""
    if len(random_bytes) != TOTP_SECRET_BYTES:
        raise ValueError(f"a one-time-code secret is made of {TOTP_SECRET_BYTES} bytes")
    return base64.b32encode(random_bytes).decode()


def totp_address(secret: str, *, account: str, issuer: str) -> str:
    """Return the ``otpauth://`` address an authenticator app scans."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def totp_code(secret: str, *, now: float) -> str:
    """Return the six digits valid at ``now`` (for demo sign-ins and tests)."""
    return pyotp.TOTP(secret).at(now)


def verify_totp(secret: str, code: str, *, now: float, last_counter: int | None) -> int | None:
    """
    Return the counter of a right ``code``, or ``None``; store it as the next ``last_counter``.

    One step of clock difference is forgiven to either side. A counter at or below ``last_counter`` is
    refused, so that a code works once (RFC 6238 §5.2).
    """
    digits = code.replace(" ", "")
    if len(digits) != 6 or not (digits.isascii() and digits.isdigit()):
        return None
    here = int(now // TOTP_SECONDS)
    right = [
        step for step in (here - 1, here, here + 1) if _same(pyotp.TOTP(secret).generate_otp(step), digits)
    ]
    fresh = [step for step in right if last_counter is None or step > last_counter]
    return min(fresh, default=None)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
