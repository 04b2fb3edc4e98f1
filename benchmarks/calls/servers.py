"""The two sides of a ratio: our worker and Janus VideoRoom, each a process of its own, called alike."""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from benchmarks.calls.leg import HOST, Leg
from benchmarks.calls.load import End
from benchmarks.calls.stream import Stream
from benchmarks.measure import child
from cloudwindow.media.plane import MediaEvent, WorkerAddress
from cloudwindow.media.remote import RemoteMediaPlane

TOKEN = "a-token-for-benchmarks"  # noqa: S105 - opens only a server of our own
START_SECONDS = 20.0
NO_SUCH_FEED = 428


class Server(Protocol):
    """A media server that runs."""

    pid: int
    name: str

    async def call(self, number: int, stream: Stream, *, measures: bool) -> list[End]:
        """Connect the two people of one call and return all their ends."""


# --- ours ------------------------------------------------------------------------------------------------


class OurWorker:
    """A worker of ours with the plane that speaks to it."""

    name = "ours"

    def __init__(self, process: subprocess.Popen[bytes], plane: RemoteMediaPlane) -> None:
        self.pid, self.plane = process.pid, plane
        self._process = process

    def signal(self, sign: int) -> None:
        """Send the worker a signal."""
        self._process.send_signal(sign)

    async def said(self) -> str:
        """The next line the worker prints."""
        assert self._process.stdout
        return (await asyncio.to_thread(self._process.stdout.readline)).decode()

    async def call(self, number: int, stream: Stream, *, measures: bool) -> list[End]:
        """One connection each, both ways."""
        legs = [Leg(), Leg()]
        for leg, role in zip(legs, ("citizen", "agent"), strict=True):
            sdp = leg.offer("sendrecv")
            leg.take(await self.plane.answer(f"room-{number}", role, role=role, offer=sdp))
            await leg.connect()
        return [End(leg, stream, sends=True, receives=True, measures=measures) for leg in legs]


@asynccontextmanager
async def our_worker(core: int | None = None) -> AsyncIterator[OurWorker]:
    """Start a worker, on one core if asked."""
    command = [sys.executable, "-m", "benchmarks.calls.worker", "w1", f"{HOST}:0", TOKEN]
    with child(command, stdout=subprocess.PIPE) as process:
        _pin(process.pid, core)
        assert process.stdout
        line = await asyncio.to_thread(process.stdout.readline)
        name, control = line.decode().split()
        address = WorkerAddress(name=name, control=control)

        async def workers() -> list[WorkerAddress]:
            return [address]

        plane = RemoteMediaPlane(workers, _nothing, TOKEN)
        try:
            yield OurWorker(process, plane)
        finally:
            await plane.stop()


async def _nothing(event: MediaEvent) -> None:
    """Events are not a matter of this benchmark."""


def _pin(pid: int, core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(pid, {core})


# --- Janus -----------------------------------------------------------------------------------------------

_GENERAL = """general: {{
    configs_folder = "{folder}"
    plugins_folder = "{library}/plugins"
    transports_folder = "{library}/transports"
    events_folder = "{folder}/none"
    loggers_folder = "{folder}/none"
    debug_level = 3
    debug_colors = false
    server_name = "bench"
    session_timeout = 0
    {event_loops}
}}
media: {{ ipv6 = false }}
nat: {{ ice_lite = true
    ignore_mdns = true }}
plugins: {{ disable = "{plugins}" }}
transports: {{ disable = "{transports}" }}
"""
_HTTP = """general: {{
    json = "compact"
    base_path = "/janus"
    http = true
    port = {port}
    ip = "{host}"
    https = false
}}
admin: {{ admin_http = false }}
"""


def has_janus() -> bool:
    """Whether Debian's package is there."""
    return shutil.which("janus") is not None


def janus_version() -> str:
    """``janus 1.1.2``, as the program says."""
    told = subprocess.run(["janus", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version: (\d+) \(([\d.]+)\)", told) or re.search(r"()(\d+\.\d+\.\d+)", told)
    return f"janus {found[2]}" if found else "janus"


class JanusRoom:
    """Janus with its VideoRoom, spoken to by its HTTP API."""

    def __init__(self, pid: int, name: str, api: aiohttp.ClientSession, url: str) -> None:
        self.pid, self.name = pid, name
        self._api, self._url = api, url

    async def call(self, number: int, stream: Stream, *, measures: bool) -> list[End]:
        """Two publishers and two subscribers, as VideoRoom has it."""
        room = 1000 + number
        senders = [await self._publisher(room, who) for who in (1, 2)]
        receivers = [await self._subscriber(room, feed) for feed in (2, 1)]
        ends = [End(leg, stream, sends=True, receives=False, measures=measures) for leg in senders]
        return ends + [End(leg, stream, sends=False, receives=True, measures=measures) for leg in receivers]

    async def _publisher(self, room: int, who: int) -> Leg:
        handle = await self._handle()
        if who == 1:
            await handle.ask(
                {
                    "request": "create",
                    "room": room,
                    "publishers": 6,
                    "bitrate": 2_500_000,
                    "videocodec": "vp8",
                    "audiocodec": "opus",
                    "fir_freq": 0,
                }
            )
        await handle.ask(
            {"request": "join", "ptype": "publisher", "room": room, "id": who},
            event=True,
            ends_with_list=True,
        )
        leg = Leg()
        told = await handle.ask(
            {"request": "publish"}, event=True, jsep={"type": "offer", "sdp": leg.offer("sendonly")}
        )
        leg.take(told["jsep"]["sdp"])
        await leg.connect()
        return leg

    async def _subscriber(self, room: int, feed: int) -> Leg:
        handle = await self._handle()
        join = {"request": "join", "ptype": "subscriber", "room": room, "streams": [{"feed": feed}]}
        told = await handle.ask(join, event=True)
        while told["plugindata"]["data"].get("error_code") == NO_SUCH_FEED:  # not up yet on Janus' side
            await asyncio.sleep(0.1)
            told = await handle.ask(join, event=True)
        leg = Leg()
        answer = leg.answer(told["jsep"]["sdp"])
        await handle.ask({"request": "start"}, event=True, jsep={"type": "answer", "sdp": answer})
        await leg.connect()
        return leg

    async def _handle(self) -> "_Handle":
        made = await self._post(self._url, {"janus": "create"})
        session = f"{self._url}/{made['data']['id']}"
        attached = await self._post(session, {"janus": "attach", "plugin": "janus.plugin.videoroom"})
        return _Handle(self, session, f"{session}/{attached['data']['id']}")

    async def _post(self, url: str, message: dict[str, Any]) -> dict[str, Any]:
        async with self._api.post(url, json={**message, "transaction": "t"}) as response:
            told: dict[str, Any] = await response.json(content_type=None)
        assert told["janus"] != "error", told
        return told

    async def poll(self, session: str) -> dict[str, Any]:
        """The next event of a session."""
        async with self._api.get(session) as response:
            told: dict[str, Any] = await response.json(content_type=None)
        return told


class _Handle:
    """One attachment to the VideoRoom plugin."""

    def __init__(self, janus: JanusRoom, session: str, url: str) -> None:
        self._janus, self._session, self._url = janus, session, url

    async def ask(
        self,
        body: dict[str, Any],
        *,
        event: bool = False,
        ends_with_list: bool = False,
        jsep: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send a request; wait for its event where Janus answers by one."""
        message: dict[str, Any] = {"janus": "message", "body": body}
        told = await self._janus._post(self._url, message | ({"jsep": jsep} if jsep else {}))
        while event:  # others' comings and goings are told on the same way
            told = await self._janus.poll(self._session)
            if (
                "publishers" not in told.get("plugindata", {}).get("data", {"publishers": 0})
                or ends_with_list
            ):
                break
        data = told.get("plugindata", {}).get("data", {})
        assert data.get("error_code") in (None, NO_SUCH_FEED), told
        return told


@asynccontextmanager
async def janus(core: int | None = None, *, event_loops: int = 0) -> AsyncIterator[JanusRoom]:
    """
    Start Janus headless, with a thread per handle or a number of event loops.

    It does not gather loopback: its media has the machine's own address, and takes the loopback all the same.
    """
    library = _library()
    with tempfile.TemporaryDirectory(prefix="cw-janus-") as folder:
        port = _free_port()
        _configure(Path(folder), library, port, event_loops)
        with (
            (Path(folder) / "log").open("wb") as log,
            child(["janus", "--configs-folder", folder], stdout=log, stderr=log) as process,
        ):
            _pin(process.pid, core)
            url = f"http://{HOST}:{port}/janus"
            async with aiohttp.ClientSession() as api:
                await _until_up(api, url)
                name = "janus" if not event_loops else f"janus_{event_loops}_loop"
                yield JanusRoom(process.pid, name, api, url)


def _library() -> Path:
    return next(Path("/usr/lib").glob("*/janus"))


def _configure(folder: Path, library: Path, port: int, event_loops: int) -> None:
    plugins = ",".join(
        file.name for file in (library / "plugins").glob("*.so") if "videoroom" not in file.name
    )
    transports = ",".join(
        file.name for file in (library / "transports").glob("*.so") if "http" not in file.name
    )
    loops = f"event_loops = {event_loops}" if event_loops else ""
    general = _GENERAL.format(
        folder=folder, library=library, plugins=plugins, transports=transports, event_loops=loops
    )
    (folder / "janus.jcfg").write_text(general)
    (folder / "janus.transport.http.jcfg").write_text(_HTTP.format(port=port, host=HOST))
    (folder / "janus.plugin.videoroom.jcfg").write_text("general: { }\n")


async def _until_up(api: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                async with api.get(f"{url}/info") as response:
                    await response.read()
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
