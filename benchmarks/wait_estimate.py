"""
How well the shown waits hold, on simulated days that were not used for building the estimator.

``python -m benchmarks.wait_estimate [--quick]`` prints one line of JSON. Days 1,000 and up are kept for this.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from benchmarks.measure import machine
from benchmarks.simulation import (
    DISTRICTS,
    LANGUAGES,
    LUNCH,
    LUNCH_STAFF,
    MEAN_HANDLING,
    NEVER,
    SKILLS,
    City,
    Day,
    Policy,
    Ticket,
    city,
    demand_of_a_day,
)
from cloudwindow.domain.estimate import (
    Marks,
    Outlook,
    Sharing,
    Shift,
    Span,
    Wait,
    calibrated,
    has_credit,
    learnt,
)
from cloudwindow.domain.ids import StaffId
from cloudwindow.domain.load import Crew, LaneLoad
from cloudwindow.domain.match import AgentProfile, Lane

SNAPSHOT_SECONDS = 5.0
"""How old the loads may be that an estimate is made from."""
GOAL_ERROR, GOAL_WITHIN_3, GOAL_COVER = 0.15, 0.90, (0.78, 0.82)


@dataclass(slots=True)
class Shown:
    """One ticket's promise and its fate, in seconds."""

    ticket: Ticket
    at: float
    wait: Wait
    low: float
    point: float
    high: float
    simple: float


@dataclass(slots=True)
class Watcher:
    """Looks at a day as the product does: loads, crews, means; estimates, and learns from every wait."""

    place: City
    roster_known: bool = True
    marks: dict[str, Marks] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)
    _open: dict[int, Shown] = field(default_factory=dict)
    _outlook: tuple[float, Outlook, int] | None = None
    _sharing: tuple[int, Sharing] | None = None
    _lanes: dict[tuple[int, int], Lane] = field(default_factory=dict)

    def begin(self) -> None:
        """A new day: what was learnt stays, what was seen does not."""
        self.shown, self._open, self._outlook, self._sharing = [], {}, None, None

    def lane(self, home: int, kind: int) -> Lane:
        """A class at home in a district, as the product names it."""
        if (home, kind) not in self._lanes:
            self._lanes[home, kind] = Lane(
                home_district=DISTRICTS[home],
                skill=f"s{kind % SKILLS}",
                language=LANGUAGES[kind // SKILLS][0],
                mode="video",
            )
        return self._lanes[home, kind]

    def seen(self, day: Day, ticket: Ticket) -> None:
        """A ticket queues: promise it a range."""
        outlook, waiting = self._look(day)
        mine = self.lane(ticket.home, ticket.kind)
        waited = day.waited_seconds
        raw = outlook.expected_wait(
            mine,
            ticket.score,
            roster=_roster(day.now) if self.roster_known else (),
            leaving_rate=day.given_up / waited if waited > 36_000 else 0.0,
        )
        if raw is None:
            return
        wait = Wait(mine.home_district, mine.skill, has_credit(ticket.score, ticket.arrived), raw)
        span = calibrated(self.marks, wait)
        simple = (waiting + 1) * MEAN_HANDLING / sum(day.on_duty.values()) - (day.now - ticket.score)
        one = Shown(ticket, day.now, wait, *span, max(0.0, simple))
        self._open[ticket.number] = one
        self.shown.append(one)

    def met(self, day: Day, ticket: Ticket) -> None:
        """A promise has come true, or not: learn."""
        one = self._open.pop(ticket.number, None)
        if one is not None:
            shown = Span(one.low, one.point, one.high)
            self.marks.update(learnt(self.marks, one.wait, shown, ticket.waited))

    def _look(self, day: Day) -> tuple[Outlook, int]:
        on_duty = sum(day.on_duty.values())
        if self._sharing is None or self._sharing[0] != on_duty:
            self._sharing = on_duty, self._shared(day)
        if self._outlook is None or day.now - self._outlook[0] >= SNAPSHOT_SECONDS:
            loads = [
                LaneLoad(lane=self.lane(home, kind), waiting=len(scores), longest_since=scores[0])
                for (home, kind), scores in day.scores.items()
            ]
            means = {f"s{skill}": self.place.means[skill] for skill in range(SKILLS)}
            outlook = Outlook(loads, self._sharing[1], at=day.now, mean_of=means, usual_mean=MEAN_HANDLING)
            self._outlook = day.now, outlook, sum(load.waiting for load in loads)
        return self._outlook[1:]

    def _shared(self, day: Day) -> Sharing:
        crews = [
            Crew(profile=self._profile(district, desk), agents=agents)
            for (district, desk), agents in day.on_duty.items()
            if agents
        ]

        def opening(lane: Lane, helping: str) -> float:
            return NEVER if day.policy == "silo" and helping != lane.home_district else 0.0

        return Sharing(crews, opening)

    def _profile(self, district: int, desk: int) -> AgentProfile:
        kinds = self.place.desks[desk]
        return AgentProfile(
            agent=StaffId(f"{district}-{desk}"),
            district=DISTRICTS[district],
            skills=frozenset(f"s{kind % SKILLS}" for kind in kinds),
            languages=frozenset(LANGUAGES[kind // SKILLS][0] for kind in kinds),
        )


def _roster(now: float) -> tuple[Shift, ...]:
    """What every roster knows: lunch."""
    if now < LUNCH[0]:
        return Shift(LUNCH[0] - now, LUNCH_STAFF), Shift(LUNCH[1] - now, 1.0)
    return (Shift(LUNCH[1] - now, 1 / LUNCH_STAFF),) if now < LUNCH[1] else ()


def days(
    place: City,
    load: float,
    policy: Policy,
    *,
    learn: Sequence[int],
    test: Sequence[int],
    roster: bool = True,
) -> list[Shown]:
    """Play the days of ``learn``, then those of ``test``; what was shown on the latter to who was served."""
    watcher = Watcher(place, roster_known=roster)
    found: list[Shown] = []
    for seed in (*learn, *test):
        watcher.begin()
        tickets = demand_of_a_day(place, load=load, sigma=0.18, seed=seed)
        Day(place, tickets, policy, seen=watcher.seen, met=watcher.met).play()
        if seed in test:
            found += [one for one in watcher.shown if one.ticket.started < NEVER]
    return found


def figures(shown: Sequence[Shown]) -> dict[str, float]:
    """Mean wait and errors in minutes, shares from 0 to 1."""
    mean = fmean(one.ticket.waited for one in shown) / 60
    error = fmean(abs(one.point - one.ticket.waited) for one in shown) / 60
    lunch = [abs(one.point - one.ticket.waited) / 60 for one in shown if LUNCH[0] <= one.at < LUNCH[1]]
    return {
        "cases": len(shown),
        "mean_wait_min": round(mean, 2),
        "mae_min": round(error, 2),
        "mae_of_mean": round(error / mean, 3),
        "bias_min": round(fmean(one.point - one.ticket.waited for one in shown) / 60, 2),
        "uncorrected_mae_min": round(
            fmean(abs(one.wait.expected - one.ticket.waited) for one in shown) / 60, 2
        ),
        "city_rule_mae_min": round(fmean(abs(one.simple - one.ticket.waited) for one in shown) / 60, 2),
        "lunch_mae_min": round(fmean(lunch), 2) if lunch else 0.0,
        "within_3_min": round(fmean(abs(one.point - one.ticket.waited) <= 180 for one in shown), 3),
        "cover": round(fmean(one.low <= one.ticket.waited <= one.high for one in shown), 3),
        "below": round(fmean(one.ticket.waited < one.low for one in shown), 3),
        "above": round(fmean(one.ticket.waited > one.high for one in shown), 3),
        "width_min": round(fmean(one.high - one.low for one in shown) / 60, 2),
    }


def measure(*, quick: bool) -> tuple[dict[str, dict[str, float]], dict[str, bool]]:
    """Figures by load and what of our goals each reaches; the goals are judged at the waits people feel."""
    agents, loads = 300, (0.92,) if quick else (0.80, 0.88, 0.92, 0.95)
    learn, test = ((500, 501), (1000,)) if quick else ((500, 501, 502, 503), (1000, 1001, 1002))
    place = city(agents)
    found = {
        f"{agents} agents, load {load}": figures(days(place, load, "widen", learn=learn, test=test))
        for load in loads
    }
    if not quick:
        unknown = days(place, 0.92, "widen", learn=learn, test=test, roster=False)
        found[f"{agents} agents, load 0.92, roster unknown"] = figures(unknown)
    reached = {
        f"{goal}, {name}": value
        for name, one in found.items()
        for goal, value in {
            "mae": one["mae_of_mean"] <= GOAL_ERROR,
            "within_3_min": one["within_3_min"] >= GOAL_WITHIN_3,
            "cover": GOAL_COVER[0] <= one["cover"] <= GOAL_COVER[1],
        }.items()
    }
    return found, reached


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description="How well the shown waits hold on simulated days.")
    parser.add_argument("--quick", action="store_true", help="one load, one day")
    measured, reached = measure(quick=parser.parse_args().quick)
    print(
        json.dumps(
            {
                "bench": "wait_estimate",
                "measured": measured,
                "ratios": {
                    f"mae to city rule, {name}": round(one["mae_min"] / one["city_rule_mae_min"], 2)
                    for name, one in measured.items()
                },
                "reach": {"mae": GOAL_ERROR, "within_3_min": GOAL_WITHIN_3, "cover": GOAL_COVER},
                "reached": reached,
                "machine": machine(),
            },
            ensure_ascii=False,
        )
    )


if __name__ == "__main__":
    main()
