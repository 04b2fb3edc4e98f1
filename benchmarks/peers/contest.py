"""What every contestant does: hand out tickets in a closed loop, and tell how long the next one took."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.measure import median, percentile


@dataclass(slots=True)
class Tally:
    """Rounds of one contestant with a number of clients."""

    next_ms: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Medians over rounds, percentiles over everything."""
        return {
            "pairings_per_second": median(self.per_second),
            "next_p50_ms": percentile(self.next_ms, 0.5),
            "next_p99_ms": percentile(self.next_ms, 0.99),
            "server_cpu_us_per_pairing": median(self.cpu_us),
            "pairings": len(self.next_ms),
        }


class Contestant(Protocol):
    """Somebody who hands out tickets: filled beforehand, run in rounds."""

    name: str

    async def round(self, pairings: int, clients: int) -> list[float]:
        """Hand out ``pairings`` tickets to ``clients`` at a time; ms from asking to knowing the next one."""

    def cpu(self) -> int:
        """CPU of the server so far, in ns."""


async def rounds(one: Contestant, pairings: int, clients: int, tally: Tally) -> None:
    """One round, kept in ``tally``."""
    before, begun = one.cpu(), time.perf_counter()
    ms = await one.round(pairings, clients)
    lasted = time.perf_counter() - begun
    tally.next_ms += ms
    tally.per_second.append(len(ms) / lasted)
    tally.cpu_us.append((one.cpu() - before) / 1000 / len(ms))


async def timed(work: Callable[[], Awaitable[Any]]) -> tuple[float, Any]:
    """Milliseconds and answer."""
    begun = time.perf_counter()
    answer = await work()
    return (time.perf_counter() - begun) * 1000, answer
