"""
RTCP as octets: take compound packets apart, write the few kinds a forwarder sends.

RFC 3550 (SR, RR), RFC 4585 (NACK, PLI), RFC 5104 (FIR), draft-alvestrand-rmcat-remb-03 (REMB).
Readers raise nothing: what is malformed is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct, pack, unpack_from
from typing import Final

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
TRANSPORT_FEEDBACK: Final = 205
PAYLOAD_FEEDBACK: Final = 206

NACK: Final = 1
WIDE_FEEDBACK: Final = 15
PICTURE_LOSS: Final = 1
FULL_REFRESH: Final = 4
APPLICATION: Final = 15

MAX_PARTS: Final = 32
"""Parts of one compound packet that are read; the rest is ignored."""

_HEAD: Final = Struct(">BBH")
_BLOCK: Final = Struct(">IIIIII")
BLOCK_OCTETS: Final = 24


@dataclass(frozen=True, slots=True)
class Part:
    """One packet of a compound: ``form`` is the count or format field, ``body`` all after the header."""

    kind: int
    form: int
    body: bytes


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """RFC 3550 §6.4.1; ``loss`` holds fraction (8 bits) and cumulative count (24 bits) together."""

    ssrc: int
    loss: int
    highest: int
    jitter: int
    last_report: int
    delay: int


def parts(compound: bytes) -> Iterator[Part]:
    """Take a compound packet apart, up to the first malformed part."""
    position = 0
    for _ in range(MAX_PARTS):
        if position + 8 > len(compound):
            return
        first, kind, words = _HEAD.unpack_from(compound, position)
        end = position + 4 + 4 * words
        if first >> 6 != 2 or end > len(compound) or not words:
            return
        padding = compound[end - 1] if first & 0x20 else 0
        if padding > 4 * words - 4:
            return
        yield Part(kind, first & 0x1F, compound[position + 4 : end - padding])
        position = end


def words_of(body: bytes, position: int = 0) -> tuple[int, int]:
    """Return the two 32-bit words at ``position``: mostly sender and media SSRC; zeros if too short."""
    if len(body) < position + 8:
        return 0, 0
    first, second = unpack_from(">II", body, position)
    return first, second


def report_blocks(part: Part) -> Iterator[ReportBlock]:
    """Return the reception reports of an SR or RR."""
    start = 24 if part.kind == SENDER_REPORT else 4
    for place in range(part.form):
        position = start + place * BLOCK_OCTETS
        if position + BLOCK_OCTETS > len(part.body):
            return
        yield ReportBlock(*_BLOCK.unpack_from(part.body, position))


def lost_numbers(part: Part) -> list[int]:
    """Return the sequence numbers a generic NACK asks for, at most 17 per pair and 512 in all."""
    asked: list[int] = []
    for position in range(8, len(part.body) - 3, 4):
        first, following = unpack_from(">HH", part.body, position)
        asked.append(first)
        asked += [(first + place + 1) & 0xFFFF for place in range(16) if following >> place & 1]
        if len(asked) > 512:
            break
    return asked


def estimate(part: Part) -> tuple[int, list[int]] | None:
    """Return bits per second and SSRCs of a REMB, or ``None`` if it is another application message."""
    body = part.body
    if len(body) < 16 or body[8:12] != b"REMB" or len(body) < 16 + 4 * body[12]:
        return None
    bits = ((body[13] & 3) << 16 | body[14] << 8 | body[15]) << (body[13] >> 2)
    return bits, list(unpack_from(f">{body[12]}I", body, 16))


def _packet(kind: int, form: int, body: bytes) -> bytes:
    return _HEAD.pack(0x80 | form, kind, len(body) // 4) + body


def sender_report(ssrc: int, *, clock: bytes, timestamp: int, packets: int, octets: int) -> bytes:
    """Write an SR without blocks; ``clock`` is the eight octets of the NTP time."""
    counts = pack(">III", timestamp & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return _packet(SENDER_REPORT, 0, pack(">I", ssrc) + clock + counts)


def receiver_report(reporter: int, block: ReportBlock) -> bytes:
    """Write an RR with one block."""
    fields = (block.ssrc, block.loss, block.highest, block.jitter, block.last_report, block.delay)
    return _packet(RECEIVER_REPORT, 1, pack(">I", reporter) + _BLOCK.pack(*fields))


def picture_loss(reporter: int, ssrc: int) -> bytes:
    """Ask for a keyframe (PLI)."""
    return _packet(PAYLOAD_FEEDBACK, PICTURE_LOSS, pack(">II", reporter, ssrc))


def full_refresh(reporter: int, ssrc: int, number: int) -> bytes:
    """Ask for a keyframe of a sender that knows only FIR."""
    body = pack(">IIIBxxx", reporter, 0, ssrc, number & 0xFF)
    return _packet(PAYLOAD_FEEDBACK, FULL_REFRESH, body)


def lost_request(reporter: int, ssrc: int, numbers: list[int]) -> bytes:
    """Ask for packets again; ``numbers`` in rising order (modulo 65536)."""
    pairs: list[tuple[int, int]] = []
    for number in numbers:
        distance = (number - pairs[-1][0] - 1) & 0xFFFF if pairs else 16
        if distance < 16:
            pairs[-1] = (pairs[-1][0], pairs[-1][1] | 1 << distance)
        else:
            pairs.append((number, 0))
    body = pack(">II", reporter, ssrc) + b"".join(pack(">HH", *pair) for pair in pairs)
    return _packet(TRANSPORT_FEEDBACK, NACK, body)


def estimate_report(reporter: int, bits_per_second: int, ssrcs: list[int]) -> bytes:
    """Write a REMB."""
    exponent = max(0, bits_per_second.bit_length() - 18)
    mantissa = bits_per_second >> exponent
    head = pack(">BBH", len(ssrcs), exponent << 2 | mantissa >> 16, mantissa & 0xFFFF)
    body = pack(">II", reporter, 0) + b"REMB" + head + pack(f">{len(ssrcs)}I", *ssrcs)
    return _packet(PAYLOAD_FEEDBACK, APPLICATION, body)


def wide_feedback(reporter: int, ssrc: int, body: bytes) -> bytes:
    """Wrap transport-wide feedback, padded to a multiple of four octets with the padding flag."""
    missing = -len(body) % 4
    body = pack(">II", reporter, ssrc) + body
    if not missing:
        return _packet(TRANSPORT_FEEDBACK, WIDE_FEEDBACK, body)
    body += bytes(missing - 1) + bytes((missing,))
    return _packet(TRANSPORT_FEEDBACK, 0x20 | WIDE_FEEDBACK, body)
