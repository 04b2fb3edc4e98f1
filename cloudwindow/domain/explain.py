"""
Why a ticket went to an agent: what an offer's ``why`` says, and whether it agrees with the rule it names.

Rule 1: an agent who became free gets the ticket with the lowest ``score + opening``; no ticket considered has
a lower one.
Rule 2: a ticket goes to the agent of the nearest open ring who holds the fewest calls, and of those to
whoever has been free longest; of the agents considered none stands nearer, and none in the same ring before.
Whoever passed the ticket on comes last.
Rule 3: what is not there is unknown, and what is unknown is not judged. Rows of every version can be read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cloudwindow.domain.match import OWN

SLACK_MS = 2.0
"""The scripts write figures with 14 digits and times in whole milliseconds."""


class Rule(StrEnum):
    """How an offer came about."""

    LONGEST_WAITING = "longest_waiting"
    LONGEST_IDLE = "longest_idle"
    PREFERRED = "preferred"
    NEXT = "next"
    PICKED = "picked"
    UNKNOWN = "unknown"


class Ending(StrEnum):
    """What became of an offer."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """
    One offer as the ledger keeps it: the ``epoch``-th of its ticket.

    ``why`` is canonical JSON. ``rule`` is empty and ``ring`` -1 while only the end of the offer is known.
    ``returned_at``: when the ticket stood in the line again, also after an acceptance without a call.
    """

    ticket: str
    epoch: int
    agent: str
    agent_district: str
    lane: str
    ring: int
    rule: str
    made_at: float
    why: str
    ended_at: float | None = None
    ending: str | None = None
    end_reason: str | None = None
    returned_at: float | None = None
    return_reason: str | None = None

    @property
    def home_district(self) -> str:
        """The district whose citizen it is about; empty if the row does not say."""
        return self.lane.split("|")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Somebody who came close: a ticket at the head of a lane, or a free agent. ``None`` is unknown."""

    lane: str | None = None
    ticket: str | None = None
    at_ms: float | None = None
    agent: str | None = None
    ring: int | None = None
    idle_ms: float | None = None
    load: int = 0
    passed_on: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """
    The reasons of an offer, read from its JSON; ``None`` is unknown.

    ``load``: what the agent's other calls weighed. ``passed_on``: they had passed the ticket on themselves,
    and nobody else at work could have taken it.
    """

    rule: Rule = Rule.UNKNOWN
    score_ms: float | None = None
    opened_ms: float | None = None
    waited_ms: float | None = None
    idle_ms: float | None = None
    credit_ms: float | None = None
    priority: str = ""
    reason: str = ""
    load: int = 0
    passed_on: bool = False
    considered: Sequence[Candidate] = field(default_factory=tuple)

    @property
    def at_ms(self) -> float | None:
        """When the ring opened for the ticket, in ms since the epoch: the figure that decides."""
        if self.score_ms is None or self.opened_ms is None:
            return None
        return self.score_ms + self.opened_ms


class Verdict(StrEnum):
    """What became of checking a decision."""

    CONSISTENT = "consistent"
    CONTRADICTED = "contradicted"
    BY_CHOICE = "by_choice"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``faults`` are codes; there is at least one when the verdict is ``contradicted``."""

    verdict: Verdict
    faults: tuple[str, ...] = ()


def read(text: str) -> Why:
    """What ``text`` says, whichever version wrote it; unreadable is unknown."""
    try:
        parts = json.loads(text)
    except ValueError:
        return Why()
    if not isinstance(parts, dict):
        return Why()
    rule = _rule(parts.get("rule"))
    figures = {name: _number(parts.get(name)) for name in ("score_ms", "opened_ms", "waited_ms", "idle_ms")}
    listed = parts.get("considered")
    return Why(
        rule=rule,
        credit_ms=_number(parts.get("credit_ms")),
        priority=_word(parts.get("priority")),
        reason=_word(parts.get("reason")),
        load=int(_number(parts.get("load")) or 0),
        passed_on=parts.get("passed_on") is True,
        considered=tuple(_candidate(one, rule) for one in (listed if isinstance(listed, list) else [])),
        **figures,
    )


def check(row: Assignment) -> Check:
    """Whether the decision of ``row`` follows from its own figures by the rule it names."""
    why = read(row.why)
    faults = [*_faults_of_row(row, why), *_faults_of_rule(row, why)]
    if faults:
        return Check(verdict=Verdict.CONTRADICTED, faults=tuple(faults))
    if why.rule in {Rule.PREFERRED, Rule.PICKED}:
        return Check(verdict=Verdict.BY_CHOICE)
    return Check(verdict=Verdict.CONSISTENT if _judged(row, why) else Verdict.UNKNOWN)


def lost_because(why: Why, one: Candidate, ring: int) -> str:
    """
    Why ``one`` did not win, as a code.

    ``later``, ``ring_farther``, ``passed_on`` (gave this ticket on), ``holds_more`` (calls), ``freed_later``
    or ``unknown``.

    ``contradicted``: by these figures it should have won.
    """
    if one.at_ms is not None and why.at_ms is not None:
        return "later" if one.at_ms >= why.at_ms - SLACK_MS else "contradicted"
    if one.passed_on:
        return "passed_on"
    if one.ring is None or one.idle_ms is None or why.idle_ms is None:
        return "unknown"
    if one.ring > ring:
        return "ring_farther"
    if one.ring == ring and one.load > why.load:
        return "holds_more"
    right = one.ring == ring and one.load == why.load and one.idle_ms <= why.idle_ms + SLACK_MS
    return "freed_later" if right else "contradicted"


def _judged(row: Assignment, why: Why) -> bool:
    """Whether every candidate could be compared, and the winner's own figure is known."""
    known = why.idle_ms is not None if why.rule is Rule.LONGEST_IDLE else why.at_ms is not None
    if why.rule is Rule.UNKNOWN or not known:
        return False
    return all(lost_because(why, one, row.ring) != "unknown" for one in why.considered)


def _faults_of_row(row: Assignment, why: Why) -> list[str]:
    """Columns and reasons must tell the same story."""
    faults = []
    if why.rule is not Rule.UNKNOWN and row.rule != why.rule:
        faults.append("rule_differs")
    if row.agent_district and row.home_district and row.ring >= 0:
        own = row.agent_district == row.home_district
        if own != (row.ring == OWN):
            faults.append("ring_differs")
    return faults


def _faults_of_rule(row: Assignment, why: Why) -> list[str]:
    faults = []
    if why.rule is Rule.PICKED and not why.reason:
        faults.append("reason_missing")
    by_the_clock = why.rule in {Rule.LONGEST_WAITING, Rule.LONGEST_IDLE}
    if by_the_clock and why.at_ms is not None and why.at_ms > row.made_at * 1000 + SLACK_MS:
        faults.append("ring_not_open")
    if why.rule in {Rule.LONGEST_WAITING, Rule.NEXT, Rule.LONGEST_IDLE} and any(
        lost_because(why, one, row.ring) == "contradicted" for one in why.considered
    ):
        faults.append("free_longer" if why.rule is Rule.LONGEST_IDLE else "came_earlier")
    return faults


def _candidate(one: Any, rule: Rule) -> Candidate:
    """One of the considered; the first version wrote its name only."""
    if isinstance(one, str):
        return Candidate(agent=one) if rule is Rule.LONGEST_IDLE else Candidate(lane=one)
    if not isinstance(one, Mapping):
        return Candidate()
    ring = _number(one.get("ring"))
    return Candidate(
        lane=_word(one.get("lane")) or None,
        ticket=_word(one.get("ticket")) or None,
        at_ms=_number(one.get("at_ms")),
        agent=_word(one.get("agent")) or None,
        ring=None if ring is None else int(ring),
        idle_ms=_number(one.get("idle_ms")),
        load=int(_number(one.get("load")) or 0),
        passed_on=one.get("passed_on") is True,
    )


def _rule(value: Any) -> Rule:
    try:
        return Rule(value)
    except ValueError:
        return Rule.UNKNOWN


def _number(value: Any) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    return float(value) if usable else None


def _word(value: Any) -> str:
    return value[:80] if isinstance(value, str) else ""
