"""Sample views of the citizen's pages; nobody named here exists. Items and districts are the catalogue's."""

from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

from cloudwindow.catalogue_files import load
from cloudwindow.domain.catalogue import Catalogue, Decision, District, Field, MaterialRule, ServiceItem, Text
from cloudwindow.domain.ids import ApplicationId, CitizenId, DistrictCode, ItemId, TicketId
from cloudwindow.domain.match import Place
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey.views import (
    AgentCard,
    AppointmentMark,
    AsideView,
    CaseRecording,
    CaseStep,
    CaseView,
    ChatLine,
    CorrectionView,
    DeclarationView,
    DocumentView,
    FieldView,
    MaterialView,
    MatterView,
    PaperView,
    ReadBackView,
    Readiness,
    SectionView,
    VerifyView,
    VisitView,
    WaitRecord,
)
from tests.pages.environment import ROOT
from tests.pages.recording_samples import RUNNING

NOW = 1_795_420_000.0
DAY = date(2026, 11, 23)
HOME = DistrictCode("440114")
WINDOW = DistrictCode("440106")


@cache
def catalogue() -> Catalogue:
    """The city's catalogue as it is shipped."""
    return load(ROOT / "catalogue")


def item(item_id: str = "HR01") -> ServiceItem:
    """One item of the catalogue."""
    return catalogue().item(item_id)


def decides(of: ServiceItem) -> list[tuple[District, Decision]]:
    """Who decides, district by district, when a window of Tianhe takes the application in."""
    return [
        (
            home,
            catalogue().decides(of, receiving_district=WINDOW, home_district=home.code, on=DAY),
        )
        for home in catalogue().districts
    ]


def ticket(of: ServiceItem, **terms: Any) -> Ticket:
    """A ticket that has waited five minutes."""
    return Ticket(
        id=TicketId("ticket"),
        number="H027",
        citizen=CitizenId("citizen"),
        application=ApplicationId("application"),
        item=ItemId(of.id),
        item_version=of.version,
        home_district=HOME,
        language="zh",
        mode="video",
        joined_at=NOW - 300,
        **terms,
    )


def field_view(field: Field, standing: str) -> FieldView:
    """An answer with this standing; addresses and lists stay empty."""
    simple = {"name": "陈晓岚", "date": "2026-11-02", "mobile": "13800002046", "text": "晓岚手作"}
    raw = simple.get(field.type.value) or (field.options[0].value if field.type.value == "enum" else None)
    filled = standing != "empty" and raw is not None
    return FieldView(
        field=field,
        raw=raw if filled else None,
        shown=raw or "" if filled else "",
        standing=standing if filled else "empty",
        author="agent" if standing == "proposed" else "citizen",
        version=1,
        hidden=bool(field.when),
        masked=False,
    )


def sections(of: ServiceItem, standing: str) -> list[SectionView]:
    """The whole form; every answer has the same standing."""
    return [
        SectionView(
            section=section,
            page=page.number,
            fields=[field_view(field, standing) for field in section.fields],
        )
        for page in of.form.pages
        for section in page.sections
    ]


def material(rule: MaterialRule, verdict: str | None) -> MaterialView:
    """A paper with one photo, or none."""
    papers = (
        [] if verdict is None else [PaperView(id="p1", url="/photo.jpg", verdict=verdict, hints=["dark"])]
    )
    return MaterialView(rule=rule, required=rule.required, papers=papers, settled=verdict == "ok")


def materials(of: ServiceItem) -> list[MaterialView]:
    """The first paper is fine, the second blurred, the rest missing."""
    verdicts = ["ok", "blurry"] + [None] * len(of.materials)
    return [material(rule, verdict) for rule, verdict in zip(of.materials, verdicts, strict=False)]


def read_back(of: ServiceItem, *, declared: bool = False, signed_at: float | None = None) -> ReadBackView:
    """The application in plain words."""
    return ReadBackView(
        opening=of.text("read_back_opening").text,
        lines=[("就业类型", "您的就业类型是：灵活就业。"), ("开始日期", "您从2026年11月2日开始工作。")],
        papers=[(of.materials[0].name, 2)],
        declarations=[
            DeclarationView(declaration=one, confirmed=declared or number == 0)
            for number, one in enumerate(of.declarations)
        ],
        sha256="ab" * 32,
        all_declared=declared,
        code_sent=declared,
        code_sent_to="138****2046",
        signed_at=signed_at,
    )


def case(item_id: str, state: str, *, corrections: bool = False) -> CaseView:
    """A handed-in application."""
    of = item(item_id)
    wanted = [
        CorrectionView(
            target=of.materials[0].id,
            kind="material",
            label=of.materials[0].name,
            note="请补拍签名页",
            done=False,
        ),
        CorrectionView(
            target="since", kind="field", label=Text(zh="起始日期", en="Since"), note="与合同一致", done=False
        ),
        CorrectionView(
            target="phone", kind="field", label=Text(zh="电话", en="Telephone"), note="", done=True
        ),
    ]
    document = DocumentView(
        id="document",
        kind="receipt_slip",
        number="花人社收〔2026〕12号",
        url="/cases/x/documents/document",
        verification_code="7KQF-2M9X-P",
        issued_at=NOW,
    )
    return CaseView(
        receipt="440114-20261123-0007",
        state=state,
        item=of,
        home=catalogue().district(HOME),
        street="新华街道",
        receiving=catalogue().district(WINDOW),
        organ="广州市花都区人力资源和社会保障局",
        mode="transfer",
        applicant="陈*岚",
        received_at=NOW - 3600,
        due_at=NOW + 900_000,
        acknowledge_by=NOW + 14_400,
        steps=[
            CaseStep(at=NOW - 3600, kind="case.received", by="天河区政务服务中心", note=""),
            CaseStep(at=NOW - 3000, kind="case.handed_over", by="天河区政务服务中心", note="含 3 份材料"),
        ],
        documents=[document],
        corrections=wanted if corrections else [],
        reasons="租赁合同缺少签名页" if corrections else "",
        can_rate=True,
        rating=None,
        recordings=[
            CaseRecording(
                at=NOW - 5000,
                seconds=61,
                state="kept",
                keep_until=NOW + 9e6,
                evidence_until=NOW + 9e7,
                viewings=2,
            ),
            CaseRecording(at=NOW - 4000, seconds=0, state="ended", keep_until=None, viewings=0),
            CaseRecording(
                at=NOW - 9e6,
                seconds=40,
                state="evidence",
                keep_until=NOW - 9e5,
                evidence_until=NOW + 9e7,
                viewings=0,
                held=True,
            ),
        ],
    )


def visit(
    stage: str,
    *,
    item_id: str = "HR01",
    back: ReadBackView | None = None,
    handed_in: CaseView | None = None,
    place: Place | None = None,
    open_now: bool = True,
    held_until: float | None = None,
    nearly: bool = False,
    appointment: AppointmentMark | None = None,
    **terms: Any,
) -> VisitView:
    """The visit page at ``stage``."""
    of = item(item_id)
    talking = stage in {"called", "in_call", "on_hold"}
    agent = AgentCard(name="林敏", number="1042", district=catalogue().district(WINDOW))
    return VisitView(
        ticket=ticket(of, not_before=held_until, **terms),
        stage=stage,
        version=3,
        item=of,
        home=catalogue().district(HOME),
        window=catalogue().district(HOME),
        street="新华街道",
        applicant="陈*岚",
        capacity="own",
        principal=None,
        mobile="138****2046",
        place=place,
        appointment=appointment,
        place_known=place is not None,
        waited_seconds=300,
        open_now=open_now,
        next_opening=None if open_now else NOW + 40_000,
        resume_link="http://127.0.0.1/resume#k3f9q2m7x0t8w1r5",
        recording=RUNNING,
        session="session" if talking else None,
        agent=agent if talking else None,
        peer_online=True,
        sections=sections(of, "proposed" if stage == "in_call" else "confirmed"),
        materials=materials(of),
        readiness=Readiness(
            devices="unknown",
            rtt_ms=None,
            loss_percent=None,
            fields_filled=2,
            fields_needed=6,
            papers_given=1,
            papers_needed=2,
            online=True,
        ),
        chat=[
            ChatLine(id=1, author="agent", name="林敏", text="您好，我是天河区窗口的小林。", at=NOW),
            ChatLine(id=2, author="citizen", name="陈*岚", text="您好。", at=NOW),
        ],
        read_back=back,
        case=handed_in,
        outcome=("submitted" if handed_in else "network_lost") if stage == "ended" else None,
        outcome_note="",
        return_by=NOW + 60 if stage in {"called", "missed"} else None,
        held_until=held_until,
        held_seconds=held_until - NOW if held_until else 0.0,
        nearly=nearly,
    )


def aside(kind: str, *, named: bool) -> VisitView:
    """A visit that an agent has sent back into the line: parked or passed_on, for a named agent or any."""
    agent = AgentCard(name="林志强", number="TH-027", district=catalogue().district(WINDOW))
    told = AsideView(kind=kind, agent=agent if named else None, until=NOW + 900 if kind == "parked" else None)
    parked = (
        {"held_until": told.until, "callback": True, "aside_reason": "fetch_papers"} if told.until else {}
    )
    return replace(visit("waiting", place=PLACE, **parked), set_aside=told)  # type: ignore[arg-type]


WAIT_RECORDS = [
    WaitRecord(name=Text(zh="越秀区", en="Yuexiu District"), shown=True, cases=1240, share=0.806),
    WaitRecord(name=Text(zh="天河区", en="Tianhe District"), shown=True, cases=12, share=None),
    WaitRecord(name=Text(zh="花都区", en="Huadu District"), shown=False, cases=0, share=None),
]
PLACE = Place(ahead=3, of=9, agents_on_duty=4, low_seconds=360, high_seconds=600)
FAR = Place(ahead=120, of=180, agents_on_duty=14, low_seconds=3600, high_seconds=9000)
NEARLY = Place(ahead=1, of=9, agents_on_duty=4, low_seconds=60, high_seconds=240)
NEXT = Place(ahead=0, of=1, agents_on_duty=0, low_seconds=None, high_seconds=None)
DOCUMENT = VerifyView(
    code="7KQF-2M9X-P",
    kind="certificate",
    number="花人社登〔2026〕12号",
    item=Text(zh="个人就业登记", en="Registration of personal employment"),
    organ="广州市花都区人力资源和社会保障局",
    applicant="陈*岚",
    issued_at=NOW,
    sha256="ab" * 32,
)


def several(first: str, second: str) -> list[MatterView]:
    """Two matters of a ticket in these states."""
    return [
        MatterView(
            position=position,
            name=item(code).name,
            item=code,
            state=state,
            outcome="submitted" if state == "done" else "",
            note="",
            receipt=f"7KQF2M9XP{position}" if state == "done" else "",
        )
        for position, (code, state) in enumerate((("HR01", first), ("CA04", second)), start=1)
    ]
