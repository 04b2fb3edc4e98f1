"""
An application: the form, its papers, its signature, and its way through the organs (the case).

Rule 1: receipt, acceptance and decision are separate events by named organs (行政许可法 art. 32, 34, 38).
Rule 2: the agent proposes, the citizen confirms; only the citizen ticks a declaration or signs.
Rule 3: any change after the signature voids it.
Rule 4: one consolidated list of corrections (art. 32(4)).
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from cloudwindow.domain.ids import ApplicationId, CitizenId, DistrictCode, ItemId, MaterialId, StaffId
from cloudwindow.domain.machine import allowed, step


class State(StrEnum):
    """Where a case stands; domain.md §1.3."""

    DRAFT = "draft"
    READING_BACK = "reading_back"
    SIGNED = "signed"
    RECEIVED = "received"
    HANDED_OVER = "handed_over"
    ACKNOWLEDGED = "acknowledged"
    CORRECTION_REQUESTED = "correction_requested"
    ACCEPTED = "accepted"
    NOT_ACCEPTED = "not_accepted"
    APPROVED = "approved"
    DENIED = "denied"
    WITHDRAWN = "withdrawn"
    ABANDONED = "abandoned"


class Event(StrEnum):
    """What can happen to a case."""

    READ_BACK = "read_back"
    EDIT = "edit"
    SIGN = "sign"
    SUBMIT = "submit"
    HAND_OVER = "hand_over"
    ACKNOWLEDGE = "acknowledge"
    REQUEST_CORRECTION = "request_correction"
    CORRECT = "correct"
    ACCEPT = "accept"
    REFUSE_ACCEPTANCE = "refuse_acceptance"
    APPROVE = "approve"
    DENY = "deny"
    WITHDRAW = "withdraw"
    ABANDON = "abandon"


TRANSITIONS = {
    (State.DRAFT, Event.EDIT): State.DRAFT,
    (State.DRAFT, Event.READ_BACK): State.READING_BACK,
    (State.DRAFT, Event.ABANDON): State.ABANDONED,
    (State.READING_BACK, Event.EDIT): State.DRAFT,
    (State.READING_BACK, Event.SIGN): State.SIGNED,
    (State.READING_BACK, Event.ABANDON): State.ABANDONED,
    (State.SIGNED, Event.EDIT): State.DRAFT,
    (State.SIGNED, Event.SUBMIT): State.RECEIVED,
    (State.SIGNED, Event.ABANDON): State.ABANDONED,
    (State.RECEIVED, Event.HAND_OVER): State.HANDED_OVER,
    (State.RECEIVED, Event.ACCEPT): State.ACCEPTED,
    (State.RECEIVED, Event.REFUSE_ACCEPTANCE): State.NOT_ACCEPTED,
    (State.RECEIVED, Event.WITHDRAW): State.WITHDRAWN,
    (State.HANDED_OVER, Event.ACKNOWLEDGE): State.ACKNOWLEDGED,
    (State.HANDED_OVER, Event.WITHDRAW): State.WITHDRAWN,
    (State.ACKNOWLEDGED, Event.ACCEPT): State.ACCEPTED,
    (State.ACKNOWLEDGED, Event.REQUEST_CORRECTION): State.CORRECTION_REQUESTED,
    (State.ACKNOWLEDGED, Event.REFUSE_ACCEPTANCE): State.NOT_ACCEPTED,
    (State.ACKNOWLEDGED, Event.WITHDRAW): State.WITHDRAWN,
    (State.CORRECTION_REQUESTED, Event.CORRECT): State.ACKNOWLEDGED,
    (State.CORRECTION_REQUESTED, Event.REFUSE_ACCEPTANCE): State.NOT_ACCEPTED,
    (State.CORRECTION_REQUESTED, Event.WITHDRAW): State.WITHDRAWN,
    (State.ACCEPTED, Event.APPROVE): State.APPROVED,
    (State.ACCEPTED, Event.DENY): State.DENIED,
    (State.ACCEPTED, Event.WITHDRAW): State.WITHDRAWN,
}

FILLING = frozenset({State.DRAFT, State.READING_BACK, State.SIGNED})
SUBMITTED = frozenset(State) - FILLING - {State.ABANDONED}


class Standing(StrEnum):
    """What a value is worth: typed by an agent, or confirmed by the citizen."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"


class Verdict(StrEnum):
    """What the agent says of a paper; domain.md §2.5."""

    PENDING = "pending"
    OK = "ok"
    BLURRY = "blurry"
    CROPPED = "cropped"
    EXPIRED = "expired"
    WRONG_DOC = "wrong_doc"
    MISMATCH = "mismatch"
    UNSIGNED = "unsigned"
    NEED_ORIGINAL = "need_original"
    DEFERRED = "deferred"


PASSING = frozenset({Verdict.OK, Verdict.NEED_ORIGINAL, Verdict.DEFERRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One filled field: its canonical ``value``, who wrote it (citizen or agent), its standing."""

    field: str
    value: Any
    standing: Standing
    author_kind: str
    author: str
    at: float
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """
    One page of one required paper; ``file`` is an encrypted file, ``hints`` what the machine noticed.

    ``added_by`` is citizen, agent or third.
    """

    id: MaterialId
    rule: str
    file: str
    sha256: str
    width: int
    height: int
    hints: tuple[str, ...]
    added_by: str
    at: float
    verdict: Verdict = Verdict.PENDING
    verdict_by: StaffId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegate:
    """Somebody who acts for the applicant: name, ID number, mobile, relation and the mandate's scope."""

    name: str
    id_number: str
    mobile: str
    relation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A case. Numbers for people: ``receipt`` (secret enough to be a key) and the ticket's number."""

    id: ApplicationId
    citizen: CitizenId
    item: ItemId
    item_version: int
    home_district: DistrictCode
    home_street: str
    capacity: str
    state: State = State.DRAFT
    values: Mapping[str, Value]
    materials: Sequence[Material] = ()
    declared: Mapping[str, float]
    identity_checked_at: float | None = None
    identity_method: str | None = None
    identity_result: str | None = None
    readback_at: float | None = None
    readback_sha256: str | None = None
    signed_at: float | None = None
    signature_file: str | None = None
    receipt: str | None = None
    receiving_district: DistrictCode | None = None
    mode: str | None = None
    organ: str | None = None
    delegation: str | None = None
    received_at: float | None = None
    acknowledged_at: float | None = None
    accepted_at: float | None = None
    decided_at: float | None = None
    due_at: float | None = None
    corrections: Sequence[Mapping[str, str]] = ()
    correction_rounds: int = 0
    reasons: str = ""
    opened_at: float
    version: int = 0

    @property
    def submitted(self) -> bool:
        """Whether the application has been handed in."""
        return self.state in SUBMITTED


def advance(application: Application, event: Event, now: float) -> Application:
    """Move the case; an edit voids what followed the draft. Raises Conflict("state_forbids")."""
    state = step(TRANSITIONS, application.state, event)
    moved = replace(application, state=state, version=application.version + 1)
    if event is Event.EDIT and application.state is not State.DRAFT:
        return void(moved)
    return STAMPS[event](moved, now) if event in STAMPS else moved


def allowed_events(state: State) -> frozenset[Event]:
    """The events a case in ``state`` answers to."""
    return allowed(TRANSITIONS, state)


def _decided(application: Application, now: float) -> Application:
    return replace(application, decided_at=now)


STAMPS: Mapping[Event, Callable[[Application, float], Application]] = {
    Event.SIGN: lambda application, now: replace(application, signed_at=now),
    Event.SUBMIT: lambda application, now: replace(application, received_at=now),
    Event.ACKNOWLEDGE: lambda application, now: replace(application, acknowledged_at=now),
    Event.ACCEPT: lambda application, now: replace(application, accepted_at=now),
    Event.APPROVE: _decided,
    Event.DENY: _decided,
    Event.REFUSE_ACCEPTANCE: _decided,
}


def void(application: Application) -> Application:
    """Take back read-back, declarations and signature."""
    return replace(
        application,
        declared={},
        readback_at=None,
        readback_sha256=None,
        signed_at=None,
        signature_file=None,
    )


def summary_sha256(
    application: Application, form: bytes, declarations: Mapping[str, int], principal: Delegate | None
) -> str:
    """
    The digest that a signature binds: item and version, who applies for whom, form, papers, declarations.

    ``form`` is the canonical form (``fields.canonical``); ``declarations`` maps each key to the
    version of its text. Canonical JSON: sorted keys, UTF-8, no spaces.
    """
    summary = {
        "application": application.id,
        "citizen": application.citizen,
        "item": application.item,
        "item_version": application.item_version,
        "home": [application.home_district, application.home_street],
        "capacity": application.capacity,
        "principal": None if principal is None else [principal.name, principal.id_number, principal.relation],
        "form_sha256": hashlib.sha256(form).hexdigest(),
        "materials": sorted([paper.rule, paper.sha256] for paper in application.materials),
        "declarations": dict(sorted(declarations.items())),
    }
    text = json.dumps(summary, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
