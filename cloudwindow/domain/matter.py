"""
The matters of one ticket: what a citizen wants done in one visit, each with its own application and outcome.

Rule 1: a ticket has one to ``MOST`` matters, each for another item, in the order they were chosen.
Rule 2: one number, one place, one clock: the ticket waits for an agent who can do all of its matters.
Rule 3: the ticket stands at one of its matters; a call is closed only when each of them has an outcome.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cloudwindow.domain.catalogue import MaterialRule, ServiceItem
from cloudwindow.domain.errors import BadInput
from cloudwindow.domain.ids import ApplicationId, ItemId, TicketId
from cloudwindow.domain.match import STAYS_SECONDS, ring_word
from cloudwindow.domain.session import CHOOSABLE, Outcome, must_be_true

MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """One item of a ticket; ``position`` counts from 1, ``outcome`` is open until somebody said it."""

    ticket: TicketId
    position: int
    application: ApplicationId
    item: ItemId
    item_version: int
    outcome: Outcome | None = None
    outcome_note: str = ""


def joined_skill(items: Iterable[ServiceItem]) -> str:
    """The skill word of a lane whose agents can do all of ``items``."""
    return "+".join(sorted({one for item in items for one in item.skill.split("+")}))


def joined_rings(items: Iterable[ServiceItem]) -> str:
    """The ring word for all of ``items``: each ring opens when the most careful of them opens it."""
    stays = zip(*(item.rings or STAYS_SECONDS for item in items), strict=True)
    return ring_word(tuple(max(ring) for ring in stays))


def following(matters: Sequence[Matter], position: int) -> Matter | None:
    """The first matter without an outcome besides the one at ``position``."""
    return next((one for one in matters if one.outcome is None and one.position != position), None)


def settle(matter: Matter, outcome: str, note: str, *, submitted: bool) -> Matter:
    """
    Give ``matter`` its outcome; an application that was handed in needs no other word for it.

    Raises BadInput unknown_outcome or outcome_note_required, Conflict("outcome_not_true").
    """
    said = Outcome.SUBMITTED.value if submitted and not outcome else outcome
    if said not in {one.value for one in CHOOSABLE}:
        raise BadInput("unknown_outcome", field="outcome")
    must_be_true(Outcome(said), note, submitted=submitted)
    return replace(matter, outcome=Outcome(said), outcome_note=note.strip())


def same_paper(one: MaterialRule, other: MaterialRule) -> bool:
    """
    Whether two items ask for the very same paper, so that one photograph serves both: of the same kind, from
    the same issuer, looking the same. The words for it may differ.
    """
    return (one.id, one.form, one.count, one.issued_by, one.sample) == (
        other.id,
        other.form,
        other.count,
        other.issued_by,
        other.sample,
    )
