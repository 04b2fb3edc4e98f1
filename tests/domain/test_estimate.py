"""The expected wait and the range around it."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwindow.domain.estimate import (
    FARTHEST,
    LONGEST_SECONDS,
    Marks,
    Outlook,
    Shift,
    Wait,
    bucket,
    calibrated,
    learnt,
    sharing_of,
    spread,
    teachers,
    time_for,
)
from cloudwindow.domain.ids import DistrictCode, StaffId
from cloudwindow.domain.load import SOON_GONE, Crew, LaneLoad
from cloudwindow.domain.match import CLOSED, AgentProfile, Lane, ring_word

TIANHE, HUADU = DistrictCode("440106"), DistrictCode("440114")
NOW = 1_780_000_000.0
ALONE = ring_word((CLOSED, 0.0, 0.0))


def lane(skill: str = "HR", home: DistrictCode = HUADU, rings: str | None = None) -> Lane:
    more = {} if rings is None else {"rings": rings}
    return Lane(home_district=home, skill=skill, language="zh", mode="video", **more)


def crew(agents: int, *skills: str, home: DistrictCode = HUADU) -> Crew:
    profile = AgentProfile(
        agent=StaffId(f"{home}-{'-'.join(skills)}"), district=home, skills=frozenset(skills)
    )
    return Crew(profile=profile, agents=agents)


def load(waiting: int, since: float = 600.0, of: Lane | None = None) -> LaneLoad:
    return LaneLoad(lane=of or lane(), waiting=waiting, longest_since=NOW - since)


def outlook(loads: Sequence[LaneLoad], on_duty: Sequence[Crew]) -> Outlook:
    return Outlook(loads, sharing_of(on_duty), at=NOW, mean_of={"HR": 300.0}, usual_mean=600.0)


def wait(loads: Sequence[LaneLoad], on_duty: Sequence[Crew], *, score: float = NOW) -> float:
    found = outlook(loads, on_duty).expected_wait(lane(), score)
    assert found is not None
    return found


def test_with_nobody_on_duty_no_wait_is_estimated() -> None:
    assert outlook([load(3)], []).expected_wait(lane(), NOW) is None
    assert outlook([load(3)], [crew(4, "PS")]).expected_wait(lane(), NOW) is None


def test_those_whose_ring_never_opens_do_not_count() -> None:
    mine = lane(rings=ALONE)
    far = [crew(4, "HR", home=TIANHE)]
    assert outlook([], far).expected_wait(mine, NOW) is None
    assert outlook([], far).expected_wait(lane(), NOW) == 75.0


def test_the_work_ahead_is_shared_by_the_agents_on_duty() -> None:
    assert wait([load(5)], [crew(1, "HR")]) == pytest.approx(1500.0)
    assert wait([load(5)], [crew(5, "HR")]) == pytest.approx(300.0)


def test_the_head_of_the_line_waits_for_one_case_only() -> None:
    assert wait([load(5)], [crew(1, "HR")], score=NOW - 600) == pytest.approx(300.0)


def test_a_priority_ticket_is_promised_the_wait_of_the_place_its_credit_gives() -> None:
    loads, on_duty = [load(20, of=lane()), load(20, of=lane("HR", TIANHE))], [crew(5, "HR")]
    plain, priority = wait(loads, on_duty), wait(loads, on_duty, score=NOW - 300)
    assert priority < 0.6 * plain
    assert wait(loads, on_duty, score=NOW - 3600) == pytest.approx(60.0)


def test_only_the_part_of_the_work_that_my_agents_will_do_counts() -> None:
    other = load(10, of=lane("PS"))
    shared = [crew(2, "HR", "PS"), crew(8, "PS")]
    assert wait([other], shared) == pytest.approx((10 * 600 * 0.2 + 300) / 2)
    assert wait([other], [crew(2, "HR"), crew(8, "PS")]) == pytest.approx(150.0)


def test_a_shrinking_roster_lengthens_the_wait() -> None:
    assert time_for(3600.0, 10) == 360.0
    assert time_for(3600.0, 10, roster=[Shift(180.0, 0.5)]) == 180.0 + 360.0
    assert time_for(3600.0, 10, roster=[Shift(60.0, 0.0), Shift(600.0, 1.0)]) == 60.0 + 540.0 + 300.0
    assert time_for(3600.0, 10, roster=[Shift(60.0, 0.0)]) == LONGEST_SECONDS


def test_the_end_of_a_shift_lengthens_the_wait() -> None:
    stay, go = crew(10, "HR"), replace(crew(10, "HR"), ends=(NOW + 60.0,) * 5)
    assert wait([load(20)], [stay]) == pytest.approx(600.0)
    assert wait([load(20)], [go]) == pytest.approx(60.0 + 1080.0)


def test_who_will_not_be_reached_before_the_last_shift_ends_is_told_no_wait() -> None:
    going = replace(crew(2, "HR"), ends=(NOW + 600.0, NOW + 900.0))
    assert outlook([load(4)], [going]).expected_wait(lane(), NOW) == pytest.approx(600.0)
    assert outlook([load(20)], [going]).expected_wait(lane(), NOW) is None


def test_who_goes_on_a_break_after_the_call_is_not_waited_for() -> None:
    stay, some, all_of_them = (replace(crew(10, "HR"), ends=(SOON_GONE,) * leaving) for leaving in (0, 5, 10))
    assert wait([load(20)], [some]) == pytest.approx(2 * wait([load(20)], [stay]))
    assert outlook([load(20)], [all_of_them]).expected_wait(lane(), NOW) is None


def test_who_gives_up_shortens_the_wait_of_the_others() -> None:
    assert 0 < time_for(7200.0, 2, leaving_rate=1 / 3600) < time_for(7200.0, 2)
    assert time_for(7200.0, 2, leaving_rate=1e-12) == pytest.approx(3600.0, rel=1e-3)


@given(
    st.lists(st.tuples(st.integers(0, 500), st.floats(0, 7200)), max_size=4),
    st.integers(1, 50),
    st.floats(-7200, 7200),
)
def test_an_estimate_is_never_negative_and_always_finite(
    lanes: list[tuple[int, float]], agents: int, late: float
) -> None:
    loads = [
        load(waiting, since, of=lane(skill))
        for skill, (waiting, since) in zip(("HR", "PS", "CA", "XX"), lanes, strict=False)
    ]
    assert 0 <= wait(loads, [crew(agents, "HR", "PS", "CA")], score=NOW + late) <= LONGEST_SECONDS


def wait_of(expected: float, home: DistrictCode = HUADU, skill: str = "HR", *, credit: bool = False) -> Wait:
    return Wait(home, skill, credit, expected)


def test_a_range_contains_its_point_and_ends_on_whole_minutes() -> None:
    draw = Random(4)
    for _ in range(2000):
        marks = Marks(draw.uniform(-9, 9), draw.uniform(0, 9), draw.uniform(0, 9), 50)
        expected = draw.uniform(0, 7200)
        mine = wait_of(expected)
        span = calibrated({bucket(mine): marks, teachers(mine)[0]: marks}, mine)
        assert 0 <= span.low <= span.point <= span.high
        assert (span.low % 60, span.high % 60) == (0, 0)
        assert span.high >= 60


@pytest.mark.parametrize("spoilt", [1.0, 1.6, 0.5])
def test_ranges_learn_to_hold_for_eight_in_ten(spoilt: float) -> None:
    """Waits are lognormal around ``spoilt`` times the estimate; neither is known beforehand."""
    draw, calibration = Random(11), dict[str, Marks]()
    held = []
    for number in range(12_000):
        expected = draw.uniform(60, 1500)
        waited = expected * spoilt * draw.lognormvariate(0.0, 0.3)
        shown = calibrated(calibration, wait_of(expected))
        calibration |= learnt(calibration, wait_of(expected), shown, waited)
        if number >= 2000:
            held.append(shown.low <= waited <= shown.high)
    assert 0.78 <= sum(held) / len(held) <= 0.82


def test_what_is_special_to_a_district_and_to_a_skill_is_learnt_apart() -> None:
    """Huadu takes a unit of error longer, certificates two, credit three: the middle of each is their sum."""
    draw, calibration = Random(5), dict[str, Marks]()

    def usual(mine: Wait) -> float:
        late = (mine.district == HUADU) + 2 * (mine.skill == "CA") + 3 * mine.credit
        return mine.expected + late * spread(mine.expected)

    for _ in range(6000):
        home, skill = draw.choice((HUADU, TIANHE)), draw.choice(("HR", "CA"))
        mine = wait_of(600.0, home, skill, credit=draw.random() < 0.2)
        shown = calibrated(calibration, mine)
        calibration |= learnt(calibration, mine, shown, usual(mine) + draw.uniform(-60, 60))
    for mine in (wait_of(600.0), wait_of(600.0, TIANHE, "CA"), wait_of(600.0, HUADU, "CA", credit=True)):
        assert calibrated(calibration, mine).point == pytest.approx(usual(mine), abs=30)


def test_the_ends_of_one_district_say_nothing_about_another() -> None:
    mine, theirs = wait_of(300.0), wait_of(300.0, TIANHE, "CA", credit=True)
    shown = calibrated({}, mine)
    calibration = learnt({}, mine, shown, 3000.0)
    assert calibrated(calibration, mine).point > shown.point
    assert calibrated(calibration, theirs) == shown


def test_nonsense_moves_no_mark_without_bounds() -> None:
    calibration = dict[str, Marks]()
    for _ in range(9000):
        shown = calibrated(calibration, wait_of(10.0))
        calibration |= learnt(calibration, wait_of(10.0), shown, 1e9)
    assert max(max(marks[:3]) for marks in calibration.values()) <= FARTHEST
