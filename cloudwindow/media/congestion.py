"""
Transport-wide congestion feedback, translated so that a sender sees the whole path.

The receiver reports on *our* numbering of what we sent it. Each report is turned into one on the
*sender's* numbering: packets we passed on get the receiver's verdict, its clock moved onto ours; packets
that end here (probes, repairs, pictures held back until a keyframe) get the time they reached us.
Format: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1. Times are microseconds of our clock.
"""

from collections.abc import Callable
from struct import pack, unpack_from
from typing import Final, Protocol

SIZE: Final = 4096
MASK: Final = SIZE - 1
TICK_US: Final = 250
REFERENCE_US: Final = 64_000
PATIENCE_US: Final = 500_000
"""How long a verdict of the receiver is waited for before the packet is left out of the reports; not at all
once a later packet has been judged: then the verdict itself was lost."""
MAX_REPORTED: Final = 210
SKEW_WINDOW_US: Final = 30_000_000

_ARRIVED, _PASSED_ON, _LOST = 1, 2, 3


class Receiver(Protocol):
    """Whoever gets what a sender sends; compared by identity only."""


class Upstream:
    """What one sender has sent us, in the sender's numbering."""

    def __init__(self, emit: Callable[[bytes], None]) -> None:
        self.leader: Receiver | None = None
        """The receiver whose verdicts count: the weakest one."""
        self._emit = emit
        self._numbers = [-1] * SIZE
        self._times = [0] * SIZE
        self._marks = [0] * SIZE
        self._top = -1
        self._judged = -1
        self._next = -1
        self._count = 0
        self.flushed_at = 0

    def arrived(self, number: int, now: int) -> int:
        """Note packet ``number`` (16 bits) and return its index, counted on past 65535."""
        top = self._top
        if top < 0:
            index = top = self._next = number + 0x10000
            self.flushed_at = now
        else:
            distance = (number - top) & 0xFFFF
            index = top + distance if distance < 0x8000 else top + distance - 0x10000
        if index >= top:
            self._top = index
        place = index & MASK
        self._numbers[place] = index
        self._times[place] = now
        self._marks[place] = _ARRIVED
        return index

    def passed_on(self, index: int) -> None:
        """The packet went to the leader: its verdict decides."""
        if self._numbers[index & MASK] == index:
            self._marks[index & MASK] = _PASSED_ON

    def judged(self, index: int, arrived_at: int | None) -> None:
        """The leader got the packet at ``arrived_at``, or (``None``) did not."""
        place = index & MASK
        if self._numbers[place] != index or self._marks[place] != _PASSED_ON:
            return
        self._judged = max(self._judged, index)
        self._marks[place] = _LOST if arrived_at is None else _ARRIVED
        if arrived_at is not None:
            self._times[place] = arrived_at

    def flush(self, now: int) -> None:
        """Report to the sender everything that is decided, in as many reports as it takes."""
        self.flushed_at = now
        self._next = max(self._next, self._top - SIZE // 2)
        group: list[int | None] = []
        start = index = self._next
        while index <= self._top:
            place = index & MASK
            known = self._numbers[place] == index
            if known and self._marks[place] == _PASSED_ON:
                if index > self._judged and now - self._times[place] < PATIENCE_US:
                    break
                self._report(start, group)
                group, start = [], index + 1
            else:
                group.append(self._times[place] if known and self._marks[place] == _ARRIVED else None)
            index += 1
            if len(group) >= MAX_REPORTED:
                self._report(start, group)
                group, start = [], index
        self._report(start, group)
        self._next = index

    def _report(self, start: int, group: list[int | None]) -> None:
        if any(time is not None for time in group):
            self._emit(wide_body(start, group, self._count))
            self._count = (self._count + 1) & 0xFF


def wide_body(start: int, times: list[int | None], count: int) -> bytes:
    """Write the body of one feedback packet on ``times`` of packets ``start``, ``start + 1``, …"""
    first = next(time for time in times if time is not None)
    reference = max(0, first // REFERENCE_US - 1)
    clock = reference * REFERENCE_US // TICK_US
    symbols: list[int] = []
    deltas: list[bytes] = []
    for time in times:
        if time is None:
            symbols.append(0)
            continue
        delta = max(-32768, min(32767, time // TICK_US - clock))
        clock += delta
        small = 0 <= delta <= 255
        symbols.append(1 if small else 2)
        deltas.append(pack(">B" if small else ">h", delta))
    head = pack(">HHI", start & 0xFFFF, len(times), (reference & 0xFFFFFF) << 8 | count)
    return head + _chunks(symbols) + b"".join(deltas)


def _chunks(symbols: list[int]) -> bytes:
    """Status vectors of seven two-bit symbols each."""
    written = bytearray()
    for start in range(0, len(symbols), 7):
        chunk = 3
        for symbol in (symbols[start : start + 7] + [0] * 7)[:7]:
            chunk = chunk << 2 | symbol
        written += pack(">H", chunk)
    return bytes(written)


def read_wide(body: bytes) -> list[tuple[int, int | None]]:
    """Return (number, receiver's time or ``None``) per packet of a feedback body; [] if malformed."""
    if len(body) < 10:
        return []
    base, count, reference = unpack_from(">HHI", body)
    symbols: list[int] = []
    position = 8
    while len(symbols) < count:
        if position + 2 > len(body):
            return []
        symbols += _symbols(int(unpack_from(">H", body, position)[0]), count - len(symbols))
        position += 2
    return _timed(body, position, base, symbols[:count], (reference >> 8) * REFERENCE_US)


def _symbols(chunk: int, wanted: int) -> list[int]:
    if not chunk & 0x8000:
        return [chunk >> 13 & 3] * min(chunk & 0x1FFF, wanted) if chunk & 0x1FFF else [0] * wanted
    if not chunk & 0x4000:
        return [chunk >> place & 1 for place in range(13, -1, -1)]
    return [chunk >> place & 3 for place in range(12, -1, -2)]


def _timed(
    body: bytes, position: int, base: int, symbols: list[int], clock: int
) -> list[tuple[int, int | None]]:
    verdicts: list[tuple[int, int | None]] = []
    for place, symbol in enumerate(symbols):
        arrived: int | None = None
        if symbol in (1, 2):
            if position + symbol > len(body):
                return []
            form = ">B" if symbol == 1 else ">h"
            clock += int(unpack_from(form, body, position)[0]) * TICK_US
            position += symbol
            arrived = clock
        verdicts.append(((base + place) & 0xFFFF, arrived))
    return verdicts


class Downstream:
    """What we have sent one receiver, in our numbering, and whose packet each was."""

    def __init__(self) -> None:
        self.loss = 0.0
        """Share of packets lost lately, for choosing the weakest receiver."""
        self._number = 0
        self._owners: list[Upstream | None] = [None] * SIZE
        self._indexes = [0] * SIZE
        self._sent = [0] * SIZE
        self._skew: int | None = None
        self._next_skew: int | None = None
        self._skew_since = 0

    def number(self, owner: Upstream | None, index: int, now: int) -> int:
        """Number an outgoing packet that came as ``index`` of ``owner`` (``None``: our own repair)."""
        number = self._number
        self._number = (number + 1) & 0xFFFF
        place = number & MASK
        self._owners[place] = owner
        self._indexes[place] = index
        self._sent[place] = now
        return number

    def judge(self, receiver: Receiver, body: bytes, now: int) -> set[Upstream]:
        """Hand the verdicts of ``receiver`` to the senders they concern, and return these."""
        touched: set[Upstream] = set()
        lost = 0
        verdicts = read_wide(body)
        for number, arrived in verdicts:
            if ((self._number - number) & 0xFFFF) > SIZE:
                continue
            place = number & MASK
            moved = None if arrived is None else self._on_our_clock(arrived, self._sent[place], now)
            lost += arrived is None
            owner = self._owners[place]
            if owner is not None and owner.leader is receiver:
                owner.judged(self._indexes[place], moved)
                touched.add(owner)
        if verdicts:
            self.loss += 0.1 * (lost / len(verdicts) - self.loss)
        return touched

    def _on_our_clock(self, arrived: int, sent: int, now: int) -> int:
        """Take the smallest difference seen in the last 30 to 60 s as the difference of the clocks."""
        skew = arrived - sent
        known = self._skew
        if known is None or skew < known or skew - known > 10_000_000:
            self._skew = known = skew
        if self._next_skew is None or skew < self._next_skew:
            self._next_skew = skew
        if now - self._skew_since > SKEW_WINDOW_US:
            self._skew, self._next_skew, self._skew_since = self._next_skew, None, now
        return arrived - known
