"""
Citizens and agents who use the running product through its public doors, and put up with everything.

They are patient clients: what gets no answer is asked again, at another node where there is one; a silent
page is opened anew. What the product acknowledges they write into the history.
"""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any, cast

from aiohttp import ClientError, ClientSession, ClientTimeout, CookieJar

from cloudwindow.config import Config
from cloudwindow.journey import Journey
from tests.handlers.people import Answer, Applicant, Browser, City, Live, applicant
from tests.nemesis.carrier import Carrier
from tests.nemesis.history import History
from tests.nemesis.stage import PASSWORD, Node

ANSWER_SECONDS = 8.0
SILENCE_SECONDS = 12.0
"""A page that hears nothing for so long opens its socket anew, as ours does when a heartbeat is missing."""
PAUSE_SECONDS = 0.4
CODE_SECONDS = 90.0
"""A promised code is here by then: a node that died is stood in for after 30 s, the carrier comes back."""
AWAY_SECONDS = 20.0
"""Who asked to be rung looks by themselves after so long."""
ITEM = "HR01"
WRITING_SHARE = 0.4
"""Of the visits: an agent may hold several of them at once."""
PLACES = ("440114", "440106", "440113")

NUMBER = re.compile(r"<title>\s*([A-Z]\d+) ·")
CODE = re.compile(r"(?<!\d)\d{6}(?!\d)")
TROUBLE = (ClientError, OSError, TimeoutError, ConnectionError, asyncio.IncompleteReadError)


@dataclass(slots=True)
class World:
    """What everybody in a run shares; ``closing``: no new visits, and whoever waits stays."""

    nodes: list[Node]
    history: History
    streets: Mapping[str, str]
    carrier: Carrier
    began: float = field(default_factory=time.monotonic)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    serials: Any = field(default_factory=lambda: count(1))

    def now(self) -> float:
        """Seconds of the run."""
        return time.monotonic() - self.began

    def fact(self, kind: str, who: str, what: str = "") -> None:
        """Something was acknowledged."""
        self.history.add(kind, self.now(), who, what)


class Refused(Exception):
    """The product answered, and not with what was asked for."""


class Phone:
    """One browser that may speak to any node; its cookies are good at all of them."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        origins = [node.url for node in world.nodes]
        self._jar = CookieJar(unsafe=True, treat_as_secure_origin=origins)
        self._address = f"10.{chance.randrange(256)}.{chance.randrange(256)}.1"
        self._doors: dict[str, ClientSession] = {}
        self.browser = self._at(chance.choice(world.nodes))

    def _at(self, node: Node) -> Browser:
        if node.url not in self._doors:
            self._doors[node.url] = ClientSession(
                node.url,
                cookie_jar=self._jar,
                timeout=ClientTimeout(total=ANSWER_SECONDS),
                headers={"X-Forwarded-For": self._address},
            )
        nobody = cast(Journey, None)  # nobody looks behind this door
        return Browser(City(url=node.url, config=Config(), journey=nobody), self._doors[node.url])

    async def turn_to_another(self) -> None:
        """Go on at another node, after a moment."""
        await asyncio.sleep(PAUSE_SECONDS + self._chance.random() * PAUSE_SECONDS)
        token = self.browser.csrf
        self.browser = self._at(self._chance.choice(self._world.nodes))
        self.browser.csrf = token

    async def get(self, path: str) -> Answer:
        """GET until there is an answer that is not the product's own trouble."""
        return await self._until(lambda: self.browser.get(path))

    async def post(self, path: str, typed: dict[str, str]) -> Answer:
        """POST until there is an answer: what may have been done already is asked for again."""
        return await self._until(lambda: self.browser.post(path, typed))

    async def _until(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        while True:
            with suppress(*TROUBLE):
                answer = await ask()
                if answer.status < 500:
                    return answer
                self._world.history.count(f"answered {answer.status}")
            await self.turn_to_another()

    async def live(self, path: str) -> Live:
        """Open the page's socket at some node. Raises Refused when the page is not ours any more."""
        while True:
            with suppress(*TROUBLE):
                async with asyncio.timeout(ANSWER_SECONDS):
                    return await self.browser.live(path)
            await self.turn_to_another()
            looked = await self.get(path.replace("/ws", ""))
            if looked.status not in {200, 303}:
                raise Refused(f"{path} with {looked.status} {self.code_of(looked)}")

    @staticmethod
    def code_of(answer: Answer) -> str:
        """The stable code on a page that tells an error."""
        found = re.search(r"[：:] ?([a-z]+(?:_[a-z]+)+) ·", answer.text)
        return found[1] if found else ""

    async def close(self) -> None:
        """Put it away."""
        for door in self._doors.values():
            await door.close()


async def asked(page: Live, kind: str, **values: Any) -> dict[str, Any]:
    """Ask and wait for the answer. Raises ConnectionError when the socket ends, TimeoutError when silent."""
    asking = asyncio.ensure_future(page.ask(kind, **values))
    done, _ = await asyncio.wait(
        {asking, page._reader}, timeout=ANSWER_SECONDS, return_when=asyncio.FIRST_COMPLETED
    )
    if asking not in done:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        raise ConnectionError("no answer")
    return asking.result()


async def shut(page: Live) -> None:
    """End the socket without ceremony, as a closed lid does."""
    connection = page.socket._response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    page._reader.cancel()
    await asyncio.gather(page._reader, return_exceptions=True)
    with suppress(*TROUBLE):
        async with asyncio.timeout(1):
            await page.socket.close()


# --- citizens --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Citizen:
    """Somebody who takes a number and sees the visit through, or not."""

    world: World
    chance: random.Random
    number: str = ""
    writes: bool = False
    waits_for_text: int | None = None

    async def come_and_go(self) -> None:
        """Visit after visit, until the run closes."""
        while not self.world.closing.is_set():
            who = applicant(next(self.world.serials))
            self.writes = self.chance.random() < WRITING_SHARE
            phones = [Phone(self.world, self.chance)]
            if self.chance.random() < 0.15:
                phones.append(Phone(self.world, self.chance))
            try:
                phone = await self._take_number(phones, who)
                if phone is not None:
                    await self._wait_and_speak(phone, who)
                    self.world.fact("ended", who.mobile, self.number)
                    self.number = ""
            except Refused as refused:
                self.world.history.count(f"refused {refused}")
                self.number = ""
            finally:
                for one in phones:
                    await one.close()

    async def _take_number(self, phones: list[Phone], who: Applicant) -> Phone | None:
        """
        Take a number, with the button pressed thrice now and then, or in two browsers at once.

        Gives the browser that holds the visit in the end: it is the last one that took it.
        """
        district = self.chance.choice(PLACES)
        codes = [await self._begin(one, who, district) for one in phones]
        if not all(codes):
            return None
        presses = list(zip(phones, codes, strict=True))
        presses += [presses[0]] * self.chance.choice((0, 0, 0, 2))
        await asyncio.gather(*(self._press(one, code) for one, code in presses))
        shown = [(one, NUMBER.search((await one.get("/visit")).text)) for one in phones]
        numbers = {found[1] for _, found in shown if found}
        for number in numbers:
            self.world.fact("number", who.mobile, number)
        if len(numbers) > 1:
            self.world.fact("several", who.mobile, " ".join(sorted(numbers)))
        holder = next((one for one, found in shown if found), None)
        self.number = next(iter(numbers), "")
        return holder

    async def _begin(self, phone: Phone, who: Applicant, district: str) -> str:
        """Say who you are; the code that the phone receives."""
        if (await phone.get(f"/items/{ITEM}/start")).status != 200:
            return ""
        about = {
            "home_district": district,
            "home_street": self.world.streets[district],
            "capacity": "own",
            "call_language": "zh",
            "mode": "text" if self.writes else "video",
            "name": who.name,
            "id_number": who.id_number,
            "mobile": who.mobile,
        }
        carrier = self.world.carrier
        had = carrier.had(who.mobile)
        if (await phone.post(f"/items/{ITEM}/start", about)).status != 303:
            return ""
        found = CODE.search(await carrier.text_to(who.mobile, had, CODE_SECONDS))
        if found is None:
            self.world.fact("no code", who.mobile)
            return ""
        await phone.get(f"/items/{ITEM}/confirm")
        return found[0]

    async def _press(self, phone: Phone, code: str) -> None:
        """Press «take a number»."""
        typed = {"code": code, "consent_handling": "yes", "consent_recording": "yes"}
        taken = await phone.post(f"/items/{ITEM}/confirm", typed)
        if (taken.status, taken.place) != (303, "/visit"):
            self.world.history.count(f"number refused: {taken.status} {phone.code_of(taken)}")

    async def _wait_and_speak(self, phone: Phone, who: Applicant) -> None:
        """Until the visit is over; the page is closed and opened again on the way."""
        while True:
            page = await phone.live("/ws/visit")
            try:
                if await self._at_the_page(phone, page, who):
                    return
            except TROUBLE:
                self.world.history.count("citizen's page lost")
            finally:
                await shut(page)
            await self._away(who)

    async def _away(self, who: Applicant) -> None:
        """The page is closed: for a moment, or until the phone rings."""
        if self.waits_for_text is None:
            await asyncio.sleep(self.chance.random() * 2)
            return
        if not await self.world.carrier.text_to(who.mobile, self.waits_for_text, AWAY_SECONDS):
            self.world.history.count("came back without a text")
        self.waits_for_text = None

    async def _at_the_page(self, phone: Phone, page: Live, who: Applicant) -> bool:
        """Do what the page asks for; whether the visit has ended. False: open the page anew."""
        while True:
            told = await page.next(SILENCE_SECONDS)
            if told["type"] == "replaced":
                return False
            if told["type"] != "stage.changed":
                continue
            stage, whim = told["stage"], 1.0 if self.world.closing.is_set() else self.chance.random()
            if stage == "ended":
                return True
            if stage == "called":
                if self.writes:
                    await asked(page, "call.join")
                else:
                    await asked(page, "call.offer", purpose="call", attempt=1, sdp="v=0\r\n")
            elif stage == "missed":
                await phone.get("/visit")
                await phone.post("/visit/return", {})
                return False
            elif (stage == "waiting" and whim < 0.08) or (stage == "in_call" and whim < 0.06):
                await self._leave(phone, who)
                return True
            elif stage == "waiting" and whim < 0.18:
                await self._step_away(phone, who)
                return False
            elif whim < 0.25:
                return False
            elif stage == "in_call" and whim < 0.5:
                await self._say(page, who.mobile)

    async def _step_away(self, phone: Phone, who: Applicant) -> None:
        """Ask to be rung by text; the page is closed after this."""
        await phone.get("/visit")
        had = self.world.carrier.had(who.mobile)
        if (await phone.post("/visit/callback", {"wanted": "1"})).status == 303:
            self.world.history.count("stepped away")
            self.waits_for_text = had

    async def _say(self, page: Live, who: str) -> None:
        words = f"{who}-{self.chance.getrandbits(40):010x}"
        answer = await asked(page, "chat.say", text=words)
        if answer["type"] == "ack":
            self.world.fact("said", who, words)

    async def _leave(self, phone: Phone, who: Applicant) -> None:
        await phone.get("/visit")
        answer = await phone.post("/visit/leave", {})
        if answer.status == 303:
            self.world.fact("left", who.mobile, self.number)


# --- agents ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Agent:
    """Somebody at a desk: takes what rings, speaks for a moment, says how it ended, is free again."""

    world: World
    account: str
    chance: random.Random
    page: Live | None = None
    deaf_until: float = 0.0
    gone_until: float = 0.0
    session: str | None = None
    old_offers: list[str] = field(default_factory=list)

    async def work(self) -> None:
        """For ever."""
        phone = Phone(self.world, self.chance)
        try:
            await self._sign_in(phone)
            while True:
                await asyncio.sleep(max(0.0, self.gone_until - time.monotonic()))
                self.page = await phone.live("/ws/desk")
                try:
                    await self._at_the_desk(self.page)
                except TROUBLE:
                    self.world.history.count("desk lost")
                finally:
                    await shut(self.page)
                    self.page = None
        finally:
            await phone.close()

    async def _sign_in(self, phone: Phone) -> None:
        while True:
            await phone.get("/staff/sign-in")
            shown = (await phone.get("/demo")).text
            card = shown.partition(self.account)[2]
            code = re.search(r"demo-account__code\">(\d{6})", card)
            assert code, "the demo page shows no code"
            typed = {"account": self.account, "password": PASSWORD, "code": code[1]}
            answer = await phone.post("/staff/sign-in", typed)
            if answer.status == 303:
                return
            await asyncio.sleep(2)

    def vanish(self, seconds: float) -> None:
        """The desk's machine loses its power."""
        self.gone_until = time.monotonic() + seconds
        connection = self.page.socket._response.connection if self.page else None
        if connection is not None and connection.transport is not None:
            connection.transport.abort()

    def stand_still(self, seconds: float) -> None:
        """The desk's machine hangs: it neither reads nor answers; afterwards it goes on where it was."""
        self.deaf_until = time.monotonic() + seconds
        connection = self.page.socket._response.connection if self.page else None
        if connection is None or connection.transport is None:
            return
        transport = connection.transport
        with suppress(RuntimeError):
            transport.pause_reading()
        asyncio.get_running_loop().call_later(seconds, _read_on, transport)

    async def _at_the_desk(self, page: Live) -> None:
        await page.until("stage.changed", ANSWER_SECONDS)
        stage = str(page.heard[-1]["stage"])
        self.session = page.heard[-1]["session"] or self.session
        await self._try_what_is_over(page)
        while True:
            await self._do(page, stage)
            told = await page.next(SILENCE_SECONDS)
            await asyncio.sleep(max(0.0, self.deaf_until - time.monotonic()))
            if told["type"] == "replaced":
                return
            if told["type"] == "offer.made":
                await self._answer(page, str(told["offer"]))
            elif told["type"] == "stage.changed":
                stage, self.session = str(told["stage"]), told["session"] or self.session
            else:
                stage = ""

    async def _do(self, page: Live, stage: str) -> None:
        """What the stage asks for."""
        if stage == "away":
            await asked(page, "agent.available")
        elif stage == "in_call":
            await asyncio.sleep(0.3 + self.chance.random() * 1.5)
            if self.chance.random() < 0.3:
                await self._say(page)
            await asked(page, "call.hang_up", session=self.session or "")
        elif stage == "wrap_up":
            session = self.session
            said = {"outcome": "consulted", "note": "", "next": "available", "session": session or ""}
            answer = await asked(page, "session.outcome", **said)
            if answer["type"] == "ack" and session:
                self.world.fact("outcome", self.account, f"{session}=consulted")

    async def _answer(self, page: Live, offer: str) -> None:
        whim = self.chance.random()
        self.old_offers.append(offer)
        if whim < 0.05:
            return
        if whim < 0.13 and not self.world.closing.is_set():
            await asked(page, "offer.decline", offer=offer, reason="other")
            return
        answer = await asked(page, "offer.accept", offer=offer)
        if answer["type"] == "ack":
            self.world.fact("accepted", self.account, offer)
        else:
            self.world.history.count(f"acceptance refused: {answer['code']}")

    async def _say(self, page: Live) -> None:
        words = f"{self.account}-{self.chance.getrandbits(40):010x}"
        answer = await asked(page, "chat.say", text=words, session=self.session or "")
        if answer["type"] == "ack":
            self.world.fact("said", self.account, words)

    async def _try_what_is_over(self, page: Live) -> None:
        """Accept an offer from before: it is either still this agent's call, or refused."""
        if self.old_offers and self.chance.random() < 0.5:
            offer = self.chance.choice(self.old_offers)
            answer = await asked(page, "offer.accept", offer=offer)
            if answer["type"] == "ack":
                self.world.fact("accepted", self.account, offer)
            else:
                self.world.history.count(f"stale acceptance refused: {answer['code']}")


def _read_on(transport: asyncio.ReadTransport) -> None:
    with suppress(RuntimeError):
        if not transport.is_closing():
            transport.resume_reading()
