"""
SRTP in place on one reusable buffer.

``pylibsrtp.Session`` copies every packet twice; the library below it works in place. This is the only
file that reaches under the public path; a test holds both paths to the same bytes.
"""

from typing import Any, Final, Protocol

from pylibsrtp import Session
from pylibsrtp._binding import ffi, lib

BUFFER_OCTETS: Final = 2048
MAX_PACKET_OCTETS: Final = 1700
"""Longest packet handled; leaves room behind it for the tag that ``protect`` appends."""

_protect: Final = lib.srtp_protect
_unprotect: Final = lib.srtp_unprotect


class PacketBuffer:
    """A fixed piece of memory that Python and libsrtp both write to."""

    __slots__ = ("octets", "pointer", "view")

    def __init__(self) -> None:
        self.octets = bytearray(BUFFER_OCTETS)
        self.view = memoryview(self.octets)
        self.pointer = ffi.from_buffer("char[]", self.octets)

    def load(self, packet: bytes) -> int:
        """Copy ``packet`` to the start and return its length in octets."""
        length = len(packet)
        self.octets[:length] = packet
        return length


class Cipher(Protocol):
    """One direction's keys. Each call returns the new length, or -1 when the packet is refused."""

    def unprotect(self, buffer: PacketBuffer, length: int) -> int: ...
    def unprotect_rtcp(self, buffer: PacketBuffer, length: int) -> int: ...
    def protect(self, buffer: PacketBuffer, length: int) -> int: ...
    def protect_rtcp(self, buffer: PacketBuffer, length: int) -> int: ...


class InPlaceCipher:
    """The keys of ``session`` applied in place."""

    __slots__ = ("_length", "_session", "_srtp")

    def __init__(self, session: Session) -> None:
        self._session = session  # keeps the native state alive
        self._srtp: Any = session._srtp[0]
        self._length = ffi.new("int *")

    def unprotect(self, buffer: PacketBuffer, length: int) -> int:
        """Check and decrypt an SRTP packet; -1 for forged, replayed or malformed."""
        cell = self._length
        cell[0] = length
        if length > MAX_PACKET_OCTETS or _unprotect(self._srtp, buffer.pointer, cell):
            return -1
        return cell[0]  # type: ignore[no-any-return]

    def protect(self, buffer: PacketBuffer, length: int) -> int:
        """Encrypt the RTP packet and append its tag."""
        cell = self._length
        cell[0] = length
        if length > MAX_PACKET_OCTETS or _protect(self._srtp, buffer.pointer, cell):
            return -1
        return cell[0]  # type: ignore[no-any-return]

    def unprotect_rtcp(self, buffer: PacketBuffer, length: int) -> int:
        """Check and decrypt an SRTCP packet; -1 for forged, replayed or malformed."""
        return self._apply(lib.srtp_unprotect_rtcp, buffer, length)

    def protect_rtcp(self, buffer: PacketBuffer, length: int) -> int:
        """Encrypt the RTCP packet and append index and tag."""
        return self._apply(lib.srtp_protect_rtcp, buffer, length)

    def _apply(self, function: Any, buffer: PacketBuffer, length: int) -> int:
        cell = self._length
        cell[0] = length
        if length > MAX_PACKET_OCTETS or function(self._srtp, buffer.pointer, cell):
            return -1
        return int(cell[0])
