"""
How long a ticket will wait: an expected time, and the range around it that is right for four in five.

Rule 1: the work ahead is what the agents who can serve me will do first: each lane's tickets with an older
score, times the part of that lane's agents who can serve me too. Divided by those agents it is the wait.
Rule 2: with nobody on duty, or everybody's shift over before its turn, there is no honest waiting time, so
none is given.
Rule 3: what is expected is set right by how long people really waited: by home district, by skill, and by
whether credit puts them ahead, each for itself; what they taught is added up.
Rule 4: a range is learnt in the same way, for each district and length of wait, so that one in ten waits less
and one in ten longer.
After Ibrahim & Whitt (2011), fluid predictors for changing arrivals, staff and patience; the range after
Gibbs & Candès (2021), adaptive conformal inference.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from math import exp, log1p
from typing import NamedTuple

from cloudwindow.domain.ids import DistrictCode
from cloudwindow.domain.load import Crew, LaneLoad, Lenders, able_by_ring
from cloudwindow.domain.match import NEIGHBOURS, Lane, openings, ring_of

Opening = Callable[[Lane, DistrictCode], float]
"""Seconds after the score at which agents of a district may serve a lane; infinite when they never may."""
NEVER = float("inf")
LONGEST_SECONDS = 4 * 3600.0
"""No estimate goes beyond: nobody knows what the day brings after that."""


class Sharing:
    """
    Which agents on duty serve which lanes; good until somebody comes or goes.

    Lanes that the same agents serve are one ``pool``, a number.
    """

    def __init__(self, on_duty: Sequence[Crew], opening: Opening) -> None:
        self._on_duty = on_duty
        self._opening = opening
        self._pools: dict[Lane, int] = {}
        self._numbers: dict[frozenset[int], int] = {}
        self._crews: list[frozenset[int]] = []
        self._shares: dict[tuple[int, int], float] = {}
        self._ends: dict[int, Sequence[float]] = {}

    def pool(self, lane: Lane) -> int:
        """The pool that serves ``lane``, now or when its rings have opened."""
        known = self._pools.get(lane)
        if known is None:
            crews = frozenset(
                number
                for number, crew in enumerate(self._on_duty)
                if crew.profile.able(lane) and self._opening(lane, crew.profile.district) < NEVER
            )
            known = self._numbers.setdefault(crews, len(self._crews))
            if known == len(self._crews):
                self._crews.append(crews)
            self._pools[lane] = known
        return known

    def agents(self, pool: int) -> int:
        """How many agents on duty are in ``pool``."""
        return self._count(self._crews[pool])

    def ends(self, pool: int) -> Sequence[float]:
        """When the shifts of agents of ``pool`` end, as far as they are known, in order."""
        known = self._ends.get(pool)
        if known is None:
            known = sorted(end for number in self._crews[pool] for end in self._on_duty[number].ends)
            self._ends[pool] = known
        return known

    def share(self, mine: int, other: int) -> float:
        """The part of the agents of the pool ``other`` who are in ``mine`` too, 0 to 1."""
        known = self._shares.get((mine, other))
        if known is None:
            theirs = self._crews[other]
            known = self._count(theirs & self._crews[mine]) / max(1, self._count(theirs))
            self._shares[mine, other] = known
        return known

    def _count(self, numbers: frozenset[int]) -> int:
        return sum(self._on_duty[number].agents for number in numbers)


def sharing_of(
    on_duty: Sequence[Crew],
    neighbours: Mapping[DistrictCode, frozenset[DistrictCode]] = NEIGHBOURS,
    lenders: Lenders | None = None,
) -> Sharing:
    """Who serves what by the rings of each lane."""

    @cache
    def openings_of(lane: Lane) -> tuple[float, ...]:
        return openings(able_by_ring(lane, on_duty, neighbours, lenders), lane.stays)

    def opening(lane: Lane, helping: DistrictCode) -> float:
        return openings_of(lane)[ring_of(helping, lane.home_district, neighbours, lenders)]

    return Sharing(on_duty, opening)


class Shift(NamedTuple):
    """From ``seconds`` on (from now) there are ``part`` times as many agents as now."""

    seconds: float
    part: float


class Outlook:
    """
    The work that waits, as it stood at one moment; answers for any ticket how long it will wait.

    ``mean_of``: seconds a case takes, by skill; ``usual_mean`` for the others. A lane's tickets are taken as
    spread evenly over the time since its head joined.
    """

    def __init__(
        self,
        loads: Sequence[LaneLoad],
        sharing: Sharing,
        *,
        at: float,
        mean_of: Mapping[str, float],
        usual_mean: float,
    ) -> None:
        self._sharing = sharing
        self._at = at
        self._mean_of = mean_of
        self._usual_mean = usual_mean
        self._heads: dict[Lane, float] = {}
        self._work: list[tuple[float, float, int]] = []
        self._curves: dict[int, _Curve] = {}
        for load in loads:
            age = max(1.0, at - load.longest_since)
            self._heads[load.lane] = age
            self._work.append((-age, load.waiting * self._mean(load.lane) / age, sharing.pool(load.lane)))
        self._work.sort()

    def expected_wait(
        self, mine: Lane, score: float, *, roster: Sequence[Shift] = (), leaving_rate: float = 0.0
    ) -> float | None:
        """
        Seconds until a waiting ticket of ``mine`` with this ``score`` (seconds since the epoch) is served.

        ``roster``: how the number of agents will change, in order; without it those on duty now are taken to
        stay until their shift ends, if that is known. ``leaving_rate``: the part of those who wait that gives
        up, each second. ``None`` by rule 2.
        """
        pool = self._sharing.pool(mine)
        agents = self._sharing.agents(pool)
        if not agents:
            return None
        before = min(0.0, score - self._at)
        work = self._curve(pool).before(before) + self._mean(mine)
        age = self._heads.get(mine)
        if age is not None:  # the ticket itself is among those that wait in its lane
            work -= self._mean(mine) * max(0.0, 1.0 + before / age)
        roster = roster or self._roster(pool, agents)
        seconds = time_for(work, agents, roster=roster, leaving_rate=leaving_rate)
        in_vain = seconds >= LONGEST_SECONDS and bool(roster) and roster[-1].part <= 0
        return None if in_vain else seconds

    def _roster(self, pool: int, agents: int) -> Sequence[Shift]:
        return [
            Shift(max(0.0, end - self._at), 1 - gone / agents)
            for gone, end in enumerate(self._sharing.ends(pool), start=1)
            if end < self._at + LONGEST_SECONDS
        ]

    def _mean(self, lane: Lane) -> float:
        return self._mean_of.get(lane.skill, self._usual_mean)

    def _curve(self, pool: int) -> "_Curve":
        known = self._curves.get(pool)
        if known is None:
            known = self._curves[pool] = _Curve(
                (since, density * self._sharing.share(pool, other)) for since, density, other in self._work
            )
        return known


class _Curve:
    """Work by score: each lane adds ``density`` seconds of work per second from ``since`` on."""

    def __init__(self, lanes: Iterable[tuple[float, float]]) -> None:
        self._sinces: list[float] = []
        self._sums = [(0.0, 0.0)]
        for since, density in lanes:
            slope, base = self._sums[-1]
            self._sinces.append(since)
            self._sums.append((slope + density, base + density * since))

    def before(self, score: float) -> float:
        """Seconds of work of all tickets with an older score."""
        slope, base = self._sums[bisect_left(self._sinces, score)]
        return slope * score - base


def time_for(work: float, agents: float, *, roster: Sequence[Shift] = (), leaving_rate: float = 0.0) -> float:
    """Seconds in which ``agents`` do ``work`` seconds of cases, some of which leave before their turn."""
    done_at, left = 0.0, work
    shifts = [Shift(0.0, 1.0), *roster, Shift(LONGEST_SECONDS, 1.0)]
    for shift, following in pairwise(shifts):
        capacity = agents * shift.part
        length = following.seconds - done_at
        needed = _time(left, capacity, leaving_rate)
        if needed <= length:
            return done_at + needed
        left = _left(left, capacity, leaving_rate, length)
        done_at = following.seconds
    return LONGEST_SECONDS


def _time(work: float, capacity: float, leaving_rate: float) -> float:
    if capacity <= 0:
        return NEVER
    return log1p(leaving_rate * work / capacity) / leaving_rate if leaving_rate else work / capacity


def _left(work: float, capacity: float, leaving_rate: float, seconds: float) -> float:
    if not leaving_rate:
        return max(0.0, work - capacity * seconds)
    gone = capacity / leaving_rate
    return max(0.0, (work + gone) * exp(-leaving_rate * seconds) - gone)


# --- the range --------------------------------------------------------------------------------------------

BANDS_SECONDS = (60.0, 150.0, 300.0, 480.0, 720.0, 1200.0)
"""Where one band of expected waits ends and the next begins."""
LOWER, UPPER = 0.1, 0.9
"""The parts of all people who shall wait less than the range says, and not more."""
STEP_OF_ENDS = 0.03
"""How far one wait may move the ends of a range, in units of ``spread``."""
STEPS = {"home": 0.01, "skill": 0.02, "plain": 0.01, "credit": 0.01}
"""
How far one wait may move a middle. Small, as many wait at once: what is learnt from one comes too late for
those who came after, and larger steps would overshoot.
"""
FIRST_CASES = 20
"""While marks have learnt from fewer, they take larger steps."""


class Marks(NamedTuple):
    """
    What past waits have taught, in units of ``spread``: how far off the middle is, and how far the ends lie
    below and above it; from so many ``cases``. The defaults are a guess for before anybody has waited.

    A bucket has ends alone, and what ``teachers`` names a middle alone.
    """

    middle: float = 0.0
    below: float = 1.0
    above: float = 1.3
    cases: int = 0


Calibration = Mapping[str, Marks]
"""What past waits have taught, by name; plain numbers, so that it can be kept anywhere."""


class Wait(NamedTuple):
    """One ticket's wait, ``expected`` in seconds; ``credit``: it stands before some who came earlier."""

    district: str
    skill: str
    credit: bool
    expected: float


class Span(NamedTuple):
    """A shown wait in seconds: the range that four in five find true, and what is expected."""

    low: float
    point: float
    high: float


def has_credit(score: float, joined_at: float) -> bool:
    """Whether a ticket stands before some who came earlier; both in seconds since the epoch."""
    return score < joined_at - 1.0


def bucket(wait: Wait) -> str:
    """Whose experience counts for the ends: the home district and the band of the expected wait."""
    return f"{wait.district}|{_band(wait)}"


def teachers(wait: Wait) -> tuple[str, str, str]:
    """Whose experience counts for the middle, and adds up."""
    place = "credit" if wait.credit else "plain"
    return f"home|{wait.district}", f"skill|{wait.skill}", f"{place}|{_band(wait)}"


def names(wait: Wait) -> tuple[str, ...]:
    """All marks that have to do with a wait."""
    return bucket(wait), *teachers(wait)


def _band(wait: Wait) -> int:
    return sum(wait.expected >= end for end in BANDS_SECONDS)


def spread(expected: float) -> float:
    """The unit of an error, in seconds: longer waits are known less exactly."""
    return 30.0 + 0.2 * expected


def calibrated(calibration: Calibration, wait: Wait) -> Span:
    """The range to show for a ``wait``; its ends are whole minutes, as told."""
    marks, unit = calibration.get(bucket(wait), Marks()), spread(wait.expected)
    point = max(0.0, wait.expected + _middle(calibration, wait) * unit)
    low = 60.0 * min(round((point - marks.below * unit) / 60), point // 60)
    high = 60.0 * max(round((point + marks.above * unit) / 60), -(-point // 60), 1)
    return Span(max(0.0, low), point, high)


def learnt(calibration: Calibration, wait: Wait, shown: Span, waited: float) -> Calibration:
    """
    The marks that change after somebody with this ``wait``, ``shown`` a range, has waited so many seconds.

    Each mark moves up a little when the wait was beyond it and down when it was not, in the relation that
    holds it where its part of all people is below. For the ends what was really shown is judged, so that
    the parts come true in the long run however the city changes; for the middle what would be shown now.
    """
    less = waited - wait.expected < _middle(calibration, wait) * spread(wait.expected)
    changed = {}
    for name in teachers(wait):
        marks = calibration.get(name, Marks())
        step = STEPS[name.partition("|")[0]] * _faster(marks)
        middle = _within(marks.middle + step * (0.5 - less), -FARTHEST, FARTHEST)
        changed[name] = marks._replace(middle=middle, cases=marks.cases + 1)
    ends = calibration.get(bucket(wait), Marks())
    step = STEP_OF_ENDS * _faster(ends)
    changed[bucket(wait)] = ends._replace(
        below=_within(ends.below - step * (LOWER - (waited < shown.low)), 0.0, FARTHEST),
        above=_within(ends.above + step * (UPPER - (waited <= shown.high)), 0.0, FARTHEST),
        cases=ends.cases + 1,
    )
    return changed


def _middle(calibration: Calibration, wait: Wait) -> float:
    return sum(calibration[name].middle for name in teachers(wait) if name in calibration)


def _faster(marks: Marks) -> float:
    return max(1.0, 3.0 - 2.0 * marks.cases / FIRST_CASES)


FARTHEST = 20.0
"""No mark goes beyond, whatever nonsense was reported."""


def _within(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)
