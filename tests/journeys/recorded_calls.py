"""Calls that were really recorded: small files of sound and picture, and their rows in the ledger."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

from cloudwindow.domain import recording as machine
from cloudwindow.domain.ids import word
from cloudwindow.domain.recording import Event, Recording, State
from cloudwindow.domain.session import Session
from cloudwindow.journey.house import House
from cloudwindow.media.recorder_take import Take
from cloudwindow.records import recordings as kept
from cloudwindow.vault import place
from tests.gateways.recorded import call

BEGIN = 1000.0


async def recorded(
    house: House, session: Session, *, began_at: float, seconds: float = 3.0, number: int = 1
) -> Recording:
    """A recording of ``session`` that began at ``began_at`` and has just ended; nothing is made of it yet."""
    id, key = word(house.random(15)), house.random(32)
    take = Take(house.archive.path(id), id, key, now=BEGIN, began_at=began_at)
    for record in call(begin=BEGIN, seconds=seconds):
        take.put(record)
        take.tick(record.at)
    take.close("ended", BEGIN + seconds)
    begun = Recording(
        id=id,
        session=session.id,
        application=session.application,
        district=(await _home(house, session)),
        room=session.room,
        number=number,
        key_sealed=house.vault.seal(key.hex(), place=place("recording", "key_sealed", id)),
        state=State.STARTING,
        started_at=began_at,
    )
    over = began_at + seconds
    ended = machine.advance(machine.advance(begun, Event.RUN, began_at), Event.END, over)
    await house.ledger.write(lambda conn: kept.add(conn, replace(ended, head=take.head)))
    return await standing(house, id)


async def _home(house: House, session: Session) -> str:
    async with house.ledger.read() as conn:
        return (await house.cases.case(conn, session.application)).home_district


async def standing(house: House, recording: str) -> Recording:
    """The recording as the ledger has it."""
    async with house.ledger.read() as conn:
        return await kept.one(conn, recording)


def probed(film: bytes, path: Path) -> tuple[int, float]:
    """Pictures that decode, and seconds, as ffprobe says them of ``film``, written to ``path`` for it."""
    path.write_bytes(film)
    shown = "stream=nb_read_frames:format=duration"
    asked = ("-count_frames", "-select_streams", "v:0", "-show_entries", shown, "-of", "json")
    told = subprocess.run(["ffprobe", "-v", "error", *asked, str(path)], check=True, capture_output=True)
    about = json.loads(told.stdout)
    return int(about["streams"][0]["nb_read_frames"]), float(about["format"]["duration"])
