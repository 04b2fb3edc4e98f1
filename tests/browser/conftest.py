"""The running product and the browser for the walks; a test file with a stage of its own has its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.backends import backed
from tests.browser.walk import City, chromium, city
from tests.pace import PATIENCE_MS

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def backend() -> str:
    """Who moves the packets, where a test does not say otherwise."""
    return "workers"


@pytest.fixture
async def town(backend: str, tmp_path: Path) -> AsyncIterator[City]:
    """The running product."""
    with backed(backend, tmp_path / "backend") as settings:
        async with city(tmp_path / "data", **settings) as running:
            yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """One Chromium; each person gets a profile of their own."""
    async with chromium() as running:
        yield running
