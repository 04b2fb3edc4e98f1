"""Promises in seconds hold on a busy machine, and are still broken by what takes too long."""

import asyncio

import pytest

from tests import pace
from tests.pace import promised, slowness


async def works() -> None:
    await asyncio.sleep(0.02)


def test_a_machine_is_never_faster_than_the_one_the_promises_were_made_for() -> None:
    assert slowness() >= 1


async def test_what_takes_longer_than_the_machine_excuses_breaks_the_promise() -> None:
    with pytest.raises(AssertionError, match="promised"):
        async with promised(1e-6):
            await works()


async def test_on_a_machine_that_is_slower_a_promise_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "slowness", lambda: 1e9)
    async with promised(1e-6):
        await works()
