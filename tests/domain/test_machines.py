"""Every pair of state and event of every machine: the table decides, and nothing happens beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from cloudwindow.domain import (
    application,
    appointment,
    handover,
    left_form,
    outbox,
    presence,
    recording,
    session,
    ticket,
)
from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.domain.ids import (
    ApplicationId,
    CitizenId,
    DistrictCode,
    ItemId,
    SessionId,
    StaffId,
    TicketId,
)
from cloudwindow.domain.machine import allowed, diagram, final, step

NOW = 1_800_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One table with what must be true of it."""

    name: str
    table: Mapping[Any, Any]
    states: type[StrEnum]
    events: type[StrEnum]
    first: StrEnum
    final: frozenset[str]


MACHINES = (
    Machine(
        name="ticket",
        table=ticket.TRANSITIONS,
        states=ticket.State,
        events=ticket.Event,
        first=ticket.State.WAITING,
        final=frozenset({"done", "abandoned", "expired"}),
    ),
    Machine(
        name="appointment",
        table=appointment.TRANSITIONS,
        states=appointment.State,
        events=appointment.Event,
        first=appointment.State.BOOKED,
        final=frozenset({"arrived", "cancelled", "no_show", "withdrawn"}),
    ),
    Machine(
        name="left_form",
        table=left_form.TRANSITIONS,
        states=left_form.State,
        events=left_form.Event,
        first=left_form.State.FILLING,
        final=frozenset({"continued", "withdrawn", "expired"}),
    ),
    Machine(
        name="session",
        table=session.TRANSITIONS,
        states=session.State,
        events=session.Event,
        first=session.State.RINGING,
        final=frozenset({"closed"}),
    ),
    Machine(
        name="recording",
        table=recording.TRANSITIONS,
        states=recording.State,
        events=recording.Event,
        first=recording.State.STARTING,
        final=frozenset({"deleted"}),
    ),
    Machine(
        name="outbox",
        table=outbox.TRANSITIONS,
        states=outbox.State,
        events=outbox.Event,
        first=outbox.State.WAITING,
        final=frozenset({"sent", "refused", "expired"}),
    ),
    Machine(
        name="application",
        table=application.TRANSITIONS,
        states=application.State,
        events=application.Event,
        first=application.State.DRAFT,
        final=frozenset({"not_accepted", "approved", "denied", "withdrawn", "abandoned"}),
    ),
    Machine(
        name="handover",
        table=handover.TRANSITIONS,
        states=handover.State,
        events=handover.Event,
        first=handover.State.SENT,
        final=frozenset({"closed"}),
    ),
    Machine(
        name="presence",
        table=presence.TRANSITIONS,
        states=presence.State,
        events=presence.Event,
        first=presence.State.OFFLINE,
        final=frozenset(),
    ),
)
PAIRS = [
    pytest.param(machine, state, event, id=f"{machine.name}-{state}-{event}")
    for machine in MACHINES
    for state in machine.states
    for event in machine.events
]
each_machine = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)


@pytest.mark.parametrize(("machine", "state", "event"), PAIRS)
def test_a_pair_leads_where_its_row_says_and_is_refused_without_one(
    machine: Machine, state: StrEnum, event: StrEnum
) -> None:
    row = machine.table.get((state, event))
    if row is not None:
        assert step(machine.table, state, event) is row
        assert event in allowed(machine.table, state)
        return
    with pytest.raises(Conflict) as refused:
        step(machine.table, state, event)
    assert refused.value.code == "state_forbids"
    assert refused.value.values == {"state": state.value, "event": event.value}
    assert event not in allowed(machine.table, state)


@each_machine
def test_every_state_can_be_reached_from_the_first(machine: Machine) -> None:
    reached: set[StrEnum] = {machine.first}
    before: set[StrEnum] = set()
    while reached != before:
        before = set(reached)
        reached |= {to for (at, _), to in machine.table.items() if at in reached}
    assert reached == set(machine.states)


@each_machine
def test_every_event_can_happen_somewhere(machine: Machine) -> None:
    assert {event for _, event in machine.table} == set(machine.events)


@each_machine
def test_nothing_leads_out_of_the_final_states_and_something_out_of_the_others(machine: Machine) -> None:
    assert {state.value for state in final(machine.table, machine.states)} == machine.final


@each_machine
def test_a_final_state_can_be_reached_from_every_state(machine: Machine) -> None:
    ends = set(final(machine.table, machine.states)) or {machine.first}
    before: set[StrEnum] = set()
    while ends != before:
        before = set(ends)
        ends |= {at for (at, _), to in machine.table.items() if to in ends}
    assert ends == set(machine.states)


@each_machine
def test_the_diagram_shows_every_row_once(machine: Machine) -> None:
    lines = diagram(machine.table).splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert len(lines) == len(set(lines)) == len(machine.table) + 1


# --- ticket ----------------------------------------------------------------------------------------------


def a_ticket(state: ticket.State = ticket.State.WAITING, **values: Any) -> ticket.Ticket:
    return ticket.Ticket(
        id=TicketId("t"),
        number="H001",
        citizen=CitizenId("c"),
        application=ApplicationId("a"),
        item=ItemId("HR01"),
        item_version=1,
        home_district=DistrictCode("440114"),
        language="zh",
        mode="video",
        joined_at=NOW - 300,
        state=state,
        **values,
    )


@pytest.mark.parametrize("state", ticket.State)
@pytest.mark.parametrize("event", ticket.Event)
def test_whatever_happens_a_ticket_keeps_its_joining_time(state: ticket.State, event: ticket.Event) -> None:
    before = a_ticket(state, epoch=3, agent=StaffId("old"), version=7)
    if (state, event) not in ticket.TRANSITIONS:
        with pytest.raises(Conflict):
            ticket.advance(before, event, NOW)
        return
    after, effects = ticket.advance(before, event, NOW, agent=StaffId("new"))
    assert (after.joined_at, after.credit_seconds) == (before.joined_at, before.credit_seconds)
    assert after.version == 8
    assert after.epoch == (4 if event is ticket.Event.CALL else 3)
    assert (ticket.Effect.JOIN_LINE in effects) == (
        after.state is ticket.State.WAITING and event is not ticket.Event.CALL
    )
    assert after.state is not ticket.State.WAITING or after.agent is None


@pytest.mark.parametrize("state", ticket.State)
def test_every_state_of_a_ticket_but_the_final_ones_has_a_deadline(state: ticket.State) -> None:
    deadline = ticket.deadline_of(state, NOW)
    if state in ticket.LIVE:
        assert deadline is not None
        assert deadline > NOW
    else:
        assert deadline is None


@pytest.mark.parametrize("state", sorted(ticket.LIVE))
def test_what_a_tickets_deadline_asks_for_is_a_legal_move(state: ticket.State) -> None:
    for recalls in range(ticket.RECALLS + 1):
        assert (state, ticket.due(a_ticket(state, recalls=recalls))) in ticket.TRANSITIONS


def test_a_called_citizen_is_called_again_before_being_missed() -> None:
    called, _ = ticket.advance(a_ticket(), ticket.Event.CALL, NOW, agent=StaffId("a"))
    told = []
    while called.state is ticket.State.CALLED:
        told.append(ticket.due(called))
        called, _ = ticket.advance(called, told[-1], NOW)
    assert told == [ticket.Event.RECALL] * ticket.RECALLS + [ticket.Event.MISS]


@pytest.mark.parametrize("epoch", [0, 1, 5])
def test_a_call_older_than_the_last_is_refused(epoch: int) -> None:
    with pytest.raises(Conflict) as refused:
        ticket.advance(a_ticket(epoch=5), ticket.Event.CALL, NOW, agent=StaffId("a"), epoch=epoch)
    assert refused.value.code == "epoch_stale"


def test_a_call_takes_the_epoch_of_its_offer() -> None:
    called, _ = ticket.advance(a_ticket(epoch=5), ticket.Event.CALL, NOW, agent=StaffId("a"), epoch=9)
    assert called.epoch == 9


# --- session ---------------------------------------------------------------------------------------------


def a_session(state: session.State = session.State.RINGING) -> session.Session:
    return session.Session(
        id=SessionId("s"),
        ticket=TicketId("t"),
        application=ApplicationId("a"),
        citizen=CitizenId("c"),
        agent=StaffId("x"),
        epoch=1,
        room="r",
        started_at=NOW - 60,
        state=state,
    )


@pytest.mark.parametrize("state", session.State)
@pytest.mark.parametrize("event", session.Event)
def test_a_call_is_stamped_when_it_ends_and_never_before(state: session.State, event: session.Event) -> None:
    if (state, event) not in session.TRANSITIONS:
        with pytest.raises(Conflict):
            session.advance(a_session(state), event, NOW)
        return
    moved = session.advance(a_session(state), event, NOW)
    ends = state in session.OPEN and moved.state not in session.OPEN
    assert moved.ended_at == (NOW if ends else None)
    assert (moved.deadline is None) == (moved.state is session.State.CLOSED)


@pytest.mark.parametrize("outcome", session.Outcome)
@pytest.mark.parametrize("submitted", [True, False])
def test_an_outcome_may_not_claim_or_deny_a_submission_wrongly(
    outcome: session.Outcome, submitted: bool
) -> None:
    wrapping = a_session(session.State.WRAPPING_UP)
    if (outcome is session.Outcome.SUBMITTED) is submitted:
        closed = session.close(wrapping, outcome, " why ", NOW, submitted=submitted)
        assert (closed.outcome, closed.outcome_note) == (outcome, "why")
        return
    with pytest.raises(Conflict) as refused:
        session.close(wrapping, outcome, "why", NOW, submitted=submitted)
    assert refused.value.code == "outcome_not_true"


@pytest.mark.parametrize("outcome", sorted(session.NEEDS_NOTE))
def test_some_outcomes_need_a_reason(outcome: session.Outcome) -> None:
    with pytest.raises(BadInput) as refused:
        session.close(a_session(session.State.WRAPPING_UP), outcome, "  ", NOW, submitted=False)
    assert (refused.value.code, refused.value.field) == ("outcome_note_required", "note")


@pytest.mark.parametrize(
    "state", [state for state in session.State if state is not session.State.WRAPPING_UP]
)
def test_an_outcome_is_given_only_while_wrapping_up(state: session.State) -> None:
    with pytest.raises(Conflict) as refused:
        session.close(a_session(state), session.Outcome.CONSULTED, "", NOW, submitted=False)
    assert refused.value.code == "state_forbids"


# --- application -----------------------------------------------------------------------------------------


def an_application(state: application.State) -> application.Application:
    return application.Application(
        id=ApplicationId("a"),
        citizen=CitizenId("c"),
        item=ItemId("HR01"),
        item_version=1,
        home_district=DistrictCode("440114"),
        home_street="440114001",
        capacity="own",
        state=state,
        values={},
        declared={"truth": NOW - 5},
        readback_at=NOW - 9,
        readback_sha256="ab",
        signed_at=NOW - 3,
        signature_file="f",
        opened_at=NOW - 99,
    )


@pytest.mark.parametrize("state", application.State)
@pytest.mark.parametrize("event", application.Event)
def test_an_edit_after_the_draft_voids_the_signature_and_nothing_else_does(
    state: application.State, event: application.Event
) -> None:
    before = an_application(state)
    if (state, event) not in application.TRANSITIONS:
        with pytest.raises(Conflict):
            application.advance(before, event, NOW)
        return
    after = application.advance(before, event, NOW)
    voided = event is application.Event.EDIT and state is not application.State.DRAFT
    assert (after.signature_file is None) is voided
    assert (after.readback_sha256 is None) is voided
    assert (not after.declared) is voided
    assert after.version == before.version + 1


STAMPED = {
    application.Event.SIGN: "signed_at",
    application.Event.SUBMIT: "received_at",
    application.Event.ACKNOWLEDGE: "acknowledged_at",
    application.Event.ACCEPT: "accepted_at",
    application.Event.APPROVE: "decided_at",
    application.Event.DENY: "decided_at",
    application.Event.REFUSE_ACCEPTANCE: "decided_at",
}


@pytest.mark.parametrize(("state", "event"), sorted(application.TRANSITIONS))
def test_each_legal_step_leaves_its_own_date(state: application.State, event: application.Event) -> None:
    before = an_application(state)
    after = application.advance(before, event, NOW)
    dates = ("signed_at", "received_at", "acknowledged_at", "accepted_at", "decided_at")
    fresh = {name for name in dates if getattr(after, name) == NOW}
    assert fresh == ({STAMPED[event]} if event in STAMPED else set())


def test_what_was_handed_in_can_no_longer_be_edited_or_abandoned() -> None:
    for state in application.SUBMITTED:
        assert not {application.Event.EDIT, application.Event.ABANDON} & application.allowed_events(state)


# --- handover --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", handover.State)
@pytest.mark.parametrize("event", handover.Event)
def test_a_package_is_signed_for_once_by_a_named_approver(
    state: handover.State, event: handover.Event
) -> None:
    sent = handover.Handover(
        application=ApplicationId("a"),
        from_district=DistrictCode("440106"),
        to_district=DistrictCode("440114"),
        organ="o",
        sent_at=NOW - 60,
        acknowledge_by=NOW,
        due_at=NOW,
        state=state,
    )
    if (state, event) not in handover.TRANSITIONS:
        with pytest.raises(Conflict):
            handover.advance(sent, event, NOW, approver=StaffId("p"))
        return
    moved = handover.advance(sent, event, NOW, approver=StaffId("p"))
    signed = event is handover.Event.ACKNOWLEDGE
    assert (moved.acknowledged_by, moved.acknowledged_at) == (("p", NOW) if signed else (None, None))


# --- presence --------------------------------------------------------------------------------------------


def test_an_agent_can_be_offered_a_ticket_only_while_idle() -> None:
    assert [at for at, event in presence.TRANSITIONS if event is presence.Event.OFFER] == [
        presence.State.IDLE
    ]


def test_an_agent_in_a_call_can_neither_go_away_nor_sign_out_nor_vanish() -> None:
    assert allowed(presence.TRANSITIONS, presence.State.IN_CALL) == {
        presence.Event.ACCEPT,
        presence.Event.END_ONE,
        presence.Event.FINISH_ONE,
        presence.Event.END_CALL,
        presence.Event.RELEASE,
    }


def test_after_a_call_an_agent_must_finish_before_the_next() -> None:
    ways = {event for at, event in presence.TRANSITIONS if at is presence.State.IN_CALL}
    assert {presence.TRANSITIONS[presence.State.IN_CALL, way] for way in ways} == {
        presence.State.IN_CALL,
        presence.State.WRAP_UP,
    }
