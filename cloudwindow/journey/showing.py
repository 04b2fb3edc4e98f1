"""
Cutting a case down to what a person may see.

``side`` is citizen, agent or approver. The citizen sees everything they told us; staff see identity numbers,
phones and accounts masked (个人信息保护法 art. 6, 51).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cloudwindow.domain import fields
from cloudwindow.domain.application import Application, Delegate, State
from cloudwindow.domain.appointment import Appointment
from cloudwindow.domain.catalogue import Catalogue, Field, FieldType, MaterialRule, ServiceItem
from cloudwindow.domain.filling import (
    asked,
    canonical_values,
    declarations_asked,
    digest,
    missing_fields,
    papers_asked,
    settled,
    unconfirmed,
)
from cloudwindow.domain.handover import Handover
from cloudwindow.journey.views import (
    AppointmentMark,
    CaseStep,
    CaseView,
    CorrectionView,
    DeclarationView,
    DocumentView,
    FieldView,
    MaterialView,
    PaperView,
    ReadBackView,
    Readiness,
    SectionView,
)
from cloudwindow.records.cases import Document
from cloudwindow.records.events import Event

MASKED_FOR_STAFF = frozenset({FieldType.IDNO, FieldType.BANK, FieldType.MOBILE})

STORY = frozenset(
    {
        "signature.made",
        "case.received",
        "case.handed_over",
        "case.acknowledged",
        "case.accepted",
        "case.correction_requested",
        "case.corrected",
        "case.not_accepted",
        "case.approved",
        "case.denied",
    }
)
"""The events a citizen's case page tells."""


PICTURE_KBIT, NOTICED_LOSS_PERCENT, NOTICED_MS = 150, 3.0, 400
"""What a moving picture needs; what people notice."""


def field_view(question: Field, case: Application, *, hidden: bool, side: str, language: str) -> FieldView:
    """One question with its present value."""
    value = case.values.get(question.id)
    kept = None if value is None else value.value
    masked = side != "citizen" and question.type in MASKED_FOR_STAFF
    if value is None or kept is None:
        return FieldView(
            field=question,
            raw="",
            shown="",
            standing="empty",
            author="",
            version=value.version if value else 0,
            hidden=hidden,
            masked=masked,
        )
    return FieldView(
        field=question,
        raw="" if masked else kept,
        shown=fields.mask(question, kept, language) if masked else fields.display(question, kept, language),
        standing=value.standing.value,
        author=value.author_kind,
        version=value.version,
        hidden=hidden,
        masked=masked,
    )


def sections(case: Application, item: ServiceItem, *, side: str, language: str) -> Sequence[SectionView]:
    """The whole form in order; questions that do not apply are there and hidden."""
    shown = {question.id for question in asked(case, item)}
    return [
        SectionView(
            section=section,
            page=page.number,
            fields=[
                field_view(question, case, hidden=question.id not in shown, side=side, language=language)
                for question in section.fields
            ],
        )
        for page in item.form.pages
        for section in page.sections
    ]


def materials(case: Application, item: ServiceItem, *, url: str) -> Sequence[MaterialView]:
    """The papers that apply; ``url`` is where pictures are had, without the id."""
    return [
        MaterialView(
            rule=rule,
            required=rule.required,
            papers=[
                PaperView(
                    id=paper.id, url=f"{url}/{paper.id}", verdict=paper.verdict.value, hints=paper.hints
                )
                for paper in case.materials
                if paper.rule == rule.id
            ],
            settled=settled(case, rule),
        )
        for rule in papers_asked(case, item)
    ]


def readiness(case: Application, item: ServiceItem, devices: Mapping[str, Any], *, online: bool) -> Readiness:
    """What has been done while waiting."""
    page_one = {question.id for page in item.form.pages if page.while_waiting for question in page.fields}
    needed = [question for question in asked(case, item) if question.required and question.id in page_one]
    values = canonical_values(case)
    rules = [rule for rule in papers_asked(case, item) if rule.required]
    given = {paper.rule for paper in case.materials}
    return Readiness(
        devices=_devices(devices),
        rtt_ms=devices.get("rtt_ms"),
        loss_percent=devices.get("loss_percent"),
        fields_filled=sum(question.id in values for question in needed),
        fields_needed=len(needed),
        papers_given=sum(rule.id in given for rule in rules),
        papers_needed=len(rules),
        online=online,
        way=devices.get("way", "unknown"),
        kbit_up=devices.get("kbit_up"),
        silent=bool(devices.get("silent")),
        network=_network(devices),
    )


def _network(report: Mapping[str, Any]) -> str:
    """How the way to the server is, in one word."""
    way = report.get("way", "unknown")
    if way in {"unknown", "blocked"}:
        return str(way)
    weak = (
        (report.get("kbit_up") or 0) < PICTURE_KBIT
        or (report.get("loss_percent") or 0) > NOTICED_LOSS_PERCENT
        or (report.get("rtt_ms") or 0) > NOTICED_MS
    )
    return "weak" if weak else "good"


def _devices(report: Mapping[str, Any]) -> str:
    if not report:
        return "unknown"
    return next((report[one] for one in ("microphone", "camera") if report.get(one) != "ok"), "ok")


def read_back(
    case: Application,
    item: ServiceItem,
    principal: Delegate | None,
    opening: Any,
    *,
    language: str,
    code_sent: bool,
    code_sent_to: str,
    side: str,
) -> ReadBackView | None:
    """The application in plain words, from the read-back on."""
    if case.state is State.DRAFT:
        return None
    declarations = declarations_asked(case, item)
    return ReadBackView(
        opening=opening,
        lines=plain_lines(case, item, language=language, masked=side != "citizen"),
        papers=[
            (rule.name, sum(paper.rule == rule.id for paper in case.materials))
            for rule in papers_asked(case, item)
        ],
        declarations=[
            DeclarationView(declaration=one, confirmed=one.key in case.declared) for one in declarations
        ],
        sha256=case.readback_sha256 or digest(case, item, principal),
        all_declared={one.key for one in declarations} <= case.declared.keys(),
        code_sent=code_sent,
        code_sent_to=code_sent_to,
        signed_at=case.signed_at,
    )


def plain_lines(
    case: Application, item: ServiceItem, *, language: str, masked: bool
) -> Sequence[tuple[str, str]]:
    """(label, sentence) of every answer, in the order of the form."""
    values = canonical_values(case)
    return [
        (
            question.label.in_language(language),
            fields.plain(
                question,
                values[question.id],
                language,
                masked=masked and question.type in MASKED_FOR_STAFF,
            ),
        )
        for question in asked(case, item)
        if question.id in values
    ]


def form_rows(case: Application, item: ServiceItem, *, language: str) -> Sequence[tuple[str, str, str]]:
    """(section, label, value) of every answer as staff see it."""
    values = canonical_values(case)
    shown = {question.id for question in asked(case, item)}
    return [
        (
            section.title.in_language(language),
            question.label.in_language(language),
            fields.mask(question, values[question.id], language)
            if question.type in MASKED_FOR_STAFF
            else fields.display(question, values[question.id], language),
        )
        for page in item.form.pages
        for section in page.sections
        for question in section.fields
        if question.id in shown and question.id in values
    ]


def unconfirmed_labels(case: Application, item: ServiceItem, language: str) -> Sequence[str]:
    """Labels of proposals the citizen has not confirmed."""
    return [item.form.field(one).label.in_language(language) for one in unconfirmed(case, item)]


def missing_labels(case: Application, item: ServiceItem, language: str) -> Sequence[str]:
    """Labels of required questions without an answer."""
    return [item.form.field(one).label.in_language(language) for one in missing_fields(case, item)]


def case_view(
    case: Application,
    catalogue: Catalogue,
    *,
    applicant: str,
    story: Sequence[Event],
    documents: Sequence[Document],
    package: Handover | None,
    document_url: str,
    rating: int | None,
    can_rate: bool,
    names: Mapping[str, str],
    language: str,
) -> CaseView:
    """A handed-in case; ``document_url`` is where its PDFs are had, ``names`` those of staff by id."""
    item = catalogue.item(case.item, case.item_version)
    home = catalogue.district(case.home_district)
    return CaseView(
        receipt=case.receipt or "",
        state=case.state.value,
        item=item,
        home=home,
        street=home.street(case.home_street).name.in_language(language),
        receiving=catalogue.district(case.receiving_district) if case.receiving_district else None,
        organ=catalogue.organ(case.organ).name.in_language(language) if case.organ else "",
        mode=case.mode or "",
        applicant=applicant,
        received_at=case.received_at,
        due_at=last_moment(case.due_at),
        acknowledge_by=package.acknowledge_by if package and case.acknowledged_at is None else None,
        steps=[_step(event, catalogue, names, language) for event in story if event.kind in STORY],
        documents=[
            DocumentView(
                id=one.id,
                kind=one.kind,
                number=one.number,
                url=f"{document_url}/{one.id}",
                verification_code=one.verification_code,
                issued_at=one.issued_at,
            )
            for one in documents
            if one.file
        ],
        corrections=[_correction(one, item) for one in case.corrections],
        reasons=case.reasons,
        can_rate=can_rate and rating is None,
        rating=rating,
    )


def last_moment(due_at: float | None) -> float | None:
    """The last second that is still in time: a period that ends at midnight ends on the day before it."""
    return None if due_at is None else due_at - 1


def _step(event: Event, catalogue: Catalogue, names: Mapping[str, str], language: str) -> CaseStep:
    by = (
        catalogue.organ(event.organ).name.in_language(language) if event.organ else names.get(event.actor, "")
    )
    return CaseStep(at=event.at, kind=event.kind, by=by, note="")


def _correction(one: Mapping[str, str], item: ServiceItem) -> CorrectionView:
    named: Field | MaterialRule
    if one["kind"] == "field":
        named = item.form.field(one["target"])
        label = named.label
    else:
        named = item.material(one["target"])
        label = named.name
    return CorrectionView(
        target=one["target"], kind=one["kind"], label=label, note=one["note"], done=bool(one["done"])
    )


def appointment_mark(booked: Appointment | None) -> AppointmentMark | None:
    """The appointment a ticket was taken for, if there is one."""
    if booked is None:
        return None
    arrived_at = booked.ended_at or booked.starts_at
    return AppointmentMark(
        starts_at=booked.starts_at, arrived_at=arrived_at, late=arrived_at > booked.punctual_until
    )
