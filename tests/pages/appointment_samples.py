"""Sample views of the pages about appointments; nobody named here exists."""

from dataclasses import replace
from datetime import date, time
from typing import Any

from cloudwindow.domain.appointment import Appointment, State, slots_on
from cloudwindow.domain.calendar import moment
from cloudwindow.domain.ids import CitizenId, ItemId
from cloudwindow.domain.intake_rule import Verdict
from cloudwindow.handlers.booking import MINUTES
from cloudwindow.journey.appointment_views import (
    AppointmentDay,
    AppointmentListView,
    AppointmentRow,
    AppointmentView,
    DayView,
    InsteadView,
    OtherDistrict,
    SlotsView,
    SlotView,
)
from cloudwindow.journey.views import AppointmentMark, StaffCard
from tests.pages import citizen_views as sample

ITEM = sample.item()
CATALOGUE = sample.catalogue()
HOME = CATALOGUE.district(sample.HOME)
FRIDAY = date(2026, 11, 27)
SATURDAY = date(2026, 11, 28)
START = moment(FRIDAY, time(10, 30))

SLOTS = [
    SlotView(district=HOME, start=slot.start, end=slot.end, free=serial % 3, seats=2)
    for serial, slot in enumerate(slots_on(HOME.calendar, FRIDAY, 600.0))
]
DAYS = [
    DayView(
        day=day.isoformat(),
        at=moment(day, time(9)),
        weekday=day.weekday(),
        free=free,
        makes_up=day == SATURDAY,
        chosen=day == FRIDAY,
    )
    for day, free in ((date(2026, 11, 26), 0), (FRIDAY, 41), (SATURDAY, 84), (date(2026, 11, 30), 84))
]
TIMES = SlotsView(item=ITEM, district=HOME, language="zh", days=DAYS, slots=SLOTS, minutes=10)
BOOKED = Appointment(
    id="b1",
    number="7KQF-2M9X-P",
    citizen=CitizenId("c1"),
    item=ItemId(ITEM.id),
    item_version=1,
    district=HOME.code,
    skill=ITEM.skill_group,
    language="zh",
    starts_at=START,
    ends_at=START + 600,
    seat=0,
    spoken="zh-CN",
    booked_at=sample.NOW,
)


def held(phase: str, state: State = State.BOOKED, **more: Any) -> AppointmentView:
    """The holder's page in ``phase``."""
    shown = AppointmentView(
        appointment=replace(BOOKED, state=state),
        phase=phase,
        item=ITEM,
        district=HOME,
        weekday=FRIDAY.weekday(),
        name="陈**",
        mobile="138****2046",
        may_move=phase == "ahead",
        resume_link="http://localhost:8080/resume#3f7k2m9x",
        visiting=False,
    )
    return replace(shown, **more)


def page(view: AppointmentView, **more: Any) -> dict[str, Any]:
    """What the holder's page is given."""
    return {"held": view, "rule": MINUTES, "stood": False, "problem": None} | more


BOOK: dict[str, Any] = {
    "times": TIMES,
    "item": ITEM,
    "districts": CATALOGUE.districts,
    "moving": None,
    "errors": [],
    "rule": MINUTES,
}
INSTEAD = InsteadView(
    item=ITEM,
    district=HOME,
    verdict=Verdict.CLOSED,
    opens_at=START,
    others=[OtherDistrict(district=CATALOGUE.district(sample.WINDOW), agents=2, waiting=3)],
    slots=SLOTS[1:3] + SLOTS[4:5],
    look_by=START + 86_400,
)
MARK = AppointmentMark(starts_at=START, arrived_at=START - 60, late=False)
LATE = replace(MARK, arrived_at=START + 900, late=True)
BOOKING = {"district": HOME, "start": START}

PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "book": ("book", BOOK),
    "book-full": (
        "book",
        BOOK | {"errors": [("at", "slot_full", "这个时间的最后一个名额刚被约走，请另选时间。")]},
    ),
    "book-none": ("book", BOOK | {"times": replace(TIMES, days=[], slots=[])}),
    "book-day-over": ("book", BOOK | {"times": replace(TIMES, slots=[])}),
    "book-moving": ("book", BOOK | {"moving": held("ahead")}),
    "start-booking": (
        "start",
        {
            "item": ITEM,
            "districts": CATALOGUE.districts,
            "base": "/items/HR01/book",
            "booking": BOOKING,
            "signs": False,
            "typed": {"call_language": "yue"},
        },
    ),
    "appointment": ("appointment", page(held("ahead"))),
    "appointment-stood": ("appointment", page(held("ahead"), stood=True)),
    "appointment-near": ("appointment", page(held("ahead", may_move=False))),
    "appointment-check-in": ("appointment", page(held("check_in"))),
    "appointment-late": ("appointment", page(held("late"))),
    "appointment-early": (
        "appointment",
        page(held("ahead"), problem=("check_in_early", "开始前 10 分钟起才能签到，请到时再来。")),
    ),
    "appointment-arrived": ("appointment", page(held("over", State.ARRIVED, visiting=True))),
    "appointment-arrived-elsewhere": ("appointment", page(held("over", State.ARRIVED))),
    "appointment-cancelled": ("appointment", page(held("over", State.CANCELLED))),
    "appointment-missed": ("appointment", page(held("over", State.NO_SHOW))),
    "appointment-withdrawn": ("appointment", page(held("over", State.WITHDRAWN))),
    "appointments": ("appointments", {"asked": None, "holds": True}),
    "appointments-code": (
        "appointments",
        {
            "asked": {"number": "7KQF-2M9X-P", "mobile": "13800002046", "shown": "138****2046"},
            "holds": False,
            "errors": [("code", "code_wrong", "验证码不对，请重新输入。")],
        },
    ),
    "instead-closed": ("instead", {"item": ITEM, "instead": INSTEAD}),
    "instead-full": ("instead", {"item": ITEM, "instead": replace(INSTEAD, verdict=Verdict.FULL, others=[])}),
    "instead-nothing": (
        "instead",
        {
            "item": ITEM,
            "instead": replace(INSTEAD, verdict=Verdict.UNCOVERED, others=[], slots=[], look_by=None),
        },
    ),
    "instead-open-again": ("instead", {"item": ITEM, "instead": replace(INSTEAD, verdict=Verdict.OPEN)}),
}


def row(serial: int, state: str, *, late: bool = False) -> AppointmentRow:
    """One expected person."""
    start = START + serial * 600
    return AppointmentRow(
        number=BOOKED.number,
        starts_at=start,
        ends_at=start + 600,
        item=ITEM,
        language="zh",
        name="陈**",
        state=state,
        late=late,
    )


def expected(staff: StaffCard, *, rows: bool = True) -> AppointmentListView:
    """A district's list."""
    states = ("arrived", "no_show", "cancelled", "withdrawn", "booked") if rows else ()
    days = [
        AppointmentDay(
            at=moment(FRIDAY, time()),
            weekday=4,
            working=True,
            rows=[row(serial, state, late=not serial) for serial, state in enumerate(states)],
        ),
        AppointmentDay(at=moment(SATURDAY, time()), weekday=5, working=not rows, rows=[]),
    ]
    kept, missed = (46, 4) if rows else (0, 0)
    return AppointmentListView(staff=staff, district=HOME, days=days, kept=kept, missed=missed)
