"""
The live room alone as a process: ``/<number>`` opens a page. Commands and answers as in ``peers/floor.c``.

``push ROUNDS SIZE``: one text for all, each page by its own topic, as places are told.
``personal ROUNDS SIZE``: another text for each page, encoded for it.
"""

import asyncio
import gc
import sys
import time

from aiohttp import web

from cloudwindow.attendance import Attendance
from cloudwindow.domain.messages import ChatSaid, Message, encode
from cloudwindow.signaling import Connection, Hub, Text


async def serve() -> None:
    """Answer commands until the input ends."""
    hub = Hub(_nobody_else, Attendance("here"), time.monotonic)
    app = web.Application()

    async def live(request: web.Request) -> web.StreamResponse:
        return await hub.serve(
            request,
            topic=f"ticket:{request.match_info['number']}",
            exclusive=True,
            permitted=frozenset(),
            sentence=lambda error: error.code,
            opened=_greet,
            heard=_hear,
            closed=_close,
            calm=lambda: True,
        )

    app.router.add_get("/{number}", live)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    gc.collect()
    gc.freeze()
    print("port", runner.addresses[0][1], flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    while line := (await commands.readline()).decode().split():
        pushed, spent = await push(hub, line[0], int(line[1]), int(line[2]))
        print("pushed", pushed, "us", spent / 1000, flush=True)


async def push(hub: Hub, kind: str, rounds: int, size: int) -> tuple[int, int]:
    """How many messages were sent, and the CPU time of this process for them, in ns."""
    topics = hub.topics_of("ticket")
    begun = time.process_time_ns()
    for _ in range(rounds):
        if kind == "push":
            text = Text("x" * size)
            for topic in topics:
                hub.push(topic, text)
        else:
            for number, topic in enumerate(topics):
                said = ChatSaid(
                    id=number, author="agent", name="", text="x" * max(0, size - 85), at_ms=number
                )
                hub.deliver(topic, encode(said))
        await asyncio.sleep(0)
    return rounds * len(topics), time.process_time_ns() - begun


async def _nobody_else(topic: str, text: str) -> None:
    """There is one node."""


async def _greet(page: Connection) -> None: ...


async def _hear(message: Message) -> None: ...


async def _close() -> None: ...


if __name__ == "__main__":
    asyncio.run(serve())
