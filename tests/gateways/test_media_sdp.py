"""Offers are answered or refused as ``bad_sdp``; nothing else ever comes out."""

import gc
import random
import re
import time
from collections.abc import Callable

import pytest
from aiortc.sdp import SessionDescription

from benchmarks.calls.offers import mutated
from cloudwindow.domain.errors import BadInput
from cloudwindow.media.answer import Answer, AnsweredLine, Credentials, write_answer
from cloudwindow.media.sdp import WIDE_SEQUENCE, Offer, parse_offer
from tests.gateways.media_member import written_offer


def written_answer(offer: Offer) -> str:
    lines = [
        AnsweredLine(offered=line, receives=line.sends, ssrc=7, repair_ssrc=8, stream="slot-0")
        if line.receives
        else AnsweredLine(offered=line, receives=line.sends)
        for line in offer.lines
    ]
    return write_answer(
        Answer(
            session=1,
            version=1,
            hosts=("192.0.2.1", "2001:db8::1"),
            port=4000,
            credentials=Credentials(fragment="abcd", password="p" * 22),
            fingerprint=("sha-256", "AA"),
            lines=lines,
        )
    )


def test_a_chromium_offer_is_read_with_the_codecs_and_extensions_we_forward() -> None:
    offer = parse_offer(written_offer())
    audio, video = offer.lines
    assert [codec.name for codec in audio.codecs + video.codecs] == ["opus", "VP8", "H264"]
    assert [(codec.payload_type, codec.repair) for codec in video.codecs] == [(96, 97), (103, 104)]
    assert (video.ssrc, video.repair_ssrc, audio.ssrc) == (2001, 2002, 1001)
    assert dict(video.extensions)[WIDE_SEQUENCE] == 3
    assert len(video.extensions) == 4


def test_remb_is_not_negotiated_beside_transport_wide_feedback() -> None:
    both = parse_offer(written_offer()).lines[1].codecs[0]
    only = parse_offer(written_offer().replace("a=rtcp-fb:96 transport-cc\r\n", "")).lines[1].codecs[0]
    assert "goog-remb" not in both.feedback
    assert "goog-remb" in only.feedback


def test_the_answer_names_only_the_advertised_addresses() -> None:
    answer = written_answer(parse_offer(written_offer()))
    named = set(re.findall(r"candidate:\d+ 1 udp \d+ (\S+) (\d+) typ host", answer))
    assert named == {("192.0.2.1", "4000"), ("2001:db8::1", "4000")}
    assert "a=ice-lite" in answer
    assert "local" not in answer.replace("level-asymmetry", "")
    assert len(SessionDescription.parse(answer).media) == 2


def test_a_data_channel_is_refused_and_the_rest_accepted() -> None:
    text = (
        written_offer()
        + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\na=sctp-port:5000\r\n"
    )
    answer = written_answer(parse_offer(text.replace("BUNDLE 0 1", "BUNDLE 0 1 2")))
    assert "m=application 0 UDP/DTLS/SCTP webrtc-datachannel" in answer
    assert "a=group:BUNDLE 0 1\r\n" in answer


def test_fifteen_hundred_feedback_lines_cost_no_time() -> None:
    started = time.thread_time()
    offer = parse_offer(written_offer() + "a=rtcp-fb:* nack pli\r\n" * 1200)
    assert time.thread_time() - started < 0.02
    assert "nack pli" in offer.lines[1].codecs[0].feedback


LINE = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
BAD: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "oversize": lambda text: text + "a=x:" + "y" * 33_000 + "\r\n",
    "a thousand m-lines": lambda text: text + LINE * 1000,
    "nine m-lines": lambda text: text + LINE * 7,
    "m-lines behind lone returns": lambda text: text + "\r" + LINE * 2,
    "33 candidates": lambda text: text + "a=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\n" * 33,
    "no fingerprint": lambda text: re.sub(r"a=fingerprint:.*\r\n", "", text),
    "unknown hash": lambda text: text.replace("sha-256", "md5"),
    "passive": lambda text: text.replace("actpass", "passive"),
    "short password": lambda text: re.sub(r"ice-pwd:.*", "ice-pwd:short", text),
    "no ufrag": lambda text: re.sub(r"a=ice-ufrag:.*\r\n", "", text),
    "same mid twice": lambda text: text.replace("a=mid:1", "a=mid:0"),
    "mid with a line break": lambda text: text.replace("a=mid:1", "a=mid:1\x0ba=x"),
    "long mid": lambda text: text.replace("a=mid:1", "a=mid:" + "1" * 17),
    "not text": lambda text: text.replace("s=-", "s=\u2028m=audio"),
    "nothing in common": lambda text: (
        text.replace("opus", "PCMU").replace("VP8", "AV1").replace("H264", "H265")
    ),
    "not bundled": lambda text: text.replace("a=group:BUNDLE 0 1\r\n", ""),
    "two-word origin": lambda text: re.sub(r"o=.*", "o=- 1", text),
    "huge ssrc": lambda text: text.replace("FID 2001", "FID 99999999999"),
    "repeated codecs": lambda text: text + "a=rtpmap:96 VP8/90000\r\n",
    "a codec in disguise": lambda text: text + "a=rtpmap:+98 VP8/90000\r\n",
    "endless sources": lambda text: text + "a=ssrc:1 a:b\r\n" * 1500,
    "endless parameters": lambda text: text + "a=fmtp:96 a=b\r\n" * 1500,
    "huge number": lambda text: text.replace("opus/48000", "opus/" + "9" * 5000),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_offer_is_refused_as_bad_sdp(name: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_offer(BAD[name](written_offer()))
    assert refused.value.code == "bad_sdp"


def test_two_thousand_mutated_offers_are_answered_or_refused_within_twenty_milliseconds() -> None:
    chance = random.Random(20261123)
    answered = 0
    codes: list[str] = []
    slowest = 0.0
    gc.disable()  # a collection of the whole test run's rubbish is not the parser's time
    for _ in range(2000):
        text = mutated(written_offer(), chance)
        started = time.thread_time()
        try:
            written_answer(parse_offer(text)).encode("ascii")
            answered += 1
        except BadInput as error:
            codes.append(error.code)
        slowest = max(slowest, time.thread_time() - started)
    gc.enable()
    assert answered > 100
    assert len(codes) > 100
    assert set(codes) == {"bad_sdp"}
    assert slowest < 0.02
