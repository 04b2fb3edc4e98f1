"""
Text messages: written down with the fact they tell of, sent after the commit, again and again while of use.

``put`` belongs into the unit of the ledger that makes the fact. Whoever waits for the message sends it at
once with ``send``; everything else, and what a node that died left behind, is found by ``look``, on any node.
What a message says is put together when a node takes it: by then the fact may have changed, and the link.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from prometheus_client import Counter, Gauge

from cloudwindow.domain import left_form as left_forms
from cloudwindow.domain import outbox as rules
from cloudwindow.domain import third_party as parties
from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.errors import BadInput, CloudWindowError, NotFound, Unavailable
from cloudwindow.domain.outbox import Event, Outgoing
from cloudwindow.journey import booking_words, left_words, ring_words
from cloudwindow.journey.code_words import CODE_TEXT
from cloudwindow.journey.house import House
from cloudwindow.records import Connection
from cloudwindow.records.outbox import Backlog

log = logging.getLogger(__name__)

SEND_SECONDS = 5.0
"""Longer no gateway is waited for: the message is tried again."""
MOST = 50
"""Messages one node takes in one look."""
KEEP_SECONDS = 7 * 86_400.0
"""How long it is kept that a message was sent, and when."""
LATELY_SECONDS = 86_400.0
LATE_SECONDS = 60.0
"""A message that waits longer is worth a line in the log."""

WAITING = Gauge("cw_texts_waiting", "Text messages that wait to be sent")
OLDEST_SECONDS = Gauge("cw_texts_oldest_seconds", "Age of the oldest text message that waits")
ENDED = Counter("cw_texts_ended_total", "Text messages this node sent or gave up", ["state"])

Composed: TypeAlias = tuple[str, str] | None
"""(number, text), or ``None`` for what is no longer true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A message in the hands of this node, its number and text."""

    outgoing: Outgoing
    mobile: str
    text: str


class Texts:
    """Writes text messages down and sends them."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._late = False

    # --- within a unit of the ledger ---------------------------------------------------------------------

    async def put(
        self,
        conn: Connection,
        kind: str,
        about: str,
        mark: str,
        *,
        now: float,
        until: float | None = None,
        said: Mapping[str, str] | None = None,
    ) -> None:
        """
        Write a message down, for whichever node looks first. It is of no use after ``until``.

        ``said`` is what stands nowhere else in the ledger: ``mobile`` and ``text``. A fact is told once.
        """
        one = rules.written(kind, about, mark, now=now, until=until)
        await self._house.outbox.add(conn, one, said)

    async def put_here(
        self,
        conn: Connection,
        kind: str,
        about: str,
        mark: str,
        *,
        now: float,
        until: float | None = None,
        said: Mapping[str, str] | None = None,
    ) -> Ready | None:
        """``put`` for who will ``send`` it after the commit; others only take it if this node does not."""
        one = rules.taken(rules.written(kind, about, mark, now=now, until=until), now)
        fresh = await self._house.outbox.add(conn, one, said)
        return await self._ready(conn, one, said or {}) if fresh else None

    async def code(
        self, conn: Connection, *, purpose: str, subject: str, mobile: str, language: str, now: float
    ) -> Ready | None:
        """Keep a fresh one-time code and the message with it. Raises TooOften("code_too_often")."""
        said = {"mobile": mobile, "text": await self._coded(conn, purpose, subject, language, now)}
        return await self.put_here(conn, f"code.{purpose}", subject, _code_mark(now), now=now, said=said)

    async def code_later(
        self, conn: Connection, *, purpose: str, subject: str, mobile: str | None, language: str, now: float
    ) -> None:
        """``code``, sent by whichever node looks first; without a ``mobile`` to nobody."""
        text = await self._coded(conn, purpose, subject, language, now)
        if mobile is not None:
            said = {"mobile": mobile, "text": text}
            await self.put(conn, f"code.{purpose}", subject, _code_mark(now), now=now, said=said)

    async def code_late(self, conn: Connection, *, purpose: str, subject: str) -> bool:
        """Whether the gateway has not taken the last code yet; it is tried again by itself."""
        sent_at = await self._house.people.code_sent_at(conn, purpose=purpose, subject=subject)
        if sent_at is None:
            return False
        key = rules.key_of(f"code.{purpose}", subject, _code_mark(sent_at))
        return await self._house.outbox.failing(conn, key)

    async def _coded(self, conn: Connection, purpose: str, subject: str, language: str, now: float) -> str:
        code = six_digits(self._house.random)
        await self._house.people.set_code(conn, purpose=purpose, subject=subject, code=code, now=now)
        return CODE_TEXT.in_language(language).format(code=code)

    async def _ready(self, conn: Connection, one: Outgoing, said: Mapping[str, str]) -> Ready | None:
        try:
            composed = await COMPOSERS[one.kind.partition(".")[0]](self._house, conn, one, said)
        except NotFound:
            return None
        return Ready(outgoing=one, mobile=composed[0], text=composed[1]) if composed else None

    # --- after the commit --------------------------------------------------------------------------------

    async def send(self, ready: Ready | None) -> None:
        """
        Send one message and write down what came of it.

        Raises what the gateway raised, after noting it: what was ``Unavailable`` is tried again by itself.
        """
        if ready is None:
            return
        error = await self._handed_over(ready)
        event, reason = Event.SEND, ""
        if error is not None:
            event = Event.REFUSE if isinstance(error, BadInput) else Event.FAIL
            reason = error.code
            log.warning("message not sent", extra={"code": error.code, "kind": ready.outgoing.kind})
        await self._settle(rules.advance(ready.outgoing, event, self._house.clock(), reason=reason[:64]))
        if error is not None:
            raise error

    async def try_send(self, *ready: Ready | None) -> None:
        """``send`` for whoever can do nothing about it."""
        told = await asyncio.gather(*(self.send(one) for one in ready), return_exceptions=True)
        for one in told:
            if isinstance(one, BaseException) and not isinstance(one, CloudWindowError):
                raise one

    async def _handed_over(self, ready: Ready) -> CloudWindowError | None:
        gateway, key = self._house.sms, ready.outgoing.key
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await gateway.send(ready.mobile, ready.text, key=key, now=self._house.clock())
        except CloudWindowError as error:
            return error
        except TimeoutError:
            return Unavailable("sms_unavailable")
        except Exception:
            log.exception("the text gateway failed")
            return Unavailable("sms_unavailable")
        return None

    async def _settle(self, after: Outgoing) -> None:
        try:
            await self._house.ledger.write(
                lambda conn: self._house.outbox.save(conn, after, seen=after.tries)
            )
        except Unavailable:
            return  # found again when its time here is over; the gateway knows the key
        if after.ended_at is not None:
            ENDED.labels(after.state.value).inc()

    # --- what waits --------------------------------------------------------------------------------------

    async def look(self) -> int:
        """Take what is due and send it; how many messages were taken. Of several nodes each takes others."""
        async with self._house.ledger.read() as conn:
            if not await self._house.outbox.any_due(conn, self._house.clock()):
                return 0
        ready = await self._house.ledger.write(self._take)
        await self.try_send(*ready)
        return len(ready)

    async def _take(self, conn: Connection) -> Sequence[Ready]:
        outbox, now = self._house.outbox, self._house.clock()
        found = []
        for one in await outbox.due(conn, now, limit=MOST):
            mine, ready = rules.taken(one, now), None
            try:
                ready = await self._still(conn, mine, now)
            except Exception:
                log.exception("a text message cannot be put together", extra={"kind": one.kind})
            else:
                if ready is None:
                    reason = "late" if now >= one.worthless_at else "overtaken"
                    mine = rules.advance(mine, Event.EXPIRE, now, reason=reason)
            if await outbox.save(conn, mine, seen=one.tries) and ready is not None:
                found.append(ready)
        return found

    async def _still(self, conn: Connection, one: Outgoing, now: float) -> Ready | None:
        """The message as it reads now; ``None`` when it is too late or no longer true."""
        if now >= one.worthless_at:
            return None
        return await self._ready(conn, one, await self._house.outbox.said(conn, one.key))

    async def measure(self) -> Backlog:
        """Measure what waits, and say so in the log when messages begin or cease to be late."""
        now = self._house.clock()
        backlog = await self.backlog()
        oldest = 0.0 if backlog.oldest_at is None else now - backlog.oldest_at
        WAITING.set(backlog.waiting)
        OLDEST_SECONDS.set(oldest)
        late = oldest > LATE_SECONDS
        if late != self._late:
            log.log(
                logging.WARNING if late else logging.INFO,
                "text messages wait" if late else "text messages go out again",
                extra={"entries": backlog.waiting, "seconds": round(oldest)},
            )
        self._late = late
        return backlog

    async def backlog(self) -> Backlog:
        """What waits, and what ended unsent within a day."""
        async with self._house.ledger.read() as conn:
            return await self._house.outbox.backlog(conn, since=self._house.clock() - LATELY_SECONDS)

    async def forget(self) -> None:
        """Delete what ended long ago."""
        before = self._house.clock() - KEEP_SECONDS
        await self._house.ledger.write(lambda conn: self._house.outbox.forget(conn, before=before))


def six_digits(random: Callable[[int], bytes]) -> str:
    """A one-time code."""
    return f"{int.from_bytes(random(8), 'big') % 1_000_000:06d}"


def _code_mark(sent_at: float) -> str:
    return f"{sent_at:.3f}"


# --- what each says, while it is true -----------------------------------------------------------------------


async def _code(house: House, conn: Connection, one: Outgoing, said: Mapping[str, str]) -> Composed:
    purpose = one.kind.partition(".")[2]
    sent_at = await house.people.code_sent_at(conn, purpose=purpose, subject=one.about)
    if sent_at is None or _code_mark(sent_at) != one.mark:
        return None  # spent, or another one was asked for
    return said["mobile"], said["text"]


async def _ticket(house: House, conn: Connection, one: Outgoing, said: Mapping[str, str]) -> Composed:
    ticket = await house.visits.ticket(conn, one.about)
    rung = one.kind == "ticket.rung"
    wanted = tickets.State.CALLED if rung else tickets.State.WAITING
    if ticket.state is not wanted or one.mark != str(ticket.epoch):
        return None
    near = ring_words.NEARLY_TEXT if ticket.callback else ring_words.ABSENT_TEXT
    text = ring_words.RING_TEXT if rung else near
    mobile = (await house.people.citizen(conn, ticket.citizen)).mobile
    link = f"{house.origin}/resume#{await house.visits.resume_secret(conn, ticket.id)}"
    return mobile, ring_words.filled(text, ticket, link, minutes=tickets.callback_minutes())


async def _appointment(house: House, conn: Connection, one: Outgoing, said: Mapping[str, str]) -> Composed:
    found = await house.appointments.one(conn, one.about)
    if one.mark != str(found.sequence):
        return None  # moved, or over
    secret = await house.appointments.resume_secret(conn, found.id)
    text = booking_words.filled(
        booking_words.MESSAGES[one.kind.partition(".")[2]],
        found.spoken,
        item=house.item_of(found.item, found.item_version),
        district=house.catalogue.district(found.district),
        at=found.starts_at,
        number=found.number,
        link=f"{house.origin}/resume#{secret}",
    )
    return (await house.people.citizen(conn, found.citizen)).mobile, text


async def _left_form(house: House, conn: Connection, one: Outgoing, said: Mapping[str, str]) -> Composed:
    form = await house.left_forms.one(conn, one.about)
    what = one.kind.partition(".")[2]
    if form.state not in (left_forms.UNSEEN if what == "left" else {left_forms.State(what)}):
        return None
    secret = await house.left_forms.resume_secret(conn, form.id)
    text = left_words.MESSAGES[what].in_language(form.spoken)
    filled = text.format(
        item=house.item_of(form.item, form.item_version).short_name.in_language(form.spoken),
        number=form.number,
        time=booking_words.spoken_time(form.due_at or one.made_at, form.spoken),
        link=f"{house.origin}/resume#{secret}",
    )
    return (await house.people.citizen(conn, form.citizen)).mobile, filled


async def _third_party(house: House, conn: Connection, one: Outgoing, said: Mapping[str, str]) -> Composed:
    party = await house.third_parties.one(conn, one.about)
    return (said["mobile"], said["text"]) if party.state is parties.State.INVITED else None


COMPOSERS: Mapping[str, Callable[[House, Connection, Outgoing, Mapping[str, str]], Awaitable[Composed]]] = {
    "code": _code,
    "ticket": _ticket,
    "appointment": _appointment,
    "left_form": _left_form,
    "third_party": _third_party,
}
"""By the first word of a message's kind."""
