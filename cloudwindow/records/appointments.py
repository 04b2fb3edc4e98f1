"""
Appointments: who has which seat, and what is due.

The seat is chosen and kept in one unit of the ledger. Units run one after the other on both databases, so a
seat found free is free; the unique ``seat_key`` and ``live_key`` stand behind that.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, case, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.appointment import Appointment, Pool, Slot, State
from cloudwindow.domain.errors import Conflict, NotFound
from cloudwindow.records import tables
from cloudwindow.records.rows import Sealer, as_row, dumps, from_row, overwrite, place

HOLDS_A_SEAT = (State.BOOKED, State.ARRIVED)


class Appointments:
    """The ledger's appointments; what a person said about themselves is sealed."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def add(
        self,
        conn: AsyncConnection,
        appointment: Appointment,
        *,
        intake: Mapping[str, Any],
        resume_secret: str,
    ) -> None:
        """
        Keep a new appointment. Raises Conflict("slot_full") if the seat is held, "already_booked" if the
        citizen has one for the item.
        """
        sealed = self._sealer.seal(dumps(intake), place=place("appointment", "intake", appointment.id))
        if await self.of_citizen(conn, appointment.citizen, appointment.item) is not None:
            raise Conflict("already_booked")
        try:
            await conn.execute(
                insert(tables.appointment).values(
                    **_row(appointment),
                    intake_sealed=sealed,
                    **self._resume(appointment.id, resume_secret),
                )
            )
        except IntegrityError as exc:
            raise Conflict("slot_full") from exc

    async def save(self, conn: AsyncConnection, appointment: Appointment, *, seen: int) -> None:
        """
        Write a moved appointment over version ``seen``; once it has ended, what was said is forgotten.

        Raises Conflict("version_stale"), and Conflict("slot_full") if the seat is held.
        """
        row = _row(appointment)
        if appointment.state is not State.BOOKED:
            row["intake_sealed"] = None
        try:
            await overwrite(conn, tables.appointment, row, seen=seen)
        except IntegrityError as exc:
            raise Conflict("slot_full") from exc

    async def one(self, conn: AsyncConnection, appointment: str) -> Appointment:
        """The appointment with this id. Raises NotFound("unknown_appointment")."""
        return self._found(await self._row(conn, tables.appointment.c.id == appointment))

    async def numbered(self, conn: AsyncConnection, number: str, mobile: str) -> Appointment | None:
        """The appointment with this number, if it is of somebody with this phone."""
        table, people = tables.appointment, tables.citizen
        query = (
            select(table)
            .join(people, people.c.id == table.c.citizen)
            .where(table.c.number == number, people.c.mobile_blind == self._sealer.blind("mobile", mobile))
        )
        row = (await conn.execute(query)).one_or_none()
        return from_row(Appointment, row) if row else None

    async def of_citizen(self, conn: AsyncConnection, citizen: str, item: str) -> Appointment | None:
        """What this citizen has booked for ``item``."""
        row = await self._row(conn, tables.appointment.c.live_key == f"{citizen}/{item}")
        return from_row(Appointment, row) if row else None

    async def booked_with(self, conn: AsyncConnection, mobile: str) -> int:
        """How many appointments are booked with this phone, for whomever."""
        table, people = tables.appointment, tables.citizen
        query = (
            select(func.count())
            .select_from(table.join(people, people.c.id == table.c.citizen))
            .where(
                table.c.state == State.BOOKED,
                people.c.mobile_blind == self._sealer.blind("mobile", mobile),
            )
        )
        return int((await conn.execute(query)).scalar_one())

    async def missed_by(self, conn: AsyncConnection, citizen: str, *, since: float) -> Sequence[float]:
        """When this citizen gave up seats without a word since then."""
        table = tables.appointment
        query = select(table.c.ended_at).where(
            table.c.citizen == citizen, table.c.state == State.NO_SHOW, table.c.ended_at >= since
        )
        return [float(at) for at in (await conn.execute(query)).scalars()]

    async def of_ticket(self, conn: AsyncConnection, ticket: str) -> Appointment | None:
        """The appointment this ticket was taken for."""
        row = await self._row(conn, tables.appointment.c.ticket == ticket)
        return from_row(Appointment, row) if row else None

    async def intake(self, conn: AsyncConnection, appointment: str) -> Mapping[str, Any]:
        """What the person said about themselves. NotFound("unknown_appointment") once forgotten."""
        query = select(tables.appointment.c.intake_sealed).where(tables.appointment.c.id == appointment)
        sealed = (await conn.execute(query)).scalar_one_or_none()
        if sealed is None:
            raise NotFound("unknown_appointment")
        text = self._sealer.open(sealed, place=place("appointment", "intake", appointment))
        kept: Mapping[str, Any] = json.loads(text)
        return kept

    # --- seats -------------------------------------------------------------------------------------------

    async def seats_taken(
        self, conn: AsyncConnection, pool: Pool, slot: Slot, *, besides: str = ""
    ) -> frozenset[int]:
        """The seats of ``pool`` that somebody else than ``besides`` holds at any moment of ``slot``."""
        table = tables.appointment
        query = select(table.c.seat).where(
            *_of(pool), table.c.starts_at < slot.end, table.c.ends_at > slot.start, table.c.id != besides
        )
        return frozenset((await conn.execute(query)).scalars())

    async def held(
        self, conn: AsyncConnection, pool: Pool, *, start: float, end: float, besides: str = ""
    ) -> Sequence[tuple[float, float, int]]:
        """(start, end, seat) of what others than ``besides`` hold in ``pool`` between two moments."""
        table = tables.appointment
        query = select(table.c.starts_at, table.c.ends_at, table.c.seat).where(
            *_of(pool), table.c.starts_at < end, table.c.ends_at > start, table.c.id != besides
        )
        return [(row.starts_at, row.ends_at, row.seat) for row in await conn.execute(query)]

    # --- what is due, and the day ------------------------------------------------------------------------

    async def due(self, conn: AsyncConnection, now: float, *, limit: int = 100) -> Sequence[Appointment]:
        """Booked appointments with a reminder or a deadline that has come."""
        table = tables.appointment
        query = (
            select(table)
            .where(
                table.c.state == State.BOOKED,
                or_(table.c.deadline <= now, table.c.remind_day_at <= now, table.c.remind_soon_at <= now),
            )
            .order_by(table.c.starts_at)
            .limit(limit)
        )
        return [from_row(Appointment, row) for row in await conn.execute(query)]

    async def between(
        self, conn: AsyncConnection, district: str, *, start: float, end: float
    ) -> Sequence[Appointment]:
        """The district's appointments whose slot begins between two moments, in order."""
        table = tables.appointment
        query = (
            select(table)
            .where(table.c.district == district, table.c.starts_at >= start, table.c.starts_at < end)
            .order_by(table.c.starts_at, table.c.number)
        )
        return [from_row(Appointment, row) for row in await conn.execute(query)]

    async def kept_and_missed(self, conn: AsyncConnection, district: str, *, since: float) -> tuple[int, int]:
        """How many of the district's appointments since then were kept, and how many missed."""
        table = tables.appointment
        counted = [
            func.coalesce(func.sum(case((table.c.state == state, 1), else_=0)), 0)
            for state in (State.ARRIVED, State.NO_SHOW)
        ]
        query = select(*counted).where(table.c.district == district, table.c.starts_at >= since)
        row = (await conn.execute(query)).one()
        return int(row[0]), int(row[1])

    # --- coming back -------------------------------------------------------------------------------------

    async def resume_secret(self, conn: AsyncConnection, appointment: str) -> str:
        """The secret of the appointment's link, to be shown to its holder."""
        query = select(tables.appointment.c.resume_sealed).where(tables.appointment.c.id == appointment)
        sealed = (await conn.execute(query)).scalar_one()
        return self._sealer.open(sealed, place=place("appointment", "resume", appointment))

    async def resume(self, conn: AsyncConnection, secret: str, *, fresh_secret: str) -> Appointment:
        """
        Spend the secret of a link: it works once, ``fresh_secret`` takes its place.

        Raises NotFound("link_unknown") for any secret we do not know, used ones too.
        """
        table = tables.appointment
        row = await self._row(conn, table.c.resume_hash == self._sealer.hash_token(secret))
        if row is None:
            raise NotFound("link_unknown")
        change = update(table).where(table.c.id == row.id).values(**self._resume(row.id, fresh_secret))
        await conn.execute(change)
        return from_row(Appointment, row)

    def _resume(self, appointment: str, secret: str) -> dict[str, str]:
        return {
            "resume_hash": self._sealer.hash_token(secret),
            "resume_sealed": self._sealer.seal(secret, place=place("appointment", "resume", appointment)),
        }

    async def _row(self, conn: AsyncConnection, where: Any) -> Row[Any] | None:
        return (await conn.execute(select(tables.appointment).where(where))).one_or_none()

    def _found(self, row: Row[Any] | None) -> Appointment:
        if row is None:
            raise NotFound("unknown_appointment")
        return from_row(Appointment, row)


def _of(pool: Pool) -> list[Any]:
    table = tables.appointment.c
    return [
        table.district == pool.district,
        table.skill == pool.skill,
        table.language == pool.language,
        table.state.in_(HOLDS_A_SEAT),
    ]


def _row(appointment: Appointment) -> dict[str, Any]:
    pool = appointment.pool
    seat = (pool.district, pool.skill, pool.language, f"{appointment.starts_at:.0f}", str(appointment.seat))
    return as_row(appointment) | {
        "live_key": f"{appointment.citizen}/{appointment.item}"
        if appointment.state is State.BOOKED
        else None,
        "seat_key": "/".join(seat) if appointment.state in HOLDS_A_SEAT else None,
    }
