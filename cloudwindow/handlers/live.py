"""Opening a page's socket: who it is, what it may say, in which language it is answered."""

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.messages import Hello, Message
from cloudwindow.handlers.door import JOURNEY, guest
from cloudwindow.i18n import texts
from cloudwindow.journey import Connection, Journey, WebSession
from cloudwindow.sentences import sentence

STAY_SECONDS = 60.0


async def serve_live(
    request: web.Request,
    *,
    topic: str,
    role: str,
    permitted: frozenset[str],
    opened: Callable[[], Awaitable[None]],
    heard: Callable[[Message], Awaitable[None]],
    closed: Callable[[], Awaitable[None]],
    calm: Callable[[], bool] | None = None,
    exclusive: bool = True,
) -> web.StreamResponse:
    """Run one page's connection until it ends."""
    journey = request.app[JOURNEY]
    spoken = texts(guest(request).look.language)

    def words(error: CloudWindowError) -> str:
        return sentence(error, spoken)

    async def greet(page: Connection) -> None:
        page.say(Hello(role=role, now_ms=round(journey.house.clock() * 1000)))
        try:
            await opened()
        except CloudWindowError as error:
            page.refuse(error)

    session = guest(request).staff_session
    keeping = asyncio.create_task(_stay_signed_in(journey, session)) if session is not None else None
    try:
        return await journey.house.hub.serve(
            request,
            topic=topic,
            exclusive=exclusive,
            permitted=permitted,
            sentence=words,
            opened=greet,
            heard=heard,
            closed=closed,
            calm=calm,
        )
    finally:
        if keeping is not None:
            keeping.cancel()


async def _stay_signed_in(journey: Journey, session: WebSession) -> None:
    """An open page counts as being there: an agent who waits for the next call is not signed out."""
    while True:
        await asyncio.sleep(STAY_SECONDS)
        await journey.door.still_here(session)
