"""Every page of staff with its sample, by a short name."""

from functools import cache
from typing import Any

from jinja2 import Environment

from tests.pages import appointment_samples as appointments
from tests.pages import company_samples as others
from tests.pages import explain_views as explained
from tests.pages import left_samples as left
from tests.pages import playback_samples as recordings
from tests.pages import staff_views as sample
from tests.pages.environment import context, environment
from tests.pages.sample_catalogue import DISTRICTS

Sample = tuple[str, dict[str, Any]]

DESKS: dict[str, Sample] = {
    f"desk-{name}": ("agent/desk.html", {"desk": view, "staff": sample.AGENT, "company": others.ALONE})
    for name, view in sample.DESKS.items()
} | {
    f"desk-company-{number}": (
        "agent/desk.html",
        {"desk": sample.DESKS["in_booked_call"], "staff": sample.AGENT, "company": view},
    )
    for number, view in enumerate((others.FULL, others.PRIVATE, None))
}
PAGES: dict[str, Sample] = (
    DESKS
    | left.STAFF_PAGES
    | recordings.PAGES
    | {
        "sign-in": ("staff/sign_in.html", {}),
        "sign-in-wrong": (
            "staff/sign_in.html",
            {
                "errors": [(None, "sign_in_wrong", "账号、密码或验证码不正确，请重新输入。")],
                "typed": {"account": "yuexiu-agent"},
            },
        ),
        "demo": ("staff/demo.html", {"accounts": sample.ACCOUNTS, "messages": sample.MESSAGES}),
        "side-by-side": ("staff/side_by_side.html", {}),
        "inbox": ("approver/inbox.html", {"inbox": sample.INBOX, "staff": sample.APPROVER}),
        "inbox-empty": ("approver/inbox.html", {"inbox": sample.EMPTY_INBOX, "staff": sample.APPROVER}),
        "case": (
            "approver/case.html",
            {"page": sample.CASE_PAGE, "staff": sample.APPROVER, "recordings": recordings.ROWS[1:3]},
        ),
        "case-new": ("approver/case.html", {"page": sample.NEW_CASE_PAGE, "staff": sample.APPROVER}),
        "case-deciding": (
            "approver/case.html",
            {"page": sample.DECIDING_CASE_PAGE, "staff": sample.APPROVER},
        ),
        "case-wrong": (
            "approver/case.html",
            {
                "page": sample.CASE_PAGE,
                "staff": sample.APPROVER,
                "errors": [("reasons", "reasons_required", "请写明理由，再提交。")],
                "typed": {"reasons": ""},
            },
        ),
        "board": (
            "admin/board.html",
            {
                "board": sample.BOARD,
                "districts": DISTRICTS,
                "left_forms": left.ON_BOARD,
                "staff": sample.CITY_ADMIN,
            },
        ),
        "board-appointments": (
            "admin/appointments.html",
            {
                "expected": appointments.expected(sample.CITY_ADMIN),
                "districts": DISTRICTS,
                "left_forms": left.ON_BOARD,
                "staff": sample.CITY_ADMIN,
            },
        ),
        "board-appointments-none": (
            "admin/appointments.html",
            {
                "expected": appointments.expected(sample.DISTRICT_BOARD.staff, rows=False),
                "districts": DISTRICTS,
                "left_forms": left.ON_BOARD,
                "staff": sample.DISTRICT_BOARD.staff,
            },
        ),
        "board-refused": (
            "admin/board.html",
            {
                "board": sample.BOARD,
                "districts": DISTRICTS,
                "left_forms": left.ON_BOARD,
                "staff": sample.CITY_ADMIN,
                "errors": [
                    ("ends_at", "lending_time_unusable", "支援时间须在十分钟到十四天之间，请重新选择。")
                ],
                "typed": {
                    "lender": "440106",
                    "ends": "custom",
                    "ends_at": "2026-11-23T15:30",
                    "reason": "忙",
                },
            },
        ),
        "board-district": (
            "admin/board.html",
            {"board": sample.DISTRICT_BOARD, "left_forms": [], "staff": sample.DISTRICT_BOARD.staff},
        ),
        "explain": ("admin/explain.html", {"story": explained.STORY}),
        "explain-wrong": ("admin/explain.html", {"story": explained.WRONG_STORY}),
        "explain-unoffered": ("admin/explain.html", {"story": explained.UNOFFERED}),
        "explain-latest": ("admin/explain.html", {"latest": explained.LATEST}),
        "explain-unknown": (
            "admin/explain.html",
            {"errors": [("ticket", "ticket_not_found", "那一天没有找到这个号码。请核对号码和日期。")]},
        ),
    }
)

PANELS: dict[str, Sample] = {
    f"{state}-{panel}": (f"agent/panels/{panel}.html", {"desk": view, "company": others.FULL})
    for state, view in sample.DESKS.items()
    for panel in (
        "status",
        "offer",
        "park",
        "transfer",
        "citizen",
        "matters",
        "company",
        "form",
        "progress",
        "materials",
        "read_back",
        "decision",
        "chat",
        "outcome",
    )
} | {
    f"board-{panel}": (f"admin/panels/{panel}.html", {"board": sample.BOARD, "left_forms": left.ON_BOARD})
    for panel in ("figures", "lines", "agents", "today", "aid", "left_forms", "texts")
}


UNTRANSLATED: set[str] = set()
"""Msgids met on a Chinese page that have no Chinese sentence."""


@cache
def render(name: str, language: str, **more: Any) -> str:
    """The page or panel ``name`` as HTML; ``more`` chooses the look."""
    template, values = (PAGES | PANELS)[name]
    if name.startswith("explain"):
        values = explained.values(language, **values) | {"staff": sample.CITY_ADMIN, **values}
    return _templates(language).get_template(template).render(context(language, **values, **more))


@cache
def _templates(language: str) -> Environment:
    return environment(language, UNTRANSLATED)
