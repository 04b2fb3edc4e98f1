"""
Every message that crosses a WebSocket is born here.

One flat JSON object per message; ``type`` names it. Requests may carry ``id`` (made by the browser); the
answer is ``ack`` or ``error`` with the same ``re``. ``docs/protocol.md`` describes them,
``web/js/lib/messages.js`` mirrors them, one test compares the three.

Direction is the base class: FromCitizen, FromAgent (InCall about one call), FromBoth (either side of a call),
ToCitizen, ToAgent, ToBoth (OfCall about one call), ToBoard.
"""

import dataclasses
import json
import types
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Union, get_args, get_origin, get_type_hints

from cloudwindow.domain.errors import Malformed


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """The root: ``type`` is the wire name."""

    type: ClassVar[str] = ""


class FromCitizen(Message):
    """Citizen → server."""


class FromAgent(Message):
    """Agent → server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FromBoth(Message):
    """Citizen or agent → server. ``session``: the call an agent means who holds several; else the newest."""

    session: str = ""


class ToCitizen(Message):
    """Server → citizen."""


class ToAgent(Message):
    """Server → agent."""


class ToBoth(Message):
    """Server → citizen and agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfCall(ToBoth):
    """Server → citizen and agent, about one call: to the agent with its ``session``, who may hold several."""

    session: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InCall(FromAgent):
    """Agent → server, about one of the agent's calls: ``session``, or the newest."""

    session: str = ""


class ToBoard(Message):
    """Server → the admin's board."""


# --- either side of a call -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOffer(FromBoth):
    """An SDP offer of the browser for the call or, while waiting, for the echo test (``purpose``)."""

    type: ClassVar[str] = "call.offer"
    purpose: str
    attempt: int
    sdp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReceiving(FromBoth):
    """The browser's SDP answer to the `call.receive` with the same `number`."""

    type: ClassVar[str] = "call.receiving"
    number: int
    sdp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPrepare(FromBoth):
    """Please name the ways to the media server: sent before the first offer and when they have grown old."""

    type: ClassVar[str] = "call.prepare"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDevices(FromBoth):
    """What the sender sends: camera and microphone on or off, and why not (``reason`` is a device code)."""

    type: ClassVar[str] = "call.devices"
    camera: bool
    microphone: bool
    reason: str = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHangUp(FromBoth):
    """The sender ends the call."""

    type: ClassVar[str] = "call.hang_up"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSay(FromBoth):
    """One line of text chat, at most 2,000 characters."""

    type: ClassVar[str] = "chat.say"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSet(FromBoth):
    """A field was edited: a proposal by the agent, final by the citizen. ``base`` is the version seen."""

    type: ClassVar[str] = "form.set"
    field: str
    value: Any
    base: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFocus(FromBoth):
    """The sender's cursor is in ``field``, or in none; a lease of a few seconds others can see."""

    type: ClassVar[str] = "form.focus"
    field: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatType(FromBoth):
    """The line being written, whole, again and again as it grows; shown to the other, kept nowhere."""

    type: ClassVar[str] = "chat.type"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionsSwitch(FromBoth):
    """The sender wants what is spoken in the call written along by a machine, or wants it no more."""

    type: ClassVar[str] = "captions.switch"
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuality(FromBoth):
    """
    What the sender's browser measured in the last five seconds; unknown is null.

    Losses are percent of packets sent and received, ``step`` is the picture's step, ``limit`` what holds it
    back (``none``, ``network``, ``device``), ``browser`` its family.
    """

    type: ClassVar[str] = "call.quality"
    loss_up: float | None
    loss_down: float | None
    rtt_ms: int | None
    kbit_up: int
    kbit_down: int
    width: int
    height: int
    step: str
    limit: str
    browser: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSetup(FromBoth):
    """
    How long joining took, in ms from its start: devices open, answer here, connected, first picture shown.

    ``occasion`` is ``join``, or ``repair`` after an interruption; a step that never came is null.
    """

    type: ClassVar[str] = "call.setup"
    occasion: str
    devices_ms: int | None
    answer_ms: int | None
    connected_ms: int | None
    picture_ms: int | None
    browser: str


# --- citizen → server -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FormConfirm(FromCitizen):
    """The citizen confirms the proposed value of ``field`` as it stands at ``version``."""

    type: ClassVar[str] = "form.confirm"
    field: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallJoin(FromCitizen):
    """The citizen answers a call that is written (mode ``text``): nothing is sent but words."""

    type: ClassVar[str] = "call.join"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclarationConfirm(FromCitizen):
    """The citizen ticks, or unticks, one declaration during the read-back."""

    type: ClassVar[str] = "declaration.confirm"
    key: str
    confirmed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceReport(FromCitizen):
    """
    Outcome of the device test: codes of ``devices.js``, round trip in ms, loss in percent, echo heard.

    ``way`` is how media reach us (``direct``, ``relayed``, ``blocked``), ``silent`` that the microphone gave
    no sound, ``speaker`` whether the test tone was heard (``ok``, ``no``, ``unknown``).
    """

    type: ClassVar[str] = "device.report"
    camera: str
    microphone: str
    echo: bool
    rtt_ms: int | None
    loss_percent: float | None
    way: str = "unknown"
    kbit_up: int | None = None
    silent: bool = False
    speaker: str = "unknown"


# --- agent → server ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAvailable(FromAgent):
    """The agent is ready for the next citizen; with ``pull`` only when they call one themselves."""

    type: ClassVar[str] = "agent.available"
    pull: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAway(FromAgent):
    """The agent takes no offers for now."""

    type: ClassVar[str] = "agent.away"
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStay(FromAgent):
    """The agent takes back the wish to go away after this call."""

    type: ClassVar[str] = "agent.stay"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferAccept(FromAgent):
    """The agent takes the offered ticket."""

    type: ClassVar[str] = "offer.accept"
    offer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferDecline(FromAgent):
    """The agent gives the offered ticket back to its old place, with a reason."""

    type: ClassVar[str] = "offer.decline"
    offer: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityCheck(InCall):
    """The agent compared face, card and answers; ``result`` is ``confirmed``, ``doubtful`` or ``failed``."""

    type: ClassVar[str] = "identity.check"
    method: str
    result: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialJudge(InCall):
    """The agent's verdict on one paper, from the closed list."""

    type: ClassVar[str] = "material.judge"
    material: str
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBackStart(InCall):
    """The form is complete: show it to the citizen in plain words."""

    type: ClassVar[str] = "read_back.start"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPoint(InCall):
    """The agent points at a place of the shared form: shares of the field's box, 0 to 1; null ends it."""

    type: ClassVar[str] = "form.point"
    field: str | None
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOutcome(InCall):
    """How the call ended; ``next`` is ``available`` or ``away``."""

    type: ClassVar[str] = "session.outcome"
    outcome: str
    note: str
    next: str


# --- server → either side ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack(ToBoth):
    """The request ``re`` is done and stored."""

    type: ClassVar[str] = "ack"
    re: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(ToBoth):
    """The request ``re`` was refused: stable ``code``, a sentence for the person, the ``field`` meant."""

    type: ClassVar[str] = "error"
    re: str | None
    code: str
    text: str
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(ToBoth):
    """First message on every connection: who you are to us, and the server's time in ms."""

    type: ClassVar[str] = "hello"
    role: str
    now_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChanged(ToBoth):
    """
    Where the visit (citizen) or the desk (agent) stands; sent on connecting and at every change.

    Citizen stages: waiting, called, in_call, on_hold, missed, ended. Agent stages: away, idle, offered,
    in_call, wrap_up; one message for each call an agent holds. ``session`` is set from the call on;
    ``peer_online`` tells whether the other side's page is connected. ``version`` grows; an older one is
    ignored. ``keeps_room``: the call was passed on and the citizen's connection stays as it is for the next
    agent.
    """

    type: ClassVar[str] = "stage.changed"
    stage: str
    version: int
    session: str | None
    peer_online: bool
    keeps_room: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelChanged(OfCall):
    """Server-rendered parts of the page to fetch again: form, materials, read_back, signature, case…"""

    type: ClassVar[str] = "panel.changed"
    panels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormChanged(OfCall):
    """
    One field's present state. ``shown`` is what this side may see (masked where it must be).

    ``standing`` is proposed, confirmed or empty; ``error_code``/``error_text`` come from the server's check;
    ``hidden`` tells that the field does not apply with the present answers.
    """

    type: ClassVar[str] = "form.changed"
    field: str
    shown: Any
    standing: str
    author: str
    version: int
    error_code: str | None
    error_text: str | None
    hidden: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFocused(OfCall):
    """The other side's cursor is in ``field`` (or in none) until ``seconds`` have passed."""

    type: ClassVar[str] = "form.focused"
    field: str | None
    by: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSaid(OfCall):
    """A line of chat; ``author`` is citizen, agent, third, or self at a third party's own page."""

    type: ClassVar[str] = "chat.said"
    id: int
    author: str
    name: str
    text: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTyped(OfCall):
    """What ``author`` (citizen or agent) is writing at this moment; empty when it was sent or taken back."""

    type: ClassVar[str] = "chat.typed"
    author: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionsChanged(OfCall):
    """
    How captions stand: ``state`` is off, starting, on, behind (words are missing) or stopped (broken off).

    ``mine`` tells whether this side switched them on; ``by`` names all who did: citizen, agent.
    """

    type: ClassVar[str] = "captions.changed"
    state: str
    mine: bool
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionsSaid(OfCall):
    """
    Words as a machine understood them, kept nowhere; told to who hears the speaker, and to the speaker.

    ``line`` names the stretch of speech, a higher ``version`` of it replaces a lower one, a ``final`` one is
    the last. ``kind`` and ``name`` are the speaker's, as in ``call.slots``; ``own``: it is this page's.
    """

    type: ClassVar[str] = "captions.said"
    line: int
    version: int
    kind: str
    name: str
    own: bool
    text: str
    final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerDevices(OfCall):
    """What the other side sends, and its reason if it does not; ``member`` if it is a third party."""

    type: ClassVar[str] = "peer.devices"
    camera: bool
    microphone: bool
    reason: str
    member: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAnswer(OfCall):
    """The media server's SDP answer to the offer with the same ``purpose`` and ``attempt``."""

    type: ClassVar[str] = "call.answer"
    purpose: str
    attempt: int
    sdp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReceive(OfCall):
    """
    The media server's SDP offer of the connection on which the call is received; only Janus has one apart.
    With `fresh` a new one, else the one there is. Answer with `call.receiving`.
    """

    type: ClassVar[str] = "call.receive"
    number: int
    sdp: str
    fresh: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWays(ToBoth):
    """
    The ways to the media server: ``servers`` as the browser's ``iceServers`` take them, good for new ways
    for ``good_for_seconds``. With ``relay_only`` no other way leads there.
    """

    type: ClassVar[str] = "call.ways"
    servers: Any
    relay_only: bool
    good_for_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRenegotiate(OfCall):
    """
    Please offer again: with ``more`` on the same connection, because somebody joined; else on a new one,
    because the media worker was replaced.
    """

    type: ClassVar[str] = "call.renegotiate"
    purpose: str
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSlots(ToBoth):
    """
    Who is in which of the receiving streams, in their order; null for an empty one.

    ``kind`` is citizen, agent or a third party's kind, ``name`` a third party's name.
    """

    type: ClassVar[str] = "call.slots"
    slots: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced(ToBoth):
    """Another tab or device has taken over; this connection ends with close code 4409."""

    type: ClassVar[str] = "replaced"


# --- server → citizen -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceChanged(ToCitizen):
    """
    How many are ahead among those one competes with, and the range of the wait; unknown, or hidden by the
    district, is null.
    """

    type: ClassVar[str] = "place.changed"
    ahead: int | None
    low_minutes: int | None
    high_minutes: int | None
    agents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPointed(ToCitizen):
    """The agent points at a place of the form; null ends it."""

    type: ClassVar[str] = "form.pointed"
    field: str | None
    x: float
    y: float


# --- server → agent ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerQuality(ToAgent):
    """What the citizen's browser measured in the last five seconds, as in ``call.quality``."""

    type: ClassVar[str] = "peer.quality"
    loss_up: float | None
    loss_down: float | None
    rtt_ms: int | None
    kbit_up: int
    kbit_down: int
    width: int
    height: int
    step: str
    limit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode(ToAgent):
    """Somebody opened the citizen's link elsewhere: read ``code`` to the citizen if it was them."""

    type: ClassVar[str] = "device.code"
    code: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMade(ToAgent):
    """A ticket rings at this desk; the offer panel holds the rest."""

    type: ClassVar[str] = "offer.made"
    offer: str
    expires_in_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferWithdrawn(ToAgent):
    """The offer has ended without this agent: expired, declined, or the citizen left (``reason``)."""

    type: ClassVar[str] = "offer.withdrawn"
    offer: str
    reason: str


# --- server → board ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardChanged(ToBoard):
    """The figures have moved: fetch the board's panels again."""

    type: ClassVar[str] = "board.changed"
    version: int


def _all(base: type[Message]) -> list[type[Message]]:
    """The messages below ``base``, once each: a dataclass with slots leaves its first draft behind."""
    found = [leaf for sub in base.__subclasses__() for leaf in ([sub] if sub.type else _all(sub))]
    return list({message.type: message for message in found}.values())


MESSAGES: dict[str, type[Message]] = {message.type: message for message in _all(Message)}
FROM_CITIZEN = frozenset(m.type for base in (FromBoth, FromCitizen) for m in _all(base))
FROM_AGENT = frozenset(m.type for base in (FromBoth, FromAgent) for m in _all(base))
FROM_THIRD_PARTY = frozenset(
    message.type
    for message in (
        CallPrepare,
        CallOffer,
        CallReceiving,
        CallDevices,
        CallHangUp,
        CallQuality,
        CallSetup,
        ChatSay,
    )
)
"""A third party talks, writes and measures; of form and papers they have nothing here."""

TEXT_LIMIT = 2_000
SDP_LIMIT = 32_768


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=dataclasses.asdict).encode


@cache
def _names_of(kind: type[Message]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def encode(message: Message) -> str:
    """One line of JSON."""
    kind = type(message)
    return _compact({"type": kind.type} | {name: getattr(message, name) for name in _names_of(kind)})  # type: ignore[arg-type]  # types hash


def decode(raw: Any, permitted: frozenset[str]) -> tuple[Message, str | None]:
    """
    Read one message of a person who may send ``permitted``; gives it with its request ``id``.

    ``raw`` is the parsed JSON. Raises Malformed("message_malformed") or Malformed("message_unknown").
    """
    if not isinstance(raw, dict) or not isinstance(raw.get("type"), str):
        raise Malformed("message_malformed")
    body = dict(raw)
    kind, request = body.pop("type"), body.pop("id", None)
    if kind not in permitted:
        raise Malformed("message_unknown")
    if request is not None and request_of(raw) is None:
        raise Malformed("message_malformed", field="id")
    shape = MESSAGES[kind]
    hints = get_type_hints(shape)
    fields = {field.name: field for field in dataclasses.fields(shape)}
    required = {name for name, field in fields.items() if field.default is dataclasses.MISSING}
    if not required <= body.keys() <= fields.keys():
        raise Malformed("message_malformed")
    for name, value in body.items():
        if not _fits(value, hints[name]) or (isinstance(value, str) and len(value) > _limit(name)):
            raise Malformed("message_malformed", field=name)
    made: Message = shape(**body)
    return made, request


def request_of(raw: Any) -> str | None:
    """The word that names the request ``raw``, if it carries a usable one: 1 to 64 letters."""
    word = raw.get("id") if isinstance(raw, dict) else None
    return word if isinstance(word, str) and 0 < len(word) <= 64 else None


def _limit(name: str) -> int:
    return SDP_LIMIT if name == "sdp" else TEXT_LIMIT


def _fits(value: Any, hint: Any) -> bool:
    if hint is Any:
        return isinstance(value, str | bool | int | float | list | dict | None)
    if get_origin(hint) in {Union, types.UnionType}:
        return any(_fits(value, one) for one in get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53
    return isinstance(value, hint)
