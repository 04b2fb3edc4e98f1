"""What happens to recordings afterwards: checked from the command line, filmed, held, deleted."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from cloudwindow.__main__ import parser
from cloudwindow.config import Config
from cloudwindow.domain.errors import Conflict
from cloudwindow.media.recorder_archive import Archive
from cloudwindow.media.recorder_chain import CHAIN, Chain, Finding, read, verify
from cloudwindow.media.recorder_film import FILM
from cloudwindow.media.recorder_seal import evidence_key
from cloudwindow.media.recorder_take import Take
from tests.gateways.recorded import KEY, RECORDING, call, segments

BEGIN = 1000.0


def recorded(folder: Path, *, seconds: float = 4) -> Path:
    take = Take(folder, RECORDING, KEY, now=BEGIN, began_at=1_764_000_000.0)
    for record in call(begin=BEGIN, seconds=seconds):
        take.put(record)
        take.tick(record.at)
    take.close("ended", BEGIN + seconds)
    return folder


def probed(path: Path) -> tuple[int, float]:
    """Pictures that decode, and seconds, as ffprobe says them."""
    asked = (
        "-count_frames",
        "-select_streams",
        "v:0",
        "-show_entries",
        "stream=nb_read_frames:format=duration",
    )
    told = subprocess.run(
        ["ffprobe", "-v", "error", *asked, "-of", "json", str(path)],
        check=True,
        capture_output=True,
    )
    about = json.loads(told.stdout)
    return int(about["streams"][0]["nb_read_frames"]), float(about["format"]["duration"])


def command(arguments: list[str]) -> int:
    """The exit code of ``python -m cloudwindow`` with these arguments."""
    given = parser().parse_args(arguments)
    return int(given.carry_out(Config(), given))


# --- the command -----------------------------------------------------------------------------------------


def test_the_command_says_that_all_is_intact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded(tmp_path / RECORDING)
    head = read(folder)[-1]["hash"]
    assert command(["recordings", "verify", RECORDING, "--folder", str(tmp_path), "--head", head]) == 0
    assert capsys.readouterr().out == f"{RECORDING} intact {head}\n"


def test_the_command_names_the_first_bad_segment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recorded(tmp_path / RECORDING, seconds=25)
    bad = [line["name"] for line in segments(folder)][2:4]
    for name in bad:
        octets = bytearray((folder / name).read_bytes())
        octets[100] ^= 1
        (folder / name).write_bytes(octets)
    assert command(["recordings", "verify", "--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines()[0] == f"{RECORDING} changed {bad[0]}"


def test_the_command_finds_a_chain_that_was_cut_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = recorded(tmp_path / RECORDING)
    head = read(folder)[-1]["hash"]
    lines = (folder / CHAIN).read_text().splitlines(keepends=True)
    (folder / CHAIN).write_text("".join(lines[:-1]))
    assert command(["recordings", "verify", RECORDING, "--folder", str(tmp_path), "--head", head]) == 1
    assert f"{RECORDING} cut_off {CHAIN}" in capsys.readouterr().out


def test_a_film_in_the_making_is_not_taken_for_one_slipped_in(tmp_path: Path) -> None:
    folder = recorded(tmp_path / RECORDING)
    (folder / FILM).write_bytes(b"being made")
    maker = Chain(folder)
    assert verify(folder) == []
    maker.close()
    assert verify(folder) == [Finding("unknown", FILM)]


# --- film, hold and deletion -----------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs Debian's ffmpeg")
async def test_film_and_clip_have_the_length_and_the_pictures_of_the_call(tmp_path: Path) -> None:
    recorded(tmp_path / RECORDING, seconds=6)
    archive = Archive(tmp_path)
    clips = [{"chapter": "identity", "from": 2.0, "to": 5.0}]
    made = await archive.finish(RECORDING, key=KEY, reason="ended", clips=clips)
    assert (made.state, made.clips) == ("made", 1)
    film = tmp_path / "film.webm"
    film.write_bytes((await archive.octets(RECORDING, key=KEY))[1])
    pictures, seconds = probed(film)
    assert seconds == pytest.approx(6, abs=0.2)
    assert pictures == pytest.approx(6 * 15, abs=3)
    name = next(line["name"] for line in await archive.lines(RECORDING) if line["kind"] == "clip")
    clip = tmp_path / "clip.webm"
    clip.write_bytes((await archive.octets(RECORDING, key=evidence_key(KEY), name=name))[1])
    pictures, seconds = probed(clip)
    assert 2.5 < seconds < 5.5
    assert pictures > 2 * 15


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs Debian's ffmpeg")
async def test_clips_that_a_crash_left_out_are_cut_from_the_film_that_is_there(tmp_path: Path) -> None:
    folder, archive = recorded(tmp_path / RECORDING), Archive(tmp_path)
    await archive.finish(RECORDING, key=KEY, reason="ended", clips=[])
    film = (folder / FILM).read_bytes()
    clips = [
        {"chapter": "identity", "from": 0.0, "to": 2.0},
        {"chapter": "signature", "from": 1.0, "to": 4.0},
    ]
    for wanted in (clips[:1], clips, clips):
        assert (await archive.finish(RECORDING, key=KEY, reason="ended", clips=wanted)).clips == len(wanted)
    assert (folder / FILM).read_bytes() == film
    assert [line["name"] for line in read(folder) if line["kind"] == "clip"] == [
        "clip-0-identity.webm.sealed",
        "clip-1-signature.webm.sealed",
    ]


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs Debian's ffmpeg")
async def test_what_is_deleted_is_gone_except_the_chain_which_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, archive = recorded(tmp_path / RECORDING), Archive(tmp_path)
    clips = [{"chapter": "identity", "from": 0.0, "to": 2.0}]
    assert (await archive.finish(RECORDING, key=KEY, reason="ended", clips=clips)).clips == 1
    head = await archive.delete(RECORDING, reason="retention")
    assert [path.name for path in folder.iterdir()] == [CHAIN]
    assert read(folder)[-1]["reason"] == "retention"
    assert verify(folder, head=head) == []
    assert command(["recordings", "verify", "--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{RECORDING} deleted retention {head}\n"


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs Debian's ffmpeg")
async def test_where_only_evidence_is_left_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, archive = recorded(tmp_path / RECORDING), Archive(tmp_path)
    clips = [{"chapter": "identity", "from": 0.0, "to": 2.0}]
    await archive.finish(RECORDING, key=KEY, reason="ended", clips=clips)
    head, octets = await archive.reduce(RECORDING, reason="retention")
    assert sorted(path.name for path in folder.iterdir()) == [CHAIN, "clip-0-identity.webm.sealed"]
    assert octets == sum(path.stat().st_size for path in folder.iterdir())
    assert command(["recordings", "verify", RECORDING, "--folder", str(tmp_path), "--head", str(head)]) == 0
    assert capsys.readouterr().out == f"{RECORDING} evidence retention {head}\n"


async def test_a_held_recording_is_not_deleted_until_it_is_released(tmp_path: Path) -> None:
    folder, archive = recorded(tmp_path / RECORDING), Archive(tmp_path)
    before = sorted(folder.iterdir())
    await archive.hold(RECORDING, reason="court")
    with pytest.raises(Conflict, match="recording_held"):
        await archive.delete(RECORDING, reason="retention")
    assert sorted(folder.iterdir()) == before
    assert await archive.release(RECORDING, reason="over") == await archive.release(RECORDING, reason="over")
    await archive.delete(RECORDING, reason="retention")
    assert not segments(folder) or not list(folder.glob("*.sealed"))
