"""What a form being filled still needs, asked of the real items."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloudwindow.catalogue_files import load
from cloudwindow.domain.application import PASSING, Application, Material, Standing, Value, Verdict
from cloudwindow.domain.errors import Conflict, NotFound
from cloudwindow.domain.filling import (
    Actor,
    asked,
    canonical_values,
    declarations_asked,
    digest,
    material_of,
    missing_fields,
    open_papers,
    papers_asked,
    ready,
    settled,
    unconfirmed,
)
from cloudwindow.domain.ids import ApplicationId, CitizenId, DistrictCode, ItemId, MaterialId

HR01 = load(Path("catalogue")).item("HR01")
NOON = 1_779_249_600.0

ANSWERS: dict[str, Any] = {
    "applicant_name": "王小明",
    "applicant_idno": "440114199003070018",
    "applicant_mobile": "13800000001",
    "acting_as": "self",
    "employ_type": "flexible",
    "start_date": "2026-03-02",
    "trade": "leather",
    "work_addr": {"district": "440114", "street": "440114109", "detail": "阳光路 8 号"},
    "delivery_method": "electronic",
}


def value(name: str, content: Any, standing: Standing = Standing.CONFIRMED) -> Value:
    return Value(
        field=name, value=content, standing=standing, author_kind="citizen", author="c", at=NOON, version=1
    )


def page(rule: str, verdict: Verdict = Verdict.OK, serial: int = 1) -> Material:
    return Material(
        id=MaterialId(f"{rule}-{serial}"),
        rule=rule,
        file="f",
        sha256=f"{serial:064d}",
        width=1,
        height=1,
        hints=(),
        added_by="citizen",
        at=NOON,
        verdict=verdict,
    )


def case(**changed: Any) -> Application:
    """A form with nothing left to ask; ``changed`` answers differ, None takes one out."""
    answers = {name: one for name, one in (ANSWERS | changed).items() if one is not None}
    return Application(
        id=ApplicationId("a1"),
        citizen=CitizenId("c1"),
        item=ItemId("HR01"),
        item_version=1,
        home_district=DistrictCode("440114"),
        home_street="440114001",
        capacity="own",
        values={name: value(name, one) for name, one in answers.items()},
        materials=(page("id_card"), page("portrait")),
        declared={},
        identity_result="confirmed",
        opened_at=NOON,
    )


def test_a_finished_form_is_ready() -> None:
    ready(case(), HR01)
    assert (missing_fields(case(), HR01), unconfirmed(case(), HR01), open_papers(case(), HR01)) == (
        [],
        (),
        [],
    )


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda one: replace(one, identity_result=None), "identity_open"),
        (lambda one: replace(one, identity_result="doubtful"), "identity_open"),
        (lambda one: case(trade=None), "form_incomplete"),
        (
            lambda one: replace(
                one, values={**one.values, "trade": value("trade", "retail", Standing.PROPOSED)}
            ),
            "values_unconfirmed",
        ),
        (lambda one: replace(one, materials=(page("id_card"),)), "materials_open"),
        (
            lambda one: replace(one, materials=(page("id_card"), page("portrait", Verdict.PENDING))),
            "materials_open",
        ),
    ],
)
def test_each_open_thing_keeps_the_form_from_being_ready(
    spoil: Callable[[Application], Application], code: str
) -> None:
    with pytest.raises(Conflict, match=code):
        ready(spoil(case()), HR01)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(Conflict) as told:
        ready(case(trade=None, start_date=None), HR01)
    assert told.value.values == {"fields": "start_date, trade"}


def test_another_answer_asks_other_questions_and_other_papers() -> None:
    flexible = {one.id for one in asked(case(), HR01)}
    shop = case(employ_type="self_employed")
    assert {one.id for one in asked(shop, HR01)} - flexible == {"shop_name", "uscc"}
    assert {one.id for one in papers_asked(shop, HR01)} - {one.id for one in papers_asked(case(), HR01)} == {
        "licence"
    }
    assert missing_fields(shop, HR01) == ["shop_name", "uscc"]
    assert open_papers(shop, HR01) == ["licence"]


def test_a_delegate_answers_for_the_mandate() -> None:
    own = {one.key for one in declarations_asked(case(), HR01)}
    delegated = {one.key for one in declarations_asked(case(acting_as="delegate"), HR01)}
    assert delegated - own == {"mandate"}


def test_the_form_itself_is_not_asked_for_as_a_paper() -> None:
    assert "application_form" in {one.id for one in HR01.materials}
    assert "application_form" not in {one.id for one in papers_asked(case(), HR01)}


def test_a_proposal_to_a_question_that_no_longer_applies_needs_no_confirmation() -> None:
    changed = case()
    proposed = replace(
        changed, values={**changed.values, "employer": value("employer", "皮具厂", Standing.PROPOSED)}
    )
    assert unconfirmed(proposed, HR01) == ()
    ready(proposed, HR01)


def test_an_emptied_proposal_leaves_nothing_to_confirm() -> None:
    """Who takes an optional answer back has proposed nothing; a required one is missing then."""
    emptied = case()
    proposed = replace(
        emptied,
        values={**emptied.values, "wants_insurance": value("wants_insurance", None, Standing.PROPOSED)},
    )
    assert unconfirmed(proposed, HR01) == ()
    ready(proposed, HR01)


def test_an_emptied_answer_counts_as_missing() -> None:
    emptied = case()
    emptied = replace(emptied, values={**emptied.values, "trade": value("trade", None)})
    assert "trade" not in canonical_values(emptied)
    assert missing_fields(emptied, HR01) == ["trade"]


@pytest.mark.parametrize("verdict", Verdict)
def test_a_paper_is_settled_when_every_page_of_it_is_good_enough(verdict: Verdict) -> None:
    rule = HR01.material("portrait")
    two = replace(case(), materials=(page("portrait"), page("portrait", verdict, 2)))
    assert settled(two, rule) == (verdict in PASSING)
    assert not settled(replace(case(), materials=()), rule)


def test_the_digest_changes_with_an_answer_that_applies_and_not_with_one_that_does_not() -> None:
    assert digest(case(), HR01, None) != digest(case(trade="retail"), HR01, None)
    assert digest(case(), HR01, None) == digest(case(employer="皮具厂"), HR01, None)


def test_a_page_is_found_by_its_id_and_only_in_its_own_case() -> None:
    assert material_of(case(), "portrait-1").rule == "portrait"
    with pytest.raises(NotFound, match="unknown_material"):
        material_of(case(), "portrait-9")


def test_an_actor_acts_on_behalf_of_somebody_or_for_themself() -> None:
    assert Actor(kind="citizen", id="c").capacity == "own"
    assert Actor(kind="citizen", id="c", on_behalf_of="principal").capacity == "on_behalf_of"
