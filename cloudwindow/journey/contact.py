"""
What holds two people together in a call besides sound and picture: writing, pointing, measuring.

Nothing here changes the case. What browsers measured is gathered and written every few seconds, so that a
hundred calls cost one unit of the ledger; a node that dies loses the last of it.
"""

from collections import deque
from dataclasses import replace

from cloudwindow.domain import session as sessions
from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.errors import BadInput, CloudWindowError
from cloudwindow.domain.filling import Actor
from cloudwindow.domain.messages import (
    CallQuality,
    CallSetup,
    CaptionsSwitch,
    ChatType,
    ChatTyped,
    FormPoint,
    FormPointed,
    Message,
    PeerQuality,
)
from cloudwindow.domain.session import Session
from cloudwindow.journey.calls import Calls, Live, agent_topic, citizen_topic
from cloudwindow.journey.captioning import Captions
from cloudwindow.journey.filling import Filler
from cloudwindow.journey.house import House
from cloudwindow.records import Connection, promises, quality
from cloudwindow.records.quality import Measured, Setup
from cloudwindow.records.story import note

CONTACT = (ChatType, CaptionsSwitch, CallQuality, CallSetup, FormPoint)
"""The messages that come here."""
DRAFT_CHARACTERS = 500
STEPS = ("720p", "360p", "180p", "stills", "audio", "text")
LIMITS = ("none", "network", "device")
SWITCHABLE = ("video", "audio", "text")
GATHERED_LIMIT = 20_000
"""Beyond this the oldest measurements are dropped: a ledger that is away must not fill the memory."""
DAY_SECONDS = 86_400.0


class Contact:
    """Carries what is said beside the call, and keeps what was measured."""

    def __init__(self, house: House, calls: Calls, captions: Captions) -> None:
        self._house = house
        self._calls = calls
        self._captions = captions
        self._measured: deque[Measured] = deque(maxlen=GATHERED_LIMIT)
        self._setups: deque[Setup] = deque(maxlen=GATHERED_LIMIT)

    async def heard(self, filler: Filler, message: Message) -> None:
        """Carry out one message of ``CONTACT``; outside a call most mean nothing."""
        if isinstance(message, CaptionsSwitch):
            await self._captions.switch(filler, message)
            return
        async with self._house.ledger.read() as conn:
            live = await self._calls.live(conn, filler.ticket)
        if live.session is None or live.session.state not in sessions.OPEN:
            return
        match message:
            case ChatType():
                typed = ChatTyped(
                    session=live.session.id, author=filler.actor.kind, text=message.text[:DRAFT_CHARACTERS]
                )
                other = agent_topic(live.session.agent)
                if filler.actor.kind == "agent":
                    other = citizen_topic(live.ticket.id)
                await self._house.hub.tell(other, typed)
            case FormPoint():
                told = FormPointed(field=message.field, x=_share(message.x), y=_share(message.y))
                await self._house.hub.tell(citizen_topic(live.ticket.id), told)
            case CallQuality() | CallSetup():
                await self.measured(live.session, filler.actor.kind, message)
            case _:
                raise BadInput("message_unknown")

    async def measured(self, session: Session, side: str, told: CallQuality | CallSetup) -> None:
        """Gather what a ``side`` (citizen, agent or third) measured; the agent sees the citizen's."""
        if isinstance(told, CallSetup):
            self._keep_setup(session.id, side, told)
        else:
            await self._keep_quality(session, side, told)

    async def _keep_quality(self, session: Session, side: str, told: CallQuality) -> None:
        measured = Measured(
            session=session.id,
            side=side,
            at=self._house.clock(),
            loss_up=_percent(told.loss_up),
            loss_down=_percent(told.loss_down),
            rtt_ms=_milliseconds(told.rtt_ms),
            kbit_up=_whole(told.kbit_up),
            kbit_down=_whole(told.kbit_down),
            width=_whole(told.width),
            height=_whole(told.height),
            step=told.step if told.step in STEPS else "",
            limited_by=told.limit if told.limit in LIMITS else "",
            browser=told.browser[:32],
        )
        self._measured.append(measured)
        if side == "citizen":
            await self._house.hub.tell(agent_topic(session.agent), _for_the_agent(measured))

    def _keep_setup(self, session: str, side: str, told: CallSetup) -> None:
        self._setups.append(
            Setup(
                session=session,
                side=side,
                at=self._house.clock(),
                occasion="repair" if told.occasion == "repair" else "join",
                devices_ms=_milliseconds(told.devices_ms),
                answer_ms=_milliseconds(told.answer_ms),
                connected_ms=_milliseconds(told.connected_ms),
                picture_ms=_milliseconds(told.picture_ms),
                browser=told.browser[:32],
            )
        )

    async def keep_measured(self) -> None:
        """Write what has gathered. Raises Unavailable, and then it is kept for the next time."""
        measured, setups = list(self._measured), list(self._setups)
        if not measured and not setups:
            return
        await self._house.ledger.write(lambda conn: quality.keep(conn, measured, setups))
        for gathered, kept in ((self._measured, len(measured)), (self._setups, len(setups))):
            for _ in range(min(kept, len(gathered))):
                gathered.popleft()

    async def forget_old(self) -> None:
        """Delete measurements older than the house keeps them."""
        before = self._house.clock() - self._house.quality_keep_days * DAY_SECONDS
        await self._house.ledger.write(lambda conn: quality.forget_before(conn, before))

    async def switch_mode(self, ticket: str, mode: str, reason: str) -> None:
        """
        Let a waiting ticket go on in another mode: same number, same clock, the lane of those who serve it.

        The citizen has agreed; ``reason`` is the device code that led to it, kept with the case. Raises
        BadInput("unknown_mode"), Conflict lane_uncovered when nobody talks that way, state_forbids when the
        ticket does not wait.
        """
        if mode not in SWITCHABLE:
            raise BadInput("unknown_mode", field="mode")
        async with self._house.ledger.read() as conn:
            waiting = await self._house.visits.ticket(conn, ticket)
        await self._calls.must_be_covered(replace(waiting, mode=mode))
        now = self._house.clock()

        async def work(conn: Connection) -> Live:
            known = await self._calls.live(conn, ticket, lock=True)
            if known.ticket.mode == mode:
                return known
            moved, _ = tickets.advance(known.ticket, tickets.Event.SWITCH, now)
            moved = replace(moved, mode=mode, deadline=known.ticket.deadline)
            await self._house.visits.save_ticket(conn, moved, seen=known.ticket.version)
            await promises.forget(conn, moved.id)
            actor = Actor(kind="citizen", id=moved.citizen)
            payload = {"ticket": moved.id, "from": known.ticket.mode, "to": mode, "reason": reason[:32]}
            await note(conn, moved.application, "ticket.mode_changed", actor, now, payload)
            return Live(ticket=moved, session=known.session)

        live = await self._house.ledger.write(work)
        try:
            await self._house.line.leave(live.ticket.id, now=now, reason="mode_changed")
        except CloudWindowError as error:
            if error.status not in {409, 410, 503}:
                raise
        await self._calls.rejoin(live.ticket, now)
        await self._calls.tell(live)


def _for_the_agent(measured: Measured) -> PeerQuality:
    return PeerQuality(
        loss_up=measured.loss_up,
        loss_down=measured.loss_down,
        rtt_ms=measured.rtt_ms,
        kbit_up=measured.kbit_up,
        kbit_down=measured.kbit_down,
        width=measured.width,
        height=measured.height,
        step=measured.step,
        limit=measured.limited_by,
    )


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


def _percent(value: float | None) -> float | None:
    return None if value is None else round(min(100.0, max(0.0, value)), 1)


def _milliseconds(value: int | None) -> int | None:
    return None if value is None else _whole(value)


def _whole(value: int) -> int:
    return min(10_000_000, max(0, value))
