"""The house's own templates and words, as the pages tests and a look at the pages use them."""

from pathlib import Path
from typing import Any

from cloudwindow.handlers.pages import Look, Pages

ROOT = Path(__file__).parents[2]
PAGES = Pages(web_dir=ROOT / "web", demo=True)


def render_template(template: str, language: str, **values: Any) -> str:
    """One template as HTML; ``theme`` and ``text_size`` choose the look, the rest is what it shows."""
    look = Look(
        language=language, theme=values.pop("theme", "auto"), text_size=values.pop("text_size", "standard")
    )
    page, _ = PAGES.render(template, look, "/desk", **values)
    return page
