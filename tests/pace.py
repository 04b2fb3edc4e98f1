"""
Real time in tests: what must come is waited for with patience, and what was promised in seconds is measured
against the machine as it is, so that neighbours on it fail no test.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PATIENCE_SECONDS = 90.0
"""How long to wait for what must come, where its time is not what is tested: only a failure takes so long."""
PATIENCE_MS = PATIENCE_SECONDS * 1000

WORK = "import time; began = time.perf_counter(); sum(range(6_000_000)); print(time.perf_counter() - began)"
WORK_SECONDS = 0.15
"""What that work takes at most where nothing else runs, on a core as servers have had them since 2018."""


def slowness() -> float:
    """How many times longer than on a quiet machine a process takes here and now; at least 1."""
    work = [sys.executable, "-I", "-S", "-c", WORK]
    said = subprocess.run(work, check=True, capture_output=True, timeout=PATIENCE_SECONDS)
    return max(1.0, float(said.stdout) / WORK_SECONDS)


@asynccontextmanager
async def promised(seconds: float) -> AsyncIterator[None]:
    """
    What happens inside must end within ``seconds``, on a machine that has nothing else to do.

    Where other work makes a process take three times longer, before or after, it may take three times longer.
    """
    before = await asyncio.to_thread(slowness)
    began = time.monotonic()
    async with asyncio.timeout(max(PATIENCE_SECONDS, seconds * before)):
        yield
    took = time.monotonic() - began
    if took > seconds:
        allowed = seconds * max(before, await asyncio.to_thread(slowness))
        assert took <= allowed, f"took {took:.1f} s: promised {seconds:g} s, allowed {allowed:.1f} s here"
