"""One member's m-lines: which sources and sinks they stand for, and what we answer on each."""

from collections.abc import Callable

from cloudwindow.media.answer import AnsweredLine
from cloudwindow.media.congestion import Upstream
from cloudwindow.media.rights import Rights
from cloudwindow.media.rtp import Packet
from cloudwindow.media.sdp import MID, WIDE_SEQUENCE, OfferedLine
from cloudwindow.media.tracks import Sink, Source, Wire


class Lines:
    """Sources and sinks of one member by mid and by SSRC."""

    def __init__(
        self, wire: Wire, rights: Rights, upstream: Upstream, random_word: Callable[[], int]
    ) -> None:
        self.sources: dict[str, Source] = {}
        self.sinks: dict[str, Sink] = {}
        self.sources_by_ssrc: dict[int, Source] = {}
        self.sinks_by_ssrc: dict[int, Sink] = {}
        self.takes_data = False
        self.wide_id = self.mid_id = 0
        """Ids of the two extensions we read; within a bundle they are the same on all lines."""
        self._wire, self._rights, self._upstream, self._random_word = wire, rights, upstream, random_word

    def apply(self, lines: tuple[OfferedLine, ...], now: float) -> list[AnsweredLine]:
        """Take over the lines of an offer or re-offer and say what we answer on each."""
        for line in lines:
            extensions = dict(line.extensions)
            self.wide_id = extensions.get(WIDE_SEQUENCE, 0) or self.wide_id
            self.mid_id = extensions.get(MID, 0) or self.mid_id
        return [self._answer(line, now) for line in lines]

    def drop_all(self, now: float) -> None:
        """Stop following and being followed."""
        for mid in list(self.sources):
            self._drop_source(mid, now)
        for mid in list(self.sinks):
            self._drop_sink(mid, now)

    def learn(self, packet: Packet, octets: bytearray) -> Source | None:
        """Assign an SSRC the offer did not name, by its mid or else its payload type; once per line."""
        start, end = packet.mid_position, packet.mid_position + packet.mid_length
        mid = bytes(octets[start:end]) if start else b""
        for source in self.sources.values():
            if mid and source.mid.encode() != mid:
                continue
            if packet.payload_type in source.codecs and source.ssrc is None:
                source.ssrc = packet.ssrc
            elif packet.payload_type in source.repairs and source.repair_ssrc is None:
                source.repair_ssrc = packet.ssrc
            else:
                continue
            self.sources_by_ssrc[packet.ssrc] = source
            return source
        return None

    def _answer(self, line: OfferedLine, now: float) -> AnsweredLine:
        if line.kind == "data":
            self.takes_data = self.takes_data or self._rights.stills
            return AnsweredLine(offered=line, takes_data=self._rights.stills)
        receives = line.usable and line.sends and line.kind in self._rights.sends
        if receives:
            self._expect(line)
        else:
            self._drop_source(line.mid, now)
        if not (line.usable and line.receives):
            self._drop_sink(line.mid, now)
            return AnsweredLine(offered=line, receives=receives)
        sink = self._sink(line)
        repaired = any(codec.repair is not None for codec in line.codecs)
        place = [mid for mid, other in self.sinks.items() if other.kind == line.kind].index(line.mid)
        return AnsweredLine(
            offered=line,
            receives=receives,
            ssrc=sink.ssrc,
            repair_ssrc=sink.repair_ssrc if repaired else None,
            stream=f"slot-{place}",
        )

    def _expect(self, line: OfferedLine) -> None:
        known = self.sources.get(line.mid)
        if known is not None:
            known.renew(line)
            return
        upstream = self._upstream if WIDE_SEQUENCE in dict(line.extensions) else None
        source = self.sources[line.mid] = Source(self._wire, line, upstream)
        for ssrc in (line.ssrc, line.repair_ssrc):
            if ssrc is not None:
                self.sources_by_ssrc[ssrc] = source

    def _sink(self, line: OfferedLine) -> Sink:
        known = self.sinks.get(line.mid)
        if known is not None:
            known.renew(line)
            return known
        word = self._random_word
        sink = Sink(self._wire, line, ssrc=word(), repair_ssrc=word(), first=word() & 0x3FFF | 1)
        self.sinks[line.mid] = self.sinks_by_ssrc[sink.ssrc] = sink
        return sink

    def _drop_source(self, mid: str, now: float) -> None:
        source = self.sources.pop(mid, None)
        if source is None:
            return
        for sink in list(source.sinks):
            sink.follow(None, now)
        for ssrc in [ssrc for ssrc, known in self.sources_by_ssrc.items() if known is source]:
            del self.sources_by_ssrc[ssrc]

    def _drop_sink(self, mid: str, now: float) -> None:
        sink = self.sinks.pop(mid, None)
        if sink is not None:
            sink.follow(None, now)
            self.sinks_by_ssrc.pop(sink.ssrc, None)
