"""
A whole city at journey level: a real line, a real ledger, a clock that moves only when the test says so.

The media plane, the paper table and (unless asked for) the printer are small doubles behind the product's own
interfaces. Nothing runs in the background: ``Town.settle`` carries out what the watch would do by itself.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from io import BytesIO
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from PIL import Image, ImageDraw
from redis.asyncio import Redis

from cloudwindow import journey
from cloudwindow.app import FONTS, catalogue_of, furnished, printer_of
from cloudwindow.attendance import Attendance
from cloudwindow.bus import Workers
from cloudwindow.config import Config
from cloudwindow.domain.application import Application
from cloudwindow.domain.errors import BadInput, Unavailable
from cloudwindow.domain.fields import idno_check_character
from cloudwindow.domain.ids import DistrictCode, StaffId
from cloudwindow.domain.messages import (
    AgentAvailable,
    CallOffer,
    DeclarationConfirm,
    FormConfirm,
    FormSet,
    IdentityCheck,
    MaterialJudge,
    Message,
    OfferAccept,
    ReadBackStart,
    SessionOutcome,
)
from cloudwindow.domain.notice import Notice
from cloudwindow.domain.session import Session
from cloudwindow.domain.ticket import Ticket
from cloudwindow.journey import Journey
from cloudwindow.journey.calls import agent_topic, citizen_topic
from cloudwindow.journey.filling import Filler
from cloudwindow.journey.house import House
from cloudwindow.journey.views import DeskView, InboxCaseView, VisitView
from cloudwindow.media.meeting import checked, with_hold, with_mode, with_side_room
from cloudwindow.media.plane import Arrangement, MemberStats, Mode, RoomStats
from cloudwindow.notices import Press
from cloudwindow.papers import Hints, Paper, Papers, Signature
from cloudwindow.queue import connect
from cloudwindow.records import Connection as Ledgered
from cloudwindow.records import events
from cloudwindow.records.cases import Document
from cloudwindow.records.events import Event
from cloudwindow.records.keys import StoredReply
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.people import Staff, WebSession
from cloudwindow.signaling import Connection, Hub
from cloudwindow.staff_auth import StaffPasswords

HUADU, TIANHE, PANYU = (DistrictCode(code) for code in ("440114", "440106", "440113"))
XINHUA = "440114001"

WEDNESDAY_TEN = 1_779_242_400.0
"""2026-05-20, 10:00 in Guangzhou: a working day, in office hours."""

STEP_SECONDS = 5.0
"""Shorter than an agent's lease, so that connected desks stay known while time passes."""

HR01_ANSWERS: dict[str, Any] = {
    "employ_type": "flexible",
    "start_date": "2026-03-02",
    "trade": "leather",
    "work_addr": {"district": HUADU, "street": "440114109", "detail": "阳光路 8 号"},
    "delivery_method": "electronic",
}
PS01_ANSWERS: dict[str, Any] = {
    "hukou": "elsewhere",
    "living_addr": {"district": HUADU, "street": XINHUA, "detail": "建设路 12 号 301 房"},
    "since": "2024-02-01",
    "basis": "work",
    "employer": "花都皮具厂",
    "job_since": "2024-03-01",
    "delivery_method": "counter",
}
ANSWERS = {"HR01": HR01_ANSWERS, "PS01": PS01_ANSWERS}

CODE = re.compile(r"\b(\d{6})\b")


def id_number(serial: int, born: str = "19900307") -> str:
    """A valid identity number of nobody; ``serial`` tells people apart."""
    first = f"440114{born}{serial:03d}"
    return first + idno_check_character(first)


@cache
def photo_of(rule: str) -> bytes:
    """A small photograph that differs for each paper, as JPEG."""
    picture = Image.effect_noise((400, 300), 80)
    ImageDraw.Draw(picture).text((20, 20), rule)
    return _bytes_of(picture, "JPEG")


@cache
def drawn() -> bytes:
    """A drawn signature as PNG."""
    picture = Image.new("RGB", (600, 200), "white")
    ImageDraw.Draw(picture).line([(40, 150), (150, 40), (260, 150), (420, 60), (560, 120)], "black", 6)
    return _bytes_of(picture, "PNG")


def _bytes_of(picture: Image.Image, kind: str) -> bytes:
    kept = BytesIO()
    picture.save(kept, kind)
    return kept.getvalue()


# --- doubles ---------------------------------------------------------------------------------------------


class StillMedia:
    """A media plane without media: answers offers and remembers who is in which room."""

    def __init__(self) -> None:
        self.rooms: dict[str, set[str]] = {}
        self.arrangements: dict[str, Arrangement] = {}
        self.received: list[tuple[str, str, int, str]] = []
        self.slots: dict[str, tuple[str | None, ...]] = {}
        """Whom each member receives, as a test wants it told."""

    async def answer(
        self,
        room: str,
        member: str,
        *,
        role: str,
        offer: str,
        echo: bool = False,
        arrangement: Arrangement | None = None,
    ) -> str:
        """Let ``member`` in."""
        if arrangement is not None:
            self.arrangements[room] = arrangement
        if not offer.startswith("v=0"):
            raise BadInput("bad_sdp")
        self.rooms.setdefault(room, set()).add(member)
        return f"v=0 answer to {member}"

    async def receive(self, room: str, member: str, *, number: int, answer: str) -> None:
        """Remember the answer."""
        self.received.append((room, member, number, answer))

    async def remove(self, room: str, member: str) -> None:
        """Forget ``member``."""
        self.rooms.get(room, set()).discard(member)

    async def close(self, room: str) -> None:
        """Forget ``room``."""
        self.rooms.pop(room, None)

    async def stats(self, room: str) -> RoomStats:
        """Nothing flows."""
        members = (
            MemberStats(member=name, role="", connected=True, slots=slots)
            for name, slots in self.slots.items()
        )
        return RoomStats(room=room, members=tuple(members))

    async def arrange(self, room: str, arrangement: Arrangement) -> None:
        """Remember how the room stands."""
        self.arrangements[room] = checked(arrangement, ())

    async def hold(self, room: str, reason: str | None, *, member: str | None = None) -> None:
        """Remember a hold."""
        await self.arrange(room, with_hold(self._stands(room), reason, member))

    async def side_room(self, room: str, members: Collection[str]) -> None:
        """Remember a side room."""
        await self.arrange(room, with_side_room(self._stands(room), members))

    async def mode(self, room: str, member: str, mode: Mode) -> None:
        """Remember a mode."""
        await self.arrange(room, with_mode(self._stands(room), member, mode))

    def _stands(self, room: str) -> Arrangement:
        return self.arrangements.get(room, Arrangement())

    async def drain(self, worker: str) -> None:
        """Nothing flows away."""

    async def place(self, room: str) -> str:
        """There is one worker."""
        return "still"

    def adopt(self, room: str, worker: str) -> None:
        """There is one worker."""


class QuickPapers(Papers):
    """The paper table without its child process: what is sent is kept."""

    async def reencode(self, raw: bytes) -> Paper:
        """Keep ``raw``."""
        hints = Hints(sharpness=300.0, blurry=False, dark=False, small=False)
        return Paper(jpeg=raw, width=1200, height=800, hints=hints)

    async def signature_png(self, raw: bytes) -> Signature:
        """Keep ``raw``; nothing drawn is nothing signed."""
        if not raw:
            raise BadInput("signature_empty")
        return Signature(png=raw, width=600, height=200)


@dataclass(slots=True)
class Printer:
    """Prints the notice's number; can be broken."""

    broken: Exception | None = None
    printed: list[Notice] = field(default_factory=list)

    async def __call__(self, notice: Notice, language: str, address: str, photo: bytes | None) -> bytes:
        if self.broken is not None:
            raise self.broken
        self.printed.append(notice)
        return f"%PDF {notice.number} {address}".encode()


class Page(Connection):
    """An open page that remembers what it was told."""

    def __init__(self, topic: str) -> None:
        self.closed_with: int | None = None
        self.told: list[dict[str, Any]] = []
        self.news = asyncio.Event()
        super().__init__(
            topic=topic,
            socket=cast(Any, SimpleNamespace(close=self._close)),
            sentence=lambda error: error.code,
        )

    async def _close(self, *, code: int) -> None:
        self.closed_with = code

    def pass_on(self, frame: bytes) -> None:
        """Remember the message in a frame of text."""
        head = {126: 4, 127: 10}.get(frame[1], 2)
        self.told.append(json.loads(frame[head:]))
        self.news.set()

    def last(self, kind: str) -> dict[str, Any]:
        """The newest message of ``kind``."""
        return next(one for one in reversed(self.told) if one["type"] == kind)

    def kinds(self) -> list[str]:
        """What it was told, in order."""
        return [one["type"] for one in self.told]


class Pages(Hub):
    """The hub with pages that need no socket."""

    def open(self, topic: str) -> Page:
        """A page that listens to ``topic``."""
        page = Page(topic)
        self._list(page)
        return page

    def shut(self, page: Page) -> None:
        """The page is gone."""
        self._strike(page)


# --- the town --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Town:
    """Everything a story needs; ``now`` is seconds since the epoch."""

    redis: Redis
    pages: Pages
    media: StillMedia
    printer: Printer
    now: float = WEDNESDAY_TEN
    made: Journey = field(init=False)
    _heard: str = "0-0"
    _people: Any = field(default_factory=lambda: count(1))

    @property
    def house(self) -> House:
        """The rooms."""
        return self.made.house

    # --- time

    async def settle(self) -> None:
        """Carry out what is due now, until nothing is."""
        for _ in range(20):
            await self._line_duties()
            await self.made.watch._due()
            if not await self._news():
                return
        raise AssertionError("the town does not come to rest")

    async def _line_duties(self) -> None:
        try:
            while await self.house.line.tick(now=self.now):
                pass
        except Unavailable:
            return

    async def _news(self) -> int:
        try:
            fresh = await self.house.line.history(self._heard)
        except Unavailable:
            return 0
        for one in fresh:
            self._heard = one.id
            await self.made.watch._hear(one)
        return len(fresh)

    async def sweep(self) -> None:
        """What the watch does every five seconds, and everything it leads to."""
        await self.made.watch._sweep()
        await self.settle()

    async def pass_time(self, seconds: float) -> None:
        """Let time pass; connected desks keep their heartbeat."""
        until = self.now + seconds
        steps = 0
        while self.now < until:
            self.now = min(until, self.now + STEP_SECONDS)
            steps += 1
            await self.made.watch._beat()
            await self._line_duties()
            if steps % 4 == 0 or await self._news():
                await self.settle()
        await self.settle()

    # --- people

    async def desk(
        self,
        account: str,
        district: DistrictCode = HUADU,
        *,
        role: str = "agent",
        skills: tuple[str, ...] | None = None,
    ) -> "Desk":
        """Somebody of the staff, not yet at work; able to do everything unless ``skills`` say what."""
        items = self.house.catalogue.items
        staff = Staff(
            id=StaffId(account),
            account=account,
            name="陈晓敏",
            number=account.upper()[:16],
            district=district,
            roles=(role,),
            skills=tuple(sorted({item.skill_group for item in items})) if skills is None else skills,
            languages=("zh", "yue", "en"),
            modes=("video", "audio", "text"),
            demo=True,
            active=True,
        )

        async def work(conn: Ledgered) -> None:
            await self.house.people.add_staff(conn, staff, password_hash="none", totp_secret="none")

        await self.house.ledger.write(work)
        return Desk(town=self, staff=staff)

    async def agent(self, account: str, district: DistrictCode = HUADU) -> "Desk":
        """An agent at work, free for the next citizen."""
        desk = await self.desk(account, district)
        await desk.open()
        await desk.say(AgentAvailable())
        return desk

    async def visitor(self, item: str = "HR01", **typed: str) -> "Visitor":
        """A browser with the form «about you» filled in, not yet sent."""
        serial = next(self._people)
        token, _ = await self.made.door.new_citizen()
        about = {
            "home_district": HUADU,
            "home_street": XINHUA,
            "capacity": "own",
            "call_language": "zh",
            "mode": "video",
            "name": "王小明",
            "id_number": id_number(serial),
            "mobile": f"1380000{serial:04d}",
        }
        return Visitor(town=self, token=token, item=item, about=about | typed)

    async def citizen(self, item: str = "HR01", **typed: str) -> "Visitor":
        """A citizen with a number and an open page, taken a second after whatever happened last."""
        self.now += 1
        visitor = await self.visitor(item, **typed)
        await visitor.take_number()
        await visitor.open()
        await self.settle()
        return visitor

    async def in_call(self, item: str = "HR01", **typed: str) -> tuple["Visitor", "Desk"]:
        """A citizen and an agent of the same district, who hear and see each other."""
        desk = await self.agent(f"mei{next(self._people)}")
        visitor = await self.citizen(item, **typed)
        await desk.accept()
        await visitor.join()
        return visitor, desk

    # --- the ledger

    async def ticket(self, ticket: str) -> Ticket:
        """The ticket as the ledger has it."""
        async with self.house.ledger.read() as conn:
            return await self.house.visits.ticket(conn, ticket)

    async def session(self, ticket: str) -> Session:
        """The ticket's last call."""
        async with self.house.ledger.read() as conn:
            found = await self.house.visits.session_of_ticket(conn, ticket)
        assert found is not None
        return found

    async def case(self, application: str) -> Application:
        """The case as the ledger has it."""
        async with self.house.ledger.read() as conn:
            return await self.house.cases.case(conn, application)

    async def story(self, application: str) -> list[Event]:
        """What happened to a case; its chain must hold."""
        async with self.house.ledger.read() as conn:
            assert await events.verify(conn, application) is None
            return await events.story(conn, application)

    async def documents(self, application: str) -> list[Document]:
        """The notices of a case, once everything that waits is printed."""
        await self.made.printing.print_pending()
        async with self.house.ledger.read() as conn:
            return list(await self.house.cases.documents(conn, application))

    async def kinds(self, application: str) -> list[str]:
        """The kinds of what happened to a case, in order."""
        return [one.kind for one in await self.story(application)]

    def code_to(self, mobile: str) -> str:
        """The six digits of the newest message to ``mobile``."""
        assert self.house.demo_sms is not None
        text = next(one.text for one in self.house.demo_sms.sent() if one.mobile == mobile)
        found = CODE.search(text)
        assert found is not None
        return found[1]


CONFIG = Config(always_open=False)
CATALOGUE = catalogue_of(CONFIG)


@asynccontextmanager
async def opened_town(
    folder: Path, ledger: Ledger, redis_url: str, *, real: bool = False
) -> AsyncIterator[Town]:
    """A town with its data in ``folder``; ``real``: with the product's own printer and paper table."""
    redis = connect(redis_url)
    config = replace(CONFIG, data_dir=folder)
    passwords = cast(StaffPasswords, None)  # nobody signs in with a password here
    media, printer = StillMedia(), Printer()
    pages = Pages(_nobody_else, Attendance("here"), time.monotonic)
    town = Town(redis=redis, pages=pages, media=media, printer=printer)
    press = Press(config.web_dir / FONTS) if real else None
    printing = printer_of(press) if press else printer
    house = furnished(config, redis, ledger, pages, Workers(redis), media, passwords, CATALOGUE, printing)
    if not real:
        house = replace(house, papers=QuickPapers())
    town.made = journey.build(replace(house, clock=lambda: town.now))
    await town.made.watch._sweep()
    try:
        yield town
    finally:
        if press is not None:
            press.close()
        await redis.aclose()


async def _nobody_else(topic: str, payload: str) -> None:
    """There is one node."""


# --- people ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Visitor:
    """A citizen and their browser."""

    town: Town
    token: str
    item: str
    about: dict[str, str]
    page: Page | None = None
    ticket: str = ""
    application: str = ""

    async def browser(self) -> WebSession:
        """The session of the cookie, read anew as every request does."""
        session = await self.town.made.door.citizen(self.token)
        assert session is not None
        return session

    async def begin(self) -> None:
        """Send the form «about you»; the phone receives a code."""
        await self.town.made.intakes.begin(await self.browser(), self.item, self.about)

    async def take(self, code: str | None = None) -> Ticket:
        """Enter the code and take a number."""
        return await self.town.made.intakes.take_ticket(
            await self.browser(),
            self.item,
            code=code or self.town.code_to(self.about["mobile"]),
            recording=True,
            language="zh-CN",
        )

    async def take_number(self) -> Ticket:
        """From the form to the number."""
        await self.begin()
        ticket = await self.take()
        self.ticket, self.application = ticket.id, ticket.application
        return ticket

    async def open(self) -> None:
        """The page connects."""
        self.page = self.town.pages.open(citizen_topic(self.ticket))
        await self.town.made.visits.opened(self.ticket)

    async def shut(self) -> None:
        """The page is gone."""
        assert self.page is not None
        self.town.pages.shut(self.page)
        self.page = None
        await self.town.made.visits.closed(self.ticket)
        await self.town.settle()

    async def filler(self) -> Filler:
        """The citizen as somebody who fills."""
        return await self.town.made.visits.filler(await self.browser(), "zh-CN")

    async def say(self, message: Message) -> None:
        """The page says ``message``."""
        await self.town.made.visits.heard(await self.filler(), message)
        await self.town.settle()

    async def join(self) -> None:
        """Answer the call with camera and microphone."""
        await self.say(CallOffer(purpose="call", attempt=1, sdp="v=0"))

    async def view(self) -> VisitView:
        """The page."""
        return await self.town.made.visits.view(await self.browser(), "zh-CN")

    async def leave(self) -> None:
        """Give up the place, or end the call."""
        await self.town.made.visits.leave(await self.browser())
        await self.town.settle()

    async def fill(self, answers: dict[str, Any]) -> None:
        """Type answers, which stand at once."""
        for name, value in answers.items():
            await self.say(FormSet(field=name, value=value, base=0))

    async def confirm_all(self) -> None:
        """Confirm whatever the agent proposed."""
        for value in (await self.town.case(self.application)).values.values():
            if value.standing == "proposed":
                await self.say(FormConfirm(field=value.field, version=value.version))

    async def photograph(self, *rules: str) -> None:
        """Hand in one page for each of ``rules``."""
        for rule in rules:
            await self.town.made.filling.add_material(await self.filler(), rule, photo_of(rule))

    async def declare_all(self) -> None:
        """Confirm each declaration that applies."""
        shown = (await self.view()).read_back
        assert shown is not None
        for one in shown.declarations:
            await self.say(DeclarationConfirm(key=one.declaration.key, confirmed=True))

    async def ask_for_code(self) -> str:
        """Have the signature's code sent; the code."""
        await self.town.made.filling.send_sign_code(await self.filler())
        return self.town.code_to(self.about["mobile"])

    async def sign(self, code: str, sha256: str | None = None, drawing: bytes | None = None) -> None:
        """Sign what is shown."""
        if sha256 is None:
            shown = (await self.view()).read_back
            assert shown is not None
            sha256 = shown.sha256
        await self.town.made.filling.sign(
            await self.filler(), code=code, sha256=sha256, drawing=drawn() if drawing is None else drawing
        )


@dataclass(slots=True)
class Desk:
    """A member of staff at work."""

    town: Town
    staff: Staff
    page: Page | None = None

    async def open(self) -> None:
        """The desk's page connects."""
        self.page = self.town.pages.open(agent_topic(self.staff.id))
        await self.town.made.desks.opened(self.staff)
        await self.town.settle()

    async def shut(self) -> None:
        """The desk's page is gone."""
        assert self.page is not None
        self.town.pages.shut(self.page)
        self.page = None
        await self.town.made.desks.closed(self.staff)
        await self.town.settle()

    async def say(self, message: Message) -> None:
        """The page says ``message``."""
        await self.town.made.desks.heard(self.staff, "zh-CN", message)
        await self.town.settle()

    async def view(self) -> DeskView:
        """The page."""
        return await self.town.made.desks.view(self.staff, "zh-CN")

    async def offered(self) -> str | None:
        """The number of the ticket that rings here."""
        offer = (await self.view()).offer
        return offer.number if offer else None

    async def accept(self) -> None:
        """Take what rings, and be ready with camera and microphone."""
        offer = (await self.view()).offer
        assert offer is not None
        await self.say(OfferAccept(offer=offer.offer))

    async def propose(self, answers: dict[str, Any]) -> None:
        """Type answers for the citizen."""
        for name, value in answers.items():
            await self.say(FormSet(field=name, value=value, base=0))

    async def judge_all(self, application: str, verdict: str = "ok") -> None:
        """Look at every page."""
        for paper in (await self.town.case(application)).materials:
            await self.say(MaterialJudge(material=paper.id, verdict=verdict))

    async def identify(self, result: str = "confirmed") -> None:
        """Compare person and card."""
        await self.say(IdentityCheck(method="face_and_card", result=result))

    async def read_back(self) -> None:
        """Show the finished form."""
        await self.say(ReadBackStart())

    async def submit(self, key: str = "first") -> StoredReply:
        """Hand the application in."""
        reply = await self.town.made.desks.submit(self.staff, key, "zh-CN")
        await self.town.made.printing.print_pending()
        return reply

    async def decide(self, *, approve: bool = True, reasons: str = "", key: str = "decide") -> StoredReply:
        """Decide in the call."""
        reply = await self.town.made.desks.decide(self.staff, key, "zh-CN", approve=approve, reasons=reasons)
        await self.town.made.printing.print_pending()
        return reply

    async def finish(self, outcome: str, note: str = "", then: str = "available") -> None:
        """Say how the call ended."""
        await self.say(SessionOutcome(outcome=outcome, note=note, next=then))

    async def inbox(self, receipt: str) -> InboxCaseView:
        """A case as the approver sees it."""
        return await self.town.made.inboxes.page(self.staff, receipt, "zh-CN")

    async def act(
        self,
        receipt: str,
        action: str,
        *,
        reasons: str = "",
        wanted: list[dict[str, str]] | None = None,
        version: int | None = None,
    ) -> None:
        """Carry out an action of the case's page, as it stands."""
        seen = (await self.inbox(receipt)).version if version is None else version
        await self.town.made.inboxes.act(
            self.staff,
            receipt,
            action,
            version=seen,
            reasons=reasons,
            wanted=wanted or [],
            language="zh-CN",
        )
        await self.town.made.printing.print_pending()


PAPERS = {"HR01": ("id_card", "portrait"), "PS01": ("id_card", "portrait", "job_proof")}


async def filled(visitor: Visitor, desk: Desk, *more_papers: str, **more: Any) -> None:
    """Everything the read-back asks for, done together: the agent proposes, the citizen confirms."""
    await desk.propose(ANSWERS[visitor.item] | more)
    await visitor.confirm_all()
    await visitor.photograph(*PAPERS[visitor.item], *more_papers)
    await desk.judge_all(visitor.application)
    await desk.identify()


async def signed(visitor: Visitor, desk: Desk) -> None:
    """From the filled form to the signature."""
    await desk.read_back()
    await visitor.declare_all()
    await visitor.sign(await visitor.ask_for_code())


async def submitted(visitor: Visitor, desk: Desk) -> str:
    """A whole call up to the receipt number."""
    await filled(visitor, desk)
    await signed(visitor, desk)
    return str(json.loads((await desk.submit()).body)["receipt"])


async def all_at_once(*steps: Any) -> list[Any]:
    """Do things at the same time; errors are among the answers."""
    return list(await asyncio.gather(*steps, return_exceptions=True))
