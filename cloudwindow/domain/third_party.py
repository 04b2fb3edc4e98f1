"""
A third party (第三方): somebody who takes part in a call beside the citizen and the agent.

Rule 1: nobody comes by themselves. The agent of the call invites, a supervisor gives a reason.
Rule 2: whom a kind must be agreed to by the citizen meets nobody before, and the citizen may end it any time.
Rule 3: a third party's presence ends with the call, whatever else happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from cloudwindow.domain.errors import BadInput
from cloudwindow.domain.ids import SessionId, StaffId, TicketId
from cloudwindow.domain.machine import step


class Kind(StrEnum):
    """Who they are to the citizen; the words are also the roles of the media room."""

    INTERPRETER = "interpreter"
    FAMILY = "family"
    PRINCIPAL = "principal"
    EXPERT = "expert"
    LOCAL_COUNTER = "local_counter"
    SUPERVISOR = "supervisor"


class State(StrEnum):
    """Where their taking part stands."""

    INVITED = "invited"
    PRESENT = "present"
    ABSENT = "absent"
    ENDED = "ended"


class Event(StrEnum):
    """What can happen to it."""

    JOIN = "join"
    LOSE = "lose"
    LEAVE = "leave"
    REFUSE = "refuse"
    REMOVE = "remove"
    EXPIRE = "expire"


TRANSITIONS = {
    (State.INVITED, Event.JOIN): State.PRESENT,
    (State.ABSENT, Event.JOIN): State.PRESENT,
    (State.PRESENT, Event.LOSE): State.ABSENT,
    **{
        (state, event): State.ENDED
        for state in (State.INVITED, State.PRESENT, State.ABSENT)
        for event in (Event.LEAVE, Event.REFUSE, Event.REMOVE, Event.EXPIRE)
    },
}

LIMITS_SECONDS: Mapping[State, float] = {
    State.INVITED: 15 * 60.0,
    State.PRESENT: 4 * 3600.0,
    State.ABSENT: 10 * 60.0,
}
"""An invitation nobody follows, a page nobody reopens, end by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Powers:
    """
    What a kind may do, beside being in the call; media is ``media.rights``.

    ``invited``: by the agent, with a link. ``agreement``: the citizen is asked first. ``modes``: listens,
    whispers or joins. ``side_room``: may be taken into the private talk. ``writes``: lines into the chat.
    ``scans``: adds pages to the papers. ``prints``: the receipt and the notices of the case.
    """

    invited: bool = True
    agreement: bool = True
    modes: bool = False
    side_room: bool = False
    writes: bool = True
    scans: bool = False
    prints: bool = False


POWERS: Mapping[Kind, Powers] = {
    Kind.INTERPRETER: Powers(side_room=True),
    Kind.FAMILY: Powers(),
    Kind.PRINCIPAL: Powers(side_room=True),
    Kind.EXPERT: Powers(),
    Kind.LOCAL_COUNTER: Powers(scans=True, prints=True),
    Kind.SUPERVISOR: Powers(invited=False, agreement=False, modes=True, writes=False),
}
"""Rule: what a third party may do stands here; nothing else asks for a kind."""

INVITED_KINDS = tuple(kind for kind, powers in POWERS.items() if powers.invited)
MODES = ("listen", "whisper", "join")
AT_MOST = 4
"""A room takes six: the citizen, the agent and so many others."""
MEMBER = "third-"
"""How the media room's names of third parties begin."""
NAME_LIMIT = 40
REASON_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ThirdParty:
    """
    Times are seconds since the epoch. Only supervisors have ``staff``, ``reason`` and a ``mode`` that counts.

    ``agreed_at``: when the citizen agreed; a kind that need not be agreed to has the moment of its coming.
    """

    id: str
    session: SessionId
    ticket: TicketId
    kind: Kind
    name: str
    invited_by: StaffId
    invited_at: float
    staff: StaffId | None = None
    reason: str = ""
    mode: str = "join"
    state: State = State.INVITED
    agreed_at: float | None = None
    joined_at: float | None = None
    ended_at: float | None = None
    deadline: float | None = None
    version: int = 0

    @property
    def powers(self) -> Powers:
        """What they may do."""
        return POWERS[self.kind]

    @property
    def member(self) -> str:
        """Their name in the media room."""
        return f"{MEMBER}{self.id}"

    @property
    def live(self) -> bool:
        """Whether they may be in the call."""
        return self.state is not State.ENDED


def invite(
    id: str,
    session: SessionId,
    ticket: TicketId,
    kind: str,
    name: str,
    *,
    by: StaffId,
    now: float,
) -> ThirdParty:
    """An invitation by the agent. Raises BadInput third_party_unknown_kind or third_party_name_missing."""
    if kind not in INVITED_KINDS:
        raise BadInput("third_party_unknown_kind", field="kind")
    said = " ".join(name.split())
    if not said or len(said) > NAME_LIMIT or not said.isprintable():
        raise BadInput("third_party_name_missing", field="name")
    return ThirdParty(
        id=id,
        session=session,
        ticket=ticket,
        kind=Kind(kind),
        name=said,
        invited_by=by,
        invited_at=now,
        deadline=now + LIMITS_SECONDS[State.INVITED],
    )


def supervise(
    id: str, session: SessionId, ticket: TicketId, staff: StaffId, name: str, reason: str, *, now: float
) -> ThirdParty:
    """A supervisor comes to listen, for a reason. Raises BadInput("supervision_reason_missing")."""
    why = " ".join(reason.split())
    if not why or len(why) > REASON_LIMIT:
        raise BadInput("supervision_reason_missing", field="reason")
    return ThirdParty(
        id=id,
        session=session,
        ticket=ticket,
        kind=Kind.SUPERVISOR,
        name=name,
        invited_by=staff,
        invited_at=now,
        staff=staff,
        reason=why,
        mode="listen",
        agreed_at=now,
        deadline=now + LIMITS_SECONDS[State.INVITED],
    )


def advance(party: ThirdParty, event: Event, now: float) -> ThirdParty:
    """Move ``party``. Raises Conflict("state_forbids")."""
    state = step(TRANSITIONS, party.state, event)
    return replace(
        party,
        state=state,
        joined_at=party.joined_at or (now if event is Event.JOIN else None),
        ended_at=now if state is State.ENDED else None,
        deadline=now + LIMITS_SECONDS[state] if state in LIMITS_SECONDS else None,
        version=party.version + 1,
    )


def agree(party: ThirdParty, now: float) -> ThirdParty:
    """The citizen agrees; said twice is once."""
    if party.agreed_at is not None:
        return party
    return replace(party, agreed_at=now, version=party.version + 1)


def with_mode(party: ThirdParty, mode: str) -> ThirdParty:
    """Let a supervisor listen, whisper or join. Raises BadInput("supervision_mode_unknown")."""
    if mode not in MODES or not party.powers.modes:
        raise BadInput("supervision_mode_unknown", field="mode")
    return replace(party, mode=mode, version=party.version + 1)


def may_meet(party: ThirdParty) -> bool:
    """Whether they may be let into the room: not before the citizen agreed to a kind that needs it."""
    return party.live and (party.agreed_at is not None or not party.powers.agreement)


def reads(party: ThirdParty, *, private: bool) -> bool:
    """Whether what is written now reaches them: they are there, and in the private talk if there is one."""
    return party.state is State.PRESENT and may_meet(party) and (party.powers.side_room or not private)
