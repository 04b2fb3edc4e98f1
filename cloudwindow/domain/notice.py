"""
What a notice says, before anybody prints it.

A notice is the legal act on paper: receipt, acceptance, correction, refusal, decision, certificate. Its
fields follow 行政许可法 art. 32, 38 and 40 and the sample forms of DB31/T 862-2021; ``missing`` names what a
kind must carry and does not.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cloudwindow.domain.application import Verdict
from cloudwindow.domain.catalogue import Basis, Text


class Kind(StrEnum):
    """The papers we print."""

    RECEIPT_SLIP = "receipt_slip"
    """收件凭证"""
    CERTIFICATE = "certificate"
    """证照, e.g. 《就业创业证》; ``Notice.title`` carries its name"""
    CONFIRMATION_RESULT = "confirmation_result"
    """确认结果单"""
    ACCEPTANCE_NOTICE = "acceptance_notice"
    """受理通知书"""
    CORRECTION_NOTICE = "correction_notice"
    """补正材料通知书"""
    NON_ACCEPTANCE_NOTICE = "non_acceptance_notice"
    """不予受理通知书"""
    APPROVAL = "approval"
    """准予办理决定书"""
    DENIAL = "denial"
    """不予办理决定书"""


SERIES = {
    Kind.RECEIPT_SLIP: "收",
    Kind.CERTIFICATE: "证",
    Kind.CONFIRMATION_RESULT: "确",
    Kind.ACCEPTANCE_NOTICE: "受",
    Kind.CORRECTION_NOTICE: "补",
    Kind.NON_ACCEPTANCE_NOTICE: "不受",
    Kind.APPROVAL: "准",
    Kind.DENIAL: "不准",
}


class PaperForm(StrEnum):
    """In which form a paper reached us; the words of ``MaterialRule.form``."""

    SHOWN = "shown"
    SCAN = "scan"
    ORIGINAL = "original"
    GENERATED = "generated"
    ELECTRONIC = "electronic"


class Holder(StrEnum):
    """Who has the original now."""

    APPLICANT = "applicant"
    WINDOW = "window"
    ORGAN = "organ"
    SYSTEM = "system"
    """There is no paper original; the case file holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody named on a notice. Numbers come masked; a whole one is refused with ValueError."""

    name: str
    masked_id: str
    masked_mobile: str = ""

    def __post_init__(self) -> None:
        if re.search(r"\d{11}", self.masked_id + " " + self.masked_mobile):
            raise ValueError("a notice carries masked numbers only")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of what was registered, confirmed or granted."""

    label: Text
    value: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticePaper:
    """One paper on the list. ``standard`` says what a missing one must meet (correction notices)."""

    name: Text
    form: PaperForm | None = None
    pages: int = 1
    verdict: Verdict | None = None
    holder: Holder | None = None
    standard: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegationLine:
    """受…委托: ``office`` did the work in the name of the notice's organ; ``reference``: where published."""

    office: Text
    reference: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """
    Everything one notice says. Moments are seconds since the epoch; days are days in Guangzhou.

    ``organ`` is the one in whose name it is issued and whose seal it bears. ``title`` replaces the usual
    title of the kind (certificates). ``demo`` marks every page as without legal effect.
    """

    kind: Kind
    number: str
    organ: Text
    applicant: Person
    item: Text
    item_code: str
    case_number: str
    issued_at: float
    verification_code: str
    legal_basis: tuple[Text, ...]
    handler: str
    handler_phone: str
    delivery: Text
    demo: bool
    title: Text | None = None
    situation: Text | None = None
    delegate: Person | None = None
    rows: tuple[Row, ...] = ()
    papers: tuple[NoticePaper, ...] = ()
    reasons: tuple[Text, ...] = ()
    right_organ: Text | None = None
    remedy: Text | None = None
    delegation: DelegationLine | None = None
    received_at: float | None = None
    accepted_at: float | None = None
    due_on: date | None = None
    reply_by: date | None = None


# Rule: what each kind must carry beyond what every notice carries (reference: 行政许可法 art. 32, 38).
REQUIRED: dict[Kind, tuple[str, ...]] = {
    Kind.RECEIPT_SLIP: ("papers", "received_at"),
    Kind.CERTIFICATE: ("title", "rows"),
    Kind.CONFIRMATION_RESULT: ("rows",),
    Kind.ACCEPTANCE_NOTICE: ("papers", "accepted_at", "due_on"),
    Kind.CORRECTION_NOTICE: ("papers", "reply_by"),
    Kind.NON_ACCEPTANCE_NOTICE: ("reasons", "remedy"),
    Kind.APPROVAL: (),
    Kind.DENIAL: ("reasons", "remedy"),
}
ALWAYS = ("number", "case_number", "legal_basis", "handler", "handler_phone", "verification_code")


def missing(notice: Notice) -> tuple[str, ...]:
    """Name the fields this kind of notice must carry and does not; empty when it may be issued."""
    absent = [name for name in ALWAYS + REQUIRED[notice.kind] if getattr(notice, name) in (None, "", ())]
    if notice.kind is Kind.CORRECTION_NOTICE and any(paper.standard is None for paper in notice.papers):
        absent.append("papers.standard")
    return tuple(absent)


def number(number_word: str, kind: Kind, *, year: int, serial: int) -> str:
    """Spell a document number: the organ's word (机关代字), the series, the year, the serial."""
    return f"{number_word}{SERIES[kind]}〔{year}〕{serial}号"


def basis_words(basis: Basis) -> Text:
    """Name a law as letters cite it: 《…》 and the article if the catalogue knows it."""
    article = basis.article or Text(zh="", en="")
    return Text(
        zh=f"《{basis.title.zh.strip('《》')}》{article.zh}",
        en=", ".join(part for part in (basis.title.en, article.en) if part),
    )


def remedy(review_body: Text, court: Text | None = None) -> Text:
    """
    Say where one may turn against a refusal: review within 60 days, a lawsuit within 6 months.

    Source: 行政复议法 (2023) art. 20; 行政诉讼法 art. 46.
    """
    court = court or Text(zh="有管辖权的人民法院", en="the people's court that has jurisdiction")
    return Text(
        zh=(
            f"如不服本决定，可以自收到本文书之日起六十日内向{review_body.zh}申请行政复议，"
            f"也可以自收到本文书之日起六个月内依法向{court.zh}提起行政诉讼。"
        ),
        en=(
            f"If you disagree, you may apply to {review_body.en} for administrative review within 60 days "
            f"of receiving this document, or bring a lawsuit before {court.en} within six months "
            "of receiving it."
        ),
    )
