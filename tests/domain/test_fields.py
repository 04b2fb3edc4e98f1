"""What form fields accept, hide and read back."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwindow.catalogue_files import load
from cloudwindow.domain.catalogue import (
    Condition,
    Field,
    FieldType,
    Form,
    Limits,
    Option,
    Page,
    Section,
    Text,
)
from cloudwindow.domain.fields import (
    MESSAGES,
    Value,
    age,
    canonical,
    check,
    display,
    idno_check_character,
    luhn,
    mask,
    materials_for,
    missing,
    months_before,
    plain,
    uscc_check_character,
    visible,
    visible_fields,
)

CATALOGUE = load(Path("catalogue"))
HR01 = CATALOGUE.item("HR01")
CA04 = CATALOGUE.item("CA04")
PS01 = CATALOGUE.item("PS01")
TODAY = date(2026, 5, 20)


def text(word: str) -> Text:
    """The same word in both languages."""
    return Text(zh=word, en=word)


def field(kind: str, **more: Any) -> Field:
    """A field of type ``kind`` with one option and nothing special."""
    options = (
        Option(value="a", label=Text(zh="甲", en="first")),
        Option(value="b", label=Text(zh="乙", en="second")),
    )
    districts = CATALOGUE.districts if kind == "addr" else ()
    given_by_test = {"options": options, "districts": districts, **more}
    return Field(id="it", type=FieldType(kind), label=text("它"), plain=text("它：{value}"), **given_by_test)


def outcome(question: Field, raw: object, values: Mapping[str, Value | None] | None = None) -> object:
    """The value if ``raw`` is fine, else the code."""
    checked = check(question, raw, values=values or {}, today=TODAY)
    return checked.value if checked.ok else checked.code


def idno(born: str, region: str = "440114", order: str = "123") -> str:
    """A valid identity number for a made-up person."""
    first17 = region + born + order
    return first17 + idno_check_character(first17)


# --- identity numbers ----------------------------------------------------------------------------------


def test_the_example_of_the_standard_is_a_valid_identity_number() -> None:
    """GB 11643-1999 gives 11010519491231002X."""
    assert outcome(field("idno"), "11010519491231002x") == "11010519491231002X"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("110105194912310021", "idno_check_digit"),
        ("11010519491331002X", "idno_date"),
        ("11010518001231002X", "idno_date"),
        ("99010519491231002X", "idno_region"),
        ("11010549123100", "idno_format"),
        ("X1010519491231002X", "idno_format"),
        ("", "required"),
        (["11010519491231002X"], "wrong_shape"),
        ("１１０１０５１９４９１２３１００２Ｘ", "11010519491231002X"),
        (" 110105 19491231 002x ", "11010519491231002X"),
    ],
)
def test_an_identity_number_is_read_as_people_type_it(typed: object, code: str) -> None:
    assert outcome(field("idno"), typed) == code


@given(st.dates(date(1900, 1, 1), TODAY), st.integers(0, 999), st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_of_an_identity_number_never_passes(
    born: date, order: int, place: int, by: int
) -> None:
    right = idno(f"{born:%Y%m%d}", order=f"{order:03}")
    digits = "0123456789" if place < 17 else "0123456789X"
    wrong = right[:place] + digits[(digits.index(right[place]) + by) % len(digits)] + right[place + 1 :]
    assert outcome(field("idno"), right) == right
    assert outcome(field("idno"), wrong) in ("idno_check_digit", "idno_date", "idno_region")


def test_somebody_not_born_yet_has_no_identity_number() -> None:
    assert outcome(field("idno"), idno("20260521")) == "idno_date"


def test_the_day_somebody_turns_sixteen_they_may_register_their_work() -> None:
    question = HR01.form.field("applicant_idno")
    assert outcome(question, idno("20100520")) == idno("20100520")
    assert outcome(question, idno("20100521")) == "under_age"


def test_the_longevity_allowance_can_be_confirmed_three_months_before_seventy() -> None:
    question = CA04.form.field("applicant_idno")
    assert outcome(question, idno("19560820")) == idno("19560820")
    assert outcome(question, idno("19560821")) == "under_age"


def test_a_birthday_that_differs_from_the_identity_number_is_found() -> None:
    question = CA04.form.field("birth_date")
    values: dict[str, Value | None] = {"applicant_idno": idno("19500301")}
    assert outcome(question, "1950-03-01", values) == "1950-03-01"
    assert outcome(question, "1950-03-02", values) == "birthday_differs"


def test_nobody_is_their_own_delegate() -> None:
    question = HR01.form.field("delegate_idno")
    values: dict[str, Value | None] = {"acting_as": "delegate", "applicant_idno": idno("19900101")}
    assert outcome(question, idno("19900101"), values) == "same_person"
    assert outcome(question, idno("19900102"), values) == idno("19900102")


def test_somebody_born_on_the_leap_day_is_a_year_older_on_the_first_of_march() -> None:
    born = date(2008, 2, 29)
    assert age(born, date(2026, 2, 28)) == 17
    assert age(born, date(2026, 3, 1)) == 18


# --- unified social credit codes -----------------------------------------------------------------------


def test_a_known_unified_social_credit_code_passes() -> None:
    """The code Tsinghua University prints in its public notices."""
    assert outcome(field("uscc"), "12100000400000624d") == "12100000400000624D"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("12100000400000624E", "uscc_check_character"),
        ("1210000040000062ID", "uscc_format"),
        ("121000004000006", "uscc_format"),
    ],
)
def test_a_wrong_unified_social_credit_code_is_found(typed: str, code: str) -> None:
    assert outcome(field("uscc"), typed) == code


@given(
    st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17),
    st.integers(0, 17),
    st.integers(1, 30),
)
def test_one_wrong_character_of_a_credit_code_never_passes(first: str, place: int, by: int) -> None:
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    right = first + uscc_check_character(first)
    wrong = right[:place] + letters[(letters.index(right[place]) + by) % 31] + right[place + 1 :]
    assert outcome(field("uscc"), right) == right
    assert outcome(field("uscc"), wrong) == "uscc_check_character"


def test_a_company_code_is_not_taken_for_a_small_business() -> None:
    question = HR01.form.field("uscc")
    values: dict[str, Value | None] = {"employ_type": "self_employed"}
    first = "92440114MA5XXXXX1"
    assert outcome(question, first + uscc_check_character(first), values) == first + uscc_check_character(
        first
    )
    assert outcome(question, "12100000400000624D", values) == "uscc_kind"


# --- the other types -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "typed", "result"),
    [
        ("mobile", "13800138000", "13800138000"),
        ("mobile", "+86 138-0013-8000", "13800138000"),
        ("mobile", "\u202d13800138000\u202c", "13800138000"),
        ("mobile", "12800138000", "mobile_format"),
        ("mobile", "020-12345678", "mobile_format"),
        ("name", " 王小明 ", "王小明"),
        ("name", "阿依古丽•买买提", "阿依古丽·买买提"),
        ("name", "Mary O'Neill", "Mary O'Neill"),
        ("name", "王", "name_characters"),
        ("name", "王小明1", "name_characters"),
        ("name", "王" * 51, "name_characters"),
        ("name", "<b>王小明</b>", "name_characters"),
        ("date", "2026-05-08", "2026-05-08"),
        ("date", "2026年5月8日", "2026-05-08"),
        ("date", "20260508", "2026-05-08"),
        ("date", "2026/5/8", "2026-05-08"),
        ("date", "2026-02-30", "date_format"),
        ("date", "yesterday", "date_format"),
        ("date", "0000-01-01", "date_format"),
        ("month", "2026-5", "2026-05"),
        ("month", "2026年5月", "2026-05"),
        ("month", "2026-13", "month_format"),
        ("money", "1,234.5", "1234.50"),
        ("money", "¥１２００", "1200.00"),
        ("money", "0", "money_not_positive"),
        ("money", "-3", "money_not_positive"),
        ("money", "1.234", "money_format"),
        ("money", "1e9", "money_format"),
        ("enum", "a", "a"),
        ("enum", "c", "not_an_option"),
        ("enum", {"a": "b"}, "not_an_option"),
        ("enums", ["b", "a", "b"], ["a", "b"]),
        ("enums", "b", ["b"]),
        ("enums", ["a", "c"], "not_an_option"),
        ("enums", 7, "wrong_shape"),
        ("bool", "on", True),
        ("bool", False, False),
        ("bool", "maybe", "wrong_shape"),
        ("bool", 1, "wrong_shape"),
        ("text", "  狮岭皮具店\r\n二楼 ", "狮岭皮具店\n二楼"),
        ("text", "a\x00b", "control_characters"),
        ("text", "evil\u202etxt", "control_characters"),
        ("text", "字" * 201, "too_long"),
        ("text", 5, "wrong_shape"),
    ],
)
def test_each_type_takes_what_people_type_and_refuses_the_rest(
    kind: str, typed: object, result: object
) -> None:
    found = outcome(field(kind), typed)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    ("typed", "result"),
    [
        ({"district": "440114", "street": "440114109", "detail": " 阳光路8号 "}, None),
        ({"district": "440102", "street": "440114109", "detail": "阳光路8号"}, "addr_district"),
        ({"district": "440114", "street": "440106022", "detail": "阳光路8号"}, "addr_street"),
        ({"district": "440114", "street": "440114109", "detail": ""}, "addr_detail"),
        ({"district": "440114", "street": "440114109", "detail": "路" * 101}, "too_long"),
        ({"district": "440114"}, "addr_street"),
        ({"district": "440114", "city": "x"}, "wrong_shape"),
        ({"district": ["440114"]}, "wrong_shape"),
        ("花都区", "wrong_shape"),
    ],
)
def test_an_address_must_name_a_street_of_its_district(typed: object, result: str | None) -> None:
    fine = {"district": "440114", "street": "440114109", "detail": "阳光路8号"}
    assert outcome(field("addr"), typed) == (result or fine)


@pytest.mark.parametrize(
    ("typed", "result"),
    [
        ({"bank": "a", "account": "6222 0200 0000 0000 000"}, None),
        ({"bank": "a", "account": "6222020000000000001"}, "bank_account_check_digit"),
        ({"bank": "c", "account": "6222020000000000000"}, "bank_unknown"),
        ({"bank": "a", "account": "622202"}, "bank_account_format"),
        ({"bank": "a", "account": ""}, "bank_account_format"),
    ],
)
def test_a_card_number_must_fit_its_check_digit(typed: object, result: str | None) -> None:
    fine = {"bank": "a", "account": "6222020000000000000"}
    assert outcome(field("bank"), typed) == (result or fine)


def test_the_check_digit_of_the_published_example_fits() -> None:
    """The example number of ISO/IEC 7812 texts on the Luhn formula."""
    assert luhn("79927398713")
    assert not luhn("79927398710")


def test_a_passbook_has_no_check_digit() -> None:
    assert outcome(field("bank"), {"bank": "a", "account": "360201234567"}) == {
        "bank": "a",
        "account": "360201234567",
    }


@pytest.mark.parametrize(
    ("kind", "limits", "typed", "result"),
    [
        ("text", Limits(min_length=2), "a", "too_short"),
        ("text", Limits(max_length=3), "abcd", "too_long"),
        ("enums", Limits(max_choices=1), ["a", "b"], "too_many_choices"),
        ("enums", Limits(min_choices=2), ["a"], "too_few_choices"),
        ("money", Limits(min_amount="5"), "4.99", "money_too_small"),
        ("money", Limits(max_amount="5"), "5.01", "money_too_large"),
        ("date", Limits(not_in_future=True), "2026-05-21", "date_in_future"),
        ("date", Limits(not_in_future=True), "2026-05-20", "2026-05-20"),
        ("date", Limits(not_in_past=True), "2026-05-19", "date_in_past"),
        ("month", Limits(not_in_future=True), "2026-06", "date_in_future"),
        ("month", Limits(not_in_past=True), "2026-05", "2026-05"),
        ("date", Limits(months_ago=6), "2025-11-20", "2025-11-20"),
        ("date", Limits(months_ago=6), "2025-11-21", "too_recent"),
        ("date", Limits(max_age=60), "1965-05-20", "over_age"),
        ("bool", Limits(must_be_true=True), "false", "must_confirm"),
    ],
)
def test_a_limit_holds_to_the_day_and_the_cent(
    kind: str, limits: Limits, typed: object, result: object
) -> None:
    assert outcome(field(kind, limits=limits), typed) == result


def test_six_months_before_the_end_of_august_is_the_end_of_february() -> None:
    assert months_before(date(2026, 8, 31), 6) == date(2026, 2, 28)
    assert months_before(date(2026, 1, 15), 1) == date(2025, 12, 15)


def test_an_optional_question_may_stay_empty() -> None:
    assert check(field("date", required=False), "  ", values={}, today=TODAY).ok
    assert outcome(field("enums", required=False), []) is None


@given(
    st.sampled_from(list(FieldType)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    ),
)
def test_whatever_is_sent_gets_an_answer_that_json_can_hold(kind: FieldType, raw: object) -> None:
    checked = check(field(kind.value), raw, values={}, today=TODAY)
    assert checked.ok or checked.code in MESSAGES
    json.dumps(checked.value, allow_nan=False)


@given(st.text(min_size=4, max_size=30), st.sampled_from(list(FieldType)))
def test_an_error_never_repeats_what_was_typed(typed: str, kind: FieldType) -> None:
    marked = f"canary{typed}"
    checked = check(field(kind.value), marked, values={}, today=TODAY)
    assert "canary" not in repr(checked) or checked.ok


def test_a_checked_value_passes_again_unchanged() -> None:
    for kind, typed in (
        ("date", "2026年5月8日"),
        ("money", "12"),
        ("mobile", "+8613800138000"),
        ("enums", "b"),
    ):
        once = outcome(field(kind), typed)
        assert outcome(field(kind), once) == once


# --- questions that depend on answers ------------------------------------------------------------------


def test_the_shop_is_asked_only_of_those_who_run_one() -> None:
    shop = HR01.form.field("shop_name")
    assert visible(shop, {"employ_type": "self_employed"})
    assert not visible(shop, {"employ_type": "flexible"})
    assert outcome(shop, "皮具店", {"employ_type": "flexible"}) == "not_asked"


def test_a_condition_on_several_choices_holds_by_one_of_them() -> None:
    question = field("text", when=(Condition(field="kinds", values=("pension",)),))
    assert visible(question, {"kinds": ["medical", "pension"]})
    assert not visible(question, {"kinds": ["medical"]})


def test_a_chain_of_questions_ends_where_the_first_is_not_asked() -> None:
    chain = (
        field("bool"),
        replace(field("bool", when=(Condition(field="it", values=(True,)),)), id="then"),
        replace(field("bool", when=(Condition(field="then", values=(True,)),)), id="last"),
    )
    section = Section(id="only", title=text("栏"), fields=chain)
    page = Page(number=1, title=text("页"), while_waiting=True, sections=(section,))
    form = Form(item=HR01.id, version=1, pages=(page,))
    left_over: dict[str, Value | None] = {"it": False, "then": True, "last": True}
    assert [question.id for question in visible_fields(form, left_over)] == ["it"]
    assert [question.id for question in visible_fields(form, {**left_over, "it": True})] == [
        "it",
        "then",
        "last",
    ]


def test_an_answer_to_a_question_no_longer_asked_opens_no_other() -> None:
    values: dict[str, Value | None] = {"basis": "work", "housing": "rented"}
    asked = {question.id for question in visible_fields(PS01.form, values)}
    assert "landlord_name" not in asked
    assert "employer" in asked


def test_what_is_missing_is_listed_in_the_order_of_the_form() -> None:
    first_page = [question.id for question in missing(PS01.form, {"applicant_name": "王小明"}, page=1)]
    assert first_page == ["applicant_idno", "applicant_mobile", "acting_as", "hukou", "living_addr", "since"]
    assert "basis" in [question.id for question in missing(PS01.form, {})]


def test_each_ground_for_a_residence_permit_asks_for_its_own_proof() -> None:
    def papers(basis: str) -> set[str]:
        return {rule.id for rule in materials_for(PS01, {"acting_as": "self", "basis": basis})}

    assert papers("home") == {"id_card", "portrait", "home_proof"}
    assert papers("work") == {"id_card", "portrait", "job_proof"}
    assert papers("school") == {"id_card", "portrait", "school_proof"}


def test_only_a_delegate_has_to_show_a_mandate() -> None:
    papers = {rule.id for rule in materials_for(HR01, {"acting_as": "delegate", "employ_type": "flexible"})}
    assert {"mandate", "delegate_id_card"} <= papers
    assert "mandate" not in {rule.id for rule in materials_for(HR01, {"acting_as": "self"})}


def test_the_same_answers_give_the_same_bytes_in_any_order() -> None:
    one: dict[str, Value | None] = {"employ_type": "flexible", "trade": "leather", "shop_name": "旧店"}
    other: dict[str, Value | None] = {"trade": "leather", "employ_type": "flexible", "start_date": None}
    assert canonical(HR01.form, one) == canonical(HR01.form, other)
    assert json.loads(canonical(HR01.form, one)) == {
        "item": "HR01",
        "version": 1,
        "values": {"employ_type": "flexible", "trade": "leather"},
    }


def test_one_changed_letter_changes_the_bytes() -> None:
    assert canonical(HR01.form, {"trade": "leather"}) != canonical(HR01.form, {"trade": "retail"})


def test_a_no_is_an_answer_and_not_a_gap() -> None:
    assert json.loads(canonical(CA04.form, {"account_own": False}))["values"] == {"account_own": False}


# --- showing -------------------------------------------------------------------------------------------

HOME: Value = {"district": "440114", "street": "440114109", "detail": "阳光路8号"}
CARD: Value = {"bank": "icbc", "account": "6222020000000000000"}


@pytest.mark.parametrize(
    ("question", "value", "chinese", "english"),
    [
        (HR01.form.field("employ_type"), "flexible", "灵活就业", "freelance or casual work"),
        (
            HR01.form.field("wants_insurance"),
            ["pension", "medical"],
            "养老保险、医疗保险",
            "pension insurance, medical insurance",
        ),
        (HR01.form.field("start_date"), "2026-05-08", "2026年5月8日", "8 May 2026"),
        (PS01.form.field("enrolled"), "2025-09", "2025年9月", "September 2025"),
        (
            HR01.form.field("work_addr"),
            HOME,
            "广州市花都区狮岭镇阳光路8号",
            "阳光路8号, Shiling Town, Huadu District",
        ),
        (
            CA04.form.field("bank"),
            CARD,
            "中国工商银行 6222 0200 0000 0000 000",
            "Industrial and Commercial Bank of China 6222 0200 0000 0000 000",
        ),
        (CA04.form.field("account_own"), True, "是", "yes"),
        (field("money"), "1234.50", "1,234.50 元", "CNY 1,234.50"),
    ],
)
def test_a_value_is_shown_as_people_read_it(
    question: Field, value: Value, chinese: str, english: str
) -> None:
    assert display(question, value, "zh-CN") == chinese
    assert display(question, value, "en") == english


@pytest.mark.parametrize(
    ("question", "value", "masked"),
    [
        (HR01.form.field("applicant_idno"), "11010519491231002X", "1101**********002X"),
        (HR01.form.field("applicant_name"), "王小明", "王**"),
        (HR01.form.field("applicant_name"), "Mary O'Neill", "M***"),
        (HR01.form.field("applicant_mobile"), "13800138000", "138****8000"),
        (HR01.form.field("work_addr"), HOME, "花都区狮岭镇****"),
        (CA04.form.field("bank"), CARD, "中国工商银行 **** 0000"),
        (CA04.form.field("birth_date"), "1950-03-01", "1950-**-**"),
        (field("text", sensitive=True), "秘密", "****"),
        (HR01.form.field("trade"), "leather", "皮革皮具"),
    ],
)
def test_staff_see_private_values_masked(question: Field, value: Value, masked: str) -> None:
    assert mask(question, value, "zh-CN") == masked


def test_the_read_back_is_a_plain_sentence() -> None:
    question = HR01.form.field("employ_type")
    assert plain(question, "flexible", "zh-CN") == "您的就业类型是：灵活就业。"
    assert plain(question, "flexible", "en") == "Your kind of employment is: freelance or casual work."


def test_the_read_back_can_be_masked() -> None:
    question = HR01.form.field("applicant_name")
    assert plain(question, "王小明", "zh-CN", masked=True) == "申请人姓名：王**。"


@pytest.mark.parametrize("item", [HR01, CA04, PS01])
def test_no_required_field_of_an_item_accepts_nothing(item: Any) -> None:
    values: dict[str, Value | None] = {
        condition.field: condition.values[0] for question in item.form.fields for condition in question.when
    }
    for question in item.form.fields:
        if question.required and visible(question, values):
            assert outcome(question, "", values) == "required"


def test_half_a_year_is_counted_in_months_and_not_in_days() -> None:
    question = PS01.form.field("since")
    day = date(2025, 11, 20)
    assert outcome(question, day.isoformat()) == day.isoformat()
    assert outcome(question, (day + timedelta(days=1)).isoformat()) == "too_recent"
