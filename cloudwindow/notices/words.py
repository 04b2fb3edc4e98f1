"""The words on a notice: English in the code, Chinese from the catalogue ``notices.po``, always as a pair."""

from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from cloudwindow.domain.calendar import SHANGHAI, day_of
from cloudwindow.domain.catalogue import Text

CHINESE: Final = Path(__file__).parents[1] / "locale" / "zh_CN" / "notices.po"
CONTEXT: Final = "notice"  # "Form" on a notice is not the form one fills
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@cache
def _chinese() -> Catalog:
    with CHINESE.open("rb") as file:
        return read_po(file, locale="zh_CN")


def words(msgid: str, **values: Text | str) -> Text:
    """Return ``msgid`` in both languages, each ``%(name)s`` filled in the language of its sentence."""
    message = _chinese().get(msgid, CONTEXT)
    zh = str(message.string) if message is not None and message.string else msgid
    return Text(
        zh=zh % {name: _in(value, "zh") for name, value in values.items()} if values else zh,
        en=msgid % {name: _in(value, "en") for name, value in values.items()} if values else msgid,
    )


def same(text: str) -> Text:
    """Return a text that is the same in both languages (a name, a number)."""
    return Text(zh=text, en=text)


def day_words(day: date) -> Text:
    """Spell a day as official letters do."""
    return Text(
        zh=f"{day.year}年{day.month}月{day.day}日",
        en=f"{day.day} {MONTHS[day.month - 1]} {day.year}",
    )


def moment_words(at: float) -> Text:
    """Spell a moment to the minute, on the clock of Guangzhou."""
    clock = datetime.fromtimestamp(at, SHANGHAI).strftime("%H:%M")
    day = day_words(day_of(at))
    return Text(zh=f"{day.zh} {clock}", en=f"{day.en}, {clock}")


def _in(value: Text | str, language: str) -> str:
    return value if isinstance(value, str) else value.in_language(language)
