"""Applications with their values, papers and documents; consents, handovers, ratings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.application import FILLING, Application, Delegate, Material, State, Value
from cloudwindow.domain.errors import Conflict, NotFound
from cloudwindow.domain.handover import Handover
from cloudwindow.domain.ids import ApplicationId
from cloudwindow.records import tables
from cloudwindow.records.rows import Sealer, as_row, dumps, from_row, overwrite, place

ELSEWHERE = ("values", "materials")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A notice or certificate; ``file`` is empty until it is printed, ``sha256`` is of the PDF."""

    id: str
    application: ApplicationId
    kind: str
    number: str
    organ: str
    verification_code: str
    handler: str
    language: str
    issued_at: float
    file: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a citizen agreed to, or did not: ``kind`` handling or recording, in which words."""

    kind: str
    given: bool
    text_version: int
    language: str
    at: float


class Cases:
    """The ledger's cases; values are sealed."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    async def add(
        self, conn: AsyncConnection, application: Application, *, principal: Delegate | None
    ) -> None:
        """Open a draft. ``principal`` is the person a delegate acts for."""
        sealed = None
        if principal is not None:
            text = dumps(as_row(principal))
            sealed = self._sealer.seal(text, place=place("application", "principal", application.id))
        row = as_row(application, without=ELSEWHERE) | {"principal_sealed": sealed}
        await conn.execute(insert(tables.application).values(row))

    async def save(self, conn: AsyncConnection, application: Application, *, seen: int) -> None:
        """Write a moved case over version ``seen``; values and papers have their own rows."""
        await overwrite(conn, tables.application, as_row(application, without=ELSEWHERE), seen=seen)

    async def case(self, conn: AsyncConnection, application: str, *, lock: bool = False) -> Application:
        """The case with its values and papers. Raises NotFound("unknown_case")."""
        query = select(tables.application).where(tables.application.c.id == application)
        row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
        if row is None:
            raise NotFound("unknown_case")
        values = await self._values(conn, application)
        materials = await self._materials(conn, application)
        return from_row(Application, row, values=values, materials=materials)

    async def draft_of(
        self, conn: AsyncConnection, citizen: str, item: str, item_version: int
    ) -> Application | None:
        """The latest case of this citizen and item that was never handed in."""
        table = tables.application
        query = (
            select(table.c.id)
            .where(
                table.c.citizen == citizen,
                table.c.item == item,
                table.c.item_version == item_version,
                table.c.state.in_(FILLING),
            )
            .order_by(table.c.opened_at.desc())
            .limit(1)
        )
        found = (await conn.execute(query)).scalar_one_or_none()
        return await self.case(conn, found) if found else None

    async def by_receipt(self, conn: AsyncConnection, receipt: str) -> Application:
        """The case with this receipt number. Raises NotFound("unknown_case")."""
        query = select(tables.application.c.id).where(tables.application.c.receipt == receipt)
        found = (await conn.execute(query)).scalar_one_or_none()
        return await self.case(conn, found or "")

    async def principal(self, conn: AsyncConnection, application: str) -> Delegate | None:
        """The person a delegate acts for in this case."""
        table = tables.application
        query = select(table.c.principal_sealed).where(table.c.id == application)
        sealed = (await conn.execute(query)).scalar_one_or_none()
        if sealed is None:
            return None
        text = self._sealer.open(sealed, place=place("application", "principal", application))
        return Delegate(**json.loads(text))

    async def of_district(
        self, conn: AsyncConnection, district: str, states: Sequence[State], *, limit: int = 200
    ) -> Sequence[tuple[Application, Handover | None]]:
        """Cases whose home is ``district``, the earliest due first, with their handover."""
        table = tables.application
        query = (
            select(table.c.id)
            .where(table.c.home_district == district, table.c.state.in_(states))
            .order_by(table.c.due_at, table.c.received_at)
            .limit(limit)
        )
        found = [row.id for row in await conn.execute(query)]
        return [(await self.case(conn, one), await self.handover(conn, one)) for one in found]

    async def counts(self, conn: AsyncConnection, district: str) -> Mapping[State, int]:
        """How many cases handed over to ``district`` stand in each state."""
        table = tables.application
        query = (
            select(table.c.state, func.count())
            .where(table.c.home_district == district, table.c.mode == "transfer")
            .group_by(table.c.state)
        )
        return {State(state): count for state, count in await conn.execute(query)}

    # --- values and papers -------------------------------------------------------------------------------

    async def set_value(self, conn: AsyncConnection, application: str, value: Value) -> None:
        """Keep ``value`` in place of the field's last one."""
        table = tables.field_value
        where = (table.c.application == application) & (table.c.field == value.field)
        await conn.execute(delete(table).where(where))
        await self.add_values(conn, application, [value])

    async def add_values(self, conn: AsyncConnection, application: str, values: Sequence[Value]) -> None:
        """Keep ``values`` of fields that have none yet."""
        if values:
            rows = [self._value_row(application, value) for value in values]
            await conn.execute(insert(tables.field_value), rows)

    def _value_row(self, application: str, value: Value) -> dict[str, Any]:
        row = as_row(value)
        text, where = dumps(row.pop("value")), place("field_value", value.field, application)
        return row | {"application": application, "value_sealed": self._sealer.seal(text, place=where)}

    async def _values(self, conn: AsyncConnection, application: str) -> dict[str, Value]:
        table = tables.field_value
        rows = await conn.execute(select(table).where(table.c.application == application))
        return {row.field: from_row(Value, row, value=self._opened(row)) for row in rows}

    def _opened(self, row: Any) -> Any:
        return json.loads(
            self._sealer.open(row.value_sealed, place=place("field_value", row.field, row.application))
        )

    async def _materials(self, conn: AsyncConnection, application: str) -> tuple[Material, ...]:
        table = tables.material
        query = select(table).where(table.c.application == application).order_by(table.c.at)
        return tuple(from_row(Material, row) for row in await conn.execute(query))

    async def add_material(self, conn: AsyncConnection, application: str, material: Material) -> None:
        """Keep one photographed page."""
        await conn.execute(insert(tables.material).values(application=application, **as_row(material)))

    async def change_material(self, conn: AsyncConnection, material: Material) -> None:
        """Keep a new verdict."""
        table = tables.material
        change = table.update().where(table.c.id == material.id).values(**as_row(material))
        await conn.execute(change)

    async def drop_material(self, conn: AsyncConnection, material: str) -> None:
        """Forget a page the citizen took back; its event stays."""
        await conn.execute(delete(tables.material).where(tables.material.c.id == material))

    # --- consents, handover, documents, rating -----------------------------------------------------------

    async def add_consents(
        self, conn: AsyncConnection, application: str, consents: Sequence[Consent]
    ) -> None:
        """Keep what was agreed to, in which version of the words; the latest answer of a kind counts."""
        table, kinds = tables.consent, [one.kind for one in consents]
        same = (table.c.application == application) & table.c.kind.in_(kinds)
        await conn.execute(delete(table).where(same))
        rows = [as_row(one) | {"application": application} for one in consents]
        await conn.execute(insert(table), rows)

    async def consents(self, conn: AsyncConnection, application: str) -> Sequence[Consent]:
        """What was agreed to in this case."""
        table = tables.consent
        rows = await conn.execute(select(table).where(table.c.application == application))
        return [from_row(Consent, row) for row in rows]

    async def add_handover(self, conn: AsyncConnection, handover: Handover) -> None:
        """Keep a package that was sent. Raises Conflict("already_handed_over")."""
        try:
            await conn.execute(insert(tables.handover).values(**as_row(handover)))
        except IntegrityError as exc:
            raise Conflict("already_handed_over") from exc

    async def save_handover(self, conn: AsyncConnection, handover: Handover, *, seen: int) -> None:
        """Write a moved package over version ``seen``."""
        await overwrite(conn, tables.handover, as_row(handover), key="application", seen=seen)

    async def handover(self, conn: AsyncConnection, application: str) -> Handover | None:
        """The case's package, if it was handed over."""
        query = select(tables.handover).where(tables.handover.c.application == application)
        row = (await conn.execute(query)).one_or_none()
        return from_row(Handover, row) if row else None

    async def add_document(self, conn: AsyncConnection, document: Document) -> None:
        """Keep a notice that was issued."""
        await conn.execute(insert(tables.document).values(**as_row(document)))

    async def print_document(self, conn: AsyncConnection, document: Document) -> None:
        """Note where the printed PDF is kept; the first print stays, others may have it already."""
        table = tables.document
        change = table.update().where(table.c.id == document.id, table.c.file == "")
        await conn.execute(change.values(file=document.file, sha256=document.sha256))

    async def unprinted(self, conn: AsyncConnection, *, limit: int = 20) -> Sequence[Document]:
        """Notices that were issued and not printed yet, oldest first."""
        table = tables.document
        query = select(table).where(table.c.file == "").order_by(table.c.issued_at).limit(limit)
        return [from_row(Document, row) for row in await conn.execute(query)]

    async def documents(self, conn: AsyncConnection, application: str) -> Sequence[Document]:
        """The case's notices, oldest first."""
        table = tables.document
        query = select(table).where(table.c.application == application).order_by(table.c.issued_at)
        return [from_row(Document, row) for row in await conn.execute(query)]

    async def by_verification_code(self, conn: AsyncConnection, code: str) -> Document | None:
        """The notice that carries ``code``."""
        query = select(tables.document).where(tables.document.c.verification_code == code)
        row = (await conn.execute(query)).one_or_none()
        return from_row(Document, row) if row else None

    async def rate(self, conn: AsyncConnection, ticket: str, *, stars: int, reason: str, now: float) -> None:
        """Keep the citizen's rating. Raises Conflict("already_rated")."""
        try:
            await conn.execute(
                insert(tables.rating).values(ticket=ticket, stars=stars, reason=reason, at=now)
            )
        except IntegrityError as exc:
            raise Conflict("already_rated") from exc

    async def rating(self, conn: AsyncConnection, ticket: str) -> int | None:
        """The stars this visit was given."""
        query = select(tables.rating.c.stars).where(tables.rating.c.ticket == ticket)
        return (await conn.execute(query)).scalar_one_or_none()
