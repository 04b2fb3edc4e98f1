"""
What happens without anybody pressing a button: deadlines, the line's news, rebuilding, printing, presence.

Each duty runs in its own loop; a failure is logged and tried again, and never stops another duty.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from functools import partial
from math import inf, nextafter

from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.errors import NotFound, Unavailable
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.ids import TicketId
from cloudwindow.domain.match import PLAIN, Lane
from cloudwindow.domain.messages import BoardChanged, OfferMade, OfferWithdrawn, StageChanged, encode
from cloudwindow.journey.appointment_watch import AppointmentWatch
from cloudwindow.journey.calls import Calls, agent_topic
from cloudwindow.journey.company import Company
from cloudwindow.journey.contact import Contact
from cloudwindow.journey.copies import Copies
from cloudwindow.journey.desk import Desks
from cloudwindow.journey.films import Films
from cloudwindow.journey.house import House
from cloudwindow.journey.intake import lane_of
from cloudwindow.journey.left_desk import LeftDesk
from cloudwindow.journey.lending import Aid
from cloudwindow.journey.nearly import Nearly
from cloudwindow.journey.places import Places
from cloudwindow.journey.printing import Printing
from cloudwindow.journey.promises import Promises
from cloudwindow.journey.recorder import Recorder
from cloudwindow.journey.recordings import Recordings
from cloudwindow.journey.texts import Texts
from cloudwindow.journey.visit import Visits
from cloudwindow.queue import Announcement
from cloudwindow.records import Connection, assignments
from cloudwindow.records.story import SYSTEM, note
from cloudwindow.signaling import PULSE_SECONDS, Text
from cloudwindow.turns import Turns

log = logging.getLogger(__name__)

TICK_SECONDS = 0.2
BEAT_SECONDS = 2.0
DUE_SECONDS = 0.5
SWEEP_SECONDS = 5.0
SWEEP_TICKETS = 2000
"""So many of all who wait are compared with the line in one go, in turn; besides them whoever is new."""
NEW_SECONDS = 60.0
SETTLED_SECONDS = 10.0
"""Before this an agent's state in the line may be ahead of the ledger: an acceptance on its way."""
GATHER_SECONDS = 0.2
"""So long news of the line may gather while no desk is open on this node: nobody here waits for an offer."""
BOARD_SECONDS = 1.0
PLACE_SECONDS = 1.0
PRINT_SECONDS = 10.0
RECALIBRATE_SECONDS = 10.0
RECORD_SECONDS = 1.0
LAG_SECONDS = 10.0
APPOINTMENT_SECONDS = 5.0
NEARLY_SECONDS = 2.0
MEASURED_SECONDS = 5.0
FORGET_SECONDS = 3600.0
COMPANY_SECONDS = 1.0
RECORDING_SECONDS = 1.0
FILM_SECONDS = 5.0
COPY_SECONDS = 1.0
RETENTION_SECONDS = 60.0
TEXTS_SECONDS = 0.5

WITHDRAWN = {"offer.missed": "missed", "offer.declined": "declined", "offer.withdrawn": "withdrawn"}
OF_AGENTS = {"agent.away", "agent.lost", "agent.returned"}
HEARD = {"offer.made", *WITHDRAWN, "ticket.expired", "ticket.ready", *OF_AGENTS}
SAID = {"offer.missed": "ticket.missed_offer", "offer.declined": "ticket.declined"}


def ending() -> bool:
    """
    Whether this task was asked to stop, even if the request was swallowed on the way.

    Python 3.11's ``asyncio.wait_for``, which the Redis client sends with, can lose a cancellation.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Watch:
    """The background duties of one web process."""

    def __init__(
        self,
        house: House,
        calls: Calls,
        visits: Visits,
        desks: Desks,
        places: Places,
        printing: Printing,
        aid: Aid,
        appointments: AppointmentWatch,
        left_forms: LeftDesk,
        promises: Promises,
        contact: Contact,
        company: Company,
        recordings: Recordings,
        films: Films,
        copies: Copies,
        texts: Texts,
    ) -> None:
        self._house = house
        self._recordings = recordings
        self._films = films
        self._copies = copies
        self._company = company
        self._texts = texts
        self._aid = aid
        self._calls = calls
        self._visits = visits
        self._places = places
        self._desks = desks
        self._printing = printing
        self._promises = promises
        self._contact = contact
        self.recorder = Recorder(house.ledger, house.line, house.random)
        self._appointments = appointments
        self._left_forms = left_forms
        self.nearly = Nearly(house, places.place, texts)
        self._moved = False
        self._version = 0
        self._swept = 0.0
        """Tickets that joined before this have been compared with the line in this round."""
        self.listening = asyncio.Event()
        """Set once everything the line announces from now on will be heard."""

    async def run(self) -> None:
        """Do all duties until cancelled."""
        duties: dict[str, tuple[float, Callable[[], Awaitable[object]]]] = {
            "tick": (TICK_SECONDS, self._tick),
            "beat": (BEAT_SECONDS, self._beat),
            "due": (DUE_SECONDS, self._due),
            "sweep": (SWEEP_SECONDS, self._sweep),
            "board": (BOARD_SECONDS, self._board),
            "places": (PLACE_SECONDS, self._places.tell_moved),
            "node": (BEAT_SECONDS, self._places.beat),
            "pulse": (PULSE_SECONDS, self._pulse),
            "print": (PRINT_SECONDS, self._printing.print_pending),
            "recalibrate": (RECALIBRATE_SECONDS, self._promises.recalibrate),
            "record": (RECORD_SECONDS, self.recorder.record),
            "record lag": (LAG_SECONDS, self.recorder.look),
            "appointments": (APPOINTMENT_SECONDS, self._appointments.due),
            "left forms": (APPOINTMENT_SECONDS, self._left_forms.due),
            "nearly": (NEARLY_SECONDS, self.nearly.look),
            "measured": (MEASURED_SECONDS, self._contact.keep_measured),
            "forget measured": (FORGET_SECONDS, self._contact.forget_old),
            "company": (COMPANY_SECONDS, self._company.sweep),
            "recordings": (RECORDING_SECONDS, self._recordings.look),
            "films": (FILM_SECONDS, self._films.make),
            "retention": (RETENTION_SECONDS, self._films.sweep),
            "copies": (COPY_SECONDS, self._copies.make),
            "copies over": (RETENTION_SECONDS, self._copies.sweep),
            "texts": (TEXTS_SECONDS, self._texts.look),
            "texts late": (LAG_SECONDS, self._texts.measure),
            "forget texts": (FORGET_SECONDS, self._texts.forget),
        }
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(Turns(group)), name="watch listen")
            for name, (seconds, duty) in duties.items():
                group.create_task(self._again(name, seconds, duty), name=f"watch {name}")

    async def _again(self, name: str, seconds: float, duty: Callable[[], Awaitable[object]]) -> None:
        while not ending():
            try:
                await duty()
            except Unavailable as error:
                log.warning("duty waits", extra={"duty": name, "code": error.code})
                await asyncio.sleep(1.0)
            except Exception:
                log.exception("duty failed", extra={"duty": name})
                await asyncio.sleep(1.0)
            await asyncio.sleep(seconds)

    # --- the line ----------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        await self._house.line.tick(now=self._house.clock())

    async def _beat(self) -> None:
        await self._house.hub.stay()
        for topic in self._house.hub.topics_of("agent"):
            await self._desks.beat(topic.removeprefix("agent:"))

    async def _pulse(self) -> None:
        self._house.hub.pulse()

    async def _listen(self, turns: Turns) -> None:
        """Tell desks, tickets and boards what the line announces; begin again after a loss."""
        last: str | None = None
        while not ending():
            try:
                last = last or await self._house.line.latest()  # by name: a loss must not skip any
                self.listening.set()
                async for news in self._house.line.announcements(last, rest_seconds=self._rest_seconds):
                    last = news.id
                    self._moved = True
                    if news.kind in HEARD:
                        await turns.take(news.agent or news.ticket or "", partial(self._hear_safely, news))
                    if ending():
                        break
            except Unavailable:
                await asyncio.sleep(0.5)
            except Exception:
                log.exception("news not heard")
                await asyncio.sleep(0.5)

    async def _hear_safely(self, news: Announcement) -> None:
        """Sweeps and deadlines mend later what could not be done now."""
        try:
            await self._hear(news)
        except Unavailable as error:
            log.warning("news not handled", extra={"news": news.kind, "code": error.code})
        except Exception:
            log.exception("news not handled", extra={"news": news.kind})

    def _rest_seconds(self) -> float:
        return 0.0 if self._house.hub.topics_of("agent") else GATHER_SECONDS

    async def _hear(self, news: Announcement) -> None:
        with contextlib.suppress(NotFound):
            if news.kind == "offer.made":
                await self._offered(news)
            elif news.kind in WITHDRAWN:
                await self._withdrawn(news)
            elif news.kind == "ticket.expired" and news.ticket:
                await self._expired(news.ticket)
            elif news.kind == "ticket.ready" and news.ticket:
                await self._visits.ready(news.ticket)
            elif news.kind in OF_AGENTS:
                await self._agent_changed(news)

    async def _offered(self, news: Announcement) -> None:
        if news.agent is None or news.offer is None:
            return
        topic = agent_topic(news.agent)
        if self._house.hub.here(topic) and await self._stands(news.ticket or ""):
            made = OfferMade(offer=news.offer, expires_in_seconds=self._house.offer_seconds)
            await self._house.hub.tell(topic, made)
            await self._story(news, "ticket.offered")

    async def _stands(self, ticket: str) -> bool:
        """Whether the offered ticket is still live; else it leaves the line, and with it the offer."""
        async with self._house.ledger.read() as conn:
            known = await self._house.visits.ticket(conn, ticket)
        if known.live and known.state is not tickets.State.MISSED:
            return True
        await self._house.line.leave(known.id, now=self._house.clock(), reason="ended")
        return False

    async def _withdrawn(self, news: Announcement) -> None:
        if news.agent is None or news.offer is None:
            return
        topic = agent_topic(news.agent)
        if self._house.hub.here(topic):
            told = OfferWithdrawn(offer=news.offer, reason=WITHDRAWN[news.kind])
            await self._house.hub.tell(topic, told)
            if news.kind in SAID:
                await self._story(news, SAID[news.kind])

    async def _story(self, news: Announcement, kind: str) -> None:
        """Write into the case's story what the line did; by the node that holds the agent's page."""

        async def work(conn: Connection) -> None:
            ticket = await self._house.visits.ticket(conn, news.ticket or "")
            actor = SYSTEM if kind == "ticket.offered" else Actor(kind="agent", id=news.agent or "")
            payload = {"offer": news.offer, "agent": news.agent, "epoch": news.epoch, **news.extra}
            await note(conn, ticket.application, kind, actor, news.at, payload)

        await self._house.ledger.write(work)

    async def _expired(self, ticket: str) -> None:
        """The place of somebody who left the page was given up after the grace."""
        async with self._house.ledger.read() as conn:
            known = await self._house.visits.ticket(conn, ticket)
        if known.state is tickets.State.WAITING:
            await self._calls.expire(known)

    async def _agent_changed(self, news: Announcement) -> None:
        if news.agent is None:
            return
        topic = agent_topic(news.agent)
        if news.kind == "agent.lost" and not self._house.hub.here(topic):
            await self._calls.agent_lost(news.agent)
        elif news.kind == "agent.returned":
            await self._calls.agent_back(news.agent)
        if self._house.hub.here(topic) and news.kind == "agent.away":
            told = StageChanged(
                stage="away", version=round(self._house.clock() * 1000), session=None, peer_online=False
            )
            await self._house.hub.tell(topic, told)

    # --- the ledger --------------------------------------------------------------------------------------

    async def _due(self) -> None:
        now = self._house.clock()
        async with self._house.ledger.read() as conn:
            late_tickets = await self._house.visits.tickets_due(conn, now)
            late_sessions = await self._house.visits.sessions_due(conn, now)
        for ticket in late_tickets:
            await self._calls.ticket_due(ticket)
        for session in late_sessions:
            await self._calls.session_due(session)

    async def _sweep(self) -> None:
        """Rebuild the line if it was lost; where ledger and line differ, the ledger is right."""
        now = self._house.clock()
        if await self._house.line.generation_missing():
            await self._rebuild(now)
        await self._aid.tell_line()
        await self._desks.refresh_profiles()
        async with self._house.ledger.read() as conn:
            waiting = await self._part_of_line(conn, now - SWEEP_SECONDS)
            calls = await self._house.visits.open_calls(conn)
        settled_at = now - SETTLED_SECONDS
        for agent in await self._house.line.agents():
            await self._calls.mend_agent(agent, calls.get(agent.agent, ()), now, settled_at=settled_at)
        here = await self._places.catch_up()
        lost = [one for one in waiting if not here.knows(one)]
        for ticket in await self._house.line.missing(lost):
            await self._calls.rejoin_if_waiting(ticket, now)

    async def _part_of_line(self, conn: Connection, before: float) -> Collection[TicketId]:
        """Those who came last, and the next ``SWEEP_TICKETS`` of all who wait: in the end everybody."""
        visits = self._house.visits
        newest = await visits.waiting_between(conn, before - NEW_SECONDS, before, limit=SWEEP_TICKETS)
        part = await visits.waiting_between(conn, self._swept, before, limit=SWEEP_TICKETS)
        last = max(part.values(), default=0.0)
        if len(part) < SWEEP_TICKETS:
            self._swept = 0.0
        else:
            self._swept = last if last > self._swept else nextafter(last, inf)
        return {**part, **newest}

    async def _rebuild(self, now: float) -> None:
        async with self._house.ledger.read() as conn:
            waiting = await self._house.visits.tickets_in(conn, [tickets.State.WAITING])
        lanes: dict[Hashable, Lane] = {}
        entries = [(one.id, self._lane(one, lanes), one.joined_at, one.credit_seconds) for one in waiting]
        added = await self._house.line.rebuild(
            entries,
            now=now,
            epochs=await self._epochs(waiting),
            terms={one.id: one.terms for one in waiting if one.terms != PLAIN},
        )
        log.info("line rebuilt", extra={"tickets": added})

    def _lane(self, ticket: tickets.Ticket, known: dict[Hashable, Lane]) -> Lane:
        """Where a ticket queues; many queue alike, so ``known`` keeps what was found."""
        single = (ticket.item, ticket.item_version, ticket.home_district, ticket.language, ticket.mode)
        alike = (*single, ticket.skill, ticket.rings)
        if alike not in known:
            known[alike] = lane_of(self._house.item_of(ticket.item, ticket.item_version), ticket)
        return known[alike]

    async def _epochs(self, waiting: Sequence[tickets.Ticket]) -> dict[TicketId, int]:
        """The highest epoch known of each: a new offer must not take the place of an old one."""
        async with self._house.ledger.read() as conn:
            offered = await assignments.highest_epochs(conn)
        return {one.id: max(one.epoch, offered.get(one.id, 0)) for one in waiting}

    # --- pages -------------------------------------------------------------------------------------------

    async def _board(self) -> None:
        if not self._moved:
            return
        self._moved = False
        self._version += 1
        for topic in self._house.hub.topics_of("board"):
            self._house.hub.push(topic, Text(encode(BoardChanged(version=self._version))))
