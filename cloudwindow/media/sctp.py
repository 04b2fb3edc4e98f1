"""
The receiving end of one data channel over DTLS: SCTP (RFC 9260), as far as a browser that sends files needs.

Pure: datagrams in, datagrams out, time handed in. What may wait is bounded by ``WINDOW`` fragments and
``MAX_MESSAGE_OCTETS``; whatever a datagram holds costs a walk over its chunks and no more. We never open the
association, never shut it down, and send short texts only. Unknown chunks, streams and protocols are ignored.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final

from google_crc32c import value as crc32c

SCTP_PORT: Final = 5000
WINDOW: Final = 256
"""Fragments ahead of the first missing one that are kept; a browser's are at most 1,200 octets."""
MAX_DATAGRAM_OCTETS: Final = 1500
MAX_MESSAGE_OCTETS: Final = 64 * 1024
MAX_TEXT_OCTETS: Final = 1024
MAX_CHUNKS: Final = 32
MAX_UNHEARD: Final = 32
"""Texts of ours that may wait for their acknowledgement; who never acknowledges is cut off."""
REPEAT_SECONDS: Final = 1.0
MAX_REPEATS: Final = 8
MAX_GAPS: Final = 16

_DATA, _INIT, _INIT_ACK, _SACK, _HEARTBEAT, _HEARTBEAT_ACK, _ABORT, _SHUTDOWN, _SHUTDOWN_ACK = range(9)
_COOKIE_ECHO, _COOKIE_ACK = 10, 11
_LAST, _FIRST = 0x01, 0x02
_COOKIE_PARAMETER: Final = 7
_STREAMS: Final = 16
_CONTROL, _TEXT, _BINARY = 50, 51, 53
"""RFC 8831 §8: payload protocols."""
_OPEN, _OPENED = 3, b"\x02"
"""RFC 8832 §8.2.1: words of the channel's own protocol."""

_HEAD: Final = Struct(">HHII")
_CHUNK: Final = Struct(">BBH")
_DATA_HEAD: Final = Struct(">IHHI")
_INIT_BODY: Final = Struct(">IIHHI")
_SACK_HEAD: Final = Struct(">IIHH")
_OPEN_HEAD: Final = Struct(">BBHIHH")
_WORD: Final = Struct(">I")
_SUM: Final = Struct("<I")


@dataclass(frozen=True, slots=True)
class _Peer:
    """What the browser said of itself when it opened the association."""

    tag: int
    first: int


class Association:
    """
    One browser's association and, in it, the one channel named ``label``.

    ``opened`` is called when the channel is there; ``heard`` gets each of its messages, a text or octets.
    """

    def __init__(
        self,
        label: str,
        *,
        send: Callable[[bytes], None],
        opened: Callable[[], None],
        heard: Callable[[str | bytes], None],
        random: Callable[[int], bytes],
        port: int = SCTP_PORT,
    ) -> None:
        self.ended = False
        """Nothing is taken or sent any more; the call goes on without the channel."""
        self.refused = 0
        self._label, self._port = label, port
        self._send, self._opened, self._heard = send, opened, heard
        self._tag = _word(random(4)) | 1
        self._cookie = random(16)
        self._asked: _Peer | None = None
        self._peer: _Peer | None = None
        self._remote_port = port
        self._received = 0
        self._held: dict[int, tuple[int, int, int, bytes]] = {}
        self._message = bytearray()
        self._within = False
        self._stream: int | None = None
        self._owed = 0
        self._number = _word(random(4))
        self._sequence = 0
        self._unheard: deque[tuple[int, bytes]] = deque()
        self._repeats = 0
        self._heard_at: float | None = None

    # --- in -----------------------------------------------------------------------------------------

    def deliver(self, datagram: bytes) -> None:
        """Take a datagram of the browser's; what is malformed is dropped."""
        if self.ended or not self._is_sound(datagram):
            self.refused += 1
            return
        self._remote_port, _, tag, _ = _HEAD.unpack_from(datagram)
        for count, (kind, flags, body) in enumerate(_chunks(datagram)):
            if self.ended or count >= MAX_CHUNKS:
                return
            if kind == _INIT:
                if tag == 0 and count == 0:
                    self._on_init(body)
                return
            if tag != self._tag:
                self.refused += 1
                return
            self._take(kind, flags, body)
        if self._owed > 1 or self._held:
            self._acknowledge()

    def _is_sound(self, datagram: bytes) -> bool:
        if not _HEAD.size + _CHUNK.size <= len(datagram) <= MAX_DATAGRAM_OCTETS:
            return False
        unsigned = datagram[:8] + bytes(4) + datagram[12:]
        return bool(_SUM.unpack_from(datagram, 8)[0] == crc32c(unsigned))

    def _take(self, kind: int, flags: int, body: bytes) -> None:
        if kind == _COOKIE_ECHO:
            self._on_cookie(body)
        elif kind == _ABORT:
            self.ended = True
        elif self._peer is None:
            return
        elif kind == _DATA and len(body) > _DATA_HEAD.size:
            self._on_data(flags, body)
        elif kind == _SACK and len(body) >= _SACK_HEAD.size:
            self._on_sack(_word(body))
        elif kind == _HEARTBEAT:
            self._reply(_HEARTBEAT_ACK, body)
        elif kind == _SHUTDOWN:
            self._reply(_SHUTDOWN_ACK, b"")
            self.ended = True

    def _on_init(self, body: bytes) -> None:
        if len(body) < _INIT_BODY.size:
            return
        tag, _, _, _, first = _INIT_BODY.unpack_from(body)
        if tag == 0:
            return
        self._asked = _Peer(tag, first)
        mine = _INIT_BODY.pack(self._tag, self._room(), _STREAMS, _STREAMS, self._number)
        cookie = _CHUNK.pack(0, _COOKIE_PARAMETER, 4 + len(self._cookie)) + self._cookie
        self._reply(_INIT_ACK, mine + cookie, tag=tag)

    def _on_cookie(self, body: bytes) -> None:
        if self._asked is None or body != self._cookie:
            return
        if self._peer is None:
            self._peer = self._asked
            self._received = (self._peer.first - 1) & 0xFFFFFFFF
        if self._peer == self._asked:
            self._reply(_COOKIE_ACK, b"")

    def _on_data(self, flags: int, body: bytes) -> None:
        number, stream, _, protocol = _DATA_HEAD.unpack_from(body)
        ahead = (number - self._received) & 0xFFFFFFFF
        self._owed += 1
        if ahead == 0 or ahead > WINDOW or number in self._held:
            self._owed += 1  # sent again: tell at once what has come
            return
        self._held[number] = (flags, stream, protocol, body[_DATA_HEAD.size :])
        while not self.ended:
            fragment = self._held.pop((self._received + 1) & 0xFFFFFFFF, None)
            if fragment is None:
                return
            self._received = (self._received + 1) & 0xFFFFFFFF
            self._join(*fragment)

    def _join(self, flags: int, stream: int, protocol: int, payload: bytes) -> None:
        """Fragments of a message have consecutive numbers (RFC 9260 §6.9)."""
        if flags & _FIRST:
            self._message.clear()
            self._within = True
        if not self._within:
            return
        self._message += payload
        if len(self._message) > MAX_MESSAGE_OCTETS:
            self.end()
        elif flags & _LAST:
            self._within = False
            message = bytes(self._message)
            self._message.clear()
            self._on_message(stream, protocol, message)

    def _on_message(self, stream: int, protocol: int, message: bytes) -> None:
        if protocol == _CONTROL:
            if self._stream is None and self._label_of(message) == self._label:
                self._stream = stream
                self._put(_CONTROL, _OPENED)
                self._opened()
        elif stream != self._stream:
            return
        elif protocol == _BINARY:
            self._heard(message)
        elif protocol == _TEXT:
            self._heard(message.decode(errors="replace"))

    @staticmethod
    def _label_of(message: bytes) -> str | None:
        if len(message) < _OPEN_HEAD.size or message[0] != _OPEN:
            return None
        length = _OPEN_HEAD.unpack_from(message)[4]
        return message[_OPEN_HEAD.size :][:length].decode(errors="replace")

    def _on_sack(self, number: int) -> None:
        while self._unheard and (number - self._unheard[0][0]) & 0xFFFFFFFF < 0x80000000:
            self._unheard.popleft()
            self._repeats, self._heard_at = 0, None

    # --- out ----------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Send a short text on the channel, once it is open. Raises ValueError if it is too long."""
        payload = text.encode()
        if len(payload) > MAX_TEXT_OCTETS:
            raise ValueError("too long for a text")
        if self._stream is not None and not self.ended:
            self._put(_TEXT, payload)

    def _put(self, protocol: int, payload: bytes) -> None:
        if len(self._unheard) >= MAX_UNHEARD:
            self.end()
            return
        head = _DATA_HEAD.pack(self._number, self._stream or 0, self._sequence, protocol)
        self._unheard.append((self._number, head + payload))
        self._number = (self._number + 1) & 0xFFFFFFFF
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._reply(_DATA, head + payload, flags=_FIRST | _LAST)

    def tick(self, now: float) -> None:
        """Acknowledge what is owed and repeat what was not heard; about ten times a second."""
        if self.ended or self._peer is None:
            return
        if self._owed:
            self._acknowledge()
        if not self._unheard:
            return
        if self._heard_at is None:
            self._heard_at = now
        elif now - self._heard_at > REPEAT_SECONDS * 2 ** min(self._repeats, 3):
            self._heard_at, self._repeats = now, self._repeats + 1
            if self._repeats > MAX_REPEATS:
                self.end()
                return
            self._reply(_DATA, self._unheard[0][1], flags=_FIRST | _LAST)

    def end(self) -> None:
        """Give the association up and say so."""
        if not self.ended and self._peer is not None:
            self._reply(_ABORT, b"")
        self.ended = True
        self._held.clear()
        self._unheard.clear()
        self._message = bytearray()

    def _acknowledge(self) -> None:
        self._owed = 0
        gaps = list(_runs(sorted((number - self._received) & 0xFFFFFFFF for number in self._held)))[:MAX_GAPS]
        told = b"".join(Struct(">HH").pack(first, last) for first, last in gaps)
        self._reply(_SACK, _SACK_HEAD.pack(self._received, self._room(), len(gaps), 0) + told)

    def _room(self) -> int:
        return WINDOW * 1200 - sum(len(payload) for _, _, _, payload in self._held.values())

    def _reply(self, kind: int, body: bytes, *, flags: int = 0, tag: int | None = None) -> None:
        to = tag if tag is not None else self._peer.tag if self._peer is not None else 0
        chunk = _CHUNK.pack(kind, flags, _CHUNK.size + len(body)) + body + bytes(-len(body) % 4)
        head = _HEAD.pack(self._port, self._remote_port, to, 0)
        self._send(head[:8] + _SUM.pack(crc32c(head + chunk)) + chunk)


def _word(octets: bytes) -> int:
    return int(_WORD.unpack_from(octets)[0])


def _chunks(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    place = _HEAD.size
    while place + _CHUNK.size <= len(datagram):
        kind, flags, length = _CHUNK.unpack_from(datagram, place)
        if length < _CHUNK.size or place + length > len(datagram):
            return
        yield kind, flags, datagram[place + _CHUNK.size : place + length]
        place += length + -length % 4


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Pairs of first and last of the runs in ascending ``numbers``."""
    start = last = None
    for number in numbers:
        if last is None or start is None:
            start = number
        elif number != last + 1:
            yield start, last
            start = number
        last = number
    if start is not None and last is not None:
        yield start, last
