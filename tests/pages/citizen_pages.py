"""Every page of citizens with its sample, by a short name."""

from dataclasses import replace
from functools import cache
from typing import Any

from jinja2 import Environment

from cloudwindow.domain.search import Hit
from cloudwindow.journey.matters import Basket
from tests.pages import appointment_samples as appointments
from tests.pages import citizen_views as sample
from tests.pages import company_samples as others
from tests.pages import left_samples as left
from tests.pages.environment import context, environment
from tests.pages.recording_samples import MARKS

WRONG = [
    ("id_number", "idno_check_digit", "身份证号码最后一位对不上，请对照证件再看一遍。"),
    ("home_street", "required", "请选择街道或镇。"),
]
ITEM = sample.item()
HOME: dict[str, Any] = {
    "q": "",
    "hits": [],
    "popular": sample.catalogue().items,
    "open_visit": False,
    "districts": sample.catalogue().districts,
}
CONFIRM: dict[str, Any] = {
    "item": ITEM,
    "mobile": "138****2046",
    "code_sent": True,
    "notice": sample.catalogue().text("handling_notice").text,
    "consents": [
        ("handling", sample.catalogue().text("handling_consent").text, True),
        ("recording", sample.catalogue().text("recording_consent").text, False),
    ],
}
HIT = Hit(item=sample.item("PS01"), score=0.9, matched="办居住证")

VISITS = {
    "waiting": sample.visit("waiting", place=sample.PLACE),
    "next": sample.visit("waiting", place=sample.NEXT),
    "counting": sample.visit("waiting"),
    "far": sample.visit("waiting", place=sample.FAR),
    "by-appointment": sample.visit("waiting", place=sample.PLACE, appointment=appointments.MARK),
    "late": sample.visit("waiting", place=sample.PLACE, appointment=appointments.LATE),
    "closed": sample.visit("waiting", place=sample.PLACE, open_now=False),
    "callback": sample.visit("waiting", place=sample.PLACE, callback=True),
    "held": sample.visit(
        "waiting",
        place=sample.PLACE,
        held_until=sample.NOW + 1200,
        callback=True,
        aside_reason="citizen_asked",
    ),
    "nearly": sample.visit("waiting", place=sample.NEARLY, nearly=True),
    "parked": sample.aside("parked", named=True),
    "passed_on": sample.aside("passed_on", named=False),
    "passed_on_by_name": sample.aside("passed_on", named=True),
    "called": sample.visit("called"),
    "in_call": sample.visit("in_call"),
    "reading": sample.visit("in_call", back=sample.read_back(ITEM)),
    "signing": sample.visit("in_call", back=sample.read_back(ITEM, declared=True)),
    "signed": sample.visit("in_call", back=sample.read_back(ITEM, declared=True, signed_at=sample.NOW)),
    "handed_in": sample.visit("in_call", handed_in=sample.case("HR01", "approved")),
    "on_hold": sample.visit("on_hold"),
    "missed": sample.visit("missed"),
    "ended": sample.visit("ended", handed_in=sample.case("HR01", "approved")),
    "broken": sample.visit("ended"),
}
VISITS |= {
    "several": replace(VISITS["waiting"], matters=sample.several("now", "open")),
    "several_called": replace(VISITS["called"], matters=sample.several("now", "open")),
    "several_in_call": replace(VISITS["in_call"], matters=sample.several("done", "now")),
    "several_ended": replace(VISITS["ended"], matters=sample.several("done", "done")),
    "several_broken": replace(VISITS["broken"], matters=sample.several("now", "open")),
}

PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "home": ("home", HOME),
    "home-with-number": ("home", HOME | {"open_visit": True}),
    "found": ("home", HOME | {"q": "办居住证", "hits": [HIT]}),
    "not-found": ("home", HOME | {"q": "月亮"}),
    "start": ("start", {"item": ITEM, "districts": sample.catalogue().districts, "signs": False}),
    "start-signed": (
        "start",
        {
            "item": ITEM,
            "districts": sample.catalogue().districts,
            "signs": True,
            "typed": {"priority": "pregnant", "mode": "sign"},
        },
    ),
    "start-wrong": (
        "start",
        {
            "item": ITEM,
            "districts": sample.catalogue().districts,
            "signs": False,
            "errors": WRONG,
            "typed": {"name": "陈晓岚", "capacity": "delegate", "home_district": "440114"},
        },
    ),
    "confirm": ("confirm", CONFIRM),
    "confirm-late": ("confirm", CONFIRM | {"code_late": True}),
    "confirm-wrong": ("confirm", CONFIRM | {"errors": [("code", "code_wrong", "验证码不对，请重新输入。")]}),
    "resume": ("resume", {}),
    "cases": ("cases", {}),
    "cases-wrong": (
        "cases",
        {"errors": [(None, "unknown_case", "没有查到这件申请。")], "typed": {"receipt": "1"}},
    ),
    "case": ("case", {"case": sample.case("PS01", "handed_over")}),
    "case-decided": ("case", {"case": sample.case("PS01", "approved")}),
    "case-to-correct": ("case", {"case": sample.case("PS01", "correction_requested", corrections=True)}),
    "case-still-wrong": (
        "case",
        {
            "case": sample.case("PS01", "correction_requested", corrections=True),
            "errors": [("since", "date_in_future", "日期不能晚于今天。")],
            "typed": {"since": "2030-01-01"},
        },
    ),
    "verify": ("verify", {"found": None, "code": "", "tried": False}),
    "verify-found": ("verify", {"found": sample.DOCUMENT, "code": "7KQF-2M9X-P", "tried": True}),
    "verify-unknown": ("verify", {"found": None, "code": "AAAA", "tried": True}),
    "waits": ("waits", {"records_shown": sample.WAIT_RECORDS}),
    "error": (
        "error",
        {
            "code": "unknown_item",
            "title": "没有这件事项",
            "text": "请回到首页重新找一找。",
            "request_id": "01J9",
            "next_link": "/",
        },
    ),
}
PAGES |= {
    f"item-{of.id}": ("item", {"item": of, "can_start": of.id != "PS01", "decides": sample.decides(of)})
    for of in sample.catalogue().items
}
PAGES["visit-form-wrong"] = (
    "visit",
    {"visit": VISITS["waiting"], "errors": [("start_date", "date_in_future", "日期不能晚于今天。")]},
)
PAGES |= appointments.PAGES | left.PAGES
PAGES |= {
    "confirm-booking": (
        "confirm",
        CONFIRM | {"base": "/items/HR01/book", "booking": appointments.BOOKING},
    ),
    "confirm-leaving": ("confirm", CONFIRM | {"base": "/items/HR01/leave", "leaving": True}),
    "number-instead": (
        "number_instead",
        {
            "item": ITEM,
            "code": "booking_paused",
            "words": "因多次爽约，2026-12-10 前暂停预约；您仍可随时取号办理。",
        },
    ),
    "confirm-nobody-there": ("confirm", CONFIRM | {"instead": appointments.INSTEAD}),
}
ITEMS = {str(one.id): one for one in sample.catalogue().items}
PAGES |= {
    "confirm-several": (
        "confirm",
        CONFIRM | {"basket": Basket(chosen=[ITEMS["CA04"]], together=[ITEMS["PS01"]], apart=[], full=False)},
    ),
    "confirm-several-full": (
        "confirm",
        CONFIRM | {"basket": Basket(chosen=[ITEMS["CA04"], ITEMS["PS01"]], together=[], apart=[], full=True)},
    ),
    "confirm-apart": (
        "confirm",
        CONFIRM
        | {
            "basket": Basket(chosen=[], together=[], apart=[ITEMS["CA04"]], full=False),
            "errors": [("more", "matters_not_together", "没有工作人员能在一次通话里办完这些事项。")],
        },
    ),
}
PAGES |= {f"visit-{name}": ("visit", {"visit": view}) for name, view in VISITS.items()}
HERE = VISITS["waiting"].home
PAGES["visit-elsewhere"] = (
    "visit",
    {"visit": replace(VISITS["waiting"], window=sample.catalogue().district("440106"))},
)
PAGES |= {
    f"visit-hidden-{part}": ("visit", {"visit": replace(VISITS["waiting"], window=home)})
    for part, home in (("place", replace(HERE, show_place=False)), ("wait", replace(HERE, show_wait=False)))
}

PAGES |= {
    f"visit-company-{number}": ("visit", {"visit": VISITS["in_call"], "company": view})
    for number, view in enumerate((others.FULL, others.PRIVATE))
}
PAGES |= {
    f"visit-recording-{name}": ("visit", {"visit": replace(VISITS["in_call"], recording=mark)})
    for name, mark in MARKS.items()
}
PAGES |= {f"guest-{name}": ("guest/call", {"sitting": view}) for name, view in others.GUESTS.items()}
PAGES |= {
    "guest-join": ("guest/join", {}),
    "guest-join-wrong": (
        "guest/join",
        {"errors": [("secret", "link_unknown", "这个链接已失效，请使用最新的链接。")]},
    ),
}

PANELS: dict[str, tuple[str, dict[str, Any]]] = {
    f"{name}-{panel}": (f"panels/{panel}", {"visit": view})
    for name, view in VISITS.items()
    for panel in (
        "ticket",
        "matters",
        "devices",
        "form",
        "materials",
        "call_header",
        "company",
        "recording",
        "recording_ask",
        "chat",
        "read_back",
        "signature",
        "case",
        "ended",
    )
}


UNTRANSLATED: set[str] = set()
"""Msgids met on a Chinese page that have no Chinese sentence."""


@cache
def _templates(language: str) -> Environment:
    return environment(language, UNTRANSLATED)


@cache
def render(name: str, language: str, **more: Any) -> str:
    """The page or panel ``name`` as HTML; ``more`` chooses the look."""
    template, values = (PAGES | PANELS)[name]
    shown = context(language, **{"request_path": "/", "company": None, **values, **more})
    folder = "" if template.startswith("guest/") else "citizen/"
    return _templates(language).get_template(f"{folder}{template}.html").render(shown)
