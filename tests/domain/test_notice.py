"""What a notice must carry, how its number is spelled, and what may never stand on it."""

from dataclasses import replace
from datetime import date

import pytest

from cloudwindow.domain.catalogue import Basis, Text
from cloudwindow.domain.notice import (
    SERIES,
    Kind,
    Notice,
    NoticePaper,
    Person,
    Row,
    basis_words,
    missing,
    number,
    remedy,
)

ORGAN = Text(zh="广州市花都区民政局", en="Civil Affairs Bureau of Huadu District")
PAPER = NoticePaper(name=Text(zh="租赁合同", en="Lease"), standard=Text(zh="在有效期内", en="Still valid"))
WHY = Text(zh="材料虚假", en="Untrue papers")


def complete(kind: Kind) -> Notice:
    return Notice(
        kind=kind,
        number=number("穗花民", kind, year=2026, serial=7),
        organ=ORGAN,
        applicant=Person(name="陈小满", masked_id="4401**********1234"),
        item=Text(zh="长寿保健金信息确认", en="Longevity allowance"),
        item_code="CA04",
        case_number="7K3M-9QWE",
        issued_at=1_795_000_000.0,
        verification_code="7K3M-9QWE",
        legal_basis=(Text(zh="某规定", en="A rule"),),
        handler="林晓岚",
        handler_phone="020-0000 0000",
        delivery=Text(zh="电子送达", en="Electronic delivery"),
        demo=True,
        title=Text(zh="证", en="Certificate"),
        rows=(Row(label=ORGAN, value=ORGAN),),
        papers=(PAPER,),
        reasons=(WHY,),
        remedy=remedy(ORGAN),
        received_at=1.0,
        accepted_at=1.0,
        due_on=date(2026, 12, 1),
        reply_by=date(2026, 12, 1),
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_a_notice_with_every_field_misses_nothing(kind: Kind) -> None:
    assert missing(complete(kind)) == ()


@pytest.mark.parametrize("kind", list(Kind))
def test_no_notice_goes_out_without_number_or_legal_basis(kind: Kind) -> None:
    assert missing(replace(complete(kind), number="", legal_basis=())) == ("number", "legal_basis")


def test_a_denial_needs_reasons_and_remedy() -> None:
    assert missing(replace(complete(Kind.DENIAL), reasons=(), remedy=None)) == ("reasons", "remedy")


def test_an_approval_needs_neither_reasons_nor_remedy() -> None:
    assert missing(replace(complete(Kind.APPROVAL), reasons=(), remedy=None)) == ()


def test_an_acceptance_names_the_day_of_decision() -> None:
    assert missing(replace(complete(Kind.ACCEPTANCE_NOTICE), due_on=None)) == ("due_on",)


def test_a_correction_says_of_every_paper_what_it_must_meet() -> None:
    papers = (PAPER, replace(PAPER, standard=None))
    assert missing(replace(complete(Kind.CORRECTION_NOTICE), papers=papers)) == ("papers.standard",)


def test_a_number_is_word_series_year_and_serial() -> None:
    assert number("穗花人社", Kind.ACCEPTANCE_NOTICE, year=2026, serial=12) == "穗花人社受〔2026〕12号"


def test_no_two_kinds_share_a_series() -> None:
    assert set(SERIES) == set(Kind)
    assert len(set(SERIES.values())) == len(Kind)


@pytest.mark.parametrize(
    ("masked_id", "masked_mobile"),
    [("44010619900101123X", ""), ("440106199001011234", ""), ("4401**********1234", "13800005678")],
)
def test_a_whole_number_is_never_put_on_a_notice(masked_id: str, masked_mobile: str) -> None:
    with pytest.raises(ValueError, match="masked"):
        Person(name="陈小满", masked_id=masked_id, masked_mobile=masked_mobile)


def test_a_law_is_cited_in_title_marks_with_its_article_if_known() -> None:
    law = Text(zh="居住证暂行条例", en="Interim Regulations on Residence Permits")
    article = Text(zh="第九条", en="art. 9")
    assert basis_words(Basis(title=law, article=article)).zh == "《居住证暂行条例》第九条"
    assert basis_words(Basis(title=law, article=article)).en == f"{law.en}, art. 9"
    assert basis_words(Basis(title=law)) == Text(zh="《居住证暂行条例》", en=law.en)


def test_the_remedy_names_body_court_and_both_terms_in_both_languages() -> None:
    text = remedy(ORGAN, Text(zh="广州铁路运输法院", en="the Guangzhou Railway Transport Court"))
    assert "六十日内向广州市花都区民政局申请行政复议" in text.zh
    assert "六个月内依法向广州铁路运输法院提起行政诉讼" in text.zh
    assert "within 60 days" in text.en
    assert "within six months" in text.en
