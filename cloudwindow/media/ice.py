"""
ICE-lite (RFC 8445 §2.5): answer authenticated STUN checks, and send nothing to anybody else.

An address counts only once a check with a valid MESSAGE-INTEGRITY came from it.
"""

import struct
from collections.abc import Callable
from typing import Final, Protocol

from aioice import stun

from cloudwindow.domain.ids import word
from cloudwindow.media.answer import Credentials

Address = tuple[str, int] | tuple[str, int, int, int]

SMALLEST_CHECK: Final = 20 + 24
"""Octets of a STUN header and a MESSAGE-INTEGRITY attribute."""
MAX_ADDRESSES: Final = 16
"""Validated addresses remembered per member; the oldest is forgotten first."""
_BINDING_REQUEST: Final = b"\x00\x01"
_USERNAME: Final = 0x0006
_COOKIE: Final = b"\x21\x12\xa4\x42"


class Checked(Protocol):
    """What the checks of one member are told to."""

    def on_check(self, fragment: str, address: Address, *, nominated: bool) -> bool:
        """Note a valid check from ``address``; False if that address is somebody else's."""


class CheckList:
    """Every member's credentials by our user fragment."""

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._expected: dict[bytes, tuple[bytes, bytes, Checked]] = {}

    def invite(self, remote_fragment: str, member: Checked) -> Credentials:
        """Make new credentials under which ``member`` may send checks."""
        mine = Credentials(fragment=word(self._random(8)), password=word(self._random(20)))
        self._expected[mine.fragment.encode()] = (mine.password.encode(), remote_fragment.encode(), member)
        return mine

    def forget(self, fragment: str) -> None:
        """Refuse the credentials under ``fragment`` from now on."""
        self._expected.pop(fragment.encode(), None)

    def answer(self, datagram: bytes, address: Address) -> bytes | None:
        """Check one datagram from anywhere; return the response to send, or ``None`` to stay silent."""
        if len(datagram) < SMALLEST_CHECK or datagram[:2] != _BINDING_REQUEST or datagram[4:8] != _COOKIE:
            return None
        mine, _, theirs = _username(datagram).partition(b":")
        password, remote, member = self._expected.get(mine, (b"", b"", None))
        if member is None or remote != theirs:
            return None
        try:
            request = stun.parse_message(datagram)
        except (ValueError, IndexError, struct.error):
            return None
        if not request.check_message_integrity(password):
            return None
        if not member.on_check(mine.decode(), address, nominated="USE-CANDIDATE" in request.attributes):
            return None
        return _response(request, address, password)


def _username(datagram: bytes) -> bytes:
    """Find the USERNAME without reading the rest: strangers must cost next to nothing."""
    position = 20
    while position + 4 <= len(datagram):
        kind, size = struct.unpack_from(">HH", datagram, position)
        if kind == _USERNAME:
            return datagram[position + 4 : position + 4 + size]
        position += 4 + size + -size % 4
    return b""


def _response(request: stun.Message, address: Address, password: bytes) -> bytes:
    response = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.RESPONSE,
        transaction_id=request.transaction_id,
        attributes={"XOR-MAPPED-ADDRESS": (_plain(str(address[0])), address[1])},
    )
    response.add_message_integrity(password)
    return bytes(response)


def _plain(host: str) -> str:
    """Name an IPv4 sender by its own address where one socket hears both families (RFC 4291 §2.5.5.2)."""
    return host.removeprefix("::ffff:") if "." in host else host
