"""
A bad network between two network namespaces: a TUN interface in each, and this program between them.

``python -m benchmarks.calls.link NAMESPACE BLOCK`` makes the far end in ``NAMESPACE``, says ``ready`` and
obeys lines on its input: ``loss 0.05``, ``delay 80 20`` (ms each way, ± jitter), ``cut``, ``mend``. It needs
the right to make namespaces (root); the kernel needs no netem. A datagram keeps its place behind one that is
delayed more: jitter comes from queues, which do not reorder.
"""

import fcntl
import os
import random
import secrets
import select
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from benchmarks.measure import child

BLOCKS, BITS = 256, 24
"""RFC 2544: 198.18.0.0/16 is set aside for measuring networks; each link takes one block of it, by chance."""
MTU = 1400
LONGEST_QUEUE = 2_000
"""Datagrams on their way in one direction; the rest is lost, as in any queue."""
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


@dataclass(slots=True)
class Direction:
    """One way: read from one interface, written to the other when it is due."""

    source: int
    target: int
    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)


class Impairer:
    """Carries packets between two interfaces and loses or delays some."""

    def __init__(self, near: int, far: int, seed: int) -> None:
        self._ways = (Direction(near, far), Direction(far, near))
        self._chance = random.Random(seed)
        self._loss = self._delay = self._jitter = 0.0
        self._cut = False

    def obey(self, line: str) -> None:
        """Change the network as a line of the input says."""
        word, *numbers = line.split()
        if word == "loss":
            self._loss = float(numbers[0])
        elif word == "delay":
            self._delay, self._jitter = (float(number) / 1000 for number in numbers)
        else:
            self._cut = word == "cut"

    def run(self, orders: int) -> None:
        """Carry until the input ends."""
        files = [orders, *(way.source for way in self._ways)]
        while True:
            ready, _, _ = select.select(files, [], [], self._pause())
            if orders in ready:
                told = os.read(orders, 4096).decode()
                if not told:
                    return
                for line in told.splitlines():
                    self.obey(line)
            for way in self._ways:
                if way.source in ready:
                    self._take(way)
                self._give(way)

    def _pause(self) -> float:
        due = [way.waiting[0][0] for way in self._ways if way.waiting]
        return max(0.0, min(due) - monotonic()) if due else 1.0

    def _take(self, way: Direction) -> None:
        with suppress(BlockingIOError):
            while True:
                packet = os.read(way.source, 2048)
                lost = self._cut or self._chance.random() < self._loss or len(way.waiting) > LONGEST_QUEUE
                if lost:
                    continue
                due = monotonic() + self._delay + self._chance.uniform(-self._jitter, self._jitter)
                before = way.waiting[-1][0] if way.waiting else 0.0
                way.waiting.append((max(due, before), packet))

    def _give(self, way: Direction) -> None:
        now = monotonic()
        while way.waiting and way.waiting[0][0] <= now:
            _, packet = way.waiting.popleft()
            if not self._cut:
                with suppress(OSError):  # the interface is down
                    os.write(way.target, packet)


class BadNetwork:
    """The link, from outside; programs reach the far end through ``wrapped``."""

    def __init__(self, process: subprocess.Popen[bytes], namespace: str, block: int) -> None:
        self._process, self.namespace = process, namespace
        self.near, self.far, self.spare = (_address(block, place) for place in (1, 2, 3))
        """The addresses of both ends; ``spare`` is the far end's after it has moved."""

    def say(self, line: str) -> None:
        """Change the network, see above."""
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def unplug(self) -> None:
        """Take the far end's interface down: its programs are told that they are offline."""
        self._inside("ip", "link", "set", _far(self.namespace), "down")

    def plug(self) -> None:
        """Bring the far end's interface up again."""
        self._inside("ip", "link", "set", _far(self.namespace), "up")

    def move(self, old: str, new: str) -> None:
        """Give the far end another address, as from Wi-Fi to mobile."""
        self._inside("ip", "address", "delete", f"{old}/{BITS}", "dev", _far(self.namespace))
        self._inside("ip", "address", "add", f"{new}/{BITS}", "dev", _far(self.namespace))

    def wrapped(self, program: str, folder: Path) -> Path:
        """A program that runs ``program`` at the far end."""
        path = folder / "far"
        path.write_text(f'#!/bin/sh\nexec ip netns exec {self.namespace} {program} "$@"\n')
        path.chmod(0o755)
        return path

    def _inside(self, *command: str) -> None:
        _run("ip", "netns", "exec", self.namespace, *command)


def why_not() -> str | None:
    """Why this machine allows no namespaces with a TUN link, or ``None``."""
    if os.geteuid() != 0:
        return "namespaces need root here"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "no /dev/net/tun"
    try:
        with bad_network():
            return None
    except (OSError, subprocess.CalledProcessError, AssertionError) as error:
        return f"no namespaces: {error}"


@contextmanager
def bad_network() -> Iterator[BadNetwork]:
    """A clean link to a namespace of its own; both are gone after the block."""
    namespace, block = f"cw{secrets.token_hex(3)}", secrets.randbelow(BLOCKS)
    _run("ip", "netns", "add", namespace)
    try:
        command = [sys.executable, "-m", "benchmarks.calls.link", namespace, str(block)]
        with child(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n", "the link did not come up"
            try:
                yield BadNetwork(process, namespace, block)
            finally:
                for pipe in (process.stdin, process.stdout):
                    assert pipe
                    pipe.close()  # and the link ends
    finally:
        _run("ip", "netns", "delete", namespace)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _address(block: int, place: int) -> str:
    return f"198.18.{block}.{place}"


def _near(namespace: str) -> str:
    return f"{namespace}near"


def _far(namespace: str) -> str:
    return f"{namespace}far"


def _interface(name: str) -> int:
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return end


def main(namespace: str, block: int) -> None:
    """Be the link."""
    near, far = _interface(_near(namespace)), _interface(_far(namespace))
    inside = ("ip", "netns", "exec", namespace)
    _run("ip", "link", "set", _far(namespace), "netns", namespace)
    ends: tuple[tuple[str, int, tuple[str, ...]], ...] = (
        (_near(namespace), 1, ()),
        (_far(namespace), 2, inside),
    )
    for name, place, where in ends:
        _run(*where, "ip", "address", "add", f"{_address(block, place)}/{BITS}", "dev", name)
        _run(*where, "ip", "link", "set", name, "mtu", str(MTU), "up")
    _run(*inside, "ip", "link", "set", "lo", "up")
    print("ready", flush=True)
    Impairer(near, far, seed=1).run(sys.stdin.fileno())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
