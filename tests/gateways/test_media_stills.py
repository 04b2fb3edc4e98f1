"""Photographs of papers through a call's data channel: whole, only from who may, and within bounds."""

import asyncio
import hashlib
import json
import random
import struct
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from aiortc import RTCDataChannel
from google_crc32c import value as crc32c

from cloudwindow.media.sctp import MAX_UNHEARD, WINDOW, Association
from cloudwindow.media.stills import KEPT_SECONDS, MAX_OCTETS, TOLD_EVERY, Budget, Stills
from tests.gateways.media_bench import Bench
from tests.gateways.media_member import MemberEnd
from tests.pace import PATIENCE_SECONDS

PHOTO = random.Random(4).randbytes(300_000)
NAME = hashlib.sha256(PHOTO).hexdigest()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.finish()


# --- with a real end --------------------------------------------------------------------------------------


class Sender:
    """A browser's end of the channel, by aiortc."""

    def __init__(self, end: MemberEnd) -> None:
        self.channel: RTCDataChannel = end.connection.createDataChannel("stills")
        self.said: dict[str, Any] = {}
        self._moved = asyncio.Condition()
        self.channel.on("message", self._hear)

    async def _hear(self, text: str) -> None:
        async with self._moved:
            self.said |= json.loads(text)
            self._moved.notify_all()

    async def until(self, word: str) -> Any:
        async with asyncio.timeout(PATIENCE_SECONDS), self._moved:
            await self._moved.wait_for(lambda: word in self.said)
        return self.said[word]

    async def send(self, photo: bytes) -> None:
        self.channel.send(announced(photo))
        for start in range(0, len(photo), 16_000):
            self.channel.send(start.to_bytes(4) + photo[start : start + 16_000])


async def enter(bench: Bench, member: str, end: MemberEnd, role: str = "citizen") -> None:
    bench.ends.append(end)
    await end.join(bench.ask(member, role=role))


def announced(photo: bytes) -> str:
    return json.dumps({"octets": len(photo), "sha256": hashlib.sha256(photo).hexdigest()})


def fetched(bench: Bench, member: str, name: str) -> bytes:
    photo = b""
    while found := bench.forwarder.still("r1", member, name, len(photo)):
        photo += found[1]
        if len(photo) == found[0]:
            break
    return photo


async def test_a_photo_sent_in_the_call_is_there_whole_and_can_be_fetched_once(bench: Bench) -> None:
    end = MemberEnd()
    sender = Sender(end)
    await enter(bench, "c", end)
    assert await sender.until("takes") == MAX_OCTETS
    await sender.send(PHOTO)
    assert await sender.until("kept") == NAME
    assert bench.forwarder.still("r1", "c", "0" * 64, 0) is None
    assert fetched(bench, "c", NAME) == PHOTO
    assert bench.forwarder.still("r1", "c", NAME, 0) is None
    assert bench.forwarder.stills.left == Budget().left


async def test_who_has_no_right_to_send_photos_gets_no_channel(bench: Bench) -> None:
    end = MemberEnd()
    bench.ends.append(end)
    Sender(end)
    offer = await end.connection.createOffer()
    for role, line in (("agent", "m=application 0 "), ("citizen", f"m=application {bench.forwarder.port} ")):
        answer = await bench.ask(role, role=role)(offer.sdp)
        assert line in answer
        assert ("sctp-port" in answer) == (role == "citizen")


async def test_a_photo_of_somebody_who_left_is_forgotten(bench: Bench) -> None:
    end = MemberEnd()
    sender = Sender(end)
    await enter(bench, "c", end)
    await sender.until("takes")
    await sender.send(PHOTO)
    await sender.until("kept")
    bench.forwarder.remove("r1", "c")
    assert bench.forwarder.still("r1", "c", NAME, 0) is None
    assert bench.forwarder.stills.left == Budget().left


# --- the photo --------------------------------------------------------------------------------------------


class Told:
    """A photo on its way without a network, and what the browser was told."""

    def __init__(self, octets: int = 1_000_000) -> None:
        self.budget = Budget(octets)
        self.said: list[dict[str, Any]] = []
        self.stills = Stills(self.budget, lambda text: self.said.append(json.loads(text)))

    def send(self, photo: bytes, start: int = 0) -> None:
        for place in range(start, len(photo), 16_000):
            self.stills.heard(place.to_bytes(4) + photo[place : place + 16_000])


def test_the_browser_is_told_how_much_has_come_before_it_sends_on() -> None:
    told = Told()
    told.stills.heard(announced(PHOTO))
    told.send(PHOTO)
    have = [said["have"] for said in told.said if "have" in said]
    assert have[0] == 0
    assert all(later - before <= TOLD_EVERY + 16_000 for before, later in pairwise(have))
    assert told.said[-1] == {"kept": NAME}


@pytest.mark.parametrize(
    ("announcement", "code"),
    [
        ("{", "malformed"),
        ("[" * 100_000, "malformed"),
        ('{"octets": true, "sha256": "' + NAME + '"}', "malformed"),
        ('{"octets": 0, "sha256": "' + NAME + '"}', "malformed"),
        ('{"octets": 5, "sha256": "short"}', "malformed"),
        (json.dumps({"octets": MAX_OCTETS + 1, "sha256": NAME}), "upload_too_large"),
        (json.dumps({"octets": 1_000_001, "sha256": NAME}), "busy"),
    ],
)
def test_what_cannot_be_taken_is_refused_by_name_and_costs_no_memory(announcement: str, code: str) -> None:
    told = Told()
    told.stills.heard(announcement)
    told.send(b"x" * 16_000)
    assert told.said == [{"refused": code}]
    assert told.budget.left == 1_000_000


def test_a_photo_with_a_hole_or_another_hash_is_refused_and_forgotten() -> None:
    for spoiled, code in ((PHOTO[:-1] + b"?", "broken"), (PHOTO + b"more", "upload_too_large")):
        told = Told()
        told.stills.heard(announced(PHOTO))
        told.send(spoiled)
        assert told.said[-1] == {"refused": code}
        assert told.budget.left == 1_000_000
    told = Told()
    told.stills.heard(announced(PHOTO))
    told.send(PHOTO, start=16_000)
    assert {"refused": "out_of_order"} in told.said


def test_a_photo_nobody_fetches_is_forgotten() -> None:
    told = Told()
    told.stills.heard(announced(PHOTO))
    told.send(PHOTO)
    told.stills.tick(100.0)
    assert told.budget.left == 700_000
    told.stills.tick(100.1 + KEPT_SECONDS)
    assert told.budget.left == 1_000_000
    assert told.stills.piece(NAME, 0) is None


# --- datagrams --------------------------------------------------------------------------------------------


class Line:
    """An association and a browser that writes its datagrams by hand."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.heard: list[str | bytes] = []
        self.opened = 0
        chance = random.Random(1)
        self.association = Association(
            "stills",
            send=self.sent.append,
            opened=self._open,
            heard=self.heard.append,
            random=chance.randbytes,
        )
        self.tag = 0

    def _open(self) -> None:
        self.opened += 1

    def deliver(self, *chunks: bytes, tag: int | None = None) -> None:
        self.association.deliver(packet(self.tag if tag is None else tag, *chunks))

    def connect(self) -> None:
        """Open association and channel; data goes on with number 102."""
        self.deliver(chunk(1, 0, struct.pack(">IIHHI", 77, 100_000, 16, 16, 100)), tag=0)
        answer = self.sent.pop()
        (self.tag,) = struct.unpack_from(">I", answer, 16)
        cookie = answer[36:]
        self.deliver(chunk(10, 0, cookie))
        label = struct.pack(">BBHIHH", 3, 0, 0, 0, 6, 0) + b"stills"
        self.deliver(data(100, label, protocol=50))
        self.deliver(data(101, b"text", protocol=51))


def packet(tag: int, *chunks: bytes) -> bytes:
    head, body = struct.pack(">HHI", 5000, 5000, tag), b"".join(chunks)
    return head + struct.pack("<I", crc32c(head + bytes(4) + body)) + body


def chunk(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack(">BBH", kind, flags, 4 + len(body)) + body + bytes(-len(body) % 4)


def data(number: int, payload: bytes, *, flags: int = 3, protocol: int = 53, stream: int = 0) -> bytes:
    return chunk(0, flags, struct.pack(">IHHI", number & 0xFFFFFFFF, stream, 0, protocol) + payload)


def test_the_channel_opens_once_and_under_its_name_only() -> None:
    line = Line()
    line.connect()
    assert (line.opened, line.heard) == (1, ["text"])
    other = struct.pack(">BBHIHH", 3, 0, 0, 0, 6, 0) + b"others"
    line.deliver(data(102, other, protocol=50, stream=2))
    line.deliver(data(103, b"unheard", stream=2))
    assert (line.opened, line.heard) == (1, ["text"])


def test_fragments_that_come_twice_late_or_out_of_order_make_each_message_once() -> None:
    line = Line()
    line.connect()
    messages = [bytes([number]) * 700 for number in range(40)]
    pieces = [
        data(102 + 2 * place + half, message[350 * half :][:350], flags=2 - half)
        for place, message in enumerate(messages)
        for half in (0, 1)
    ]
    chance = random.Random(2)
    shuffled = pieces + chance.sample(pieces, 30)
    chance.shuffle(shuffled)
    for piece in shuffled:
        line.deliver(piece)
    assert line.heard[1:] == messages
    line.association.tick(0.0)
    (received,) = struct.unpack_from(">I", line.sent[-1], 16)
    assert received == 101 + len(pieces)


def test_what_is_missing_is_named_to_the_browser() -> None:
    line = Line()
    line.connect()
    for number in (103, 104, 107):
        line.deliver(data(number, b"x"))
    told = line.sent[-1]
    received, _, gaps, _ = struct.unpack_from(">IIHH", told, 16)
    assert (received, gaps) == (101, 2)
    assert struct.unpack_from(">HHHH", told, 28) == (2, 3, 6, 6)


def test_a_text_is_repeated_until_it_is_heard_and_who_never_hears_is_cut_off() -> None:
    line = Line()
    line.connect()
    line.association.say("hello")
    first = line.sent[-1]
    line.association.tick(0.0)
    line.association.tick(2.0)
    opened = struct.unpack_from(">I", line.sent[-1], 16)[0]
    line.deliver(chunk(3, 0, struct.pack(">IIHH", opened, 1_000, 0, 0)))
    line.association.tick(2.1)
    line.association.tick(5.0)
    assert line.sent[-1] == first
    for _ in range(MAX_UNHEARD + 1):
        line.association.say("and nobody hears")
    assert line.association.ended
    assert line.sent[-1][12] == 6


def test_a_message_without_end_ends_the_channel() -> None:
    line = Line()
    line.connect()
    number = 102
    while not line.association.ended and number < 1_000:
        line.deliver(data(number, bytes(1_100), flags=2 if number == 102 else 0))
        number += 1
    assert number - 102 <= 64 * 1024 // 1_100 + 1


def test_fragments_far_ahead_are_not_kept() -> None:
    line = Line()
    line.connect()
    for number in range(103, 103 + 4 * WINDOW):
        line.deliver(data(number, bytes(1_100)))
    assert len(line.association._held) <= WINDOW


def test_nothing_a_browser_may_send_raises_or_piles_up() -> None:
    """Random chunks of every kind, well signed, valid and garbled, before and after the channel is open."""
    chance = random.Random(3)
    for connected in (False, True):
        line = Line()
        if connected:
            line.connect()
        for _ in range(20_000):
            line.deliver(*(_strange(chance) for _ in range(chance.randint(1, 3))), tag=_tag(chance, line))
            line.association.tick(chance.random() * 1_000)
            line.sent.clear()
            line.heard.clear()
            if line.association.ended:
                line = Line()
                line.connect()
            assert len(line.association._held) <= WINDOW
            assert len(line.association._message) <= 64 * 1024
        for _ in range(2_000):
            line.association.deliver(chance.randbytes(chance.randint(0, 1_600)))


def _tag(chance: random.Random, line: Line) -> int:
    return chance.choice((0, line.tag, line.tag, line.tag, line.tag, chance.getrandbits(32)))


def _strange(chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        number = 100 + chance.choice((0, chance.randint(0, 400), chance.getrandbits(32)))
        payload = chance.randbytes(chance.randint(0, 200))
        protocol = chance.choice((50, 51, 53, 54, chance.getrandbits(32)))
        return data(
            number, payload, flags=chance.getrandbits(3), protocol=protocol, stream=chance.choice((0, 0, 7))
        )
    body = chance.randbytes(chance.choice((0, 4, 12, 16, 40, 400)))
    return chunk(chance.choice((*range(15), 130, 192, chance.getrandbits(8))), chance.getrandbits(8), body)
