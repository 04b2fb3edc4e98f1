"""A UDP relay on loopback that loses a share of the media packets, each way, by a seeded dice."""

import asyncio
import random
import socket
from contextlib import suppress

Place = tuple[str, int]


class LossyLink:
    """Relays between whoever sends to ``port`` and ``target``; checks and handshakes always pass."""

    def __init__(self, target: Place, *, loss: float, seed: int, host: str = "127.0.0.1") -> None:
        self.lost = self.passed = 0
        self.cut = False
        """Set to lose everything."""
        self._target, self._loss, self._chance = target, loss, random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self._outer = self._socket()
        self._outer.bind((host, 0))
        self._inner: dict[Place, socket.socket] = {}
        self.port: int = self._outer.getsockname()[1]
        self._loop.add_reader(self._outer, self._outward)

    def lead_to(self, target: Place) -> None:
        """Go on to another ``target``; whoever relayed before keeps no way back to the old one."""
        if target != self._target:
            self._target = target
            for end in self._inner.values():
                end.connect(target)

    def close(self) -> None:
        """Stop."""
        for end in (self._outer, *self._inner.values()):
            self._loop.remove_reader(end)
            end.close()

    def _socket(self) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        return made

    def _outward(self) -> None:
        with suppress(OSError):
            while True:
                datagram, sender = self._outer.recvfrom(2048)
                if self._passes(datagram):
                    (self._inner.get(sender) or self._meet(sender)).send(datagram)

    def _inward(self, end: socket.socket, sender: Place) -> None:
        with suppress(OSError):
            while True:
                datagram = end.recv(2048)
                if self._passes(datagram):
                    self._outer.sendto(datagram, sender)

    def _meet(self, sender: Place) -> socket.socket:
        end = self._inner[sender] = self._socket()
        end.connect(self._target)
        self._loop.add_reader(end, self._inward, end, sender)
        return end

    def _passes(self, datagram: bytes) -> bool:
        lost = self.cut or (127 < datagram[0] < 192 and self._chance.random() < self._loss)
        self.lost += lost
        self.passed += not lost
        return not lost
