"""Recordings as the pages of staff show them."""

from dataclasses import replace
from typing import Any

from cloudwindow.domain.recording import DAY_SECONDS
from cloudwindow.journey.recording_views import (
    ChapterRow,
    CopyView,
    GapRow,
    PlayView,
    RecordingRow,
    RecordingView,
    ViewingRow,
)
from tests.pages.sample_catalogue import HUADU, ITEM, TIANHE
from tests.pages.staff_views import AGENT, APPROVER, CITY_ADMIN

NOW = 1_779_242_400.0
ID = "0k3m7q9txz4w2f6b8d1n5hrc"

ROW = RecordingRow(
    id=ID,
    receipt="4401-14HR-0106-26K",
    item=ITEM.name,
    home=HUADU,
    agent="陈晓敏 HD-018",
    number=1,
    state="kept",
    started_at=NOW,
    seconds=1124.0,
    keep_until=NOW + 180 * DAY_SECONDS,
    held=False,
    failure="",
    film="made",
    clips=2,
    evidence_until=NOW + 1825 * DAY_SECONDS,
)
REDUCED = replace(ROW, state="evidence", film_deleted_at=NOW + 180 * DAY_SECONDS)
ROWS = [
    replace(ROW, state="running", receipt="", seconds=61.0, keep_until=None, film=""),
    replace(ROW, number=2, state="ended", keep_until=None, film=""),
    replace(ROW, held=True),
    replace(ROW, home=TIANHE, film="failed", failure="disk_full"),
    REDUCED,
    replace(ROW, state="deleted", seconds=4012.0, deleted_at=NOW + 1825 * DAY_SECONDS),
]
CHAPTERS = [
    ChapterRow(name="identity", at=41.0, clip=0),
    ChapterRow(name="read_back", at=712.0, clip=1),
    ChapterRow(name="signature", at=905.0, clip=None),
]
VIEWINGS = [
    ViewingRow(
        at=NOW + 90_000,
        expires_at=NOW + 91_800,
        name="何婉仪",
        number="HD-900",
        reason="申请人来电称签名时没有看清第三条声明，复核回读过程。",
        copies=1,
    ),
    ViewingRow(
        at=NOW + 5_000, expires_at=NOW + 6_800, name="陈晓敏", number="HD-018", reason="核对口述的地址"
    ),
]
PAGE = RecordingView(
    row=ROW,
    octets=48_211_033,
    head="9f2c" * 16,
    checked_at=NOW + 90_000,
    findings=[],
    gaps=[
        GapRow(reason="sensitive_field", start=122.0, end=149.5, packets=0),
        GapRow(reason="lost_packets", start=300.0, end=302.0, packets=37),
        GapRow(reason="worker_died", start=1124.0, end=None, packets=0),
    ],
    chapters=CHAPTERS,
    viewings=VIEWINGS,
    held_reason="",
    can=frozenset({"play", "hold"}),
)
BARE = replace(PAGE, checked_at=None, gaps=[], chapters=[], viewings=[], can=frozenset(), octets=0, head="")
PLAY = PlayView(
    row=ROW,
    watermark="何婉仪 HD-900 · 2026-05-20 15:04 · 4401-14HR-0106-26K",
    here=f"/staff/recordings/{ID}/viewings/leave",
    source=f"/staff/recordings/{ID}/viewings/leave/film",
    clip=None,
    chapters=CHAPTERS,
    reason="申请人来电称签名时没有看清第三条声明，复核回读过程。",
    expires_at=NOW + 1_800,
    whole=True,
    may_copy=True,
)
COPY = CopyView(
    row=ROW,
    here=f"{PLAY.here}/copies/copy",
    player=PLAY.here,
    state="ready",
    words="何婉仪 HD-900 · 2026-05-20 15:04 · 0K3M7Q9T",
    chapter="",
    octets=31_900_210,
    sha256="41ab" * 16,
    original="7f03" * 16,
    failure="",
    expires_at=NOW + 1_800,
)

VIEWS: dict[str, RecordingView] = {
    "kept": PAGE,
    "held": replace(
        PAGE,
        row=replace(ROW, held=True),
        held_reason="行政复议 2026-17，何婉仪",
        can=frozenset({"play", "release"}),
    ),
    "failed": replace(
        PAGE,
        row=replace(ROW, film="failed", failure="disk_full"),
        findings=["changed: 01-0003.mkv.sealed", "missing: 02-0001.mkv.sealed"],
        can=frozenset({"film", "hold"}),
    ),
    "evidence": replace(PAGE, row=REDUCED, octets=2_140_000),
    "deleted": replace(PAGE, row=ROWS[-1], octets=0, can=frozenset()),
    "running": replace(BARE, row=ROWS[0]),
    "ended": replace(BARE, row=ROWS[1]),
    "ended-failed": replace(BARE, row=replace(ROWS[1], film="failed")),
    "wanted": replace(BARE, row=replace(ROW, film="wanted")),
    "nothing": replace(BARE, row=replace(ROW, film="nothing_recorded")),
}
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    f"recording-{name}": ("staff/recording.html", {"page": view, "staff": CITY_ADMIN})
    for name, view in VIEWS.items()
} | {
    "recording-refused": (
        "staff/recording.html",
        {
            "page": PAGE,
            "staff": CITY_ADMIN,
            "errors": [("reason-hold", "reason_length", "请用 4 至 300 个字写明理由。")],
            "typed": {"action": "hold", "reason": "诉讼"},
        },
    ),
    "recordings": ("staff/recordings.html", {"rows": ROWS, "receipt": "", "staff": CITY_ADMIN}),
    "recordings-none": ("staff/recordings.html", {"rows": [], "receipt": "", "staff": AGENT}),
    "recordings-unknown": ("staff/recordings.html", {"rows": [], "receipt": "4401", "staff": APPROVER}),
    "player": ("staff/player.html", {"play": PLAY, "at": 0, "staff": CITY_ADMIN}),
    "player-evidence": (
        "staff/player.html",
        {
            "play": replace(PLAY, row=REDUCED, clip=0, whole=False, source=f"{PLAY.here}/clips/0"),
            "at": 0,
            "staff": CITY_ADMIN,
        },
    ),
    "copy": ("staff/copy.html", {"copy": COPY, "staff": CITY_ADMIN}),
    "copy-making": (
        "staff/copy.html",
        {"copy": replace(COPY, state="making", octets=0, sha256="", original=""), "staff": CITY_ADMIN},
    ),
    "copy-failed": (
        "staff/copy.html",
        {
            "copy": replace(
                COPY,
                state="failed",
                failure="no_font",
                player=f"{PLAY.here}?clip=1",
                chapter="read_back",
                octets=0,
                sha256="",
                original="",
            ),
            "staff": CITY_ADMIN,
        },
    ),
    "player-clip": (
        "staff/player.html",
        {
            "play": replace(PLAY, clip=1, source=f"{PLAY.here}/clips/1", may_copy=False),
            "at": 12,
            "staff": AGENT,
        },
    ),
}
