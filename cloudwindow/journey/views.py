"""
What the pages are shown: frozen values, already cut down to what this person may see.

Texts that come from the catalogue stay ``Text`` (both languages); templates choose with the ``tr`` filter.
Times are seconds since the epoch; templates format them with ``when``, ``clock`` and ``day``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudwindow.domain.catalogue import (
    Declaration,
    District,
    Field,
    MaterialRule,
    Section,
    ServiceItem,
    Text,
)
from cloudwindow.domain.match import Place
from cloudwindow.domain.session import CHOOSABLE, Outcome
from cloudwindow.domain.ticket import Ticket, callback_minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """One field: ``shown`` is the value as this person may see it, ``raw`` what a form control holds."""

    field: Field
    raw: Any
    shown: str
    standing: str
    author: str
    version: int
    hidden: bool
    masked: bool
    error_code: str | None = None
    error_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SectionView:
    """A titled group of fields; ``page`` 1 can be filled while waiting."""

    section: Section
    page: int
    fields: Sequence[FieldView]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperView:
    """One photographed page: ``url`` gives the picture, ``verdict`` is a code of the closed list."""

    id: str
    url: str
    verdict: str
    hints: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialView:
    """A required paper and what has been handed in for it."""

    rule: MaterialRule
    required: bool
    papers: Sequence[PaperView]
    settled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclarationView:
    """One declaration; only the citizen can tick it."""

    declaration: Declaration
    confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBackView:
    """The application in plain words: ``lines`` are (label, sentence), ``sha256`` is what is signed."""

    opening: Text
    lines: Sequence[tuple[str, str]]
    papers: Sequence[tuple[Text, int]]
    declarations: Sequence[DeclarationView]
    sha256: str
    all_declared: bool
    code_sent: bool
    code_sent_to: str
    signed_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCard:
    """Who is on the other side, as the citizen sees it."""

    name: str
    number: str
    district: District


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLine:
    """One line of chat; ``author`` is ``citizen``, ``agent`` or ``third``."""

    id: int
    author: str
    name: str
    text: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """
    What the citizen has done while waiting. ``devices`` is a code or ``unknown``.

    ``way``, ``kbit_up`` and ``silent`` as in DeviceReport; ``network`` sums them up: good, weak, blocked or
    unknown.
    """

    devices: str
    rtt_ms: int | None
    loss_percent: float | None
    fields_filled: int
    fields_needed: int
    papers_given: int
    papers_needed: int
    online: bool
    way: str = "unknown"
    kbit_up: int | None = None
    silent: bool = False
    network: str = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseStep:
    """One row of the story: ``kind`` is the event's name, ``by`` the organ or person, ``note`` free text."""

    at: float
    kind: str
    by: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """A notice or certificate as PDF."""

    id: str
    kind: str
    number: str
    url: str
    verification_code: str
    issued_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionView:
    """One thing to put right: a field or a material, and the standard it must meet."""

    target: str
    kind: str
    label: Text
    note: str
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRecording:
    """
    A recorded call as its citizen sees it; ``viewings``: how often staff were given leave to play it.

    ``keep_until``: all of it; ``evidence_until``: the evidence clips, None if they go with the rest.
    """

    at: float
    seconds: float
    state: str
    keep_until: float | None
    viewings: int
    evidence_until: float | None = None
    film_deleted_at: float | None = None
    deleted_at: float | None = None
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """A handed-in application; ``mode`` is authorised or transfer, ``organ`` the one that decides."""

    receipt: str
    state: str
    item: ServiceItem
    home: District
    street: str
    receiving: District | None
    organ: str
    mode: str
    applicant: str
    received_at: float | None
    due_at: float | None
    acknowledge_by: float | None
    steps: Sequence[CaseStep]
    documents: Sequence[DocumentView]
    corrections: Sequence[CorrectionView]
    reasons: str
    can_rate: bool
    rating: int | None
    recordings: Sequence[CaseRecording] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentMark:
    """The appointment behind a ticket, as staff and the waiting page are told of it."""

    starts_at: float
    arrived_at: float
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingMark:
    """
    What the pages of a call say of its recording: for how many ``days`` it is kept, and its clips of identity
    check, read-back and signature (``evidence_days``, at least as long); ``words`` of the consent.

    ``state``: asking (the citizen has not been asked yet), declined, starting, running, paused, broken (it
    stopped by itself, ``failure`` says why), off, or unavailable (this site does not record, or the call is
    ``in_writing``). ``since``: when the running one began. ``by_hand``: the agent has paused it. ``again``:
    another one may be begun now.
    """

    state: str
    days: int
    evidence_days: int
    may_decline: bool
    words: Text
    agreed: bool = False
    failure: str = ""
    since: float | None = None
    by_hand: bool = False
    again: bool = False
    in_writing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MatterView:
    """
    One of several matters of a ticket. ``state`` is now, open or done; ``receipt`` once it was handed in.

    ``now`` is the one the ticket stands at: prepared by the citizen, or handled in the call.
    """

    position: int
    name: Text
    item: str
    state: str
    outcome: str
    note: str
    receipt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingView:
    """
    The number and what it waits for: all that the panel ``ticket`` shows. ``stage`` as in StageChanged.

    ``home`` decides, the agents of ``window`` serve first, in its hours; mostly they are the same.
    ``held_until``: the promised time while it lies ahead, ``held_seconds`` from now; ``nearly``: their turn
    was announced; ``ring_minutes``: how long they are rung back.
    """

    ticket: Ticket
    stage: str
    version: int
    item: ServiceItem
    home: District
    window: District
    mobile: str
    place: Place | None
    place_known: bool
    open_now: bool
    next_opening: float | None
    resume_link: str
    agent: AgentCard | None
    return_by: float | None
    appointment: AppointmentMark | None = None
    held_until: float | None = None
    held_seconds: float = 0.0
    nearly: bool = False
    ring_minutes: int = callback_minutes()
    set_aside: "AsideView | None" = None
    matters: Sequence[MatterView] = ()

    @property
    def about(self) -> Text:
        """What the visit is about: the item, or all of them."""
        names = [one.name for one in self.matters] or [self.item.name]
        return Text(zh="、".join(one.zh for one in names), en=", ".join(one.en for one in names))


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitView(StandingView):
    """The citizen's page from the number to the receipt."""

    street: str
    applicant: str
    capacity: str
    principal: str | None
    waited_seconds: float
    recording: RecordingMark
    session: str | None
    peer_online: bool
    sections: Sequence[SectionView]
    materials: Sequence[MaterialView]
    readiness: Readiness
    chat: Sequence[ChatLine]
    read_back: ReadBackView | None
    case: CaseView | None
    outcome: str | None
    outcome_note: str
    captions: str = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideView:
    """
    A citizen who waits again after a call. ``kind`` is parked or passed_on.

    ``agent`` rings first, if one was named; ``until`` is the promised time of who is parked.
    """

    kind: str
    agent: AgentCard | None
    until: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferView:
    """
    What an agent sees before answering; ``ring`` as in ``domain.match``.

    ``preferred``: it asks for this very agent. ``served_before``: their last call was with this agent.
    ``promised_at``: when its citizen was to be rung, for ``aside_reason``. ``passed_on``: why another agent
    sent it here.
    """

    offer: str
    expires_at: float
    number: str
    item: ServiceItem
    home: District
    own_district: bool
    ring: int
    waited_seconds: float
    language: str
    mode: str
    capacity: str
    readiness: Readiness
    appointment: AppointmentMark | None = None
    priority: str = ""
    preferred: bool = False
    served_before: bool = False
    promised_at: float | None = None
    aside_reason: str = ""
    passed_on: str = ""
    matters: Sequence[Text] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceRow:
    """
    Somebody who waits, as an agent who takes by hand sees them: no name. ``priority`` may be empty.

    ``item`` names all matters of the ticket.
    """

    ticket: str
    number: str
    item: Text
    home: District
    waited_seconds: float
    priority: str
    promised_at: float | None
    language: str
    mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColleagueRow:
    """Another agent at work; ``state`` as in ``domain.presence``."""

    id: str
    name: str
    number: str
    district: District
    state: str
    languages: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnwardView:
    """Where a call can go on; ``parks`` are (minutes, the promised time)."""

    parks: Sequence[tuple[int, float]]
    languages: Sequence[str]
    modes: Sequence[str]
    districts: Sequence[District]
    colleagues: Sequence[ColleagueRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionView:
    """Who may decide what was received: ``organ`` in whose name, under which delegation."""

    mode: str
    organ: str
    delegation: str | None
    due_at: float | None
    can_decide: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionView:
    """
    The call as the agent sees it; personal numbers are masked.

    ``covered``: whether it may be handed in as far as its recording goes.
    """

    id: str
    state: str
    ticket: Ticket
    item: ServiceItem
    home: District
    street: str
    started_at: float
    joined_at: float | None
    applicant: str
    id_number: str
    mobile: str
    capacity: str
    principal: str | None
    recording: RecordingMark
    covered: bool
    peer_online: bool
    identity_checked: bool
    identity_result: str | None
    state_of_case: str
    sections: Sequence[SectionView]
    missing_fields: Sequence[str]
    unconfirmed_fields: Sequence[str]
    materials: Sequence[MaterialView]
    chat: Sequence[ChatLine]
    read_back: ReadBackView | None
    decision: DecisionView
    case: CaseView | None
    outcomes: Sequence[str]
    captions: str = "off"
    """Whether the call can be captioned, as in ``journey.captioning.standing``."""
    appointment: AppointmentMark | None = None
    matters: Sequence[MatterView] = ()

    @property
    def open_matters(self) -> Sequence[MatterView]:
        """What else this ticket is about and nobody has settled yet."""
        return [one for one in self.matters if one.state == "open"]

    @property
    def elsewhere_outcomes(self) -> Sequence[str]:
        """How a matter that was not opened may end: it was not handed in."""
        return [one.value for one in CHOOSABLE if one is not Outcome.SUBMITTED]

    @property
    def present_matter(self) -> MatterView | None:
        """The matter that is being handled, of several."""
        return next((one for one in self.matters if one.state == "now"), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffCard:
    """A member of staff: ``roles`` among agent, approver, district_admin, city_admin."""

    id: str
    name: str
    number: str
    district: District
    roles: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCard:
    """
    One of the calls of a desk; ``unanswered``: lines of the citizen since the agent's last one, the first of
    them at ``unanswered_since``.
    """

    session: str
    stage: str
    number: str
    applicant: str
    item: Text
    mode: str
    in_front: bool
    unanswered: int
    unanswered_since: float | None
    online: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskView:
    """
    The agent's page. ``stage`` as in StageChanged.

    ``pull``: takes by hand, from ``choices``. ``away_reason``: why the line holds them away. ``leaving``: why
    they will be away after this call. ``session`` is in front of all ``calls``. ``onward`` and ``choices``
    are looked up only when asked for.
    """

    staff: StaffCard
    stage: str
    version: int
    offer: OfferView | None
    session: SessionView | None
    waiting: int
    served_today: int
    pull: bool = False
    away_reason: str = ""
    leaving: str = ""
    shift_ends_at: float | None = None
    choices: Sequence[ChoiceRow] = ()
    onward: OnwardView | None = None
    calls: Sequence[CallCard] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRow:
    """One case in the approver's list; ``late`` names a passed deadline."""

    receipt: str
    item: ServiceItem
    applicant: str
    state: str
    from_district: District
    received_at: float
    acknowledge_by: float | None
    due_at: float | None
    late: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxView:
    """The approver's list; ``show`` is open, waiting (for the citizen) or closed."""

    staff: StaffCard
    show: str
    rows: Sequence[InboxRow]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxCaseView:
    """One case before the approver. ``actions`` are the events allowed now."""

    staff: StaffCard
    case: CaseView
    id_number: str
    mobile: str
    capacity: str
    principal: str | None
    lines: Sequence[tuple[str, str, str]]
    materials: Sequence[MaterialView]
    correctable: Sequence[tuple[str, str, Text]]
    consents: Sequence[tuple[str, float]]
    identity_method: str
    signed_at: float | None
    signature_url: str
    sha256: str
    duties: Sequence[tuple[str, str]]
    chain_intact: bool
    actions: Sequence[str]
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardRow:
    """Waiting people of one district or item: ``longest_seconds`` is None when nobody waits."""

    key: str
    name: Text
    waiting: int
    longest_seconds: float | None
    agents: Mapping[str, int] = field(default_factory=dict)
    today: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRecord:
    """
    How often a district's shown wait was right: ``share`` of ``cases``, None while they are too few to say.

    ``shown``: whether the district shows a wait at all.
    """

    name: Text
    shown: bool
    cases: int
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """One agent on the board; ``leaving``: why they will be away after it; ``call``: the running one."""

    id: str
    name: str
    number: str
    district: District
    state: str
    since: float
    leaving: str = ""
    shift_ends_at: float | None = None
    call: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LendingRow:
    """The agents of ``lender`` help ``borrower``; ``begun`` tells whether it is in force already."""

    id: str
    lender: District
    borrower: District
    starts_at: float
    ends_at: float
    begun: bool
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextsView:
    """The city's text messages: how many wait and for how long, and how many ended unsent within a day."""

    waiting: int
    oldest_seconds: float | None
    refused: int
    expired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardView:
    """
    The admin's live figures for ``scope`` (one district, or None for the whole city).

    ``lenders`` are the districts whose agents this admin may lend; ``lend_until`` offers (word, time) to end.
    ``today`` counts: taken, served, abandoned, missed, submitted, issued, handed_over; ``mean_wait_seconds``
    is over today's answered tickets.
    """

    staff: StaffCard
    scope: District | None
    at: float
    line_known: bool
    waiting: int
    longest_seconds: float | None
    by_item: Sequence[BoardRow]
    by_district: Sequence[BoardRow]
    agents: Mapping[str, int]
    agent_rows: Sequence[AgentRow]
    today: Mapping[str, int]
    mean_wait_seconds: float | None
    wait_records: Sequence[WaitRecord] = ()
    lendings: Sequence[LendingRow] = ()
    lenders: Sequence[District] = ()
    borrowers: Sequence[District] = ()
    lend_until: Sequence[tuple[str, float]] = ()
    texts: TextsView = TextsView(waiting=0, oldest_seconds=None, refused=0, expired=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyView:
    """What the public check page confirms of a document."""

    code: str
    kind: str
    number: str
    item: Text
    organ: str
    applicant: str
    issued_at: float
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAccount:
    """A marked demo sign-in."""

    account: str
    password: str
    totp: str
    name: str
    district: Text
    role: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyRow:
    """A third party of a call; ``link`` only for the agent, and until it is followed."""

    id: str
    kind: str
    name: str
    state: str
    agreed: bool
    refusable: bool
    mode: str
    link: str
    invited_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyView:
    """Who is in a call beside citizen and agent, and whether it is on hold or in a private talk."""

    session: str
    rows: Sequence[CompanyRow]
    hold_reason: str
    held_at: float | None
    side_room: bool
    may_invite: bool
    kinds: Sequence[str]
    hold_reasons: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestView:
    """What a third party's page shows: ``stage`` is waiting (for the citizen's word), in_call or ended."""

    me: CompanyRow
    stage: str
    agent: str
    district: Text | None
    number: str
    company: CompanyView
    recording: str = "off"
    """starting, running or paused while the call is recorded, else off."""
    writes: bool = False
    outside: bool = False
    """Whether the others talk in private."""
    papers: Sequence[MaterialView] = ()
    """For who may scan: which papers are asked for and how many pages there are, no pictures."""
    documents: Sequence[DocumentView] = ()
    """For who may print."""
