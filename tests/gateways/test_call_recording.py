"""What is written of a call: segments that play, gaps that are said, a chain that shows any change."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from cloudwindow.media.recorder_chain import (
    CHAIN,
    Chain,
    ChainBusy,
    hash_of,
    read,
    recover,
    verify,
)
from cloudwindow.media.recorder_film import FILM, Order, make
from cloudwindow.media.recorder_frames import Assembler, vp8_descriptor
from cloudwindow.media.recorder_pipe import Packer, Unpacker
from cloudwindow.media.recorder_seal import SealDamaged, SealedPages, evidence_key, opened
from cloudwindow.media.recorder_take import Take, TakeFailed
from cloudwindow.media.tap import MarkKind, TapGap, TapMark, TapPacket, TapRecord
from tests.gateways.recorded import (
    KEY,
    RECORDING,
    call,
    decoded,
    frames_in,
    gaps,
    opus_packets,
    pictures,
    segments,
    source,
    vp8_packets,
)

BEGIN = 1000.0


def begun(folder: Path) -> Take:
    return Take(folder, RECORDING, KEY, now=BEGIN, began_at=1_764_000_000.0)


def play(take: Take, records: Iterable[TapRecord]) -> float:
    """Hand over records in their time, with the ticks between; returns the time at the end."""
    now = BEGIN
    for record in records:
        take.put(record)
        now = max(now, record.at)
        take.tick(now)
    return now


def recorded(folder: Path, *, seconds: float = 25) -> Path:
    take = begun(folder)
    take.close("ended", play(take, call(begin=BEGIN, seconds=seconds)))
    return folder


def test_a_call_becomes_segments_of_ten_seconds_that_decode_completely(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "r")
    spans = [(line["from"], line["to"]) for line in segments(folder) if line["source"] == 1]
    assert [round(first) for first, _ in sorted(spans)] == [0, 10, 20]
    times = decoded(folder, media="video")
    assert len(times) == 25 * 20
    assert times[0] == pytest.approx(0, abs=0.01)
    assert times[-1] == pytest.approx(25, abs=0.1)
    assert len(decoded(folder, media="audio", member="agent")) >= 25 * 50 - 1
    assert verify(folder) == []


def test_nothing_readable_lies_on_the_disk(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "r", seconds=3)
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"matroska" not in content
    assert pictures()[0][20:60] not in content
    name = segments(folder)[0]["name"]
    with pytest.raises(SealDamaged):
        list(opened(folder / name, RECORDING, bytes(32)))
    with pytest.raises(SealDamaged):
        list(opened(folder / name, "another", KEY))


def test_what_never_came_is_a_gap_and_its_picture_is_left_out(tmp_path: Path) -> None:
    take = begun(tmp_path / "r")
    packets = list(vp8_packets("citizen", begin=BEGIN, seconds=4, size=200))
    lost = packets[30]
    kept: list[TapRecord] = [packet for packet in packets if packet.index != lost.index]
    kept.insert(30, TapGap(lost.source, lost.at, lost.index, 1))
    take.close("ended", play(take, kept))
    assert [reason for reason, _, _ in gaps(tmp_path / "r")] == ["lost_packets"]
    written = sum(line["frames"] for line in segments(tmp_path / "r"))
    assert written == len({packet.timestamp for packet in packets}) - 1


def test_losses_close_together_are_one_gap(tmp_path: Path) -> None:
    take = begun(tmp_path / "r")
    line = source("citizen", "video")
    heard = list(vp8_packets("citizen", begin=BEGIN, seconds=1))
    losses = [TapGap(line, BEGIN + 1 + 0.1 * number, 5000 + number, 2) for number in range(5)]
    take.close("ended", play(take, [*heard, *losses]))
    (gap,) = [line for line in read(tmp_path / "r") if line["kind"] == "gap"]
    assert (gap["packets"], gap["reason"]) == (10, "lost_packets")


def test_nothing_is_written_during_a_pause_and_the_gap_says_why(tmp_path: Path) -> None:
    take = begun(tmp_path / "r")
    for packet in call(begin=BEGIN, seconds=9):
        take.tick(packet.at)
        if BEGIN + 3 <= packet.at < BEGIN + 6:
            take.pause("sensitive_field", BEGIN + 3)
        else:
            take.resume(BEGIN + 6)
        take.put(packet)
    take.close("ended", BEGIN + 9)
    assert gaps(tmp_path / "r") == [("sensitive_field", 3.0, 6.0)]
    for media in ("audio", "video"):
        times = decoded(tmp_path / "r", media=media)
        assert not [at for at in times if 3.05 < at < 5.95]
        assert [at for at in times if at > 6.5]


def test_a_recording_that_ends_paused_says_so(tmp_path: Path) -> None:
    take = begun(tmp_path / "r")
    play(take, opus_packets("citizen", begin=BEGIN, seconds=1))
    take.pause("sensitive_field", BEGIN + 1)
    take.close("ended", BEGIN + 4)
    assert gaps(tmp_path / "r") == [("sensitive_field", 1.0, 4.0)]


def test_silence_and_hold_are_gaps_with_their_reasons(tmp_path: Path) -> None:
    take = begun(tmp_path / "r")
    line = source("citizen", "audio")
    play(take, opus_packets("citizen", begin=BEGIN, seconds=1))
    take.tick(BEGIN + 4)
    play(take, opus_packets("citizen", begin=BEGIN + 5, seconds=1, first=50))
    take.put(TapMark(kind=MarkKind.HELD, at=BEGIN + 6, member="citizen", reason="x"))
    take.put(TapMark(kind=MarkKind.SOURCE_ENDED, at=BEGIN + 6, source=line))
    take.put(TapMark(kind=MarkKind.SOURCE_STARTED, at=BEGIN + 8, source=line))
    take.close("ended", BEGIN + 9)
    told = [(reason, round(first), round(last or 0)) for reason, first, last in gaps(tmp_path / "r")]
    assert told == [("silent", 1, 5), ("held", 6, 8)]


def test_h264_is_written_without_decoding_too(tmp_path: Path) -> None:
    take, line = begun(tmp_path / "r"), source("citizen", "video")
    index = 0
    for number, content in enumerate(pictures("libx264")):
        nals = [nal for nal in content.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if nal]
        for at, nal in enumerate(nals):
            when, last = BEGIN + number / 20, at == len(nals) - 1
            head = bytes([nal[0] & 0xE0 | 28])
            halves = [
                head + bytes([0x80 | nal[0] & 0x1F]) + nal[1:9],
                head + bytes([0x40 | nal[0] & 0x1F]) + nal[9:],
            ]
            for half, payload in enumerate(halves if len(nal) > 12 else [nal]):
                mark = last and (half == 1 or len(nal) <= 12)
                take.put(TapPacket(line, when, "H264", index, number * 4500, mark, payload))
                index += 1
    take.close("ended", BEGIN + 2)
    assert len(decoded(tmp_path / "r", media="video")) == len(pictures("libx264"))


# --- the chain -------------------------------------------------------------------------------------------


def test_a_changed_a_missing_and_a_swapped_segment_are_found(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "r")
    one, two = [line["name"] for line in segments(folder)][:2]

    def findings(change: str) -> list[tuple[str, str]]:
        copy = tmp_path / change
        shutil.copytree(folder, copy)
        if change == "changed":
            octets = bytearray((copy / one).read_bytes())
            octets[len(octets) // 2] ^= 1
            (copy / one).write_bytes(octets)
        elif change == "missing":
            (copy / one).unlink()
        elif change == "swapped":
            content = (copy / one).read_bytes()
            (copy / one).write_bytes((copy / two).read_bytes())
            (copy / two).write_bytes(content)
        else:
            (copy / "99-0000.mkv.sealed").write_bytes(b"slipped in")
        return [(found.problem, found.where) for found in verify(copy)]

    assert findings("changed") == [("changed", one)]
    assert findings("missing") == [("missing", one)]
    assert findings("swapped") == [("reordered", one), ("reordered", two)]
    assert findings("added") == [("unknown", "99-0000.mkv.sealed")]


def test_any_change_of_the_chain_itself_is_found(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "r")
    chain, head = folder / CHAIN, read(folder)[-1]["hash"]
    lines = chain.read_text().splitlines(keepends=True)
    for number in range(len(lines)):
        told = json.loads(lines[number])
        told["at"] = 77
        for altered in (
            [*lines[:number], json.dumps(told) + "\n", *lines[number + 1 :]],
            [*lines[:number], *lines[number + 1 :]],
            [*lines[:number], *reversed(lines[number : number + 2]), *lines[number + 2 :]],
        ):
            if altered != lines:
                chain.write_text("".join(altered))
                assert verify(folder, head=head), number
    chain.write_text("".join(lines))
    assert verify(folder, head=head) == []


def test_a_chain_written_anew_does_not_end_as_the_ledger_remembers(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "r")
    head = read(folder)[-1]["hash"]
    lines = read(folder)[:-3]
    (folder / CHAIN).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "cut_off" in [found.problem for found in verify(folder, head=head)]
    assert all(line["hash"] == hash_of(line) for line in lines)


def test_one_recording_has_one_writer(tmp_path: Path) -> None:
    take = begun(tmp_path / "r")
    with pytest.raises(ChainBusy):
        Chain(tmp_path / "r")
    take.close("ended", BEGIN + 1)
    Chain(tmp_path / "r").close()


def test_a_recording_whose_writer_died_is_finished_and_says_so(tmp_path: Path) -> None:
    take = begun(tmp_path / "r")
    play(take, call(begin=BEGIN, seconds=12))
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "r", copy)  # what a death leaves: files as they are, no lock
    with (copy / segments(copy)[-1]["name"]).open("ab"):
        pass
    with (copy / CHAIN).open("a") as torn:
        torn.write('{"kind":"segm')
    chain = Chain(copy)
    recover(chain, reason="worker_died")
    recover(chain, reason="worker_died")
    chain.close()
    assert verify(copy) == []
    assert [reason for reason, _, _ in gaps(copy)] == ["worker_died"]
    assert decoded(copy, media="video")[-1] > 11
    take.close("ended", BEGIN + 12)


# --- the disk --------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_fails_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TakeFailed, match="write_failed"):
        begun(tmp_path / "file" / "r")


# --- pipe and packets ------------------------------------------------------------------------------------


def test_records_come_out_of_the_pipe_as_they_went_in_however_they_are_cut() -> None:
    line = source("citizen", "video")
    records: list[TapRecord] = [
        *vp8_packets("citizen", begin=BEGIN, seconds=0.2),
        TapGap(line, BEGIN, 7, 2),
        TapMark(kind=MarkKind.SOURCE_ENDED, at=BEGIN, source=line),
        TapMark(kind=MarkKind.OVERFLOW, at=BEGIN, count=9),
    ]
    packer = Packer(3)
    octets = b"".join(packer.pack(record) for record in records)
    for size in (1, 7, len(octets)):
        unpacker = Unpacker()
        parts = [octets[at : at + size] for at in range(0, len(octets), size)]
        assert [told for part in parts for told in unpacker.feed(part)] == [(3, one) for one in records]


@pytest.mark.parametrize(
    ("payload", "length"),
    [
        (b"\x10", 1),
        (b"\x90\x80\x7f", 3),
        (b"\x90\x80\x81\x01", 4),
        (b"\x90\xf0\x81\x01\x05\x20", 6),
    ],
)
def test_the_vp8_descriptor_has_its_length(payload: bytes, length: int) -> None:
    assert vp8_descriptor(payload) == length


def test_a_picture_whose_beginning_is_missing_is_left_out() -> None:
    packets = list(vp8_packets("citizen", begin=BEGIN, seconds=0.2, size=100))
    assembler = Assembler("VP8")
    assert not [frame for packet in packets[1:2] for frame in assembler.push(packet)]


# --- film and clips --------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs Debian's ffmpeg")
def test_the_film_shows_both_sides_in_full_length_with_clips_of_it(tmp_path: Path) -> None:
    folder = recorded(tmp_path / "r", seconds=8)
    clips = [{"chapter": "signature", "from": 4.0, "to": 7.0}]
    order = Order(folder=str(folder), recording=RECORDING, key=KEY.hex(), reason="ended", clips=clips)
    made = make(order)
    assert (made.state, made.clips) == ("made", 1)
    assert made.seconds == pytest.approx(8, abs=0.2)
    times = frames_in(folder / FILM)
    assert len(times) > 8 * 12
    assert times[-1] == pytest.approx(8, abs=0.3)
    (clip,) = [line for line in read(folder) if line["kind"] == "clip"]
    assert 2 < len(frames_in(folder / clip["name"], key=evidence_key(KEY))) / 15 < 6
    assert verify(folder, head=made.head) == []
    assert make(order).state == "made"
    assert verify(folder, head=made.head) == []
    pages = SealedPages(folder / FILM, RECORDING, KEY)
    whole = b"".join(opened(folder / FILM, RECORDING, KEY))
    assert pages.read(0, pages.size) == whole
    assert pages.read(65_530, 65_550) == whole[65_530:65_550]
    assert pages.read(pages.size - 5, pages.size + 9) == whole[-5:]


def test_without_ffmpeg_the_recording_is_finished_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = recorded(tmp_path / "r", seconds=2)
    monkeypatch.setenv("PATH", str(tmp_path))
    order = Order(folder=str(folder), recording=RECORDING, key=KEY.hex(), reason="ended")
    assert make(order).state == "no_ffmpeg"
    assert verify(folder) == []
