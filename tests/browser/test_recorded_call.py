"""A call that is recorded, for real: the citizen's word, both signs, a pause, a dead recorder, its files."""

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.browser.walk import ROOT, Agent, Citizen, City, frames_advance, in_call
from tests.pace import PATIENCE_SECONDS, promised

pytestmark = pytest.mark.browser
WARNED_WITHIN_SECONDS = 3.0
ACTIVE = {"starting", "running", "paused"}


async def sign(page: Page, state: str, words: str) -> None:
    """Return when the page says that the recording is in ``state``, in these words."""
    await page.locator(f".recording-sign[data-recording={state}]", has_text=words).wait_for()


async def both(citizen: Citizen, agent: Agent, state: str, words: str) -> None:
    """The same sign on both screens."""
    await sign(citizen.page, state, words)
    await sign(agent.page, state, words)


def kill_recorder(town: City) -> None:
    """``kill -9`` of the process that writes, as if it had crashed."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):  # it may have ended since it was listed
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"cloudwindow.media.recorder_child" in words and str(town.data_dir).encode() in b" ".join(
                words
            ):
                os.kill(int(entry.name), signal.SIGKILL)
                return
    raise AssertionError("no recorder runs")


def written(town: City) -> list[tuple[str, str, str]]:
    """(id, state, failure) of the recordings in the ledger, in order."""
    with closing(sqlite3.connect(f"file:{town.data_dir}/ledger.sqlite3?mode=ro", uri=True)) as ledger:
        return ledger.execute("SELECT id, state, failure FROM recording ORDER BY number").fetchall()


async def verified(town: City) -> str:
    """What ``recordings verify`` says of all files."""
    command = [sys.executable, "-m", "cloudwindow", "recordings", "verify"]
    environment = {**os.environ, "DATA_DIR": str(town.data_dir)}
    run = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await run.communicate()
    return said.decode()


async def test_a_citizen_agrees_and_a_break_is_told_at_once_and_followed(
    town: City, browser: Browser
) -> None:
    citizen, agent = await in_call(town, browser, 1)

    await sign(agent.page, "asking", "还没有问是否录音录像")
    assert written(town) == []
    await citizen.page.locator("[data-panel=recording_ask] button", has_text="同意").first.click()
    await both(citizen, agent, "running", "正在录音录像")

    await citizen.page.locator("[name='work_addr.detail']").focus()
    await both(citizen, agent, "paused", "正在填写私密信息")
    await citizen.page.locator("#chat-text").focus()
    await both(citizen, agent, "running", "正在录音录像")

    async with promised(WARNED_WITHIN_SECONDS):
        kill_recorder(town)
        await sign(agent.page, "broken", "意外中断")
    assert await agent.page.locator("[data-recording=broken]").get_attribute("role") == "alert"
    await sign(citizen.page, "broken", "通话照常进行")
    await both(citizen, agent, "running", "正在录音录像")
    await frames_advance(citizen.page, 30)

    await agent.ends("consulted")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while any(state in ACTIVE for _, state, _ in written(town)):  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.1)
    (first, _, broken), (second, _, well) = written(town)
    assert (broken, well) == ("recorder_died", "")
    for recording in (first, second):
        assert list((town.data_dir / "recordings" / recording).glob("*.sealed"))
    said = await verified(town)
    assert f"{second} intact" in said, said
