"""Serves the styleguide on http://127.0.0.1:PORT/: every component, with invented content."""

import argparse
import io
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent.parent
WEB = HERE / "web"
SECTIONS = ("citizen", "form", "call", "desk", "board")
CHINESE = "zh-CN"


@cache
def icon(name: str) -> Markup:
    """Inline one Lucide drawing, hidden from screen readers."""
    drawing = (WEB / "node_modules/lucide-static/icons" / f"{name}.svg").read_text()
    return Markup(drawing[drawing.index("<svg") :].replace("<svg", '<svg aria-hidden="true"', 1))  # noqa: S704


def first(form: str | list[str] | tuple[str, ...]) -> str:
    """Return the singular of a message that may have a plural."""
    return form if isinstance(form, str) else form[0]


@cache
def chinese() -> dict[str, str]:
    """Read every Chinese catalogue: message to translation."""
    texts: dict[str, str] = {}
    for path in sorted((HERE / "cloudwindow/locale/zh_CN").glob("*.po")):
        for message in read_po(io.BytesIO(path.read_bytes())):
            if message.id and message.string:
                texts[first(message.id)] = first(message.string)
    return texts


def gettext(language: str) -> tuple[Any, Any]:
    """Return the two translators for ``language``."""

    def one(message: str) -> str:
        return chinese().get(message, message) if language == CHINESE else message

    def many(singular: str, plural: str, count: int) -> str:
        return one(singular) if language == CHINESE or count == 1 else plural

    return one, many


def environment(language: str) -> Environment:
    """Build the templates' surroundings as the app does."""
    made = Environment(
        loader=FileSystemLoader(HERE / "cloudwindow/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_callables(*gettext(language), newstyle=True)  # type: ignore[attr-defined]
    return made


def context(request: web.Request) -> dict[str, Any]:
    """Collect what every page is given; ?language= ?theme= ?text_size= choose."""
    section = request.match_info.get("section", SECTIONS[0])
    return {
        "language": request.query.get("language", CHINESE),
        "languages": [(CHINESE, "中文"), ("en", "English")],
        "theme": request.query.get("theme", "light"),
        "text_size": request.query.get("text_size", "standard"),
        "csp_nonce": "styleguide",
        "asset": lambda path: f"/static/{path}",
        "icon": icon,
        "demo": True,
        "request_path": request.path,
        "csrf": "",
        "browser_texts": {},
        "sections": SECTIONS,
        "section": section,
        "sample": yaml.safe_load((HERE / "scripts/styleguide.yaml").read_text()),
    }


async def page(request: web.Request) -> web.Response:
    """GET /{section}: one part of the styleguide."""
    values = context(request)
    text = environment(values["language"]).get_template("styleguide.html").render(values)
    policy = (
        "default-src 'self'; script-src 'nonce-styleguide' 'strict-dynamic'; style-src 'self'; img-src 'self'"
    )
    return web.Response(
        text=text,
        content_type="text/html",
        headers={
            "Content-Security-Policy": f"{policy}; require-trusted-types-for 'script'; trusted-types cw"
        },
    )


async def photo(_: web.Request) -> web.Response:
    """GET /sample.jpg: a drawing that stands for a photographed paper."""
    picture = Image.new("RGB", (600, 800), "#d9d2c2")
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((60, 200, 540, 520), 24, fill="#eef3f1", outline="#7b9a95", width=4)
    draw.ellipse((400, 270, 500, 400), fill="#b9cbc7")
    for line in range(5):
        draw.rectangle((100, 260 + 45 * line, 340 - 30 * (line % 2), 278 + 45 * line), fill="#9db0ac")
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return web.Response(body=out.getvalue(), content_type="image/jpeg")


async def preferences(request: web.Request) -> web.Response:
    """POST /preferences: show the same page in the chosen way."""
    form = await request.post()
    chosen = [f"{name}={form[name]!s}" for name in ("language", "theme", "text_size") if name in form]
    raise web.HTTPSeeOther(f"{form.get('return_to', '/')!s}?{'&'.join(chosen)}")


def build() -> web.Application:
    """Build the application."""
    app = web.Application()
    app.router.add_static("/static", WEB)
    app.router.add_get("/sample.jpg", photo)
    app.router.add_post("/preferences", preferences)
    app.router.add_get("/", page)
    app.router.add_get("/{section}", page)
    return app


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=8766)
    web.run_app(build(), host="127.0.0.1", port=arguments.parse_args().port, print=None)
