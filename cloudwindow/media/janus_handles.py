"""Our handles at Janus: whose they are, what they are asked, and that none is left open."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from cloudwindow.domain.errors import BadInput, CloudWindowError, Unavailable
from cloudwindow.media.janus import Janus, JanusRefused, Message, Told
from cloudwindow.media.janus_member import JanusMember, JanusRoom

DROP_ATTEMPTS: Final = 10
"""Attempts of four seconds, which is longer than a session can be claimed: then Janus ends it by itself."""
BAD_SDP: Final = frozenset({437, 465})
"""The VideoRoom's and the core's numbers for a session description they cannot use."""

Duty = Coroutine[Any, Any, None]

log = logging.getLogger(__name__)


class Duties:
    """What is under way and nobody waits for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def keep(self, duty: Duty) -> None:
        """Begin ``duty``; what Janus does not do is logged."""
        task = asyncio.get_running_loop().create_task(self._quietly(duty))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def later(self, seconds: float, duty: Callable[[], Duty]) -> asyncio.TimerHandle:
        """Begin ``duty`` after so many seconds, unless the timer is cancelled."""
        return asyncio.get_running_loop().call_later(seconds, lambda: self.keep(duty()))

    async def done(self) -> None:
        """Return when nothing is under way any more."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def end(self) -> None:
        """End all."""
        for task in self._tasks:
            task.cancel()
        await self.done()

    @staticmethod
    async def _quietly(duty: Duty) -> None:
        try:
            await duty
        except CloudWindowError as error:
            log.warning("Janus did not follow: %s", error.code)


class Handles:
    """Asks Janus in our errors; ``owners`` names the member of each handle that is listened to."""

    def __init__(self, janus: Janus, duties: Duties) -> None:
        self._janus, self._duties = janus, duties
        self.owners: dict[int, tuple[JanusRoom, JanusMember]] = {}

    async def attach(self, plugin: str = "videoroom") -> int:
        """Return a new handle. Raises Unavailable ``media_unavailable``."""
        try:
            return await self._janus.attach(plugin)
        except JanusRefused as exc:
            raise Unavailable("media_unavailable") from exc

    async def ask(self, handle: int, body: Message, *, offer: str = "", answer: str = "") -> Told:
        """Put ``body`` to a handle. Raises BadInput ``bad_sdp`` or Unavailable ``media_unavailable``."""
        try:
            return await self._janus.ask(handle, body, offer=offer, answer=answer)
        except JanusRefused as exc:
            if exc.code in BAD_SDP and (offer or answer):
                raise BadInput("bad_sdp") from exc
            log.warning("Janus refused %s: %s", body.get("request"), exc)
            raise Unavailable("media_unavailable") from exc

    async def drop(self, handle: int) -> None:
        """Detach; where Janus does not answer, as soon as it does: media may flow meanwhile."""
        self.owners.pop(handle, None)
        try:
            await self._janus.detach(handle)
        except Unavailable:
            self._duties.keep(self._drop_later(handle))

    async def _drop_later(self, handle: int) -> None:
        for _ in range(DROP_ATTEMPTS):
            with suppress(Unavailable):
                await self._janus.detach(handle)
                return
