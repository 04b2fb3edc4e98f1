"""Citizens, staff, their web sessions and one-time codes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.errors import BadInput, Gone, TooOften
from cloudwindow.domain.ids import CitizenId, DistrictCode, StaffId
from cloudwindow.records import tables
from cloudwindow.records.rows import Sealer, dumps, place

CODE_SECONDS = 300.0
RESEND_SECONDS = 60.0
CODE_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Citizen:
    """Somebody who identified with name, ID number and a phone that answered."""

    id: CitizenId
    name: str
    id_number: str
    mobile: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """
    A member of staff; ``roles`` among agent, approver, district_admin, city_admin.

    ``levels``: skill to level, 1 where missing. ``certified_until``: skill to the last day (ISO date) of its
    certificate, for good where missing. ``text_calls``: how many they may hold at once, 1 to 3.
    """

    id: StaffId
    account: str
    name: str
    number: str
    district: DistrictCode
    roles: tuple[str, ...]
    skills: tuple[str, ...]
    languages: tuple[str, ...]
    modes: tuple[str, ...]
    demo: bool
    active: bool
    levels: Mapping[str, int] = field(default_factory=dict)
    text_calls: int = 3
    certified_until: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSession:
    """A browser we know by a cookie; ``token_hash`` is all that is kept of it."""

    token_hash: str
    kind: str
    csrf: str
    staff: StaffId | None
    ticket: str | None
    intake: Mapping[str, Any]
    cases: tuple[str, ...]
    created_at: float
    seen_at: float
    expires_at: float
    appointment: str | None = None
    third_party: str | None = None
    left_form: str | None = None


class People:
    """The ledger's people; personal values are sealed, looked up by blind index."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def identify(
        self, conn: AsyncConnection, fresh: CitizenId, *, name: str, id_number: str, mobile: str, now: float
    ) -> Citizen:
        """The citizen with this ID number and phone, under the name given now; ``fresh`` is used if new."""
        keys = {
            "id_number_blind": self._sealer.blind("id_number", id_number),
            "mobile_blind": self._sealer.blind("mobile", mobile),
        }
        where = [tables.citizen.c[name] == value for name, value in keys.items()]
        known = (await conn.execute(select(tables.citizen.c.id).where(*where))).scalar_one_or_none()
        citizen = Citizen(id=CitizenId(known or fresh), name=name, id_number=id_number, mobile=mobile)
        sealed = {
            f"{column}_sealed": self._sealer.seal(
                getattr(citizen, column), place=place("citizen", column, citizen.id)
            )
            for column in ("name", "id_number", "mobile")
        }
        if known:
            change = update(tables.citizen).where(tables.citizen.c.id == known)
            await conn.execute(change.values(name_sealed=sealed["name_sealed"]))
        else:
            await conn.execute(insert(tables.citizen).values(id=citizen.id, created_at=now, **keys, **sealed))
        return citizen

    async def citizen(self, conn: AsyncConnection, citizen: str) -> Citizen:
        """The citizen with this id; it must exist."""
        row = (await conn.execute(select(tables.citizen).where(tables.citizen.c.id == citizen))).one()
        opened = {
            column: self._sealer.open(
                getattr(row, f"{column}_sealed"), place=place("citizen", column, row.id)
            )
            for column in ("name", "id_number", "mobile")
        }
        return Citizen(id=CitizenId(row.id), **opened)

    # --- staff -------------------------------------------------------------------------------------------

    async def add_staff(
        self, conn: AsyncConnection, staff: Staff, *, password_hash: str, totp_secret: str
    ) -> None:
        """Create an account. The secret is sealed, the password hashed by the caller."""
        await conn.execute(
            insert(tables.staff).values(
                id=staff.id,
                account=staff.account,
                name=staff.name,
                number=staff.number,
                district=staff.district,
                roles=list(staff.roles),
                skills=list(staff.skills),
                languages=list(staff.languages),
                modes=list(staff.modes),
                levels=dict(staff.levels),
                certified_until=dict(staff.certified_until),
                text_calls=staff.text_calls,
                password_hash=password_hash,
                totp_sealed=self._sealer.seal(totp_secret, place=place("staff", "totp", staff.id)),
                totp_counter=0,
                demo=staff.demo,
                active=staff.active,
            )
        )

    async def staff(self, conn: AsyncConnection, staff: str) -> Staff | None:
        """The active member of staff with this id."""
        table = tables.staff
        row = (
            await conn.execute(select(table).where(table.c.id == staff, table.c.active.is_(True)))
        ).one_or_none()
        return _staff(row) if row else None

    async def all_staff(self, conn: AsyncConnection) -> Sequence[Staff]:
        """Everybody, by account."""
        rows = await conn.execute(select(tables.staff).order_by(tables.staff.c.account))
        return [_staff(row) for row in rows]

    async def credentials(self, conn: AsyncConnection, account: str) -> tuple[Staff, str, str, int] | None:
        """Staff, password hash, TOTP secret and its last counter of an active ``account``."""
        table = tables.staff
        row = (
            await conn.execute(select(table).where(table.c.account == account, table.c.active.is_(True)))
        ).one_or_none()
        if row is None:
            return None
        secret = self._sealer.open(row.totp_sealed, place=place("staff", "totp", row.id))
        return _staff(row), row.password_hash, secret, row.totp_counter

    async def spend_totp(self, conn: AsyncConnection, staff: str, counter: int) -> bool:
        """Note that the code with ``counter`` was used; false if it, or a later one, was used before."""
        table = tables.staff
        done = await conn.execute(
            update(table)
            .where(table.c.id == staff, table.c.totp_counter < counter)
            .values(totp_counter=counter)
        )
        return done.rowcount == 1

    # --- web sessions ------------------------------------------------------------------------------------

    async def open_session(
        self,
        conn: AsyncConnection,
        token: str,
        *,
        kind: str,
        csrf: str,
        staff: StaffId | None = None,
        third_party: str | None = None,
        now: float,
        seconds: float,
    ) -> WebSession:
        """Remember a browser by the hash of its ``token`` for ``seconds``."""
        session = WebSession(
            token_hash=self._sealer.hash_token(token),
            kind=kind,
            csrf=csrf,
            staff=staff,
            ticket=None,
            intake={},
            cases=(),
            created_at=now,
            seen_at=now,
            expires_at=now + seconds,
            third_party=third_party,
        )
        await conn.execute(
            insert(tables.web_session).values(
                token_hash=session.token_hash,
                kind=kind,
                csrf=csrf,
                staff=staff,
                ticket=None,
                appointment=None,
                third_party=third_party,
                left_form=None,
                intake_sealed=None,
                cases=[],
                created_at=now,
                seen_at=now,
                expires_at=session.expires_at,
            )
        )
        return session

    async def session(self, conn: AsyncConnection, token: str, *, kind: str, now: float) -> WebSession | None:
        """The living session of ``token``."""
        table = tables.web_session
        query = select(table).where(
            table.c.token_hash == self._sealer.hash_token(token),
            table.c.kind == kind,
            table.c.expires_at > now,
        )
        row = (await conn.execute(query)).one_or_none()
        return self._web_session(row) if row else None

    async def sessions(
        self, conn: AsyncConnection, tokens: Sequence[str], *, kind: str, now: float
    ) -> Mapping[str, WebSession]:
        """The living sessions of many ``tokens`` at once."""
        table = tables.web_session
        hashes = {self._sealer.hash_token(token): token for token in tokens}
        query = select(table).where(
            table.c.token_hash.in_(hashes), table.c.kind == kind, table.c.expires_at > now
        )
        return {hashes[row.token_hash]: self._web_session(row) for row in await conn.execute(query)}

    async def session_again(self, conn: AsyncConnection, session: WebSession) -> WebSession:
        """The session as it stands now, locked until the commit. Raises Gone("intake_gone") if it ended."""
        table = tables.web_session
        query = select(table).where(table.c.token_hash == session.token_hash).with_for_update()
        row = (await conn.execute(query)).one_or_none()
        if row is None:
            raise Gone("intake_gone")
        return self._web_session(row)

    async def session_as_it_is(self, conn: AsyncConnection, session: WebSession) -> WebSession:
        """The session as it stands now, for reading. Raises Gone("intake_gone") if it ended."""
        table = tables.web_session
        query = select(table).where(table.c.token_hash == session.token_hash)
        row = (await conn.execute(query)).one_or_none()
        if row is None:
            raise Gone("intake_gone")
        return self._web_session(row)

    def _web_session(self, row: Any) -> WebSession:
        sealed = row.intake_sealed
        text = (
            self._sealer.open(sealed, place=place("web_session", "intake", row.token_hash))
            if sealed
            else "{}"
        )
        return WebSession(
            token_hash=row.token_hash,
            kind=row.kind,
            csrf=row.csrf,
            staff=row.staff,
            ticket=row.ticket,
            intake=json.loads(text),
            cases=tuple(row.cases),
            created_at=row.created_at,
            seen_at=row.seen_at,
            expires_at=row.expires_at,
            appointment=row.appointment,
            third_party=row.third_party,
            left_form=row.left_form,
        )

    async def keep_intake(
        self, conn: AsyncConnection, session: WebSession, intake: Mapping[str, Any]
    ) -> None:
        """Seal what was chosen so far into the session."""
        sealed = self._sealer.seal(dumps(intake), place=place("web_session", "intake", session.token_hash))
        await self._change(conn, session.token_hash, intake_sealed=sealed)

    async def bind_ticket(
        self, conn: AsyncConnection, session: WebSession, ticket: str, *, new: bool = False
    ) -> None:
        """
        This browser, and no other, holds the visit ``ticket`` from now on.

        ``new``: the ticket is of this unit of work, so nobody need be looked for who holds it.
        """
        table = tables.web_session
        if not new:
            others = (table.c.ticket == ticket) & (table.c.token_hash != session.token_hash)
            await conn.execute(update(table).where(others).values(ticket=None))
        await self._change(conn, session.token_hash, ticket=ticket, intake_sealed=None)

    async def bind_appointment(self, conn: AsyncConnection, session: WebSession, appointment: str) -> None:
        """This browser, and no other, holds ``appointment`` from now on; what was chosen is spent."""
        table = tables.web_session
        others = (table.c.appointment == appointment) & (table.c.token_hash != session.token_hash)
        await conn.execute(update(table).where(others).values(appointment=None))
        await self._change(conn, session.token_hash, appointment=appointment, intake_sealed=None)

    async def bind_left_form(self, conn: AsyncConnection, session: WebSession, form: str) -> None:
        """This browser, and no other, holds the left form ``form`` from now on; what was chosen is spent."""
        table = tables.web_session
        others = (table.c.left_form == form) & (table.c.token_hash != session.token_hash)
        await conn.execute(update(table).where(others).values(left_form=None))
        await self._change(conn, session.token_hash, left_form=form, intake_sealed=None)

    async def allow_case(self, conn: AsyncConnection, session: WebSession, receipt: str) -> None:
        """Let this browser follow the case ``receipt``."""
        cases = [*(one for one in session.cases if one != receipt), receipt][-20:]
        await self._change(conn, session.token_hash, cases=cases)

    async def touch(
        self, conn: AsyncConnection, session: WebSession, *, now: float, expires_at: float
    ) -> None:
        """Note that the browser was here."""
        await self._change(conn, session.token_hash, seen_at=now, expires_at=expires_at)

    async def end_session(self, conn: AsyncConnection, session: WebSession) -> None:
        """Forget the browser."""
        table = tables.web_session
        await conn.execute(delete(table).where(table.c.token_hash == session.token_hash))

    async def _change(self, conn: AsyncConnection, token_hash: str, **values: Any) -> None:
        table = tables.web_session
        await conn.execute(update(table).where(table.c.token_hash == token_hash).values(**values))

    # --- one-time codes ----------------------------------------------------------------------------------

    async def set_code(
        self, conn: AsyncConnection, *, purpose: str, subject: str, code: str, now: float
    ) -> None:
        """Keep a fresh ``code`` in place of the last. Raises TooOften("code_too_often") within 60 s."""
        table = tables.phone_code
        where = (table.c.purpose == purpose) & (table.c.subject == subject)
        last = (await conn.execute(select(table.c.sent_at).where(where))).scalar_one_or_none()
        if last is not None and now < last + RESEND_SECONDS:
            raise TooOften("code_too_often", retry_after_seconds=int(last + RESEND_SECONDS - now) + 1)
        await conn.execute(delete(table).where(where))
        await conn.execute(
            insert(table).values(
                purpose=purpose,
                subject=subject,
                code_hash=self._code_hash(purpose, subject, code),
                sent_at=now,
                expires_at=now + CODE_SECONDS,
                attempts=0,
                used_at=None,
            )
        )

    async def code_sent(self, conn: AsyncConnection, *, purpose: str, subject: str, now: float) -> bool:
        """Whether a code is out that can still be entered."""
        table = tables.phone_code
        query = select(table.c.expires_at, table.c.used_at).where(
            table.c.purpose == purpose, table.c.subject == subject
        )
        row = (await conn.execute(query)).one_or_none()
        return row is not None and row.used_at is None and row.expires_at > now

    async def try_code(
        self, conn: AsyncConnection, *, purpose: str, subject: str, code: str, now: float
    ) -> bool:
        """
        Spend the code, or count a wrong attempt and give false: commit in both cases.

        Raises Gone("code_expired") when there is none to enter, TooOften("code_locked") after five attempts.
        """
        table = tables.phone_code
        where = (table.c.purpose == purpose) & (table.c.subject == subject)
        row = (await conn.execute(select(table).where(where).with_for_update())).one_or_none()
        if row is None or row.used_at is not None or row.expires_at <= now:
            raise Gone("code_expired", field="code")
        if row.attempts >= CODE_ATTEMPTS:
            raise TooOften("code_locked", field="code", retry_after_seconds=int(row.expires_at - now) + 1)
        right = bool(row.code_hash == self._code_hash(purpose, subject, code))
        change = {"used_at": now} if right else {"attempts": row.attempts + 1}
        await conn.execute(update(table).where(where).values(**change))
        return right

    def _code_hash(self, purpose: str, subject: str, code: str) -> str:
        return self._sealer.blind("code", f"{purpose}\x1f{subject}\x1f{code}")


def wrong_code() -> BadInput:
    """What the person is told when :meth:`People.try_code` gave false."""
    return BadInput("code_wrong", field="code")


def _staff(row: Any) -> Staff:
    return Staff(
        id=StaffId(row.id),
        account=row.account,
        name=row.name,
        number=row.number,
        district=DistrictCode(row.district),
        roles=tuple(row.roles),
        skills=tuple(row.skills),
        languages=tuple(row.languages),
        modes=tuple(row.modes),
        demo=row.demo,
        active=row.active,
        levels=row.levels or {},
        certified_until=row.certified_until or {},
    )
