"""How a call's media room stands, from what the ledger says of the call."""

from collections.abc import Sequence

from cloudwindow.domain.session import Session
from cloudwindow.domain.third_party import ThirdParty
from cloudwindow.media.plane import Arrangement, Mode


def arrangement(session: Session, known: Sequence[ThirdParty]) -> Arrangement:
    """Hold, private talk and supervisors' modes of ``session`` with the third parties it has."""
    alone = [one.member for one in known if one.powers.side_room]
    return Arrangement(
        hold=session.hold_reason or None,
        side_room=frozenset({"citizen", "agent", *alone}) if session.side_room else frozenset(),
        modes={one.member: Mode(one.mode) for one in known if one.powers.modes},
    )
