"""A ticket moves only as its table says, and never loses its place."""

from itertools import product

import pytest

from cloudwindow.domain.errors import Conflict
from cloudwindow.domain.ids import ApplicationId, CitizenId, DistrictCode, ItemId, StaffId, TicketId
from cloudwindow.domain.machine import final
from cloudwindow.domain.ticket import (
    HOLD_SECONDS,
    LIVE,
    MISSED_SECONDS,
    RECALLS,
    RING_SECONDS,
    TRANSITIONS,
    Effect,
    Event,
    State,
    Ticket,
    advance,
    deadline_of,
    due,
)

NOON = 1_779_249_600.0
MEI = StaffId("mei")


def ticket(state: State = State.WAITING, recalls: int = 0) -> Ticket:
    """A ticket that joined at noon."""
    return Ticket(
        id=TicketId("t1"),
        number="H001",
        citizen=CitizenId("c1"),
        application=ApplicationId("a1"),
        item=ItemId("HR01"),
        item_version=1,
        home_district=DistrictCode("440114"),
        language="zh",
        mode="video",
        joined_at=NOON,
        state=state,
        epoch=3,
        recalls=recalls,
        agent=MEI,
    )


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_pair_moves_as_the_table_says_or_is_refused(state: State, event: Event) -> None:
    before = ticket(state)
    if (state, event) not in TRANSITIONS:
        with pytest.raises(Conflict, match="state_forbids") as refused:
            advance(before, event, NOON + 5)
        assert refused.value.values == {"state": state.value, "event": event.value}
        return
    after, _ = advance(before, event, NOON + 5, agent=MEI)
    assert after.state is TRANSITIONS[state, event]
    assert after.version == before.version + 1
    assert (after.joined_at, after.credit_seconds) == (before.joined_at, before.credit_seconds)
    assert after.epoch >= before.epoch


def test_a_ticket_is_live_exactly_while_something_can_still_happen_to_it() -> None:
    assert frozenset(State) - final(TRANSITIONS, State) == LIVE
    assert [state for state in State if ticket(state).live] == [state for state in State if state in LIVE]


def test_every_state_that_is_not_final_has_a_deadline_and_a_final_one_has_none() -> None:
    for state in State:
        assert (deadline_of(state, NOON) is not None) == (state in LIVE)
    assert deadline_of(State.CALLED, NOON) == NOON + RING_SECONDS
    assert deadline_of(State.ON_HOLD, NOON) == NOON + HOLD_SECONDS
    assert deadline_of(State.MISSED, NOON) == NOON + MISSED_SECONDS


def test_what_a_passed_deadline_does_is_always_a_move_the_table_allows() -> None:
    for state in LIVE:
        assert (state, due(ticket(state))) in TRANSITIONS


def test_a_citizen_is_called_three_times_before_being_missed() -> None:
    ringing, _ = advance(ticket(), Event.CALL, NOON, agent=MEI)
    rung = 0
    while due(ringing) is Event.RECALL:
        ringing, _ = advance(ringing, Event.RECALL, NOON)
        rung += 1
    assert rung == RECALLS == 2
    missed, effects = advance(ringing, due(ringing), NOON)
    assert (missed.state, effects) == (State.MISSED, (Effect.LEAVE_LINE,))


def test_a_new_call_rings_anew_and_raises_the_epoch() -> None:
    rung = ticket(recalls=2)
    called, _ = advance(rung, Event.CALL, NOON, agent=StaffId("lan"))
    assert (called.epoch, called.recalls, called.agent) == (4, 0, "lan")


@pytest.mark.parametrize("epoch", [0, 2, 3])
def test_a_call_older_than_the_last_is_refused(epoch: int) -> None:
    with pytest.raises(Conflict, match="epoch_stale"):
        advance(ticket(), Event.CALL, NOON, agent=MEI, epoch=epoch)


def test_a_call_takes_the_epoch_of_its_offer_however_many_were_missed() -> None:
    called, _ = advance(ticket(), Event.CALL, NOON, agent=MEI, epoch=9)
    assert called.epoch == 9


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (State.CALLED, Event.RELEASE),
        (State.CALLED, Event.MISS),
        (State.SERVING, Event.REQUEUE),
        (State.ON_HOLD, Event.REQUEUE),
    ],
)
def test_a_ticket_that_is_with_nobody_has_no_agent(state: State, event: Event) -> None:
    assert advance(ticket(state), event, NOON)[0].agent is None


@pytest.mark.parametrize("event", [Event.ANSWER, Event.RECALL])
def test_a_ticket_in_a_call_keeps_its_agent(event: Event) -> None:
    assert advance(ticket(State.CALLED), event, NOON)[0].agent == MEI


def test_whoever_goes_back_into_the_line_joins_it_and_whoever_ends_leaves_it() -> None:
    for (state, event), to in TRANSITIONS.items():
        _, effects = advance(ticket(state), event, NOON, agent=MEI)
        joins = to is State.WAITING
        leaves = to in {State.MISSED, State.DONE, State.ABANDONED, State.EXPIRED}
        assert (Effect.JOIN_LINE in effects, Effect.LEAVE_LINE in effects) == (joins, leaves), (state, event)
