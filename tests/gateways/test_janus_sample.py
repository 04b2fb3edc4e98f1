"""The files of ``deploy/janus`` in Debian's Janus: who may speak to it, and how long a session is kept."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.gateways.janus_server import NEEDS_JANUS, running_janus
from tests.pace import PATIENCE_SECONDS

LIMIT_SECONDS = PATIENCE_SECONDS
UNAUTHORIZED, WRONG_KEY, KEY_MISSING = 403, 433, 429
ROOM: dict[str, Any] = {
    "room": 1,
    "admin_key": "replace-me-too",
    "publishers": 6,
    "videocodec": "vp8",
    "audiocodec": "opus",
}

pytestmark = NEEDS_JANUS


class Api:
    """One line to Janus' API; one question at a time."""

    def __init__(self, line: aiohttp.ClientWebSocketResponse) -> None:
        self.line = line
        self._numbers = count()

    async def ask(self, kind: str, **values: Any) -> dict[str, Any]:
        """Send with the sample's secret unless another is given; the answer, or the event it announces."""
        transaction = str(next(self._numbers))
        message = {"janus": kind, "transaction": transaction, "apisecret": "replace-me"} | values
        await self.line.send_json(message)
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                told: dict[str, Any] = await self.line.receive_json()
                is_ours = told.get("transaction") == transaction
                if is_ours and (told["janus"] != "ack" or kind != "message"):
                    return told


class Handle:
    """One attachment to the VideoRoom."""

    def __init__(self, api: Api, session: int, number: int) -> None:
        self.api, self.session, self.number = api, session, number

    async def ask(self, request: str, jsep: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
        """The answer's ``data``; a session description under ``jsep``."""
        more = {"jsep": jsep} if jsep else {}
        place = {"session_id": self.session, "handle_id": self.number}
        told = await self.api.ask("message", **place, body={"request": request, **body}, **more)
        data: dict[str, Any] = told["plugindata"]["data"]
        return data | {"jsep": told.get("jsep")}


class Server:
    """Janus with the samples."""

    def __init__(self, pid: int, url: str, http: aiohttp.ClientSession) -> None:
        self.pid = pid
        self._url, self._http = url, http

    async def line(self) -> Api:
        """Dial."""
        return Api(await self._http.ws_connect(self._url, protocols=["janus-protocol"]))


async def attached(api: Api) -> Handle:
    """A new session with one handle."""
    session = (await api.ask("create"))["data"]["id"]
    return await another(api, session)


async def another(api: Api, session: int) -> Handle:
    """A further handle in a session."""
    told = await api.ask("attach", session_id=session, plugin="janus.plugin.videoroom")
    return Handle(api, session, told["data"]["id"])


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """Janus with the samples, their folder and port moved."""
    with running_janus(tmp_path) as running:
        async with aiohttp.ClientSession() as http:
            yield Server(running.process.pid, running.settings.url, http)


def listening_tcp(pid: int) -> list[str]:
    """Addresses at which the process waits for connections (state 0A in /proc/net/tcp), in hexadecimal."""
    held = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = [
        row.split()
        for table in ("tcp", "tcp6")
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return [row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in held]


async def test_the_sample_opens_one_tcp_port_and_that_on_loopback(server: Server) -> None:
    assert listening_tcp(server.pid) == ["0100007F"]


async def test_the_sample_refuses_whoever_lacks_the_secret_or_the_key(server: Server) -> None:
    api = await server.line()
    assert (await api.ask("create", apisecret="wrong"))["error"]["code"] == UNAUTHORIZED
    handle = await attached(api)
    assert (await handle.ask("create", room=1, admin_key="wrong"))["error_code"] == WRONG_KEY
    assert (await handle.ask("rtp_forward", room=1))["error_code"] == KEY_MISSING


async def test_a_session_is_claimed_over_a_new_line_and_its_room_is_still_there(server: Server) -> None:
    api = await server.line()
    handle = await attached(api)
    await handle.ask("create", **ROOM)
    await api.line.close()
    again = await server.line()
    assert (await again.ask("claim", session_id=handle.session))["janus"] == "success"
    assert (await Handle(again, handle.session, handle.number).ask("exists", room=1))["exists"]
