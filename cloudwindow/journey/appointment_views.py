"""What the pages about appointments are shown; times are seconds since the epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

from cloudwindow.domain.appointment import Appointment
from cloudwindow.domain.calendar import day_of, moment
from cloudwindow.domain.catalogue import District, ServiceItem
from cloudwindow.domain.intake_rule import Verdict
from cloudwindow.journey.views import StaffCard

NOON = time(12)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotView:
    """One time that can be chosen, or could if ``free`` were not 0."""

    district: District
    start: float
    end: float
    free: int
    seats: int

    @property
    def morning(self) -> bool:
        """Whether it begins before noon."""
        return self.start < moment(day_of(self.start), NOON)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayView:
    """One day with appointments: ``day`` is spelled 2026-05-20, ``weekday`` 0 is Monday."""

    day: str
    at: float
    weekday: int
    free: int
    makes_up: bool
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotsView:
    """The page on which a time is chosen."""

    item: ServiceItem
    district: District
    language: str
    days: Sequence[DayView]
    slots: Sequence[SlotView]
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherDistrict:
    """A district that can serve now: ``agents`` of its own are on duty for this."""

    district: District
    agents: int
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InsteadView:
    """
    What can truly be had while no number can: why not, when again, where else, the next free times.

    ``look_by``: when a form left now would be looked at; empty when none can be left.
    """

    item: ServiceItem
    district: District
    verdict: Verdict
    opens_at: float | None
    others: Sequence[OtherDistrict]
    slots: Sequence[SlotView]
    look_by: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentView:
    """
    The holder's page. ``phase``: ahead, check_in, late, over; ``visiting``: the ticket is in this browser.
    """

    appointment: Appointment
    phase: str
    item: ServiceItem
    district: District
    weekday: int
    name: str
    mobile: str
    may_move: bool
    resume_link: str
    visiting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentRow:
    """One line of the district's day; the name is masked."""

    number: str
    starts_at: float
    ends_at: float
    item: ServiceItem
    language: str
    name: str
    state: str
    late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentDay:
    """One day of the district's list."""

    at: float
    weekday: int
    working: bool
    rows: Sequence[AppointmentRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppointmentListView:
    """The district's appointments of today and tomorrow, and how many were missed in the last 30 days."""

    staff: StaffCard
    district: District
    days: Sequence[AppointmentDay]
    kept: int
    missed: int

    @property
    def missed_percent(self) -> int | None:
        """The share of missed appointments, ``None`` when none has passed."""
        passed = self.kept + self.missed
        return round(100 * self.missed / passed) if passed else None
