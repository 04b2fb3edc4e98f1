"""The shipped catalogue, and who decides."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from cloudwindow.catalogue_files import load
from cloudwindow.domain.catalogue import (
    Catalogue,
    Decision,
    DelegationRecord,
    IdentityLevel,
    Mode,
    ServiceItem,
    Text,
    Verification,
)
from cloudwindow.domain.errors import NotFound

CATALOGUE = load(Path("catalogue"))
HR01 = CATALOGUE.item("HR01")
CA04 = CATALOGUE.item("CA04")
PS01 = CATALOGUE.item("PS01")
DAY = date(2026, 5, 20)
HUADU, TIANHE = "440114", "440106"


def decided(catalogue: Catalogue, item: ServiceItem, *, receiving: str = TIANHE, on: date = DAY) -> Decision:
    """Who decides for somebody at home in Huadu."""
    return catalogue.decides(item, receiving_district=receiving, home_district=HUADU, on=on)


def only(record: DelegationRecord) -> Catalogue:
    """The catalogue with one delegation."""
    return replace(CATALOGUE, delegations=(record,))


def huadu_record() -> DelegationRecord:
    """The delegation of Huadu's human resources bureau for HR01."""
    return next(record for record in CATALOGUE.delegations if record.id == "HR01-440114")


def test_a_text_speaks_english_to_english_and_chinese_to_everybody_else() -> None:
    text = Text(zh="花都区", en="Huadu District")
    assert [text.in_language(code) for code in ("en", "en-GB", "EN_US")] == ["Huadu District"] * 3
    assert [text.in_language(code) for code in ("zh-CN", "zh", "yue", "fr")] == ["花都区"] * 4


def test_all_eleven_districts_have_all_their_streets() -> None:
    """Numbers of the statistics bureau's list of 2023-06-30."""
    counts = {district.name.zh: len(district.streets) for district in CATALOGUE.districts}
    assert counts == {
        "荔湾区": 22,
        "越秀区": 18,
        "海珠区": 18,
        "天河区": 21,
        "白云区": 24,
        "黄埔区": 17,
        "番禺区": 16,
        "花都区": 10,
        "南沙区": 9,
        "从化区": 10,
        "增城区": 13,
    }


@pytest.mark.parametrize(
    ("code", "chinese", "english"),
    [
        ("440114109", "狮岭镇", "Shiling Town"),
        ("440114003", "秀全街道", "Xiuquan Subdistrict"),
        ("440106017", "长兴街道", "Changxing Subdistrict"),
        ("440106022", "新塘街道", "Xintang Subdistrict"),
        ("440117405", "大岭山林场", "Dalingshan Forest Farm"),
    ],
)
def test_a_street_is_found_by_its_nine_digits(code: str, chinese: str, english: str) -> None:
    assert CATALOGUE.street(code).name == Text(zh=chinese, en=english)


def test_every_district_has_its_own_letter_and_an_organ_for_every_item() -> None:
    assert len({district.letter for district in CATALOGUE.districts}) == 11
    for district in CATALOGUE.districts:
        for item in CATALOGUE.items:
            assert district.organ(item.department).district == district.code
        assert district.organ("service_centre").placeholder


def test_an_organ_has_its_full_name() -> None:
    organ = CATALOGUE.organ("440114.human_resources")
    assert organ.name.zh == "广州市花都区人力资源和社会保障局"
    assert CATALOGUE.organ("440114.public_security").name.zh == "广州市公安局花都区分局"


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("item", "XX99"),
        ("district", "440102"),
        ("street", "440114999"),
        ("street", "999999999"),
        ("organ", "440114.navy"),
        ("organ", "nonsense"),
        ("text", "nothing"),
    ],
)
def test_what_the_catalogue_does_not_have_is_not_found(kind: str, word: str) -> None:
    with pytest.raises(NotFound) as caught:
        getattr(CATALOGUE, kind)(word)
    assert caught.value.code.startswith("unknown_")


def test_unknown_items_and_districts_have_stable_codes() -> None:
    with pytest.raises(NotFound, match="unknown_item"):
        CATALOGUE.item("XX99")
    with pytest.raises(NotFound, match="unknown_district"):
        CATALOGUE.district("440199")
    with pytest.raises(NotFound, match="unknown_field"):
        HR01.form.field("nothing")
    with pytest.raises(NotFound, match="unknown_page"):
        HR01.form.page(9)
    with pytest.raises(NotFound, match="unknown_material"):
        HR01.material("nothing")


def test_a_ticket_keeps_the_version_it_began_with() -> None:
    newer = replace(HR01, version=2)
    both = replace(CATALOGUE, versions=(newer, *CATALOGUE.versions))
    assert both.item("HR01").version == 2
    assert both.item("HR01", 1) is HR01
    assert [item.id for item in both.items] == ["CA04", "HR01", "PS01"]
    with pytest.raises(NotFound, match="unknown_item"):
        both.item("HR01", 3)


def test_a_demonstration_is_open_day_and_night_in_every_district() -> None:
    midnight = 1_779_120_000.0
    assert not CATALOGUE.district(HUADU).calendar.is_open(midnight)
    assert all(district.calendar.is_open(midnight) for district in CATALOGUE.always_open().districts)
    assert CATALOGUE.always_open().item("HR01") is HR01


# --- who decides ---------------------------------------------------------------------------------------


def test_with_a_live_delegation_the_receiving_district_decides_in_the_home_organs_name() -> None:
    decision = decided(CATALOGUE, HR01)
    assert decision.mode is Mode.AUTHORISED
    assert decision.competent_organ.id == "440114.human_resources"
    assert decision.delegation == huadu_record()


def test_the_home_districts_own_window_decides_by_the_same_delegation() -> None:
    assert decided(CATALOGUE, HR01, receiving=HUADU).mode is Mode.AUTHORISED


def test_what_the_item_transfers_is_never_decided_by_the_window() -> None:
    decision = decided(CATALOGUE, PS01)
    assert decision.mode is Mode.TRANSFER
    assert decision.competent_organ.id == "440114.public_security"
    assert decision.delegation is None


def test_without_any_delegation_an_authorised_item_is_transferred() -> None:
    decision = decided(replace(CATALOGUE, delegations=()), HR01)
    assert (decision.mode, decision.delegation) == (Mode.TRANSFER, None)


@pytest.mark.parametrize(
    ("on", "mode"),
    [
        (date(2026, 5, 19), Mode.TRANSFER),
        (date(2026, 5, 20), Mode.AUTHORISED),
        (date(2026, 6, 30), Mode.AUTHORISED),
        (date(2026, 7, 1), Mode.TRANSFER),
    ],
)
def test_a_delegation_lives_from_its_first_to_its_last_day(on: date, mode: Mode) -> None:
    record = replace(huadu_record(), start=date(2026, 5, 20), end=date(2026, 6, 30))
    assert decided(only(record), HR01, on=on).mode is mode


def test_a_delegation_to_another_district_does_not_serve_this_one() -> None:
    record = replace(huadu_record(), to_districts=(CATALOGUE.district("440103").code,))
    assert decided(only(record), HR01).mode is Mode.TRANSFER


def test_a_delegation_by_another_organ_or_for_another_item_does_not_serve() -> None:
    other = next(record for record in CATALOGUE.delegations if record.id == "HR01-440103")
    assert decided(only(other), HR01).mode is Mode.TRANSFER
    assert decided(only(replace(huadu_record(), items=(CA04.id,))), HR01).mode is Mode.TRANSFER


def test_an_unknown_district_cannot_decide() -> None:
    with pytest.raises(NotFound, match="unknown_district"):
        decided(CATALOGUE, HR01, receiving="440199")
    with pytest.raises(NotFound, match="unknown_district"):
        CATALOGUE.decides(PS01, receiving_district=TIANHE, home_district="440199", on=DAY)


# --- the three items -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "district", "yuan"),
    [
        (69, HUADU, None),
        (70, HUADU, 30),
        (79, HUADU, 30),
        (80, HUADU, 100),
        (89, HUADU, 100),
        (90, HUADU, 200),
        (99, HUADU, 200),
        (100, HUADU, 300),
        (113, HUADU, 300),
        (80, "440112", None),
    ],
)
def test_the_longevity_allowance_grows_with_age_and_is_not_known_for_huangpu(
    age: int, district: str, yuan: int | None
) -> None:
    rate = CA04.rate(age, district)
    assert (rate.monthly_yuan if rate else None) == yuan


@pytest.mark.parametrize("item", CATALOGUE.items, ids=lambda item: item.id)
def test_every_item_has_a_first_page_to_fill_while_waiting(item: ServiceItem) -> None:
    assert item.form.page(1).while_waiting
    assert not item.form.page(2).while_waiting
    assert next(item.form.page(1).fields).id == "applicant_name"


@pytest.mark.parametrize("item", CATALOGUE.items, ids=lambda item: item.id)
def test_every_item_speaks_all_its_fixed_texts(item: ServiceItem) -> None:
    for key in (
        "recording_notice",
        "handling_consent",
        "truth_declaration",
        "read_back_opening",
        "handed_over",
    ):
        assert item.text(key).version >= 1
    with pytest.raises(NotFound, match="unknown_text"):
        item.text("nothing")


def test_an_items_own_text_stands_before_the_common_one() -> None:
    assert HR01.text("read_back_opening") != CATALOGUE.text("read_back_opening")
    assert HR01.text("recording_notice") == CATALOGUE.text("recording_notice")


def test_a_block_of_questions_can_be_tightened_by_the_item() -> None:
    assert HR01.form.field("applicant_idno").limits.min_age == 16
    assert CA04.form.field("applicant_idno").limits.min_age == 70
    assert PS01.form.field("applicant_idno").limits.min_age is None
    assert HR01.form.field("delegate_idno").limits.differs_from == "applicant_idno"


def test_identity_levels_rise() -> None:
    assert IdentityLevel.OFFICER_COMPARED.reaches(IdentityLevel.PHONE_CODE)
    assert IdentityLevel.PHONE_CODE.reaches(IdentityLevel.PHONE_CODE)
    assert not IdentityLevel.FORMAT.reaches(IdentityLevel.PHONE_CODE)


def test_each_standing_of_a_record_has_its_mark() -> None:
    assert [standing.mark for standing in Verification] == ["✔", "◐", "○"]
