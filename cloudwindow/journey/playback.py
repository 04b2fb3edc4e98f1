"""
Looking at recordings: who may, for which reason, what the page shows; holding them back from deletion.

Rule 1: an agent reaches the calls they served; everybody else what is at home in their district, or the city.
Rule 2: nothing is played before a typed reason stands in the ledger and in the story of the case.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cloudwindow.domain.calendar import SHANGHAI
from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict, NotFound
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.ids import normal_code, word
from cloudwindow.domain.recording import LEAVE_SECONDS, REASON_CHARACTERS, STORED, Recording, State
from cloudwindow.domain.rights import CITY, Person, Role, allow
from cloudwindow.journey.films import WANTED
from cloudwindow.journey.house import House
from cloudwindow.journey.recording_views import (
    ChapterRow,
    GapRow,
    PlayView,
    RecordingRow,
    RecordingView,
    ViewingRow,
)
from cloudwindow.journey.recordings import evidence_key_of, key_of, marks
from cloudwindow.media.recorder_chain import Line, gone
from cloudwindow.media.recorder_film import EVIDENCE, FILM
from cloudwindow.records import Connection, recording_copies
from cloudwindow.records import recordings as kept
from cloudwindow.records.people import Staff
from cloudwindow.records.recording_copies import Check
from cloudwindow.records.recordings import Listed, Viewing
from cloudwindow.records.story import note

LISTED = 100
SHORT_GAP_SECONDS = 0.5
"""Gaps below this without lost packets are not worth a line."""
FINDINGS = 20
SHORT_LETTERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film or clip that may be read: its name in the archive, its key and its plain size."""

    recording: str
    name: str
    key: bytes
    size: int


class Playback:
    """What staff do with recordings; those out of their reach answer like none at all."""

    def __init__(self, house: House) -> None:
        self._house = house

    # --- looking -----------------------------------------------------------------------------------------

    async def rows(self, person: Person, staff: Staff, *, receipt: str = "") -> Sequence[RecordingRow]:
        """The newest recordings this person may know of; with a ``receipt`` those of that case."""
        house = self._house
        async with house.ledger.read() as conn:
            if receipt:
                found = await self._of_receipt(conn, receipt)
            else:
                found = await kept.listed(conn, districts=_districts(person), agent=staff.id, limit=LISTED)
        return [self.row(one) for one in found if reaches(person, staff, "recording", one)]

    async def _of_receipt(self, conn: Connection, receipt: str) -> Sequence[Listed]:
        try:
            case = await self._house.cases.by_receipt(conn, normal_code(receipt) or receipt.strip().upper())
        except NotFound:
            return ()
        return await kept.listed_of(conn, case.id)

    def row(self, one: Listed) -> RecordingRow:
        """A recording as lists and headings show it."""
        house, known = self._house, one.recording
        return RecordingRow(
            id=known.id,
            receipt=one.receipt,
            item=house.item_of(one.item, one.item_version).name,
            home=house.catalogue.district(known.district),
            agent=f"{one.agent_name} {one.agent_number}",
            number=known.number,
            state=known.state.value,
            started_at=known.started_at,
            seconds=known.seconds or max(0.0, (known.ended_at or known.started_at) - known.started_at),
            keep_until=known.keep_until,
            held=known.held_at is not None,
            failure=known.failure,
            film=known.film,
            clips=known.clips,
            evidence_until=known.evidence_until,
            film_deleted_at=known.film_deleted_at,
            deleted_at=known.deleted_at,
        )

    async def page(self, person: Person, staff: Staff, recording: str) -> RecordingView:
        """Everything about one recording; its files are checked if they changed. Raises as ``_reached``."""
        house = self._house
        async with house.ledger.read() as conn:
            one = await self._reached(conn, person, staff, "recording", recording)
            viewers = await kept.viewings(conn, one.recording.id)
            found = await marks(house, conn, one.recording)
            copies = await recording_copies.taken(conn, [each.viewing.id for each in viewers])
        known = one.recording
        lines = await house.archive.lines(known.id)
        settled = known.state in STORED | {State.DELETED} and bool(lines)
        check = await self._checked(known) if settled else None
        clips = clips_of(lines)
        return RecordingView(
            row=self.row(one),
            octets=known.octets,
            head=known.head,
            checked_at=check.at if check else None,
            findings=check.findings if check else (),
            gaps=gaps_of(lines),
            chapters=[
                ChapterRow(name=each.name, at=each.at, clip=number if (number, each.name) in clips else None)
                for number, each in enumerate(found)
            ],
            viewings=[
                ViewingRow(
                    at=each.viewing.at,
                    expires_at=each.viewing.expires_at,
                    name=each.name,
                    number=each.number,
                    reason=each.viewing.reason,
                    copies=copies.get(each.viewing.id, 0),
                )
                for each in viewers
            ],
            held_reason=known.held_reason if known.held_at is not None else "",
            can=_can(person, staff, one),
        )

    async def check(self, person: Person, staff: Staff, recording: str) -> None:
        """Compare files and chain once more. Raises Conflict("recording_unfinished"), as ``_reached``."""
        async with self._house.ledger.read() as conn:
            known = (await self._reached(conn, person, staff, "recording", recording)).recording
        if known.state not in STORED | {State.DELETED}:
            raise Conflict("recording_unfinished")
        await self._checked(known, anew=True)

    async def _checked(self, known: Recording, *, anew: bool = False) -> Check:
        """The last check of its files; made now if they look different since, or ``anew``."""
        house = self._house
        mark = await house.archive.mark(known.id)
        if not anew:
            async with house.ledger.read() as conn:
                last = await recording_copies.check(conn, known.id)
            if last is not None and last.mark == mark:
                return last
        found = await house.archive.findings(known.id, head=known.head)
        told = [f"{each.problem}: {each.where}" for each in found[:FINDINGS]]
        made = Check(recording=known.id, at=house.clock(), mark=mark, findings=told)
        await house.ledger.write(lambda conn: recording_copies.keep_check(conn, made))
        return made

    # --- playing -----------------------------------------------------------------------------------------

    async def ask(self, person: Person, staff: Staff, recording: str, reason: str) -> str:
        """
        Give a reason, and get leave to play the recording for a time; it is noted in the case.

        Raises BadInput("reason_length"), Conflict("recording_without_film") and as ``_reached``.
        """
        words, now, id = reason_of(reason), self._house.clock(), word(self._house.random(15))

        async def work(conn: Connection) -> None:
            known = (await self._reached(conn, person, staff, "recording.play", recording)).recording
            _demand_film(known)
            viewing = Viewing(
                id=id,
                recording=known.id,
                staff=staff.id,
                reason=words,
                at=now,
                expires_at=now + LEAVE_SECONDS,
            )
            await kept.add_viewing(conn, viewing)
            told = {"recording": known.id, "viewing": id, "reason": words, "until": viewing.expires_at}
            await note(conn, known.application, "recording.played", _actor(staff), now, told)

        await self._house.ledger.write(work)
        return id

    async def player(
        self, person: Person, staff: Staff, recording: str, viewing: str, *, clip: int | None = None
    ) -> PlayView:
        """
        The page that plays the film, or a clip of it; the first clip where there is no film any more.

        Raises NotFound("unknown_recording"), Gone("viewing_over"), Conflict("recording_without_film").
        """
        one, leave = await self.left(person, staff, "recording.play", recording, viewing)
        async with self._house.ledger.read() as conn:
            found = await marks(self._house, conn, one.recording)
        clips = clips_of(await self._house.archive.lines(one.recording.id))
        whole = one.recording.state is State.KEPT
        if clip is None and not whole:
            clip = min((number for number, _ in clips), default=None)
        here = f"/staff/recordings/{recording}/viewings/{viewing}"
        return PlayView(
            row=self.row(one),
            watermark=mark_of(staff, one, self._house.clock()),
            here=here,
            source=f"{here}/film" if clip is None else f"{here}/clips/{clip}",
            clip=clip,
            whole=whole,
            chapters=[
                ChapterRow(name=each.name, at=each.at, clip=number if (number, each.name) in clips else None)
                for number, each in enumerate(found)
            ],
            reason=leave.reason,
            expires_at=leave.expires_at,
            may_copy=reaches(person, staff, "recording.download", one),
        )

    async def film(
        self, person: Person, staff: Staff, recording: str, viewing: str, *, clip: int | None = None
    ) -> Film:
        """The film, or a clip, for whoever has leave. Raises as ``player``, Unavailable("file_damaged")."""
        one, _ = await self.left(person, staff, "recording.play", recording, viewing)
        return await self.stored(one.recording, clip)

    async def octets(self, film: Film, start: int, stop: int) -> bytes:
        """Plain octets of ``film`` from ``start`` up to ``stop``. Raises as ``film``."""
        _, octets = await self._house.archive.octets(
            film.recording, key=film.key, name=film.name, start=start, stop=stop
        )
        return octets

    async def left(
        self, person: Person, staff: Staff, action: str, recording: str, viewing: str
    ) -> tuple[Listed, Viewing]:
        """The recording and this person's leave; that a right was taken away ends the leave."""
        async with self._house.ledger.read() as conn:
            one = await self._reached(conn, person, staff, action, recording)
            leave = await kept.viewing(conn, viewing, staff=staff.id, now=self._house.clock())
        if leave.recording != one.recording.id:
            raise NotFound("unknown_recording")
        _demand_film(one.recording)
        return one, leave

    async def stored(self, known: Recording, clip: int | None) -> Film:
        """The film of a recording, or a clip, in the archive. Raises NotFound("unknown_recording")."""
        house = self._house
        if clip is None:
            if known.state is not State.KEPT:
                raise NotFound("unknown_recording")
            name, key = FILM, key_of(house.vault, known)
        else:
            line = clip_line(await house.archive.lines(known.id), clip)
            apart = line.get("key") == EVIDENCE
            name = str(line["name"])
            key = evidence_key_of(house.vault, known) if apart else key_of(house.vault, known)
        size, _ = await house.archive.octets(known.id, key=key, name=name, stop=0)
        return Film(recording=known.id, name=name, key=key, size=size)

    # --- holding -----------------------------------------------------------------------------------------

    async def hold(self, person: Person, staff: Staff, recording: str, reason: str) -> None:
        """
        Keep every recording of the case from deletion until released; the reason is noted in the case.

        Raises BadInput("reason_length"), Conflict("recording_gone") and as ``_reached``.
        """
        await self._set_hold(person, staff, recording, reason_of(reason), hold=True)

    async def release(self, person: Person, staff: Staff, recording: str, reason: str) -> None:
        """End a hold: what is past its time is deleted soon. Raises as ``hold``."""
        await self._set_hold(person, staff, recording, reason_of(reason), hold=False)

    async def _set_hold(
        self, person: Person, staff: Staff, recording: str, reason: str, *, hold: bool
    ) -> None:
        house, now = self._house, self._house.clock()

        async def work(conn: Connection) -> list[Recording]:
            asked = (await self._reached(conn, person, staff, "recording.hold", recording)).recording
            if asked.state is State.DELETED:
                raise Conflict("recording_gone")
            changed = []
            for one in [each.recording for each in await kept.listed_of(conn, asked.application)]:
                if one.state is State.DELETED or (one.held_at is not None) == hold:
                    continue
                changed.append(_held(one, staff, reason, now) if hold else _released(one))
                await kept.change(conn, changed[-1], seen=one.version)
            if changed:
                kind = "recording.held" if hold else "recording.released"
                told = {"recordings": [one.id for one in changed], "reason": reason}
                await note(conn, asked.application, kind, _actor(staff), now, told)
            return changed

        for one in await house.ledger.write(work):
            await self._say_in_chain(one, reason, hold=hold)

    async def _say_in_chain(self, one: Recording, reason: str, *, hold: bool) -> None:
        """The chain says it too; the ledger's word holds where the chain is busy or away."""
        archive = self._house.archive
        try:
            said = await (archive.hold if hold else archive.release)(one.id, reason=reason)
        except CloudWindowError:
            return

        async def work(conn: Connection) -> None:
            known = await kept.one(conn, one.id)
            if said is not None and known.version == one.version:
                await kept.change(
                    conn, replace(known, head=said, version=known.version + 1), seen=known.version
                )

        await self._house.ledger.write(work)

    # --- a film that failed ------------------------------------------------------------------------------

    async def again(self, person: Person, staff: Staff, recording: str) -> None:
        """Have a film that could not be made tried once more. Raises Conflict("film_not_missing")."""
        now = self._house.clock()

        async def work(conn: Connection) -> None:
            known = (await self._reached(conn, person, staff, "recording.film", recording)).recording
            if "film" not in _offers(known):
                raise Conflict("film_not_missing")
            asked = replace(known, film=WANTED, deadline=now, version=known.version + 1)
            await kept.change(conn, asked, seen=known.version)
            told = {"recording": known.id, "film": known.film}
            await note(conn, known.application, "recording.film_wanted", _actor(staff), now, told)

        await self._house.ledger.write(work)

    async def _reached(
        self, conn: Connection, person: Person, staff: Staff, action: str, recording: str
    ) -> Listed:
        """The recording, if this person may do ``action`` with it. Raises NotFound("unknown_recording")."""
        one = await kept.listed_one(conn, recording)
        if not reaches(person, staff, action, one):
            raise NotFound("unknown_recording")
        return one


def reaches(person: Person, staff: Staff, action: str, one: Listed) -> bool:
    """Whether ``person`` may do ``action`` with a recording, by rule 1."""
    own = Person(roles=person.roles & {Role.AGENT}, reach=frozenset({f"agent:{staff.id}"}))
    others = Person(roles=person.roles - {Role.AGENT}, reach=person.reach)
    at_home = f"district:{one.recording.district}"
    return allow(own, action, f"agent:{one.agent}") or allow(others, action, at_home)


def _districts(person: Person) -> Sequence[str] | None:
    """Whose recordings somebody reaches beside those of their own calls; None: everybody's."""
    if CITY in person.reach:
        return None
    if person.roles & {Role.APPROVER, Role.DISTRICT_ADMIN}:
        return sorted(one.removeprefix("district:") for one in person.reach if one.startswith("district:"))
    return ()


def _offers(known: Recording) -> frozenset[str]:
    """What can be done with a recording as it stands, whoever asks."""
    if known.state is State.DELETED:
        return frozenset()
    words = {"release" if known.held_at is not None else "hold"}
    if known.state in STORED and known.film == "made":
        words.add("play")
    elif known.state is State.KEPT and known.film not in {"nothing_recorded", WANTED}:
        words.add("film")
    return frozenset(words)


def _can(person: Person, staff: Staff, one: Listed) -> frozenset[str]:
    actions = {"release": "recording.hold"}
    return frozenset(
        offer
        for offer in _offers(one.recording)
        if reaches(person, staff, actions.get(offer, f"recording.{offer}"), one)
    )


def _demand_film(known: Recording) -> None:
    if "play" not in _offers(known):
        raise Conflict("recording_without_film")


def clips_of(lines: Sequence[Line]) -> set[tuple[int, str]]:
    """(number, chapter) of each clip that is there."""
    return {(_number_of(line), str(line["chapter"])) for line in _clip_lines(lines)}


def clip_line(lines: Sequence[Line], number: int) -> Line:
    """The chain's line of a clip. Raises NotFound("unknown_recording")."""
    found = next((line for line in _clip_lines(lines) if _number_of(line) == number), None)
    if found is None:
        raise NotFound("unknown_recording")
    return found


def _clip_lines(lines: Sequence[Line]) -> list[Line]:
    over = gone(lines)
    return [line for line in lines if line["kind"] == "clip" and line["name"] not in over]


def _number_of(line: Line) -> int:
    return int(str(line["name"]).split("-")[1])


def short_id(recording: str) -> str:
    """The beginning of a recording's id, as it stands on pages and in pictures."""
    return recording[:SHORT_LETTERS].upper()


def mark_of(staff: Staff, one: Listed, now: float) -> str:
    """What stands over the picture: who looks at it, when, and at what."""
    moment = datetime.fromtimestamp(now, SHANGHAI).strftime("%Y-%m-%d %H:%M")
    return f"{staff.name} {staff.number} · {moment} · {one.receipt or short_id(one.recording.id)}"


def gaps_of(lines: Sequence[Line]) -> list[GapRow]:
    """The gaps worth a line, in order."""
    rows = []
    for line in lines:
        if line["kind"] != "gap":
            continue
        start, end = float(line["from"]), line["to"]
        packets = int(line.get("packets", 0))
        if end is not None and float(end) - start < SHORT_GAP_SECONDS and not packets:
            continue
        rows.append(GapRow(reason=str(line["reason"]), start=start, end=end, packets=packets))
    return sorted(rows, key=lambda row: row.start)


def reason_of(typed: str) -> str:
    """A reason as it is kept. Raises BadInput("reason_length")."""
    words = " ".join(typed.split())
    least, most = REASON_CHARACTERS
    if not least <= len(words) <= most:
        raise BadInput("reason_length", {"least": least, "most": most}, field="reason")
    return words


def _held(one: Recording, staff: Staff, reason: str, now: float) -> Recording:
    return replace(one, held_by=staff.id, held_at=now, held_reason=reason, version=one.version + 1)


def _released(one: Recording) -> Recording:
    return replace(one, held_by=None, held_at=None, held_reason="", version=one.version + 1)


def _actor(staff: Staff) -> Actor:
    return Actor(kind="staff", id=staff.id, name=staff.name)
