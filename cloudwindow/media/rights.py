"""Who may send what and meet whom in a room: data, enforced by the worker."""

from dataclasses import dataclass
from typing import Final

from cloudwindow.domain.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """
    What a role may do in a room.

    ``sends``: kinds of media accepted from it; ``meets``: roles whose media it receives; ``side_room``:
    whether it may be taken into a private side room; ``has_modes``: whether it listens, whispers or joins;
    ``keeps_slot``: whether its place at the others' pages stays free for it while it is away;
    ``devices``: what it may work for the citizen at its end; ``stills``: whether it may send photographs of
    papers through the call; ``captions``: whether it may have the call's words written along by a machine.
    """

    sends: frozenset[str] = frozenset({"audio", "video"})
    meets: frozenset[str]
    side_room: bool = False
    has_modes: bool = False
    keeps_slot: bool = False
    devices: frozenset[str] = frozenset()
    stills: bool = False
    captions: bool = False


_SEEN: Final = frozenset(
    {
        "citizen",
        "agent",
        "principal",
        "interpreter",
        "family",
        "expert",
        "local_counter",
        "supervisor",
    }
)

RIGHTS: Final[dict[str, Rights]] = {
    "citizen": Rights(meets=_SEEN - {"citizen"}, side_room=True, stills=True, captions=True),
    "agent": Rights(meets=_SEEN, side_room=True, captions=True),
    "principal": Rights(meets=_SEEN - {"principal"}, side_room=True),
    "interpreter": Rights(meets=_SEEN, side_room=True, keeps_slot=True),
    "family": Rights(meets=_SEEN),
    "expert": Rights(meets=_SEEN),
    "local_counter": Rights(meets=_SEEN, devices=frozenset({"scanner", "printer"})),
    "supervisor": Rights(meets=_SEEN, has_modes=True),
    "recorder": Rights(sends=frozenset(), meets=_SEEN),
}
"""Rule: a citizen never meets another citizen, nor a principal another; nobody meets a recorder."""


def rights_of(role: str) -> Rights:
    """Return the rights of ``role``. Raises BadInput ``unknown_role``."""
    rights = RIGHTS.get(role)
    if rights is None:
        raise BadInput("unknown_role")
    return rights
