"""
What the processes of one city tell each other: messages between web nodes, media workers, rate limits.

Rule 1: the bus carries only what can be read again elsewhere; a message lost with Redis costs a refresh.
Rule 2: a rate limit must hold without Redis too: each process then allows a quarter on its own.
"""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from importlib.resources import files
from math import ceil
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from cloudwindow.domain.errors import Unavailable

log = logging.getLogger(__name__)

STREAM_LENGTH = 10_000
WORKER_SECONDS = 6.0
ROOM_SECONDS = 12 * 3600
RETRY_SECONDS = 0.5
BUCKETS_KEPT = 10_000
AWAY_SHARE = 0.25


class Bus:
    """Messages from one web node to all others, in order; what arrives while Redis restarts is not lost."""

    def __init__(self, redis: Redis, node: str, *, prefix: str = "cw") -> None:
        self._redis = redis
        self._node = node
        self._stream = "{" + prefix + "}:bus"
        self.listening = asyncio.Event()
        """Set once ``run`` will see everything published from now on."""

    async def publish(self, topic: str, payload: str) -> None:
        """Send ``payload`` to every other node. Raises Unavailable("bus_unavailable")."""
        fields: dict[Any, Any] = {"node": self._node, "topic": topic, "payload": payload}
        try:
            await self._redis.xadd(self._stream, fields, maxlen=STREAM_LENGTH, approximate=True)
        except (RedisError, OSError) as away:
            raise Unavailable("bus_unavailable") from away

    async def run(self, on_message: Callable[[str, str], Awaitable[None]]) -> None:
        """Call ``on_message(topic, payload)`` for each message of another node, until cancelled."""
        after: str | None = None
        while not _cancelled():
            try:
                after = after or await self._latest()
                self.listening.set()
                for id, fields in await self._read(after):
                    after = id
                    await self._deliver(fields, on_message)
            except (RedisError, OSError):
                log.warning("bus away", exc_info=True)
                await asyncio.sleep(RETRY_SECONDS)

    async def _latest(self) -> str:
        newest: Any = await self._redis.xrevrange(self._stream, count=1)
        return _text(newest[0][0]) if newest else "0-0"

    async def _read(self, after: str) -> list[tuple[str, Mapping[str, str]]]:
        answer: Any = await self._redis.xread({self._stream: after}, count=500, block=1000)
        return [
            (_text(id), {_text(name): _text(value) for name, value in fields.items()})
            for _, entries in answer or []
            for id, fields in entries
        ]

    async def _deliver(
        self, fields: Mapping[str, str], on_message: Callable[[str, str], Awaitable[None]]
    ) -> None:
        if fields["node"] == self._node:
            return
        try:
            await on_message(fields["topic"], fields["payload"])
        except Exception:
            # One message that cannot be handled must not silence the node.
            log.exception("message from another node failed: %s", fields["topic"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A media worker that is alive: where to reach it and how much it carries."""

    name: str
    address: str
    load: Mapping[str, Any]


class Workers:
    """The media workers and which of them each room lives on. Raises Unavailable("bus_unavailable")."""

    def __init__(self, redis: Redis, *, prefix: str = "cw") -> None:
        self._redis = redis
        self._key = "{" + prefix + "}"

    async def register(
        self, name: str, address: str, load: Mapping[str, Any], ttl: float = WORKER_SECONDS
    ) -> None:
        """Say that a worker is alive, again before ``ttl`` seconds are over."""
        known = json.dumps({"address": address, "load": dict(load)})
        await self._ask("set", f"{self._key}:worker:{name}", known, px=round(ttl * 1000))
        await self._ask("sadd", f"{self._key}:workers", name)

    async def withdraw(self, name: str) -> None:
        """A worker that stops in good order is gone at once."""
        await self._ask("delete", f"{self._key}:worker:{name}")
        await self._ask("srem", f"{self._key}:workers", name)

    async def all(self) -> list[Worker]:
        """The workers alive now, by name."""
        names = sorted(_text(name) for name in await self._ask("smembers", f"{self._key}:workers"))
        if not names:
            return []
        known = await self._ask("mget", [f"{self._key}:worker:{name}" for name in names])
        return [
            Worker(name=name, **json.loads(told))
            for name, told in zip(names, known, strict=True)
            if told is not None
        ]

    async def room_worker(self, room: str, proposed: str) -> str:
        """Where ``room`` lives; on ``proposed`` if nowhere yet, or if its worker is dead."""
        keys = (f"{self._key}:room:{room}", f"{self._key}:worker:")
        try:
            return _text(await _run(self._redis, "place_room", keys, proposed, str(ROOM_SECONDS)))
        except (RedisError, OSError) as away:
            raise Unavailable("bus_unavailable") from away

    async def forget(self, room: str) -> None:
        """The room is closed."""
        await self._ask("delete", f"{self._key}:room:{room}")

    async def _ask(self, command: str, *args: Any, **options: Any) -> Any:
        try:
            return await getattr(self._redis, command)(*args, **options)
        except (RedisError, OSError) as away:
            raise Unavailable("bus_unavailable") from away


class Buckets:
    """Rate limits shared by all processes: a token bucket per key."""

    def __init__(self, redis: Redis, *, prefix: str = "cw") -> None:
        self._redis = redis
        self._key = "{" + prefix + "}"
        self._local: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def take(self, key: str, *, per_minute: float, burst: int, now: float) -> float:
        """Seconds to wait before the next try; 0: go on. ``burst`` may go at once, then the even pace."""
        bucket = (f"{self._key}:bucket:{key}",)
        try:
            wait = await _run(
                self._redis, "take", bucket, str(round(now * 1000)), str(per_minute), str(burst)
            )
        except (RedisError, OSError):
            return self._take_alone(key, per_minute * AWAY_SHARE / 60, max(1, ceil(burst * AWAY_SHARE)), now)
        return int(wait) / 1000

    def _take_alone(self, key: str, per_second: float, burst: int, now: float) -> float:
        tokens, at = self._local.pop(key, (float(burst), now))
        tokens = min(float(burst), tokens + max(0.0, now - at) * per_second)
        wait = 0.0 if tokens >= 1 else (1 - tokens) / per_second
        self._local[key] = (tokens if wait else tokens - 1, max(now, at))
        while len(self._local) > BUCKETS_KEPT:
            self._local.popitem(last=False)
        return wait


def _cancelled() -> bool:
    """
    Whether the running task has been asked to end.

    The client library sends with ``asyncio.wait_for``, which before Python 3.12 swallows a cancellation that
    meets a finished send: a loop around it must look for itself.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@cache
def _script(name: str) -> tuple[str, str]:
    text = files("cloudwindow").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()


async def _run(redis: Redis, name: str, keys: tuple[str, ...], *args: str) -> Any:
    text, digest = _script(name)
    try:
        return await redis.evalsha(digest, len(keys), *keys, *args)
    except NoScriptError:
        return await redis.eval(text, len(keys), *keys, *args)


def _text(reply: str | bytes) -> str:
    return reply.decode() if isinstance(reply, bytes) else reply
