"""
How long after the accept two real browsers see each other, and a citizen the agent a call is handed to.

Both sides have their devices open, as after the waiting room's check. Clicks, the line and the ledger are
not in the figures; the offer over HTTP, the checks, the handshakes and the first keyframe are.
"""

import asyncio

from benchmarks.measure import machine, main, percentile, report
from cloudwindow.media.forwarder import Forwarder
from tests.browser.stage import ROOM, Stage, Window, chromium_windows, forwarding, moves_on, opened

ROUNDS = 20
STEPS = ("ways", "answer", "connected", "frame")
"""What a call waits for, in seconds since the accept."""
REACH_SETUP_S, REACH_TRANSFER_S = 1.0, 1.5

FIRST_FRAME = """async () => {
  void begin();
  while ((await call.stats()).framesDecoded < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  const since = (at) => (at - begun) / 1000;
  const { begun: offering, answered, connected } = call.timing;
  return [offering, answered, connected, performance.now()].map(since);
}"""
NEXT_FRAME = """async (before) => {
  const from = performance.now();
  while ((await call.stats()).framesDecoded <= before) await new Promise((resolve) => setTimeout(resolve, 5));
  return (performance.now() - from) / 1000;
}"""
STOOD_STILL = """async () => {
  let [frames, since] = [-1, performance.now()];
  while (performance.now() - since < 500) {
    const now = (await call.stats()).framesDecoded;
    if (now !== frames) [frames, since] = [now, performance.now()];
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return frames;
}"""


async def bench(quick: bool) -> None:
    """Set up calls, hand each over once, print the line."""
    setups: list[list[float]] = []
    transfers: list[float] = []
    kept = 0
    rounds = 2 if quick else ROUNDS
    async with chromium_windows() as windows, opened(windows) as stage, forwarding(stage) as forwarder:
        for _ in range(rounds):
            citizen, agent, other = [
                await stage.enter(member, role, waits=True)
                for member, role in (("c", "citizen"), ("a", "agent"), ("b", "agent"))
            ]
            setups += await asyncio.gather(citizen.evaluate(FIRST_FRAME), agent.evaluate(FIRST_FRAME))
            await asyncio.gather(moves_on(citizen), moves_on(agent))
            seen, same = await _handed_over(forwarder, citizen, other)
            transfers.append(seen)
            kept += same
            await _all_leave(stage)
    frames = [steps[-1] for steps in setups]
    p95, handed = percentile(frames, 0.95), percentile(transfers, 0.95)
    report(
        "media_setup",
        measured={
            "first_frames": len(setups),
            "setup_p50_s": percentile(frames, 0.5),
            "setup_p95_s": p95,
            "steps_p50_s": dict(
                zip(STEPS, (percentile(step, 0.5) for step in zip(*setups, strict=True)), strict=True)
            ),
            "transfers": len(transfers),
            "transfer_p50_s": percentile(transfers, 0.5),
            "transfer_p95_s": handed,
            "citizens_connection_kept": kept,
        },
        ratios={},
        reach={"setup_p95_s": REACH_SETUP_S, "transfer_p95_s": REACH_TRANSFER_S, "kept": rounds},
        reached={
            "setup_p95_s": p95 <= REACH_SETUP_S,
            "transfer_p95_s": handed <= REACH_TRANSFER_S,
            "kept": kept == rounds,
        },
        machine=machine(),
        notes=["browsers, forwarder and driver share the machine; devices are open before"],
    )


async def _handed_over(forwarder: Forwarder, citizen: Window, other: Window) -> tuple[float, bool]:
    """Take the agent out, let ``other`` in: when the citizen sees them (s), and on the same connection."""
    connection = "[call.timing.begun, states.length, streams.length].join()"
    before = await citizen.evaluate(connection)
    forwarder.remove(ROOM, "a")
    frames = await citizen.evaluate(STOOD_STILL)
    looking = asyncio.ensure_future(citizen.evaluate(f"({NEXT_FRAME})({frames})"))
    await other.evaluate("void begin()")
    seen: float = await looking
    return seen, await citizen.evaluate(connection) == before


async def _all_leave(stage: Stage) -> None:
    for member in list(stage.pages):
        await stage.remove(member)


if __name__ == "__main__":
    main(bench, __doc__)
