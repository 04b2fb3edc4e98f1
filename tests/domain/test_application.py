"""A case moves only as its table says; an edit voids the signature, and the digest binds everything."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from cloudwindow.domain.application import (
    FILLING,
    SUBMITTED,
    TRANSITIONS,
    Application,
    Delegate,
    Event,
    Material,
    State,
    Verdict,
    advance,
    allowed_events,
    summary_sha256,
)
from cloudwindow.domain.errors import Conflict
from cloudwindow.domain.ids import ApplicationId, CitizenId, DistrictCode, ItemId, MaterialId
from cloudwindow.domain.machine import final

NOON = 1_779_249_600.0


def page(rule: str, sha256: str = "a" * 64) -> Material:
    """One photographed page."""
    return Material(
        id=MaterialId(f"m-{rule}"),
        rule=rule,
        file="f",
        sha256=sha256,
        width=1,
        height=1,
        hints=(),
        added_by="citizen",
        at=NOON,
    )


def case(state: State = State.DRAFT, **more: Any) -> Application:
    """A case that was read back, declared and signed a minute before noon."""
    made = Application(
        id=ApplicationId("a1"),
        citizen=CitizenId("c1"),
        item=ItemId("HR01"),
        item_version=1,
        home_district=DistrictCode("440114"),
        home_street="440114001",
        capacity="own",
        state=state,
        values={},
        materials=(page("id_card"), page("portrait")),
        declared={"truth": NOON - 60},
        readback_at=NOON - 90,
        readback_sha256="b" * 64,
        signed_at=NOON - 60,
        signature_file="drawing",
        opened_at=NOON - 900,
        version=5,
    )
    return replace(made, **more)


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_pair_moves_as_the_table_says_or_is_refused(state: State, event: Event) -> None:
    if (state, event) not in TRANSITIONS:
        with pytest.raises(Conflict, match="state_forbids"):
            advance(case(state), event, NOON)
        assert event not in allowed_events(state)
        return
    after = advance(case(state), event, NOON)
    assert (after.state, after.version) == (TRANSITIONS[state, event], 6)
    assert event in allowed_events(state)


def test_a_case_is_being_filled_or_abandoned_or_submitted() -> None:
    assert frozenset(State) == FILLING | SUBMITTED | {State.ABANDONED}
    assert [state for state in State if case(state).submitted] == [s for s in State if s in SUBMITTED]


def test_a_decided_case_is_final() -> None:
    assert final(TRANSITIONS, State) == {
        State.NOT_ACCEPTED,
        State.APPROVED,
        State.DENIED,
        State.WITHDRAWN,
        State.ABANDONED,
    }


@pytest.mark.parametrize("state", [State.READING_BACK, State.SIGNED])
def test_an_edit_after_the_read_back_voids_declarations_and_signature(state: State) -> None:
    after = advance(case(state), Event.EDIT, NOON)
    assert after.state is State.DRAFT
    assert (after.declared, after.readback_at, after.readback_sha256) == ({}, None, None)
    assert (after.signed_at, after.signature_file) == (None, None)
    assert after.materials == case().materials


@pytest.mark.parametrize(
    ("state", "event", "stamp"),
    [
        (State.READING_BACK, Event.SIGN, "signed_at"),
        (State.SIGNED, Event.SUBMIT, "received_at"),
        (State.HANDED_OVER, Event.ACKNOWLEDGE, "acknowledged_at"),
        (State.ACKNOWLEDGED, Event.ACCEPT, "accepted_at"),
        (State.ACCEPTED, Event.APPROVE, "decided_at"),
        (State.ACCEPTED, Event.DENY, "decided_at"),
        (State.ACKNOWLEDGED, Event.REFUSE_ACCEPTANCE, "decided_at"),
    ],
)
def test_receipt_acceptance_and_decision_each_have_their_own_instant(
    state: State, event: Event, stamp: str
) -> None:
    before = case(state)
    after = advance(before, event, NOON)
    assert getattr(after, stamp) == NOON
    stamps = {"signed_at", "received_at", "acknowledged_at", "accepted_at", "decided_at"} - {stamp}
    assert all(getattr(after, one) == getattr(before, one) for one in stamps)


def sha(case_: Application, **more: Any) -> str:
    given: dict[str, Any] = {"form": b"{}", "declarations": {"truth": 1}, "principal": None} | more
    return summary_sha256(case_, given["form"], given["declarations"], given["principal"])


def test_the_digest_is_the_same_for_the_same_summary_in_any_order() -> None:
    turned = case(materials=(page("portrait"), page("id_card")))
    assert sha(case()) == sha(turned)
    assert sha(case(), declarations={"a": 1, "b": 2}) == sha(case(), declarations={"b": 2, "a": 1})
    judged = case(materials=tuple(replace(one, verdict=Verdict.OK) for one in case().materials))
    assert sha(case()) == sha(judged)


@pytest.mark.parametrize(
    "other",
    [
        case(id=ApplicationId("a2")),
        case(citizen=CitizenId("c2")),
        case(item=ItemId("PS01")),
        case(item_version=2),
        case(home_district=DistrictCode("440106")),
        case(home_street="440114002"),
        case(capacity="delegate"),
        case(materials=(page("id_card"),)),
        case(materials=(page("id_card"), page("portrait", "c" * 64))),
        case(materials=(page("id_card"), page("licence"))),
    ],
)
def test_the_digest_binds_case_item_place_and_papers(other: Application) -> None:
    assert sha(other) != sha(case())


def test_the_digest_binds_form_declarations_and_principal() -> None:
    principal = Delegate(name="李奶奶", id_number="1", mobile="", relation="child")
    digests = {
        sha(case()),
        sha(case(), form=b'{"a":1}'),
        sha(case(), declarations={"truth": 2}),
        sha(case(), declarations={}),
        sha(case(), principal=principal),
        sha(case(), principal=replace(principal, name="李爷爷")),
        sha(case(), principal=replace(principal, id_number="2")),
        sha(case(), principal=replace(principal, relation="spouse")),
    }
    assert len(digests) == 8
