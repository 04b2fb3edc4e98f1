"""
What becomes of a recording after its call: the film and the evidence clips, the time it is kept for, its end.

Rule: whatever is to be done stands in the ledger as a deadline, so any node finds it again after a crash. The
chain's lock, which the system takes back from the dead, keeps two nodes from making one film. The ledger says
first that a film, or a whole recording, is deleted, then the files go, then the ledger forgets their key.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from cloudwindow.domain import recording as recordings
from cloudwindow.domain import session as sessions
from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.recording import Event, Recording, State
from cloudwindow.journey.house import House
from cloudwindow.journey.recordings import evidence_sealed, key_of, marks
from cloudwindow.media.recorder_film import Made
from cloudwindow.records import Connection, events
from cloudwindow.records import recordings as kept
from cloudwindow.records.story import SYSTEM, note

log = logging.getLogger(__name__)

IN_CALL_SECONDS = 5.0
"""So often an ended recording looks whether its call has ended too."""
BUSY_SECONDS = 15.0
"""So often a film that another process is making, or writing, is asked for again."""
AGAIN_SECONDS = (30.0, 300.0, 1800.0)
"""A film that could not be made is tried again after these."""
SOUND = frozenset({"made", "no_ffmpeg", "nothing_recorded"})
"""What is no failure: trying again would change nothing."""
RETENTION = "retention"
"""Why files are deleted, as ledger and chain say it."""
WANTED = "wanted"
"""Stands for the film of a kept recording that somebody asks for once more."""
FILM_LETTERS = 24


class Films:
    """Two duties of every node: making what is missing, and deleting what is over."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def make(self) -> None:
        """Finish the recordings of calls that are over: film, clips, and until when they are kept."""
        for one in await self._due(State.ENDED, State.KEPT):
            if one.state is State.ENDED or one.film == WANTED:
                await self._tried(one, self._make)

    async def sweep(self) -> None:
        """Delete what has been kept long enough and is not held: the film first, the evidence clips later."""
        for one in await self._due(State.KEPT, State.EVIDENCE, State.DELETED):
            if one.state is State.DELETED:
                await self._tried(one, self._erase)
            elif one.state is State.EVIDENCE and one.film_deleted_at is None:
                await self._tried(one, self._reduce)
            elif one.film != WANTED:
                await self._tried(one, self._expire)

    async def _due(self, *states: State) -> Sequence[Recording]:
        async with self._house.ledger.read() as conn:
            return await kept.due(conn, self._house.clock(), states=states)

    async def _tried(self, one: Recording, work: Callable[[Recording], Awaitable[None]]) -> None:
        """One recording that cannot be dealt with must not hold up the others."""
        try:
            await work(one)
        except CloudWindowError as error:
            log.warning("a recording waits", extra={"code": error.code})
            await self._postpone(one, AGAIN_SECONDS[0])

    # --- the film ----------------------------------------------------------------------------------------

    async def _make(self, one: Recording) -> None:
        house = self._house
        async with house.ledger.read() as conn:
            known = await kept.one(conn, one.id)
            call = await house.visits.session(conn, one.session)
            found = await marks(house, conn, one)
            story = await events.story(conn, one.application)
        if (known.state, known.film, known.version) != (one.state, one.film, one.version):
            return
        if call.state in sessions.OPEN:
            await self._postpone(one, IN_CALL_SECONDS)
            return
        made = await self._filmed(one, [{"chapter": c.name, "from": c.start, "to": c.end} for c in found])
        if made.state == "busy":
            await self._postpone(one, BUSY_SECONDS)
        elif made.state in SOUND or one.state is State.KEPT or _tries(story, one) >= len(AGAIN_SECONDS):
            await self._keep(one, made)
        else:
            await self._failed(one, made, AGAIN_SECONDS[_tries(story, one)])

    async def _filmed(self, one: Recording, clips: Sequence[dict[str, object]]) -> Made:
        """What became of it; that the key cannot be had is one more way to fail."""
        try:
            key = key_of(self._house.vault, one)
        except CloudWindowError as error:
            return Made(state=error.code[:FILM_LETTERS])
        return await self._house.archive.finish(one.id, key=key, reason=one.failure or "ended", clips=clips)

    async def _keep(self, one: Recording, made: Made) -> None:
        """Write down what was made, and until when all of it is kept by the item's policy."""
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> None:
            known = await kept.one(conn, one.id)
            if known.state is State.ENDED:
                case = await house.cases.case(conn, known.application)
                policy = house.item_of(case.item, case.item_version).recording
                done = recordings.kept(known, days=policy.full_days, now=now)
                days = policy.evidence_days
                done = recordings.with_evidence(done, clips=made.clips, days=days, now=now)
            elif known.film == WANTED and known.state is State.KEPT:
                case = await house.cases.case(conn, known.application)
                days = house.item_of(case.item, case.item_version).recording.evidence_days
                again = replace(known, deadline=known.keep_until, version=known.version + 1)
                done = recordings.with_evidence(again, clips=made.clips, days=days, now=now)
            else:
                return
            done = replace(done, film=made.state, head=made.head or known.head)
            if made.head:
                done = replace(done, seconds=made.seconds, octets=made.octets)
            await kept.change(conn, done, seen=known.version)
            told = {
                "recording": done.id,
                "head": done.head,
                "seconds": done.seconds,
                "clips": made.clips,
                "film": done.film,
                "keep_until": done.keep_until,
                "evidence_until": done.evidence_until,
            }
            await note(conn, done.application, "recording.kept", SYSTEM, now, told)

        await house.ledger.write(work)

    async def _failed(self, one: Recording, made: Made, again_seconds: float) -> None:
        """Say that it failed, and when it is tried again."""
        now = self._house.clock()

        async def work(conn: Connection) -> None:
            known = await kept.one(conn, one.id)
            if known.state is not State.ENDED:
                return
            later = now + again_seconds
            changed = replace(known, film=made.state, deadline=later, version=known.version + 1)
            await kept.change(conn, changed, seen=known.version)
            told = {"recording": one.id, "reason": made.state, "again_at": later}
            await note(conn, one.application, "recording.film_failed", SYSTEM, now, told)

        await self._house.ledger.write(work)

    async def _postpone(self, one: Recording, seconds: float) -> None:
        now = self._house.clock()

        async def work(conn: Connection) -> None:
            known = await kept.one(conn, one.id)
            if known.version == one.version:
                later = replace(known, deadline=now + seconds, version=known.version + 1)
                await kept.change(conn, later, seen=known.version)

        await self._house.ledger.write(work)

    # --- the end -----------------------------------------------------------------------------------------

    async def _expire(self, one: Recording) -> None:
        """The time is over and nobody holds it: the ledger says so, then the files go."""
        now = self._house.clock()

        async def work(conn: Connection) -> Recording | None:
            known = await kept.one(conn, one.id)
            until = recordings.kept_for(known)
            over = until is not None and until <= now
            if known.state not in recordings.STORED or known.held_at is not None or not over:
                return None
            event = Event.REDUCE if _leaves_evidence(known, now) else Event.DELETE
            gone = replace(recordings.advance(known, event, now), deadline=now)
            await kept.change(conn, gone, seen=known.version)
            told = {"recording": one.id, "reason": RETENTION, "left": gone.state.value}
            await note(conn, one.application, "recording.expired", SYSTEM, now, told)
            return gone

        gone = await self._house.ledger.write(work)
        if gone is not None:
            await (self._reduce if gone.state is State.EVIDENCE else self._erase)(gone)

    async def _reduce(self, one: Recording) -> None:
        """Delete all but the clips, forget the film's key and say so; done again until it has been said."""
        archive, now = self._house.archive, self._house.clock()
        await archive.release(one.id, reason=RETENTION)  # the ledger's word is the one that holds
        head, octets = await archive.reduce(one.id, reason=RETENTION)
        apart = all(line.get("key") for line in await archive.lines(one.id) if line["kind"] == "clip")
        sealed = evidence_sealed(self._house.vault, one) if apart else None

        async def work(conn: Connection) -> None:
            known = await kept.one(conn, one.id)
            if known.state is not State.EVIDENCE or known.film_deleted_at is not None:
                return
            left = replace(
                known,
                head=head or known.head,
                key_sealed="" if sealed else known.key_sealed,
                evidence_key_sealed=sealed,
                octets=octets,
                film_deleted_at=now,
                deadline=known.evidence_until,
                version=known.version + 1,
            )
            await kept.change(conn, left, seen=known.version)
            told = {"recording": one.id, "head": left.head, "reason": RETENTION, "clips": left.clips}
            until = {"evidence_until": left.evidence_until}
            await note(conn, one.application, "recording.film_deleted", SYSTEM, now, told | until)

        await self._house.ledger.write(work)

    async def _erase(self, one: Recording) -> None:
        """Delete the files, forget the key and say so; done again until it has been said."""
        archive, now = self._house.archive, self._house.clock()
        await archive.release(one.id, reason=RETENTION)  # the ledger's word is the one that holds
        head = await archive.delete(one.id, reason=RETENTION)

        async def work(conn: Connection) -> None:
            known = await kept.one(conn, one.id)
            if known.deadline is None:
                return
            gone = replace(
                known,
                head=head or known.head,
                key_sealed="",
                evidence_key_sealed=None,
                octets=0,
                film_deleted_at=known.film_deleted_at or now,
                deleted_at=now,
                deadline=None,
                version=known.version + 1,
            )
            await kept.change(conn, gone, seen=known.version)
            told = {"recording": one.id, "head": gone.head, "reason": RETENTION}
            await note(conn, one.application, "recording.deleted", SYSTEM, now, told)

        await self._house.ledger.write(work)


def _leaves_evidence(known: Recording, now: float) -> bool:
    """Whether the clips of a recording whose time is over are kept for longer."""
    return known.state is State.KEPT and known.evidence_until is not None and known.evidence_until > now


def _tries(story: Sequence[events.Event], one: Recording) -> int:
    """How often the film of a recording could not be made."""
    return sum(
        event.kind == "recording.film_failed" and event.payload.get("recording") == one.id for event in story
    )
