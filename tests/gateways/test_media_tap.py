"""What a recorder is handed: packets in order, gaps where something is missing, never a wait."""

import asyncio
import struct

from cloudwindow.media.rtp import Packet
from cloudwindow.media.sdp import parse_offer
from cloudwindow.media.srtp import PacketBuffer
from cloudwindow.media.tap import (
    MAX_HELD,
    PATIENCE_SECONDS,
    MarkKind,
    Straightener,
    TapClock,
    TapGap,
    TapMark,
    TapPacket,
    TapQueue,
    TapSource,
)
from cloudwindow.media.tracks import Source
from tests.gateways.media_member import written_offer
from tests.gateways.test_media_tracks import Notebook, arrive, sink_of, source_of
from tests.pace import PATIENCE_SECONDS as LIMIT_SECONDS

LABEL = TapSource(room="r1", member="citizen", role="citizen", kind="video", mid="1", connection=7)


def packet(index: int, *, at: float = 10, payload: bytes = b"x") -> TapPacket:
    return TapPacket(LABEL, at, "VP8", index, index * 3000, True, payload)


def told(tap: TapQueue) -> list[int | tuple[int, int] | str]:
    """Indexes of packets, (first, count) of gaps and words of marks, as they were put."""
    said: list[int | tuple[int, int] | str] = []
    for record in tap.take_now():
        if isinstance(record, TapPacket):
            said.append(record.index)
        elif isinstance(record, TapGap):
            said.append((record.first, record.count))
        elif isinstance(record, TapMark):
            said.append(record.kind.value)
    return said


def straightened(*indexes: int) -> tuple[TapQueue, Straightener]:
    tap = TapQueue()
    line = Straightener(tap, LABEL)
    for index in indexes:
        line.push(packet(index))
    return tap, line


def test_packets_out_of_order_are_put_in_order() -> None:
    assert told(straightened(5, 7, 6, 8)[0]) == [5, 6, 7, 8]


def test_a_packet_that_came_twice_or_before_the_first_is_left_out() -> None:
    assert told(straightened(5, 4, 6, 6, 5, 8, 8, 7)[0]) == [5, 6, 7, 8]


def test_a_missing_packet_is_waited_for_and_then_becomes_a_gap() -> None:
    tap, line = straightened(5, 8, 9)
    line.tick(10 + PATIENCE_SECONDS - 0.01)
    assert told(tap) == [5]
    line.tick(10 + PATIENCE_SECONDS)
    assert told(tap) == [(6, 2), 8, 9]
    line.push(packet(7, at=11))
    line.push(packet(10, at=11))
    assert told(tap) == [10]


def test_two_holes_become_two_gaps() -> None:
    tap, line = straightened(1, 3, 5)
    line.tick(12)
    assert told(tap) == [1, (2, 1), 3, (4, 1), 5]


def test_no_more_than_a_ring_of_packets_is_held() -> None:
    tap, _ = straightened(1, *range(3, 4 + MAX_HELD))
    assert told(tap) == [1, (2, 1), *range(3, 4 + MAX_HELD)]


def test_a_source_that_ends_hands_over_what_is_held() -> None:
    tap, line = straightened(1, 3)
    line.end(10)
    assert told(tap) == [1, (2, 1), 3, "source_ended"]


def test_a_full_queue_loses_records_counts_them_and_says_so() -> None:
    tap = TapQueue(max_octets=3000)
    for index in range(5):
        tap.put(packet(index, payload=bytes(1000)))
    assert tap.dropped == 3
    assert told(tap) == [0, 1]
    tap.put(packet(5))
    assert told(tap) == ["overflow", 5]
    assert tap.dropped == 3


async def test_the_reader_waits_until_something_is_there() -> None:
    tap = TapQueue()
    waiting = asyncio.create_task(tap.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    tap.put(packet(1))
    async with asyncio.timeout(LIMIT_SECONDS):
        assert await waiting == [packet(1)]


def test_a_tapped_source_hands_over_what_it_forwards_as_it_was_received() -> None:
    sender, receiver, tap = Notebook(), Notebook(), TapQueue()
    source, sink = source_of(sender), sink_of(receiver)
    sink.follow(source, 10)
    arrive(source, 65535, b"\x10\x00first", timestamp=90)
    source.attach(tap, LABEL, 10)
    source.attach(tap, LABEL, 10)
    arrive(source, 0, b"\x10\x01second", timestamp=180)
    source.sender_report(struct.pack(">IIIIII", 2001, 2, 1 << 31, 180, 1, 1), 10.5)
    source.detach(tap, 11)
    arrive(source, 1)
    records = tap.take_now()
    assert records[1] == TapPacket(LABEL, 10, "VP8", 0x20000, 180, True, b"\x10\x01second")
    assert records[2] == TapClock(LABEL, 10.5, 2.5, 180)
    assert [record.kind for record in records if isinstance(record, TapMark)] == [
        MarkKind.SOURCE_STARTED,
        MarkKind.SOURCE_ENDED,
    ]
    assert len(records) == 4
    assert len(receiver.sent) == 3


def test_attaching_asks_the_sender_for_a_picture_that_can_be_decoded_alone() -> None:
    sender = Notebook()
    source_of(sender).attach(TapQueue(), LABEL, 10)
    assert sender.keyframe_requests() == 1


def test_the_turn_of_a_phone_is_told_with_every_packet_after_it_was_said() -> None:
    source, tap = Source(Notebook(), parse_offer(written_offer()).lines[1], None), TapQueue()
    source.attach(tap, LABEL, 10)
    for sequence, extensions in enumerate((b"\x00\x00\x00\x00", b"\xd0\x03\x00\x00", b"\x00\x00\x00\x00")):
        octets = struct.pack(">BBHIIHH", 0x90, 0xE0, sequence, 0, 2001, 0xBEDE, 1) + extensions + b"\x10\x01p"
        buffer, parsed = PacketBuffer(), Packet()
        assert parsed.parse(buffer.octets, buffer.load(octets))
        source.take(parsed, buffer, -1, 10)
    turns = [record.turns for record in tap.take_now() if isinstance(record, TapPacket)]
    assert turns == [0, 3, 3]
