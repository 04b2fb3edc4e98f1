"""The rules of several items in one ticket."""

from dataclasses import replace

import pytest

from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.domain.ids import ApplicationId, ItemId, TicketId
from cloudwindow.domain.match import CLOSED, stays_of
from cloudwindow.domain.matter import Matter, following, joined_rings, joined_skill, same_paper, settle
from cloudwindow.domain.session import Outcome
from tests.journeys.town import CATALOGUE


def matter(position: int, outcome: Outcome | None = None) -> Matter:
    return Matter(
        ticket=TicketId("t"),
        position=position,
        application=ApplicationId(f"a{position}"),
        item=ItemId(f"X{position}"),
        item_version=1,
        outcome=outcome,
    )


def test_the_joined_lane_asks_for_each_skill_once_in_one_spelling() -> None:
    hr, ca = CATALOGUE.item("HR01"), CATALOGUE.item("CA04")
    assert joined_skill([hr, ca]) == joined_skill([ca, hr, ca]) == f"{ca.skill}+{hr.skill}"
    assert joined_skill([hr]) == hr.skill


def test_a_ring_opens_when_the_most_careful_item_opens_it() -> None:
    hr = CATALOGUE.item("HR01")
    one = replace(hr, rings=(30.0, CLOSED, 10.0))
    other = replace(hr, rings=(60.0, 20.0, 5.0))
    assert stays_of(joined_rings([one, other])) == (60.0, CLOSED, 10.0)


def test_the_next_matter_is_the_first_open_one_besides_the_present() -> None:
    found = [matter(1), matter(2, Outcome.CONSULTED), matter(3)]
    assert following(found, 1) == found[2]
    assert following(found, 3) == found[0]
    assert following([matter(1)], 1) is None


def test_a_matter_that_was_handed_in_needs_no_other_word() -> None:
    assert settle(matter(1), "", "", submitted=True).outcome is Outcome.SUBMITTED
    with pytest.raises(Conflict, match="outcome_not_true"):
        settle(matter(1), "consulted", "", submitted=True)
    with pytest.raises(BadInput, match="unknown_outcome"):
        settle(matter(1), "", "", submitted=False)
    with pytest.raises(BadInput, match="unknown_outcome"):
        settle(matter(1), "transferred", "", submitted=False)


def test_one_identity_card_serves_all_items_and_a_portrait_only_its_own() -> None:
    papers = {
        item: {one.id: one for one in CATALOGUE.item(item).materials} for item in ("HR01", "CA04", "PS01")
    }
    assert same_paper(papers["HR01"]["id_card"], papers["CA04"]["id_card"])
    assert not same_paper(papers["HR01"]["portrait"], papers["PS01"]["portrait"])
