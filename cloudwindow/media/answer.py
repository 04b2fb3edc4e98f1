"""Write the SDP answer: ICE-lite, one advertised address per host, DTLS passive, everything bundled."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cloudwindow.media.sctp import MAX_MESSAGE_OCTETS, SCTP_PORT
from cloudwindow.media.sdp import OfferedCodec, OfferedLine

VIDEO_LIMIT_BITS = 2_500_000
"""What we ask a browser not to exceed per video line (RFC 3890 ``TIAS``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """ICE user fragment and password of one side."""

    fragment: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredLine:
    """Our side of one m-line; ``ssrc`` and ``stream`` are set when we send on it."""

    offered: OfferedLine
    receives: bool = False
    takes_data: bool = False
    ssrc: int | None = None
    repair_ssrc: int | None = None
    stream: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the line stays in the bundle."""
        return self.offered.usable or self.takes_data

    @property
    def direction(self) -> str:
        """The direction word, seen from us."""
        if self.ssrc is not None:
            return "sendrecv" if self.receives else "sendonly"
        return "recvonly" if self.receives else "inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """All that the answer says."""

    session: int
    version: int
    hosts: Sequence[str]
    port: int
    credentials: Credentials
    fingerprint: tuple[str, str]
    lines: Sequence[AnsweredLine]


def write_answer(answer: Answer) -> str:
    """Return the SDP text."""
    mids = " ".join(line.offered.mid for line in answer.lines if line.accepted)
    text = [
        "v=0",
        f"o=- {answer.session} {answer.version} IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        f"a=group:BUNDLE {mids}",
        "a=ice-lite",
        "a=msid-semantic: WMS *",
    ]
    for line in answer.lines:
        if line.takes_data:
            text += _data(answer, line.offered)
        else:
            text += _accepted(answer, line) if line.accepted else _refused(line)
    return "\r\n".join(text) + "\r\n"


def _refused(line: AnsweredLine) -> list[str]:
    offered = line.offered
    what = "webrtc-datachannel" if offered.media == "application" else "0"
    return [
        f"m={offered.media} 0 {offered.profile} {what}",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        f"a=mid:{offered.mid}",
    ]


def _data(answer: Answer, offered: OfferedLine) -> list[str]:
    """RFC 8841: a data channel over the connection's DTLS."""
    host = answer.hosts[0]
    return [
        f"m={offered.media} {answer.port} {offered.profile} webrtc-datachannel",
        f"c=IN IP{ipaddress.ip_address(host).version} {host}",
        *_transport(answer),
        f"a=mid:{offered.mid}",
        f"a=sctp-port:{SCTP_PORT}",
        f"a=max-message-size:{MAX_MESSAGE_OCTETS}",
    ]


def _accepted(answer: Answer, line: AnsweredLine) -> list[str]:
    offered = line.offered
    formats = " ".join(str(number) for codec in offered.codecs for number in _numbers(codec))
    host = answer.hosts[0]
    text = [
        f"m={offered.kind} {answer.port} {offered.profile} {formats}",
        f"c=IN IP{ipaddress.ip_address(host).version} {host}",
    ]
    if offered.kind == "video":
        text.append(f"b=TIAS:{VIDEO_LIMIT_BITS}")
    text += _transport(answer)
    text += [f"a=mid:{offered.mid}", f"a={line.direction}", "a=rtcp-mux", "a=rtcp-rsize"]
    text += [f"a=extmap:{number} {uri}" for uri, number in offered.extensions]
    for codec in offered.codecs:
        text += _codec(codec)
    return text + _source(line)


def _numbers(codec: OfferedCodec) -> list[int]:
    return [codec.payload_type] if codec.repair is None else [codec.payload_type, codec.repair]


def _transport(answer: Answer) -> list[str]:
    candidates = [
        f"a=candidate:{place + 1} 1 udp {_priority(place)} {host} {answer.port} typ host"
        for place, host in enumerate(answer.hosts)
    ]
    return [
        f"a=ice-ufrag:{answer.credentials.fragment}",
        f"a=ice-pwd:{answer.credentials.password}",
        f"a=fingerprint:{answer.fingerprint[0]} {answer.fingerprint[1]}",
        "a=setup:passive",
        *candidates,
        "a=end-of-candidates",
    ]


def _priority(place: int) -> int:
    """RFC 8445 §5.1.2.1: a host candidate's priority; earlier addresses are preferred."""
    return 126 << 24 | (65535 - place) << 8 | 255


_CLOCKS = {"opus": "opus/48000/2", "VP8": "VP8/90000", "H264": "H264/90000"}


def _codec(codec: OfferedCodec) -> list[str]:
    number = codec.payload_type
    text = [f"a=rtpmap:{number} {_CLOCKS[codec.name]}"]
    text += [f"a=rtcp-fb:{number} {word}" for word in sorted(codec.feedback)]
    if codec.parameters:
        text.append(f"a=fmtp:{number} {codec.parameters}")
    if codec.repair is not None:
        text += [f"a=rtpmap:{codec.repair} rtx/90000", f"a=fmtp:{codec.repair} apt={number}"]
    return text


def _source(line: AnsweredLine) -> list[str]:
    """RFC 5576: name our SSRCs, so that the browser needs no mid extension to sort packets."""
    if line.ssrc is None:
        return []
    track = f"{line.stream}-{line.offered.kind}"
    text = [f"a=msid:{line.stream} {track}"]
    ssrcs = [line.ssrc]
    if line.repair_ssrc is not None:
        ssrcs.append(line.repair_ssrc)
        text.append(f"a=ssrc-group:FID {line.ssrc} {line.repair_ssrc}")
    for ssrc in ssrcs:
        text += [f"a=ssrc:{ssrc} cname:{line.stream}", f"a=ssrc:{ssrc} msid:{line.stream} {track}"]
    return text
