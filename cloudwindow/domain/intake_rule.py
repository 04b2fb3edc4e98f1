"""
Whether a number may be given now: opening hours, people enough, and time enough before closing.

Rule 1: a number that nobody on the staff could ever serve is not given.
Rule 2: a number is not given when what waits already fills the time left until closing.
Rule 3: whoever is refused is told when it goes on, and offered only what truly can be had.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from cloudwindow.domain.load import Crew, LaneLoad
from cloudwindow.domain.match import AgentProfile, Lane


class Verdict(StrEnum):
    """Whether a number can be had now, and if not, why."""

    OPEN = "open"
    UNSTAFFED = "unstaffed"
    """Nobody who could serve it is on duty; one may wait for somebody to come."""
    CLOSED = "closed"
    FULL = "full"
    UNCOVERED = "uncovered"


TAKES_NUMBERS = frozenset({Verdict.OPEN, Verdict.UNSTAFFED})


def covered(lane: Lane, profiles: Iterable[AgentProfile]) -> bool:
    """Rule 1: whether anybody could ever serve ``lane``."""
    return any(profile.able(lane) for profile in profiles)


def able_agents(lane: Lane, crews: Sequence[Crew]) -> int:
    """How many agents on duty can serve ``lane``, from whatever district."""
    return sum(crew.agents for crew in crews if crew.profile.able(lane))


def waiting_ahead(lane: Lane, loads: Sequence[LaneLoad], crews: Sequence[Crew]) -> int:
    """How many wait for the agents who could serve ``lane``: those a newcomer would come after."""
    able = [crew for crew in crews if crew.profile.able(lane)]
    return sum(load.waiting for load in loads if any(crew.profile.able(load.lane) for crew in able))


def fits(*, ahead: int, agents: int, case_seconds: float, open_seconds: float | None) -> bool:
    """
    Rule 2: whether a newcomer's case would begin before closing.

    ``ahead`` cases of ``case_seconds`` each are shared by ``agents``, who are all busy with one already;
    ``open_seconds`` are left (``None``: it does not close). With nobody on duty there is nothing to reckon.
    """
    if open_seconds is None or agents <= 0:
        return True
    return (ahead + agents) * case_seconds / agents <= open_seconds
