"""Who may send what and meet whom in a room: data, enforced by the worker."""

from dataclasses import dataclass
from typing import Final

from cloudwindow.domain.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """``sends``: kinds of media accepted from this role; ``meets``: roles whose media it receives."""

    sends: frozenset[str]
    meets: frozenset[str]


_BOTH: Final = frozenset({"audio", "video"})

RIGHTS: Final[dict[str, Rights]] = {
    "citizen": Rights(sends=_BOTH, meets=frozenset({"agent"})),
    "agent": Rights(sends=_BOTH, meets=frozenset({"citizen", "agent"})),
}
"""Rule: a citizen never meets another citizen; further roles are further rows."""


def rights_of(role: str) -> Rights:
    """Return the rights of ``role``. Raises BadInput ``unknown_role``."""
    rights = RIGHTS.get(role)
    if rights is None:
        raise BadInput("unknown_role")
    return rights
