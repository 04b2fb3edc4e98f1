"""The pages of citizens, rendered from sample views with strict templates."""

import re

import pytest

from tests.pages.citizen_pages import PAGES, PANELS, UNTRANSLATED, render
from tests.pages.environment import LANGUAGES
from tests.pages.test_staff_pages import Page

CODES = [code for code, _ in LANGUAGES]


@pytest.mark.parametrize("language", CODES)
def test_every_page_of_citizens_renders_without_a_missing_value(language: str) -> None:
    for name in PAGES | PANELS:
        assert render(name, language).strip() or name in PANELS


def test_every_sentence_of_the_pages_of_citizens_is_said_in_chinese() -> None:
    for name in PAGES | PANELS:
        render(name, "zh-CN")
    assert set() == UNTRANSLATED


def test_no_english_sentence_is_left_on_a_chinese_page() -> None:
    words = re.compile(r">[^<>]*\b(?:the|your|you|and|with|of)\b[^<>]*<", re.IGNORECASE)
    for name in PAGES:
        text = re.sub(r"<script.*?</script>", "", render(name, "zh-CN"), flags=re.DOTALL)
        assert words.findall(text) == [], name


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_citizens_has_one_heading_and_no_id_twice(name: str) -> None:
    page = Page(render(name, "zh-CN"))
    assert page.tags["h1"] == 1
    assert page.tags["main"] == 1
    assert [one for one, count in page.ids.items() if count > 1] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_control_of_citizens_has_a_name_to_read_out(name: str) -> None:
    assert Page(render(name, "en")).unnamed == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_citizens_holds_nothing_that_the_content_policy_refuses(name: str) -> None:
    assert Page(render(name, "zh-CN")).refused == []


@pytest.mark.parametrize("name", PAGES)
def test_every_form_of_citizens_that_posts_carries_its_token(name: str) -> None:
    assert Page(render(name, "zh-CN")).forms_without_token == []


def test_a_mistake_is_named_at_its_field_and_led_to_from_the_top() -> None:
    html = render("start-wrong", "zh-CN")
    assert '<a href="#field-id_number">' in html
    assert 'id="field-id_number"' in html
    assert 'aria-describedby="id_number-hint id_number-error"' in html
    assert 'value="陈晓岚"' in html


def test_only_the_first_page_of_the_form_is_shown_while_waiting() -> None:
    waiting, calling = render("waiting-form", "zh-CN"), render("in_call-form", "zh-CN")
    assert 'data-field="employ_type"' in waiting
    assert 'data-field="work_addr"' not in waiting
    assert 'data-field="work_addr"' in calling


def test_nobody_can_sign_before_every_declaration_is_confirmed() -> None:
    assert 'data-role="pad"' not in render("reading-signature", "zh-CN")
    assert 'data-role="pad"' in render("signing-signature", "zh-CN")
    assert 'data-role="pad"' not in render("signed-signature", "zh-CN")


def test_a_signed_declaration_can_no_longer_be_ticked() -> None:
    boxes = re.findall(r'<input type="checkbox" name="key"[^>]*>', render("signed-read_back", "zh-CN"))
    assert boxes
    assert all("disabled" in box for box in boxes)


def test_the_visit_refreshes_itself_without_a_script_only_while_waiting() -> None:
    refresh = '<noscript><meta http-equiv="refresh" content="10"></noscript>'
    assert refresh in render("visit-waiting", "zh-CN")
    assert refresh not in render("visit-in_call", "zh-CN")


def test_every_stage_says_what_to_do_next() -> None:
    words = {
        "called": "开始通话",
        "on_hold": "回到通话",
        "missed": "我回来了",
        "ended": "查看办件进度",
        "broken": "重新取号",
    }
    for stage, word in words.items():
        assert word in render(f"visit-{stage}", "zh-CN")


def test_a_document_that_is_unknown_is_never_called_genuine() -> None:
    genuine = "这份文书是真的"
    assert genuine in render("verify-found", "zh-CN")
    assert genuine not in render("verify-unknown", "zh-CN")
    assert genuine not in render("verify", "zh-CN")


@pytest.mark.parametrize(
    ("name", "place", "wait"), [("waiting", 1, 1), ("hidden-place", 0, 1), ("hidden-wait", 1, 0)]
)
def test_a_hidden_place_or_wait_is_not_in_the_page(name: str, place: int, wait: int) -> None:
    html = render(f"visit-{name}", "zh-CN")
    assert (html.count('data-role="ahead"'), html.count("前面还有")) == (place, place)
    assert (html.count('data-role="range"'), html.count("预计等候")) == (wait, wait)


def test_a_share_that_says_nothing_is_replaced_by_words() -> None:
    html = render("waits", "zh-CN")
    assert "81%" in html
    assert "次数太少" in html
    assert "未公布" in html
