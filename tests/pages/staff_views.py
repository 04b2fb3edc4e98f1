"""Sample views for the pages of staff: the same people and the same afternoon on every page."""

from dataclasses import replace
from typing import Any

from cloudwindow.domain.catalogue import Text
from cloudwindow.domain.ids import ApplicationId, CitizenId, DistrictCode, ItemId, TicketId
from cloudwindow.domain.ticket import State, Ticket
from cloudwindow.journey import views
from tests.pages.recording_samples import MARKS, RUNNING
from tests.pages.sample_catalogue import (
    DISTRICTS,
    HUADU,
    ITEM,
    PERSON,
    READ_BACK_OPENING,
    TIANHE,
    WORK,
    YUEXIU,
    text,
)

NOW = 1_795_418_760.0
"""2026-11-23 15:26 in Guangzhou."""
MINUTE = 60.0
HOUR = 3_600.0
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

AGENT = views.StaffCard(id="s1", name="陈晓敏", number="0203", district=YUEXIU, roles=("agent",))
APPROVER = views.StaffCard(id="s2", name="黄志强", number="1407", district=HUADU, roles=("approver",))
CITY_ADMIN = views.StaffCard(id="s3", name="梁颖", number="9001", district=YUEXIU, roles=("city_admin",))

TICKET = Ticket(
    id=TicketId("t1"),
    number="H047",
    citizen=CitizenId("c1"),
    application=ApplicationId("a1"),
    item=ItemId("HR01"),
    item_version=1,
    home_district=DistrictCode("440114"),
    language="yue",
    mode="video",
    joined_at=NOW - 9 * MINUTE,
    state=State.SERVING,
    epoch=1,
)
READINESS = views.Readiness(
    devices="ok",
    rtt_ms=38,
    loss_percent=0.4,
    fields_filled=5,
    fields_needed=5,
    papers_given=2,
    papers_needed=2,
    online=True,
)
PUNCTUAL = views.AppointmentMark(starts_at=NOW, arrived_at=NOW - 60, late=False)
OFFER = views.OfferView(
    offer="o1",
    expires_at=NOW + 17,
    number="H047",
    item=ITEM,
    home=HUADU,
    own_district=False,
    ring=1,
    waited_seconds=9 * MINUTE,
    language="yue",
    mode="video",
    capacity="own",
    readiness=READINESS,
)

# id → (raw, shown, standing, author, error)
ANSWERS: dict[str, tuple[Any, str, str, str, str | None]] = {
    "name": ("李丽华", "李丽华", "confirmed", "citizen", None),
    "id_no": (None, "4401**********1225", "confirmed", "citizen", None),
    "mobile": (None, "138****2071", "confirmed", "citizen", None),
    "education": ("senior", "高中、中专", "confirmed", "citizen", None),
    "home": (
        {"district": "440114", "street": "440114109", "detail": "宝峰北路 12 号 301"},
        "花都区狮岭镇宝峰北路 12 号 301",
        "confirmed",
        "citizen",
        None,
    ),
    "way": ("self_employed", "个体经营", "proposed", "agent", None),
    "shop": ("花都区狮岭丽华皮具店", "花都区狮岭丽华皮具店", "proposed", "agent", None),
    "uscc": (
        "92440101MA5CK0000",
        "92440101MA5CK0000",
        "proposed",
        "agent",
        "应为 18 位数字和大写字母，请对照执照核对。",
    ),
    "start": ("2026-05-08", "2026-05-08", "confirmed", "agent", None),
}


def _field(question: Any) -> views.FieldView:
    raw, shown, standing, author, error = ANSWERS.get(question.id, (None, "", "empty", "", None))
    return views.FieldView(
        field=question,
        raw=raw,
        shown=shown,
        standing=standing,
        author=author,
        version=3 if shown else 0,
        hidden=False,
        masked=raw is None and bool(shown),
        error_code="uscc_format" if error else None,
        error_text=error,
    )


SECTIONS = tuple(
    views.SectionView(
        section=section, page=page, fields=tuple(_field(question) for question in section.fields)
    )
    for page, section in ((1, PERSON), (2, WORK))
)


def _paper(paper_id: str, verdict: str, *hints: str) -> views.PaperView:
    return views.PaperView(id=paper_id, url=f"/desk/materials/{paper_id}", verdict=verdict, hints=hints)


MATERIALS = (
    views.MaterialView(
        rule=ITEM.materials[0], required=True, papers=(_paper("p1", "ok"), _paper("p2", "ok")), settled=True
    ),
    views.MaterialView(
        rule=ITEM.materials[1],
        required=True,
        papers=(_paper("p3", "pending", "blurry", "dark"),),
        settled=False,
    ),
    views.MaterialView(rule=ITEM.materials[2], required=False, papers=(), settled=False),
)
CHAT = (
    views.ChatLine(
        id=1, author="agent", name="陈晓敏", text="您好，请把营业执照再拍一张，灯光亮一点。", at=NOW - 150
    ),
    views.ChatLine(id=2, author="citizen", name="李丽华", text="好的，我去窗边拍。", at=NOW - 90),
    views.ChatLine(id=3, author="citizen", name="李丽华", text="已经传上来了，您看一下", at=NOW - 20),
)
READ_BACK = views.ReadBackView(
    opening=READ_BACK_OPENING.text,
    lines=(
        ("姓名", "您叫李丽华。"),
        ("就业形式", "您是个体经营，店名是花都区狮岭丽华皮具店。"),
        ("开始就业日期", "从 2026 年 5 月 8 日开始。"),
    ),
    papers=((ITEM.materials[0].name, 2), (ITEM.materials[1].name, 1)),
    declarations=tuple(
        views.DeclarationView(declaration=declaration, confirmed=index == 0)
        for index, declaration in enumerate(ITEM.declarations)
    ),
    sha256=SHA,
    all_declared=False,
    code_sent=False,
    code_sent_to="138****2071",
    signed_at=None,
)
SIGNED = replace(
    READ_BACK,
    declarations=tuple(replace(line, confirmed=True) for line in READ_BACK.declarations),
    all_declared=True,
    code_sent=True,
    signed_at=NOW - 30,
)
AUTHORISED = views.DecisionView(
    mode="authorised",
    organ="广州市花都区人力资源和社会保障局",
    delegation="DEMO-HR01-2026",
    due_at=None,
    can_decide=False,
)
SESSION = views.SessionView(
    id="x1",
    state="live",
    ticket=TICKET,
    item=ITEM,
    home=HUADU,
    street="狮岭镇",
    started_at=NOW - 4 * MINUTE,
    joined_at=NOW - 4 * MINUTE,
    applicant="李丽华",
    id_number="4401**********1225",
    mobile="138****2071",
    capacity="own",
    principal=None,
    recording=RUNNING,
    covered=True,
    peer_online=True,
    identity_checked=False,
    identity_result=None,
    state_of_case="draft",
    sections=SECTIONS,
    missing_fields=("是否已参加社会保险",),
    unconfirmed_fields=("就业形式", "店铺名称", "统一社会信用代码"),
    materials=MATERIALS,
    chat=CHAT,
    read_back=None,
    decision=AUTHORISED,
    case=None,
    outcomes=(
        "draft_owned",
        "consulted",
        "onsite_required",
        "identity_failed",
        "citizen_left",
        "network_lost",
        "abuse",
    ),
)
DOCUMENTS = (
    views.DocumentView(
        id="d1",
        kind="receipt_slip",
        number="穗花人社收〔2026〕118号",
        url="/inbox/7K3M-9QX2-R/documents/d1",
        verification_code="7K3M-9QX2-RW4T-H",
        issued_at=NOW - 3 * HOUR,
    ),
    views.DocumentView(
        id="d2",
        kind="acceptance_notice",
        number="穗花人社受〔2026〕97号",
        url="/inbox/7K3M-9QX2-R/documents/d2",
        verification_code="8M2P-1XK9-QT6V-J",
        issued_at=NOW - HOUR,
    ),
)
CASE = views.CaseView(
    receipt="7K3M-9QX2-R",
    state="acknowledged",
    item=ITEM,
    home=HUADU,
    street="狮岭镇",
    receiving=YUEXIU,
    organ="广州市花都区人力资源和社会保障局",
    mode="transfer",
    applicant="李丽华",
    received_at=NOW - 3 * HOUR,
    due_at=NOW + 90 * HOUR,
    acknowledge_by=NOW + HOUR,
    steps=(
        views.CaseStep(at=NOW - 3.2 * HOUR, kind="identity.checked", by="越秀区 · 陈晓敏", note="人证比对"),
        views.CaseStep(at=NOW - 3.1 * HOUR, kind="signature.made", by="李丽华", note=""),
        views.CaseStep(at=NOW - 3 * HOUR, kind="case.received", by="越秀区政务服务视频窗口", note=""),
        views.CaseStep(at=NOW - 3 * HOUR, kind="case.handed_over", by="越秀区 → 花都区", note=""),
        views.CaseStep(
            at=NOW - 2 * HOUR, kind="case.acknowledged", by="花都区人力资源和社会保障局 · 黄志强", note=""
        ),
    ),
    documents=DOCUMENTS,
    corrections=(),
    reasons="",
    can_rate=False,
    rating=None,
)
SUBMITTED = replace(CASE, state="received", mode="authorised", receiving=YUEXIU)


CHOICES = (
    views.ChoiceRow(
        ticket="t7",
        number="H051",
        item=text("个人就业登记", "Registration of employment"),
        home=HUADU,
        waited_seconds=31 * MINUTE,
        priority="",
        promised_at=None,
        language="zh",
        mode="video",
    ),
    views.ChoiceRow(
        ticket="t8",
        number="J012",
        item=text("长寿保健金信息确认", "Longevity allowance"),
        home=YUEXIU,
        waited_seconds=12 * MINUTE,
        priority="age_80",
        promised_at=None,
        language="yue",
        mode="audio",
    ),
    views.ChoiceRow(
        ticket="t9",
        number="P103",
        item=text("居住证首次申领", "First residence permit"),
        home=TIANHE,
        waited_seconds=70 * MINUTE,
        priority="resumed_drop",
        promised_at=NOW + 12 * MINUTE,
        language="en",
        mode="sign",
    ),
)
ONWARD = views.OnwardView(
    parks=tuple((minutes, NOW + minutes * MINUTE) for minutes in (5, 10, 15, 30, 60, 120)),
    languages=("zh", "yue", "en"),
    modes=("video", "audio", "text", "sign"),
    districts=DISTRICTS,
    colleagues=(
        views.ColleagueRow(
            id="s7", name="林志强", number="TH-027", district=TIANHE, state="idle", languages=("zh", "en")
        ),
        views.ColleagueRow(
            id="s8", name="黄丽华", number="HD-009", district=HUADU, state="in_call", languages=("zh", "yue")
        ),
    ),
)


def desk(
    stage: str, *, session: views.SessionView | None = SESSION, offer: views.OfferView | None = None
) -> views.DeskView:
    """The desk in one stage."""
    in_call = stage in {"in_call", "wrap_up"}
    return views.DeskView(
        staff=AGENT,
        stage=stage,
        version=7,
        offer=offer,
        session=session if in_call else None,
        waiting=6,
        served_today=14,
    )


SIGNED_SESSION = replace(
    SESSION,
    state_of_case="signed",
    identity_checked=True,
    identity_result="confirmed",
    read_back=SIGNED,
    missing_fields=(),
    unconfirmed_fields=(),
    materials=tuple(replace(material, settled=True) for material in MATERIALS),
)
DESKS = {
    "away": replace(desk("away"), choices=CHOICES),
    "missed": replace(desk("away"), away_reason="missed"),
    "shift_over": replace(desk("away"), away_reason="end_of_shift", pull=True),
    "idle": replace(desk("idle"), shift_ends_at=NOW + 2 * HOUR),
    "by_hand": replace(desk("idle"), pull=True, choices=CHOICES),
    "by_hand_alone": replace(desk("idle"), pull=True),
    "offered": desk("offered", offer=OFFER),
    "booked": desk("offered", offer=replace(OFFER, appointment=PUNCTUAL)),
    "booked_late": desk("offered", offer=replace(OFFER, appointment=replace(PUNCTUAL, late=True))),
    "in_booked_call": desk("in_call", session=replace(SESSION, appointment=PUNCTUAL)),
    "offered_again": desk(
        "offered",
        offer=replace(
            OFFER,
            ring=3,
            priority="resumed_drop",
            preferred=True,
            served_before=True,
            promised_at=NOW,
            aside_reason="fetch_papers",
        ),
    ),
    "offered_by_name": desk(
        "offered", offer=replace(OFFER, ring=2, mode="sign", preferred=True, passed_on="other_language")
    ),
    "in_call": desk("in_call"),
    "passing_on": replace(desk("in_call"), onward=ONWARD, leaving="break", shift_ends_at=NOW + 30 * MINUTE),
    "passing_on_alone": replace(desk("in_call"), onward=replace(ONWARD, colleagues=())),
    "reading_back": desk(
        "in_call",
        session=replace(
            SESSION,
            state_of_case="reading_back",
            identity_checked=True,
            identity_result="confirmed",
            read_back=READ_BACK,
            missing_fields=(),
            unconfirmed_fields=(),
        ),
    ),
    "signed": desk("in_call", session=SIGNED_SESSION),
    "received": desk(
        "in_call",
        session=replace(
            SESSION,
            state_of_case="accepted",
            identity_checked=True,
            identity_result="confirmed",
            read_back=SIGNED,
            missing_fields=(),
            unconfirmed_fields=(),
            decision=replace(AUTHORISED, can_decide=True, due_at=NOW + 90 * HOUR),
            case=replace(SUBMITTED, state="accepted"),
            outcomes=("submitted",),
        ),
    ),
    "wrap_up": desk("wrap_up", session=replace(SESSION, state="wrapping_up", peer_online=False)),
    "leaving": replace(
        desk("wrap_up", session=replace(SESSION, state="wrapping_up", peer_online=False)), leaving="break"
    ),
}

MATTERS = tuple(
    views.MatterView(
        position=position,
        name=Text(zh=zh, en=en),
        item=item,
        state=state,
        outcome="submitted" if state == "done" else "",
        note="",
        receipt="7KQF2M9XP" if state == "done" else "",
    )
    for position, item, zh, en, state in (
        (1, "CA04", "长寿保健金信息确认", "Longevity allowance", "done"),
        (2, "HR01", "个人就业登记", "Employment registration", "now"),
        (3, "PS01", "居住证首次申领", "First residence permit", "open"),
    )
)
DESKS |= {
    "several_offered": desk("offered", offer=replace(OFFER, matters=[one.name for one in MATTERS])),
    "several": desk("in_call", session=replace(SESSION, matters=MATTERS)),
    "several_wrap_up": desk(
        "wrap_up",
        session=replace(SESSION, state="wrapping_up", peer_online=False, matters=MATTERS),
    ),
}

DESKS |= {
    f"recording_{name}": desk(
        "in_call",
        session=replace(SESSION, recording=mark, covered=mark.may_decline),
    )
    for name, mark in MARKS.items()
}
DESKS["recording_missed"] = desk(
    "in_call",
    session=replace(SIGNED_SESSION, recording=replace(RUNNING, may_decline=False), covered=False),
)


def _row(receipt: str, applicant: str, state: str, *, due: float, late: str | None = None) -> views.InboxRow:
    return views.InboxRow(
        receipt=receipt,
        item=ITEM,
        applicant=applicant,
        state=state,
        from_district=YUEXIU,
        received_at=NOW - 3 * HOUR,
        acknowledge_by=NOW + HOUR if state == "handed_over" else None,
        due_at=NOW + due * HOUR,
        late=late,
    )


INBOX = views.InboxView(
    staff=APPROVER,
    show="open",
    rows=(
        _row("4T8W-2MKC-P", "何*明", "handed_over", due=80, late="acknowledge"),
        _row("7K3M-9QX2-R", "李*华", "acknowledged", due=90),
        _row("1B6N-0ZRV-D", "欧阳*敏", "accepted", due=5),
        _row("9C2J-7HQE-A", "张*", "acknowledged", due=-2, late="decide"),
    ),
    counts={"open": 4, "waiting": 1, "closed": 23},
)
CASE_PAGE = views.InboxCaseView(
    staff=APPROVER,
    case=CASE,
    id_number="4401**********1225",
    mobile="138****2071",
    capacity="delegate",
    principal="何婉芬",
    lines=(
        ("本人情况", "姓名", "李丽华"),
        ("本人情况", "常住地址", "花都区狮岭镇宝峰北路 12 号 301"),
        ("就业情况", "就业形式", "个体经营"),
        ("就业情况", "店铺名称", "花都区狮岭丽华皮具店"),
    ),
    materials=MATERIALS,
    correctable=(
        ("field", "shop", WORK.fields[1].label),
        ("field", "uscc", WORK.fields[2].label),
        ("material", "licence", ITEM.materials[1].name),
    ),
    consents=(("handling", NOW - 3.3 * HOUR), ("recording", NOW - 3.3 * HOUR)),
    identity_method="face_and_card",
    signed_at=NOW - 3.1 * HOUR,
    signature_url="/inbox/7K3M-9QX2-R/signature",
    sha256=SHA,
    duties=tuple(
        (duty, "receiving" if duty in {"verify", "rating"} else "home")
        for duty in ("verify", "tell_missing", "accept", "decide", "archive", "remedy", "rating", "clock")
    ),
    chain_intact=True,
    actions=("accept", "correction", "refuse"),
    version=9,
)
EMPTY_INBOX = replace(INBOX, rows=(), counts={"open": 0, "waiting": 1, "closed": 23})
NEW_CASE_PAGE = replace(
    CASE_PAGE, case=replace(CASE, state="handed_over", documents=DOCUMENTS[:1]), actions=("acknowledge",)
)
DECIDING_CASE_PAGE = replace(
    CASE_PAGE,
    case=replace(CASE, state="accepted"),
    actions=("approve", "deny"),
    capacity="own",
    principal=None,
)


def _line(key: str, zh: str, en: str, waiting: int, longest: float | None) -> views.BoardRow:
    return views.BoardRow(
        key=key,
        name=text(zh, en),
        waiting=waiting,
        longest_seconds=longest,
        agents={"idle": 1, "in_call": 2} if waiting else {"away": 1},
        today={"taken": 20 + waiting, "served": 17},
    )


BOARD = views.BoardView(
    texts=views.TextsView(waiting=14, oldest_seconds=3 * MINUTE, refused=2, expired=1),
    staff=CITY_ADMIN,
    scope=None,
    at=NOW,
    line_known=True,
    waiting=11,
    longest_seconds=12 * MINUTE,
    by_item=(
        _line("PS01", "居住证首次申领", "First residence permit", 6, 12 * MINUTE),
        _line("HR01", "个人就业登记", "Registration of employment", 4, 7 * MINUTE),
        _line("CA04", "长寿保健金信息确认", "Longevity allowance", 1, 40.0),
    ),
    by_district=(
        _line("440114", "花都区", "Huadu", 7, 12 * MINUTE),
        _line("440104", "越秀区", "Yuexiu", 4, 5 * MINUTE),
        _line("440106", "天河区", "Tianhe", 0, None),
    ),
    agents={"idle": 3, "offered": 1, "in_call": 6, "wrap_up": 1, "away": 2, "offline": 4},
    agent_rows=(
        views.AgentRow(
            id="s1", name="陈晓敏", number="0203", district=YUEXIU, state="in_call", since=NOW - 4 * MINUTE
        ),
        views.AgentRow(
            id="s4",
            name="何家豪",
            number="1402",
            district=HUADU,
            state="in_call",
            since=NOW - 30,
            leaving="break",
            shift_ends_at=NOW + HOUR,
            call="s1",
        ),
        views.AgentRow(
            id="s5", name="区静仪", number="0611", district=TIANHE, state="away", since=NOW - 22 * MINUTE
        ),
    ),
    today={
        "taken": 128,
        "served": 103,
        "abandoned": 6,
        "missed": 4,
        "submitted": 81,
        "issued": 52,
        "handed_over": 29,
    },
    mean_wait_seconds=4.2 * MINUTE,
    wait_records=(
        views.WaitRecord(name=YUEXIU.name, shown=True, cases=412, share=0.81),
        views.WaitRecord(name=HUADU.name, shown=True, cases=11, share=None),
        views.WaitRecord(name=TIANHE.name, shown=False, cases=0, share=None),
    ),
    lendings=(
        views.LendingRow(
            id="l1",
            lender=TIANHE,
            borrower=HUADU,
            starts_at=NOW - HOUR,
            ends_at=NOW + HOUR,
            begun=True,
            by="梁颖",
            reason="花都区居住证申领集中，等候超过二十分钟",
        ),
        views.LendingRow(
            id="l2",
            lender=YUEXIU,
            borrower=TIANHE,
            starts_at=NOW + 18 * HOUR,
            ends_at=NOW + 22 * HOUR,
            begun=False,
            by="何婉仪",
            reason="周二培训",
        ),
    ),
    lenders=DISTRICTS,
    borrowers=DISTRICTS,
    lend_until=(("1h", NOW + HOUR), ("2h", NOW + 2 * HOUR), ("day", NOW + 8.5 * HOUR)),
)
DISTRICT_BOARD = replace(
    BOARD,
    staff=replace(APPROVER, roles=("district_admin",)),
    scope=HUADU,
    line_known=False,
    waiting=0,
    longest_seconds=None,
    by_item=(),
    by_district=(),
    agent_rows=(),
    agents={},
    today={},
    mean_wait_seconds=None,
    lendings=(),
    lenders=(HUADU,),
)
ACCOUNTS = (
    views.DemoAccount(
        account="yuexiu-agent",
        password="demo-window-2026",
        totp="492 013",
        name="陈晓敏",
        district=YUEXIU.name,
        role="agent",
        page="/desk",
    ),
    views.DemoAccount(
        account="huadu-approver",
        password="demo-window-2026",
        totp="118 640",
        name="黄志强",
        district=HUADU.name,
        role="approver",
        page="/inbox",
    ),
    views.DemoAccount(
        account="city-admin",
        password="demo-window-2026",
        totp="730 255",
        name="梁颖",
        district=YUEXIU.name,
        role="city_admin",
        page="/board",
    ),
)
MESSAGES = (
    (NOW - 40, "138****2071", "【云窗口·演示】验证码 482913，5 分钟内有效。请勿告诉他人。"),
    (NOW - 400, "138****2071", "【云窗口·演示】您的号码是 H047，点此查看排队情况。"),
)
