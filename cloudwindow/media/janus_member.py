"""
A room on Janus and its members: what they send on one connection and receive on another.

Janus numbers a subscription's lines by mid; ``Receiving`` knows which of them shows which place of the page.
"""

import asyncio
import re
from dataclasses import dataclass, field
from secrets import randbits
from typing import Final

from cloudwindow.media.meeting import Seat, hold_of, in_side_room, meets, mode_of, receives, seated
from cloudwindow.media.plane import Arrangement, MemberStats
from cloudwindow.media.sdp import Offer

KINDS: Final = ("audio", "video")
ANSWER_SECONDS: Final = 10.0
"""An invitation that was not answered by then is made anew."""


@dataclass(slots=True)
class Line:
    """One line of a subscription: the ``place`` it shows, whose ``feed`` it carries, whether it does now."""

    mid: str
    place: int
    kind: str
    feed: int
    flows: bool


@dataclass(slots=True)
class Receiving:
    """A member's receiving connection, ``handle`` at Janus."""

    handle: int
    lines: list[Line] = field(default_factory=list)
    invited: int = 0
    """The number of the invitation that waits for an answer, 0 if none does."""
    overdue: asyncio.TimerHandle | None = None

    def at(self, place: int) -> list[Line]:
        """The lines that show ``place``."""
        return [line for line in self.lines if line.place == place]

    def settled(self) -> None:
        """No invitation waits any more."""
        self.invited = 0
        if self.overdue is not None:
            self.overdue.cancel()
            self.overdue = None


@dataclass(slots=True)
class JanusMember:
    """
    One member's present connection; a reloaded page makes another one.

    ``handle`` is what they send on, ``feed`` the number under which others subscribe to it, ``up`` whether it
    is connected. ``before`` is the handle of the connection that this one will replace once it is up.
    """

    member: str
    role: str
    offer: Offer
    handle: int
    feed: int
    echo: bool = False
    up: bool = False
    before: int = 0
    places: list[str | None] = field(default_factory=list)
    receiving: Receiving | None = None
    heard: set[str] = field(default_factory=set)
    """The mids on which something arrives."""
    silent: bool = False
    held_since: float | None = None
    setup: asyncio.TimerHandle | None = None

    @property
    def seat(self) -> Seat:
        """The member as the rules see them."""
        return Seat(self.member, self.role)

    def continues(self, offer: Offer, *, echo: bool) -> bool:
        """Whether ``offer`` is a re-offer of this very connection, not that of a reloaded page."""
        same = (self.offer.origin, self.offer.fingerprints) == (offer.origin, offer.fingerprints)
        return same and self.echo == echo


def next_number() -> int:
    """Number an invitation as no other is, also of another worker's."""
    return randbits(50) | 1


@dataclass(slots=True)
class JanusRoom:
    """One room; ``number`` and ``secret`` are Janus' and known to us alone."""

    name: str
    number: int
    secret: str
    handle: int = 0
    members: dict[str, JanusMember] = field(default_factory=dict)
    arrangement: Arrangement = field(default_factory=Arrangement)
    kept: dict[str, str] = field(default_factory=dict)
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def seats(self) -> list[Seat]:
        """The members as the rules see them."""
        return [one.seat for one in self.members.values()]

    def met_by(self, listener: JanusMember) -> list[str]:
        """Who has a place at the listener's page, in the order they joined."""
        return [
            one.member
            for one in self.members.values()
            if one is not listener
            and not one.echo
            and not listener.echo
            and meets(listener.seat, one.seat, self.arrangement)
        ]

    def seat_all(self, now: float) -> list[JanusMember]:
        """Give everybody their places again and note who is on hold; those whose places have changed."""
        present = {one.member: one.role for one in self.members.values()}
        moved = []
        for one in self.members.values():
            places = seated(one.places, self.met_by(one), present, self.kept)
            if places != one.places:
                one.places = places
                moved.append(one)
            held = hold_of(one.seat, self.arrangement) is not None
            one.held_since = (now if one.held_since is None else one.held_since) if held else None
        return moved

    def stats(self, now: float) -> tuple[MemberStats, ...]:
        """What is known of everybody."""
        return tuple(
            MemberStats(
                member=one.member,
                role=one.role,
                connected=one.up,
                slots=tuple(name if name in self.members else None for name in one.places),
                mode=mode_of(one.seat, self.arrangement),
                held=hold_of(one.seat, self.arrangement),
                held_seconds=now - one.held_since if one.held_since is not None else None,
                in_side_room=in_side_room(one.seat, self.arrangement),
            )
            for one in self.members.values()
        )

    def feed_at(self, listener: JanusMember, place: int) -> int:
        """The feed that a place of the listener's page should show, 0 if nobody is there yet."""
        other = self.shown_at(listener, place)
        return other.feed if other is not None and other.up else 0

    def shown_at(self, listener: JanusMember, place: int) -> JanusMember | None:
        """Who has a place of the listener's page."""
        name = listener.places[place] if place < len(listener.places) else None
        return self.members.get(name) if name is not None else None

    def flows_at(self, listener: JanusMember, place: int) -> bool:
        """Whether what that place shows may reach the listener now."""
        other = self.shown_at(listener, place)
        return other is not None and receives(listener.seat, other.seat, self.arrangement)


# --- session descriptions --------------------------------------------------------------------------------

_CANDIDATE = re.compile(r"^a=(?:candidate:.*|end-of-candidates)\r?\n", re.MULTILINE)
_NAMES = re.compile(r"^a=(?:msid:.*|ssrc:\d+ (?:msid|mslabel|label):.*)\r?\n", re.MULTILINE)
_MID = re.compile(r"^a=mid:(\S+)\r?\n", re.MULTILINE)


def without_candidates(sdp: str) -> str:
    """Tell Janus no address: it is ICE-lite and learns them from checks."""
    return _CANDIDATE.sub("", sdp)


def named(sdp: str, places: dict[str, int]) -> str:
    """Name the streams that a browser receives as it knows them; ``places`` holds the place of each mid."""
    head, *sections = re.split(r"(?m)^(?=m=)", sdp)
    return head + "".join(_section(section, places) for section in sections)


def _section(section: str, places: dict[str, int]) -> str:
    found = _MID.search(section)
    bare = _NAMES.sub("", section)
    place = places.get(found[1]) if found else None
    if found is None or place is None:
        return bare
    return bare + f"a=msid:slot-{place} {found[1]}\r\n"
