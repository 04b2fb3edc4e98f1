"""The one media worker of a single machine is killed under a call: another takes its place."""

import os
import signal
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.browser.walk import City, frames_advance, in_call

pytestmark = pytest.mark.browser


def media_child(town: City) -> int:
    """The process id of the media worker that the running product has started."""
    for found in Path("/proc").glob("[0-9]*"):
        try:
            words = (found / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[-3:-1] == [b"--with-parent", str(town.process.pid).encode()] and b"media" in words:
            return int(found.name)
    raise AssertionError("no media worker runs")


async def test_a_call_outlives_the_only_media_worker(town: City, browser: Browser) -> None:
    citizen, agent = await in_call(town, browser, 1)
    killed = media_child(town)
    os.kill(killed, signal.SIGKILL)
    await citizen.page.wait_for_selector(".video-stage:not([data-state=connected])")
    for page in (citizen.page, agent.page):
        await page.wait_for_selector(".video-stage[data-state=connected]")
        await frames_advance(page)
    assert media_child(town) != killed
