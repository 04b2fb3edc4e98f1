"""The pages of staff, rendered from sample views with strict templates."""

import re
from collections import Counter
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cloudwindow.domain import (
    application,
    catalogue,
    notice,
    presence,
    priority,
    session,
    third_party,
    ticket,
)
from cloudwindow.domain.match import MODES
from cloudwindow.i18n import LANGUAGES, said, texts
from cloudwindow.journey.calls import PARK_REASONS, TRANSFER_REASONS
from cloudwindow.journey.desk import AWAY_REASONS, DECLINE_REASONS, PICK_REASONS
from cloudwindow.journey.inbox import DUTIES
from tests.pages.environment import ROOT
from tests.pages.staff_pages import PAGES, PANELS, UNTRANSLATED, render

CODES = list(LANGUAGES)
CLOSED_LISTS: dict[str, Iterable[str]] = {
    "ticket_state": ticket.State,
    "session_state": session.State,
    "outcome": session.Outcome,
    "case_state": application.State,
    "material_verdict": application.Verdict,
    "agent_state": presence.State,
    "document_kind": notice.Kind,
    "decision_mode": catalogue.Mode,
    "verification": catalogue.Verification,
    "decline_reason": DECLINE_REASONS,
    "away_reason": [reason for reason in AWAY_REASONS if reason],
    "pick_reason": PICK_REASONS,
    "park_reason": (*PARK_REASONS, "citizen_asked"),
    "transfer_reason": TRANSFER_REASONS,
    "priority": priority.Reason,
    "third_party_kind": third_party.Kind,
    "third_party_state": third_party.State,
    "supervision_mode": (*third_party.MODES, *(f"{mode}_means" for mode in third_party.MODES)),
    "hold_reason": session.HOLD_REASONS,
    "mode": MODES,
    "duty": DUTIES,
    "rating": "12345",
}
TEMPLATES = ROOT / "cloudwindow" / "templates"
UNNAMED = re.compile(r"<details(?![^>]*\bid=)[^>]*>")
"""Details without an id: ``panels.js`` opens again by id."""
VOID = {"input", "img", "br", "meta", "link", "hr", "source", "wbr"}


class Page(HTMLParser):
    """What the tests ask of a page: ids, labels, forms, headings, and what the CSP would refuse."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.labelled: set[str] = set()
        self.controls: list[dict[str, str]] = []
        self.refused: list[str] = []
        self.forms_without_token: list[str] = []
        self._open: list[str] = []
        self._form: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count one element."""
        have = {name: value or "" for name, value in attrs}
        self.tags[tag] += 1
        if "id" in have:
            self.ids[have["id"]] += 1
        if tag == "label" and "for" in have:
            self.labelled.add(have["for"])
        self.refused += [name for name in have if name == "style" or name.startswith("on")]
        if tag == "script" and "nonce" not in have:
            self.refused.append("script")
        if tag in {"input", "select", "textarea"} and have.get("type") not in {"hidden", "submit"}:
            self.controls.append(have | {"inside": "label" if "label" in self._open else ""})
        if tag == "form" and have.get("method", "").lower() == "post":
            self._form = have.get("action", "")
        if tag == "input" and have.get("name") == "csrf":
            self._form = None
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """A POST form that ends without its token is kept for the test."""
        if tag == "form" and self._form is not None:
            self.forms_without_token.append(self._form)
            self._form = None
        while self._open and self._open.pop() != tag:
            pass

    @property
    def unnamed(self) -> list[dict[str, str]]:
        """Controls that a screen reader could not name."""
        return [
            control
            for control in self.controls
            if not (control.get("aria-label") or control["inside"] or control.get("id") in self.labelled)
        ]


@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("name", PAGES | PANELS)
def test_every_page_of_staff_renders_without_a_missing_value(name: str, language: str) -> None:
    assert render(name, language).strip() or name in PANELS


def test_every_sentence_of_the_pages_of_staff_is_said_in_chinese() -> None:
    for name in PAGES | PANELS:
        render(name, "zh-CN")
    assert not UNTRANSLATED, UNTRANSLATED


def test_the_browser_is_given_every_sentence_that_scripts_of_staff_say() -> None:
    scripts = ("web/js/desk", "web/js/board", "web/js/inbox", "web/js/demo", "web/js/components/desk-")
    spoken = {msgid for place, msgid in said() if place.startswith(scripts)}
    assert spoken
    assert spoken - texts("zh-CN").browser.keys() == set()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_staff_has_one_heading_and_no_id_twice(name: str) -> None:
    page = Page(render(name, "zh-CN"))
    assert page.tags["h1"] == 1
    assert page.tags["main"] == 1
    assert [one for one, count in page.ids.items() if count > 1] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_control_of_staff_has_a_name_to_read_out(name: str) -> None:
    assert Page(render(name, "en")).unnamed == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_staff_holds_nothing_that_the_content_policy_refuses(name: str) -> None:
    assert Page(render(name, "zh-CN")).refused == []


@pytest.mark.parametrize("name", PAGES | PANELS)
def test_every_form_of_staff_that_posts_carries_its_token(name: str) -> None:
    assert Page(render(name, "zh-CN")).forms_without_token == []


@pytest.mark.parametrize(
    "template", sorted(TEMPLATES.glob("*/panels/*.html")), ids=lambda path: f"{path.parts[-3]}/{path.name}"
)
def test_what_somebody_opened_in_a_panel_can_be_found_again_when_it_is_renewed(template: Path) -> None:
    assert not UNNAMED.findall(template.read_text(encoding="utf-8"))


@pytest.mark.parametrize("state", ["away", "idle", "offered", "in_call", "wrap_up"])
def test_the_agent_can_never_tick_a_declaration_or_sign(state: str) -> None:
    html = render(f"desk-{state}", "zh-CN") + render("desk-reading_back", "zh-CN")
    assert 'name="key"' not in html
    assert 'data-role="signature"' not in html


@pytest.mark.parametrize(
    ("name", "reasons"),
    [
        ("by_hand-offer", PICK_REASONS),
        ("passing_on-park", PARK_REASONS),
        ("passing_on-transfer", TRANSFER_REASONS),
    ],
)
def test_every_reason_of_a_closed_list_can_be_chosen(name: str, reasons: Iterable[str]) -> None:
    html = render(name, "zh-CN")
    assert [one for one in reasons if f'<option value="{one}">' not in html] == []


def test_the_list_to_take_from_names_nobody() -> None:
    html = render("by_hand-offer", "zh-CN")
    assert "H051" in html
    assert "李丽华" not in html


def test_who_asked_for_a_break_is_not_offered_the_next_call() -> None:
    assert 'value="available"' in render("wrap_up-outcome", "zh-CN")
    assert 'value="available"' not in render("leaving-outcome", "zh-CN")


def test_the_application_can_be_handed_in_only_once_everything_is_there() -> None:
    submit = '<button class="button button--wide" type="submit" disabled>'
    assert submit in render("reading_back-decision", "zh-CN")
    assert submit not in render("signed-decision", "zh-CN")


@pytest.mark.parametrize(("kind", "codes"), CLOSED_LISTS.items())
@pytest.mark.parametrize("language", CODES)
def test_every_code_of_a_closed_list_has_a_word(language: str, kind: str, codes: Iterable[str]) -> None:
    assert [code for code in codes if not texts(language).knows(f"{kind}.{code}")] == []
