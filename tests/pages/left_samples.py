"""Sample views of the pages about left forms; nobody named here exists."""

from dataclasses import replace
from typing import Any

from cloudwindow.domain.ids import ApplicationId, CitizenId, ItemId, StaffId, TicketId
from cloudwindow.domain.left_form import LeftForm, State
from cloudwindow.journey.left_views import (
    LeftBoardRow,
    LeftFormRow,
    LeftFormView,
    LeftListView,
    LeftReadView,
)
from tests.pages import citizen_views as sample
from tests.pages import staff_views

ITEM = sample.item()
CATALOGUE = sample.catalogue()
HOME = CATALOGUE.district(sample.HOME)
DUE = sample.NOW + 86_400
FORM = LeftForm(
    id="f1",
    number="3QTA-8W4M-K",
    citizen=CitizenId("c1"),
    application=ApplicationId("a1"),
    item=ItemId(ITEM.id),
    item_version=1,
    district=HOME.code,
    language="zh",
    mode="video",
    spoken="zh-CN",
    begun_at=sample.NOW,
    state=State.LEFT,
    call_back=True,
    left_at=sample.NOW,
    due_at=DUE,
)


def held(state: State, *, note: str = "", ticket: str = "") -> LeftFormView:
    """The holder's page in ``state``."""
    return LeftFormView(
        form=replace(FORM, state=state, ticket=TicketId(ticket) if ticket else None),
        item=ITEM,
        district=HOME,
        name="林**",
        mobile="138****2046",
        sections=sample.sections(ITEM, "confirmed"),
        materials=sample.materials(ITEM),
        missing=["工作单位", "联系地址"],
        missing_papers=["身份证"],
        note=note,
        look_by=DUE,
        resume_link="https://video.example/resume#k7f3m9q2x5w8",
    )


def read(state: State, *, mine: bool = False, call_back: bool = True, complete: bool = False) -> LeftReadView:
    """One form before the agent."""
    return LeftReadView(
        staff=staff_views.AGENT,
        form=replace(FORM, state=state, call_back=call_back, agent=StaffId("s1") if mine else None),
        item=ITEM,
        home=HOME,
        name="林**",
        mobile="138****2046",
        capacity="own",
        lines=staff_views.CASE_PAGE.lines,
        materials=sample.materials(ITEM),
        missing=() if complete else ("工作单位", "联系地址"),
        missing_papers=() if complete else ("身份证",),
        overdue=complete,
        mine=mine,
    )


LIST = LeftListView(
    staff=staff_views.AGENT,
    district=HOME,
    rows=[
        LeftFormRow(form=replace(FORM, due_at=sample.NOW - 3600), item=ITEM, name="林**", overdue=True),
        LeftFormRow(form=replace(FORM, id="f2", state=State.TAKEN), item=ITEM, name="王**", overdue=False),
        LeftFormRow(form=replace(FORM, id="f3", call_back=False), item=ITEM, name="欧阳*", overdue=False),
    ],
)
ON_BOARD = [
    LeftBoardRow(district=HOME, unseen=4, overdue=1),
    LeftBoardRow(district=CATALOGUE.district(sample.WINDOW), unseen=2, overdue=0),
]

PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    f"left-form-{state.value}": ("left_form", {"held": held(state), "problem": None}) for state in State
} | {
    "left-form-written-to": (
        "left_form",
        {"held": held(State.INVITED, note="请补拍身份证反面，其余都齐了。"), "problem": None},
    ),
    "left-form-going-on": ("left_form", {"held": held(State.CONTINUED, ticket="t1"), "problem": None}),
    "left-form-over": (
        "left_form",
        {
            "held": held(State.EXPIRED),
            "problem": ("left_form_over", "这份表格已经结束，不能再修改。您可以直接取号。"),
        },
    ),
}
STAFF_PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "left-forms": ("agent/left_forms.html", {"list": LIST}),
    "left-forms-none": ("agent/left_forms.html", {"list": replace(LIST, rows=[])}),
    "left-form-to-take": ("agent/left_form.html", {"read": read(State.LEFT)}),
    "left-form-mine": ("agent/left_form.html", {"read": read(State.TAKEN, mine=True)}),
    "left-form-no-call": ("agent/left_form.html", {"read": read(State.TAKEN, mine=True, call_back=False)}),
    "left-form-complete": ("agent/left_form.html", {"read": read(State.TAKEN, complete=True)}),
    "left-form-wrong": (
        "agent/left_form.html",
        {
            "read": read(State.TAKEN, mine=True),
            "errors": [("note", "left_note_missing", "请写明还缺什么，或下一步怎么做。")],
            "typed": {"note": ""},
        },
    ),
}
for _, _values in STAFF_PAGES.values():
    _values["staff"] = staff_views.AGENT
