"""
Janus' API over one WebSocket: one session of ours, its handles, and what Janus tells unasked.

The line is dialled again by itself and the session claimed, so that a short break ends no call. When
Janus has forgotten the session everything in it is gone, and ``on_lost`` hears of it.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

import aiohttp

from cloudwindow.domain.errors import CloudWindowError, Unavailable

ASK_SECONDS: Final = 4.0
"""How long Janus may take to answer, a line that is being dialled included."""
KEEPALIVE_SECONDS: Final = 10.0
REDIAL_SECONDS: Final = 0.25
CLAIM_SECONDS: Final = 25.0
"""So long a session can be claimed; ``reclaim_session_timeout`` of the sample is a little longer."""
MAX_OCTETS: Final = 256 * 1024

Message = dict[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class JanusSettings:
    """Where Janus' API is and what it wants to see; see ``deploy/janus``."""

    url: str
    api_secret: str
    admin_key: str


class JanusRefused(Exception):
    """Janus or its plugin said no; ``code`` is its number."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(f"{code}: {said}")
        self.code = code


class _NotSent(Exception):
    """The line was gone before Janus could hear us."""


@dataclass(frozen=True, slots=True)
class Told:
    """A plugin's answer: its ``data`` and, where there is one, a session description."""

    data: Message
    sdp: str = ""


class Janus:
    """One session. ``run`` it; ``on_event`` hears (handle, message) of what comes unasked."""

    def __init__(
        self,
        settings: JanusSettings,
        on_event: Callable[[int, Message], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._settings, self._on_event, self._on_lost = settings, on_event, on_lost
        self._session = 0
        self._line: aiohttp.ClientWebSocketResponse | None = None
        self._ready = asyncio.Event()
        self._waiting: dict[str, tuple[str, asyncio.Future[Message]]] = {}
        self._broken_at: float | None = None

    @property
    def ready(self) -> bool:
        """Whether Janus can be asked now."""
        return self._ready.is_set()

    async def until_ready(self, *, within: float) -> None:
        """Return when Janus can be asked, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._ready.wait()

    async def hang_up(self) -> None:
        """Break the line; it is dialled again at once."""
        if self._line is not None:
            await self._line.close()

    # --- asking -------------------------------------------------------------------------------------

    async def attach(self, plugin: str) -> int:
        """Return a new handle of ``plugin``. Raises Unavailable or JanusRefused."""
        told = await self._asked("attach", plugin=f"janus.plugin.{plugin}")
        return int(told["data"]["id"])

    async def detach(self, handle: int) -> None:
        """Let go of a handle and its connection; one that is gone already is fine. Raises Unavailable."""
        try:
            await self._asked("detach", handle_id=handle)
        except JanusRefused as exc:
            log.debug("detaching: %s", exc)

    async def ask(self, handle: int, body: Message, *, offer: str = "", answer: str = "") -> Told:
        """Put ``body`` to the handle's plugin. Raises Unavailable, or JanusRefused if it says no."""
        values: Message = {"handle_id": handle, "body": body}
        if offer or answer:
            values["jsep"] = {"type": "offer" if offer else "answer", "sdp": offer or answer}
        told = await self._asked("message", **values)
        data = told.get("plugindata", {}).get("data", {})
        if "error_code" in data:
            raise JanusRefused(int(data["error_code"]), str(data.get("error")))
        return Told(data, told.get("jsep", {}).get("sdp", ""))

    async def _asked(self, kind: str, **values: Any) -> Message:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                while True:
                    await self._ready.wait()
                    try:
                        return await self._exchange(kind, session_id=self._session, **values)
                    except _NotSent:
                        await asyncio.sleep(REDIAL_SECONDS)
        except TimeoutError as exc:
            raise Unavailable("media_unavailable") from exc

    async def _exchange(self, kind: str, **values: Any) -> Message:
        """
        Send and wait, without a limit, for the answer or the event that an ``ack`` announced.

        Raises Unavailable if the line broke meanwhile: Janus may or may not have done it.
        """
        if self._line is None:
            raise _NotSent
        number = token_hex(8)
        answered: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (kind, answered)
        try:
            await self._send(self._line, self._written(kind, number, values))
            return await answered
        finally:
            del self._waiting[number]

    @staticmethod
    async def _send(line: aiohttp.ClientWebSocketResponse, text: str) -> None:
        try:
            await line.send_str(text)
        except ConnectionError as exc:
            raise _NotSent from exc

    def _written(self, kind: str, number: str, values: Message) -> str:
        known = {"janus": kind, "transaction": number, "apisecret": self._settings.api_secret}
        return json.dumps(known | values, separators=(",", ":"))

    # --- the line -----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the line until cancelled."""
        async with aiohttp.ClientSession() as http:
            while True:
                try:
                    async with asyncio.timeout(ASK_SECONDS):
                        line = await http.ws_connect(
                            self._settings.url, protocols=["janus-protocol"], max_msg_size=MAX_OCTETS
                        )
                except (aiohttp.ClientError, TimeoutError, OSError):
                    self._give_up_if_late()
                else:
                    await self._serve(line)
                await asyncio.sleep(REDIAL_SECONDS)

    async def _serve(self, line: aiohttp.ClientWebSocketResponse) -> None:
        self._line = line
        reading = asyncio.create_task(self._read(line), name="janus reads")
        opening = asyncio.create_task(self._open(), name="janus session")
        try:
            await asyncio.wait({reading, opening}, return_when=asyncio.FIRST_COMPLETED)
            if self.ready:
                keeping = asyncio.create_task(self._keep_alive(), name="janus keepalive")
                await asyncio.wait({reading, keeping}, return_when=asyncio.FIRST_COMPLETED)
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
        finally:
            self._close(line)
            for task in (reading, opening):
                task.cancel()
            await asyncio.gather(reading, opening, line.close(), return_exceptions=True)

    def _close(self, line: aiohttp.ClientWebSocketResponse) -> None:
        self._ready.clear()
        self._line = None
        if self._session and self._broken_at is None:
            self._broken_at = asyncio.get_running_loop().time()
            log.warning("the line to Janus broke")
        for _, answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(Unavailable("media_unavailable"))

    async def _open(self) -> None:
        """Claim our session, or make one."""
        try:
            await self._claim_or_create()
        except (TimeoutError, CloudWindowError, JanusRefused, _NotSent) as exc:
            log.warning("Janus does not take us: %s", exc)
            return
        self._broken_at = None
        self._ready.set()

    async def _claim_or_create(self) -> None:
        async with asyncio.timeout(ASK_SECONDS):
            if self._session:
                try:
                    await self._exchange("claim", session_id=self._session)
                except JanusRefused:
                    self._lose()
            if not self._session:
                self._session = int((await self._exchange("create"))["data"]["id"])
                log.info("Janus serves us")

    def _give_up_if_late(self) -> None:
        late = self._broken_at is not None and (
            asyncio.get_running_loop().time() - self._broken_at > CLAIM_SECONDS
        )
        if late:
            self._lose()

    def _lose(self) -> None:
        self._session, self._broken_at = 0, None
        log.warning("Janus knows our session no more")
        self._on_lost()

    async def _keep_alive(self) -> None:
        try:
            while True:
                await asyncio.sleep(KEEPALIVE_SECONDS)
                async with asyncio.timeout(ASK_SECONDS):
                    await self._exchange("keepalive", session_id=self._session)
        except (TimeoutError, CloudWindowError, JanusRefused, _NotSent):
            return  # the line is made anew, and shows whether the session is still there

    async def _read(self, line: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in line:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                continue
            try:
                message = json.loads(frame.data)
            except ValueError:
                return
            if isinstance(message, dict):
                self._hear(message)

    def _hear(self, message: Message) -> None:
        kind, answered = self._waiting.get(str(message.get("transaction")), ("", None))
        if answered is None:
            if message.get("janus") == "timeout":
                self._session_ended(message)
            elif "sender" in message:
                self._on_event(int(message["sender"]), message)
            return
        if message.get("janus") == "ack" and kind == "message":
            return
        if answered.done():
            return
        if message.get("janus") == "error":
            error = message.get("error", {})
            answered.set_exception(JanusRefused(int(error.get("code", 0)), str(error.get("reason"))))
        else:
            answered.set_result(message)

    def _session_ended(self, message: Message) -> None:
        if message.get("session_id") == self._session and self._line is not None:
            log.warning("Janus ended our session")
            asyncio.get_running_loop().create_task(self._line.close())
