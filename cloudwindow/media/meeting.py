"""Who receives whom in a room, by role and by how the room stands: pure rules, no packets."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from cloudwindow.domain.errors import BadInput
from cloudwindow.media.plane import Arrangement, Mode
from cloudwindow.media.rights import rights_of

MAX_REASON = 80
MAX_NAMED = 32
"""Members an arrangement may name; more than a room takes, since some come and go."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A member as far as these rules are concerned."""

    member: str
    role: str


def mode_of(seat: Seat, arrangement: Arrangement) -> Mode:
    """A supervisor's mode; everybody else joins."""
    if not rights_of(seat.role).has_modes:
        return Mode.JOIN
    return arrangement.modes.get(seat.member, Mode.LISTEN)


def hold_of(seat: Seat, arrangement: Arrangement) -> str | None:
    """Why nothing flows to or from ``seat``, ``None`` if it is not on hold."""
    return arrangement.holds.get(seat.member, arrangement.hold)


def in_side_room(seat: Seat, arrangement: Arrangement) -> bool:
    """Whether ``seat`` is where the private talk is; a role without the right to it never is."""
    return seat.member in arrangement.side_room and rights_of(seat.role).side_room


def meets(listener: Seat, speaker: Seat, arrangement: Arrangement) -> bool:
    """Whether ``speaker`` has a place at ``listener``'s page, even while nothing flows."""
    if speaker.role not in rights_of(listener.role).meets:
        return False
    mode = mode_of(speaker, arrangement)
    return mode is Mode.JOIN or (mode is Mode.WHISPER and listener.role == "agent")


def receives(listener: Seat, speaker: Seat, arrangement: Arrangement) -> bool:
    """Whether ``speaker``'s media flows to ``listener`` now."""
    if hold_of(listener, arrangement) is not None or hold_of(speaker, arrangement) is not None:
        return False
    if arrangement.side_room and not (
        in_side_room(listener, arrangement) and in_side_room(speaker, arrangement)
    ):
        return False
    return meets(listener, speaker, arrangement)


def seated(
    before: Sequence[str | None],
    met: Sequence[str],
    present: Mapping[str, str],
    kept: Mapping[str, str],
) -> list[str | None]:
    """
    Give everybody ``met`` a place at one listener's page, so that nobody's picture moves.

    A place stays its member's while they are met, or while they are away and it is ``kept`` for them;
    ``present`` and ``kept`` name roles by member. Who comes takes the place kept for their role, else a
    free or a new one.
    """
    places = [
        name if name in met or (name is not None and name in kept and name not in present) else None
        for name in before
    ]
    for name in met:
        if name in places:
            continue
        place = _place_for(present[name], places, present, kept)
        if place == len(places):
            places.append(name)
        else:
            places[place] = name
    while places and places[-1] is None:
        places.pop()
    return places


def _place_for(
    role: str, places: Sequence[str | None], present: Mapping[str, str], kept: Mapping[str, str]
) -> int:
    for place, holder in enumerate(places):
        if holder is not None and holder not in present and kept.get(holder) == role:
            return place
    return places.index(None) if None in places else len(places)


# --- changing one thing ----------------------------------------------------------------------------------


def with_hold(arrangement: Arrangement, reason: str | None, member: str | None) -> Arrangement:
    """Hold or release one member, or (``None``) the room."""
    if member is None:
        return replace(arrangement, hold=reason)
    holds = {name: why for name, why in arrangement.holds.items() if name != member}
    return replace(arrangement, holds=holds if reason is None else holds | {member: reason})


def with_side_room(arrangement: Arrangement, members: Collection[str]) -> Arrangement:
    """Begin another side room, or with nobody end it."""
    return replace(arrangement, side_room=frozenset(members))


def with_mode(arrangement: Arrangement, member: str, mode: Mode) -> Arrangement:
    """Set a supervisor's mode."""
    return replace(arrangement, modes={**arrangement.modes, member: mode})


def checked(arrangement: Arrangement, present: Iterable[Seat]) -> Arrangement:
    """Return a copy nobody else can change. Raises BadInput as ``MediaPlane.arrange`` says."""
    reasons = [arrangement.hold or "", *arrangement.holds.values()]
    named = {*arrangement.holds, *arrangement.side_room, *arrangement.modes}
    if len(named) > MAX_NAMED or any(len(reason) > MAX_REASON for reason in reasons):
        raise BadInput("bad_media_call")
    if len(arrangement.side_room) == 1:
        raise BadInput("side_room_refused")
    for seat in present:
        if seat.member in arrangement.side_room and not rights_of(seat.role).side_room:
            raise BadInput("side_room_refused")
        if seat.member in arrangement.modes and not rights_of(seat.role).has_modes:
            raise BadInput("mode_refused")
    return replace(
        arrangement,
        holds=MappingProxyType(dict(arrangement.holds)),
        modes=MappingProxyType(dict(arrangement.modes)),
    )
