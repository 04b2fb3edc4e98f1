"""The rooms below, handed to every step of the journey by ``app``."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from cloudwindow.assist import Assist
from cloudwindow.bus import Buckets, Workers
from cloudwindow.domain.catalogue import Catalogue, ServiceItem
from cloudwindow.domain.errors import BadInput, NotFound
from cloudwindow.domain.notice import Notice
from cloudwindow.domain.search import Search
from cloudwindow.handover import Office
from cloudwindow.media.plane import OFF, Captioning, MediaPlane
from cloudwindow.media.recorder_archive import Archive
from cloudwindow.media.recorder_remote import RecorderStatus
from cloudwindow.media.relay import NO_RELAY, Relay
from cloudwindow.papers import Papers
from cloudwindow.queue import Line
from cloudwindow.records.appointments import Appointments
from cloudwindow.records.cases import Cases
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.left_forms import LeftForms
from cloudwindow.records.outbox import Outbox
from cloudwindow.records.people import People
from cloudwindow.records.third_parties import ThirdParties
from cloudwindow.records.visits import Visits
from cloudwindow.signaling import Hub
from cloudwindow.sms import DemoSms, SmsGateway
from cloudwindow.staff_auth import StaffPasswords
from cloudwindow.store import FileStore
from cloudwindow.vault import Vault


class Media(MediaPlane, Protocol):
    """The media plane with its choice of worker, so that all nodes can agree on one."""

    async def place(self, room: str) -> str:
        """Name the worker for ``room``: the one it is on, else the least loaded."""

    def adopt(self, room: str, worker: str) -> None:
        """Use the worker that all nodes agreed on."""


class Recorder(Protocol):
    """The recorder of the worker that holds a room; every call raises Unavailable("media_unavailable")."""

    async def start(self, room: str, *, recording: str, key: bytes, now: float) -> None:
        """Record ``room`` from now on. Raises BadInput, Conflict as ``RemoteRecorder.start``."""

    async def pause(self, room: str, reason: str) -> None:
        """Write nothing for now."""

    async def resume(self, room: str) -> None:
        """Go on."""

    async def stop(self, room: str) -> None:
        """End the recording."""

    async def status(self, room: str) -> RecorderStatus | None:
        """How it stands; None when the room is not recorded, or on no worker."""


class Stills(Protocol):
    """Photos that came through a call's data channel."""

    async def take(self, room: str, member: str, sha256: str) -> bytes:
        """Return the photo ``member`` has sent. Raises NotFound("unknown_still"), Unavailable."""


class NoStills:
    """A media plane through which no photos come."""

    async def take(self, room: str, member: str, sha256: str) -> bytes:
        """Raise NotFound("unknown_still")."""
        raise NotFound("unknown_still")


NO_STILLS = NoStills()


class Captions(Protocol):
    """What writes a call's words along, where an engine understands its language."""

    languages: frozenset[str]

    async def switch(self, room: str, member: str, language: str, *, on: bool) -> Captioning:
        """``member`` wants captions or not. Raises BadInput, Conflict, Unavailable as ``Captions.want``."""


class NoCaptions:
    """A media plane without any engine."""

    languages: frozenset[str] = frozenset()

    async def switch(self, room: str, member: str, language: str, *, on: bool) -> Captioning:
        """Raise BadInput("captions_unavailable"), or be off."""
        if on:
            raise BadInput("captions_unavailable")
        return OFF


NO_CAPTIONS = NoCaptions()

Printer = Callable[[Notice, str, str, bytes | None], Awaitable[bytes]]
"""(notice, language, address of the check page, photo) → PDF."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything a step may use; time and randomness among it."""

    ledger: Ledger
    people: People
    visits: Visits
    appointments: Appointments
    left_forms: LeftForms
    cases: Cases
    third_parties: ThirdParties
    outbox: Outbox
    assist: Assist
    office: Office
    line: Line
    hub: Hub
    workers: Workers
    buckets: Buckets
    media: Media
    catalogue: Catalogue
    search: Search
    vault: Vault
    store: FileStore
    papers: Papers
    sms: SmsGateway
    demo_sms: DemoSms | None
    passwords: StaffPasswords
    printer: Printer
    clock: Callable[[], float]
    random: Callable[[int], bytes]
    origin: str
    offer_seconds: float
    demo: bool
    archive: Archive
    recorder: Recorder | None
    """None where this site does not record."""
    quality_keep_days: float = 30.0
    relay: Relay = NO_RELAY
    stills: Stills = NO_STILLS
    captions: Captions = NO_CAPTIONS
    shows_supervisors: bool = True
    """Whether a citizen is shown that a supervisor is in their call; the agent always is."""

    def item_of(self, item: str, version: int | None = None) -> ServiceItem:
        """The item in the version a ticket or case was opened with."""
        return self.catalogue.item(item, version)
