"""20,000 offers nobody should send: each is answered or refused as bad, and none holds up the loop."""

import asyncio
import gc
import time
from collections import Counter
from random import Random

from benchmarks.calls.leg import Leg
from benchmarks.calls.offers import mutated
from benchmarks.measure import machine, main, percentile, report
from cloudwindow.domain.errors import BadInput
from cloudwindow.media.forwarder import Forwarder, ForwarderSettings
from cloudwindow.media.plane import MediaEvent

OFFERS, SEED = 20_000, 20_261_125
REACH_MS = 20.0


async def bench(quick: bool) -> None:
    """Offer them all to a forwarder and print the line."""
    chance, offers = Random(SEED), 500 if quick else OFFERS
    leg = Leg()
    good = leg.offer("sendrecv")
    forwarder = Forwarder(ForwarderSettings(), _nothing)
    outcomes: Counter[str] = Counter()
    stalls: list[float] = []
    for number in range(offers):
        text = mutated(good, chance)
        gc.disable()  # this process's own rubbish is collected between the offers
        began = time.thread_time()
        outcomes[_outcome(forwarder, f"room-{number % 50}", text)] += 1
        stalls.append((time.thread_time() - began) * 1000)
        gc.enable()
        if number % 50 == 49:
            for room in list(forwarder.rooms):
                forwarder.close(room)
            await asyncio.sleep(0)
    await forwarder.close_all()
    leg.socket.close()
    worst = max(stalls)
    unhandled = offers - outcomes["answered"] - outcomes["bad_sdp"]
    report(
        "media_offers",
        measured={
            "offers": offers,
            "outcomes": dict(outcomes),
            "p99_ms": percentile(stalls, 0.99),
            "worst_ms": worst,
        },
        ratios={},
        reach={"worst_ms": REACH_MS, "unhandled": 0},
        reached={"worst_ms": worst <= REACH_MS, "unhandled": unhandled == 0},
        machine=machine(),
        notes=["times are CPU time of the thread that answers"],
    )


def _outcome(forwarder: Forwarder, room: str, text: str) -> str:
    try:
        forwarder.answer(room, "c", role="citizen", offer=text)
    except BadInput as refused:
        return refused.code
    except Exception as error:  # what this looks for
        return f"unhandled {type(error).__name__}"
    return "answered"


async def _nothing(event: MediaEvent) -> None:
    """Events are not a matter of this benchmark."""


if __name__ == "__main__":
    main(bench, __doc__)
