"""Why a ticket went to an agent: what rows say, and whether they agree with their rule."""

import json
from dataclasses import replace
from typing import Any

import pytest

from cloudwindow.domain.explain import (
    Assignment,
    Candidate,
    Check,
    Rule,
    Verdict,
    Why,
    check,
    lost_because,
    read,
)

NOON_MS = 1_795_420_800_000
MADE_AT = NOON_MS / 1000 + 300


def row(ring: int = 0, **why: Any) -> Assignment:
    """An offer of five past noon to an agent of Huadu (ring 0) or Tianhe; the score is noon."""
    reasons = {"score_ms": NOON_MS, "opened_ms": 0, "waited_ms": 300_000, "idle_ms": 60_000, **why}
    return Assignment(
        ticket="t1",
        epoch=1,
        agent="mei",
        agent_district="440114" if ring == 0 else "440106",
        lane="440114|HR|zh|video|120-60-180",
        ring=ring,
        rule=str(why.get("rule", "unknown")),
        made_at=MADE_AT,
        why=json.dumps({name: value for name, value in reasons.items() if value is not None}),
    )


def ticket(at_ms: float, name: str = "t2") -> dict[str, Any]:
    return {"lane": "440106|HR|zh|video|120-60-180", "ticket": name, "at_ms": at_ms}


def agent(idle_ms: float, ring: int = 0, name: str = "lan") -> dict[str, Any]:
    return {"agent": name, "ring": ring, "idle_ms": idle_ms}


def waiting(*considered: Any, **more: Any) -> Assignment:
    return row(rule="longest_waiting", considered=list(considered), **more)


def idle(*considered: Any, ring: int = 0, **more: Any) -> Assignment:
    return row(ring, rule="longest_idle", considered=list(considered), **more)


RIGHT = {
    "the lowest figure won": waiting(ticket(NOON_MS + 1), ticket(NOON_MS + 90_000)),
    "the opening counts": waiting(ticket(NOON_MS + 180_001), opened_ms=180_000),
    "two with the same figure": waiting(ticket(NOON_MS)),
    "figures written with 14 digits": waiting(ticket(NOON_MS + 0.4), score_ms=NOON_MS + 0.9),
    "nobody else waits": waiting(),
    "an empty list, as the scripts spell it": row(rule="longest_waiting", considered={}),
    "the longest idle won": idle(agent(59_999), agent(60_000)),
    "nobody else is free": idle(),
    "a nearer ring wins whatever the idle time": idle(agent(9_000_000, ring=2)),
    "the next was asked for": row(rule="next", considered=[ticket(NOON_MS + 5)]),
}
WRONG = {
    "came_earlier": waiting(ticket(NOON_MS + 5_000), ticket(NOON_MS - 5_000)),
    "free_longer": idle(agent(60_010)),
    "ring_not_open": waiting(opened_ms=300_500),
    "reason_missing": row(rule="picked"),
    "rule_differs": replace(waiting(), rule="longest_idle"),
    "ring_differs": replace(waiting(), ring=2),
}
UNJUDGED = {
    "the first version named lanes only": waiting("440106|HR|zh|video|120-60-180", score_ms=None),
    "the first version named agents only": idle("lan"),
    "no figure of the winner": waiting(score_ms=None),
    "no idle time of the winner": idle(idle_ms=None),
    "one candidate without figures": waiting(ticket(NOON_MS + 1), {"ticket": "t3"}),
    "an agent whose ring is unknown": idle({"agent": "lan", "idle_ms": 1}),
    "a rule of a later version": row(rule="by_lot"),
    "no rule": row(rule=None),
    "only the end is known": replace(row(), rule="", ring=-1, why="{}", agent_district="", lane=""),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_decision_that_follows_from_its_figures_is_consistent(name: str) -> None:
    assert check(RIGHT[name]) == Check(verdict=Verdict.CONSISTENT)


@pytest.mark.parametrize("fault", WRONG)
def test_a_row_that_was_doctored_is_reported_with_its_fault(fault: str) -> None:
    assert check(WRONG[fault]) == Check(verdict=Verdict.CONTRADICTED, faults=(fault,))


@pytest.mark.parametrize("name", UNJUDGED)
def test_what_is_unknown_is_not_judged(name: str) -> None:
    assert check(UNJUDGED[name]).verdict is Verdict.UNKNOWN


def test_an_agent_in_a_nearer_ring_should_have_won_however_short_their_idle_time() -> None:
    assert check(idle(agent(1, ring=1), ring=2)).faults == ("free_longer",)


def test_every_single_figure_that_is_turned_against_the_winner_is_noticed() -> None:
    """Doctoring one loser of five is enough, whichever it is."""
    for place in range(5):
        losers = [ticket(NOON_MS + 1_000 * n, f"t{n}") for n in range(1, 6)]
        assert check(waiting(*losers)).verdict is Verdict.CONSISTENT
        losers[place]["at_ms"] = NOON_MS - 10
        assert check(waiting(*losers)).faults == ("came_earlier",)


@pytest.mark.parametrize("rule", ["preferred", "picked"])
def test_a_choice_has_nothing_to_compare(rule: str) -> None:
    assert check(row(rule=rule, reason="elderly", considered=[ticket(0)])).verdict is Verdict.BY_CHOICE


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "7", '{"rule": {}, "considered": [3, null, []], "score_ms": "x"}']
)
def test_reasons_that_cannot_be_read_are_unknown(text: str) -> None:
    why = read(text)
    assert (why.rule, why.score_ms, why.at_ms) == (Rule.UNKNOWN, None, None)
    assert check(replace(row(), why=text)).verdict is Verdict.UNKNOWN


def test_the_first_version_of_reasons_is_read_as_far_as_it_goes() -> None:
    old = {"rule": "longest_idle", "waited_ms": 4000, "idle_ms": 9, "opened_ms": 0, "considered": ["lan"]}
    expected = Why(
        rule=Rule.LONGEST_IDLE, waited_ms=4000, idle_ms=9, opened_ms=0, considered=(Candidate(agent="lan"),)
    )
    assert read(json.dumps(old)) == expected


def test_each_loser_is_told_why() -> None:
    why = read(idle().why)
    assert lost_because(why, Candidate(agent="a", ring=2, idle_ms=9e9), 0) == "ring_farther"
    assert lost_because(why, Candidate(agent="a", ring=0, idle_ms=5), 0) == "freed_later"
    assert lost_because(why, Candidate(agent="a", ring=0, idle_ms=70_000), 0) == "contradicted"
    assert lost_because(why, Candidate(agent="a"), 0) == "unknown"
    assert lost_because(why, Candidate(ticket="t", at_ms=NOON_MS + 1), 0) == "later"
