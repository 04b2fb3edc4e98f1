"""What goes wrong, and when: a schedule made from the seed before the run begins."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.nemesis.crowd import Agent
from tests.nemesis.history import History
from tests.nemesis.stage import Stage, flush
from tests.nemesis.watcher import Watcher

LEASE_SECONDS = 6.0
"""How long the line believes in a desk it does not hear of."""

KINDS = (
    "kill-web",
    "stop-web",
    "kill-redis",
    "stop-redis",
    "cut-before",
    "cut-after",
    "flush",
    "clock",
    "kill-agent",
    "stop-agent",
    "texts-away",
    "texts-mute",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """At ``at`` seconds ``kind`` befalls the ``target``-th of its sort, for ``seconds``."""

    at: float
    kind: str
    target: int
    seconds: float
    pieces: int


def schedule(seed: int, kinds: Sequence[str], seconds: float) -> list[Fault]:
    """The faults of a run, each kind as often as the others, one every two to five seconds."""
    chance = random.Random(f"faults {seed}")
    made: list[Fault] = []
    at, bag = 3.0, list[str]()
    while at < seconds and kinds:
        if not bag:
            bag = list(kinds)
            chance.shuffle(bag)
        length = LEASE_SECONDS * chance.uniform(0.3, 1.8)
        made.append(
            Fault(
                at=at,
                kind=bag.pop(),
                target=chance.randrange(1 << 16),
                seconds=length,
                pieces=chance.randint(1, 6),
            )
        )
        at += chance.uniform(2.0, 5.0)
    return made


@dataclass(slots=True)
class Injector:
    """Carries the schedule out on a stage and its people."""

    stage: Stage
    agents: Sequence[Agent]
    watcher: Watcher
    history: History

    async def carry_out(self, faults: Sequence[Fault]) -> None:
        """All of them, each at its time."""
        began = asyncio.get_running_loop().time()
        for fault in faults:
            await asyncio.sleep(max(0.0, began + fault.at - asyncio.get_running_loop().time()))
            self.history.count(f"fault {fault.kind}")
            await self._befall(fault)

    async def _befall(self, fault: Fault) -> None:
        stage, wire = self.stage, self.stage.wire
        node = stage.nodes[fault.target % len(stage.nodes)]
        agent = self.agents[fault.target % len(self.agents)]
        match fault.kind:
            case "kill-web":
                node.kill()
            case "stop-web":
                node.stand_still(fault.seconds)
            case "kill-redis":
                stage.kill_redis()
            case "stop-redis":
                stage.stop_redis(fault.seconds)
            case "cut-before" if wire is not None:
                wire.cut_before(fault.pieces)
            case "cut-after" if wire is not None:
                wire.cut_after(fault.pieces)
            case "flush":
                self.watcher.forget()
                await flush(stage.direct_url)
                await self.watcher.listen_again()
            case "clock":
                sign = 1 if fault.target % 2 else -1
                node.jump(sign * fault.seconds * 4)
                asyncio.get_running_loop().call_later(fault.seconds, node.jump, 0.0)
            case "kill-agent":
                agent.vanish(fault.seconds * (5 if fault.target % 4 == 0 else 1))
            case "stop-agent":
                agent.stand_still(fault.seconds)
            case "texts-away":
                stage.carrier.away(fault.seconds)
            case "texts-mute":
                stage.carrier.mute(fault.seconds)


def cannot(kind: str, stage: Stage) -> str:
    """Why a kind of fault cannot be tried here; empty if it can."""
    if kind in {"cut-before", "cut-after"} and stage.wire is None:
        return "the line is the product's own child: there is no wire to cut"
    if kind == "clock" and all(node.clock is None for node in stage.nodes):
        return "no clock to move: Debian's libfaketime is missing, or the product runs as one process"
    return ""
