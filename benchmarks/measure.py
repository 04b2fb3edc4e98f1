"""
What the benchmarks share: servers of their own, CPU of another process, percentiles, one JSON line.

Rule: a ratio is taken within one run, the two sides in turns; a cost is CPU time of the server's process, so
that neighbours on the machine disturb it as little as may be.
"""

import argparse
import asyncio
import ctypes
import json
import math
import os
import platform
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from redis.asyncio import Redis

from cloudwindow.embedded import find_binary

MEMORY = ("--appendonly", "no")
"""Nothing is written to disk: the cost of the scripts alone, which is the strictest ratio to a floor."""
EVERY_WRITE = ("--appendonly", "yes", "--appendfsync", "always")
"""As the product's own server runs."""
START_SECONDS = 20.0
SETTLE_SECONDS = 0.0005
PR_SET_PDEATHSIG = 1


def cpu_ns(pid: int) -> int:
    """CPU time of all threads of a process so far, in ns, exact once they sleep (scheduler statistics)."""
    spent = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            spent += int((thread / "schedstat").read_text().split()[0])
    return spent


def cpu_ns_of_tree(pid: int) -> int:
    """``cpu_ns`` of a process and of its children that live."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_ns(pid) + sum(cpu_ns(int(child)) for child in children)


def named_children(pid: int) -> dict[str, int]:
    """The children of a process that live, the line's server and the media worker."""
    found = {}
    for child_pid in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{child_pid}/cmdline").read_text().split("\0")
        found["line" if "valkey" in words[0] or "redis" in words[0] else "media"] = int(child_pid)
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """
    The smallest value that ``share`` (0 to 1) of ``values`` do not exceed; NaN of none.

    >>> percentile([4.0, 1.0, 3.0, 2.0], 0.5), percentile(range(1, 101), 0.99)
    (2.0, 99)
    """
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def median(values: Sequence[float]) -> float:
    """The median; NaN of none."""
    return statistics.median(values) if values else math.nan


@contextmanager
def child(
    command: Sequence[str | Path], *, owner: str | None = None, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the length of the block; it ends with the benchmark, whatever happens to that."""
    process = subprocess.Popen(
        [str(part) for part in command], preexec_fn=_die_with_parent, user=owner, group=owner, **options
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def valkey(*options: str) -> Iterator[tuple[str, int]]:
    """The product's own Valkey in a folder of its own: its address and process id."""
    with tempfile.TemporaryDirectory(prefix="cw-bench-") as folder:
        socket = Path(folder) / "s"
        where = (
            "--dir",
            folder,
            "--unixsocket",
            str(socket),
            "--logfile",
            "log",
            "--port",
            "0",
            "--save",
            "",
        )
        with child([find_binary(), *where, *options], stdout=subprocess.DEVNULL) as process:
            url = f"unix://{socket}"
            _until_answers(url)
            yield url, process.pid


async def settled_cpu(pid: int) -> int:
    """``cpu_ns`` of a server that has just answered its last command."""
    await asyncio.sleep(SETTLE_SECONDS)
    return cpu_ns(pid)


class Pipelined:
    """
    A client for ``Line`` that sends what was asked in one turn of the loop as one write.

    So neither the client's Python nor a system call for each command decides what the server's CPU shows.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._gathered: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._sending: set[asyncio.Task[None]] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._redis, name)

    async def evalsha(self, *words: Any) -> Any:
        """Run a script by its digest, together with whatever else is asked now."""
        return await self._ask("EVALSHA", *words)

    async def eval(self, *words: Any) -> Any:
        """Run a script by its text, together with whatever else is asked now."""
        return await self._ask("EVAL", *words)

    async def _ask(self, *words: Any) -> Any:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._gathered.append((words, answer))
        if len(self._gathered) == 1:
            loop.call_soon(self._send_soon)
        return await answer

    def _send_soon(self) -> None:
        sending = asyncio.create_task(self._send())
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def _send(self) -> None:
        sent, self._gathered = self._gathered, []
        pipe = self._redis.pipeline(transaction=False)
        for words, _ in sent:
            pipe.execute_command(*words)
        try:
            replies: Sequence[Any] = await pipe.execute(raise_on_error=False)
        except redis.RedisError as lost:
            replies = [lost] * len(sent)
        for (_, answer), reply in zip(sent, replies, strict=True):
            if isinstance(reply, Exception):
                answer.set_exception(reply)
            else:
                answer.set_result(reply)


async def server_version(redis: Redis) -> str:
    """``valkey 9.1.2``, as the server says of itself."""
    told = await redis.info("server")
    return f"{told.get('server_name', 'redis')} {told.get('valkey_version', told['redis_version'])}"


def machine(**servers: Any) -> dict[str, Any]:
    """What the figures were taken on, with how loaded it was by then."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        **servers,
    }


def report(
    bench: str,
    *,
    measured: Mapping[str, Any],
    ratios: Mapping[str, Any],
    reach: Mapping[str, Any],
    reached: Mapping[str, bool],
    machine: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> None:
    """Print the one JSON line of a benchmark; figures are rounded to four digits that count."""
    told = {
        "bench": bench,
        "measured": measured,
        "ratios": ratios,
        "reach": reach,
        "reached": reached,
        "machine": machine,
        **({"notes": list(notes)} if notes else {}),
    }
    print(json.dumps(_short(told), ensure_ascii=False), flush=True)


def main(bench: Callable[[bool], Awaitable[None]] | Callable[[bool], None], about: str) -> None:
    """Run a benchmark as a program: ``--quick`` for small sizes, which show that it works and no more."""
    parser = argparse.ArgumentParser(description=about.strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work?")
    started = bench(parser.parse_args().quick)
    if started is not None:
        asyncio.run(_awaited(started))


async def _awaited(work: Awaitable[None]) -> None:
    await work


def _short(told: Any) -> Any:
    if isinstance(told, Mapping):
        return {key: _short(value) for key, value in told.items()}
    if isinstance(told, list | tuple):
        return [_short(value) for value in told]
    if isinstance(told, float):
        return None if math.isnan(told) else float(f"{told:.4g}")
    return told


def _until_answers(url: str) -> None:
    limit = time.monotonic() + START_SECONDS
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except (redis.RedisError, OSError):
                assert time.monotonic() < limit, "the server did not start"
                time.sleep(0.01)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
