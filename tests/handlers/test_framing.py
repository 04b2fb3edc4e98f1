"""The end of a node: what running requests and those who wait for them do to each other."""

import asyncio
import logging

import pytest
from aiohttp import ClientSession, web

from cloudwindow.handlers.framing import Doorman
from tests.pace import PATIENCE_SECONDS

LIMIT_SECONDS = PATIENCE_SECONDS


async def test_a_request_that_ends_as_its_node_stops_waiting_for_it_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection: asyncio.Future[web.RequestHandler] = asyncio.get_running_loop().create_future()
    may_end = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        connection.set_result(request.protocol)
        await may_end.wait()
        return web.Response(text="served")

    server, loop = web.Server(answer), asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Doorman(server, loop=loop, access_log=None), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        async with asyncio.timeout(LIMIT_SECONDS), ClientSession(f"http://127.0.0.1:{port}") as session:
            asked = asyncio.create_task(session.get("/"))
            ending = asyncio.create_task((await connection).shutdown(None))
            await asyncio.sleep(0)  # it waits now
            may_end.set()
            ending.cancel()
            async with await asked as answered:
                assert await answered.text() == "served"
            await asyncio.wait([ending])
    finally:
        listener.close()
        await server.shutdown(0)
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []
