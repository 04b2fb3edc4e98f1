"""
People at the doors of a running city: browsers with cookies, tokens and sockets, and what they do first.

Everything goes through real HTTP and real WebSockets; only the phone (the demo gateway) and the authenticator
app (the staff's secret in the ledger) are read from inside.
"""

import asyncio
import base64
import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any, Self

from aiohttp import ClientSession, ClientWebSocketResponse, CookieJar, FormData
from PIL import Image, ImageDraw

from cloudwindow import app as product
from cloudwindow import demo
from cloudwindow.config import Config
from cloudwindow.domain.fields import idno_check_character
from cloudwindow.journey import Journey
from cloudwindow.records.migrations import migrate
from cloudwindow.staff_auth import StaffPasswords, argon2id, totp_code
from tests.journeys.town import ANSWERS, PAPERS
from tests.pace import PATIENCE_SECONDS

LIMIT_SECONDS = PATIENCE_SECONDS
"""How long a test waits for something that must happen."""

CSRF = re.compile(r'<meta name="csrf" content="([^"]*)"')
CODE = re.compile(r"\b(\d{6})\b")


# --- a running city --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """A running product: where browsers find it, and the rooms behind it."""

    url: str
    config: Config
    journey: Journey

    def text_to(self, mobile: str) -> str:
        """The newest text message to ``mobile``."""
        kept = self.journey.house.demo_sms
        assert kept is not None
        return next(one.text for one in kept.sent() if one.mobile == mobile)

    async def text_after(self, before: str, mobile: str) -> str:
        """The next text message to ``mobile``: what nobody waits for is sent by the next look."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while self.text_to(mobile) == before:  # noqa: ASYNC110 - a phone has no event
                await asyncio.sleep(0.02)
        return self.text_to(mobile)

    def code_to(self, mobile: str) -> str:
        """The six digits of the newest text message to ``mobile``."""
        found = CODE.search(self.text_to(mobile))
        assert found
        return found[1]


def quick_passwords() -> StaffPasswords:
    """The product's own, at the least cost argon2id can have: its strength is tested where it lives."""
    return StaffPasswords(hasher=argon2id(time_cost=1, memory_kib=64))


async def seed_in(folder: Path, redis_url: str) -> None:
    """Prepare a data folder with a ledger and the demo accounts, to be copied by many tests."""
    config = Config(data_dir=folder, port=0)
    await migrate(config.ledger_url)
    async with product.opened(config, redis_url, quick_passwords()) as journey:
        await demo.seed(journey.house)


@asynccontextmanager
async def city_in(folder: Path, redis_url: str, **settings: Any) -> AsyncIterator[City]:
    """The product on a free port with its data in ``folder``, prepared by ``seed_in``."""
    wanted = replace(Config(data_dir=folder, port=0), **settings)
    async with AsyncExitStack() as stack:
        door = stack.enter_context(product.listening(wanted))
        config = replace(wanted, port=door.getsockname()[1])
        journey = await stack.enter_async_context(product.opened(config, redis_url, quick_passwords()))
        await stack.enter_async_context(product.serving(config, journey, door))
        yield City(url=f"http://127.0.0.1:{config.port}", config=config, journey=journey)


# --- browsers --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back, read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The stable code of a problem; empty if it is none."""
        if self.headers.get("Content-Type", "").startswith("application/problem+json"):
            return str(self.json["code"])
        return ""

    @property
    def place(self) -> str:
        """Where a redirect leads."""
        return self.headers.get("Location", "")


@dataclass(slots=True)
class Browser:
    """One browser: keeps cookies, sends Origin and Sec-Fetch-Site as browsers do, never follows redirects."""

    city: City
    session: ClientSession
    language: str = "zh-CN"
    csrf: str = ""

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """GET ``path``; the token of the page, if there is one, is kept for the next form."""
        answer = await self.ask("GET", path, headers={"Accept": "text/html", **(headers or {})})
        if found := CSRF.search(answer.body.decode("utf-8", "replace")):
            self.csrf = found[1] or self.csrf
        return answer

    async def post(
        self,
        path: str,
        typed: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a form with the token of the last page."""
        rows = list(typed.items()) if isinstance(typed, Mapping) else list(typed)
        form = FormData([("csrf", self.csrf), *rows])
        return await self.ask("POST", path, form, headers={"Accept": "text/html", **(headers or {})})

    async def call(self, path: str, typed: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """Send a form as our scripts do: token in a header, JSON wanted; ``a_b`` becomes header ``a-b``."""
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        wanted = {"X-CSRF": self.csrf, "Accept": "application/json", **spelled}
        return await self.ask("POST", path, FormData(dict(typed or {"sent": "1"})), headers=wanted)

    async def upload(
        self, path: str, files: Sequence[tuple[str, bytes]], typed: Mapping[str, str] | None = None
    ) -> Answer:
        """Send photographs: (name, content) each."""
        form = FormData({"csrf": self.csrf, **(typed or {})}, default_to_multipart=True)
        for name, content in files:
            form.add_field(name, content, filename="photo.jpg", content_type="image/jpeg")
        return await self.ask("POST", path, form, headers={"Accept": "text/html"})

    async def ask(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Any request; an empty header value leaves that header out."""
        own = {"Accept-Language": self.language, "Sec-Fetch-Site": "same-origin"}
        if method != "GET":
            own["Origin"] = self.city.url
        sent = {name: value for name, value in {**own, **(headers or {})}.items() if value}
        async with self.session.request(
            method, path, data=body, headers=sent, allow_redirects=False
        ) as response:
            content = await response.read()
            return Answer(status=response.status, headers=response.headers.copy(), body=content)

    async def live(self, path: str) -> "Live":
        """Open a page's socket."""
        headers = {"Origin": self.city.url, "Accept-Language": self.language}
        return Live(await self.session.ws_connect(path, headers=headers))

    def cookie(self, name: str) -> str:
        """The value of one of this browser's cookies; empty if it has none."""
        return next((one.value for one in self.session.cookie_jar if one.key == name), "")

    async def page(self, path: str) -> Self:
        """Look at a page so that its token is known."""
        answer = await self.get(path)
        assert answer.status == 200, f"{path} answered {answer.status}"
        return self


@asynccontextmanager
async def browser(city: City, language: str = "zh-CN") -> AsyncIterator[Browser]:
    """A browser nobody knows yet."""
    jar = CookieJar(unsafe=True, treat_as_secure_origin=city.url)
    async with ClientSession(city.url, cookie_jar=jar) as session:
        yield Browser(city, session, language)


@dataclass(slots=True)
class Live:
    """
    A page's socket. It is read all the time, as a browser does, so that pings are answered.

    ``heard`` keeps every message that a test has read. Waiting for an answer reads nothing else:
    what came in the meantime can still be waited for.
    """

    socket: ClientWebSocketResponse
    heard: list[dict[str, Any]] = field(default_factory=list)
    _waiting: asyncio.Queue[dict[str, Any] | None] = field(default_factory=asyncio.Queue)
    _answers: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _reader: asyncio.Task[None] = field(init=False)

    def __post_init__(self) -> None:
        self._reader = asyncio.create_task(self._read(), name="page")

    async def _read(self) -> None:
        async for frame in self.socket:
            message = json.loads(frame.data)
            answered = self._answers.pop(message.get("re") or "", None)
            if answered is not None:
                answered.set_result(message)
            else:
                self._waiting.put_nowait(message)
        self._waiting.put_nowait(None)

    async def next(self, limit: float = LIMIT_SECONDS) -> dict[str, Any]:
        """The next message. Raises ConnectionError when the socket has ended."""
        async with asyncio.timeout(limit):
            message = await self._waiting.get()
        if message is None:
            self._waiting.put_nowait(None)
            raise ConnectionError(f"socket ended with {self.socket.close_code}")
        self.heard.append(message)
        return message

    async def until(self, kind: str, limit: float = LIMIT_SECONDS, **wanted: Any) -> dict[str, Any]:
        """Read on until a message of ``kind`` with these values comes."""
        async with asyncio.timeout(limit):
            while True:
                message = await self.next(limit)
                if message["type"] == kind and wanted.items() <= message.items():
                    return message

    async def ended(self, limit: float = LIMIT_SECONDS) -> int | None:
        """Read until the socket ends; its close code."""
        try:
            async with asyncio.timeout(limit):
                while True:
                    await self.next(limit)
        except ConnectionError:
            return self.socket.close_code

    async def say(self, kind: str, **values: Any) -> None:
        """Send a message without asking for an answer."""
        await self.socket.send_str(json.dumps({"type": kind, **values}))

    async def ask(self, kind: str, **values: Any) -> dict[str, Any]:
        """Send a request and wait for its ``ack`` or ``error``."""
        request = secrets.token_hex(4)
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[request] = answered
        await self.say(kind, id=request, **values)
        async with asyncio.timeout(LIMIT_SECONDS):
            return await answered

    async def done(self, kind: str, **values: Any) -> None:
        """Send a request that must be acknowledged."""
        answer = await self.ask(kind, **values)
        assert answer["type"] == "ack", answer

    async def close(self) -> None:
        """Leave in good order."""
        await self.socket.close()
        await self._reader


# --- citizens --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Applicant:
    """Who somebody is: invented, and valid to every check."""

    name: str
    id_number: str
    mobile: str


def applicant(serial: int = 1, name: str = "林晓岚") -> Applicant:
    """The ``serial``-th invented citizen, born in 1991."""
    start = f"44010619910315{serial:03d}"
    return Applicant(name=name, id_number=start + idno_check_character(start), mobile=f"138{serial:08d}")


SERIALS = count(1)


def newcomer(name: str = "林晓岚") -> Applicant:
    """An invented citizen nobody has met in this run."""
    return applicant(next(SERIALS), name)


def about(city: City, who: Applicant, district: str = "440114", **chosen: str) -> dict[str, str]:
    """The form «about you», filled in; ``chosen`` overrides."""
    street = city.journey.house.catalogue.district(district).streets[0].code
    return {
        "home_district": district,
        "home_street": street,
        "capacity": "own",
        "call_language": "zh",
        "mode": "video",
        "name": who.name,
        "id_number": who.id_number,
        "mobile": who.mobile,
        **chosen,
    }


async def take_ticket(
    visitor: Browser,
    who: Applicant,
    *,
    item: str = "HR01",
    district: str = "440114",
    recording: bool = True,
    **chosen: str,
) -> Answer:
    """From the item's page to the number; afterwards the browser stands on /visit with its token."""
    city = visitor.city
    await visitor.page(f"/items/{item}/start")
    began = await visitor.post(f"/items/{item}/start", about(city, who, district, **chosen))
    assert began.status == 303, began.text
    await visitor.page(f"/items/{item}/confirm")
    typed = {"code": city.code_to(who.mobile), "consent_handling": "yes"}
    if recording:
        typed["consent_recording"] = "yes"
    taken = await visitor.post(f"/items/{item}/confirm", typed)
    assert (taken.status, taken.place) == (303, "/visit"), taken.text
    visit = await visitor.get("/visit")
    assert visit.status == 200, visit.text
    return visit


def resume_secret_of(visit: Answer) -> str:
    """The secret of the link that the visit's page shows."""
    found = re.search(r"/resume#([0-9a-z]+)", visit.text)
    assert found, "the page shows no link"
    return found[1]


# --- staff -----------------------------------------------------------------------------------------------


async def totp_of(city: City, account: str) -> str:
    """The code that the account's authenticator app shows now."""
    house = city.journey.house
    async with house.ledger.read() as conn:
        known = await house.people.credentials(conn, account)
    assert known is not None
    return totp_code(known[2], now=house.clock())


async def sign_in(visitor: Browser, account: str, password: str = demo.DEMO_PASSWORD) -> Answer:
    """Sign in at the staff's door; afterwards the browser knows the token of its role's page."""
    await visitor.page("/staff/sign-in")
    typed = {"account": account, "password": password, "code": await totp_of(visitor.city, account)}
    answer = await visitor.post("/staff/sign-in", typed)
    assert answer.status == 303, answer.text
    await visitor.page(answer.place)
    return answer


# --- together --------------------------------------------------------------------------------------------


async def accept_next(desk: Live) -> str:
    """Go available, wait for an offer, take it; gives the offer."""
    await desk.done("agent.available")
    return await accept_offered(desk)


async def accept_offered(desk: Live) -> str:
    """Wait for an offer and take it; gives the offer."""
    offer = str((await desk.until("offer.made"))["offer"])
    await desk.done("offer.accept", offer=offer)
    return offer


async def join_without_media(visit: Live) -> None:
    """Answer the call where no media worker runs: the ledger joins, the media plane says it is away."""
    await visit.until("stage.changed", stage="called")
    answer = await visit.ask("call.offer", purpose="call", attempt=1, sdp="v=0\r\n")
    assert answer["type"] == "error", answer
    assert answer["code"] == "media_unavailable", answer
    await visit.until("stage.changed", stage="in_call")


# --- a whole call ----------------------------------------------------------------------------------------


def photo(words: str = "") -> bytes:
    """A photograph of a paper, as a phone would send it."""
    picture = Image.effect_noise((900, 640), 60).convert("RGB")
    ImageDraw.Draw(picture).text((60, 60), words or "paper", fill="black")
    out = BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def drawing() -> str:
    """A drawn signature, as the page's canvas spells it."""
    picture = Image.new("RGBA", (600, 200), (255, 255, 255, 0))
    pen = ImageDraw.Draw(picture)
    for start in range(40, 500, 60):
        pen.line((start, 150, start + 50, 40, start + 90, 160), fill="black", width=6)
    out = BytesIO()
    picture.save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A case that was handed in: its receipt, and the ids its pages name."""

    receipt: str
    materials: tuple[str, ...]
    documents: tuple[str, ...]


async def fill_together(citizen: Browser, visit: Live, desk: Live, item: str) -> tuple[str, ...]:
    """Everything the read-back asks for; gives the materials."""
    for name, value in ANSWERS[item].items():
        await visit.done("form.set", field=name, value=value, base=0)
    for rule in PAPERS[item]:
        sent = await citizen.upload(f"/visit/materials/{rule}", [("file", photo(rule))])
        assert sent.status == 303, sent.text
    page = await citizen.get("/visit")
    materials = tuple(dict.fromkeys(re.findall(r"/visit/materials/([0-9a-z]{16})", page.text)))
    for material in materials:
        await desk.done("material.judge", material=material, verdict="ok")
    await desk.done("identity.check", method="face_and_card", result="confirmed")
    return materials


async def sign_application(citizen: Browser, who: Applicant, visit: Live, desk: Live) -> None:
    """Read back, declare, code, drawing."""
    await desk.done("read_back.start")
    page = await citizen.get("/visit")
    for key in re.findall(r'name="key" value="([^"]+)"', page.text):
        await visit.done("declaration.confirm", key=key, confirmed=True)
    assert (await citizen.post("/visit/code")).status == 303
    page = await citizen.get("/visit")
    digest = re.search(r'name="sha256" value="([0-9a-f]{64})"', page.text)
    assert digest, "the page shows nothing to sign"
    code = citizen.city.code_to(who.mobile)
    signed = await citizen.post("/visit/sign", {"sha256": digest[1], "code": code, "drawing": drawing()})
    assert signed.status == 303, signed.text


async def hand_in(city: City, citizen: Browser, agent: Browser, who: Applicant, item: str) -> Submitted:
    """A whole call for ``item``, from the number to the receipt, without media; both sides hang up."""
    await take_ticket(citizen, who, item=item)
    visit, desk = await citizen.live("/ws/visit"), await agent.live("/ws/desk")
    await accept_next(desk)
    await join_without_media(visit)
    materials = await fill_together(citizen, visit, desk, item)
    await sign_application(citizen, who, visit, desk)
    await agent.page("/desk")
    reply = await agent.call("/desk/submit", Idempotency_Key=secrets.token_hex(8))
    assert reply.status in {200, 201}, reply.text
    receipt = reply.json["receipt"]
    await city.journey.printing.print_pending()
    await desk.done("call.hang_up")
    await desk.done("session.outcome", outcome="submitted", note="", next="away")
    case = await citizen.get(f"/cases/{receipt}")
    documents = tuple(dict.fromkeys(re.findall(r"/documents/([0-9a-z]+)", case.text)))
    await visit.close()
    await desk.close()
    return Submitted(receipt=receipt, materials=materials, documents=documents)
