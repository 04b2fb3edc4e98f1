"""
Captions: who may switch them on, and who is shown what a machine understood.

Rule: words go only to pages of those who heard them, on this node, and are kept nowhere: not in the case, not
in the log, not on the bus. Every node whose pages are in a call hears its media worker by itself.
"""

from dataclasses import replace

from cloudwindow.domain import session as sessions
from cloudwindow.domain.errors import BadInput, Conflict
from cloudwindow.domain.messages import CaptionsChanged, CaptionsSaid, CaptionsSwitch, encode
from cloudwindow.domain.session import Session
from cloudwindow.domain.third_party import State, ThirdParty
from cloudwindow.journey.calls import Calls, topic_of
from cloudwindow.journey.filling import Filler
from cloudwindow.journey.house import House
from cloudwindow.media.plane import Caption, Captioning, MediaEvent

SPOKEN = ("video", "audio")
"""Modes in which words are spoken; the others need no captions."""


def standing(house: House, language: str, mode: str) -> str:
    """Whether a call can be captioned: ``ready``, ``no_engine`` for its language, ``off`` for all calls."""
    if not house.captions.languages:
        return "off"
    return "ready" if language in house.captions.languages and mode in SPOKEN else "no_engine"


class Captions:
    """Switches captions and hands them on."""

    def __init__(self, house: House, calls: Calls) -> None:
        self._house, self._calls = house, calls

    async def switch(self, filler: Filler, message: CaptionsSwitch) -> None:
        """
        Citizen or agent wants captions, or wants them no more.

        Raises Conflict("no_call"), BadInput("captions_unavailable") where no engine understands the call's
        language, Conflict("captions_busy"), Unavailable("media_unavailable").
        """
        async with self._house.ledger.read() as conn:
            live = await self._calls.live(conn, filler.ticket)
        if live.session is None or live.session.state not in sessions.OPEN:
            raise Conflict("no_call")
        language = live.ticket.language
        if message.on and standing(self._house, language, live.ticket.mode) != "ready":
            raise BadInput("captions_unavailable")
        await self._house.captions.switch(live.session.room, filler.actor.kind, language, on=message.on)

    async def heard(self, event: MediaEvent) -> None:
        """The media worker says how captions stand, or words."""
        async with self._house.ledger.read() as conn:
            session = await self._house.visits.session_of_room(conn, event.room)
            if session is None or session.state not in sessions.OPEN:
                return
            known = await self._house.third_parties.of_session(conn, session.id)
        parties = {one.member: one for one in known if one.state is State.PRESENT}
        if event.captioning is not None:
            self._tell_standing(session, parties, event.captioning)
        elif event.caption is not None:
            self._tell_words(session, parties, event.member, event.caption)

    def _tell_standing(
        self, session: Session, parties: dict[str, ThirdParty], captioning: Captioning
    ) -> None:
        for member in ("citizen", "agent", *parties):
            told = CaptionsChanged(
                session=session.id if member == "agent" else None,
                state=captioning.state.value,
                mine=member in captioning.wanted_by,
                by=captioning.wanted_by,
            )
            self._house.hub.deliver(topic_of(session, member), encode(told))

    def _tell_words(
        self, session: Session, parties: dict[str, ThirdParty], speaker: str, caption: Caption
    ) -> None:
        party = parties.get(speaker)
        if party is None and speaker not in {"citizen", "agent"}:
            return
        told = CaptionsSaid(
            line=caption.line,
            version=caption.version,
            kind=party.kind.value if party else speaker,
            name=party.name if party else "",
            own=False,
            text=caption.text,
            final=caption.final,
        )
        for member in caption.readers:
            if member in {"citizen", "agent"} or member in parties:
                mine = replace(told, own=member == speaker, session=session.id if member == "agent" else None)
                self._house.hub.deliver(topic_of(session, member), encode(mine))
