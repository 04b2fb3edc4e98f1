"""
What members receive through Janus: their subscription follows the places of their page and who may flow.

Rule: what may not flow is stopped first, for everybody; a subscription that Janus does not follow is ended
and made anew.
"""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from cloudwindow.domain.errors import CloudWindowError, Unavailable
from cloudwindow.media.janus import Told
from cloudwindow.media.janus_handles import Duties, Handles
from cloudwindow.media.janus_member import (
    ANSWER_SECONDS,
    KINDS,
    JanusMember,
    JanusRoom,
    Line,
    Receiving,
    named,
    next_number,
    without_candidates,
)
from cloudwindow.media.plane import Invitation

AGAIN_SECONDS: Final = 1.0
"""The pause before a subscription that failed is made anew."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A place of the page that has no lines yet, whose feed it should show and whether that may flow."""

    place: int
    feed: int
    flows: bool

    def stream(self) -> dict[str, Any]:
        """As Janus wants it asked."""
        return {"feed": self.feed, "send": self.flows}


class Receptions:
    """
    Everybody's subscriptions. ``invite`` sends an invitation to a member's browser, ``settle`` brings a room
    up to date again; both are told, not waited for.
    """

    def __init__(
        self,
        handles: Handles,
        duties: Duties,
        *,
        invite: Callable[[JanusRoom, JanusMember, Invitation], None],
        settle: Callable[[JanusRoom], Coroutine[Any, Any, None]],
    ) -> None:
        self._handles, self._duties = handles, duties
        self._invite, self._settle = invite, settle

    # --- what the plane asks ------------------------------------------------------------------------

    async def stop(self, room: JanusRoom, one: JanusMember) -> None:
        """Let nothing flow to a member that may not."""
        if one.receiving is not None:
            stopped = [
                line for line in one.receiving.lines if line.flows and not room.flows_at(one, line.place)
            ]
            await self._carefully(room, one, self._configure(one.receiving, stopped, flows=False))

    async def serve(self, room: JanusRoom, one: JanusMember) -> None:
        """Bring one member's subscription up to date."""
        if one.receiving is None:
            await self._carefully(room, one, self._subscribe(room, one))
        elif not one.receiving.invited:  # one exchange at a time: the answer to it comes back here
            await self._carefully(room, one, self._update(room, one, one.receiving))

    async def take(self, one: JanusMember, number: int, answer: str) -> None:
        """The browser has answered an invitation; an older one is nothing. Raises BadInput ``bad_sdp``."""
        receiving = one.receiving
        if receiving is None or receiving.invited != number:
            return
        receiving.settled()
        await self._handles.ask(receiving.handle, {"request": "start"}, answer=without_candidates(answer))

    async def restart(self, room: JanusRoom, one: JanusMember) -> None:
        """The browser looks for a new way: so does the connection it receives on."""
        if one.receiving is not None and not one.receiving.invited:
            await self._carefully(room, one, self._restarted(room, one, one.receiving))

    async def drop(self, one: JanusMember) -> None:
        """End a member's receiving connection."""
        receiving, one.receiving = one.receiving, None
        if receiving is not None:
            receiving.settled()
            await self._handles.drop(receiving.handle)

    async def _carefully(self, room: JanusRoom, one: JanusMember, step: Coroutine[Any, Any, None]) -> None:
        try:
            await step
        except CloudWindowError as error:
            log.warning("a subscription is made anew: %s", error.code)
            await self.drop(one)
            self._duties.later(AGAIN_SECONDS, lambda: self._settle(room))

    # --- steps --------------------------------------------------------------------------------------

    async def _subscribe(self, room: JanusRoom, one: JanusMember) -> None:
        wanted = self._missing(room, one, None)
        if one.echo or not wanted:
            return
        receiving = Receiving(await self._handles.attach())
        one.receiving = receiving
        self._handles.owners[receiving.handle] = (room, one)
        body = {
            "request": "join",
            "ptype": "subscriber",
            "room": room.number,
            "pin": room.secret,
            "autoupdate": False,
            "streams": [row.stream() for row in wanted],
        }
        told = await self._handles.ask(receiving.handle, body)
        _note_lines(receiving, told, wanted)
        self._offer(room, one, receiving, told, fresh=True)

    async def _update(self, room: JanusRoom, one: JanusMember, receiving: Receiving) -> None:
        await self._switch(room, one, receiving)
        if not receiving.invited:
            await self._extend(room, one, receiving)
        begun = [line for line in receiving.lines if not line.flows and room.flows_at(one, line.place)]
        await self._configure(receiving, begun, flows=True)

    @staticmethod
    def _missing(room: JanusRoom, one: JanusMember, receiving: Receiving | None) -> list[Wanted]:
        return [
            Wanted(place, feed, room.flows_at(one, place))
            for place in range(len(one.places))
            if (feed := room.feed_at(one, place)) and not (receiving and receiving.at(place))
        ]

    async def _extend(self, room: JanusRoom, one: JanusMember, receiving: Receiving) -> None:
        """More people: more lines."""
        wanted = self._missing(room, one, receiving)
        if wanted:
            body = {"request": "update", "subscribe": [row.stream() for row in wanted]}
            told = await self._handles.ask(receiving.handle, body)
            _note_lines(receiving, told, wanted)
            self._offer(room, one, receiving, told, fresh=False)

    async def _switch(self, room: JanusRoom, one: JanusMember, receiving: Receiving) -> None:
        """Give a place that shows another member the new feed on the lines it has."""
        moved = [
            (line, feed, mid)
            for line in receiving.lines
            if (feed := room.feed_at(one, line.place)) not in {0, line.feed}
            and (mid := _mid_sent(room.shown_at(one, line.place), line.kind))
        ]
        if not moved:
            return
        streams = [{"feed": feed, "mid": mid, "sub_mid": line.mid} for line, feed, mid in moved]
        told = await self._handles.ask(receiving.handle, {"request": "switch", "streams": streams})
        for line, feed, _ in moved:
            line.feed = feed
        self._offer(room, one, receiving, told, fresh=False)  # only where the one before has left

    async def _configure(self, receiving: Receiving, lines: list[Line], *, flows: bool) -> None:
        if lines:
            streams = [{"mid": line.mid, "send": flows} for line in lines]
            await self._handles.ask(receiving.handle, {"request": "configure", "streams": streams})
        for line in lines:
            line.flows = flows

    async def _restarted(self, room: JanusRoom, one: JanusMember, receiving: Receiving) -> None:
        told = await self._handles.ask(receiving.handle, {"request": "configure", "restart": True})
        self._offer(room, one, receiving, told, fresh=False)

    def _offer(
        self, room: JanusRoom, one: JanusMember, receiving: Receiving, told: Told, *, fresh: bool
    ) -> None:
        """Pass an offer of Janus on, if there is one."""
        if not told.sdp:
            return
        receiving.settled()
        receiving.invited = next_number()
        receiving.overdue = self._duties.later(
            ANSWER_SECONDS, lambda: self._not_answered(room, one, receiving)
        )
        sdp = named(told.sdp, {line.mid: line.place for line in receiving.lines})
        self._invite(room, one, Invitation(number=receiving.invited, sdp=sdp, fresh=fresh))

    async def _not_answered(self, room: JanusRoom, one: JanusMember, receiving: Receiving) -> None:
        """Begin again with a connection of its own."""
        async with room.busy:
            if one.receiving is not receiving or not receiving.invited:
                return
            await self.drop(one)
        await self._settle(room)


def _note_lines(receiving: Receiving, told: Told, wanted: list[Wanted]) -> None:
    """Remember which lines Janus gave to what was wanted."""
    known = {line.mid for line in receiving.lines}
    rows = {row.feed: row for row in wanted}
    for stream in told.data.get("streams", []):
        row = rows.get(stream.get("feed_id"))
        if row is None or stream["type"] not in KINDS:
            continue
        if stream["mid"] in known:  # Janus gave a line away that another place is kept on
            raise Unavailable("media_unavailable")
        receiving.lines.append(Line(stream["mid"], row.place, stream["type"], row.feed, row.flows))


def _mid_sent(other: JanusMember | None, kind: str) -> str:
    """The mid under which somebody sends that kind, or nothing."""
    lines = other.offer.lines if other is not None else ()
    return next((line.mid for line in lines if line.kind == kind), "")
