"""Many pages at once: what one that does not read may cost, who is asked for signs of life."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web

from cloudwindow import signaling
from cloudwindow.attendance import Attendance
from cloudwindow.domain.messages import Message, PanelChanged, Replaced, encode
from cloudwindow.signaling import REPLACED, Connection, Hub, Text, framed
from tests.pace import PATIENCE_SECONDS

LIMIT_SECONDS = PATIENCE_SECONDS
MOST_BYTES = 256 * 1024


class House:
    """A server with nothing but a hub: ``/<topic>`` opens a page; ``calm`` names the pages at rest."""

    def __init__(self) -> None:
        self.hub = Hub(self._relay, Attendance("here"), lambda: 0.0)
        self.calm: set[str] = set()
        self.greeting = asyncio.Event()
        """Pages are greeted once this is set."""
        self.greeting.set()
        self.port = 0

    async def _relay(self, topic: str, text: str) -> None:
        """There is one node."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        topic = request.match_info["topic"]

        async def greet(page: Connection) -> None:
            page.say(PanelChanged(panels=("greeting",)))
            await self.greeting.wait()

        async def nothing() -> None: ...

        async def heard(message: Message) -> None: ...

        return await self.hub.serve(
            request,
            topic=topic,
            exclusive=True,
            permitted=frozenset(),
            sentence=lambda error: error.code,
            opened=greet if not self.greeting.is_set() else silent,
            heard=heard,
            closed=nothing,
            calm=lambda: topic in self.calm,
        )

    def page(self, topic: str) -> Connection:
        (page,) = self.hub._pages[topic]
        return page

    async def until(self, online: bool, *topics: str) -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            while any(self.hub.online(topic) is not online for topic in topics):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def silent(page: Connection) -> None:
    """No greeting."""


@asynccontextmanager
async def running() -> AsyncIterator[tuple[House, ClientSession]]:
    house = House()
    app = web.Application()
    app.router.add_get("/{topic}", house.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    house.port = runner.addresses[0][1]
    try:
        async with ClientSession(f"http://127.0.0.1:{house.port}") as client:
            yield house, client
    finally:
        await house.hub.close()
        await runner.cleanup()


async def raw_page(house: House, topic: str) -> socket.socket:
    """A page of which nobody reads what it is sent, beyond the answer to its greeting."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", house.port))
    request = (
        f"GET /{topic} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await loop.sock_sendall(raw, request.encode())
    await loop.sock_recv(raw, 4096)
    return raw


def waiting_bytes(page: Connection) -> int:
    """What is kept in this process for a page that does not read."""
    transport: Any = page.transport
    return page.outbox_bytes + (transport.get_write_buffer_size() if transport is not None else 0)


async def read(page: ClientWebSocketResponse, count: int) -> list[str]:
    async with asyncio.timeout(LIMIT_SECONDS):
        return [await page.receive_str() for _ in range(count)]


async def test_a_hundred_pages_that_do_not_read_cost_little_and_are_gone_and_others_miss_nothing() -> None:
    async with running() as (house, client):
        deaf = {f"deaf{number}": await raw_page(house, f"deaf{number}") for number in range(100)}
        readers = {f"reader{number}": await client.ws_connect(f"/reader{number}") for number in range(10)}
        await house.until(True, *deaf, *readers)
        pages = [house.page(topic) for topic in deaf]
        reading = [asyncio.create_task(read(one, 150)) for one in readers.values()]
        sent = [encode(PanelChanged(panels=(f"{number}", "x" * 4000))) for number in range(150)]
        most = 0
        for text in sent:
            for topic in (*deaf, *readers):
                house.hub.deliver(topic, text)
            most = max(most, *(waiting_bytes(page) for page in pages))
            await asyncio.sleep(0)
        assert 0 < most <= MOST_BYTES
        await house.until(False, *deaf)
        assert [waiting_bytes(page) for page in pages] == [0] * 100
        for one in reading:
            assert await one == sent
        for raw in deaf.values():
            raw.close()


async def test_what_waits_for_a_page_waits_for_a_few_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signaling, "SEND_SECONDS", 0.05)
    async with running() as (house, _):
        raw = await raw_page(house, "deaf")
        await house.until(True, "deaf")
        page = house.page("deaf")
        text = encode(PanelChanged(panels=("x" * 4000,)))
        while not page.outbox:
            house.hub.deliver("deaf", text)
        await house.until(False, "deaf")
        assert page.writer is None
        raw.close()


async def test_what_is_gathered_for_a_page_goes_out_in_order_once_it_is_released() -> None:
    async with running() as (house, client):
        page = await client.ws_connect("/new")
        await house.until(True, "new")
        mine = house.page("new")
        mine.gather()
        sent = [encode(PanelChanged(panels=(f"{number}",))) for number in range(4)]
        for text in sent[:3]:
            house.hub.deliver("new", text)
        assert mine.outbox is not None
        assert len(mine.outbox) == 3
        mine.release()
        assert waiting_bytes(mine) == 0
        assert mine.writer is None
        house.hub.deliver("new", sent[3])
        assert await read(page, 4) == sent


async def test_a_page_that_another_node_takes_over_is_told_and_closed() -> None:
    async with running() as (house, client):
        page = await client.ws_connect("/mine")
        await house.until(True, "mine")
        other = Attendance("there").opened("mine", alone=True)
        assert other
        await house.hub.attended(other)
        assert await read(page, 1) == [encode(Replaced())]
        async with asyncio.timeout(LIMIT_SECONDS):
            assert (await page.receive()).type is WSMsgType.CLOSE
        assert page.close_code == REPLACED


async def test_a_page_that_reads_again_gets_everything_that_waited_in_order() -> None:
    async with running() as (house, client):
        page = await client.ws_connect("/late")
        await house.until(True, "late")
        mine = house.page("late")
        sent: list[str] = []
        while not mine.outbox or len(mine.outbox) < 5:
            sent.append(encode(PanelChanged(panels=(f"{len(sent)}", "x" * 4000))))
            house.hub.deliver("late", sent[-1])
        assert await read(page, len(sent)) == sent
        house.hub.deliver("late", "{}")
        assert await read(page, 1) == ["{}"]
        assert not mine.outbox_bytes


async def test_a_page_that_reads_costs_no_task_and_no_queue() -> None:
    async with running() as (house, client):
        page = await client.ws_connect("/one")
        await house.until(True, "one")
        before = len(asyncio.all_tasks())
        house.hub.deliver("one", "{}")
        assert (house.page("one").writer, house.page("one").outbox) == (None, None)
        assert len(asyncio.all_tasks()) == before
        assert await read(page, 1) == ["{}"]


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 70_000])
async def test_a_frame_of_any_length_is_read_as_it_was_meant(size: int) -> None:
    async with running() as (house, client):
        page = await client.ws_connect("/one", max_msg_size=0)
        await house.until(True, "one")
        house.hub.push("one", Text("长" * (size // 3) + "x" * (size % 3)))
        assert len((await read(page, 1))[0].encode()) == size


def test_a_message_for_many_is_encoded_once() -> None:
    told = Text('{"type":"place.changed"}')
    assert told.frame is told.frame
    assert told.frame == framed(told)


async def test_a_page_that_gives_no_sign_of_life_is_cut_off_when_two_pulses_were_missed() -> None:
    async with running() as (house, client):
        raw = await raw_page(house, "dead")
        alive = await client.ws_connect("/alive")
        reading = asyncio.create_task(alive.receive())  # answers pings
        await house.until(True, "dead", "alive")
        for _ in range(signaling.MISSED_PULSES):
            house.hub.pulse()
            async with asyncio.timeout(LIMIT_SECONDS):
                while house.page("alive").socket.unanswered:  # noqa: ASYNC110 - the pong is on its way
                    await asyncio.sleep(0.01)
        assert house.hub.online("dead")
        house.hub.pulse()
        await house.until(False, "dead")
        assert house.hub.online("alive")
        reading.cancel()
        raw.close()


async def test_a_page_whose_greeting_takes_long_is_not_cut_off_before_it_was_asked_anything() -> None:
    async with running() as (house, client):
        house.greeting.clear()
        page = await client.ws_connect("/slow")
        await house.until(True, "slow")
        for _ in range(signaling.MISSED_PULSES + 2):
            house.hub.pulse()
        house.greeting.set()
        assert "greeting" in (await read(page, 1))[0]
        assert house.hub.here("slow")


async def test_pages_at_rest_are_asked_every_tenth_time_until_something_happens_to_them() -> None:
    async with running() as (house, _):
        house.calm.add("calm")
        raw = await raw_page(house, "calm")
        await house.until(True, "calm")
        page = house.page("calm")

        def asked() -> bool:
            """Whether this pulse asked, the sign of life given at once."""
            page.socket.unanswered = 0
            house.hub.pulse()
            return page.socket.unanswered > 0

        assert asked()  # the first one finds that it is calm
        assert sum(asked() for _ in range(3 * signaling.CALM_PULSES)) == 3
        house.hub.push("calm", Text("{}"))
        assert sum(asked() for _ in range(signaling.CALM_PULSES)) == 1
        house.calm.clear()
        house.hub.deliver("calm", "{}")
        assert all(asked() for _ in range(signaling.CALM_PULSES))
        raw.close()
