"""A call moves only as its table says and ends with an outcome that is true."""

from itertools import product

import pytest

from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.domain.ids import ApplicationId, CitizenId, SessionId, StaffId, TicketId
from cloudwindow.domain.machine import final
from cloudwindow.domain.session import (
    CHOOSABLE,
    LIMITS_SECONDS,
    NEEDS_NOTE,
    OPEN,
    TRANSITIONS,
    Event,
    Outcome,
    Session,
    State,
    advance,
    close,
)

NOON = 1_779_249_600.0


def session(state: State = State.RINGING) -> Session:
    """A call that began to ring at noon."""
    return Session(
        id=SessionId("s1"),
        ticket=TicketId("t1"),
        application=ApplicationId("a1"),
        citizen=CitizenId("c1"),
        agent=StaffId("mei"),
        epoch=1,
        room="room",
        started_at=NOON,
        state=state,
    )


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_pair_moves_as_the_table_says_or_is_refused(state: State, event: Event) -> None:
    before = session(state)
    if (state, event) not in TRANSITIONS:
        with pytest.raises(Conflict, match="state_forbids"):
            advance(before, event, NOON + 5)
        return
    after = advance(before, event, NOON + 5)
    assert after.state is TRANSITIONS[state, event]
    assert after.version == before.version + 1
    limit = LIMITS_SECONDS.get(after.state)
    assert after.deadline == (None if limit is None else NOON + 5 + limit)
    ended = state in OPEN and after.state not in OPEN
    assert after.ended_at == (NOON + 5 if ended else None)


def test_only_a_closed_call_has_no_deadline_and_nothing_leads_out_of_it() -> None:
    assert final(TRANSITIONS, State) == {State.CLOSED} == frozenset(State) - LIMITS_SECONDS.keys()
    assert all((state, Event.EXPIRE) in TRANSITIONS for state in LIMITS_SECONDS)


def test_the_instant_of_joining_is_the_first_and_survives_a_loss() -> None:
    live = advance(session(), Event.CITIZEN_JOINS, NOON + 7)
    back = advance(advance(live, Event.SIDE_LOST, NOON + 60), Event.SIDE_BACK, NOON + 90)
    assert (back.state, back.joined_at, back.ended_at) == (State.LIVE, NOON + 7, None)


def test_a_lost_side_interrupts_a_call_and_does_not_end_it() -> None:
    lost = advance(session(State.LIVE), Event.SIDE_LOST, NOON)
    assert lost.state in OPEN
    assert lost.deadline == NOON + 180


def test_an_agent_cannot_choose_to_have_been_lost_or_to_have_transferred() -> None:
    assert frozenset(Outcome) - frozenset(CHOOSABLE) == {Outcome.AGENT_LOST, Outcome.TRANSFERRED}


@pytest.mark.parametrize(("outcome", "submitted"), list(product(Outcome, (True, False))))
def test_an_outcome_says_submitted_exactly_when_it_was(outcome: Outcome, submitted: bool) -> None:
    ending = session(State.WRAPPING_UP)
    if (outcome is Outcome.SUBMITTED) != submitted:
        with pytest.raises(Conflict, match="outcome_not_true"):
            close(ending, outcome, "note", NOON, submitted=submitted)
        return
    closed = close(ending, outcome, " note ", NOON, submitted=submitted)
    assert (closed.state, closed.outcome, closed.outcome_note) == (State.CLOSED, outcome, "note")


@pytest.mark.parametrize("outcome", sorted(frozenset(Outcome) - {Outcome.SUBMITTED}))
def test_outcomes_that_leave_something_open_need_a_note(outcome: Outcome) -> None:
    ending = session(State.WRAPPING_UP)
    if outcome in NEEDS_NOTE:
        with pytest.raises(BadInput, match="outcome_note_required") as told:
            close(ending, outcome, "  ", NOON, submitted=False)
        assert told.value.field == "note"
    else:
        assert close(ending, outcome, "", NOON, submitted=False).outcome is outcome


@pytest.mark.parametrize("state", sorted(frozenset(State) - {State.WRAPPING_UP}))
def test_an_outcome_is_given_only_in_the_wrap_up(state: State) -> None:
    with pytest.raises(Conflict, match="state_forbids"):
        close(session(state), Outcome.CONSULTED, "", NOON, submitted=False)
