"""What the pages about left forms are shown; times are seconds since the epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloudwindow.domain.catalogue import District, ServiceItem
from cloudwindow.domain.left_form import LeftForm
from cloudwindow.journey.views import MaterialView, SectionView, StaffCard


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftFormView:
    """The holder's page; ``note`` is what the agent wrote, ``missing`` the required answers not given yet."""

    form: LeftForm
    item: ServiceItem
    district: District
    name: str
    mobile: str
    sections: Sequence[SectionView]
    materials: Sequence[MaterialView]
    missing: Sequence[str]
    missing_papers: Sequence[str]
    note: str
    look_by: float
    resume_link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftFormRow:
    """One line of the agents' list; the name is masked."""

    form: LeftForm
    item: ServiceItem
    name: str
    overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftListView:
    """The left forms this agent may take, the oldest first, and the one they look at."""

    staff: StaffCard
    district: District
    rows: Sequence[LeftFormRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftReadView:
    """A left form as an agent sees it: ``lines`` are (section, label, value), personal numbers masked."""

    staff: StaffCard
    form: LeftForm
    item: ServiceItem
    home: District
    name: str
    mobile: str
    capacity: str
    lines: Sequence[tuple[str, str, str]]
    materials: Sequence[MaterialView]
    missing: Sequence[str]
    missing_papers: Sequence[str]
    overdue: bool
    mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBoardRow:
    """A district's left forms that wait to be looked at, and how many longer than promised."""

    district: District
    unseen: int
    overdue: int
