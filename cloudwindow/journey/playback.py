"""Looking at recordings: who may, for which reason, what the page shows; holding one back from deletion."""

from collections.abc import Sequence
from dataclasses import replace

from cloudwindow.domain.errors import BadInput, Conflict, NotFound
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.ids import normal_code, word
from cloudwindow.domain.recording import REASON_CHARACTERS, Recording, State
from cloudwindow.domain.recording import chapters as chapters_of
from cloudwindow.domain.rights import CITY, Person, allow, demand
from cloudwindow.journey.house import House
from cloudwindow.journey.recordings import Recordings
from cloudwindow.journey.views import ChapterRow, GapRow, RecordingRow, RecordingView, ViewingRow
from cloudwindow.media.recorder_chain import Line
from cloudwindow.media.recorder_film import FILM
from cloudwindow.records import Connection, events
from cloudwindow.records import recordings as kept
from cloudwindow.records.people import Staff
from cloudwindow.records.recordings import Viewing
from cloudwindow.records.story import note

VIEWING_SECONDS = 3600.0
LISTED = 100
SHORT_GAP_SECONDS = 0.5
"""Gaps below this without lost packets are not worth a line."""


class Playback:
    """What staff do with recordings; another district's answer like none at all."""

    def __init__(self, house: House, recordings: Recordings) -> None:
        self._house, self._recordings = house, recordings

    async def rows(self, person: Person, *, receipt: str = "") -> Sequence[RecordingRow]:
        """The newest recordings this person may know of, or those of one receipt."""
        house, wanted = self._house, normal_code(receipt) if receipt else None
        districts = sorted(
            one.removeprefix("district:") for one in person.reach if one.startswith("district:")
        )
        async with house.ledger.read() as conn:
            if receipt:
                try:
                    case = await house.cases.by_receipt(conn, wanted or "")
                except NotFound:
                    return ()
                found = [
                    one
                    for one in await kept.of_application(conn, case.id)
                    if allow(person, "recording", _district(one))
                ]
            else:
                within = None if CITY in person.reach else districts
                found = list(await kept.of_districts(conn, within, limit=LISTED))
            return [await self._row(conn, one) for one in found]

    async def _row(self, conn: Connection, one: Recording) -> RecordingRow:
        case = await self._house.cases.case(conn, one.application)
        return RecordingRow(
            id=one.id,
            receipt=case.receipt or "",
            item=self._house.item_of(case.item, case.item_version),
            home=self._house.catalogue.district(one.district),
            state=one.state.value,
            started_at=one.started_at,
            seconds=one.seconds,
            keep_until=one.keep_until,
            held=one.held_at is not None,
            failure=one.failure,
        )

    async def page(
        self, person: Person, staff: Staff, recording: str, *, viewing: str = "", clip: str = ""
    ) -> RecordingView:
        """
        Everything about one recording; with ``viewing`` it can be played.

        Raises NotFound("unknown_recording").
        """
        house, now = self._house, self._house.clock()
        async with house.ledger.read() as conn:
            one = await self._allowed(conn, person, "recording", recording)
            row = await self._row(conn, one)
            story = await events.story(conn, one.application)
            seen = await kept.viewings(conn, one.id)
            people = {each.staff: await house.people.staff(conn, each.staff) for each in seen}
            if viewing:
                await kept.viewing(conn, viewing, staff=staff.id, now=now)
        lines = await house.archive.lines(one.id)
        settled = one.state in {State.KEPT, State.DELETED}
        findings = await house.archive.findings(one.id, head=one.head) if settled and lines else []
        clips = {str(line["chapter"]): str(line["name"]) for line in lines if line["kind"] == "clip"}
        if clip and clip not in clips.values():
            raise NotFound("unknown_recording")
        found = chapters_of(one, [(event.kind, event.at) for event in story])
        return RecordingView(
            row=row,
            number=one.number,
            film=one.film,
            octets=one.octets,
            intact=not findings,
            findings=[f"{each.problem}: {each.where}" for each in findings[:20]],
            gaps=gaps_of(lines),
            chapters=[
                ChapterRow(name=each.name, at=each.at, clip=clips.get(each.name, "")) for each in found
            ],
            viewings=[
                ViewingRow(
                    at=each.at,
                    name=found_staff.name if (found_staff := people[each.staff]) else "",
                    number=found_staff.number if found_staff else "",
                    reason=each.reason,
                )
                for each in seen
            ],
            may_play=allow(person, "recording.play", _district(one)) and (one.film == "made" or bool(clips)),
            may_hold=allow(person, "recording.hold", _district(one)) and one.state is not State.DELETED,
            held_reason=one.held_reason if one.held_at is not None else "",
            viewing=viewing,
            clip=clip,
            watermark=f"{staff.name} {staff.number}",
        )

    async def ask(self, person: Person, staff: Staff, recording: str, reason: str) -> str:
        """
        Give a reason, and get leave to play the recording for an hour; it is noted in the case.

        Raises BadInput("reason_needed"), NotFound("unknown_recording").
        """
        words, now, id = _reason(reason), self._house.clock(), word(self._house.random(15))

        async def work(conn: Connection) -> None:
            one = await self._allowed(conn, person, "recording.play", recording)
            viewing = Viewing(
                id=id,
                recording=one.id,
                staff=staff.id,
                reason=words,
                at=now,
                expires_at=now + VIEWING_SECONDS,
            )
            await kept.add_viewing(conn, viewing)
            told = {"recording": one.id, "viewing": id, "reason": words}
            await note(conn, one.application, "recording.viewed", _actor(staff), now, told)

        await self._house.ledger.write(work)
        return id

    async def octets(
        self, person: Person, staff: Staff, viewing: str, recording: str, clip: str, start: int, stop: int
    ) -> tuple[int, bytes]:
        """
        The size of the film, or of a clip, and a part of it. Raises NotFound("unknown_recording").
        """
        async with self._house.ledger.read() as conn:
            leave = await kept.viewing(conn, viewing, staff=staff.id, now=self._house.clock())
            one = await self._allowed(conn, person, "recording.play", recording)
        if leave.recording != one.id:
            raise NotFound("unknown_recording")
        name = FILM
        if clip:
            lines = await self._house.archive.lines(one.id)
            if clip not in {line["name"] for line in lines if line["kind"] == "clip"}:
                raise NotFound("unknown_recording")
            name = clip
        return await self._house.archive.octets(
            one.id, key=self._recordings.key_of(one), name=name, start=start, stop=stop
        )

    async def hold(self, person: Person, staff: Staff, recording: str, reason: str) -> None:
        """
        Keep every recording of the case from deletion until released; the reason is noted in the case.

        Raises BadInput("reason_needed"), NotFound("unknown_recording"), Conflict("state_forbids") when it
        was deleted.
        """
        await self._set_hold(person, staff, recording, _reason(reason), hold=True)

    async def release(self, person: Person, staff: Staff, recording: str, reason: str) -> None:
        """End a hold: what is past its time is deleted soon. Raises as ``hold``."""
        await self._set_hold(person, staff, recording, _reason(reason), hold=False)

    async def _set_hold(
        self, person: Person, staff: Staff, recording: str, reason: str, *, hold: bool
    ) -> None:
        now = self._house.clock()

        async def work(conn: Connection) -> None:
            asked = await self._allowed(conn, person, "recording.hold", recording)
            if asked.state is State.DELETED:
                event = "hold" if hold else "release"
                raise Conflict("state_forbids", {"state": asked.state.value, "event": event})
            for one in await kept.of_application(conn, asked.application):
                if one.state is State.DELETED or (one.held_at is not None) == hold:
                    continue
                changed = replace(
                    one,
                    held_by=staff.id if hold else None,
                    held_at=now if hold else None,
                    held_reason=reason if hold else "",
                    version=one.version + 1,
                )
                await kept.change(conn, changed, seen=one.version)
            said = "recording.held" if hold else "recording.released"
            told = {"recording": recording, "reason": reason}
            await note(conn, asked.application, said, _actor(staff), now, told)

        await self._house.ledger.write(work)

    async def _allowed(self, conn: Connection, person: Person, action: str, recording: str) -> Recording:
        one = await kept.one(conn, recording)
        demand(person, action, _district(one), "unknown_recording")
        return one


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


def _district(one: Recording) -> str:
    return f"district:{one.district}"


def _actor(staff: Staff) -> Actor:
    return Actor(kind="staff", id=staff.id, name=staff.name)


def _reason(typed: str) -> str:
    words = " ".join(typed.split())
    least, most = REASON_CHARACTERS
    if not least <= len(words) <= most:
        raise BadInput("reason_needed", {"least": least, "most": most}, field="reason")
    return words
