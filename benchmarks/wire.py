"""
What the benchmarks of open sockets share: processes that obey lines, their memory and CPU, one JSON line.

Rule: a cost is the CPU time of the server's process; ratios are taken within one run, the sides in turns.
"""

import argparse
import asyncio
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

PEERS = Path(__file__).parent / "peers"
ROOT = Path(__file__).parent.parent
ANSWER_SECONDS = 660.0
NODE_PACKAGES = ("ws@8", "socket.io@4")


class Process:
    """A process that answers each line with one line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def line(self) -> list[str]:
        """The next line it prints, in words."""
        assert self._process.stdout
        async with asyncio.timeout(ANSWER_SECONDS):
            text = (await self._process.stdout.readline()).decode().split()
        assert text, f"process {self.pid} ended"
        return text

    async def ask(self, *words: object) -> list[str]:
        """Say a line and wait for the answer."""
        assert self._process.stdin
        self._process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        return await self.line()

    def rss_bytes(self) -> int:
        """Memory that is resident now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far."""
        spent = 0
        for thread in Path(f"/proc/{self.pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                spent += int((thread / "schedstat").read_text().split()[0])
        return spent / 1e9


@asynccontextmanager
async def running(*command: object, **options: Any) -> AsyncIterator[Process]:
    """A process for the length of the block."""
    process = await asyncio.create_subprocess_exec(
        *(str(part) for part in command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        **options,
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


@asynccontextmanager
async def sink(
    tools: Path,
    ports: Sequence[int],
    count: int,
    *,
    headers: str = "-",
    lines: object = "-",
    hello: str = "-",
) -> AsyncIterator[Process]:
    """``count`` pages that only read, spread over ``ports``; see peers/sink.c."""
    where = ",".join(f"127.0.0.1:{port}" for port in ports)
    async with running(tools / "sink", where, count, headers, lines, hello) as process:
        assert await process.line() == ["ready"]
        yield process


async def opened(pages: Process, count: int, *, within_ms: int = 0) -> float:
    """Open all pages and say how many seconds that took; every one of them must get in."""
    answer = await pages.ask("open", within_ms)
    assert int(answer[1]) == count, f"of {count} pages: {' '.join(answer)}"
    return float(answer[5]) / 1000


def built(folder: Path) -> Path | None:
    """The C programs of ``peers/``, compiled into ``folder``; ``None`` without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    for name in ("sink", "floor"):
        subprocess.run([compiler, "-O2", "-o", folder / name, PEERS / f"{name}.c"], check=True)
    return folder


def installed_peers(folder: Path) -> Path | None:
    """The npm peers with their drivers in ``folder``, outside the repository; ``None`` without npm."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent", *NODE_PACKAGES]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        return None
    for name in ("ws.mjs", "socketio.mjs"):
        shutil.copy(PEERS / name, folder)
    return folder


def open_files() -> int:
    """Raise this process's limit of open files (children inherit it) and say what it is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def main(bench: Callable[[bool, Path], Awaitable[None]], about: str) -> None:
    """Run a benchmark as a program, with a folder for what it builds."""
    parser = argparse.ArgumentParser(description=about.strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work?")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="cw-bench-") as folder:
        asyncio.run(_run(bench, quick, Path(folder)))


async def _run(bench: Callable[[bool, Path], Awaitable[None]], quick: bool, folder: Path) -> None:
    await bench(quick, folder)


PYTHON = sys.executable
