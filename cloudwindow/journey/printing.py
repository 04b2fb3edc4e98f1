"""
Printing notices: what the office issued becomes a PDF in the store.

The number was given in the transaction of the act; printing can fail, be repeated and catch up later, so a
citizen never loses a notice to a crash.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Any

from cloudwindow.domain import fields, notice
from cloudwindow.domain.application import Application, Delegate, Verdict
from cloudwindow.domain.calendar import day_of
from cloudwindow.domain.catalogue import ServiceItem, Text
from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.fields import mask_idno, mask_mobile
from cloudwindow.domain.filling import asked, canonical_values, papers_asked
from cloudwindow.domain.notice import (
    DelegationLine,
    Holder,
    Kind,
    Notice,
    NoticePaper,
    PaperForm,
    Person,
    Row,
)
from cloudwindow.journey.calls import Calls
from cloudwindow.journey.house import House
from cloudwindow.journey.showing import MASKED_FOR_STAFF
from cloudwindow.records.cases import Document
from cloudwindow.records.people import Citizen

log = logging.getLogger(__name__)

PORTRAIT = "portrait"
"""The material whose picture goes on a certificate."""
LISTS_PAPERS = frozenset({Kind.RECEIPT_SLIP, Kind.ACCEPTANCE_NOTICE})
LISTS_ANSWERS = frozenset({Kind.CERTIFICATE, Kind.CONFIRMATION_RESULT, Kind.APPROVAL})


class Printing:
    """Turns issued notices into PDFs."""

    def __init__(self, house: House, calls: Calls) -> None:
        self._house = house
        self._calls = calls
        self._one_at_a_time = asyncio.Lock()
        self._running: set[asyncio.Task[int]] = set()

    def soon(self) -> None:
        """Print in the background what was just issued; the pages are told when it can be opened."""
        task = asyncio.get_running_loop().create_task(self._quietly(), name="printing")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _quietly(self) -> int:
        try:
            return await self.print_pending()
        except CloudWindowError as error:
            log.warning("printing waits", extra={"code": error.code})  # the watch prints it later
            return 0

    async def print_pending(self) -> int:
        """Print what waits to be printed; how many were."""
        async with self._one_at_a_time:
            async with self._house.ledger.read() as conn:
                waiting = await self._house.cases.unprinted(conn)
            return sum([await self._printed(document) for document in waiting])

    async def _printed(self, document: Document) -> bool:
        """Print one notice and tell its pages; a failure is logged and tried again later."""
        try:
            await self._print(document)
            await self._tell(document.application)
        except CloudWindowError as error:
            log.warning("notice not printed", extra={"code": error.code, "document": document.id})
            return False
        except Exception:  # one notice that cannot be printed must not keep the others
            log.exception("notice not printed", extra={"document": document.id})
            return False
        return True

    async def _tell(self, application: str) -> None:
        async with self._house.ledger.read() as conn:
            ticket = await self._house.visits.ticket_of(conn, application)
            live = await self._calls.live(conn, ticket) if ticket else None
        if live is not None:
            await self._calls.refresh(live, "case", "decision", "ended")

    async def _print(self, document: Document) -> None:
        house = self._house
        async with house.ledger.read() as conn:
            case = await house.cases.case(conn, document.application)
            citizen = await house.people.citizen(conn, case.citizen)
            principal = await house.cases.principal(conn, case.id)
        item = house.item_of(case.item, case.item_version)
        made = self._notice(document, case, item, citizen, principal)
        address = f"{house.origin}/verify?code={document.verification_code}"
        pdf = await house.printer(made, document.language, address, await self._photo(case, made.kind))
        stored = await house.store.put(pdf, "application/pdf", now=house.clock())
        printed = Document(
            id=document.id,
            application=document.application,
            kind=document.kind,
            number=document.number,
            organ=document.organ,
            verification_code=document.verification_code,
            handler=document.handler,
            language=document.language,
            issued_at=document.issued_at,
            file=stored.id,
            sha256=stored.sha256,
        )
        await house.ledger.write(lambda conn: house.cases.print_document(conn, printed))

    async def _photo(self, case: Application, kind: Kind) -> bytes | None:
        """The portrait for a certificate."""
        portrait = next((paper for paper in case.materials if paper.rule == PORTRAIT), None)
        if kind is not Kind.CERTIFICATE or portrait is None:
            return None
        _, content = await self._house.store.get(portrait.file)
        return content

    def _notice(
        self,
        document: Document,
        case: Application,
        item: ServiceItem,
        citizen: Citizen,
        principal: Delegate | None,
    ) -> Notice:
        organ = self._house.catalogue.organ(document.organ)
        kind = Kind(document.kind)
        own = Person(
            name=citizen.name,
            masked_id=mask_idno(citizen.id_number),
            masked_mobile=mask_mobile(citizen.mobile),
        )
        applicant = (
            own
            if principal is None
            else Person(name=principal.name, masked_id=mask_idno(principal.id_number))
        )
        return Notice(
            kind=kind,
            number=document.number,
            organ=organ.name,
            applicant=applicant,
            delegate=own if principal is not None else None,
            item=item.name,
            item_code=f"{item.id} v{item.version}",
            case_number=case.receipt or "",
            issued_at=document.issued_at,
            verification_code=document.verification_code,
            legal_basis=tuple(notice.basis_words(basis) for basis in item.legal_basis),
            handler=document.handler,
            handler_phone=organ.phone,
            delivery=ELECTRONIC,
            demo=self._house.demo,
            title=item.result.name if kind is Kind.CERTIFICATE else None,
            rows=_answers(case, item) if kind in LISTS_ANSWERS else (),
            papers=self._papers(kind, case, item),
            reasons=(Text(zh=case.reasons, en=case.reasons),) if case.reasons else (),
            remedy=notice.remedy(REVIEW_BODY),
            delegation=self._delegation(case),
            received_at=case.received_at,
            accepted_at=case.accepted_at,
            due_on=day_of(case.due_at - 1) if case.due_at else None,
            reply_by=day_of(document.issued_at) + timedelta(days=item.clocks.correction_days * 2),
        )

    def _papers(self, kind: Kind, case: Application, item: ServiceItem) -> tuple[NoticePaper, ...]:
        if kind is Kind.CORRECTION_NOTICE:
            return tuple(_wanted(one, item) for one in case.corrections)
        if kind not in LISTS_PAPERS:
            return ()
        return tuple(
            NoticePaper(
                name=rule.name,
                form=PaperForm(rule.form),
                pages=max(1, sum(paper.rule == rule.id for paper in case.materials)),
                verdict=next(
                    (paper.verdict for paper in case.materials if paper.rule == rule.id), Verdict.PENDING
                ),
                holder=Holder.APPLICANT if rule.form in {"shown", "scan"} else Holder.SYSTEM,
            )
            for rule in papers_asked(case, item)
            if any(paper.rule == rule.id for paper in case.materials)
        ) or (NoticePaper(name=FORM_ITSELF, form=PaperForm.GENERATED, holder=Holder.SYSTEM),)

    def _delegation(self, case: Application) -> DelegationLine | None:
        record = next((one for one in self._house.catalogue.delegations if one.id == case.delegation), None)
        if record is None or case.receiving_district is None:
            return None
        office = self._house.catalogue.district(case.receiving_district).name
        return DelegationLine(office=office, reference=record.notice)


def _answers(case: Application, item: ServiceItem) -> tuple[Row, ...]:
    values = canonical_values(case)

    def shown(question: Any, language: str) -> str:
        hide = question.type in MASKED_FOR_STAFF
        return (fields.mask if hide else fields.display)(question, values[question.id], language)

    return tuple(
        Row(
            label=question.label,
            value=Text(zh=shown(question, "zh-CN"), en=shown(question, "en")),
        )
        for question in asked(case, item)
        if question.id in values and question.prefill is None
    )


def _wanted(one: Any, item: ServiceItem) -> NoticePaper:
    name = (
        item.form.field(one["target"]).label if one["kind"] == "field" else item.material(one["target"]).name
    )
    return NoticePaper(name=name, standard=Text(zh=one["note"], en=one["note"]))


ELECTRONIC = Text(zh="电子送达（本人可在办件页面下载）", en="Electronic: download it from the case page")
FORM_ITSELF = Text(zh="申请表（电子签名）", en="Application form (signed electronically)")
REVIEW_BODY = Text(zh="该机关的本级人民政府", en="the people's government at the level of this organ")
