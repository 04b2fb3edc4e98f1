"""
RTP as octets in a buffer: find the fields that a forwarder changes, and change them where they stand.

RFC 3550 (header), RFC 8285 (one-byte header extensions), RFC 4588 (retransmission), RFC 7741 (VP8),
RFC 6184 (H.264). Sizes never change: an extension the receiver did not negotiate becomes padding.
"""

from struct import Struct
from typing import Final

HEADER: Final = Struct(">BBHII")
HEADER_OCTETS: Final = 12
_PAIR: Final = Struct(">HH")
_WORD: Final = Struct(">H")
ONE_BYTE_EXTENSIONS: Final = 0xBEDE


class Packet:
    """The packet now in a buffer: where its parts are. One instance is used again for every packet."""

    __slots__ = (
        "codec",
        "extensions_end",
        "extensions_start",
        "index",
        "length",
        "marker",
        "mid_length",
        "mid_position",
        "payload_end",
        "payload_start",
        "payload_type",
        "sequence",
        "ssrc",
        "timestamp",
        "wide_position",
    )

    def __init__(self) -> None:
        self.length = self.payload_start = self.payload_end = 0
        self.extensions_start = self.extensions_end = 0
        self.payload_type = self.sequence = self.timestamp = self.ssrc = 0
        self.marker = False
        self.index = 0
        """The sequence number counted on past 65535, set by the source it belongs to."""
        self.codec = ""
        self.wide_position = self.mid_position = self.mid_length = 0
        """Where the transport-wide sequence number and the mid stand; 0 when there is none."""

    def parse(self, octets: bytearray, length: int) -> bool:
        """Read the header of the RTP packet in ``octets[:length]``; False if it is malformed."""
        if length < HEADER_OCTETS:
            return False
        first, second, self.sequence, self.timestamp, self.ssrc = HEADER.unpack_from(octets)
        position = HEADER_OCTETS + 4 * (first & 0x0F)
        self.extensions_start = self.extensions_end = 0
        self.wide_position = self.mid_position = 0
        if first & 0x10:
            if position + 4 > length:
                return False
            profile, words = _PAIR.unpack_from(octets, position)
            position += 4
            if profile == ONE_BYTE_EXTENSIONS:
                self.extensions_start, self.extensions_end = position, position + 4 * words
            position += 4 * words
        end = length - octets[length - 1] if first & 0x20 else length
        if position > length or end < position:
            return False
        self.length = length
        self.payload_start = position
        self.payload_end = end
        self.marker = second > 127
        self.payload_type = second & 0x7F
        return True

    def locate(self, octets: bytearray, wide_id: int, mid_id: int) -> bool:
        """Find the two extensions with a value of our own, by the sender's ids; False if malformed."""
        position, end = self.extensions_start, self.extensions_end
        while position < end:
            head = octets[position]
            if not head:
                position += 1
                continue
            size = (head & 0x0F) + 1
            position += 1
            if position + size > end:
                return False
            identifier = head >> 4
            if identifier == wide_id and size == 2:
                self.wide_position = position
            elif identifier == mid_id:
                self.mid_position, self.mid_length = position, size
            position += size
        return True

    def wide_sequence(self, octets: bytearray) -> int:
        """Return the transport-wide sequence number; only valid when ``wide_position`` is set."""
        return int(_WORD.unpack_from(octets, self.wide_position)[0])


def rename_extensions(octets: bytearray, packet: Packet, names: tuple[int, ...]) -> None:
    """Give each extension the id ``names[old id]``; where that is 0 the extension becomes padding."""
    position, end = packet.extensions_start, packet.extensions_end
    while position < end:
        head = octets[position]
        if not head:
            position += 1
            continue
        size = (head & 0x0F) + 2
        new = names[head >> 4]
        if new:
            octets[position] = new << 4 | head & 0x0F
        else:
            octets[position : position + size] = bytes(size)
        position += size


def find_extension(octets: bytearray, packet: Packet, identifier: int) -> int | None:
    """Return the first octet of the extension with this id, ``None`` where the packet has none."""
    position, end = packet.extensions_start, packet.extensions_end
    while position < end:
        head = octets[position]
        if not head:
            position += 1
            continue
        if head >> 4 == identifier:
            return octets[position + 1]
        position += (head & 0x0F) + 2
    return None


def write_wide_sequence(octets: bytearray, position: int, value: int) -> None:
    """Write a transport-wide sequence number where :meth:`Packet.locate` found one."""
    _WORD.pack_into(octets, position, value)


def wrap_retransmission(packet: bytes, *, payload_type: int, sequence: int, ssrc: int) -> bytes:
    """Return ``packet`` as an RFC 4588 retransmission with its own payload type, number and SSRC."""
    first, second, original, timestamp, _ = HEADER.unpack_from(packet)
    start = payload_offset(packet)
    header = HEADER.pack(first, second & 0x80 | payload_type, sequence, timestamp, ssrc)
    return header + packet[HEADER_OCTETS:start] + _WORD.pack(original) + packet[start:]


def unwrap_retransmission(octets: bytearray, packet: Packet, *, payload_type: int, ssrc: int) -> int:
    """
    Turn the retransmission in ``octets`` back into the original and return the new length.

    0 means that nothing was in it (a bandwidth probe).
    """
    start = packet.payload_start
    if packet.payload_end - start <= 2:
        return 0
    original = _WORD.unpack_from(octets, start)[0]
    length = packet.length - 2
    octets[start:length] = octets[start + 2 : packet.length]
    octets[1] = octets[1] & 0x80 | payload_type
    HEADER.pack_into(octets, 0, octets[0], octets[1], original, packet.timestamp, ssrc)
    return length


def payload_offset(packet: bytes) -> int:
    """Return where the payload of a well-formed RTP packet starts."""
    position = HEADER_OCTETS + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10:
        position += 4 + 4 * int(_WORD.unpack_from(packet, position + 2)[0])
    return position


def starts_keyframe(codec: str, octets: bytearray, start: int, end: int) -> bool:
    """Tell whether the payload ``octets[start:end]`` is where a decoder can begin."""
    if codec == "VP8":
        return _vp8_keyframe(octets, start, end)
    if codec == "H264":
        return _h264_keyframe(octets, start, end)
    return False


def _vp8_keyframe(octets: bytearray, start: int, end: int) -> bool:
    """RFC 7741 §4.2: the first partition's first packet (S=1, PID=0) with the inverse key flag clear."""
    if end - start < 2 or octets[start] & 0x1F != 0x10:
        return False
    position = start + 1
    if octets[start] & 0x80:
        flags = octets[position]
        position += 1
        if flags & 0x80:
            position += 2 if position < end and octets[position] & 0x80 else 1
        position += (1 if flags & 0x40 else 0) + (1 if flags & 0x30 else 0)
    return position < end and not octets[position] & 0x01


_H264_STARTS: Final = frozenset({5, 7})  # IDR slice, sequence parameter set


def _h264_keyframe(octets: bytearray, start: int, end: int) -> bool:
    """RFC 6184 §5.2: an IDR slice or parameter set, alone, aggregated (24) or as first fragment (28)."""
    if end - start < 2:
        return False
    kind = octets[start] & 0x1F
    if kind == 24:
        return end - start > 3 and octets[start + 3] & 0x1F in _H264_STARTS
    if kind == 28:
        return bool(octets[start + 1] & 0x80) and octets[start + 1] & 0x1F in _H264_STARTS
    return kind in _H264_STARTS
