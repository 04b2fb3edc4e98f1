"""
Who is moved forward in the line, why, and how little.

Rule 1: a priority is a credit of minutes on the joining time, fixed when the ticket is taken. It grows old
like everybody's wait, so nobody starves.
Rule 2: no credit is above ``CAP_SECONDS``: who has waited that long is overtaken by nobody who comes.
Rule 3: one reason for one ticket, the strongest; supervisors see it. A reason a person states is looked at
in the call, never before: a wrong one costs others ten minutes at most, a doubted one dignity.
The reasons are those of domain.md §2.5; how many minutes each brings is our proposal.
"""

from collections.abc import Iterable
from enum import StrEnum

CAP_SECONDS = 600.0


class Reason(StrEnum):
    """Why a ticket is moved forward."""

    RESUMED_DROP = "resumed_drop"
    RESUMED_CORRECTION = "resumed_correction"
    APPOINTMENT_DUE = "appointment_due"
    AGE_80 = "age_80"
    DISABILITY = "disability"
    PREGNANT = "pregnant"
    VETERAN = "veteran"
    URGENT_CASE = "urgent_case"


CREDIT_SECONDS = {
    Reason.RESUMED_DROP: 600.0,
    Reason.RESUMED_CORRECTION: 300.0,
    Reason.APPOINTMENT_DUE: 600.0,
    Reason.AGE_80: 600.0,
    Reason.DISABILITY: 600.0,
    Reason.PREGNANT: 600.0,
    Reason.VETERAN: 300.0,
    Reason.URGENT_CASE: 600.0,
}
"""Seconds of credit; an appointment's may be less, see the rule of appointments."""

STATED = (Reason.DISABILITY, Reason.PREGNANT, Reason.VETERAN, Reason.URGENT_CASE)
"""What a citizen may state when taking a number."""
OLD_AGE = 80


def strongest(reasons: Iterable[Reason]) -> Reason | None:
    """The reason that counts: most credit, then the order of the list."""
    order = list(Reason)
    return min(reasons, key=lambda one: (-CREDIT_SECONDS[one], order.index(one)), default=None)
