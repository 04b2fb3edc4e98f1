"""
The only place that builds things: rooms, journey, web application, worker processes.

Nothing below constructs its own neighbours; whatever a room needs is handed to it here.
"""

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace

from aiohttp import http_parser, web
from prometheus_client import Counter, Histogram

from cloudwindow import catalogue_files, demo, journey
from cloudwindow.assist import Assist
from cloudwindow.attendance import ATTENDANCE, Attendance
from cloudwindow.bus import Buckets, Bus, Workers
from cloudwindow.config import Config, for_child
from cloudwindow.domain.catalogue import Catalogue
from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.notice import Notice
from cloudwindow.domain.search import Search
from cloudwindow.embedded import EmbeddedServer, start_embedded
from cloudwindow.handlers import (
    admin,
    approver,
    booking,
    citizen,
    company,
    desk,
    health,
    left_forms,
    lendings,
    matters,
    playback,
    recordings,
    routes,
    staff,
    taking,
    visit,
)
from cloudwindow.handlers.door import GUEST, JOURNEY, PAGES, SETTINGS, Settings, answer, harden, route_of
from cloudwindow.handlers.framing import Doorman
from cloudwindow.handlers.pages import Pages
from cloudwindow.handover import Office
from cloudwindow.journey import Journey
from cloudwindow.journey.explaining import Explaining
from cloudwindow.journey.house import House, Media, Printer
from cloudwindow.media.caption_engine import languages
from cloudwindow.media.captions_remote import RemoteCaptions
from cloudwindow.media.janus import JanusSettings
from cloudwindow.media.janus_worker import janus_start
from cloudwindow.media.plane import MediaEvent, MediaEventKind, WorkerAddress, WorkerLoad
from cloudwindow.media.recorder import RecorderSettings
from cloudwindow.media.recorder_archive import Archive
from cloudwindow.media.recorder_remote import RemoteRecorder
from cloudwindow.media.relay import Relay
from cloudwindow.media.remote import RemoteMediaPlane
from cloudwindow.media.still_remote import RemoteStills
from cloudwindow.media.worker import MediaSettings, Start, run_worker, start_worker
from cloudwindow.notices import Press
from cloudwindow.papers import Papers
from cloudwindow.queue import Line, connect
from cloudwindow.records.appointments import Appointments
from cloudwindow.records.cases import Cases
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.left_forms import LeftForms
from cloudwindow.records.migrations import migrate
from cloudwindow.records.outbox import Outbox
from cloudwindow.records.people import People
from cloudwindow.records.third_parties import ThirdParties
from cloudwindow.records.visits import Visits
from cloudwindow.signaling import Hub
from cloudwindow.sms import DemoSms
from cloudwindow.staff_auth import StaffPasswords
from cloudwindow.store import FileStore
from cloudwindow.vault import Vault

log = logging.getLogger(__name__)

HANDLERS = (
    citizen,
    booking,
    visit,
    staff,
    desk,
    taking,
    matters,
    company,
    recordings,
    left_forms,
    approver,
    admin,
    lendings,
    playback,
    health,
)
"""Importing them declares their routes."""

KEEPALIVE_SECONDS = 15.0
BACKLOG = 1024
"""Connections kept until the loop takes them: whoever finds no room tries again a second later."""
QUIET_SECONDS = 0.01
"""A loop that wakes us so much later than we asked has others to serve."""
PATIENCE_SECONDS = 2.0
RESTART_SECONDS = 0.5
FONTS = "node_modules/@expo-google-fonts/noto-sans-sc"
LETTERS = "400Regular/NotoSansSC_400Regular.ttf"
"""What is drawn into marked copies of recordings."""

REQUESTS = Counter("cw_requests_total", "Answered requests", ["route", "method", "status"])
SECONDS = Histogram("cw_request_seconds", "Time to answer", ["route"])


class StartError(Exception):
    """The service cannot start; the text says why and what to do."""


# --- the rooms -------------------------------------------------------------------------------------------


@asynccontextmanager
async def opened(
    config: Config, redis_url: str, passwords: StaffPasswords | None = None
) -> AsyncIterator[Journey]:
    """All rooms, open for as long as the context lasts; ``passwords`` of another cost may be handed in."""
    async with contextlib.AsyncExitStack() as stack:
        redis = connect(redis_url)
        stack.push_async_callback(redis.aclose)
        ledger = await Ledger.open(config.ledger_url)
        stack.push_async_callback(ledger.close)
        node = config.node_name or f"web-{secrets.token_hex(4)}"
        bus, workers = Bus(redis, node), Workers(redis)
        hub = Hub(_relay(bus), Attendance(node), time.monotonic)
        passwords = passwords or StaffPasswords()
        stack.callback(passwords.close)
        heard: list[Journey] = []
        media = RemoteMediaPlane(
            _addresses(config, workers),
            _media_events(heard),
            config.media_token,
            agree=_agreed(workers),
            lost=_withdrawn(workers),
        )
        stack.push_async_callback(media.stop)
        press = Press(config.web_dir / FONTS)
        stack.callback(press.close)
        catalogue = catalogue_of(config)
        house = furnished(config, redis, ledger, hub, workers, media, passwords, catalogue, printer_of(press))
        recorder = RemoteRecorder(media) if config.recordings else None
        captions = RemoteCaptions(media, _captioned(config))
        house = replace(house, recorder=recorder, stills=RemoteStills(media), captions=captions)
        made = journey.build(house, demo_password=demo.DEMO_PASSWORD if config.demo else "")
        heard.append(made)
        for name, duty in (("bus", bus.run(_delivery(hub))), ("watch", made.watch.run())):
            stack.push_async_callback(_ended, asyncio.create_task(duty, name=name))
        stack.push_async_callback(hub.close)
        yield made


@asynccontextmanager
async def explaining(config: Config) -> AsyncIterator[Explaining]:
    """What explains assignments: the ledger alone, without line, keys or duties."""
    ledger = await Ledger.open(config.ledger_url)
    try:
        yield Explaining(ledger, catalogue_of(config), time.time)
    finally:
        await ledger.close()


def catalogue_of(config: Config) -> Catalogue:
    """The catalogue with the city's rings; its windows never close in a demonstration. Raises BadInput."""
    own, lenders, neighbours = config.ring_stays_seconds
    catalogue = catalogue_files.load(config.catalogue_dir).with_rings((own, lenders, neighbours))
    return catalogue.always_open() if config.demo and config.always_open else catalogue


def furnished(
    config: Config,
    redis: object,
    ledger: Ledger,
    hub: Hub,
    workers: Workers,
    media: Media,
    passwords: StaffPasswords,
    catalogue: Catalogue,
    printer: Printer,
) -> House:
    """The rooms as ``config`` wants them; tests hand in another clock or printer with ``replace``."""
    vault = Vault.open_at(config.data_dir, bytes.fromhex(config.root_key) if config.root_key else None)
    cases, sms = Cases(vault), DemoSms()
    return House(
        ledger=ledger,
        people=People(vault),
        visits=Visits(vault),
        appointments=Appointments(vault),
        left_forms=LeftForms(vault),
        cases=cases,
        third_parties=ThirdParties(vault),
        outbox=Outbox(vault),
        assist=Assist(cases),
        office=Office(cases, catalogue, secrets.token_bytes),
        line=Line(
            redis,  # type: ignore[arg-type]
            accept_seconds=config.offer_seconds,
            snapshot_seconds=0.5,
        ),
        hub=hub,
        workers=workers,
        buckets=Buckets(redis),  # type: ignore[arg-type]
        media=media,
        catalogue=catalogue,
        search=Search(catalogue.items),
        vault=vault,
        store=FileStore(config.data_dir / "files", vault),
        papers=Papers(),
        sms=sms,
        demo_sms=sms,
        passwords=passwords,
        printer=printer,
        clock=time.time,
        random=secrets.token_bytes,
        origin=config.origin,
        offer_seconds=config.offer_seconds,
        demo=config.demo,
        archive=Archive(config.recordings_path, font=config.web_dir / FONTS / LETTERS),
        recorder=None,
        quality_keep_days=config.quality_keep_days,
        relay=Relay(urls=config.turn_urls, secret=config.turn_secret, only=config.turn_only),
        shows_supervisors=config.shows_supervisors,
    )


def _relay(bus: Bus) -> Callable[[str, str], Awaitable[None]]:
    async def relay(topic: str, payload: str) -> None:
        try:
            await bus.publish(topic, payload)
        except CloudWindowError as error:
            if error.status != 503:
                raise  # pages on this node were told; the others catch up when they reconnect

    return relay


def _delivery(hub: Hub) -> Callable[[str, str], Awaitable[None]]:
    async def deliver(topic: str, payload: str) -> None:
        if topic == ATTENDANCE:
            await hub.attended(payload)
        else:
            hub.deliver(topic, payload)

    return deliver


def printer_of(press: Press) -> Printer:
    """The press as the journey asks for it."""

    async def printed(notice: Notice, language: str, address: str, photo: bytes | None) -> bytes:
        return await press.print(notice, language=language, verify_url=address, photo=photo)

    return printed


def _addresses(config: Config, workers: Workers) -> Callable[[], Awaitable[Sequence[WorkerAddress]]]:
    """The media workers: those registered in Redis; the configured or last known ones while it is away."""
    configured = [one.strip() for one in config.media_workers.split(",") if one.strip()]
    known = [WorkerAddress(name=one.rsplit(":", 1)[0], control=one) for one in configured]

    async def found() -> Sequence[WorkerAddress]:
        nonlocal known
        with contextlib.suppress(CloudWindowError):
            alive = await workers.all()
            if alive:
                known = [
                    WorkerAddress(
                        name=one.name,
                        control=one.address,
                        members=int(one.load.get("members", 0)),
                        draining=bool(one.load.get("draining", False)),
                    )
                    for one in alive
                ]
        return known

    return found


def _agreed(workers: Workers) -> Callable[[str, str], Awaitable[str]]:
    """All nodes put one room on one worker; alone without Redis our own choice stands."""

    async def agree(room: str, proposed: str) -> str:
        try:
            return await workers.room_worker(room, proposed)
        except CloudWindowError:
            return proposed

    return agree


def _withdrawn(workers: Workers) -> Callable[[str], Awaitable[None]]:
    """A worker that does not answer is listed no more until it registers again, every two seconds."""

    async def lost(worker: str) -> None:
        with contextlib.suppress(CloudWindowError):
            await workers.withdraw(worker)

    return lost


def _media_events(heard: list[Journey]) -> Callable[[MediaEvent], Awaitable[None]]:
    async def on_event(event: MediaEvent) -> None:
        if not heard or event.room.startswith("echo-"):
            return
        if event.captioning is not None or event.caption is not None:
            await heard[0].captions.heard(event)
            return
        await heard[0].recordings.heard(event)
        if event.kind in {MediaEventKind.GONE, MediaEventKind.RENEGOTIATE}:
            more = event.kind is MediaEventKind.RENEGOTIATE
            await heard[0].calls.media_gone(event.room, event.member, more=more)
        elif event.kind is MediaEventKind.SLOTS:
            await heard[0].company.slots(event.room, event.member)
        elif event.invitation is not None:
            await heard[0].calls.invite_media(event.room, event.member, event.invitation)

    return on_event


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


# --- the web application ----------------------------------------------------------------------------------


def web_application(config: Config, made: Journey) -> web.Application:
    """The house's front, with every declared route."""
    app = web.Application(middlewares=[measure, answer])
    app[JOURNEY] = made
    app[PAGES] = Pages(web_dir=config.web_dir, demo=config.demo)
    app[SETTINGS] = Settings(
        public_url=config.public_url, demo=config.demo, trusted_proxy_hops=config.trusted_proxy_hops
    )
    app[health.ASSETS] = config.web_dir
    app.on_response_prepare.append(harden)
    routes.add_all(app)
    return app


@web.middleware
async def measure(request: web.Request, handler: routes.Handler) -> web.StreamResponse:
    """Count and log each answer by its route's template, never by its path."""
    begun = time.perf_counter()
    status = 500
    try:
        answered = await handler(request)
        status = answered.status
        return answered
    finally:
        seconds = time.perf_counter() - begun
        route = route_of(request)
        REQUESTS.labels(route, request.method, str(status)).inc()
        SECONDS.labels(route).observe(seconds)
        fields = {
            "method": request.method,
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            "request_id": getattr(request.get(GUEST), "request_id", None),
        }
        log.info("answered", extra=fields)


@asynccontextmanager
async def serving(config: Config, made: Journey, door: socket.socket) -> AsyncIterator[None]:
    """The web application behind the listening socket ``door``. Raises StartError without the C parser."""
    if http_parser.HttpRequestParser is http_parser.HttpRequestParserPy:
        raise StartError("aiohttp's C parser is missing; install aiohttp from its wheel.")
    application = web_application(config, made)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    server, loop = runner.server, asyncio.get_running_loop()
    assert server is not None  # noqa: S101 - it is there after setup

    def doorman() -> Doorman:
        # No access log: ``measure`` writes ours.
        return Doorman(server, loop=loop, access_log=None, keepalive_timeout=KEEPALIVE_SECONDS)

    listener = await loop.create_server(doorman, sock=door, backlog=BACKLOG)
    settle()
    warming = asyncio.create_task(_warmed(application[PAGES]), name="warm pages")
    try:
        yield
    finally:
        await _ended(warming)
        listener.close()
        await runner.cleanup()


async def _warmed(pages: Pages) -> None:
    """Compile the pages between the first requests: a start need not wait for it."""
    for _ in pages.warming():
        await _quiet()
    settle()


async def _quiet() -> None:
    """Wait, though not for ever, until the loop is idle for a moment: a crowd that comes back goes first."""
    loop = asyncio.get_running_loop()
    until = loop.time() + PATIENCE_SECONDS
    while (begun := loop.time()) < until:
        await asyncio.sleep(QUIET_SECONDS)
        if loop.time() - begun < 2 * QUIET_SECONDS:
            return


def settle() -> None:
    """Keep what the start built out of the collector's rounds: a full one held calls up for 25 to 43 ms."""
    gc.collect()
    gc.freeze()


def listening(config: Config) -> socket.socket:
    """The socket we will answer on; port 0 means any free one. Raises StartError if the port is taken."""
    try:
        family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
        return socket.create_server((config.host, config.port), family=family, backlog=BACKLOG)
    except OSError as exc:
        raise StartError(
            f"Port {config.port} on {config.host} is taken. Choose another: PORT=8081 make run"
        ) from exc


# --- processes --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What a running product tells: its address and the demo sign-ins."""

    port: int
    journey: Journey


@asynccontextmanager
async def everything(config: Config) -> AsyncIterator[Started]:
    """The whole product from one process: embedded line, media worker as a child, web."""
    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    token = config.media_token or secrets.token_hex(24)
    async with contextlib.AsyncExitStack() as stack:
        door = stack.enter_context(listening(config))
        redis_url = config.redis_url
        if not redis_url:
            server = await _embedded(config)
            stack.push_async_callback(server.stop)
            redis_url = server.url
        port = door.getsockname()[1]
        settled = replace(config, redis_url=redis_url, media_token=token, port=port)
        await migrate(settled.ledger_url)
        keeper = asyncio.create_task(_keep_media(settled), name="media child")
        stack.push_async_callback(_ended, keeper)
        made = await stack.enter_async_context(opened(settled, redis_url))
        if settled.demo:
            await demo.seed(made.house)
        await stack.enter_async_context(serving(settled, made, door))
        yield Started(port=port, journey=made)


async def _embedded(config: Config) -> EmbeddedServer:
    server = await start_embedded(config.data_dir / "line")
    if not server.kept_here:
        await server.stop()
        raise StartError(
            f"Another process already works in {config.data_dir.resolve()}. "
            "Stop it, or choose another folder: DATA_DIR=… make run"
        )
    return server


async def _media_child(config: Config) -> asyncio.subprocess.Process:
    """Our media worker as a process of its own, which ends when this one does, however it ends."""
    environment = for_child(
        redis_url=config.redis_url,
        media_token=config.media_token,
        media_name=config.media_name,
        media_control=config.media_control or "127.0.0.1:0",
        media_udp_host=config.media_udp_host,
        media_udp_port=config.media_udp_port,
        media_advertised_hosts=",".join(config.media_advertised_hosts),
        media_memory_mb=config.media_memory_mb,
        recordings=int(config.recordings) or "0",
        recordings_dir=config.recordings_path.resolve(),
        recordings_min_free_mb=config.recordings_min_free_mb or "0",
        captions=config.captions,
        media_backend=config.media_backend,
        janus_url=config.janus_url,
        janus_api_secret=config.janus_api_secret,
        janus_admin_key=config.janus_admin_key,
        log_level=config.log_level,
    )
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cloudwindow",
        "media",
        "--with-parent",
        str(os.getpid()),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is ours to hear: a child still importing would print a traceback
    )


async def _keep_media(config: Config) -> None:
    """Run the media worker, and another one whenever it ends: its rooms come back on the new one."""
    while True:
        child = await _media_child(config)
        try:
            await child.wait()
            log.warning("media worker ended; starting another", extra={"worker": config.media_name})
        finally:
            await _stop_child(child)
        await asyncio.sleep(RESTART_SECONDS)


async def _stop_child(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    child.terminate()
    try:
        async with asyncio.timeout(5):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()


@asynccontextmanager
async def web_only(config: Config) -> AsyncIterator[Started]:
    """One web node of a larger deployment; line, ledger and media workers are elsewhere."""
    if not config.redis_url:
        raise StartError("A web node needs REDIS_URL; «run» brings its own line.")
    with listening(config) as door:
        settled = replace(config, port=door.getsockname()[1])
        async with opened(settled, config.redis_url) as made, serving(settled, made, door):
            yield Started(port=settled.port, journey=made)


def _recorder(config: Config) -> RecorderSettings | None:
    free = config.recordings_min_free_mb * 1024 * 1024
    return (
        RecorderSettings(folder=config.recordings_path, min_free_octets=free) if config.recordings else None
    )


def _captioned(config: Config) -> frozenset[str]:
    """The languages in which calls can be captioned here; Janus' packets do not pass us."""
    on = config.captions == "local" and config.media_backend == "workers"
    return languages() if on else frozenset()


def _media_start(config: Config) -> Start:
    """Who moves the packets: our forwarder, or the Janus beside this worker."""
    if config.media_backend == "workers":
        return start_worker
    return janus_start(
        JanusSettings(
            url=config.janus_url, api_secret=config.janus_api_secret, admin_key=config.janus_admin_key
        )
    )


async def media_only(config: Config, drain: asyncio.Event | None = None) -> None:
    """One media worker, until cancelled, or empty after ``drain`` was set; registers itself with its load."""
    if not config.redis_url or not config.media_token:
        raise StartError("A media worker needs REDIS_URL and CW_MEDIA_TOKEN.")
    redis = connect(config.redis_url)
    workers = Workers(redis)

    async def register(load: WorkerLoad) -> None:
        chosen = config.media_control and not config.media_control.endswith(":0")
        address = config.media_control if chosen else load.control
        public = address.replace("0.0.0.0", config.media_name)  # noqa: S104 - a name others can reach
        await workers.register(config.media_name, public, asdict(load))

    settings = MediaSettings(
        name=config.media_name,
        control=config.media_control or "127.0.0.1:0",
        token=config.media_token,
        udp_host=config.media_udp_host,
        udp_port=config.media_udp_port,
        advertised_hosts=config.media_advertised_hosts or (config.media_udp_host,),
        drain_seconds=config.media_drain_seconds,
        memory_octets=config.media_memory_mb * 1024 * 1024,
        recorder=_recorder(config),
        captions=_captioned(config),
    )
    settle()
    try:
        await run_worker(
            settings,
            register=register,
            withdraw=lambda: workers.withdraw(config.media_name),
            drain=drain,
            start=_media_start(config),
        )
    finally:
        await redis.aclose()
