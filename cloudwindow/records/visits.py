"""Tickets, sessions and chat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain import session as sessions
from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.errors import Conflict, NotFound
from cloudwindow.domain.ids import DistrictCode, TicketId
from cloudwindow.domain.matter import Matter
from cloudwindow.domain.session import Session
from cloudwindow.domain.ticket import Ticket
from cloudwindow.records import matters, tables
from cloudwindow.records.rows import Sealer, as_row, from_row, overwrite, place


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLine:
    """
    One line of chat; ``author`` is citizen, agent or third, ``at`` seconds since the epoch.

    ``name`` is the agent's; a citizen's stands sealed in their own row and nowhere else.
    """

    id: int
    author: str
    name: str
    text: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A ticket with what its holder is shown beside it: the case's district, the phone, the link's secret."""

    ticket: Ticket
    home_district: DistrictCode
    mobile: str
    resume_secret: str


@cache
def _tickets_due(limit: int) -> Select[Any]:
    """Built once: every node asks twice a second."""
    table = tables.ticket
    due = select(table).where(table.c.state.in_(tickets.LIVE), table.c.deadline <= bindparam("now"))
    return due.order_by(table.c.deadline).limit(limit)


@cache
def _sessions_due(limit: int) -> Select[Any]:
    """Built once: every node asks twice a second."""
    table = tables.session
    due = select(table).where(table.c.state != sessions.State.CLOSED, table.c.deadline <= bindparam("now"))
    return due.order_by(table.c.deadline).limit(limit)


class Visits:
    """The ledger's tickets and calls."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    # --- tickets -----------------------------------------------------------------------------------------

    async def add_ticket(
        self, conn: AsyncConnection, ticket: Ticket, *, resume_secret: str, more: Sequence[Matter] = ()
    ) -> None:
        """
        Keep a new ticket: its first matter is what it stands at, ``more`` are its others.

        Raises Conflict("ticket_exists") if a live one is held for any of the items.
        """
        secrets = self._resume(ticket.id, resume_secret)
        try:
            await conn.execute(insert(tables.ticket).values(**as_row(ticket), devices={}, **secrets))
            await matters.add(conn, ticket, more)
        except IntegrityError as exc:
            raise Conflict("ticket_exists") from exc

    async def save_ticket(self, conn: AsyncConnection, ticket: Ticket, *, seen: int) -> None:
        """Write a moved ticket over version ``seen``. Raises Conflict("version_stale")."""
        await overwrite(conn, tables.ticket, as_row(ticket), seen=seen)
        if not ticket.live:
            await matters.let_go(conn, ticket.id)

    async def ticket(self, conn: AsyncConnection, ticket: str, *, lock: bool = False) -> Ticket:
        """The ticket, locked until the commit if asked. Raises NotFound("unknown_ticket")."""
        query = select(tables.ticket).where(tables.ticket.c.id == ticket)
        row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
        if row is None:
            raise NotFound("unknown_ticket")
        return from_row(Ticket, row)

    async def card(self, conn: AsyncConnection, ticket: str) -> Card:
        """The ticket as its holder's page shows it, in one statement. Raises NotFound("unknown_ticket")."""
        table, case, citizen = tables.ticket, tables.application, tables.citizen
        query = (
            select(table, case.c.home_district.label("case_district"), citizen.c.mobile_sealed)
            .join(case, case.c.id == table.c.application)
            .join(citizen, citizen.c.id == table.c.citizen)
            .where(table.c.id == ticket)
        )
        row = (await conn.execute(query)).one_or_none()
        if row is None:
            raise NotFound("unknown_ticket")
        return Card(
            ticket=from_row(Ticket, row),
            home_district=DistrictCode(row.case_district),
            mobile=self._sealer.open(row.mobile_sealed, place=place("citizen", "mobile", row.citizen)),
            resume_secret=self._sealer.open(row.resume_sealed, place=place("ticket", "resume", row.id)),
        )

    async def tickets_of(self, conn: AsyncConnection, ids: Sequence[str]) -> Mapping[str, Ticket]:
        """Many tickets at once; those that are not known are missing."""
        rows = await conn.execute(select(tables.ticket).where(tables.ticket.c.id.in_(ids)))
        return {row.id: from_row(Ticket, row) for row in rows}

    async def ticket_of(self, conn: AsyncConnection, application: str) -> str | None:
        """The last ticket taken for this case, whichever of its matters that is."""
        table, matter = tables.ticket, tables.ticket_matter
        query = select(table.c.id).join(matter, matter.c.ticket == table.c.id)
        query = query.where(matter.c.application == application)
        return (await conn.execute(query.order_by(table.c.joined_at.desc()).limit(1))).scalar_one_or_none()

    async def live_ticket(self, conn: AsyncConnection, citizen: str, item: str) -> Ticket | None:
        """The live ticket this citizen holds for ``item``, alone or among others."""
        table, matter = tables.ticket, tables.ticket_matter
        query = select(table).join(matter, matter.c.ticket == table.c.id)
        query = query.where(matter.c.live_key == matters.live_key(citizen, item))
        row = (await conn.execute(query)).one_or_none()
        return from_row(Ticket, row) if row else None

    async def tickets_in(
        self, conn: AsyncConnection, states: Sequence[tickets.State], *, limit: int = 50_000
    ) -> Sequence[Ticket]:
        """Tickets in ``states``, first come first."""
        table = tables.ticket
        query = select(table).where(table.c.state.in_(states)).order_by(table.c.joined_at).limit(limit)
        return [from_row(Ticket, row) for row in await conn.execute(query)]

    async def waiting_between(
        self, conn: AsyncConnection, first: float, before: float, *, limit: int
    ) -> Mapping[TicketId, float]:
        """
        When each ticket that waits joined, at least at ``first`` and before ``before``, first come first.
        """
        line = tables.ticket.c
        query = (
            select(line.id, line.joined_at)
            .where(line.state == tickets.State.WAITING, line.joined_at >= first, line.joined_at < before)
            .order_by(line.joined_at)
            .limit(limit)
        )
        return {TicketId(id): joined for id, joined in await conn.execute(query)}

    async def tickets_due(self, conn: AsyncConnection, now: float, *, limit: int = 100) -> Sequence[Ticket]:
        """Live tickets whose deadline has passed, the longest overdue first."""
        return [from_row(Ticket, row) for row in await conn.execute(_tickets_due(limit), {"now": now})]

    async def waiting_before(self, conn: AsyncConnection, ticket: Ticket) -> int:
        """How many wait before ``ticket`` in its district: the place when the line is away."""
        table = tables.ticket
        query = select(func.count()).where(
            table.c.state == tickets.State.WAITING,
            table.c.home_district == ticket.home_district,
            table.c.joined_at - table.c.credit_seconds < ticket.joined_at - ticket.credit_seconds,
        )
        return int((await conn.execute(query)).scalar_one())

    async def score_behind(
        self, conn: AsyncConnection, ticket: Ticket, *, places: int, items: Sequence[str]
    ) -> float | None:
        """
        The score (seconds) of who waits ``places`` behind ``ticket``, or of the last; None if nobody does.

        Who waits in its lane: same home district, language and mode, for one of ``items`` alone, or for
        several matters of the same skill.
        """
        table = tables.ticket
        score = table.c.joined_at - table.c.credit_seconds
        query = (
            select(score)
            .where(
                table.c.state == tickets.State.WAITING,
                table.c.id != ticket.id,
                table.c.home_district == ticket.home_district,
                table.c.language == ticket.language,
                table.c.mode == ticket.mode,
                table.c.skill == ticket.skill,
                true() if ticket.several else table.c.item.in_(items),
                score >= ticket.joined_at - ticket.credit_seconds,
            )
            .order_by(score)
            .limit(places)
        )
        return max((await conn.execute(query)).scalars(), default=None)

    async def resume_secret(self, conn: AsyncConnection, ticket: str) -> str:
        """The secret of the ticket's link, to be shown to its holder."""
        query = select(tables.ticket.c.resume_sealed).where(tables.ticket.c.id == ticket)
        sealed = (await conn.execute(query)).scalar_one()
        return self._sealer.open(sealed, place=place("ticket", "resume", ticket))

    async def resume(self, conn: AsyncConnection, secret: str, *, fresh_secret: str) -> Ticket:
        """
        Spend the secret of a link: it works once, ``fresh_secret`` takes its place.

        Raises NotFound("link_unknown") for any secret we do not know, used ones too.
        """
        table = tables.ticket
        query = select(table).where(table.c.resume_hash == self._sealer.hash_token(secret)).with_for_update()
        row = (await conn.execute(query)).one_or_none()
        if row is None:
            raise NotFound("link_unknown")
        change = update(table).where(table.c.id == row.id).values(**self._resume(row.id, fresh_secret))
        await conn.execute(change)
        return from_row(Ticket, row)

    async def ticket_of_link(self, conn: AsyncConnection, secret: str) -> str | None:
        """The ticket that a link's secret belongs to; the secret is not spent."""
        table = tables.ticket
        query = select(table.c.id).where(table.c.resume_hash == self._sealer.hash_token(secret))
        found: str | None = (await conn.execute(query)).scalar_one_or_none()
        return found

    def _resume(self, ticket: str, secret: str) -> dict[str, str]:
        return {
            "resume_hash": self._sealer.hash_token(secret),
            "resume_sealed": self._sealer.seal(secret, place=place("ticket", "resume", ticket)),
        }

    async def keep_devices(self, conn: AsyncConnection, ticket: str, report: Mapping[str, Any]) -> None:
        """Keep the outcome of the device test."""
        await conn.execute(
            update(tables.ticket).where(tables.ticket.c.id == ticket).values(devices=dict(report))
        )

    async def devices(self, conn: AsyncConnection, ticket: str) -> Mapping[str, Any]:
        """The last outcome of the device test, empty if there was none."""
        query = select(tables.ticket.c.devices).where(tables.ticket.c.id == ticket)
        found: Mapping[str, Any] = (await conn.execute(query)).scalar_one()
        return found

    # --- sessions ----------------------------------------------------------------------------------------

    async def add_session(self, conn: AsyncConnection, session: Session) -> None:
        """Keep a new call; one for each epoch of a ticket. Raises Conflict("epoch_stale")."""
        try:
            await conn.execute(insert(tables.session).values(**as_row(session)))
        except IntegrityError as exc:
            raise Conflict("epoch_stale") from exc

    async def save_session(self, conn: AsyncConnection, session: Session, *, seen: int) -> None:
        """Write a moved call over version ``seen``. Raises Conflict("version_stale")."""
        await overwrite(conn, tables.session, as_row(session), seen=seen)

    async def session(self, conn: AsyncConnection, session: str) -> Session:
        """The call. Raises NotFound("unknown_session")."""
        query = select(tables.session).where(tables.session.c.id == session)
        row = (await conn.execute(query)).one_or_none()
        if row is None:
            raise NotFound("unknown_session")
        return from_row(Session, row)

    async def session_of_ticket(self, conn: AsyncConnection, ticket: str) -> Session | None:
        """The ticket's last call."""
        table = tables.session
        query = select(table).where(table.c.ticket == ticket).order_by(table.c.epoch.desc()).limit(1)
        row = (await conn.execute(query)).one_or_none()
        return from_row(Session, row) if row else None

    async def sessions_of_tickets(self, conn: AsyncConnection, ids: Sequence[str]) -> Mapping[str, Session]:
        """The last call of each of many tickets that had one."""
        table = tables.session
        query = select(table).where(table.c.ticket.in_(ids)).order_by(table.c.epoch)
        return {row.ticket: from_row(Session, row) for row in await conn.execute(query)}

    async def last_session(self, conn: AsyncConnection, application: str) -> Session | None:
        """The last call about a case."""
        table, matter = tables.session, tables.ticket_matter
        about = select(matter.c.ticket).where(matter.c.application == application)
        query = select(table).where(table.c.ticket.in_(about))
        row = (await conn.execute(query.order_by(table.c.started_at.desc()).limit(1))).one_or_none()
        return from_row(Session, row) if row else None

    async def session_of_room(self, conn: AsyncConnection, room: str) -> Session | None:
        """The last call that met in this media room: one that is passed on keeps it."""
        table = tables.session
        query = select(table).where(table.c.room == room).order_by(table.c.epoch.desc()).limit(1)
        row = (await conn.execute(query)).one_or_none()
        return from_row(Session, row) if row else None

    async def session_of_agent(self, conn: AsyncConnection, agent: str, session: str = "") -> Session | None:
        """The call ``session`` this agent has not closed yet, or the newest of them."""
        held = await self.sessions_of_agent(conn, agent)
        found = [one for one in held if one.id == session or not session]
        return found[-1] if found else None

    async def sessions_of_agent(self, conn: AsyncConnection, agent: str) -> Sequence[Session]:
        """The calls this agent has not closed yet, the oldest first."""
        table = tables.session
        query = (
            select(table)
            .where(table.c.agent == agent, table.c.state != sessions.State.CLOSED)
            .order_by(table.c.started_at, table.c.id)
        )
        return [from_row(Session, row) for row in await conn.execute(query)]

    async def modes_held(self, conn: AsyncConnection, agent: str) -> Sequence[str]:
        """How citizen and agent talk in each call this agent has not closed yet."""
        query = (
            select(tables.ticket.c.mode)
            .join(tables.session, tables.session.c.ticket == tables.ticket.c.id)
            .where(tables.session.c.agent == agent, tables.session.c.state != sessions.State.CLOSED)
        )
        return list((await conn.execute(query)).scalars())

    async def open_calls(self, conn: AsyncConnection) -> Mapping[str, Sequence[Session]]:
        """The calls that are not closed yet, by agent, the oldest first."""
        table = tables.session
        query = select(table).where(table.c.state != sessions.State.CLOSED).order_by(table.c.started_at)
        found: dict[str, list[Session]] = {}
        for row in await conn.execute(query):
            found.setdefault(row.agent, []).append(from_row(Session, row))
        return found

    async def unanswered(self, conn: AsyncConnection, session: str) -> tuple[int, float | None]:
        """How many lines the citizen wrote in a call since its agent last did, and when the first of them."""
        table = tables.chat_line
        of_call = table.c.session == session
        last = select(func.max(table.c.id)).where(of_call, table.c.author == "agent").scalar_subquery()
        query = select(func.count(), func.min(table.c.at)).where(
            of_call, table.c.author == "citizen", table.c.id > func.coalesce(last, 0)
        )
        count, since = (await conn.execute(query)).one()
        return int(count), since

    async def sessions_due(self, conn: AsyncConnection, now: float, *, limit: int = 100) -> Sequence[Session]:
        """Calls whose deadline has passed."""
        return [from_row(Session, row) for row in await conn.execute(_sessions_due(limit), {"now": now})]

    # --- chat --------------------------------------------------------------------------------------------

    async def say(
        self, conn: AsyncConnection, *, case: str, session: str, author: str, name: str, text: str, at: float
    ) -> ChatLine:
        """Keep one line of chat."""
        sealed = self._sealer.seal(text, place=place("chat_line", "text", case))
        row = await conn.execute(
            insert(tables.chat_line)
            .values(case_id=case, session=session, author=author, name=name, text_sealed=sealed, at=at)
            .returning(tables.chat_line.c.id)
        )
        return ChatLine(id=int(row.scalar_one()), author=author, name=name, text=text, at=at)

    async def chat(self, conn: AsyncConnection, *cases: str, limit: int = 200) -> Sequence[ChatLine]:
        """The last lines of one case, or of all cases of a visit, oldest first."""
        table = tables.chat_line
        query = select(table).where(table.c.case_id.in_(cases)).order_by(table.c.id.desc()).limit(limit)
        rows = list(await conn.execute(query))
        return [
            ChatLine(
                id=row.id,
                author=row.author,
                name=row.name,
                text=self._sealer.open(row.text_sealed, place=place("chat_line", "text", row.case_id)),
                at=row.at,
            )
            for row in reversed(rows)
        ]
