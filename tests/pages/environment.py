"""The templates as the pages tests and the preview see them: strict, so that a missing value is an error."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from cloudwindow.domain.calendar import SHANGHAI
from cloudwindow.domain.catalogue import Text

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "cloudwindow" / "templates"
LOCALE = ROOT / "cloudwindow" / "locale"
ICONS = ROOT / "web" / "node_modules" / "lucide-static" / "icons"
LANGUAGES = (("zh-CN", "简体中文"), ("en", "English"))


def catalogue_of(language: str) -> dict[str, str]:
    """Every translation of ``language`` by its msgid; a plural's under its singular."""
    texts: dict[str, str] = {}
    for path in sorted((LOCALE / language.replace("-", "_")).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language.replace("-", "_")):
                key = message.id if isinstance(message.id, str) else message.id[0]
                string = message.string or ""
                texts[key] = string if isinstance(string, str) else string[-1]
    return texts


def environment(language: str, unknown: set[str] | None = None) -> Environment:
    """Templates in ``language``; msgids without a translation are collected in ``unknown``."""
    texts = catalogue_of(language)

    def gettext(msgid: str) -> str:
        if msgid not in texts and unknown is not None and language != "en":
            unknown.add(msgid)
        return texts.get(msgid) or msgid

    def ngettext(one: str, several: str, number: int) -> str:
        return texts.get(one) or (one if number == 1 else several) if language == "en" else gettext(one)

    def label(value: object, kind: str) -> str:
        return texts[f"{kind}.{value}"]

    env = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True, extensions=["jinja2.ext.i18n"]
    )
    env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.filters |= {"tr": _tr, "when": _when, "clock": _clock, "day": _day, "duration": _duration(language), "label": label}
    env.globals |= {"icon": icon, "language": language}
    return env


def icon(name: str) -> Markup:
    """The icon's SVG. Raises FileNotFoundError for a name that is none."""
    svg = (ICONS / f"{name}.svg").read_text()
    return Markup(svg[svg.index("<svg") :].replace("<svg", '<svg aria-hidden="true"', 1))  # noqa: S704


def context(language: str, **values: Any) -> dict[str, Any]:
    """What every page is given, and ``values``."""
    always: Mapping[str, Any] = {
        "language": language,
        "languages": LANGUAGES,
        "theme": "auto",
        "text_size": "standard",
        "csp_nonce": "nonce",
        "asset": lambda path: f"/assets/{path}",
        "demo": True,
        "request_path": "/desk",
        "csrf": "csrf",
        "staff": None,
        "browser_texts": {},
        "errors": [],
        "typed": {},
    }
    return {**always, **values}


@pass_context
def _tr(context: Context, text: Text) -> str:
    return text.in_language(str(context["language"]))


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, SHANGHAI)


def _when(seconds: float) -> str:
    return _at(seconds).strftime("%-m月%-d日 %H:%M")


def _clock(seconds: float) -> str:
    return _at(seconds).strftime("%H:%M")


def _day(seconds: float) -> str:
    return _at(seconds).strftime("%Y年%-m月%-d日")


def _duration(language: str) -> Any:
    def duration(seconds: float) -> str:
        minutes = int(seconds // 60)
        if language == "en":
            return f"{minutes} min" if minutes else f"{int(seconds)} s"
        return f"{minutes} 分钟" if minutes else f"{int(seconds)} 秒"

    return duration
