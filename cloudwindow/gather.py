"""
Questions asked in the same moment, answered by one look.

A question that comes alone is asked at once. While an answer is on its way others gather, and are asked
together next: when ten thousand pages come back at once, the ledger is read some hundred times.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

K = TypeVar("K", bound=str)
V = TypeVar("V")

MOST = 200
"""Questions in one look, so that the first of a crowd is not kept waiting for the last."""


class Gathering(Generic[K, V]):
    """``look`` answers many questions; those missing from its answer have none."""

    def __init__(self, look: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._look = look
        self._asked: dict[K, asyncio.Future[V | None] | None] = {}
        self._looking: asyncio.Task[None] | None = None

    async def ask(self, question: K) -> V | None:
        """The answer as of a look that begins now or later; raises what the look raises."""
        answer = self._asked.get(question)
        if answer is None:
            answer = self._asked[question] = asyncio.get_running_loop().create_future()
        self._look_soon()
        return await asyncio.shield(answer)

    def leave(self, question: K) -> None:
        """Have ``question`` looked at with the others, after those who came before; nobody waits for that."""
        self._asked.setdefault(question, None)
        self._look_soon()

    async def settled(self) -> None:
        """Wait until everything has been looked at."""
        while self._looking is not None:
            await asyncio.wait([self._looking])

    def _look_soon(self) -> None:
        if self._looking is None:
            self._looking = asyncio.create_task(self._answer_all(), name="gathered questions")

    async def _answer_all(self) -> None:
        try:
            while self._asked:
                now = dict(list(self._asked.items())[:MOST])
                for question in now:
                    del self._asked[question]
                await self._answer(now)
        finally:
            self._looking = None

    async def _answer(self, asked: Mapping[K, asyncio.Future[V | None] | None]) -> None:
        try:
            found = await self._look(tuple(asked))
        except BaseException as error:
            waiting = [answer for answer in asked.values() if answer is not None]
            if len(waiting) < len(asked):
                log.warning("what nobody waits for failed", exc_info=error)
            for answer in waiting:
                answer.set_exception(error if isinstance(error, Exception) else ConnectionError())
                answer.exception()  # whoever asked may be gone: nobody else is to be told
            if not isinstance(error, Exception):
                raise
            return
        for question, expected in asked.items():
            if expected is not None:
                expected.set_result(found.get(question))
