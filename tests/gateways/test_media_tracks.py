"""What a receiver sees when sources change, packets are lost and keyframes are asked for."""

import struct

from aiortc.rtp import RtcpPacket, RtcpPsfbPacket, RtcpRrPacket, RtcpRtpfbPacket, RtcpSrPacket, RtpPacket

from cloudwindow.media import rtcp
from cloudwindow.media.congestion import Downstream
from cloudwindow.media.rtp import Packet
from cloudwindow.media.sdp import parse_offer
from cloudwindow.media.srtp import PacketBuffer
from cloudwindow.media.tracks import RING, Sink, Source
from tests.gateways.media_member import written_offer

AUDIO, VIDEO = parse_offer(written_offer()).lines
KEY, DELTA = b"\x10\x00picture", b"\x10\x01picture"


class Notebook:
    """A member's transport that only writes down what would be sent."""

    def __init__(self) -> None:
        self.downstream = Downstream()
        self.reporter = 99
        self.ready = True
        self.sent: list[RtpPacket] = []
        self.octets: list[bytes] = []
        self.control: list[object] = []

    def send_rtp(self, buffer: PacketBuffer, length: int) -> None:
        self.octets.append(bytes(buffer.view[:length]))
        self.sent.append(RtpPacket.parse(self.octets[-1]))

    def send_rtcp(self, packet: bytes) -> None:
        self.control += RtcpPacket.parse(packet)

    def keyframe_requests(self) -> int:
        return sum(isinstance(packet, RtcpPsfbPacket) and packet.fmt == 1 for packet in self.control)

    def asked_again(self) -> list[list[int]]:
        return [packet.lost for packet in self.control if isinstance(packet, RtcpRtpfbPacket)]


def sink_of(wire: Notebook, *, first: int = 500) -> Sink:
    return Sink(wire, VIDEO, ssrc=7001, repair_ssrc=7002, first=first)


def source_of(wire: Notebook) -> Source:
    return Source(wire, VIDEO, None)


def arrive(
    source: Source,
    sequence: int,
    payload: bytes = DELTA,
    *,
    timestamp: int = 0,
    now: float = 10,
    type_: int = 96,
) -> None:
    octets = struct.pack(">BBHII", 0x80, 0x80 | type_, sequence & 0xFFFF, timestamp, 2001) + payload
    buffer, packet = PacketBuffer(), Packet()
    assert packet.parse(buffer.octets, buffer.load(octets))
    source.take(packet, buffer, -1, now)


def test_video_waits_for_a_keyframe_and_asks_for_one() -> None:
    sender, receiver = Notebook(), Notebook()
    source, sink = source_of(sender), sink_of(receiver)
    sink.follow(source, 10)
    assert sender.keyframe_requests() == 1
    arrive(source, 1)
    arrive(source, 2, KEY)
    arrive(source, 3)
    assert [packet.payload for packet in receiver.sent] == [KEY, DELTA]
    assert {packet.ssrc for packet in receiver.sent} == {7001}


def test_a_receiver_sees_one_continuous_stream_when_the_source_changes() -> None:
    first, second, receiver = source_of(Notebook()), source_of(Notebook()), Notebook()
    sink = sink_of(receiver)
    sink.follow(first, 10)
    for place in range(3):
        arrive(first, 65534 + place, KEY, timestamp=4_294_960_000 + 3000 * place, now=10 + place / 30)
    sink.follow(second, 11)
    arrive(second, 40_000, DELTA, timestamp=5, now=11)
    for place in range(1, 4):
        arrive(second, 40_000 + place, KEY, timestamp=5 + 3000 * place, now=12 + place / 30)
    numbers = [packet.sequence_number for packet in receiver.sent]
    assert numbers == [(numbers[0] + place) & 0xFFFF for place in range(6)]
    steps = [
        (after.timestamp - before.timestamp) & 0xFFFFFFFF
        for before, after in zip(receiver.sent, receiver.sent[1:], strict=False)
    ]
    assert steps[:2] == [3000, 3000]
    assert steps[3:] == [3000, 3000]
    assert 85_000 <= steps[2] <= 190_000  # about two seconds at 90 kHz


def test_packets_older_than_the_keyframe_it_began_with_are_not_sent() -> None:
    source, receiver = source_of(Notebook()), Notebook()
    sink_of(receiver).follow(source, 10)
    arrive(source, 100)
    arrive(source, 102, KEY)
    arrive(source, 101)
    assert [packet.payload for packet in receiver.sent] == [KEY]


def test_keyframe_requests_are_passed_on_at_most_every_two_hundred_milliseconds() -> None:
    sender = Notebook()
    source = source_of(sender)
    for place in range(100):
        source.want_keyframe(10 + place / 100)
        source.tick(10 + place / 100)
    assert 4 <= sender.keyframe_requests() <= 6


def test_a_keyframe_request_that_came_too_early_is_not_forgotten() -> None:
    sender = Notebook()
    source = source_of(sender)
    source.want_keyframe(10)
    source.want_keyframe(10.1)
    assert sender.keyframe_requests() == 1
    source.tick(10.25)
    assert sender.keyframe_requests() == 2


def test_a_sender_that_knows_only_full_refreshes_is_asked_for_one() -> None:
    offer = written_offer().replace("a=rtcp-fb:96 nack pli\r\n", "").replace("a=rtcp-fb:103 nack pli\r\n", "")
    sender = Notebook()
    Source(sender, parse_offer(offer).lines[1], None).want_keyframe(10)
    (asked,) = sender.control
    assert isinstance(asked, RtcpPsfbPacket)
    assert asked.fmt == 4


def test_a_gap_is_asked_for_at_once_and_again_until_it_comes() -> None:
    sender, receiver = Notebook(), Notebook()
    source = source_of(sender)
    sink_of(receiver).follow(source, 10)
    arrive(source, 1, KEY)
    arrive(source, 4, now=10)
    assert sender.asked_again() == [[2, 3]]
    arrive(source, 2, now=10.05)
    source.tick(10.15)
    assert sender.asked_again() == [[2, 3], [3]]
    arrive(source, 3, now=10.2)
    source.tick(10.4)
    assert len(sender.asked_again()) == 2
    base = receiver.sent[0].sequence_number
    assert [packet.sequence_number - base for packet in receiver.sent] == [0, 3, 1, 2]


def test_a_packet_nobody_missed_is_not_sent_twice() -> None:
    source, receiver = source_of(Notebook()), Notebook()
    sink_of(receiver).follow(source, 10)
    arrive(source, 1, KEY)
    arrive(source, 2)
    arrive(source, 1, KEY)
    arrive(source, 2)
    assert len(receiver.sent) == 2


def test_a_gap_too_wide_to_repair_is_answered_by_a_keyframe_request() -> None:
    sender = Notebook()
    source = source_of(sender)
    arrive(source, 1, KEY)
    arrive(source, 1000)
    assert sender.asked_again() == []
    assert sender.keyframe_requests() == 1


def test_a_lost_packet_is_sent_again_as_a_repair() -> None:
    source, receiver, scratch = source_of(Notebook()), Notebook(), PacketBuffer()
    sink = sink_of(receiver)
    sink.follow(source, 10)
    for place in range(5):
        arrive(source, place + 1, KEY)
    lost = receiver.sent[2]
    sink.repeat([lost.sequence_number, 1234], scratch, 10)
    repair = receiver.sent[-1]
    assert len(receiver.sent) == 6
    assert (repair.ssrc, repair.payload_type) == (7002, 97)
    assert repair.payload == struct.pack(">H", lost.sequence_number) + lost.payload


def test_where_much_is_lost_a_repair_is_sent_twice_under_two_numbers() -> None:
    source, receiver, scratch = source_of(Notebook()), Notebook(), PacketBuffer()
    sink = sink_of(receiver)
    sink.follow(source, 10)
    arrive(source, 1, KEY)
    receiver.downstream.loss = 0.05
    sink.repeat([receiver.sent[0].sequence_number], scratch, 10)
    one, other = receiver.sent[1:]
    assert other.sequence_number == one.sequence_number + 1
    assert (one.ssrc, one.payload) == (other.ssrc, other.payload)


def test_without_repair_streams_the_very_same_packet_is_sent_again() -> None:
    offer = written_offer().replace("a=fmtp:97 apt=96\r\n", "")
    receiver, source = Notebook(), source_of(Notebook())
    sink = Sink(receiver, parse_offer(offer).lines[1], ssrc=7001, repair_ssrc=7002, first=500)
    sink.follow(source, 10)
    arrive(source, 1, KEY)
    sink.repeat([receiver.sent[0].sequence_number], PacketBuffer(), 10)
    assert receiver.octets[0] == receiver.octets[1]


def test_a_receiver_that_asks_without_end_is_served_a_bounded_number() -> None:
    source, receiver = source_of(Notebook()), Notebook()
    sink = sink_of(receiver)
    sink.follow(source, 10)
    arrive(source, 1, KEY)
    number = receiver.sent[0].sequence_number
    for _ in range(10):
        sink.repeat([number] * 512, PacketBuffer(), 10)
    assert len(receiver.sent) == 1 + RING
    sink.tick()
    sink.repeat([number] * 512, PacketBuffer(), 10)
    assert RING < len(receiver.sent) < RING + 100


def test_reports_cross_in_each_sides_own_numbers() -> None:
    sender, receiver = Notebook(), Notebook()
    source, sink = source_of(sender), sink_of(receiver, first=500)
    sink.follow(source, 10)
    arrive(source, 9_000, KEY, timestamp=70)
    clock = bytes(range(8))
    source.sender_report(struct.pack(">I", 2001) + clock + struct.pack(">III", 100, 1, 1), 10.5)
    (report,) = receiver.control
    assert isinstance(report, RtcpSrPacket)
    assert (report.ssrc, report.sender_info.rtp_timestamp, report.sender_info.packet_count) == (7001, 100, 1)
    known = int.from_bytes(clock[2:6], "big")
    for last_report in (known, 4711):
        sink.receiver_report(rtcp.ReportBlock(7001, 0, 501, 6, last_report, 8))
    timed, untimed = (packet.reports[0] for packet in sender.control if isinstance(packet, RtcpRrPacket))
    assert (timed.ssrc, timed.highest_sequence & 0xFFFF, timed.lsr, timed.dlsr) == (2001, 9_000, known, 8)
    assert (untimed.lsr, untimed.dlsr) == (0, 0)


def test_a_codec_the_receiver_did_not_offer_is_not_sent() -> None:
    offer = written_offer().replace("a=rtpmap:103 H264/90000", "a=rtpmap:103 H265/90000")
    source, receiver = source_of(Notebook()), Notebook()
    sink = Sink(receiver, parse_offer(offer).lines[1], ssrc=7001, repair_ssrc=7002, first=500)
    sink.follow(source, 10)
    arrive(source, 1, b"\x67\x42", type_=103)
    arrive(source, 2, KEY)
    assert [packet.payload for packet in receiver.sent] == [KEY]


def test_payload_types_are_those_of_the_receiver() -> None:
    offer = (
        written_offer().replace(":96 ", ":120 ").replace("SAVPF 96", "SAVPF 120").replace("apt=96", "apt=120")
    )
    source, receiver = source_of(Notebook()), Notebook()
    sink = Sink(receiver, parse_offer(offer).lines[1], ssrc=7001, repair_ssrc=7002, first=500)
    sink.follow(source, 10)
    arrive(source, 1, KEY)
    assert [(packet.payload_type, packet.marker) for packet in receiver.sent] == [(120, 1)]


def test_sound_begins_at_once() -> None:
    receiver = Notebook()
    source = Source(Notebook(), AUDIO, None)
    Sink(receiver, AUDIO, ssrc=7001, repair_ssrc=7002, first=500).follow(source, 10)
    arrive(source, 1, b"sound", type_=111)
    assert [packet.payload for packet in receiver.sent] == [b"sound"]


def test_lost_sound_is_asked_for_and_sent_again_between_pages_that_can_both() -> None:
    offer = written_offer().replace(
        "a=rtpmap:111 opus/48000/2\r\n", "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\n"
    )
    for line, again in ((AUDIO, False), (parse_offer(offer).lines[0], True)):
        sender, receiver = Notebook(), Notebook()
        source = Source(sender, line, None)
        sink = Sink(receiver, line, ssrc=7001, repair_ssrc=7002, first=500)
        sink.follow(source, 10)
        for sequence in (1, 3):
            arrive(source, sequence, b"sound", type_=111)
        sink.repeat([receiver.sent[0].sequence_number], PacketBuffer(), 10)
        assert (sender.asked_again() == [[2]]) == again
        assert (receiver.octets[2:] == receiver.octets[:1]) == again
