"""
What the people of a run were told, and whether the ledger keeps it.

A *fact* is something the product acknowledged to somebody. The checks are pure: facts and the rows of the
ledger go in, sentences about broken promises come out, so that the checks can be tested themselves.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudwindow.domain.match import FULL, WEIGHTS, fits
from tests.nemesis.texts import Texts, text_violations

OVER = {"session.ended", "session.closed", "ticket.requeued", "ticket.released", "ticket.left"}
"""After one of these nobody holds the ticket's call any more."""
FINAL = {"ticket.done", "ticket.left", "ticket.expired"}
ENDED = {"done", "abandoned", "expired"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One acknowledgement; ``at`` is seconds of the run, ``what`` it was about."""

    kind: str
    at: float
    who: str
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRow:
    """A ticket as the ledger keeps it."""

    id: str
    number: str
    citizen: str
    item: str
    case: str
    joined_at: float
    state: str
    mode: str = "video"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A call as the ledger keeps it."""

    id: str
    ticket: str
    agent: str
    epoch: int
    state: str
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """What happened, in the order of the whole ledger."""

    id: int
    case: str
    seq: int
    kind: str
    actor: str
    at: float
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Everything the checks need of the ledger; ``broken`` are cases whose chain of hashes does not hold."""

    tickets: Sequence[TicketRow]
    sessions: Sequence[SessionRow]
    events: Sequence[EventRow]
    chat: Sequence[str] = ()
    broken: Sequence[str] = ()
    texts: Texts = field(default_factory=Texts)


@dataclass(slots=True)
class History:
    """The facts of a run, in the order they were acknowledged."""

    facts: list[Fact] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, kind: str, at: float, who: str, what: str = "") -> None:
        """Keep a fact."""
        self.facts.append(Fact(kind=kind, at=at, who=who, what=what))

    def count(self, what: str) -> None:
        """Count something for the report that is no fact."""
        self.seen[what] += 1

    def of(self, kind: str) -> list[Fact]:
        """The facts of one kind."""
        return [one for one in self.facts if one.kind == kind]


def violations(history: History, kept: Kept) -> list[str]:
    """Every promise that was broken, in words; empty if all hold."""
    return [
        *lost_tickets(history.of("number"), kept),
        *two_live_tickets(kept),
        *moved_joining_times(kept),
        *two_holders(kept),
        *two_calls_of_one_agent(kept),
        *lost_calls(history.of("accepted"), kept),
        *lost_outcomes(history.of("outcome"), kept),
        *lost_or_doubled_words(history.of("said"), kept),
        *taken_back(history.of("left"), kept),
        *(f"no code: {one.who} was told at {one.at:.1f} s that one is sent" for one in history.of("no code")),
        *text_violations(kept.texts, *told_by_text(kept)),
        *(f"chain: the events of case {case} are not as they were written" for case in kept.broken),
    ]


def told_by_text(kept: Kept) -> tuple[list[str], list[tuple[str, int]]]:
    """Whom the ledger says it told by text: tickets near their turn, and (ticket, epoch) of calls."""
    calls = {one.id: one for one in kept.sessions}
    nearly, rung = [], []
    for event in kept.events:
        if event.kind == "ticket.nearly_told" and event.payload.get("by") == "text":
            nearly.append(str(event.payload["ticket"]))
        elif event.kind == "ticket.rung_by_text" and event.payload.get("session") in calls:
            call = calls[event.payload["session"]]
            rung.append((call.ticket, call.epoch))
    return nearly, rung


def lost_tickets(numbers: Sequence[Fact], kept: Kept) -> Iterable[str]:
    """Every number that was shown is in the ledger, and belongs to one person."""
    by_number = {one.number: one for one in kept.tickets}
    owners: dict[str, set[str]] = defaultdict(set)
    people: dict[str, set[str]] = defaultdict(set)
    for told in numbers:
        ticket = by_number.get(told.what)
        if ticket is None:
            yield f"lost: {told.what}, acknowledged to {told.who} at {told.at:.1f} s, is not in the ledger"
            continue
        owners[told.who].add(ticket.citizen)
        people[ticket.citizen].add(told.who)
    for mapping, words in ((owners, "is several citizens"), (people, "is several people")):
        for one, others in mapping.items():
            if len(others) > 1:
                yield f"mixed up: {one} {words}: {sorted(others)}"


def two_live_tickets(kept: Kept) -> Iterable[str]:
    """Nobody holds two live tickets for one item, at any instant of the ledger."""
    holder = {one.id: f"{one.citizen}/{one.item}" for one in kept.tickets}
    live: dict[str, str] = {}
    for event in kept.events:
        ticket = str(event.payload.get("ticket", ""))
        key = holder.get(ticket)
        if key is None:
            continue
        if event.kind == "ticket.taken":
            if key in live:
                yield f"two live: {ticket} was taken while {live[key]} lived, both of {key}"
            live[key] = ticket
        elif event.kind in FINAL and live.get(key) == ticket:
            del live[key]


def moved_joining_times(kept: Kept) -> Iterable[str]:
    """A ticket's joining time is that of its first press."""
    taken = {one.payload["ticket"]: one.at for one in kept.events if one.kind == "ticket.taken"}
    for ticket in kept.tickets:
        if ticket.id not in taken:
            yield f"no beginning: {ticket.number} has no ticket.taken"
        elif abs(ticket.joined_at - taken[ticket.id]) > 1e-3:
            yield f"moved: {ticket.number} joined at {ticket.joined_at}, was taken at {taken[ticket.id]}"


def two_holders(kept: Kept) -> Iterable[str]:
    """Of one case at most one call runs at a time, and each has a higher epoch than the one before."""
    ticket_of = {one.id: one for one in kept.sessions}
    running: dict[str, str] = {}
    epochs: dict[str, int] = {}
    for event in kept.events:
        session = str(event.payload.get("session") or "")
        if event.kind == "session.started" and session in ticket_of:
            here = ticket_of[session]
            if event.case in running:
                yield f"two holders: {session} began while {running[event.case]} held case {event.case}"
            if here.epoch <= epochs.get(here.ticket, -1):
                yield f"epoch: {session} of {here.ticket} has {here.epoch} after {epochs[here.ticket]}"
            running[event.case], epochs[here.ticket] = session, here.epoch
        elif event.kind in OVER and (not session or running.get(event.case) == session):
            running.pop(event.case, None)


def two_calls_of_one_agent(kept: Kept) -> Iterable[str]:
    """An agent begins a call only if it fits beside those that are not closed."""
    agent_of = {one.id: one.agent for one in kept.sessions}
    mode_of = {one.id: one.mode for one in kept.tickets}
    modes = {one.id: mode_of.get(one.ticket, "video") for one in kept.sessions}
    busy: dict[str, list[str]] = defaultdict(list)
    for event in kept.events:
        session = str(event.payload.get("session") or "")
        agent = agent_of.get(session)
        if agent is None:
            continue
        if event.kind == "session.started":
            load = sum(WEIGHTS[modes[one]] for one in busy[agent])
            if not fits(load, modes[session], FULL):
                yield f"two calls: {agent} began {session} with {busy[agent]} not closed"
            busy[agent].append(session)
        elif event.kind == "session.closed" and session in busy[agent]:
            busy[agent].remove(session)


def lost_calls(accepted: Sequence[Fact], kept: Kept) -> Iterable[str]:
    """An acceptance that was acknowledged is a call of that agent with that epoch."""
    calls = {(one.agent, f"{one.ticket}/{one.epoch}") for one in kept.sessions}
    for told in accepted:
        if (told.who, told.what) not in calls:
            yield f"lost call: {told.who} was told at {told.at:.1f} s to have {told.what}"


def lost_outcomes(outcomes: Sequence[Fact], kept: Kept) -> Iterable[str]:
    """An outcome that was acknowledged closed that call with it."""
    calls = {one.id: one for one in kept.sessions}
    for told in outcomes:
        session, _, outcome = told.what.partition("=")
        here = calls.get(session)
        if here is None or (here.state, here.outcome) != ("closed", outcome):
            yield f"lost outcome: {told.what} of {told.who} at {told.at:.1f} s; the ledger has {here}"


def lost_or_doubled_words(said: Sequence[Fact], kept: Kept) -> Iterable[str]:
    """What was said in a call and acknowledged stands there once."""
    for told in said:
        times = kept.chat.count(told.what)
        if times != 1:
            yield f"words: «{told.what}» of {told.who} at {told.at:.1f} s stands there {times} times"


def taken_back(left: Sequence[Fact], kept: Kept) -> Iterable[str]:
    """Whoever was told to have left is not in the line any more."""
    states = {one.number: one.state for one in kept.tickets}
    for told in left:
        if states.get(told.what) not in ENDED:
            yield f"taken back: {told.what} left at {told.at:.1f} s and is {states.get(told.what)}"
