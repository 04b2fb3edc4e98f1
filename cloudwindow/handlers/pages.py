"""
Rendering: the templates, their filters, and what every page is given.

Autoescape is on and undefined names are errors; a template that asks for something absent fails its test.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined, nodes, pass_context
from jinja2.bccache import Bucket
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from cloudwindow.domain.calendar import SHANGHAI
from cloudwindow.domain.catalogue import Text
from cloudwindow.i18n import LANGUAGES, choose, texts

THEMES = ("auto", "light", "dark")
TEXT_SIZES = ("standard", "large")
LOOK_COOKIE = "__Host-cw-look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a person wants pages to look and speak."""

    language: str
    theme: str = "auto"
    text_size: str = "standard"

    @property
    def cookie(self) -> str:
        """The value of the cookie that remembers it."""
        return f"{self.language}.{self.theme}.{self.text_size}"


def look_of(request: web.BaseRequest) -> Look:
    """What the cookie says, else what the browser prefers."""
    language, theme, size = (request.cookies.get(LOOK_COOKIE, "") + "..").split(".")[:3]
    return Look(
        language=choose(language, request.headers.get("Accept-Language", "")),
        theme=theme if theme in THEMES else "auto",
        text_size=size if size in TEXT_SIZES else "standard",
    )


class _Compiled(BytecodeCache):
    """A language's compiled templates, kept as long as the process; the compiler puts words into them."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self._kept:
            bucket.bytecode_from_string(self._kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = {language: _Compiled() for language in LANGUAGES}


class Worded(NodeTransformer):
    """Puts the word where ``gettext`` would be asked for one without values, as the extension gives it."""

    def __init__(self, gettext: Callable[[str], str]) -> None:
        self._gettext = gettext

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        self.generic_visit(node)
        match node:
            case nodes.Call(
                node=nodes.Name(name="_" | "gettext"), args=[nodes.Const(value=str(said))], kwargs=[]
            ):
                spoken = nodes.Const(
                    self._gettext(said) % {}, lineno=node.lineno, environment=node.environment
                )
                return nodes.MarkSafe(spoken, lineno=node.lineno, environment=node.environment)
        return node


class Speaking(Environment):
    """Templates of one language: most of a page is words, and asking for each costs a sixth of the page."""

    worded: Worded
    """Whoever sets another, sets another ``bytecode_cache`` too."""

    def _generate(self, source: nodes.Template, *given: Any, **more: Any) -> str:
        return super()._generate(self.worded.visit(source), *given, **more)


class Pages:
    """The house's templates in every language."""

    def __init__(self, *, web_dir: Path, demo: bool) -> None:
        self._web_dir = web_dir
        self._demo = demo
        self._environments = {language: self._environment(language) for language in LANGUAGES}

    def warming(self) -> Iterator[None]:
        """Compile every template, one with each step, so that the first visitors do not wait for that."""
        for environment in self._environments.values():
            for name in environment.list_templates():
                environment.get_template(name)
                yield

    def warm(self) -> None:
        """Compile every template now."""
        for _ in self.warming():
            pass

    def render(self, template: str, look: Look, request_path: str, **values: Any) -> tuple[str, str]:
        """The page and the nonce its scripts carry."""
        nonce = secrets.token_urlsafe(16)
        context: Mapping[str, Any] = {
            "language": look.language,
            "languages": list(LANGUAGES.items()),
            "theme": look.theme,
            "text_size": look.text_size,
            "csp_nonce": nonce,
            "demo": self._demo,
            "request_path": request_path,
            "browser_texts": texts(look.language).browser,
            "errors": [],
            "typed": {},
            "staff": None,
            "csrf": "",
        }
        page = self._environments[look.language].get_template(template)
        return page.render({**context, **values}), nonce

    def _environment(self, language: str) -> Speaking:
        spoken = texts(language)
        env = Speaking(
            loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
            undefined=StrictUndefined,
            autoescape=True,
            extensions=["jinja2.ext.i18n"],
            auto_reload=False,
            bytecode_cache=COMPILED[language],
        )
        env.install_gettext_callables(spoken.gettext, spoken.ngettext, newstyle=True)  # type: ignore[attr-defined]
        env.worded = Worded(spoken.gettext)
        env.filters |= {
            "tr": _tr,
            "when": _timed(language, "%-m月%-d日 %H:%M", "%-d %B, %H:%M"),
            "month_day": _timed(language, "%-m月%-d日", "%-d %b"),
            "clock": _timed(language, "%H:%M", "%H:%M"),
            "day": _timed(language, "%Y年%-m月%-d日", "%-d %B %Y"),
            "duration": _duration(spoken.ngettext),
            "label": spoken.label,
        }
        env.globals |= {"icon": self._icon, "asset": self._asset}
        return env

    @cache  # noqa: B019 - one instance lives as long as the process
    def _asset(self, path: str) -> str:
        """The address of a file below web/, with a digest so that a new version is fetched."""
        content = (self._web_dir / path).read_bytes()
        return f"/assets/{path}?v={hashlib.sha256(content).hexdigest()[:12]}"

    @cache  # noqa: B019 - one instance lives as long as the process
    def _icon(self, name: str) -> Markup:
        svg = (self._web_dir / "node_modules/lucide-static/icons" / f"{name}.svg").read_text()
        return Markup(svg[svg.index("<svg") :].replace("<svg", '<svg aria-hidden="true"', 1))  # noqa: S704


@pass_context
def _tr(context: Context, text: Text) -> str:
    return text.in_language(str(context["language"]))


def _timed(language: str, chinese: str, english: str) -> Callable[[float], str]:
    pattern = chinese if language.startswith("zh") else english

    def shown(seconds: float) -> str:
        return datetime.fromtimestamp(seconds, SHANGHAI).strftime(pattern)

    return shown


def _duration(ngettext: Callable[[str, str, int], str]) -> Callable[[float], str]:
    def shown(seconds: float) -> str:
        whole = max(0, int(seconds))
        if whole < 60:
            return ngettext("%(num)s second", "%(num)s seconds", whole) % {"num": whole}
        if whole < 3600:
            return ngettext("%(num)s minute", "%(num)s minutes", whole // 60) % {"num": whole // 60}
        hours = ngettext("%(num)s hour", "%(num)s hours", whole // 3600) % {"num": whole // 3600}
        minutes = whole % 3600 // 60
        if not minutes:
            return hours
        return hours + " " + ngettext("%(num)s minute", "%(num)s minutes", minutes) % {"num": minutes}

    return shown
