"""
Taking a recording along: a copy with the name of whoever takes it in every picture.

Rule 1: whoever may download has given a reason; each copy is made once, and gone when the leave ends.
Rule 2: nothing leaves unmarked; a site without letters to draw the mark with hands out nothing.
Rule 3: the ledger says which copies are to be made; any node makes them, in a child process.
"""

import logging
from dataclasses import replace
from datetime import datetime

from cloudwindow.domain.calendar import SHANGHAI
from cloudwindow.domain.errors import CloudWindowError, Conflict, Gone, NotFound
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.ids import word
from cloudwindow.domain.recording import State
from cloudwindow.domain.rights import Person
from cloudwindow.journey.house import House
from cloudwindow.journey.playback import Film, Playback, clip_line, short_id
from cloudwindow.journey.recording_views import CopyView
from cloudwindow.media.recorder_copy import Copied, copy_name
from cloudwindow.records import Connection
from cloudwindow.records import recording_copies as copies
from cloudwindow.records import recordings as kept
from cloudwindow.records.people import Staff
from cloudwindow.records.recording_copies import Copy
from cloudwindow.records.story import note

log = logging.getLogger(__name__)

BUSY_SECONDS = 5.0
"""So often a copy is tried again while somebody else writes its recording."""
LEASE_SECONDS = 1800.0
"""A node that has not made a copy by then is taken for dead."""
MAX_OF_ONE_LEAVE = 5
OVER = "copy_over"


class Copies:
    """Marked copies: asked for, made, handed out, taken away."""

    def __init__(self, house: House, playback: Playback) -> None:
        self._house, self._playback = house, playback

    async def ask(
        self, person: Person, staff: Staff, recording: str, viewing: str, *, clip: int | None = None
    ) -> str:
        """
        Have a copy made of the film, or a clip, for whoever has leave; the same one while it is there.

        Raises as ``Playback.left``, Conflict("copies_too_many").
        """
        house, now = self._house, self._house.clock()
        one, _ = await self._playback.left(person, staff, "recording.download", recording, viewing)
        await self._playback.stored(one.recording, clip)
        moment = datetime.fromtimestamp(now, SHANGHAI).strftime("%Y-%m-%d %H:%M")
        asked = Copy(
            id=word(house.random(15)),
            viewing=viewing,
            recording=recording,
            clip=clip,
            words=f"{staff.name} {staff.number}\n{moment} · {short_id(recording)}",
            asked_at=now,
            deadline=now,
        )

        async def work(conn: Connection) -> str:
            known = await copies.of_viewing(conn, viewing)
            same = next((each for each in known if each.clip == clip and each.ended_at is None), None)
            if same is not None:
                return same.id
            if len(known) >= MAX_OF_ONE_LEAVE:
                raise Conflict("copies_too_many")
            await copies.add(conn, asked)
            return asked.id

        return await house.ledger.write(work)

    async def page(self, person: Person, staff: Staff, recording: str, viewing: str, copy: str) -> CopyView:
        """How a copy stands. Raises as ``Playback.left``."""
        one, leave = await self._playback.left(person, staff, "recording.download", recording, viewing)
        known = await self._known(copy, viewing)
        player = f"/staff/recordings/{recording}/viewings/{viewing}"
        chapter = ""
        if known.clip is not None:
            lines = await self._house.archive.lines(recording)
            chapter = str(clip_line(lines, known.clip)["chapter"])
        return CopyView(
            row=self._playback.row(one),
            here=f"{player}/copies/{copy}",
            player=player if known.clip is None else f"{player}?clip={known.clip}",
            state=_state(known),
            words=known.words.replace("\n", " · "),
            chapter=chapter,
            octets=known.octets,
            sha256=known.sha256,
            original=known.original,
            failure=known.failure,
            expires_at=leave.expires_at,
        )

    async def take(self, person: Person, staff: Staff, recording: str, viewing: str, copy: str) -> Film:
        """
        The copy as a file, for whoever asked for it; noted in the case.

        Raises as ``Playback.left``, Conflict("copy_unfinished"), Gone("viewing_over").
        """
        house, now = self._house, self._house.clock()
        one, leave = await self._playback.left(person, staff, "recording.download", recording, viewing)
        known = await self._known(copy, viewing)
        if known.ended_at is not None:
            raise Gone("viewing_over")
        if known.made_at is None:
            raise Conflict("copy_unfinished")
        original = await self._playback.stored(one.recording, known.clip)
        name = copy_name(copy)
        size, _ = await house.archive.octets(recording, key=original.key, name=name, stop=0)

        async def work(conn: Connection) -> None:
            latest = await copies.one(conn, copy)
            if latest.taken_at is None:
                taken = replace(latest, taken_at=now, version=latest.version + 1)
                await copies.change(conn, taken, seen=latest.version)
            told = {
                "recording": recording,
                "viewing": viewing,
                "reason": leave.reason,
                "copy": copy,
                "marked": latest.words,
                "sha256": latest.sha256,
            }
            by = Actor(kind="staff", id=staff.id, name=staff.name)
            await note(conn, one.recording.application, "recording.downloaded", by, now, told)

        await house.ledger.write(work)
        return Film(recording=recording, name=name, key=original.key, size=size)

    async def _known(self, copy: str, viewing: str) -> Copy:
        async with self._house.ledger.read() as conn:
            known = await copies.one(conn, copy)
        if known.viewing != viewing:
            raise NotFound("unknown_recording")
        return known

    # --- the duties of every node ------------------------------------------------------------------------

    async def make(self) -> None:
        """Make the copies that were asked for."""
        async with self._house.ledger.read() as conn:
            asked = await copies.due(conn, self._house.clock(), made=False)
        for copy in asked:
            await self._make(copy)

    async def _make(self, copy: Copy) -> None:
        house = self._house
        leased = replace(copy, deadline=house.clock() + LEASE_SECONDS, version=copy.version + 1)
        try:
            await house.ledger.write(lambda conn: copies.change(conn, leased, seen=copy.version))
        except Conflict:
            return  # another node was first
        try:
            copied = await self._copied(copy)
        except CloudWindowError as error:
            log.warning("a copy was not made", extra={"code": error.code})
            copied = Copied(state="gone" if isinstance(error, NotFound) else "failed")
        await house.ledger.write(lambda conn: self._write_down(conn, leased, copied))

    async def _copied(self, copy: Copy) -> Copied:
        house = self._house
        async with house.ledger.read() as conn:
            known = await kept.one(conn, copy.recording)
        original = await self._playback.stored(known, copy.clip)
        about = {
            "title": short_id(copy.recording),
            "recording": copy.recording,
            "copy": copy.id,
            "marked": copy.words.replace("\n", " · "),
        }
        return await house.archive.copy(
            copy.recording, key=original.key, name=original.name, copy=copy.id, words=copy.words, about=about
        )

    async def _write_down(self, conn: Connection, leased: Copy, copied: Copied) -> None:
        now, leave = self._house.clock(), await kept.any_viewing(conn, leased.viewing)
        known = replace(leased, version=leased.version + 1)
        if copied.state == "made":
            known = replace(
                known,
                made_at=now,
                octets=copied.octets,
                sha256=copied.sha256,
                original=copied.original,
                deadline=leave.expires_at,
            )
            await _set_head(conn, leased.recording, copied.head)
        elif copied.state == "busy":
            known = replace(known, deadline=now + BUSY_SECONDS)
        else:
            known = replace(known, failure=copied.state, ended_at=now, deadline=None)
        await copies.change(conn, known, seen=leased.version)

    async def sweep(self) -> None:
        """Take away the copies whose leave is over."""
        house = self._house
        async with house.ledger.read() as conn:
            over = await copies.due(conn, house.clock(), made=True)
        for copy in over:
            try:
                head = await house.archive.forget(copy.recording, copy.id, reason=OVER)
            except CloudWindowError:
                continue  # its recording is being written: at the next look

            async def work(conn: Connection, copy: Copy = copy, head: str | None = head) -> None:
                ended = replace(copy, ended_at=house.clock(), deadline=None, version=copy.version + 1)
                await copies.change(conn, ended, seen=copy.version)
                await _set_head(conn, copy.recording, head or "")

            await house.ledger.write(work)


async def _set_head(conn: Connection, recording: str, head: str) -> None:
    """The chain has grown: the ledger keeps its last hash."""
    known = await kept.one(conn, recording)
    if head and known.state is not State.DELETED:
        grown = replace(known, head=head, version=known.version + 1)
        await kept.change(conn, grown, seen=known.version)


def _state(known: Copy) -> str:
    if known.failure:
        return "failed"
    if known.ended_at is not None:
        return "over"
    return "ready" if known.made_at is not None else "making"
