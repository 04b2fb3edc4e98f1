"""
Whether each text message left once for its fact: what the ledger wrote down, against what the carrier got.

Pure, like the other checks: rows and counts go in, sentences about broken promises come out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cloudwindow.domain.outbox import State, key_of
from tests.nemesis.carrier import Carried


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """A text message as the ledger keeps it."""

    key: str
    kind: str
    about: str
    mark: str
    state: str
    reason: str
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Both sides: ``rows`` of the ledger, ``carried`` by key."""

    rows: Sequence[TextRow] = ()
    carried: Mapping[str, Carried] | None = None


def text_violations(texts: Texts, nearly: Sequence[str], rung: Sequence[tuple[str, int]]) -> list[str]:
    """
    Every promise about text messages that was broken.

    ``nearly``: tickets whose citizens the ledger says were told by text; ``rung``: ticket and epoch of each
    call it says was announced by text.
    """
    if texts.carried is None:  # a stage without a carrier: nobody knows what left
        return []
    rows = {one.key: one for one in texts.rows}
    return [
        *lost_texts(texts.rows, texts.carried),
        *doubled_texts(rows, texts.carried),
        *untold(texts.rows, nearly, rung),
    ]


def lost_texts(rows: Sequence[TextRow], carried: Mapping[str, Carried]) -> Iterable[str]:
    """What was written down has left by the end, unless it was no longer true."""
    for row in rows:
        words = f"{row.kind} about {row.about}, {row.mark}"
        if row.state == State.WAITING:
            yield f"text stuck: {words} still waits after {row.tries} tries ({row.reason})"
        elif row.state == State.SENT and row.key not in carried:
            yield f"text lost: {words} is noted as sent and never reached the carrier"
        elif row.state == State.REFUSED or (row.reason == "late" and row.key not in carried):
            yield f"text lost: {words} ended as {row.state} ({row.reason})"


def doubled_texts(rows: Mapping[str, TextRow], carried: Mapping[str, Carried]) -> Iterable[str]:
    """What reached the carrier is a message of the ledger, for one phone, handed over by who had taken it."""
    for key, told in carried.items():
        row = rows.get(key)
        if row is None:
            yield f"text from nowhere: {key} to {sorted(told.mobiles)}"
            continue
        if len(told.mobiles) > 1:
            yield f"text to two phones: {row.kind} about {row.about}: {sorted(told.mobiles)}"
        if told.times > row.tries:
            yield f"text twice: {row.kind} about {row.about} left {told.times} times in {row.tries} tries"


def untold(rows: Sequence[TextRow], nearly: Sequence[str], rung: Sequence[tuple[str, int]]) -> Iterable[str]:
    """Each fact that says it was told by text has its message, and one message only."""
    keys = {one.key for one in rows}
    for ticket, epoch in rung:
        if key_of("ticket.rung", ticket, str(epoch)) not in keys:
            yield f"not told: {ticket} was rung by text in call {epoch}, and no message was written"
    for ticket in nearly:
        messages = [one for one in rows if (one.kind, one.about) == ("ticket.nearly", ticket)]
        if len(messages) != 1:
            yield f"not told once: {ticket} has {len(messages)} messages that its turn is near"
