"""Whether a number may be given: people enough, and time enough before closing."""

import pytest

from cloudwindow.domain.ids import DistrictCode, StaffId
from cloudwindow.domain.intake_rule import able_agents, covered, fits, waiting_ahead
from cloudwindow.domain.load import Crew, LaneLoad
from cloudwindow.domain.match import AgentProfile, Lane

HUADU, TIANHE = DistrictCode("440114"), DistrictCode("440106")


def lane(district: DistrictCode = HUADU, skill: str = "hr", language: str = "zh") -> Lane:
    return Lane(home_district=district, skill=skill, language=language, mode="video")


def profile(district: DistrictCode = HUADU, skill: str = "hr", language: str = "zh") -> AgentProfile:
    return AgentProfile(
        agent=StaffId("mei"),
        district=district,
        skills=frozenset({skill}),
        languages=frozenset({language}),
    )


def test_a_lane_is_covered_when_anybody_could_ever_serve_it() -> None:
    assert covered(lane(), [profile(TIANHE)])
    assert not covered(lane(language="yue"), [profile()])
    assert not covered(lane(skill="tax"), [profile(), profile(TIANHE)])
    assert not covered(lane(), [])


def test_those_ahead_are_whoever_waits_for_the_same_agents() -> None:
    crews = [Crew(profile=profile(), agents=2), Crew(profile=profile(TIANHE, "tax"), agents=5)]
    loads = [
        LaneLoad(lane=lane(), waiting=3, longest_since=0.0),
        LaneLoad(lane=lane(TIANHE), waiting=4, longest_since=0.0),
        LaneLoad(lane=lane(skill="tax"), waiting=9, longest_since=0.0),
    ]
    assert able_agents(lane(), crews) == 2
    assert waiting_ahead(lane(), loads, crews) == 7


@pytest.mark.parametrize(
    ("ahead", "agents", "open_seconds", "answer"),
    [
        (0, 1, 600.0, True),
        (0, 1, 599.0, False),
        (5, 1, 3600.0, True),
        (6, 1, 3600.0, False),
        (12, 2, 4200.0, True),
        (13, 2, 4200.0, False),
        (1000, 1, None, True),
        (1000, 0, 60.0, True),
    ],
)
def test_a_number_is_given_while_its_case_would_begin_before_closing(
    ahead: int, agents: int, open_seconds: float | None, answer: bool
) -> None:
    assert fits(ahead=ahead, agents=agents, case_seconds=600.0, open_seconds=open_seconds) is answer
