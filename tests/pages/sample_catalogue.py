"""A small catalogue for the page tests: three districts and one item with every kind of question."""

from datetime import time

from cloudwindow.domain.calendar import OfficeCalendar, Period
from cloudwindow.domain.catalogue import (
    Clocks,
    Declaration,
    Delegation,
    District,
    Field,
    FieldType,
    FixedText,
    Form,
    IdentityLevel,
    Limits,
    MaterialRule,
    Mode,
    Option,
    Page,
    Recording,
    Result,
    Section,
    ServiceItem,
    Step,
    Street,
    Text,
    Verification,
    Words,
)
from cloudwindow.domain.ids import DistrictCode, ItemId, StreetCode

OFFICE = OfficeCalendar(periods=(Period(start=time(9), end=time(17)),))


def text(zh: str, en: str) -> Text:
    """One text in both languages."""
    return Text(zh=zh, en=en)


def district(code: str, zh: str, en: str, letter: str, streets: tuple[tuple[str, str, str], ...]) -> District:
    """A district with its streets and no organs."""
    return District(
        code=DistrictCode(code),
        name=text(zh, en),
        letter=letter,
        streets=tuple(
            Street(code=StreetCode(code + suffix), name=text(zh_name, en_name), kind="street")
            for suffix, zh_name, en_name in streets
        ),
        organs=(),
        neighbours=(),
        calendar=OFFICE,
    )


HUADU = district(
    "440114",
    "花都区",
    "Huadu District",
    "H",
    (("001", "新华街道", "Xinhua Subdistrict"), ("109", "狮岭镇", "Shiling Town")),
)
YUEXIU = district("440104", "越秀区", "Yuexiu District", "Y", (("001", "洪桥街道", "Hongqiao Subdistrict"),))
TIANHE = district("440106", "天河区", "Tianhe District", "T", (("001", "五山街道", "Wushan Subdistrict"),))
DISTRICTS = (HUADU, YUEXIU, TIANHE)


def question(field_id: str, kind: FieldType, zh: str, en: str, **more: object) -> Field:
    """One question of the sample form."""
    plain = text(zh + "：{value}", en + ": {value}")
    return Field(id=field_id, type=kind, label=text(zh, en), plain=plain, **more)  # type: ignore[arg-type]


WAYS = (
    Option(value="employed", label=text("单位就业", "Employed")),
    Option(value="self_employed", label=text("个体经营", "Self-employed")),
    Option(value="flexible", label=text("灵活就业", "Flexible work")),
)
LEVELS = (
    Option(value="junior", label=text("初中及以下", "Junior secondary")),
    Option(value="senior", label=text("高中、中专", "Senior secondary")),
    Option(value="college", label=text("大专", "College")),
    Option(value="university", label=text("本科及以上", "University")),
)
BANKS = (
    Option(value="icbc", label=text("中国工商银行", "ICBC")),
    Option(value="gzrcb", label=text("广州农商银行", "GRCB")),
)

PERSON = Section(
    id="person",
    title=text("本人情况", "About you"),
    fields=(
        question("name", FieldType.NAME, "姓名", "Name"),
        question("id_no", FieldType.IDNO, "身份证号码", "Identity number", sensitive=True),
        question("mobile", FieldType.MOBILE, "手机号码", "Mobile number", sensitive=True),
        question("education", FieldType.ENUM, "文化程度", "Education", options=LEVELS),
        question("home", FieldType.ADDR, "常住地址", "Address", districts=DISTRICTS),
    ),
)
WORK = Section(
    id="work",
    title=text("就业情况", "Your work"),
    fields=(
        question("way", FieldType.ENUM, "就业形式", "Kind of work", options=WAYS),
        question(
            "shop",
            FieldType.TEXT,
            "店铺名称",
            "Name of the shop",
            hint=text("与营业执照一致", "As on the licence"),
        ),
        question("uscc", FieldType.USCC, "统一社会信用代码", "Unified social credit code"),
        question("start", FieldType.DATE, "开始就业日期", "Began on", limits=Limits(not_in_future=True)),
        question("income", FieldType.MONEY, "月收入（元）", "Monthly income (yuan)", required=False),
        question(
            "bank", FieldType.BANK, "收款账户", "Account", options=BANKS, sensitive=True, required=False
        ),
        question("insured", FieldType.BOOL, "是否已参加社会保险", "Already insured"),
        question("note", FieldType.TEXT, "补充说明", "Note", required=False, limits=Limits(max_length=200)),
    ),
)


def paper(
    rule_id: str, zh: str, en: str, photo: str, *, required: bool = True, deferrable: bool = False
) -> MaterialRule:
    """One required paper."""
    return MaterialRule(
        id=rule_id,
        name=text(zh, en),
        form="shown",
        required=required,
        when=(),
        trust_floor="C",
        deferrable=deferrable,
        count=1,
        photo=text(photo, "Lay it flat in good light; all four corners must be in the picture."),
        sample=text("样例", "Sample"),
        issued_by=text("公安机关", "Police"),
    )


ITEM = ServiceItem(
    id=ItemId("HR01"),
    version=1,
    digest="0" * 64,
    name=text("个人就业登记", "Registration of employment"),
    short_name=text("就业登记", "Employment registration"),
    description=text("在广州就业的劳动者登记就业，领取就业创业证。", "Register that you work in Guangzhou."),
    audience=text("个人", "Individuals"),
    conditions=(),
    synonyms=Words(zh=("就业证",), en=("job registration",)),
    item_type="public_service",
    department="human_resources",
    home_basis="employment",
    home_question=text("您在哪个区工作？", "In which district do you work?"),
    mode=Mode.AUTHORISED,
    acceptance_rule="public_service",
    clocks=Clocks(unit="working_days", statutory=None, promised=0, acknowledge_hours=4, correction_days=30),
    fee=text("不收费", "Free"),
    case_speed="instant",
    video_completeness="full",
    result=Result(
        name=text("就业创业证", "Certificate of employment"), kind="certificate", delivery=("pdf",)
    ),
    delegation_allowed=Delegation.ALLOWED,
    delegation_rule=text("可以委托他人办理。", "Somebody else may come."),
    min_identity_level=IdentityLevel.OFFICER_COMPARED,
    in_person=(),
    recording=Recording(full_days=180, chat_days=180, may_decline=True),
    avg_minutes=8,
    skill_group="HR",
    skill_level=1,
    rings=None,
    languages=("zh", "yue", "en"),
    legal_basis=(),
    situations=(),
    checklist=(
        Step(
            key="greet",
            stage="opening",
            text=text("问候并说明工号，告知正在录音录像", "Greet; give your number; say that we record"),
        ),
        Step(
            key="card",
            stage="identity",
            text=text("请群众手持身份证正对镜头，与本人比对", "Compare face and card"),
        ),
        Step(
            key="ask",
            stage="identity",
            text=text("随机提问两项登记信息", "Ask two questions about the details"),
        ),
        Step(
            key="read", stage="read_back", text=text("逐项宣读，请群众确认每条声明", "Read every line aloud")
        ),
    ),
    texts={},
    form=Form(
        item=ItemId("HR01"),
        version=1,
        pages=(
            Page(number=1, title=text("基本情况", "Basics"), while_waiting=True, sections=(PERSON,)),
            Page(number=2, title=text("就业情况", "Work"), while_waiting=False, sections=(WORK,)),
        ),
    ),
    materials=(
        paper("id_card", "居民身份证", "Identity card", "平放在光线充足处，四角完整入镜，正反面各拍一张"),
        paper("licence", "营业执照", "Business licence", "执照正本平放拍摄，二维码清晰", deferrable=True),
        paper("lease", "经营场所租赁合同", "Lease", "拍摄首页和签字页", required=False),
    ),
    declarations=(
        Declaration(
            key="truth",
            version=1,
            text=text("我填写的内容和提交的材料真实有效，如有虚假愿承担责任。", "All I have given is true."),
        ),
        Declaration(
            key="purpose",
            version=1,
            text=text("我同意将办件信息用于本事项的办理。", "My details may be used for this matter."),
        ),
    ),
    rates=(),
    rates_except=(),
    verification=Verification.PARTLY,
    verification_note=text("部分核对", "Partly checked"),
)
READ_BACK_OPENING = FixedText(
    key="read_back_opening",
    version=1,
    text=text(
        "下面我把您填写的内容念一遍，请您逐项听清楚。有不对的地方请随时打断我。",
        "I will now read out what you have filled in. Please stop me if anything is wrong.",
    ),
)
