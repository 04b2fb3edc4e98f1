"""
Work of one lane in its order, work of different lanes beside each other.

What one agent's page is told must come in order; that another agent's news waits for a commit on its behalf
helps nobody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

Work = Callable[[], Awaitable[None]]

TOGETHER: Final = 64


class Turns:
    """At most ``together`` pieces of work are taken and not done; they run in ``tasks`` and raise nothing."""

    def __init__(self, tasks: asyncio.TaskGroup, *, together: int = TOGETHER) -> None:
        self._tasks = tasks
        self._room = asyncio.Semaphore(together)
        self._lanes: dict[str, deque[Work]] = {}

    async def take(self, lane: str, work: Work) -> None:
        """Have ``work`` done after all that ``lane`` was given before; waits only while there is no room."""
        await self._room.acquire()
        waiting = self._lanes.get(lane)
        if waiting is not None:
            waiting.append(work)
            return
        self._lanes[lane] = deque([work])
        self._tasks.create_task(self._do(lane), name=f"turns of {lane}")

    async def _do(self, lane: str) -> None:
        waiting = self._lanes[lane]
        try:
            while waiting:
                try:
                    await waiting.popleft()()
                finally:
                    self._room.release()
        finally:
            del self._lanes[lane]
