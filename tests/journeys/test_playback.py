"""After a recorded call: film and clips, who plays them for which reason, how long all of it is kept."""

import hashlib
import io
import itertools
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import pytest
import pytest_asyncio

from cloudwindow.domain.errors import BadInput, Conflict, Gone, NotFound, Unavailable
from cloudwindow.domain.recording import DAY_SECONDS, LEAVE_SECONDS, Recording, State
from cloudwindow.domain.rights import CITY, Person, Role
from cloudwindow.journey.copies import Copies
from cloudwindow.journey.films import AGAIN_SECONDS, BUSY_SECONDS
from cloudwindow.journey.playback import Playback
from cloudwindow.journey.recordings import evidence_key_of, key_of
from cloudwindow.media.recorder_archive import Archive
from cloudwindow.media.recorder_chain import CHAIN, Chain, read, verify
from cloudwindow.media.recorder_chain import standing as standing_of
from cloudwindow.media.recorder_copy import copy_name
from cloudwindow.media.recorder_film import FILM
from cloudwindow.media.recorder_seal import evidence_key
from cloudwindow.records import recordings as kept
from cloudwindow.records.people import Staff
from tests.journeys.recorded_calls import probed, recorded, standing
from tests.journeys.town import HUADU, TIANHE, Desk, Town, Visitor, filled, signed

pytestmark = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs Debian's ffmpeg")
SECONDS = 6.0
DAYS, EVIDENCE_DAYS = 180, 1825


@dataclass(slots=True)
class Filmed:
    """A call with identity check, read-back and signature, which has ended, and its recording."""

    town: Town
    visitor: Visitor
    desk: Desk
    recording: Recording

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return self.town.house.archive.path(self.recording.id)

    @property
    def playback(self) -> Playback:
        """What staff do with it."""
        return self.town.made.playback

    @property
    def copies(self) -> Copies:
        """What they take along."""
        return self.town.made.copies

    async def now(self) -> Recording:
        """The recording as the ledger has it."""
        return await standing(self.town.house, self.recording.id)

    async def make(self) -> Recording:
        """Let a node look for films to make once; how the recording stands then."""
        await self.town.made.films.make()
        return await self.now()

    async def kinds(self) -> list[str]:
        """What the story of the case tells of the recording."""
        return [kind for kind in await self.town.kinds(self.visitor.application) if "recording." in kind]


def person(staff: Staff) -> Person:
    """Somebody of the staff as the door knows them."""
    reach = {f"district:{staff.district}"} | ({CITY} if "city_admin" in staff.roles else set())
    return Person(roles=frozenset(Role(role) for role in staff.roles), reach=frozenset(reach))


def clip_files(filmed: Filmed) -> list[str]:
    """The files of the evidence clips."""
    return sorted(path.name for path in filmed.folder.glob("clip-*"))


async def marked(filmed: Filmed) -> tuple[Person, Staff, str, str]:
    """The city's admin with leave to take the recording along."""
    city, head = await admin(filmed.town, "gz", role="city_admin")
    leave = await filmed.playback.ask(city, head, filmed.recording.id, "法院调取")
    return city, head, filmed.recording.id, leave


def picture(film: bytes) -> list[bytes]:
    """The brightness of the tenth picture, row by row."""
    with av.open(io.BytesIO(film), "r") as container:
        frames: Any = container.decode(video=0)
        plane = next(itertools.islice(frames, 10, None)).reformat(format="gray").planes[0]
    octets, stride = bytes(plane), plane.line_size
    return [octets[row * stride :][: plane.width] for row in range(plane.height)]


async def admin(town: Town, account: str = "lin", *, role: str = "district_admin") -> tuple[Person, Staff]:
    """An admin of Huadu."""
    staff = (await town.desk(account, role=role)).staff
    return person(staff), staff


@pytest_asyncio.fixture
async def filmed(town: Town) -> AsyncIterator[Filmed]:
    """The identity is checked a second after the recording began, the signature made three seconds after."""
    visitor, desk = await town.in_call()
    began = town.now
    town.now = began + 1
    await filled(visitor, desk)
    town.now = began + 3
    await signed(visitor, desk)
    await desk.submit()
    session = await town.session(visitor.ticket)
    await visitor.leave()
    await desk.finish("submitted")
    recording = await recorded(town.house, session, began_at=began, seconds=SECONDS)
    town.now = began + SECONDS + 10
    yield Filmed(town, visitor, desk, recording)


# --- film and clips --------------------------------------------------------------------------------------


async def test_a_recording_gets_film_and_evidence_clips_once_its_call_is_over(
    filmed: Filmed, tmp_path: Path
) -> None:
    done = await filmed.make()
    assert (done.state, done.film) == (State.KEPT, "made")
    assert done.ended_at is not None
    assert done.keep_until == done.ended_at + DAYS * DAY_SECONDS
    assert (done.clips, done.evidence_until) == (3, done.ended_at + EVIDENCE_DAYS * DAY_SECONDS)
    assert done.head == read(filmed.folder)[-1]["hash"]
    key = key_of(filmed.town.house.vault, done)
    _, film = await filmed.town.house.archive.octets(done.id, key=key)
    pictures, seconds = probed(film, tmp_path / "film.webm")
    assert seconds == pytest.approx(SECONDS, abs=0.3)
    assert pictures == pytest.approx(SECONDS * 15, abs=4)
    clips = [line for line in read(filmed.folder) if line["kind"] == "clip"]
    assert [line["chapter"] for line in clips] == ["identity", "read_back", "signature"]
    for clip in clips:
        apart = evidence_key(key)
        _, content = await filmed.town.house.archive.octets(done.id, key=apart, name=clip["name"])
        pictures, seconds = probed(content, tmp_path / "clip.webm")
        assert seconds == pytest.approx(clip["to"] - clip["from"], abs=1.1)
        assert pictures > 15
    assert "recording.kept" in await filmed.kinds()


async def test_no_film_is_made_while_the_call_goes_on(town: Town) -> None:
    visitor, _ = await town.in_call()
    one = await recorded(town.house, await town.session(visitor.ticket), began_at=town.now, seconds=1)
    town.now += 10
    await town.made.films.make()
    waiting = await standing(town.house, one.id)
    assert (waiting.state, waiting.film) == (State.ENDED, "")
    assert waiting.deadline is not None
    assert waiting.deadline > town.now
    assert FILM not in {path.name for path in town.house.archive.path(one.id).iterdir()}


async def test_two_nodes_make_one_film_and_the_other_asks_again(filmed: Filmed) -> None:
    another = Chain(filmed.folder)
    assert (await filmed.make()).state is State.ENDED
    another.close()
    assert (await filmed.make()).state is State.ENDED, "not before its time"
    filmed.town.now += BUSY_SECONDS
    assert (await filmed.make()).film == "made"


async def test_a_film_left_half_made_by_a_crash_is_made_by_whoever_starts_next(filmed: Filmed) -> None:
    (filmed.folder / FILM).write_bytes(b"half")
    (filmed.folder / f".{FILM}.part").write_bytes(b"half")
    assert (await filmed.make()).film == "made"
    assert verify(filmed.folder, head=(await filmed.now()).head) == []


async def test_a_film_that_cannot_be_made_is_tried_again_and_then_says_so(filmed: Filmed) -> None:
    whole = {path: path.read_bytes() for path in filmed.folder.glob("*.sealed")}
    for path, content in whole.items():
        path.write_bytes(content[:40] + bytes(len(content) - 40))
    for after in AGAIN_SECONDS:
        tried = await filmed.make()
        assert (tried.state, tried.film) == (State.ENDED, "failed")
        assert (await filmed.make()).version == tried.version, "not before its time"
        filmed.town.now += after
    given_up = await filmed.make()
    assert (given_up.state, given_up.film) == (State.KEPT, "failed")
    assert (await filmed.kinds()).count("recording.film_failed") == len(AGAIN_SECONDS)
    who, staff = await admin(filmed.town)
    page = await filmed.playback.page(who, staff, given_up.id)
    assert page.row.film == "failed"
    assert page.findings
    assert page.can >= {"film", "hold"}
    with pytest.raises(Conflict, match="recording_without_film"):
        await filmed.playback.ask(who, staff, given_up.id, "复核签名过程")
    for path, content in whole.items():
        path.write_bytes(content)
    await filmed.playback.again(who, staff, given_up.id)
    made = await filmed.make()
    assert (made.state, made.film, made.deadline) == (State.KEPT, "made", made.keep_until)
    with pytest.raises(Conflict, match="film_not_missing"):
        await filmed.playback.again(who, staff, made.id)


async def test_without_its_root_key_a_recording_says_that_and_stays(filmed: Filmed) -> None:
    other = replace(filmed.recording, key_sealed="v1:nobody:AAAA", version=filmed.recording.version + 1)
    write = filmed.town.house.ledger.write
    await write(lambda conn: kept.change(conn, other, seen=filmed.recording.version))
    tried = await filmed.make()
    assert tried.state is State.ENDED
    assert tried.film not in {"", "made"}


# --- playing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["", "看看", "x" * 301, "   \n "])
async def test_nobody_plays_without_a_reason(filmed: Filmed, reason: str) -> None:
    await filmed.make()
    who, staff = await admin(filmed.town)
    with pytest.raises(BadInput, match="reason_length"):
        await filmed.playback.ask(who, staff, filmed.recording.id, reason)
    assert "recording.played" not in await filmed.kinds()


async def test_a_reason_gives_one_person_leave_for_a_time_and_stands_on_the_page(filmed: Filmed) -> None:
    await filmed.make()
    who, staff = await admin(filmed.town)
    other, colleague = await admin(filmed.town, "he")
    leave = await filmed.playback.ask(who, staff, filmed.recording.id, "  复核 \n 签名过程 ")
    view = await filmed.playback.player(who, staff, filmed.recording.id, leave)
    receipt = (await filmed.town.case(filmed.visitor.application)).receipt
    assert view.watermark == f"{staff.name} {staff.number} · 2026-05-20 10:00 · {receipt}"
    assert view.reason == "复核 签名过程"
    assert [(one.name, one.clip) for one in view.chapters] == [
        ("identity", 0),
        ("read_back", 1),
        ("signature", 2),
    ]
    film = await filmed.playback.film(who, staff, filmed.recording.id, leave)
    assert (await filmed.playback.octets(film, 0, 4)) == b"\x1aE\xdf\xa3", "a WebM begins like this"
    for clip in range(3):
        assert (await filmed.playback.film(who, staff, filmed.recording.id, leave, clip=clip)).size
    with pytest.raises(NotFound, match="unknown_recording"):
        await filmed.playback.film(who, staff, filmed.recording.id, leave, clip=3)
    with pytest.raises(NotFound, match="unknown_recording"):
        await filmed.playback.film(other, colleague, filmed.recording.id, leave)
    page = await filmed.playback.page(other, colleague, filmed.recording.id)
    assert [(one.name, one.reason) for one in page.viewings] == [(staff.name, "复核 签名过程")]
    assert "recording.played" in await filmed.kinds()
    case = await filmed.town.case(filmed.visitor.application)
    shown = (await filmed.town.made.following.view(case, "zh-CN", document_url="")).recordings
    stands = await filmed.now()
    assert [(one.state, one.keep_until, one.evidence_until, one.viewings) for one in shown] == [
        ("kept", stands.keep_until, stands.evidence_until, 1)
    ], "the citizen sees that it was played, and how long it is kept"
    filmed.town.now += LEAVE_SECONDS
    with pytest.raises(Gone, match="viewing_over"):
        await filmed.playback.film(who, staff, filmed.recording.id, leave)


async def test_who_reaches_a_recording(filmed: Filmed) -> None:
    """Its agent and the admins of its home district and the city play it; its approver sees it is there."""
    await filmed.make()
    town, id = filmed.town, filmed.recording.id
    plays = [filmed.desk.staff, (await admin(town))[1], (await admin(town, "gz", role="city_admin"))[1]]
    sees = (await town.desk("zhou", role="approver")).staff
    strangers = [
        (await town.desk("colleague")).staff,
        (await town.desk("th-admin", TIANHE, role="district_admin")).staff,
        (await town.desk("th-approver", TIANHE, role="approver")).staff,
        (await town.desk("th-agent", TIANHE)).staff,
    ]
    for staff in [*plays, sees]:
        assert [row.id for row in await filmed.playback.rows(person(staff), staff)] == [id]
        assert ("play" in (await filmed.playback.page(person(staff), staff, id)).can) is (staff in plays)
    for staff in [*strangers, sees]:
        with pytest.raises(NotFound, match="unknown_recording"):
            await filmed.playback.ask(person(staff), staff, id, "复核签名过程")
    receipt = (await town.case(filmed.visitor.application)).receipt or ""
    for staff in strangers:
        assert await filmed.playback.rows(person(staff), staff) == []
        assert await filmed.playback.rows(person(staff), staff, receipt=receipt) == []
        with pytest.raises(NotFound, match="unknown_recording"):
            await filmed.playback.page(person(staff), staff, id)
    assert [row.id for row in await filmed.playback.rows(person(sees), sees, receipt=receipt.lower())] == [id]


async def test_only_the_city_may_take_a_film_along_and_that_is_noted(filmed: Filmed) -> None:
    await filmed.make()
    who, staff = await admin(filmed.town)
    leave = await filmed.playback.ask(who, staff, filmed.recording.id, "复核签名过程")
    assert not (await filmed.playback.player(who, staff, filmed.recording.id, leave)).may_copy
    with pytest.raises(NotFound, match="unknown_recording"):
        await filmed.copies.ask(who, staff, filmed.recording.id, leave)
    city, head = await admin(filmed.town, "gz", role="city_admin")
    leave = await filmed.playback.ask(city, head, filmed.recording.id, "法院调取")
    assert (await filmed.playback.player(city, head, filmed.recording.id, leave)).may_copy
    copy = await filmed.copies.ask(city, head, filmed.recording.id, leave)
    asked = (city, head, filmed.recording.id, leave)
    assert await filmed.copies.ask(*asked) == copy, "not made twice"
    assert (await filmed.copies.page(*asked, copy)).state == "making"
    with pytest.raises(Conflict, match="copy_unfinished"):
        await filmed.copies.take(*asked, copy)
    await filmed.copies.make()
    view = await filmed.copies.page(*asked, copy)
    assert view.state == "ready"
    assert view.words == f"{head.name} {head.number} · 2026-05-20 10:00 · {filmed.recording.id[:8].upper()}"
    taken = await filmed.copies.take(*asked, copy)
    content = await filmed.playback.octets(taken, 0, taken.size)
    assert hashlib.sha256(content).hexdigest() == view.sha256
    lines = {str(line.get("name")): line for line in read(filmed.folder)}
    assert lines[FILM]["sha256"] == view.original
    assert lines[copy_name(copy)]["plain"] == view.sha256
    assert (await filmed.kinds()).count("recording.downloaded") == 1
    page = await filmed.playback.page(city, head, filmed.recording.id)
    assert sorted(one.copies for one in page.viewings) == [0, 1]
    assert not page.findings
    with pytest.raises(NotFound, match="unknown_recording"):
        await filmed.copies.take(who, staff, filmed.recording.id, leave, copy)


async def test_a_copy_carries_its_words_in_every_part_of_its_pictures(filmed: Filmed) -> None:
    await filmed.make()
    asked = await marked(filmed)
    content = {}
    for clip in (None, 2):
        copy = await filmed.copies.ask(*asked, clip=clip)
        await filmed.copies.make()
        taken = await filmed.copies.take(*asked, copy)
        content[clip] = await filmed.playback.octets(taken, 0, taken.size)
    known = await filmed.now()
    key = key_of(filmed.town.house.vault, known)
    _, film = await filmed.town.house.archive.octets(known.id, key=key)
    plain, drawn = picture(film), picture(content[None])
    height, width = len(plain), len(plain[0])
    assert (len(drawn), len(drawn[0])) == (height, width)
    for column in range(2):
        for row in range(3):
            changed = sum(
                abs(drawn[y][x] - plain[y][x]) > 40
                for y in range(row * height // 3, (row + 1) * height // 3)
                for x in range(column * width // 2, (column + 1) * width // 2)
            )
            assert changed > 100, (column, row)
    for each in content.values():
        with av.open(io.BytesIO(each), "r") as container:
            told = {name.lower(): value for name, value in container.metadata.items()}
        assert told["recording"] == known.id
        assert len(told["original_sha256"]) == 64
        assert "2026-05-20" in told["marked"]


async def test_a_copy_is_gone_when_its_leave_is_over(filmed: Filmed) -> None:
    await filmed.make()
    asked = await marked(filmed)
    copy = await filmed.copies.ask(*asked)
    await filmed.copies.make()
    assert (filmed.folder / copy_name(copy)).exists()
    filmed.town.now += LEAVE_SECONDS
    await filmed.copies.sweep()
    assert not (filmed.folder / copy_name(copy)).exists()
    assert verify(filmed.folder, head=(await filmed.now()).head) == []
    with pytest.raises(Gone, match="viewing_over"):
        await filmed.copies.take(*asked, copy)


async def test_nothing_leaves_without_letters_to_mark_it_with(filmed: Filmed, tmp_path: Path) -> None:
    await filmed.make()
    asked = await marked(filmed)
    house = filmed.town.house
    bare = replace(house, archive=Archive(filmed.folder.parent, font=tmp_path / "none.ttf"))
    copies = Copies(bare, Playback(bare))
    copy = await copies.ask(*asked)
    await copies.make()
    view = await copies.page(*asked, copy)
    assert (view.state, view.failure) == ("failed", "no_font")
    with pytest.raises(Gone):
        await copies.take(*asked, copy)


# --- checking --------------------------------------------------------------------------------------------


async def test_the_files_are_read_again_only_when_they_changed_or_somebody_asks(filmed: Filmed) -> None:
    done = await filmed.make()
    who, staff = await admin(filmed.town)
    first = filmed.town.now
    assert (await filmed.playback.page(who, staff, done.id)).checked_at == first
    filmed.town.now += 100
    assert (await filmed.playback.page(who, staff, done.id)).checked_at == first
    await filmed.playback.check(who, staff, done.id)
    assert (await filmed.playback.page(who, staff, done.id)).checked_at == first + 100
    filmed.town.now += 100
    film = filmed.folder / FILM
    film.write_bytes(film.read_bytes()[:-1] + b"x")
    page = await filmed.playback.page(who, staff, done.id)
    assert page.checked_at == first + 200
    assert page.findings == [f"changed: {FILM}"]


# --- how long it is kept ---------------------------------------------------------------------------------


async def test_the_film_goes_first_and_the_evidence_clips_stay_their_own_time(filmed: Filmed) -> None:
    done = await filmed.make()
    who, staff = await admin(filmed.town)
    assert done.keep_until is not None
    assert done.evidence_until is not None
    filmed.town.now = done.keep_until - 1
    await filmed.town.made.films.sweep()
    assert (await filmed.now()).state is State.KEPT
    filmed.town.now = done.keep_until
    await filmed.town.made.films.sweep()
    left = await filmed.now()
    assert (left.state, left.film_deleted_at) == (State.EVIDENCE, done.keep_until)
    assert left.deadline == done.evidence_until
    assert sorted(path.name for path in filmed.folder.iterdir()) == [CHAIN, *clip_files(filmed)]
    assert len(clip_files(filmed)) == 3
    assert left.head == read(filmed.folder)[-1]["hash"]
    assert verify(filmed.folder, head=left.head) == []
    assert standing_of(read(filmed.folder)) == "evidence retention"
    assert (await filmed.kinds())[-2:] == ["recording.expired", "recording.film_deleted"]
    leave = await filmed.playback.ask(who, staff, done.id, "复核签名过程")
    view = await filmed.playback.player(who, staff, done.id, leave)
    assert (view.whole, view.clip) == (False, 0)
    for clip in range(3):
        film = await filmed.playback.film(who, staff, done.id, leave, clip=clip)
        assert (await filmed.playback.octets(film, 0, 4)) == b"\x1aE\xdf\xa3"
    with pytest.raises(NotFound, match="unknown_recording"):
        await filmed.playback.film(who, staff, done.id, leave)
    page = await filmed.playback.page(who, staff, done.id)
    assert (page.row.state, page.findings, page.can) == ("evidence", [], frozenset({"play", "hold"}))


async def test_once_the_film_is_gone_no_key_that_is_left_opens_what_a_backup_still_holds(
    filmed: Filmed,
) -> None:
    done = await filmed.make()
    backup = (filmed.folder / FILM).read_bytes()
    assert done.keep_until is not None
    filmed.town.now = done.keep_until
    await filmed.town.made.films.sweep()
    left, house = await filmed.now(), filmed.town.house
    assert left.key_sealed == ""
    (filmed.folder / FILM).write_bytes(backup)
    with pytest.raises(Unavailable, match="file_damaged"):
        await house.archive.octets(left.id, key=evidence_key_of(house.vault, left))


async def test_after_its_time_everything_goes_but_the_row_and_the_chain_that_prove_it(filmed: Filmed) -> None:
    done = await filmed.make()
    who, staff = await admin(filmed.town)
    leave = await filmed.playback.ask(who, staff, done.id, "复核签名过程")
    assert done.keep_until is not None
    assert done.evidence_until is not None
    for filmed.town.now in (done.keep_until, done.evidence_until):
        await filmed.town.made.films.sweep()
    gone = await filmed.now()
    assert (gone.state, gone.key_sealed, gone.octets, gone.deadline) == (State.DELETED, "", 0, None)
    assert (gone.evidence_key_sealed, gone.deleted_at) == (None, done.evidence_until)
    assert [path.name for path in filmed.folder.iterdir()] == [CHAIN]
    assert gone.head == read(filmed.folder)[-1]["hash"]
    assert verify(filmed.folder, head=gone.head) == []
    assert (await filmed.kinds())[-2:] == ["recording.expired", "recording.deleted"]
    page = await filmed.playback.page(who, staff, done.id)
    assert (page.row.state, page.findings, page.can) == ("deleted", [], frozenset())
    assert [one.reason for one in page.viewings] == ["复核签名过程"]
    filmed.town.now = done.keep_until - DAYS * DAY_SECONDS
    with pytest.raises((NotFound, Conflict, Gone)):
        await filmed.playback.film(who, staff, done.id, leave)


async def test_where_the_policy_names_no_time_of_their_own_the_clips_go_with_the_film(filmed: Filmed) -> None:
    done = await filmed.make()
    alike = replace(done, evidence_until=None, version=done.version + 1)
    await filmed.town.house.ledger.write(lambda conn: kept.change(conn, alike, seen=done.version))
    assert done.keep_until is not None
    filmed.town.now = done.keep_until
    await filmed.town.made.films.sweep()
    assert (await filmed.now()).state is State.DELETED
    assert [path.name for path in filmed.folder.iterdir()] == [CHAIN]


async def test_a_reduction_that_was_cut_short_is_finished_later(filmed: Filmed) -> None:
    done = await filmed.make()
    assert done.keep_until is not None
    filmed.town.now = done.keep_until
    busy = Chain(filmed.folder)
    await filmed.town.made.films.sweep()
    assert ((await filmed.now()).state, (await filmed.now()).film_deleted_at) == (State.EVIDENCE, None)
    busy.close()
    filmed.town.now += AGAIN_SECONDS[0]
    await filmed.town.made.films.sweep()
    assert (await filmed.now()).film_deleted_at == filmed.town.now
    assert not (filmed.folder / FILM).exists()


async def test_a_deletion_that_was_cut_short_is_finished_later(filmed: Filmed) -> None:
    done = await filmed.make()
    assert done.keep_until is not None
    assert done.evidence_until is not None
    filmed.town.now = done.keep_until
    await filmed.town.made.films.sweep()
    filmed.town.now = done.evidence_until
    busy = Chain(filmed.folder)
    await filmed.town.made.films.sweep()
    cut_short = await filmed.now()
    assert (cut_short.state, cut_short.evidence_key_sealed is not None) == (State.DELETED, True)
    busy.close()
    filmed.town.now += AGAIN_SECONDS[0]
    await filmed.town.made.films.sweep()
    assert (await filmed.now()).evidence_key_sealed is None
    assert [path.name for path in filmed.folder.iterdir()] == [CHAIN]


async def test_a_hold_outlives_the_time_until_it_is_released_for_a_reason(filmed: Filmed) -> None:
    done = await filmed.make()
    assert done.keep_until is not None
    who, staff = await admin(filmed.town)
    with pytest.raises(BadInput, match="reason_length"):
        await filmed.playback.hold(who, staff, done.id, "")
    await filmed.playback.hold(who, staff, done.id, "行政复议 2026-17")
    held = await filmed.now()
    assert (held.held_by, held.held_reason) == (staff.id, "行政复议 2026-17")
    assert held.head == read(filmed.folder)[-1]["hash"]
    filmed.town.now = done.keep_until + 400 * DAY_SECONDS
    await filmed.town.made.films.sweep()
    assert (await filmed.now()).state is State.KEPT
    assert (filmed.folder / FILM).exists()
    assert (await filmed.playback.page(who, staff, done.id)).can >= {"release", "play"}
    await filmed.playback.release(who, staff, done.id, "复议已结")
    await filmed.town.made.films.sweep()
    assert (await filmed.now()).state is State.EVIDENCE
    await filmed.playback.hold(who, staff, done.id, "诉讼 2026-90")
    assert done.evidence_until is not None
    filmed.town.now = done.evidence_until + 1
    await filmed.town.made.films.sweep()
    assert (await filmed.now()).state is State.EVIDENCE
    assert len(clip_files(filmed)) == 3, "a hold keeps what is left"
    await filmed.playback.release(who, staff, done.id, "诉讼已结")
    await filmed.town.made.films.sweep()
    assert (await filmed.now()).state is State.DELETED
    assert {"recording.held", "recording.released"} <= set(await filmed.kinds())
    with pytest.raises(Conflict, match="recording_gone"):
        await filmed.playback.hold(who, staff, done.id, "太晚了一些")


async def test_neither_agent_nor_approver_nor_another_district_holds_a_recording(filmed: Filmed) -> None:
    done = await filmed.make()
    for staff in (
        filmed.desk.staff,
        (await filmed.town.desk("zhou", HUADU, role="approver")).staff,
        (await filmed.town.desk("th-admin", TIANHE, role="district_admin")).staff,
    ):
        with pytest.raises(NotFound, match="unknown_recording"):
            await filmed.playback.hold(person(staff), staff, done.id, "行政复议 2026-17")
    assert (await filmed.now()).held_at is None
