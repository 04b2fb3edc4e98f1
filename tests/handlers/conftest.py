"""
Fixtures of the doors: a running city for each file of tests, and people of every role in front of it.

Tests of one file share a city and an event loop; citizens are new for each test. What a test leaves behind
at a desk would disturb the next one, so desks are tested in a ``fresh_city`` of their own.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pytest_asyncio import is_async_test

from cloudwindow.queue import connect
from tests.gateways.redis_server import RedisServer, running_server
from tests.handlers.people import Browser, City, browser, city_in, newcomer, seed_in, sign_in, take_ticket

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of one file run in one event loop, with their city."""
    for item in items:
        if HERE in item.path.parents and is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="session")
def line_server() -> Iterator[RedisServer]:
    """A real server for the lines of all cities."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def seeded(line_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a migrated ledger and the demo accounts, to copy from."""
    folder = tmp_path_factory.mktemp("seeded")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, seed_in(folder, line_server.url)).result()
    return folder


@asynccontextmanager
async def new_city(url: str, seeded: Path, folder: Path, **settings: Any) -> AsyncIterator[City]:
    """A running product with an empty line and a ledger that knows the demo accounts only."""
    client = connect(url)
    await client.flushdb()
    await client.aclose()
    shutil.copytree(seeded, folder / "data")
    async with city_in(folder / "data", url, **settings) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city(
    line_server: RedisServer, seeded: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[City]:
    """The city of this file's tests."""
    async with new_city(line_server.url, seeded, tmp_path_factory.mktemp("city")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def fresh_city(line_server: RedisServer, seeded: Path, tmp_path: Path) -> AsyncIterator[City]:
    """A city of this one test, beside the file's and with a line of its own."""
    async with new_city(f"{line_server.url}?db=1", seeded, tmp_path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def visitor(city: City) -> AsyncIterator[Browser]:
    """A browser nobody knows."""
    async with browser(city) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def citizen(city: City) -> AsyncIterator[Browser]:
    """A citizen of Huadu with a ticket for HR01."""
    async with browser(city) as one:
        await take_ticket(one, newcomer())
        yield one


@asynccontextmanager
async def staff(city: City, account: str) -> AsyncIterator[Browser]:
    """The browser of somebody signed in."""
    async with browser(city) as one:
        await sign_in(one, account)
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent(city: City) -> AsyncIterator[Browser]:
    """An agent of Huadu, signed in."""
    async with staff(city, "agent-huadu") as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def approver(city: City) -> AsyncIterator[Browser]:
    """An approver of Huadu, signed in."""
    async with staff(city, "approver-huadu") as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(city: City) -> AsyncIterator[Browser]:
    """The district admin of Huadu, signed in."""
    async with staff(city, "admin-huadu") as one:
        yield one
