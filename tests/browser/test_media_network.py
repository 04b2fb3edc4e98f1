"""A call over a bad network: a TUN link to a namespace in which the citizen's browser runs."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from benchmarks.calls.link import BadNetwork, bad_network, why_not
from benchmarks.media_network import DELAY_MS, JITTER_MS, LOSS, call_over
from tests.browser.stage import Window, moves_on
from tests.pace import PATIENCE_MS


class Far(NamedTuple):
    """Both people, and what is between them."""

    network: BadNetwork
    citizen: Window
    agent: Window


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    with bad_network() as network:
        async with call_over(network) as (citizen, agent):
            yield Far(network, citizen, agent)


async def test_a_call_survives_loss_an_unplugged_network_and_another_address(far: Far) -> None:
    far.network.say(f"delay {DELAY_MS} {JITTER_MS}")
    far.network.say(f"loss {LOSS}")
    await asyncio.gather(moves_on(far.citizen, frames=60), moves_on(far.agent, frames=60))
    far.network.say("loss 0")
    far.network.unplug()
    await far.citizen.wait_for_function("line.state !== 'open'", timeout=PATIENCE_MS)
    far.network.plug()
    await far.citizen.wait_for_function("line.state === 'open'", timeout=PATIENCE_MS)
    await moves_on(far.citizen)
    far.network.move(far.network.far, far.network.spare)
    await asyncio.gather(*(moves_on(page) for page in (far.citizen, far.agent)))
