"""Notices on paper: what they say, that they say it in two languages, and that they never change."""

import ast
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader

from cloudwindow.domain.application import Verdict
from cloudwindow.domain.calendar import SHANGHAI
from cloudwindow.domain.catalogue import Text
from cloudwindow.domain.errors import Conflict, Unavailable
from cloudwindow.domain.notice import (
    DelegationLine,
    Holder,
    Kind,
    Notice,
    NoticePaper,
    PaperForm,
    Person,
    Row,
    number,
    remedy,
)
from cloudwindow.notices import Fonts, Press, render
from cloudwindow.notices.letter import PAPER_COLUMNS
from cloudwindow.notices.lines import break_lines
from cloudwindow.notices.words import CHINESE, words

FONTS_FOLDER: Final = Path(__file__).parents[2] / "web/node_modules/@expo-google-fonts/noto-sans-sc"
ISSUED: Final = datetime(2026, 11, 23, 14, 32, tzinfo=SHANGHAI).timestamp()
VERIFY: Final = "https://window.example.gov.cn/verify#7K3M-9QWE-4RTY-8ZXC-2"
ORGAN: Final = Text(
    zh="广州市花都区人力资源和社会保障局",
    en="Human Resources and Social Security Bureau of Huadu District, Guangzhou",
)
POLICE: Final = Text(zh="广州市公安局白云区分局", en="Baiyun Branch, Guangzhou Public Security Bureau")


def same(text: str) -> Text:
    return Text(zh=text, en=text)


@pytest.fixture(scope="module")
def fonts() -> Fonts:
    return Fonts.found_in(FONTS_FOLDER)


def any_notice(kind: Kind) -> Notice:
    """Return a complete notice of ``kind`` as the window would issue it."""
    return SAMPLES[kind]()


def _base(kind: Kind, organ: Text, item: Text, item_code: str, word: str) -> Notice:
    return Notice(
        kind=kind,
        number=number(word, kind, year=2026, serial=128),
        organ=organ,
        applicant=Person(name="陈小满", masked_id="440102********0023", masked_mobile="138****5678"),
        item=item,
        item_code=item_code,
        case_number="7K3M-9QWE-4RTY-8ZXC-2",
        issued_at=ISSUED,
        verification_code="7K3M-9QWE-4RTY-8ZXC-2",
        legal_basis=(
            Text(
                zh="《就业服务与就业管理规定》第六十一条",
                en="Provisions on Employment Services and Employment Management, art. 61",
            ),
        ),
        handler="林晓岚（工号 0127）",
        handler_phone="020-0000 0000（演示）",
        delivery=Text(zh="电子送达", en="Electronic delivery"),
        demo=True,
    )


def _hr01(kind: Kind) -> Notice:
    item = Text(zh="个人就业登记", en="Individual employment registration")
    return replace(
        _base(kind, ORGAN, item, "HR01", "穗花人社"),
        delegation=DelegationLine(
            office=Text(
                zh="广州市白云区人力资源和社会保障局",
                en="Human Resources and Social Security Bureau of Baiyun District",
            ),
            reference=Text(zh="穗花人社委〔2026〕1号，演示", en="delegation notice 2026 No. 1, demo"),
        ),
    )


def _ps01(kind: Kind) -> Notice:
    item = Text(zh="居住证首次申领", en="First application for a residence permit")
    basis = Text(zh="《居住证暂行条例》第九条", en="Interim Regulations on Residence Permits, art. 9")
    return replace(_base(kind, POLICE, item, "PS01", "穗公云"), legal_basis=(basis,))


PAPERS: Final = (
    NoticePaper(
        name=Text(zh="居民身份证", en="Identity card"),
        form=PaperForm.SHOWN,
        pages=2,
        verdict=Verdict.OK,
        holder=Holder.APPLICANT,
    ),
    NoticePaper(
        name=Text(zh="居住登记回执或租赁合同", en="Residence registration receipt or lease"),
        form=PaperForm.SCAN,
        pages=6,
        verdict=Verdict.NEED_ORIGINAL,
        holder=Holder.APPLICANT,
    ),
    NoticePaper(
        name=Text(zh="居住证申领表", en="Application form"),
        form=PaperForm.GENERATED,
        pages=1,
        verdict=Verdict.OK,
        holder=Holder.SYSTEM,
    ),
)


def receipt_slip() -> Notice:
    return replace(_ps01(Kind.RECEIPT_SLIP), papers=PAPERS, received_at=ISSUED - 60)


def acceptance_notice() -> Notice:
    return replace(_ps01(Kind.ACCEPTANCE_NOTICE), papers=PAPERS, accepted_at=ISSUED, due_on=date(2026, 12, 8))


def correction_notice() -> Notice:
    wanted = (
        NoticePaper(
            name=Text(zh="租赁合同", en="Lease"),
            standard=Text(
                zh="须在有效期内，出租人、承租人均已签名，能看清房屋地址；请逐页拍照，四角完整。",
                en="Still valid, signed by both sides, address legible; photograph every page whole.",
            ),
        ),
        NoticePaper(
            name=Text(zh="居住满六个月的证明", en="Proof of six months' residence"),
            standard=Text(
                zh="居住登记时间早于2026年5月23日的登记回执，或社区居委会出具的证明。",
                en="A registration receipt dated before 23 May 2026, or a community committee's note.",
            ),
        ),
    )
    return replace(_ps01(Kind.CORRECTION_NOTICE), papers=wanted, reply_by=date(2026, 12, 23))


def non_acceptance_notice() -> Notice:
    return replace(
        _ps01(Kind.NON_ACCEPTANCE_NOTICE),
        reasons=(
            Text(
                zh="您申报的居住地位于佛山市南海区，该事项不属于本机关职权范围。",
                en="The residence you named lies in Nanhai District, Foshan; not within our power.",
            ),
        ),
        right_organ=Text(
            zh="佛山市公安局南海分局（户政窗口）。",
            en="Nanhai Branch, Foshan Public Security Bureau (household registration window).",
        ),
        remedy=remedy(Text(zh="广州市公安局", en="the Guangzhou Public Security Bureau")),
    )


def approval() -> Notice:
    return replace(_ps01(Kind.APPROVAL), delivery=Text(zh="邮寄送达", en="By post"))


def denial() -> Notice:
    return replace(
        _ps01(Kind.DENIAL),
        delegate=Person(name="陈大为", masked_id="440102********1217"),
        reasons=(
            Text(
                zh="经核查，您在本市的居住登记自2026年9月1日起，未满半年。",
                en="Your residence in the city is registered from 1 September 2026, less than half a year.",
            ),
            Text(
                zh="您提交的就业证明所载单位已于2026年6月注销。",
                en="The employer named in your proof of work was dissolved in June 2026.",
            ),
        ),
        remedy=remedy(Text(zh="广州市白云区人民政府", en="the People's Government of Baiyun District")),
    )


def confirmation_result() -> Notice:
    item = Text(zh="长寿保健金信息确认", en="Confirmation for the longevity allowance")
    organ = Text(zh="广州市越秀区民政局", en="Civil Affairs Bureau of Yuexiu District, Guangzhou")
    return replace(
        _base(Kind.CONFIRMATION_RESULT, organ, item, "CA04", "穗越民"),
        delegate=Person(name="陈大为", masked_id="440102********1217", masked_mobile="139****0001"),
        legal_basis=(Text(zh="《广州市长寿保健金发放办法》", en="Guangzhou longevity allowance rules"),),
        rows=(
            Row(label=Text(zh="出生日期", en="Date of birth"), value=same("1946-08-15")),
            Row(label=Text(zh="发放标准", en="Amount"), value=Text(zh="每月100元", en="100 yuan a month")),
            Row(
                label=Text(zh="收款账户", en="Account"),
                value=Text(zh="中国工商银行 ************4821", en="ICBC ************4821"),
            ),
            Row(label=Text(zh="起发月份", en="First month"), value=same("2026-12")),
        ),
    )


def certificate() -> Notice:
    return replace(
        _hr01(Kind.CERTIFICATE),
        title=Text(zh="就业创业证", en="Employment and Entrepreneurship Certificate"),
        rows=(
            Row(
                label=Text(zh="就业类型", en="Kind of employment"),
                value=Text(zh="灵活就业", en="Flexible employment"),
            ),
            Row(
                label=Text(zh="就业起始日期", en="Since"),
                value=Text(zh="2026年11月1日", en="1 November 2026"),
            ),
            Row(
                label=Text(zh="行业", en="Trade"),
                value=Text(zh="居民服务、修理和其他服务业", en="Services to households, repair"),
            ),
            Row(
                label=Text(zh="就业地址", en="Place of work"),
                value=Text(zh="广州市花都区新华街道", en="Xinhua Subdistrict, Huadu District, Guangzhou"),
            ),
        ),
    )


SAMPLES: Final[dict[Kind, Callable[[], Notice]]] = {
    Kind.RECEIPT_SLIP: receipt_slip,
    Kind.ACCEPTANCE_NOTICE: acceptance_notice,
    Kind.CORRECTION_NOTICE: correction_notice,
    Kind.NON_ACCEPTANCE_NOTICE: non_acceptance_notice,
    Kind.APPROVAL: approval,
    Kind.DENIAL: denial,
    Kind.CONFIRMATION_RESULT: confirmation_result,
    Kind.CERTIFICATE: certificate,
}


@cache
def printed(notice: Notice, fonts: Fonts, *, language: str = "zh_CN") -> bytes:
    """Print once: most of a second of a core each."""
    return render(notice, language=language, verify_url=VERIFY, fonts=fonts)


def text_of(pdf: bytes) -> str:
    """Return what a reader can copy out of the paper, without spaces and line ends."""
    pages = (page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)
    return "".join("".join(pages).split())


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_carries_its_title_number_organ_masked_id_and_code(kind: Kind, fonts: Fonts) -> None:
    notice = any_notice(kind)
    text = text_of(printed(notice, fonts))
    for expected in (
        notice.title.zh if notice.title else TITLES[kind],
        notice.number,
        notice.organ.zh,
        notice.applicant.name,
        notice.applicant.masked_id,
        notice.verification_code,
        notice.legal_basis[0].zh,
        "2026年11月23日",
    ):
        assert expected in text
    if kind is not Kind.CERTIFICATE:
        assert notice.case_number in text
        assert notice.handler.replace(" ", "") in text


TITLES: Final = {
    Kind.RECEIPT_SLIP: "收件凭证",
    Kind.CONFIRMATION_RESULT: "确认结果单",
    Kind.ACCEPTANCE_NOTICE: "受理通知书",
    Kind.CORRECTION_NOTICE: "补正材料通知书",
    Kind.NON_ACCEPTANCE_NOTICE: "不予受理通知书",
    Kind.APPROVAL: "准予办理决定书",
    Kind.DENIAL: "不予办理决定书",
}


def test_the_chinese_paper_has_english_as_its_second_language(fonts: Fonts) -> None:
    text = text_of(printed(acceptance_notice(), fonts))
    assert "受理通知书" in text
    assert "NoticeofAcceptance" in text
    assert "nolaterthan8December2026" in text


def test_the_english_paper_has_chinese_as_its_second_language(fonts: Fonts) -> None:
    pdf = printed(denial(), fonts, language="en")
    assert str(PdfReader(BytesIO(pdf)).root_object["/Lang"]) == "en"
    text = text_of(pdf)
    assert text.index("DecisiontoDeny") < text.index("不予办理决定书")
    assert "六十日内" in text


def test_a_receipt_names_form_pages_check_and_holder_of_each_paper(fonts: Fonts) -> None:
    text = text_of(printed(receipt_slip(), fonts))
    for expected in (
        "居民身份证",
        "视频出示原件并拍照",
        "符合要求",
        "需寄原件",
        "电子案卷",
        "不代表申请已被受理",
    ):
        assert expected in text


def test_a_correction_notice_lists_everything_with_its_standard_and_day(fonts: Fonts) -> None:
    notice = correction_notice()
    text = text_of(printed(notice, fonts))
    for paper in notice.papers:
        assert paper.standard is not None
        assert paper.name.zh in text
        assert paper.standard.zh in text
    assert "2026年12月23日前（含当日）" in text


def test_a_denial_says_why_and_where_to_turn_within_which_time(fonts: Fonts) -> None:
    text = text_of(printed(denial(), fonts))
    for expected in ("未满半年", "已于2026年6月注销", "六十日内", "六个月内", "行政复议", "行政诉讼"):
        assert expected in text


def test_a_delegated_certificate_says_by_whom_and_in_whose_name(fonts: Fonts) -> None:
    text = text_of(printed(certificate(), fonts))
    assert "由广州市白云区人力资源和社会保障局受广州市花都区人力资源和社会保障局委托办理" in text


def test_every_page_of_a_demo_paper_says_so_and_bears_no_other_seal(fonts: Fonts) -> None:
    pdf = printed(denial(), fonts)
    pages = [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]
    assert len(pages) == 2
    assert all("演示文件，不具法律效力" in page for page in pages)
    assert "演示印章" in pages[-1]
    assert "DEMO SEAL" in pages[-1]


def test_a_real_paper_leaves_the_place_of_the_seal_empty(fonts: Fonts) -> None:
    text = text_of(printed(replace(approval(), demo=False), fonts))
    assert "演示印章" not in text
    assert "不具法律效力" not in text
    assert "（加盖印章）" in text


def test_the_same_notice_always_gives_the_same_bytes(fonts: Fonts) -> None:
    first = printed(receipt_slip(), fonts)
    second = render(receipt_slip(), language="zh_CN", verify_url=VERIFY, fonts=fonts)
    assert hashlib.sha256(first).hexdigest() == hashlib.sha256(second).hexdigest()
    later = printed(replace(receipt_slip(), issued_at=ISSUED + 86_400), fonts)
    assert later != first


def test_the_code_on_the_paper_is_that_of_the_verify_page(fonts: Fonts) -> None:
    """Another address draws another code; everything else on the two papers is the same."""
    here = printed(approval(), fonts)
    there = render(approval(), language="zh_CN", verify_url=VERIFY + "0", fonts=fonts)
    assert text_of(here) == text_of(there)
    assert here != there


def test_a_long_list_goes_on_over_the_page_under_its_heading(fonts: Fonts) -> None:
    notice = replace(receipt_slip(), papers=PAPERS * 12)
    pages = [page.extract_text() for page in PdfReader(BytesIO(printed(notice, fonts))).pages]
    assert len(pages) >= 3
    assert all("材料名称" in page for page in pages[:-1])
    assert [f"{place} / {len(pages)}" in page for place, page in enumerate(pages, 1)] == [True] * len(pages)


def test_a_character_the_font_lacks_is_shown_as_missing_and_not_logged(
    fonts: Fonts, caplog: pytest.LogCaptureFixture
) -> None:
    notice = replace(approval(), applicant=Person(name="陈\U00020bb7", masked_id="4401**********0023"))
    assert "陈〓" in text_of(printed(notice, fonts))
    assert not [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]


def test_page_number_marks_in_a_name_stay_as_they_were_typed(fonts: Fonts) -> None:
    notice = replace(approval(), applicant=Person(name="陈{nb}", masked_id="4401**********0023"))
    assert "陈{nb}" in text_of(printed(notice, fonts))


def test_a_certificate_carries_the_photograph(fonts: Fonts) -> None:
    jpeg = BytesIO()
    Image.new("RGB", (350, 490), (90, 120, 150)).save(jpeg, "JPEG")
    plain = printed(certificate(), fonts)
    with_photo = render(
        certificate(), language="zh_CN", verify_url=VERIFY, fonts=fonts, photo=jpeg.getvalue()
    )
    assert len(PdfReader(BytesIO(plain)).pages[0].images) == 0
    assert len(PdfReader(BytesIO(with_photo)).pages[0].images) == 1
    assert "照片" not in text_of(with_photo)


def test_an_incomplete_notice_is_not_printed(fonts: Fonts) -> None:
    with pytest.raises(Conflict) as refused:
        printed(replace(denial(), remedy=None), fonts)
    assert refused.value.code == "notice_incomplete"
    assert refused.value.field == "remedy"


def test_fonts_that_are_not_installed_are_missed_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="fonts_missing"):
        Press(tmp_path)


async def test_the_press_prints_what_render_returns(fonts: Fonts) -> None:
    press = Press(FONTS_FOLDER)
    try:
        pdf = await press.print(approval(), language="zh_CN", verify_url=VERIFY)
    finally:
        press.close()
    assert pdf == printed(approval(), fonts)


def _sentences() -> set[str]:
    """Return every literal that the notices hand to ``words`` or mark with ``_``."""
    found: set[str] = set(PAPER_COLUMNS) | {"What is needed", "Standard to meet", "Papers received", "No."}
    for module in (Path(__file__).parents[2] / "cloudwindow" / "notices").glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("words", "_")
            ):
                found.update(_strings_in(node.args[0]))
    return found


def _strings_in(expression: ast.expr) -> set[str]:
    constants = (node.value for node in ast.walk(expression) if isinstance(node, ast.Constant))
    return {value for value in constants if isinstance(value, str)}


def test_every_sentence_on_a_notice_has_its_chinese_with_the_same_blanks() -> None:
    blanks = re.compile(r"%\((\w+)\)s")
    sentences = _sentences()
    assert len(sentences) > 60
    for sentence in sentences:
        chinese = words(sentence).zh
        assert chinese != sentence, sentence
        assert set(blanks.findall(chinese)) == set(blanks.findall(sentence)), sentence


def test_the_catalogue_holds_no_sentence_that_is_not_printed() -> None:
    with CHINESE.open("rb") as file:
        kept = {str(message.id) for message in read_po(file) if message.id}
    assert kept <= _sentences()


@pytest.mark.parametrize("width", [3, 5, 8, 13])
def test_no_line_begins_with_a_closing_mark_or_ends_with_an_opening_one(width: int) -> None:
    text = "您提出的“居住证”申请（含材料），已于2026年收到。《条例》第九条：“应当”。"
    lines = break_lines(text, width, lambda part: float(len(part)))
    assert "".join(lines) == text
    for line in lines[1:]:
        assert len(line) == width or line[0] not in "，。：）》”"
    assert not any(line[-1] in "“（《" for line in lines if len(line) < width)


def test_a_latin_word_is_not_cut_unless_it_is_wider_than_the_line() -> None:
    lines = break_lines(
        "to the People's Government ABCDEFGHIJKLMNOPQRSTUV", 12, lambda part: float(len(part))
    )
    assert lines[:3] == ["to the", "People's", "Government"]
    assert "".join(lines[3:]) == "ABCDEFGHIJKLMNOPQRSTUV"


@given(text=st.text(alphabet="AB你好，。（）“” \n1", max_size=60), width=st.integers(4, 20))
def test_breaking_lines_loses_nothing_but_spaces(text: str, width: int) -> None:
    lines = break_lines(text, float(width), lambda part: float(len(part)))
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(len(line) <= width for line in lines)
