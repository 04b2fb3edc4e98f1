"""Third parties as the pages show them."""

from dataclasses import replace

from cloudwindow.domain import session
from cloudwindow.domain.catalogue import Text
from cloudwindow.domain.third_party import INVITED_KINDS
from cloudwindow.journey.views import (
    CompanyRow,
    CompanyView,
    DocumentView,
    GuestView,
    MaterialView,
    PaperView,
)
from tests.pages.sample_catalogue import paper

NOW = 1_779_242_400.0


def row(kind: str, name: str, state: str = "present", *, agreed: bool = True, link: str = "") -> CompanyRow:
    """One third party."""
    supervisor = kind == "supervisor"
    return CompanyRow(
        id=f"{kind}-1",
        kind=kind,
        name=name,
        state=state,
        agreed=agreed,
        refusable=not supervisor,
        mode="whisper" if supervisor else "",
        link=link,
        invited_at=NOW,
    )


FULL = CompanyView(
    session="s1",
    rows=(
        row("interpreter", "陈手语"),
        row("family", "李女儿", "invited", agreed=False, link="https://cloudwindow.example/guest/join#abc"),
        row("supervisor", "何婉仪"),
        row("expert", "专家王", "absent"),
    ),
    hold_reason="look_up",
    held_at=NOW,
    side_room=False,
    may_invite=False,
    kinds=[kind.value for kind in INVITED_KINDS],
    hold_reasons=session.HOLD_REASONS,
)
ALONE = replace(FULL, rows=(), hold_reason="", held_at=None, may_invite=True)
PRIVATE = replace(FULL, hold_reason="", held_at=None, side_room=True, rows=FULL.rows[:1], may_invite=True)

SCANS = (
    MaterialView(
        rule=paper("id_card", "申请人居民身份证", "Identity card", "正反两面"),
        required=True,
        papers=(),
        settled=False,
    ),
    MaterialView(
        rule=paper("portrait", "近期二寸免冠照片", "Portrait photo", "白底"),
        required=True,
        papers=(PaperView(id="p1", url="", verdict="ok", hints=()),),
        settled=True,
    ),
)
PRINTS = (
    DocumentView(
        id="d1",
        kind="receipt_slip",
        number="440114202605200001",
        url="/guest/documents/d1",
        verification_code="AAAA-BBBB",
        issued_at=NOW,
    ),
)

GUEST = GuestView(
    me=row("family", "李女儿"),
    stage="in_call",
    agent="陈晓敏",
    district=Text(zh="越秀区", en="Yuexiu"),
    number="Y012",
    company=FULL,
    writes=True,
)
GUESTS = {
    "in_call": GUEST,
    "waiting": replace(GUEST, stage="waiting", company=PRIVATE),
    "counter": replace(
        GUEST, me=row("local_counter", "狮岭镇便民服务中心"), company=PRIVATE, papers=SCANS, documents=PRINTS
    ),
    "ended": replace(GUEST, stage="ended", company=ALONE),
    "supervisor": replace(GUEST, me=row("supervisor", "何婉仪"), company=PRIVATE),
    "supervisor-ended": replace(GUEST, me=row("supervisor", "何婉仪"), stage="ended", company=ALONE),
}
