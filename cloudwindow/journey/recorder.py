"""
Writes into the ledger what the line announces about offers, so that each assignment can be explained later.

Every node does this duty, and each announcement is given to one of them. It is acknowledged only once the
ledger has it: what a node held when it died, or while the ledger was away, is given out again. A row may be
written twice and counts once.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_client import Counter, Gauge

from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.explain import Assignment, Ending
from cloudwindow.domain.ids import word
from cloudwindow.queue import Announcement, Line, RecordLag
from cloudwindow.records import Connection, assignments
from cloudwindow.records.assignments import End
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.rows import dumps

log = logging.getLogger(__name__)

BATCH = 200
LAG_LIMIT_SECONDS = 60.0
LAG_LIMIT_SHARE = 0.5
"""Of what the stream keeps: the other half is the time to bring the ledger back."""

LAG_SECONDS = Gauge("cw_record_lag_seconds", "Age of the oldest announcement that is not in the ledger")
LAG_ENTRIES = Gauge("cw_record_lag_entries", "Announcements of the line that are not in the ledger")
LOST = Counter("cw_record_lost_total", "Announcements that were dropped before they were in the ledger")

ENDINGS: Mapping[str, Ending] = {f"offer.{ending.value}": ending for ending in Ending}


class Recorder:
    """One reader of the line's announcements."""

    def __init__(self, ledger: Ledger, line: Line, random: Callable[[int], bytes]) -> None:
        self._ledger = ledger
        self._line = line
        self._name = f"reader-{word(random(8))}"
        self._late = False

    async def record(self) -> int:
        """
        Record what has gathered; how many announcements were taken care of.

        Raises Unavailable when ledger or line are away; nothing is acknowledged then that is not written.
        """
        done = 0
        while heard := await self._line.unrecorded(self._name, count=BATCH):
            await self._keep(heard)
            await self._line.recorded([one.id for one in heard])
            done += len(heard)
            if len(heard) < BATCH:
                break
        return done

    async def look(self) -> RecordLag:
        """Measure how far the record is behind, and say so in the log when that begins or ends."""
        await self._line.forget_readers()
        lag = await self._line.record_lag()
        LAG_SECONDS.set(lag.seconds)
        LAG_ENTRIES.set(lag.entries)
        late = lag.gap or lag.seconds > LAG_LIMIT_SECONDS or lag.entries > LAG_LIMIT_SHARE * lag.limit
        if late != self._late:
            measured = {"entries": lag.entries, "seconds": round(lag.seconds)}
            log.log(
                logging.WARNING if late else logging.INFO,
                "the record is behind the line" if late else "the record has caught up",
                extra=measured,
            )
        self._late = late
        return lag

    async def _keep(self, heard: Sequence[Announcement]) -> None:
        lost = sum(one.kind == "trimmed" for one in heard)
        if lost:
            LOST.inc(lost)
            log.warning("announcements were dropped before they were recorded", extra={"entries": lost})
        try:
            await self._write(heard)
        except CloudWindowError:
            raise
        except Exception:
            log.exception("a batch could not be recorded; trying one by one")
            await self._keep_singly(heard)

    async def _keep_singly(self, heard: Sequence[Announcement]) -> None:
        """One announcement that cannot be written must not hold up the rest."""
        for one in heard:
            try:
                await self._write([one])
            except CloudWindowError:
                raise
            except Exception:
                LOST.inc()
                log.exception("an announcement could not be recorded")

    async def _write(self, heard: Sequence[Announcement]) -> None:
        made = [told for one in heard if (told := offer_told(one)) is not None]
        ended = [end for one in heard if (end := end_told(one)) is not None]

        async def work(conn: Connection) -> None:
            await assignments.keep(conn, made, ended)

        if made or ended:
            await self._ledger.write(work)


def offer_told(news: Announcement) -> Assignment | None:
    """The assignment that ``offer.made`` tells of; what is missing stays unknown."""
    if news.kind != "offer.made" or news.ticket is None or news.agent is None:
        return None
    why = news.extra.get("why")
    reasons: Mapping[str, Any] = why if isinstance(why, dict) else {}
    ring = news.extra.get("ring")
    return Assignment(
        ticket=news.ticket,
        epoch=news.epoch,
        agent=news.agent,
        agent_district="",
        lane=str(news.extra.get("lane", ""))[:280],
        ring=ring if isinstance(ring, int) else -1,
        rule=str(reasons.get("rule", "unknown"))[:24] or "unknown",
        made_at=news.at,
        why=dumps(reasons),
    )


def end_told(news: Announcement) -> End | None:
    """What happened to an offer, if ``news`` tells of that."""
    ending = ENDINGS.get(news.kind)
    if ending is None or news.ticket is None:
        return None
    return End(
        ticket=news.ticket,
        epoch=news.epoch,
        agent=news.agent or "",
        lane=str(news.extra.get("lane", ""))[:280],
        at=news.at,
        ending=ending,
        reason=str(news.extra.get("reason", ""))[:80],
    )
