"""Who may serve whom, when, and what that means for a wait."""

from dataclasses import replace

import pytest

from cloudwindow.domain.errors import BadInput
from cloudwindow.domain.ids import DistrictCode, StaffId
from cloudwindow.domain.load import (
    PRIOR,
    AgentPresence,
    Rival,
    able_by_ring,
    crews,
    handling,
    rivals,
)
from cloudwindow.domain.match import (
    CITY,
    CLOSED,
    LENDER,
    NEIGHBOUR,
    NEIGHBOURS,
    OWN,
    AgentProfile,
    Lane,
    openings,
    ring_of,
    ring_word,
)
from cloudwindow.domain.presence import State

HUADU, BAIYUN, NANSHA, PANYU = (DistrictCode(code) for code in ("440114", "440111", "440115", "440113"))
LANE = Lane(home_district=HUADU, skill="HR", language="zh", mode="video")
AGENT = AgentProfile(agent=StaffId("mei"), district=HUADU, skills=frozenset({"HR"}))


def at_work(profile: AgentProfile, state: State = State.IN_CALL) -> AgentPresence:
    return AgentPresence(
        agent=profile.agent, district=profile.district, state=state, since=0.0, profile=profile
    )


def test_all_eleven_districts_border_on_another_and_borders_go_both_ways() -> None:
    assert len(NEIGHBOURS) == 11
    for one, others in NEIGHBOURS.items():
        assert others
        assert one not in others
        assert all(one in NEIGHBOURS[other] for other in others)


def test_every_district_is_reached_over_borders() -> None:
    reached = {HUADU}
    while new := {other for one in reached for other in NEIGHBOURS[one]} - reached:
        reached |= new
    assert reached == NEIGHBOURS.keys()


def test_rings_go_from_the_own_district_over_neighbours_to_the_city() -> None:
    assert [ring_of(one, HUADU) for one in (HUADU, BAIYUN, NANSHA)] == [OWN, NEIGHBOUR, CITY]
    assert ring_of(PANYU, NANSHA) == NEIGHBOUR


@pytest.mark.parametrize(
    ("on_duty", "expected"),
    [
        ((1, 1, 1, 1), (0, 120, 180, 360)),
        ((1, 0, 1, 1), (0, 120, 120, 300)),
        ((0, 0, 1, 1), (0, 0, 0, 180)),
        ((1, 0, 0, 1), (0, 120, 120, 120)),
        ((0, 1, 0, 1), (0, 0, 60, 60)),
        ((0, 0, 0, 1), (0, 0, 0, 0)),
        ((0, 0, 0, 0), (0, 0, 0, 0)),
    ],
)
def test_the_stay_in_a_ring_without_anybody_is_skipped(
    on_duty: tuple[int, ...], expected: tuple[float, ...]
) -> None:
    assert openings(on_duty) == expected


def test_after_a_closed_ring_no_other_opens() -> None:
    assert openings((1, 1, 1, 1), (60.0, CLOSED, 0.0)) == (0, 60, CLOSED, CLOSED)
    closed = replace(LANE, rings=ring_word((60.0, CLOSED, 0.0)))
    present = [
        at_work(AGENT),
        at_work(replace(AGENT, district=BAIYUN)),
        at_work(replace(AGENT, district=NANSHA)),
    ]
    lenders = {HUADU: frozenset({NANSHA})}
    assert able_by_ring(closed, crews(present), lenders=lenders) == (1, 1, 0, 0)
    only_far = crews([at_work(replace(AGENT, district=BAIYUN))])
    assert rivals(closed, [closed, replace(LANE, home_district=BAIYUN)], only_far) == (Rival(closed, 0.0),)


def test_a_lender_stands_before_a_neighbour() -> None:
    lenders = {HUADU: frozenset({NANSHA})}
    assert ring_of(NANSHA, HUADU, lenders=lenders) == LENDER
    assert ring_of(NANSHA, BAIYUN, lenders=lenders) == CITY
    assert ring_of(HUADU, HUADU, lenders={HUADU: frozenset({HUADU})}) == OWN


def test_a_lane_that_needs_two_skills_is_for_who_has_both() -> None:
    both = replace(LANE, skill="CA+HR")
    assert not AGENT.able(both)
    assert replace(AGENT, skills=frozenset({"HR", "CA", "PS"})).able(both)


def test_a_lane_is_read_back_from_its_key() -> None:
    assert LANE.key == "440114|HR|zh|video|120-60-180"
    assert Lane.parse(LANE.key) == LANE


@pytest.mark.parametrize(
    "key",
    [
        "",
        "440114",
        "440114|HR|zh|video",
        "440114||zh|video|1-1-1",
        "440114|H R|zh|video|1-1-1",
        "440114|HR|zh|video|1-1",
        "440114|HR|zh|video|1-y-1",
        "440114|HR|zh|video|-1-1-1",
    ],
)
def test_a_malformed_lane_is_refused(key: str) -> None:
    with pytest.raises(BadInput, match="lane_unknown"):
        Lane.parse(key)


def test_an_agent_needs_a_skill_a_language_and_a_mode() -> None:
    with pytest.raises(BadInput, match="agent_without_skills"):
        replace(AGENT, skills=frozenset())
    with pytest.raises(BadInput, match="agent_profile_unusable"):
        replace(AGENT, skills=frozenset({"HR,CA"}))


def test_an_agent_serves_only_with_skill_language_mode_and_reach() -> None:
    assert AGENT.able(LANE)
    assert not AGENT.able(replace(LANE, skill="CA"))
    assert not AGENT.able(replace(LANE, language="yue"))
    assert not AGENT.able(replace(LANE, mode="text"))
    assert AGENT.able(replace(LANE, home_district=NANSHA))
    at_home = replace(AGENT, serves_districts=frozenset({BAIYUN}))
    assert at_home.able(LANE), "the own district is always served"
    assert at_home.able(replace(LANE, home_district=BAIYUN))
    assert not at_home.able(replace(LANE, home_district=NANSHA))


def test_agents_who_are_away_count_for_nothing() -> None:
    present = [
        at_work(AGENT),
        at_work(AGENT, State.AWAY),
        at_work(replace(AGENT, district=BAIYUN), State.IDLE),
    ]
    assert able_by_ring(LANE, crews(present)) == (1, 0, 1, 0)


def test_only_lanes_that_share_an_agent_with_mine_are_rivals() -> None:
    both = replace(AGENT, skills=frozenset({"HR", "CA"}))
    other_desk = replace(AGENT, skills=frozenset({"PS"}))
    lanes = [LANE, replace(LANE, skill="CA"), replace(LANE, skill="PS")]
    found = rivals(LANE, lanes, crews([at_work(both), at_work(other_desk)]))
    assert [rival.lane.skill for rival in found] == ["HR", "CA"]


def test_a_foreign_ticket_stands_before_mine_only_by_the_time_its_ring_takes() -> None:
    own, neighbour = at_work(AGENT), at_work(replace(AGENT, district=BAIYUN))
    foreign = replace(LANE, home_district=BAIYUN)
    found = {
        rival.lane: rival.lead_seconds for rival in rivals(LANE, [LANE, foreign], crews([own, neighbour]))
    }
    assert found == {LANE: 0, foreign: 120}


def test_cases_that_were_measured_outweigh_the_prior() -> None:
    assert handling(0, 0, 0) == pytest.approx(PRIOR)
    learned = handling(500, 500 * 300, 500 * 300**2)
    assert learned.mean == pytest.approx(300, abs=5)
    assert learned.deviation < PRIOR.deviation / 2
