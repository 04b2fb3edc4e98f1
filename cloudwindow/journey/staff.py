"""Staff at the door: password and one-time code, sessions, roles."""

import contextlib
from collections.abc import Mapping, Sequence

from cloudwindow.domain.errors import BadInput, NotFound, TooOften, Unavailable
from cloudwindow.domain.ids import word
from cloudwindow.gather import Gathering
from cloudwindow.journey.desk import card_of
from cloudwindow.journey.house import House
from cloudwindow.journey.views import DemoAccount, StaffCard
from cloudwindow.records import Connection
from cloudwindow.records.people import Staff, WebSession
from cloudwindow.staff_auth import totp_code, verify_totp

SESSION_SECONDS = 10 * 3600.0
IDLE_SECONDS = 15 * 60.0
CITIZEN_SECONDS = 12 * 3600.0
TOUCH_SECONDS = 30.0

PAGES = {"agent": "/desk", "approver": "/inbox", "district_admin": "/board", "city_admin": "/board"}
"""Where each role works; the first of somebody's roles decides where they land."""


class Door:
    """Who is at the door, citizens and staff alike: sessions are rows of the ledger."""

    def __init__(self, house: House, demo_password: str = "") -> None:
        self._house = house
        self._demo_password = demo_password
        self._citizens = Gathering(self._look_up)

    # --- browsers ----------------------------------------------------------------------------------------

    async def citizen(self, token: str | None) -> WebSession | None:
        """The living session of a citizen's cookie; it ends after twelve hours, whatever happens in it."""
        if not token or len(token) > 128:
            return None
        return await self._citizens.ask(token)

    async def _look_up(self, tokens: Sequence[str]) -> Mapping[str, WebSession]:
        async with self._house.ledger.read() as conn:
            return await self._house.people.sessions(conn, tokens, kind="citizen", now=self._house.clock())

    async def new_citizen(self) -> tuple[str, WebSession]:
        """A fresh token and its session."""
        return await self._open("citizen", None, CITIZEN_SECONDS)

    async def invited(self, token: str | None) -> WebSession | None:
        """The living session of somebody invited into a call."""
        if not token or len(token) > 128:
            return None
        async with self._house.ledger.read() as conn:
            return await self._house.people.session(conn, token, kind="guest", now=self._house.clock())

    async def staff(self, token: str | None) -> tuple[WebSession, Staff] | None:
        """The living session of a staff cookie with its person; idle for 15 minutes ends it."""
        session = await self._known(token, "staff", IDLE_SECONDS)
        if session is None or session.staff is None:
            return None
        async with self._house.ledger.read() as conn:
            person = await self._house.people.staff(conn, session.staff)
        return (session, person) if person else None

    async def _known(self, token: str | None, kind: str, seconds: float) -> WebSession | None:
        if not token or len(token) > 128:
            return None
        house, now = self._house, self._house.clock()
        async with house.ledger.read() as conn:
            session = await house.people.session(conn, token, kind=kind, now=now)
        if session is not None and now - session.seen_at > TOUCH_SECONDS:
            await self._extend(session, seconds)
        return session

    async def again(self, session: WebSession) -> WebSession:
        """The browser's session as it stands now. Raises Gone("intake_gone") if it has ended."""
        async with self._house.ledger.read() as conn:
            return await self._house.people.session_as_it_is(conn, session)

    async def still_here(self, session: WebSession) -> None:
        """A page of this staff session is open; while the ledger is away it is tried again next time."""
        with contextlib.suppress(Unavailable):
            await self._extend(session, IDLE_SECONDS)

    async def _extend(self, session: WebSession, seconds: float) -> None:
        now = self._house.clock()
        longest = SESSION_SECONDS if session.kind == "staff" else CITIZEN_SECONDS
        until = min(now + seconds, session.created_at + longest)
        await self._house.ledger.write(
            lambda conn: self._house.people.touch(conn, session, now=now, expires_at=until)
        )

    async def _open(self, kind: str, staff: Staff | None, seconds: float) -> tuple[str, WebSession]:
        house, now = self._house, self._house.clock()
        token, csrf = word(house.random(32)), word(house.random(16))
        session = await house.ledger.write(
            lambda conn: house.people.open_session(
                conn,
                token,
                kind=kind,
                csrf=csrf,
                staff=staff.id if staff else None,
                now=now,
                seconds=seconds,
            )
        )
        return token, session

    # --- staff -------------------------------------------------------------------------------------------

    async def sign_in(
        self, account: str, password: str, code: str, *, address: str
    ) -> tuple[str, WebSession, Staff]:
        """
        Check password and one-time code; gives the token of a new session.

        Whatever was wrong, the answer is the same. Raises BadInput("sign_in_wrong"),
        TooOften sign_in_too_often or sign_in_busy.
        """
        house, now = self._house, self._house.clock()
        name = account.strip().lower()[:64]
        for key, burst in ((f"sign-in:{name}", 8), (f"sign-in-from:{address}", 60)):
            wait = await house.buckets.take(key, per_minute=burst / 2, burst=burst, now=now)
            if wait > 0:
                raise TooOften("sign_in_too_often", retry_after_seconds=int(wait) + 1)
        async with house.ledger.read() as conn:
            known = await house.people.credentials(conn, name)
        right = await house.passwords.verify(known[1] if known else None, password[:256])
        if known is None or not right:
            raise BadInput("sign_in_wrong")
        person, _, secret, last = known
        counter = verify_totp(secret, code, now=now, last_counter=last)
        if counter is None or not await self._spend(person, counter):
            raise BadInput("sign_in_wrong")
        token, session = await self._open("staff", person, IDLE_SECONDS)
        return token, session, person

    async def _spend(self, person: Staff, counter: int) -> bool:
        async def work(conn: Connection) -> bool:
            return await self._house.people.spend_totp(conn, person.id, counter)

        return await self._house.ledger.write(work)

    async def sign_out(self, session: WebSession) -> None:
        """Forget the browser."""
        await self._house.ledger.write(lambda conn: self._house.people.end_session(conn, session))

    def card(self, staff: Staff) -> StaffCard:
        """How the pages name them."""
        return card_of(self._house, staff)

    @staticmethod
    def page_of(staff: Staff) -> str:
        """Where they land after signing in."""
        return next((PAGES[role] for role in staff.roles if role in PAGES), "/staff/sign-in")

    # --- demo --------------------------------------------------------------------------------------------

    async def demo_accounts(self) -> list[DemoAccount]:
        """The marked demo sign-ins with their present codes. Raises NotFound outside demo mode."""
        if not self._house.demo:
            raise NotFound("not_found")
        now = self._house.clock()
        async with self._house.ledger.read() as conn:
            people = [one for one in await self._house.people.all_staff(conn) if one.demo and one.active]
            found = [await self._house.people.credentials(conn, one.account) for one in people]
        return [
            DemoAccount(
                account=known[0].account,
                password=self._demo_password,
                totp=totp_code(known[2], now=now),
                name=known[0].name,
                district=self._house.catalogue.district(known[0].district).name,
                role=known[0].roles[0],
                page=self.page_of(known[0]),
            )
            for known in found
            if known is not None
        ]

    def demo_messages(self) -> list[tuple[float, str, str]]:
        """The text messages the demo gateway kept: (time, number, text), newest first."""
        kept = self._house.demo_sms.sent() if self._house.demo and self._house.demo_sms else ()
        return [(one.sent_at, one.mobile, one.text) for one in kept[:30]]
