"""Packets as octets: encryption in place, headers, keyframes, feedback."""

import random
import struct

import pytest
from aiortc.rtp import (
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    unpack_remb_fci,
)
from pylibsrtp import Policy, Session

from cloudwindow.media import rtcp
from cloudwindow.media.congestion import PATIENCE_US, Downstream, Upstream, read_wide, wide_body
from cloudwindow.media.rtp import (
    Packet,
    rename_extensions,
    starts_keyframe,
    unwrap_retransmission,
    wrap_retransmission,
)
from cloudwindow.media.srtp import MAX_PACKET_OCTETS, InPlaceCipher, PacketBuffer

PROFILES = {
    "AEAD_AES_256_GCM": (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
    "AEAD_AES_128_GCM": (Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AES128_CM_SHA1_80": (Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
}


def rtp(sequence: int = 7, payload: bytes = b"payload", *, first: int = 0x80, middle: bytes = b"") -> bytes:
    return struct.pack(">BBHII", first, 0x80 | 96, sequence, 1000, 2001) + middle + payload


def extended(sequence: int = 7, *, wide: int = 500, mid: bytes = b"1") -> bytes:
    """Return a packet with a mid (id 4), a send time (id 2) and a transport-wide number (id 3)."""
    body = bytes([0x40 | len(mid) - 1]) + mid + b"\x22\x01\x02\x03" + b"\x31" + struct.pack(">H", wide)
    body += bytes(-len(body) % 4)
    return rtp(sequence, first=0x90, middle=struct.pack(">HH", 0xBEDE, len(body) // 4) + body)


def loaded(packet: bytes) -> tuple[Packet, PacketBuffer]:
    buffer, parsed = PacketBuffer(), Packet()
    assert parsed.parse(buffer.octets, buffer.load(packet))
    assert parsed.locate(buffer.octets, 3, 4)
    return parsed, buffer


def sessions(name: str) -> tuple[Session, Session, Session, Session]:
    profile, size = PROFILES[name]
    key = random.Random(1).randbytes(size)
    out = [Session(Policy(key, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)) for _ in range(2)]
    into = [Session(Policy(key, Policy.SSRC_ANY_INBOUND, srtp_profile=profile)) for _ in range(2)]
    return out[0], out[1], into[0], into[1]


@pytest.mark.parametrize("name", PROFILES)
def test_encryption_in_place_gives_the_same_octets_as_the_public_path(name: str) -> None:
    public_out, private_out, public_in, private_in = sessions(name)
    sealing, opening, buffer = InPlaceCipher(private_out), InPlaceCipher(private_in), PacketBuffer()
    for sequence in range(50):
        plain = rtp(sequence, bytes(range(sequence * 5 % 256)) * 3)
        sealed = public_out.protect(plain)
        length = sealing.protect(buffer, buffer.load(plain))
        assert bytes(buffer.view[:length]) == sealed
        assert public_in.unprotect(sealed) == plain
        length = opening.unprotect(buffer, buffer.load(sealed))
        assert bytes(buffer.view[:length]) == plain


@pytest.mark.parametrize("name", PROFILES)
def test_control_packets_in_place_give_the_same_octets_as_the_public_path(name: str) -> None:
    public_out, private_out, public_in, private_in = sessions(name)
    sealing, opening, buffer = InPlaceCipher(private_out), InPlaceCipher(private_in), PacketBuffer()
    plain = rtcp.picture_loss(1, 2)
    sealed = public_out.protect_rtcp(plain)
    length = sealing.protect_rtcp(buffer, buffer.load(plain))
    assert bytes(buffer.view[:length]) == sealed
    assert public_in.unprotect_rtcp(sealed) == plain
    length = opening.unprotect_rtcp(buffer, buffer.load(sealed))
    assert bytes(buffer.view[:length]) == plain


def test_a_forged_a_repeated_and_an_oversize_packet_are_refused() -> None:
    public_out, _, _, private_in = sessions("AEAD_AES_128_GCM")
    opening, buffer = InPlaceCipher(private_in), PacketBuffer()
    sealed = public_out.protect(rtp())
    forged = sealed[:-1] + bytes([sealed[-1] ^ 1])
    assert opening.unprotect(buffer, buffer.load(forged)) == -1
    assert opening.unprotect(buffer, buffer.load(sealed)) > 0
    assert opening.unprotect(buffer, buffer.load(sealed)) == -1
    assert opening.unprotect(buffer, MAX_PACKET_OCTETS + 1) == -1


def test_a_header_is_found_in_its_parts() -> None:
    packet, buffer = loaded(extended(wide=513))
    assert (packet.sequence, packet.timestamp, packet.ssrc) == (7, 1000, 2001)
    assert (packet.payload_type, packet.marker) == (96, True)
    assert bytes(buffer.octets[packet.payload_start : packet.payload_end]) == b"payload"
    assert packet.wide_sequence(buffer.octets) == 513
    assert buffer.octets[packet.mid_position : packet.mid_position + packet.mid_length] == b"1"


def test_no_random_octets_make_the_header_reader_fail() -> None:
    chance, buffer, packet = random.Random(5), PacketBuffer(), Packet()
    for _ in range(20_000):
        octets = bytes([0x80 | chance.getrandbits(6)]) + chance.randbytes(chance.randrange(60))
        length = buffer.load(octets)
        if packet.parse(buffer.octets, length) and packet.locate(buffer.octets, 3, 4):
            assert 12 <= packet.payload_start <= packet.payload_end <= length
            rename_extensions(buffer.octets, packet, tuple(range(16)))
            starts_keyframe("VP8", buffer.octets, packet.payload_start, packet.payload_end)
            starts_keyframe("H264", buffer.octets, packet.payload_start, packet.payload_end)


def test_renamed_extensions_keep_their_values_and_unknown_ones_become_padding() -> None:
    packet, buffer = loaded(extended(wide=513))
    names = [0] * 16
    names[3], names[2] = 5, 9
    rename_extensions(buffer.octets, packet, tuple(names))
    again = Packet()
    assert again.parse(buffer.octets, packet.length)
    assert again.locate(buffer.octets, 5, 4)
    assert again.wide_sequence(buffer.octets) == 513
    assert not again.mid_position
    assert again.locate(buffer.octets, 0, 9)
    assert bytes(buffer.octets[again.mid_position : again.mid_position + 3]) == b"\x01\x02\x03"


def test_a_retransmission_carries_the_original_back() -> None:
    wrapped = wrap_retransmission(extended(), payload_type=97, sequence=3, ssrc=2002)
    packet, buffer = loaded(wrapped)
    assert (packet.payload_type, packet.sequence, packet.ssrc, packet.marker) == (97, 3, 2002, True)
    length = unwrap_retransmission(buffer.octets, packet, payload_type=96, ssrc=2001)
    assert bytes(buffer.octets[:length]) == extended()


def test_a_probe_has_nothing_to_unwrap() -> None:
    packet, buffer = loaded(rtp(payload=b"\x00\x07"))
    assert unwrap_retransmission(buffer.octets, packet, payload_type=96, ssrc=1) == 0
    padded, buffer = loaded(rtp(payload=b"\x00" * 99 + bytes([100]), first=0xA0))
    assert unwrap_retransmission(buffer.octets, padded, payload_type=96, ssrc=1) == 0


VP8_KEY = bytes.fromhex("10 00 9d 01 2a")
KEYFRAMES = [
    ("VP8", VP8_KEY, True),
    ("VP8", bytes.fromhex("90 80 05 00"), True),
    ("VP8", bytes.fromhex("90 80 85 05 00"), True),
    ("VP8", bytes.fromhex("90 e0 05 06 20 00"), True),
    ("VP8", bytes.fromhex("10 01"), False),
    ("VP8", bytes.fromhex("00 00"), False),
    ("VP8", bytes.fromhex("11 00"), False),
    ("VP8", b"\x10", False),
    ("H264", bytes.fromhex("67 42"), True),
    ("H264", bytes.fromhex("65 88"), True),
    ("H264", bytes.fromhex("41 9a"), False),
    ("H264", bytes.fromhex("78 00 10 67 42"), True),
    ("H264", bytes.fromhex("7c 85"), True),
    ("H264", bytes.fromhex("7c 05"), False),
    ("H264", bytes.fromhex("7c 81"), False),
    ("opus", b"\x00\x00", False),
]


@pytest.mark.parametrize(("codec", "payload", "starts"), KEYFRAMES)
def test_a_decoder_can_start_at_a_keyframe_and_nowhere_else(codec: str, payload: bytes, starts: bool) -> None:
    assert starts_keyframe(codec, bytearray(payload), 0, len(payload)) is starts


def test_our_control_packets_are_read_alike_by_another_implementation() -> None:
    block = rtcp.ReportBlock(2001, 5 << 24 | 77, 70_000, 3, 4, 5)
    compound = (
        rtcp.sender_report(9, clock=bytes(range(8)), timestamp=1 << 32 | 6, packets=7, octets=8)
        + rtcp.receiver_report(9, block)
        + rtcp.picture_loss(9, 2001)
        + rtcp.full_refresh(9, 2001, 300)
        + rtcp.lost_request(9, 2001, [65534, 65535, 3, 100])
        + rtcp.estimate_report(9, 1_234_567, [2001])
    )
    sr, rr, pli, fir, nack, remb = RtcpPacket.parse(compound)
    assert isinstance(sr, RtcpSrPacket)
    assert (sr.sender_info.rtp_timestamp, sr.sender_info.packet_count) == (6, 7)
    assert isinstance(rr, RtcpRrPacket)
    assert (rr.reports[0].fraction_lost, rr.reports[0].packets_lost) == (5, 77)
    assert isinstance(pli, RtcpPsfbPacket)
    assert isinstance(fir, RtcpPsfbPacket)
    assert isinstance(nack, RtcpRtpfbPacket)
    assert isinstance(remb, RtcpPsfbPacket)
    assert [part.fmt for part in (pli, fir, remb)] == [1, 4, 15]
    assert [number & 0xFFFF for number in nack.lost] == [65534, 65535, 3, 100]
    bits, ssrcs = unpack_remb_fci(remb.fci)
    assert ssrcs == [2001]
    assert abs(bits - 1_234_567) < 16
    parts = list(rtcp.parts(compound))
    assert list(rtcp.report_blocks(parts[1])) == [block]
    assert rtcp.lost_numbers(parts[4]) == [65534, 65535, 3, 100]
    assert rtcp.estimate(parts[5]) == (bits, [2001])


def test_no_random_octets_make_the_control_reader_fail() -> None:
    chance = random.Random(6)
    for _ in range(20_000):
        kind = chance.choice((200, 201, 205, 206))
        body = chance.randbytes(4 * chance.randrange(1, 12))
        head = bytes([0x80 | chance.getrandbits(6), kind]) + struct.pack(">H", len(body) // 4)
        for part in rtcp.parts(head + body):
            list(rtcp.report_blocks(part))
            rtcp.lost_numbers(part)
            rtcp.estimate(part)
            rtcp.words_of(part.body)
            read_wide(part.body[8:])


def test_wide_feedback_is_read_as_it_was_written() -> None:
    chance = random.Random(7)
    clock = 70_000_000
    for _ in range(300):
        times: list[int | None] = []
        for _ in range(chance.randrange(1, 60)):
            clock += chance.choice((0, 250, 5_000, 60_000, 70_000, -3_000))
            times.append(clock // 250 * 250 if chance.random() > 0.2 else None)
        if all(time is None for time in times):
            continue
        start = chance.randrange(65_500, 65_600)
        packet = rtcp.wide_feedback(1, 2, wide_body(start, times, 3))
        (part,) = rtcp.parts(packet)
        assert part.form == rtcp.WIDE_FEEDBACK
        assert read_wide(part.body[8:]) == [
            ((start + place) & 0xFFFF, time) for place, time in enumerate(times)
        ]


def verdicts(bodies: list[bytes]) -> dict[int, int | None]:
    return {number: time for body in bodies for number, time in read_wide(body)}


def test_a_sender_hears_the_receivers_verdict_in_its_own_numbers_and_on_our_clock() -> None:
    told: list[bytes] = []
    upstream, downstream, receiver = Upstream(told.append), Downstream(), object()
    upstream.leader = receiver
    now = 5_000_000
    for place in range(10):
        index = upstream.arrived((65_530 + place) & 0xFFFF, now + place * 1000)
        assert downstream.number(upstream, index, now + place * 1000) == place
        upstream.passed_on(index)
    theirs = 900_000_000
    times = [None if place == 4 else theirs + place * 1000 for place in range(10)]
    assert downstream.judge(receiver, wide_body(0, times, 0), now + 50_000) == {upstream}
    upstream.flush(now + 50_000)
    expected = {(65_530 + place) & 0xFFFF: None if place == 4 else now + place * 1000 for place in range(10)}
    assert verdicts(told) == expected


def test_packets_that_end_here_are_reported_with_the_time_they_reached_us() -> None:
    told: list[bytes] = []
    upstream = Upstream(told.append)
    for number in (10, 11, 13):
        upstream.arrived(number, 1_000_000 + number * 1000)
    upstream.flush(1_100_000)
    assert verdicts(told) == {10: 1_010_000, 11: 1_011_000, 12: None, 13: 1_013_000}
    upstream.flush(1_200_000)
    assert len(told) == 1


def test_a_verdict_that_never_comes_holds_later_reports_up_for_half_a_second_only() -> None:
    told: list[bytes] = []
    upstream = Upstream(told.append)
    upstream.passed_on(upstream.arrived(20, 1_000_000))
    upstream.arrived(21, 1_001_000)
    upstream.flush(1_100_000)
    assert told == []
    upstream.flush(1_000_000 + PATIENCE_US + 1000)
    assert verdicts(told) == {21: 1_001_000}


def test_a_verdict_that_was_lost_holds_nothing_up_once_a_later_one_has_come() -> None:
    told: list[bytes] = []
    upstream, downstream, receiver = Upstream(told.append), Downstream(), object()
    upstream.leader = receiver
    for number in range(4):
        now = 1_000_000 + number * 1000
        downstream.number(upstream, index := upstream.arrived(number, now), now)
        upstream.passed_on(index)
    downstream.judge(receiver, wide_body(2, [9_002_000, 9_003_000], 0), 1_050_000)
    upstream.flush(1_050_000)
    assert verdicts(told) == {2: 1_002_000, 3: 1_003_000}


def test_another_receivers_verdict_does_not_count() -> None:
    told: list[bytes] = []
    upstream, downstream = Upstream(told.append), Downstream()
    upstream.leader = object()
    downstream.number(upstream, upstream.arrived(1, 1_000_000), 1_000_000)
    assert downstream.judge(object(), wide_body(0, [2_000_000], 0), 1_100_000) == set()
