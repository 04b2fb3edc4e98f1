"""What text messages and calendar files say about an appointment, in both languages."""

from collections.abc import Mapping
from datetime import datetime

from cloudwindow.domain.calendar import SHANGHAI
from cloudwindow.domain.catalogue import District, ServiceItem, Text

WEEKDAYS = Text(zh="一二三四五六日", en="Mon Tue Wed Thu Fri Sat Sun")

MESSAGES: Mapping[str, Text] = {
    "booked": Text(
        zh="【云窗口】已预约：{item}，{time}，{district}视频窗口，预约号 {number}。"
        "提前 10 分钟起可签到：{link}",
        en="[Cloud Window] Booked: {item}, {time}, {district}, booking {number}. Check in up to 10 minutes "
        "before: {link}",
    ),
    "moved": Text(
        zh="【云窗口】预约已改到 {time}，{district}视频窗口，预约号 {number} 不变。"
        "提前 10 分钟起可签到：{link}",
        en="[Cloud Window] Moved to {time}, {district}. Your booking number {number} stays. "
        "Check in here: {link}",
    ),
    "cancelled": Text(
        zh="【云窗口】预约 {number}（{item}，{time}）已取消。需要时可重新预约，或直接取号。",
        en="[Cloud Window] Booking {number} ({item}, {time}) is cancelled. Book again or take a number "
        "any time.",
    ),
    "remind_day_before": Text(
        zh="【云窗口】提醒：您预约了 {time} 办理{item}，预约号 {number}。请备好材料；改期或取消：{link}",
        en="[Cloud Window] Reminder: {item} on {time}, booking {number}. Have your papers ready. To move or "
        "cancel: {link}",
    ),
    "remind_soon": Text(
        zh="【云窗口】您 {time} 的预约快到了，开始前 10 分钟起可以签到：{link}",
        en="[Cloud Window] Your appointment at {time} is near. From 10 minutes before you can check in: "
        "{link}",
    ),
    "no_show": Text(
        zh="【云窗口】您 {time} 的预约没有签到，名额已经让出。仍要办理，可随时取号排队；"
        "60 天内两次未到，14 天内不能预约。",
        en="[Cloud Window] You did not check in for {time}, so the seat was given up. You can take a number "
        "at any time. Who misses two within 60 days books none for 14 days.",
    ),
    "withdrawn": Text(
        zh="【云窗口】很抱歉，{district}视频窗口当天不开放，您 {time} 的预约 {number} 无法办理，请另选时间。",
        en="[Cloud Window] We are sorry: {district} is closed then, so booking {number} at {time} cannot be "
        "kept. Please choose another time.",
    ),
}

TITLE = Text(zh="云窗口视频预约：{item}", en="Cloud Window video appointment: {item}")
DETAILS = Text(
    zh="预约号 {number}\n开始前 10 分钟到开始后 10 分钟之间签到，按预约的时间排队；"
    "再晚按到达的时间排队；过 30 分钟未到，名额让出。\n签到、改期、取消：{link}",
    en="Booking {number}\nCheck in from 10 minutes before to 10 minutes after the start to stand in line by "
    "the appointed time; later you stand by the time you come; after 30 minutes the seat is given up.\n"
    "Check in, move or cancel: {link}",
)
PLACE = Text(zh="网上视频窗口（{district}）", en="Video window, online ({district})")


def spoken_time(at: float, language: str) -> str:
    """A moment as people say it: ``11月27日（周五）10:30``, ``Fri 27 November, 10:30``."""
    moment = datetime.fromtimestamp(at, SHANGHAI)
    if language.startswith("zh"):
        return moment.strftime(f"%-m月%-d日（周{WEEKDAYS.zh[moment.weekday()]}）%H:%M")
    return f"{WEEKDAYS.en.split()[moment.weekday()]} {moment.strftime('%-d %B, %H:%M')}"


def filled(
    text: Text, language: str, *, item: ServiceItem, district: District, at: float, number: str, link: str
) -> str:
    """``text`` in ``language`` about one appointment."""
    return text.in_language(language).format(
        item=item.short_name.in_language(language),
        district=district.name.in_language(language),
        time=spoken_time(at, language),
        number=number,
        link=link,
    )
