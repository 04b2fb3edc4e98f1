"""Debian's coturn with the configuration we ship, on loopback, and a client that asks too much of it."""

import asyncio
import hashlib
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aioice import stun

from tests.pace import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]
RELAY_HOST = "127.0.0.10"
WORKER_HOST = "127.0.0.20"
SECRET = "a secret of the tests"
REALM = "window.example"
UDP = 17 << 24
"""REQUESTED-TRANSPORT (RFC 8656 §18.8)."""
IPV6 = 2 << 24

needs_coturn = pytest.mark.skipif(
    shutil.which("turnserver") is None, reason="coturn is not installed: scripts/setup test"
)

stun.ATTRIBUTES_BY_NAME.setdefault(
    "REQUESTED-ADDRESS-FAMILY",
    family := (0x0017, "REQUESTED-ADDRESS-FAMILY", stun.pack_unsigned, stun.unpack_unsigned),
)
stun.ATTRIBUTES_BY_TYPE.setdefault(0x0017, family)


@dataclass(frozen=True, slots=True)
class Coturn:
    """A relay that runs."""

    port: int
    host: str = RELAY_HOST

    @property
    def url(self) -> str:
        """Where browsers find it."""
        return self.over("udp")

    def over(self, transport: str) -> str:
        """Where browsers find it that speak ``udp`` or ``tcp`` with it."""
        return f"turn:{self.host}:{self.port}?transport={transport}"


@asynccontextmanager
async def coturn(
    folder: Path, *, host: str = RELAY_HOST, workers: str = WORKER_HOST
) -> AsyncIterator[Coturn]:
    """
    Start coturn as ``deploy/coturn/start`` does; only port, certificate and loopback differ.

    It stands at ``host`` and leads to ``workers``, addresses separated by blanks.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        port = probe.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "TURN_CONF": str(folder / "turn.conf"),
        "TURN_SECRET": SECRET,
        "TURN_REALM": REALM,
        "TURN_ADDRESS": host,
        "TURN_WORKERS": workers,
    }
    options = [f"--listening-port={port}", "--no-tls", "--no-dtls", "--allow-loopback-peers"]
    process = await asyncio.create_subprocess_exec(
        "sh",
        str(ROOT / "deploy" / "coturn" / "start"),
        *options,
        f"--pidfile={folder / 'turn.pid'}",
        f"--userdb={folder / 'turn.db'}",
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        await _answers(Coturn(port, host), process)
        yield Coturn(port, host)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(relay: Coturn, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            assert process.returncode is None, "coturn ended at once"
            caller = await TurnClient.connect(relay.port, relay.host)
            try:
                await asyncio.wait_for(caller.ask(stun.Message(stun.Method.BINDING, stun.Class.REQUEST)), 1.0)
                return
            except (TimeoutError, OSError):
                continue
            finally:
                caller.close()


class TurnClient(asyncio.DatagramProtocol):
    """Sends one request at a time and returns the answer, whatever it is."""

    def __init__(self) -> None:
        self._answers: asyncio.Queue[Any] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None
        self._key = b""
        self._words: dict[str, Any] = {}

    @classmethod
    async def connect(cls, port: int, host: str = RELAY_HOST) -> "TurnClient":
        loop = asyncio.get_running_loop()
        _, made = await loop.create_datagram_endpoint(cls, remote_addr=(host, port))
        return made

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, datagram: bytes, _sender: Any) -> None:
        if datagram[0] < 4:
            self._answers.put_nowait(stun.parse_message(datagram))

    def error_received(self, exc: Exception) -> None:
        """The relay is not there yet; whoever asked waits no longer than their limit."""

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    async def ask(self, request: stun.Message) -> stun.Message:
        """Send ``request``, signed if credentials are known."""
        assert self._transport is not None
        request.attributes.update(self._words)
        if self._key:
            request.add_message_integrity(self._key)
        self._transport.sendto(bytes(request))
        while True:
            answer: stun.Message = await asyncio.wait_for(self._answers.get(), PATIENCE_SECONDS)
            if answer.transaction_id == request.transaction_id:
                return answer

    async def allocate(self, username: str, credential: str, *, family: int | None = None) -> int:
        """Ask for a relay as ``username``; gives 0 or the error's number."""
        first = await self.ask(_allocation(family))
        if "NONCE" not in first.attributes:
            return int(first.attributes["ERROR-CODE"][0])
        realm = first.attributes["REALM"]
        self._words = {"USERNAME": username, "REALM": realm, "NONCE": first.attributes["NONCE"]}
        self._key = hashlib.md5(f"{username}:{realm}:{credential}".encode()).digest()  # noqa: S324 - RFC 8489
        return _error(await self.ask(_allocation(family)))

    async def permit(self, peer: str, port: int = 9) -> int:
        """Ask to speak with ``peer``; gives 0 or the error's number."""
        request = stun.Message(stun.Method.CREATE_PERMISSION, stun.Class.REQUEST)
        request.attributes["XOR-PEER-ADDRESS"] = (peer, port)
        return _error(await self.ask(request))

    async def bind(self, peer: str, channel: int, port: int = 9) -> int:
        """Ask for a channel to ``peer``; gives 0 or the error's number."""
        request = stun.Message(stun.Method.CHANNEL_BIND, stun.Class.REQUEST)
        request.attributes["CHANNEL-NUMBER"] = channel
        request.attributes["XOR-PEER-ADDRESS"] = (peer, port)
        return _error(await self.ask(request))


def _allocation(family: int | None) -> stun.Message:
    request = stun.Message(stun.Method.ALLOCATE, stun.Class.REQUEST)
    request.attributes["REQUESTED-TRANSPORT"] = UDP
    if family is not None:
        request.attributes["REQUESTED-ADDRESS-FAMILY"] = family
    return request


def _error(answer: stun.Message) -> int:
    return int(answer.attributes["ERROR-CODE"][0]) if "ERROR-CODE" in answer.attributes else 0
