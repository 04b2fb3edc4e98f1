"""Forms left to be looked at: whose, for which district's agents, and what is due."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.errors import Conflict, NotFound
from cloudwindow.domain.left_form import OPEN, UNSEEN, LeftForm
from cloudwindow.records import tables
from cloudwindow.records.rows import Sealer, as_row, dumps, from_row, overwrite, place


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftCount:
    """How many forms of a district wait to be looked at, and how many of them longer than promised."""

    district: str
    unseen: int
    overdue: int


class LeftForms:
    """The ledger's left forms; what was said about oneself, and what an agent wrote, is sealed."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def add(
        self, conn: AsyncConnection, form: LeftForm, *, intake: Mapping[str, Any], resume_secret: str
    ) -> None:
        """Keep a new form. Raises Conflict("left_form_exists") if one is open for citizen and item."""
        try:
            await conn.execute(
                insert(tables.left_form).values(
                    **_row(form),
                    intake_sealed=self._seal("intake", form.id, dumps(intake)),
                    **self._resume(form.id, resume_secret),
                )
            )
        except IntegrityError as exc:
            raise Conflict("left_form_exists") from exc

    async def save(self, conn: AsyncConnection, form: LeftForm, *, seen: int) -> None:
        """
        Write a moved form over version ``seen``; once it has ended, what was said is forgotten.

        Raises Conflict("version_stale").
        """
        row = _row(form)
        if not form.open:
            row["intake_sealed"] = None
        await overwrite(conn, tables.left_form, row, seen=seen)

    async def one(self, conn: AsyncConnection, form: str) -> LeftForm:
        """The form with this id. Raises NotFound("unknown_left_form")."""
        found = await self._where(conn, tables.left_form.c.id == form)
        if found is None:
            raise NotFound("unknown_left_form")
        return found

    async def of_citizen(self, conn: AsyncConnection, citizen: str, item: str) -> LeftForm | None:
        """The open form of this citizen for ``item``."""
        return await self._where(conn, tables.left_form.c.live_key == f"{citizen}/{item}")

    async def of_application(self, conn: AsyncConnection, application: str) -> LeftForm | None:
        """The open form whose draft is this case."""
        table = tables.left_form
        return await self._where(conn, table.c.application == application, table.c.state.in_(OPEN))

    async def unseen(self, conn: AsyncConnection, district: str, *, limit: int = 200) -> Sequence[LeftForm]:
        """The district's forms that wait to be looked at, or are just looked at, the oldest first."""
        table = tables.left_form
        query = (
            select(table)
            .where(table.c.district == district, table.c.state.in_(UNSEEN))
            .order_by(table.c.left_at, table.c.number)
            .limit(limit)
        )
        return [from_row(LeftForm, row) for row in await conn.execute(query)]

    async def counts(self, conn: AsyncConnection, now: float) -> Sequence[LeftCount]:
        """How many forms wait in each district that has any."""
        table = tables.left_form
        late = func.count().filter(table.c.due_at <= now)
        query = (
            select(table.c.district, func.count().label("unseen"), late.label("overdue"))
            .where(table.c.state.in_(UNSEEN))
            .group_by(table.c.district)
            .order_by(table.c.district)
        )
        return [
            LeftCount(district=row.district, unseen=row.unseen, overdue=row.overdue)
            for row in await conn.execute(query)
        ]

    async def due(self, conn: AsyncConnection, now: float, *, limit: int = 100) -> Sequence[LeftForm]:
        """Open forms whose deadline has passed."""
        table = tables.left_form
        query = (
            select(table)
            .where(table.c.state.in_(OPEN), table.c.deadline <= now)
            .order_by(table.c.deadline)
            .limit(limit)
        )
        return [from_row(LeftForm, row) for row in await conn.execute(query)]

    async def intake(self, conn: AsyncConnection, form: str) -> Mapping[str, Any]:
        """What the person said about themselves. NotFound("unknown_left_form") once forgotten."""
        query = select(tables.left_form.c.intake_sealed).where(tables.left_form.c.id == form)
        sealed = (await conn.execute(query)).scalar_one_or_none()
        if sealed is None:
            raise NotFound("unknown_left_form")
        kept: Mapping[str, Any] = json.loads(self._open("intake", form, sealed))
        return kept

    async def keep_note(self, conn: AsyncConnection, form: str, text: str) -> None:
        """Keep what the agent wrote to the citizen, in place of anything before."""
        change = update(tables.left_form).where(tables.left_form.c.id == form)
        await conn.execute(change.values(note_sealed=self._seal("note", form, text)))

    async def note(self, conn: AsyncConnection, form: str) -> str:
        """What the agent wrote to the citizen, empty if nothing."""
        query = select(tables.left_form.c.note_sealed).where(tables.left_form.c.id == form)
        sealed = (await conn.execute(query)).scalar_one_or_none()
        return self._open("note", form, sealed) if sealed else ""

    # --- coming back -------------------------------------------------------------------------------------

    async def resume_secret(self, conn: AsyncConnection, form: str) -> str:
        """The secret of the form's link, to be shown to its holder."""
        query = select(tables.left_form.c.resume_sealed).where(tables.left_form.c.id == form)
        return self._open("resume", form, (await conn.execute(query)).scalar_one())

    async def resume(self, conn: AsyncConnection, secret: str, *, fresh_secret: str) -> LeftForm:
        """
        Spend the secret of a link: it works once, ``fresh_secret`` takes its place.

        Raises NotFound("link_unknown") for any secret we do not know, used ones too.
        """
        table = tables.left_form
        found = await self._where(conn, table.c.resume_hash == self._sealer.hash_token(secret))
        if found is None:
            raise NotFound("link_unknown")
        change = update(table).where(table.c.id == found.id)
        await conn.execute(change.values(**self._resume(found.id, fresh_secret)))
        return found

    def _resume(self, form: str, secret: str) -> dict[str, str]:
        return {
            "resume_hash": self._sealer.hash_token(secret),
            "resume_sealed": self._seal("resume", form, secret),
        }

    def _seal(self, column: str, form: str, text: str) -> str:
        return self._sealer.seal(text, place=place("left_form", column, form))

    def _open(self, column: str, form: str, sealed: str) -> str:
        return self._sealer.open(sealed, place=place("left_form", column, form))

    async def _where(self, conn: AsyncConnection, *where: Any) -> LeftForm | None:
        row = (await conn.execute(select(tables.left_form).where(*where))).one_or_none()
        return from_row(LeftForm, row) if row else None


def _row(form: LeftForm) -> dict[str, Any]:
    live = f"{form.citizen}/{form.item}" if form.state in OPEN else None
    return as_row(form) | {"live_key": live}
