"""
Prove that the README's two commands work where nothing is prepared: clone HEAD, with an empty home.

Starts `make run` on another port and data folder, asks for every page it prints, ends it with Ctrl-C, starts
it again, kills the parent with -9, and looks for what is left behind. With ``--test`` runs `make test` too.
Says what it saw and how long it took; exit status 1 when something did not hold.
"""

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
FIRST_START_SECONDS = 900.0
SECOND_START_SECONDS = 3.0
END_SECONDS = 10.0
TESTS_SECONDS = 900.0
ADDRESS = re.compile(r"http://[^\s/]+:\d+(/[^\s#]*)?")


class Failed(Exception):
    """Something the README promises did not hold."""


def say(text: str) -> None:
    """Print one line at once."""
    print(f"fresh clone: {text}", flush=True)


def hold(what: str, seen: bool) -> None:
    """Say that ``what`` holds, or raise Failed with it."""
    if not seen:
        raise Failed(what)
    say(f"✓ {what}")


def until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Look at ``condition`` every 20 ms for at most ``seconds``; return whether it came true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def status_of(address: str) -> int:
    """Return the HTTP status behind ``address``, 0 when nobody answers."""
    try:
        with urlopen(address, timeout=5) as answer:  # noqa: S310 - only addresses on this machine
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return 0


def free_port() -> int:
    """Return a TCP port that nobody holds just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether ``port`` can be taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def carrying(mark: str) -> dict[int, str]:
    """Return the running processes whose environment holds ``mark``, with their command lines."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found[int(process.name)] = command.strip()
        except OSError:
            continue  # ended meanwhile, or somebody else's
    return {number: command for number, command in found.items() if command}


class Clone:
    """A clone of HEAD in an empty world."""

    def __init__(self, world: Path) -> None:
        self.root = world / "cloudwindow"
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.mark = f"DATA_DIR={world / 'records'}"
        (world / "home").mkdir()
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in {"VIRTUAL_ENV", "PYTHONPATH", "CHROMIUM", "MAKEFLAGS", "MAKELEVEL"}
        }
        path = [folder for folder in os.environ["PATH"].split(":") if "/.venv/" not in folder]
        self.environment = kept | {
            "HOME": str(world / "home"),
            "PATH": ":".join(path),
            "PORT": str(self.port),
            "DATA_DIR": str(world / "records"),
        }
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self.root)], check=True)

    @contextmanager
    def running(self) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
        """Start `make run` and collect what it prints; whatever is still there afterwards is killed."""
        run = subprocess.Popen(
            ["make", "run"],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        lines: list[str] = []
        reader = threading.Thread(target=self.collect, args=(run, lines), daemon=True)
        reader.start()
        try:
            yield run, lines
        finally:
            for number in carrying(self.mark):
                os.kill(number, signal.SIGKILL)
            run.wait()

    @staticmethod
    def collect(run: subprocess.Popen[str], lines: list[str]) -> None:
        """Keep every printed line until the end of output."""
        assert run.stdout is not None  # noqa: S101 - it is a pipe, see above
        for line in run.stdout:
            lines.append(line.rstrip())

    def is_ready(self) -> bool:
        """Whether the web node says that it may be visited."""
        return status_of(f"{self.address}/ready") == 200

    def start(self, run: subprocess.Popen[str], lines: list[str], *, seconds: float, which: str) -> None:
        """Wait until the program is ready; raises Failed with its last words when it is not in time."""
        began = time.monotonic()
        ready = until(lambda: self.is_ready() or run.poll() is not None, seconds=max(seconds, 60))
        took = time.monotonic() - began
        if not ready or run.poll() is not None:
            raise Failed(f"the {which} start did not get ready; its last words:\n" + "\n".join(lines[-30:]))
        hold(f"the {which} start is ready in {took:.1f} s (allowed: {seconds:.0f} s)", took <= seconds)

    def nothing_is_left(self) -> bool:
        """Whether no process of the program runs and its port is free."""
        return not carrying(self.mark) and is_free(self.port)


def printed_addresses(lines: list[str]) -> list[str]:
    """Return the addresses among the printed lines, without what follows a ``#``."""
    return sorted({found[0] for line in lines for found in ADDRESS.finditer(line)})


def check_run(clone: Clone) -> None:
    """First start, pages, Ctrl-C; second start, kill -9."""
    with clone.running() as (run, lines):
        clone.start(run, lines, seconds=FIRST_START_SECONDS, which="first")
        until(lambda: len(printed_addresses(lines)) >= 4, seconds=5)
        addresses = printed_addresses(lines)
        hold(f"it prints {len(addresses)} addresses (at least 4)", len(addresses) >= 4)
        for address in addresses:
            hold(f"{address} answers 200", status_of(address) == 200)
        os.killpg(run.pid, signal.SIGINT)
        hold("Ctrl-C ends every process", until(clone.nothing_is_left, seconds=END_SECONDS))
    with clone.running() as (run, lines):
        clone.start(run, lines, seconds=SECOND_START_SECONDS, which="second")
        programs = {
            number: command
            for number, command in carrying(clone.mark).items()
            if "cloudwindow run" in command
        }
        hold("one parent runs", len(programs) == 1)
        os.kill(next(iter(programs)), signal.SIGKILL)
        hold("kill -9 of the parent leaves nothing behind", until(clone.nothing_is_left, seconds=END_SECONDS))


def check_tests(clone: Clone) -> None:
    """Run `make test` and pass its output on."""
    began = time.monotonic()
    result = subprocess.run(["make", "test"], cwd=clone.root, env=clone.environment, check=False)
    took = time.monotonic() - began
    hold(f"make test passes in {took:.0f} s (allowed: {TESTS_SECONDS:.0f} s)", result.returncode == 0)
    hold("the tests leave nothing behind", until(clone.nothing_is_left, seconds=END_SECONDS))


def main() -> int:
    """Run the checks in a temporary world; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--test", action="store_true", help="run `make test` in the clone as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cloudwindow-fresh-", ignore_cleanup_errors=True) as world:
        clone = Clone(Path(world))
        try:
            check_run(clone)
            if options.test:
                check_tests(clone)
        except Failed as failed:
            say(f"✗ {failed}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
