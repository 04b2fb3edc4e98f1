"""What strangers, silence and lost networks do to the forwarder: nothing to anybody else."""

import asyncio
import random
import resource
import select
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from aioice import stun

from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.media.forwarder import Forwarder, ForwarderSettings
from cloudwindow.media.peer import CONSENT_SECONDS, SETUP_SECONDS
from cloudwindow.media.plane import MediaEvent, MediaEventKind
from tests.gateways.media_member import MemberEnd, written_offer
from tests.pace import PATIENCE_SECONDS


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Guarded:
    """A forwarder on a test's clock, and a socket that speaks to it by hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.events: asyncio.Queue[MediaEvent] = asyncio.Queue()
        self.forwarder = Forwarder(ForwarderSettings(), self._on_event, clock=self.clock)
        self.sockets: list[socket.socket] = []

    async def _on_event(self, event: MediaEvent) -> None:
        """Keep what happened to a member's transport; the rest is a room's matter."""
        if event.kind not in (MediaEventKind.SLOTS, MediaEventKind.CLOSED):
            await self.events.put(event)

    def end(self) -> socket.socket:
        """Return a socket connected to the forwarder."""
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.connect(("127.0.0.1", self.forwarder.port))
        self.sockets.append(made)
        return made

    def answer(self, member: str = "c", offer: str | None = None) -> dict[str, str]:
        """Let a member in and return the credentials of the answer."""
        text = self.forwarder.answer("r1", member, role="citizen", offer=offer or written_offer())
        return dict(
            line[2:].split(":", 1) for line in text.splitlines() if line.startswith("a=ice-") and ":" in line
        )

    def check(
        self,
        end: socket.socket,
        credentials: dict[str, str],
        *,
        remote: str = "EsAw",
        password: str | None = None,
    ) -> stun.Message | None:
        """Send a STUN check and return the responseor ``None``."""
        request = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.REQUEST,
            attributes={"USERNAME": f"{credentials['ice-ufrag']}:{remote}", "USE-CANDIDATE": None},
        )
        request.add_message_integrity((password or credentials["ice-pwd"]).encode())
        end.send(bytes(request))
        self.settle()
        try:
            return stun.parse_message(end.recv(2000))
        except BlockingIOError:
            return None

    def settle(self) -> None:
        """Let the forwarder read everything sent so far: on loopback it has already arrived."""
        while select.select([self.forwarder._socket], [], [], 0)[0]:
            self.forwarder.read_waiting()

    def cut_network(self) -> None:
        """Let nothing reach the forwarder any more."""
        asyncio.get_running_loop().remove_reader(self.forwarder._socket.fileno())

    async def finish(self) -> None:
        for made in self.sockets:
            made.close()
        await self.forwarder.close_all()


@pytest.fixture
async def guarded() -> AsyncIterator[Guarded]:
    made = Guarded()
    yield made
    await made.finish()


async def test_a_check_with_the_right_password_is_answered_with_the_address_it_came_from(
    guarded: Guarded,
) -> None:
    end = guarded.end()
    response = guarded.check(end, credentials := guarded.answer())
    assert response is not None
    assert response.message_class == stun.Class.RESPONSE
    assert response.check_message_integrity(credentials["ice-pwd"].encode())
    assert response.attributes["XOR-MAPPED-ADDRESS"] == end.getsockname()


async def test_a_strangers_check_is_not_answered(guarded: Guarded) -> None:
    credentials = guarded.answer()
    end = guarded.end()
    assert guarded.check(end, credentials, password="x" * 32) is None
    assert guarded.check(end, credentials, remote="Othr") is None
    assert guarded.check(end, credentials | {"ice-ufrag": "unknown"}) is None
    assert guarded.check(end, credentials) is not None


async def test_broken_checks_are_dropped(guarded: Guarded) -> None:
    credentials, end, chance = guarded.answer(), guarded.end(), random.Random(8)
    request = stun.Message(
        stun.Method.BINDING, stun.Class.REQUEST, attributes={"USERNAME": f"{credentials['ice-ufrag']}:EsAw"}
    )
    request.add_message_integrity(b"wrong")
    valid = bytes(request)
    for length in range(1, len(valid)):
        end.send(valid[:length])
        end.send(valid[:length] + b"\xff" * 40)
    guarded.settle()
    for _ in range(5000):
        kind = chance.choice([attribute[0] for attribute in stun.ATTRIBUTES])
        body = chance.randbytes(4 * chance.randrange(6))
        username = valid[20:44]
        attributes = username + struct.pack(">HH", kind, len(body)) + body
        end.send(valid[:2] + struct.pack(">H", len(attributes)) + valid[4:20] + attributes)
        guarded.settle()
    with pytest.raises(BlockingIOError):
        end.recv(2000)


async def test_twenty_thousand_strange_datagrams_leave_nothing_behind(guarded: Guarded) -> None:
    guarded.answer()
    end = guarded.end()
    junk = [bytes([first]) + b"j" * 1100 for first in (0, 1, 22, 63, 128, 144, 191, 255)]
    for burst in range(20):  # warm up, so that the sockets' own buffers are counted before
        end.send(junk[burst % len(junk)])
    guarded.settle()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for burst in range(200):
        for place in range(100):
            end.send(junk[(burst + place) % len(junk)])
        guarded.settle()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 * 1024
    assert guarded.forwarder.stray > 19_000
    with pytest.raises(BlockingIOError):
        end.recv(2000)


async def test_handshake_datagrams_from_a_validated_address_are_bounded_too(guarded: Guarded) -> None:
    end = guarded.end()
    assert guarded.check(end, guarded.answer()) is not None
    for _ in range(300):
        end.send(b"\x16" + b"j" * 1000)
    guarded.settle()
    assert guarded.forwarder.stats("r1").members[0].connected is False


async def test_an_ice_restart_gives_new_credentials_and_keeps_the_old_until_they_are_used(
    guarded: Guarded,
) -> None:
    old, first = guarded.answer(), guarded.end()
    assert guarded.check(first, old) is not None
    restarted = written_offer().replace("ice-ufrag:EsAw", "ice-ufrag:NewU")
    new, second = guarded.answer(offer=restarted), guarded.end()
    assert new != old
    assert guarded.check(first, old) is not None
    assert guarded.check(second, new, remote="NewU") is not None
    assert guarded.check(first, old) is None
    assert len(guarded.forwarder.rooms["r1"].members) == 1


async def test_a_re_offer_without_restart_keeps_the_credentials(guarded: Guarded) -> None:
    assert guarded.answer() == guarded.answer()


async def test_a_new_certificate_is_a_new_connection_and_the_old_one_is_out(guarded: Guarded) -> None:
    old, end = guarded.answer(), guarded.end()
    assert guarded.check(end, old) is not None
    guarded.answer(offer=written_offer(":".join(["CD"] * 32)))
    assert guarded.check(end, old) is None


async def test_a_removed_members_address_is_a_strangers_again(guarded: Guarded) -> None:
    credentials, end = guarded.answer(), guarded.end()
    assert guarded.check(end, credentials) is not None
    guarded.forwarder.remove("r1", "c")
    assert guarded.check(end, credentials) is None
    assert guarded.forwarder.rooms == {}
    assert not guarded.forwarder._by_address


async def test_only_sixteen_addresses_of_a_member_are_remembered(guarded: Guarded) -> None:
    credentials = guarded.answer()
    for _ in range(40):
        assert guarded.check(guarded.end(), credentials) is not None
    assert len(guarded.forwarder._by_address) <= 16


async def test_a_member_cannot_take_an_address_that_is_anothers(guarded: Guarded) -> None:
    mine, end = guarded.answer("c1"), guarded.end()
    assert guarded.check(end, mine) is not None
    theirs = guarded.answer("c2", written_offer(":".join(["CD"] * 32)))
    assert guarded.check(end, theirs) is None
    assert guarded.check(end, mine) is not None


async def test_a_member_who_never_connects_is_gone_after_the_set_up_time(guarded: Guarded) -> None:
    guarded.answer()
    guarded.clock.now += SETUP_SECONDS - 1
    guarded.forwarder.look_round()
    assert guarded.forwarder.member_count == 1
    guarded.clock.now += 2
    guarded.forwarder.look_round()
    async with asyncio.timeout(PATIENCE_SECONDS):
        event = await guarded.events.get()
    assert (event.kind, event.member) == (MediaEventKind.GONE, "c")
    assert guarded.forwarder.member_count == 0


async def test_a_connected_member_goes_silent_and_then_is_gone_without_consent(guarded: Guarded) -> None:
    end = MemberEnd()

    async def ask(offer: str) -> str:
        return guarded.forwarder.answer("r1", "c", role="citizen", offer=offer, echo=True)

    await end.join(ask)
    await end.sees()
    seen = [await guarded.events.get()]
    guarded.cut_network()
    guarded.clock.now += 3
    guarded.forwarder.look_round()
    async with asyncio.timeout(PATIENCE_SECONDS):
        seen.append(await guarded.events.get())
    guarded.clock.now += CONSENT_SECONDS
    guarded.forwarder.look_round()
    seen.append(await guarded.events.get())
    await end.leave()
    assert [event.kind for event in seen] == [
        MediaEventKind.CONNECTED,
        MediaEventKind.SILENT,
        MediaEventKind.GONE,
    ]


async def test_a_member_who_says_goodbye_is_gone_at_once(guarded: Guarded) -> None:
    end = MemberEnd()

    async def ask(offer: str) -> str:
        return guarded.forwarder.answer("r1", "c", role="citizen", offer=offer, echo=True)

    await end.join(ask)
    await end.sees()
    await end.leave()
    async with asyncio.timeout(PATIENCE_SECONDS):
        kinds = [(await guarded.events.get()).kind for _ in range(2)]
    assert kinds == [MediaEventKind.CONNECTED, MediaEventKind.GONE]


async def test_a_wrong_certificate_never_connects(guarded: Guarded) -> None:
    end = MemberEnd()

    async def ask(offer: str) -> str:
        lines = [
            "a=fingerprint:sha-256 " + ":".join(["AB"] * 32) if "fingerprint" in line else line
            for line in offer.split("\r\n")
        ]
        return guarded.forwarder.answer("r1", "c", role="citizen", offer="\r\n".join(lines), echo=True)

    await end.join(ask)
    async with asyncio.timeout(PATIENCE_SECONDS):
        event = await guarded.events.get()
    assert event.kind == MediaEventKind.GONE
    await end.leave()


async def test_a_room_takes_six_members_and_no_unknown_roles(guarded: Guarded) -> None:
    for number in range(6):
        guarded.answer(f"c{number}")
    with pytest.raises(Conflict) as full:
        guarded.answer("c6")
    assert full.value.code == "room_full"
    with pytest.raises(BadInput) as unknown:
        guarded.forwarder.answer("r2", "c", role="mayor", offer=written_offer())
    assert unknown.value.code == "unknown_role"
    assert "r2" not in guarded.forwarder.rooms


async def test_citizens_never_receive_each_other(guarded: Guarded) -> None:
    guarded.answer("c1")
    guarded.answer("c2", written_offer(":".join(["CD"] * 32)))
    room = guarded.forwarder.rooms["r1"]
    assert all(sink.source is None for peer in room.members.values() for sink in peer.lines.sinks.values())


async def test_members_who_came_and_went_leave_nothing_behind(guarded: Guarded) -> None:
    tasks = len(asyncio.all_tasks())
    for number in range(60):
        end, name = guarded.end(), f"c{number}"
        assert guarded.check(end, guarded.answer(name)) is not None
        guarded.forwarder.remove("r1", name)
    while guarded.forwarder._tasks:
        await asyncio.gather(*guarded.forwarder._tasks)
    assert len(asyncio.all_tasks()) == tasks
    assert guarded.forwarder.rooms == {}
    assert not guarded.forwarder._by_address
    assert not guarded.forwarder._checks._expected
