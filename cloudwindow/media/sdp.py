"""
Read a browser's offer into plain values, with limits first.

Whatever is wrong with it, the caller sees BadInput ``bad_sdp``; aiortc's parser, which raises seven kinds
of exception on bad input, is reached only from here. Candidates are counted and then ignored: the
forwarder is ICE-lite and never sends to an address it was merely told.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from aiortc.rtcdtlstransport import X509_DIGEST_ALGORITHMS, RTCDtlsFingerprint
from aiortc.sdp import SessionDescription

from cloudwindow.domain.errors import BadInput

MAX_OCTETS: Final = 32 * 1024
MAX_LINES: Final = 12
MAX_CANDIDATES: Final = 32
MAX_CODECS: Final = 64
MAX_ATTRIBUTES: Final = 64
"""Lines per m-line of each kind that the parser searches one by one."""

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
WIDE_SEQUENCE = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ORIENTATION = "urn:3gpp:video-orientation"
EXTENSIONS: Final[dict[str, frozenset[str]]] = {
    "audio": frozenset({MID, SEND_TIME, WIDE_SEQUENCE, AUDIO_LEVEL}),
    "video": frozenset({MID, SEND_TIME, WIDE_SEQUENCE, ORIENTATION}),
}
"""Rule: the header extensions we keep, per kind of media; all others are not negotiated."""

DATA_PROFILE: Final = "UDP/DTLS/SCTP"
FEEDBACK: Final = frozenset({"nack", "nack pli", "ccm fir", "transport-cc", "goog-remb"})

_CODEC = re.compile(r"^a=rtpmap:(0|[1-9][0-9]{0,2}) ", re.MULTILINE)
_FEEDBACK_LINE = re.compile(r"^a=rtcp-fb:(\S+) (.*?)\r?\n", re.MULTILINE)
_PRINTABLE = re.compile(r"(?:[\t\n\x20-\x7e]|\r\n)*\Z")
_TOKEN = re.compile(r"[A-Za-z0-9_.\-]{1,16}\Z")
_ICE = re.compile(r"[A-Za-z0-9+/=_\-]{4,256}\Z")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){15,63}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedCodec:
    """A codec both sides have: ``name`` is ``opus``, ``VP8`` or ``H264``; ``repair`` its RTX number."""

    name: str
    payload_type: int
    repair: int | None
    feedback: frozenset[str]
    parameters: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedLine:
    """
    One m-line. ``kind`` is ``audio``, ``video``, ``data`` (a data channel) or ``other``, which is refused.

    ``sends`` and ``receives`` are seen from the browser. ``extensions`` maps URI to id.
    """

    mid: str
    kind: str
    media: str
    profile: str
    sends: bool = False
    receives: bool = False
    codecs: tuple[OfferedCodec, ...] = ()
    extensions: tuple[tuple[str, int], ...] = ()
    ssrc: int | None = None
    repair_ssrc: int | None = None

    @property
    def usable(self) -> bool:
        """Whether the line can carry sound or picture through us."""
        return bool(self.codecs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A whole offer. ``origin`` names the browser's connection; it stays the same in re-offers."""

    origin: str
    fragment: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]
    lines: tuple[OfferedLine, ...]


def parse_offer(text: str) -> Offer:
    """Read an SDP offer. Raises BadInput ``bad_sdp`` for anything we cannot answer safely."""
    try:
        _check_limits(text)
        return _offer(SessionDescription.parse(_FEEDBACK_LINE.sub("", text)), _feedback_lines(text))
    except BadInput:
        raise
    except Exception as exc:  # the parser's own list is long and undocumented
        raise BadInput("bad_sdp") from exc


def _check(good: object) -> None:
    if not good:
        raise BadInput("bad_sdp")


def _check_limits(text: str) -> None:
    _check(isinstance(text, str) and 0 < len(text) <= MAX_OCTETS and _PRINTABLE.match(text))
    _check(text.startswith("v=0"))
    _check(text.count("\nm=") <= MAX_LINES)
    _check(text.count("a=candidate:") <= MAX_CANDIDATES)
    for section in text.split("\nm=")[1:]:
        _check_section(section)


def _check_section(section: str) -> None:
    """Refuse what would make the parser's nested loops slow."""
    codecs = _CODEC.findall(section)
    _check(len(codecs) == section.count("a=rtpmap:") == len(set(codecs)) <= MAX_CODECS)
    _check(all(section.count(f"a={name}:") <= MAX_ATTRIBUTES for name in ("ssrc", "fmtp", "extmap")))


Feedback = dict[str, set[str]]
"""What is offered per payload type, or ``*`` for all."""


def _feedback_lines(text: str) -> list[Feedback]:
    """Read the feedback lines of each m-line; the parser would take codecs times lines for them."""
    found: list[Feedback] = []
    for section in text.split("\nm=")[1:]:
        offered: Feedback = {}
        for target, words in _FEEDBACK_LINE.findall(section):
            offered.setdefault(target, set()).add(words)
        found.append(offered)
    return found


def _offer(parsed: Any, feedback: list[Feedback]) -> Offer:
    bundled = {mid for group in parsed.group if group.semantic == "BUNDLE" for mid in group.items}
    lines = tuple(
        _line(media, bundled, offered) for media, offered in zip(parsed.media, feedback, strict=True)
    )
    mids = [line.mid for line in lines]
    _check(lines and len(set(mids)) == len(mids))
    first = next((media for media, line in zip(parsed.media, lines, strict=True) if line.usable), None)
    if first is None:
        raise BadInput("bad_sdp")
    return Offer(
        origin=_origin(parsed.origin),
        fragment=_credential(first.ice.usernameFragment, 4),
        password=_credential(first.ice.password, 22),
        fingerprints=_fingerprints(first),
        lines=lines,
    )


def _origin(origin: str | None) -> str:
    bits = (origin or "").split()
    _check(len(bits) == 6)
    return " ".join(bits[:2])


def _credential(value: str | None, shortest: int) -> str:
    if value is None or len(value) < shortest or not _ICE.match(value):
        raise BadInput("bad_sdp")
    return value


def _fingerprints(media: Any) -> tuple[tuple[str, str], ...]:
    """RFC 8122: at least one hash we can compute, and we must be able to be the DTLS server."""
    _check(media.dtls is not None and media.dtls.role in ("auto", "client"))
    known = [mark for mark in media.dtls.fingerprints if mark.algorithm.lower() in X509_DIGEST_ALGORITHMS]
    _check(0 < len(known) <= 4 and all(_FINGERPRINT.match(mark.value) for mark in known))
    return tuple((mark.algorithm.lower(), mark.value.upper()) for mark in known)


def fingerprints_of(offer: Offer) -> list[RTCDtlsFingerprint]:
    """Return the offer's fingerprints in the form the DTLS transport takes."""
    return [RTCDtlsFingerprint(algorithm=algorithm, value=value) for algorithm, value in offer.fingerprints]


def _line(media: Any, bundled: set[str], feedback: Feedback) -> OfferedLine:
    mid = media.rtp.muxId
    _check(_TOKEN.match(mid) and _TOKEN.match(media.kind) and re.match(r"[A-Z/]{1,32}\Z", media.profile))
    if media.kind == "application" and media.profile == DATA_PROFILE and mid in bundled:
        return OfferedLine(mid=mid, kind="data", media=media.kind, profile=media.profile)
    alive = media.kind in EXTENSIONS and mid in bundled and media.rtcp_mux
    if not alive or media.profile != "UDP/TLS/RTP/SAVPF":
        return OfferedLine(mid=mid, kind="other", media=media.kind, profile=media.profile)
    direction = media.direction or "sendrecv"
    codecs = _codecs(media, feedback)
    ssrc, repair_ssrc = _sources(media)
    return OfferedLine(
        mid=mid,
        kind=media.kind if codecs else "other",
        media=media.kind,
        profile=media.profile,
        sends=direction in ("sendrecv", "sendonly"),
        receives=direction in ("sendrecv", "recvonly"),
        codecs=codecs,
        extensions=_extensions(media),
        ssrc=ssrc,
        repair_ssrc=repair_ssrc,
    )


def _codecs(media: Any, feedback: Feedback) -> tuple[OfferedCodec, ...]:
    """Choose what both sides have, best first: one payload type per name."""
    offered = media.rtp.codecs
    repairs = {
        codec.parameters.get("apt"): codec.payloadType
        for codec in offered
        if codec.mimeType.lower() == "video/rtx" and 0 <= codec.payloadType < 128
    }
    chosen: dict[str, OfferedCodec] = {}
    for codec in offered:
        name = _accepted_name(codec)
        if name and name not in chosen:
            chosen[name] = OfferedCodec(
                name=name,
                payload_type=codec.payloadType,
                repair=repairs.get(codec.payloadType),
                feedback=_served(codec.payloadType, feedback),
                parameters=_PARAMETERS[name],
            )
    return tuple(chosen[name] for name in _PARAMETERS if name in chosen)


_PARAMETERS: Final = {
    "opus": "minptime=10;useinbandfec=1",
    "VP8": "",
    "H264": "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
}
"""Rule: the codecs we forward, best first, with what the answer asks of the sender."""


def _accepted_name(codec: Any) -> str | None:
    """H.264 only as constrained baseline with fragmentation: what every browser can both make and show."""
    if not 0 <= codec.payloadType < 128 or 64 <= codec.payloadType < 96:
        return None
    mime = codec.mimeType.lower()
    if mime == "audio/opus" and codec.clockRate == 48000 and codec.channels == 2:
        return "opus"
    if mime == "video/vp8" and codec.clockRate == 90000:
        return "VP8"
    if mime == "video/h264" and codec.clockRate == 90000:
        profile = str(codec.parameters.get("profile-level-id", "42e01f")).lower()
        baseline = re.match(r"42[4-7c-f]0[0-9a-f]{2}\Z", profile)
        return "H264" if baseline and str(codec.parameters.get("packetization-mode")) == "1" else None
    return None


def _served(payload_type: int, feedback: Feedback) -> frozenset[str]:
    """What we can serve; never ``goog-remb`` beside ``transport-cc``, which would throttle the sender."""
    named = FEEDBACK & (feedback.get(str(payload_type), set()) | feedback.get("*", set()))
    return named - {"goog-remb"} if "transport-cc" in named else named


def _extensions(media: Any) -> tuple[tuple[str, int], ...]:
    wanted = EXTENSIONS[media.kind]
    found: dict[str, int] = {}
    for extension in media.rtp.headerExtensions:
        if extension.uri in wanted and 1 <= extension.id <= 14 and extension.id not in found.values():
            found.setdefault(extension.uri, extension.id)
    return tuple(found.items())


def _sources(media: Any) -> tuple[int | None, int | None]:
    """Return the first media SSRC and its retransmission SSRC, where the offer names them."""
    for group in media.ssrc_group:
        if group.semantic == "FID" and len(group.items) == 2:
            return _word(group.items[0]), _word(group.items[1])
    return (_word(media.ssrc[0].ssrc) if media.ssrc else None), None


def _word(value: int) -> int:
    _check(0 < value < 1 << 32)
    return value
