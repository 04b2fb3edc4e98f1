"""Following a case: its page, its documents, corrections, and the public check of a document."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cloudwindow.domain import fields
from cloudwindow.domain.application import Application, Material, Standing, State, Value
from cloudwindow.domain.calendar import day_of
from cloudwindow.domain.errors import BadInput, Conflict, NotFound, TooOften
from cloudwindow.domain.fields import mask_name
from cloudwindow.domain.filling import Actor, canonical_values
from cloudwindow.domain.ids import MaterialId, normal_code, word
from cloudwindow.domain.recording import Recording
from cloudwindow.journey import showing, ticket_matters
from cloudwindow.journey.house import House
from cloudwindow.journey.views import CaseRecording, CaseView, VerifyView
from cloudwindow.records import Connection, events
from cloudwindow.records import recordings as kept
from cloudwindow.records.cases import Document
from cloudwindow.records.people import WebSession


class Following:
    """What happens to a case after the call, as its citizen and the public see it."""

    def __init__(self, house: House) -> None:
        self._house = house

    # --- finding -----------------------------------------------------------------------------------------

    async def find(self, session: WebSession, receipt: str, mobile: str, *, address: str) -> str:
        """
        Let this browser follow the case with this receipt and phone; gives the receipt as printed.

        Unknown receipt and wrong phone are answered alike. Raises NotFound("case_not_found"),
        TooOften("lookup_too_often").
        """
        house, now = self._house, self._house.clock()
        wait = await house.buckets.take(f"lookup:{address}", per_minute=10, burst=10, now=now)
        printed = normal_code(receipt)
        if wait == 0 and printed is not None:
            wait = await house.buckets.take(f"receipt:{printed}", per_minute=1 / 12, burst=5, now=now)
        if wait > 0:
            raise TooOften("lookup_too_often", retry_after_seconds=int(wait) + 1)
        async with house.ledger.read() as conn:
            right = printed is not None and await self._belongs(conn, printed, mobile)
        if printed is None or not right:
            raise NotFound("case_not_found", field="receipt")
        await house.ledger.write(lambda conn: house.people.allow_case(conn, session, printed))
        return printed

    async def _belongs(self, conn: Connection, receipt: str, mobile: str) -> bool:
        typed = self._house.vault.blind("mobile", "".join(mobile.split()))
        try:
            case = await self._house.cases.by_receipt(conn, receipt)
            known = (await self._house.people.citizen(conn, case.citizen)).mobile
        except NotFound:
            known = ""
        return self._house.vault.equal(typed, self._house.vault.blind("mobile", known or "nobody"))

    async def case_of(self, session: WebSession, receipt: str) -> Application:
        """The case, if this browser may follow it. Raises NotFound("case_not_found")."""
        async with self._house.ledger.read() as conn:
            try:
                case = await self._house.cases.by_receipt(conn, receipt)
            except NotFound as error:
                raise NotFound("case_not_found") from error
            if receipt in session.cases:
                return case
            if session.ticket is not None:
                ticket = await self._house.visits.ticket(conn, session.ticket)
                if case.id in await ticket_matters.cases(conn, ticket):
                    return case
        raise NotFound("case_not_found")

    # --- showing -----------------------------------------------------------------------------------------

    async def view(
        self, case: Application, language: str, *, document_url: str, ticket: str | None = None
    ) -> CaseView:
        """The case as its citizen sees it; ``ticket`` is the visit that may still be rated."""
        house = self._house
        async with house.ledger.read() as conn:
            citizen = await house.people.citizen(conn, case.citizen)
            story = await events.story(conn, case.id)
            documents = await house.cases.documents(conn, case.id)
            package = await house.cases.handover(conn, case.id)
            rating = await house.cases.rating(conn, ticket) if ticket else None
            recorded = await kept.listed_of(conn, case.id)
            viewed = await kept.viewed(conn, [one.recording.id for one in recorded])
        shown = showing.case_view(
            case,
            house.catalogue,
            applicant=citizen.name,
            story=story,
            documents=documents,
            package=package,
            document_url=document_url,
            rating=rating,
            can_rate=ticket is not None,
            names={citizen.id: citizen.name},
            language=language,
        )
        recordings = [_recording(one.recording, viewed.get(one.recording.id, 0)) for one in recorded]
        return replace(shown, recordings=recordings)

    async def document(self, case: Application, document: str) -> tuple[Document, bytes]:
        """One notice as PDF. Raises NotFound("unknown_document")."""
        async with self._house.ledger.read() as conn:
            documents = await self._house.cases.documents(conn, case.id)
        for one in documents:
            if one.id == document and one.file:
                _, content = await self._house.store.get(one.file)
                return one, content
        raise NotFound("unknown_document")

    async def verify(self, typed: str, *, address: str) -> VerifyView | None:
        """
        What we can confirm of the document with this code; None if there is none.

        Raises TooOften("lookup_too_often").
        """
        house, now = self._house, self._house.clock()
        wait = await house.buckets.take(f"verify:{address}", per_minute=20, burst=20, now=now)
        if wait > 0:
            raise TooOften("lookup_too_often", retry_after_seconds=int(wait) + 1)
        code = normal_code(typed)
        if code is None:
            return None
        async with house.ledger.read() as conn:
            document = await house.cases.by_verification_code(conn, code)
            if document is None or not document.file:
                return None
            case = await house.cases.case(conn, document.application)
            citizen = await house.people.citizen(conn, case.citizen)
            principal = await house.cases.principal(conn, case.id)
        return VerifyView(
            code=code,
            kind=document.kind,
            number=document.number,
            item=house.item_of(case.item, case.item_version).name,
            organ=house.catalogue.organ(document.organ).name.zh,
            applicant=mask_name(principal.name if principal else citizen.name),
            issued_at=document.issued_at,
            sha256=document.sha256,
        )

    # --- corrections -------------------------------------------------------------------------------------

    async def correct(
        self, case: Application, values: Mapping[str, Any], photos: Mapping[str, Sequence[bytes]]
    ) -> list[BadInput]:
        """
        Put right what was listed, and only that; gives what could not be used.

        ``values`` and ``photos`` are keyed by the targets of the list. Raises Conflict("case_closed").
        """
        house, now = self._house, self._house.clock()
        if case.state is not State.CORRECTION_REQUESTED:
            raise Conflict("case_closed")
        wanted = {one["target"]: one["kind"] for one in case.corrections if not one["done"]}
        errors, kept = self._checked(case, wanted, values)
        materials = await self._papers(wanted, photos, errors, now)
        if not kept and not materials:
            return errors or [BadInput("correction_nothing_given")]
        actor = Actor(kind="citizen", id=case.citizen)

        async def work(conn: Connection) -> None:
            for value in kept:
                await house.cases.set_value(conn, case.id, replace(value, at=now, author=case.citizen))
            for rule, papers in materials.items():
                for old in case.materials:
                    if old.rule == rule:
                        await house.cases.drop_material(conn, old.id)
                for paper in papers:
                    await house.cases.add_material(conn, case.id, paper)
            done = frozenset({value.field for value in kept} | materials.keys())
            await house.office.correct(conn, case.id, done, actor=actor, now=now)

        await house.ledger.write(work)
        return errors

    def _checked(
        self, case: Application, wanted: Mapping[str, str], values: Mapping[str, Any]
    ) -> tuple[list[BadInput], list[Value]]:
        item = self._house.item_of(case.item, case.item_version)
        today = day_of(self._house.clock())
        errors: list[BadInput] = []
        kept: list[Value] = []
        for target, raw in values.items():
            if wanted.get(target) != "field":
                continue
            others = {name: value for name, value in canonical_values(case).items() if name != target}
            checked = fields.check(item.form.field(target), raw, values=others, today=today)
            if not checked.ok:
                errors.append(BadInput(checked.code or "required", dict(checked.params), field=target))
                continue
            before = case.values.get(target)
            kept.append(
                Value(
                    field=target,
                    value=checked.value,
                    standing=Standing.CONFIRMED,
                    author_kind="citizen",
                    author=case.citizen,
                    at=0.0,
                    version=before.version + 1 if before else 1,
                )
            )
        return errors, kept

    async def _papers(
        self,
        wanted: Mapping[str, str],
        photos: Mapping[str, Sequence[bytes]],
        errors: list[BadInput],
        now: float,
    ) -> dict[str, list[Material]]:
        found: dict[str, list[Material]] = {}
        for target, pictures in photos.items():
            for raw in pictures:
                if wanted.get(target) != "material" or not raw:
                    continue
                try:
                    paper = await self._house.papers.reencode(raw)
                except BadInput as error:
                    errors.append(BadInput(error.code, error.values, field=target))
                    continue
                stored = await self._house.store.put(paper.jpeg, "image/jpeg", now=now)
                found.setdefault(target, []).append(
                    Material(
                        id=MaterialId(word(self._house.random(10))),
                        rule=target,
                        file=stored.id,
                        sha256=stored.sha256,
                        width=paper.width,
                        height=paper.height,
                        hints=(),
                        added_by="citizen",
                        at=now,
                    )
                )
        return found


def _recording(one: Recording, viewings: int) -> CaseRecording:
    return CaseRecording(
        at=one.started_at,
        seconds=one.seconds,
        state=one.state.value,
        keep_until=one.keep_until,
        viewings=viewings,
        evidence_until=one.evidence_until,
        film_deleted_at=one.film_deleted_at,
        deleted_at=one.deleted_at,
        held=one.held_at is not None,
    )
