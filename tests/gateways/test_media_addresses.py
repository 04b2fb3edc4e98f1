"""Where the forwarder listens, what it tells of that, and whom it never speaks to."""

import re
import socket
from collections.abc import AsyncIterator

import pytest
from aioice import stun

from cloudwindow.media.forwarder import Forwarder, ForwarderSettings
from cloudwindow.media.plane import MediaEvent
from tests.browser.machine import own_address
from tests.gateways.media_member import written_offer


async def _nothing(event: MediaEvent) -> None:
    """Events are not a matter of these tests."""


class Clock:
    """A clock that only the test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Place:
    """A forwarder with a socket for each family, and whoever else listens on this machine."""

    def __init__(self, **settings: object) -> None:
        self.clock = Clock()
        self.forwarder = Forwarder(ForwarderSettings(**settings), _nothing, clock=self.clock)  # type: ignore[arg-type]
        self._sockets: list[socket.socket] = []

    def listener(self, host: str) -> socket.socket:
        """Somebody else's socket at ``host``."""
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._sockets.append(made)
        made.setblocking(False)
        made.bind((host, 0))
        return made

    def check(self, host: str, answer: str) -> stun.Message:
        """What the forwarder says to a check sent from ``host``."""
        end = self.listener(host)
        end.connect((host, self.forwarder.port))
        fragment, password = (found(rf"a=ice-{word}:(\S+)", answer) for word in ("ufrag", "pwd"))
        request = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.REQUEST,
            attributes={"USERNAME": f"{fragment}:EsAw", "USE-CANDIDATE": None},
        )
        request.add_message_integrity(password.encode())
        end.send(bytes(request))
        self.forwarder.read_waiting()
        answered = stun.parse_message(end.recv(2000))
        assert answered.attributes["XOR-MAPPED-ADDRESS"] == end.getsockname()[:2]
        return answered

    async def finish(self) -> None:
        for made in self._sockets:
            made.close()
        await self.forwarder.close_all()


def found(pattern: str, text: str) -> str:
    """The one group of the first match."""
    match = re.search(pattern, text)
    assert match
    return match[1]


@pytest.fixture
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    made = Place(**getattr(request, "param", {}))
    yield made
    await made.finish()


def packets_at(listener: socket.socket) -> int:
    """How many datagrams have arrived at a socket; on loopback what was sent is there."""
    count = 0
    while True:
        try:
            listener.recv(2000)
        except BlockingIOError:
            return count
        count += 1


async def test_the_server_never_speaks_to_an_address_that_an_offer_names(place: Place) -> None:
    hosts = sorted({"127.0.0.1", own_address()})
    listeners = [place.listener(host) for host in hosts]
    named = [
        (spelt, listener.getsockname()[1])
        for host, listener in zip(hosts, listeners, strict=True)
        for spelt in (host, f"::ffff:{host}", "192.168.0.1", "169.254.169.254", "10.0.0.1", "printer.local")
    ]
    candidates = "".join(
        f"a=candidate:{number} 1 udp 2113937151 {host} {port} typ host\r\n"
        for number, (host, port) in enumerate(named)
    )
    answer = place.forwarder.answer("r1", "c", role="citizen", offer=written_offer() + candidates)
    place.check("127.0.0.1", answer)
    for _ in range(100):
        place.clock.now += 0.1
        place.forwarder.look_round()
    assert [packets_at(listener) for listener in listeners] == [0] * len(listeners)
    told = re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+)", answer)
    assert set(told) == {("127.0.0.1", str(place.forwarder.port))}
    probe = place.listener("127.0.0.1")
    for listener in listeners:  # they would have heard it
        probe.sendto(b"x", listener.getsockname())
    assert [packets_at(listener) for listener in listeners] == [1] * len(listeners)


@pytest.mark.parametrize(
    "place", [{"udp_host": "::", "advertised_hosts": ("2001:db8::7", "192.0.2.7")}], indirect=True
)
async def test_one_port_hears_both_families_and_tells_the_configured_addresses(place: Place) -> None:
    """An IPv4 sender is told its plain IPv4 address, also by a socket of the other family."""
    answers = [
        place.forwarder.answer("r1", member, role=role, offer=written_offer(":".join([mark] * 32)))
        for member, role, mark in (("c", "citizen", "AB"), ("a", "agent", "CD"))
    ]
    for host, answer in zip(("127.0.0.1", "::1"), answers, strict=True):
        place.check(host, answer)
        told = re.findall(r"a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", answer)
        port = str(place.forwarder.port)
        assert set(told) == {("2001:db8::7", port), ("192.0.2.7", port)}
        assert "127.0.0.1" not in answer
    assert len(place.forwarder._by_address) == 2


@pytest.mark.parametrize(
    "place", [{"udp_host": "::1", "advertised_hosts": ("::1",)}], indirect=True, ids=["ipv6"]
)
async def test_a_worker_of_one_family_serves_that_family(place: Place) -> None:
    place.check("::1", place.forwarder.answer("r1", "c", role="citizen", offer=written_offer()))
