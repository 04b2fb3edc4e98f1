"""Fixtures of the journeys: an empty town each; the longest walks also on PostgreSQL and real paper."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from cloudwindow.domain import replica
from cloudwindow.journey import places
from cloudwindow.queue import connect
from cloudwindow.records.ledger import Ledger
from tests.gateways.databases import ledger, ledger_url, migrated_file, postgres_server
from tests.gateways.redis_server import RedisServer, running_server
from tests.journeys.town import Town, opened_town


@pytest.fixture(autouse=True)
def _places_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The town's clock stands still: a place is never a moment old."""
    monkeypatch.setattr(places, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(replica, "OUTLOOK_SECONDS", 0.0)
    monkeypatch.setattr(replica, "CHECK_SECONDS", 0.0)


@pytest.fixture(scope="session")
def valkey() -> Iterator[RedisServer]:
    """One line for the whole session."""
    with running_server() as server:
        yield server


@pytest_asyncio.fixture
async def line_url(valkey: RedisServer) -> str:
    """The address of an empty line."""
    client = connect(valkey.url)
    await client.flushall()
    await client.aclose()
    return valkey.url


@pytest_asyncio.fixture
async def town(line_url: str, migrated_file: Path, tmp_path: Path) -> AsyncIterator[Town]:
    """A town whose ledger is an SQLite file."""
    shutil.copy(migrated_file, tmp_path / "ledger.db")
    opened = await Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}")
    async with opened_town(tmp_path, opened, line_url) as made:
        yield made
    await opened.close()


@pytest_asyncio.fixture
async def either_town(line_url: str, ledger: Ledger, tmp_path: Path) -> AsyncIterator[Town]:
    """A town on each kind of database."""
    async with opened_town(tmp_path, ledger, line_url) as made:
        yield made


@pytest_asyncio.fixture
async def real_town(line_url: str, ledger: Ledger, tmp_path: Path) -> AsyncIterator[Town]:
    """A town on each kind of database, with the product's own printer and paper table."""
    async with opened_town(tmp_path, ledger, line_url, real=True) as made:
        yield made


__all__ = [
    "either_town",
    "ledger",
    "ledger_url",
    "line_url",
    "migrated_file",
    "postgres_server",
    "real_town",
    "town",
    "valkey",
]
