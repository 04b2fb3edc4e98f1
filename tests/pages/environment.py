"""The house's own templates and words, as the pages tests and a look at the pages use them."""

from pathlib import Path
from typing import Any

from jinja2 import Environment

from cloudwindow import i18n
from cloudwindow.handlers.pages import Pages, Speaking, Worded

ROOT = Path(__file__).parents[2]
LANGUAGES = tuple(i18n.LANGUAGES.items())


class HeardPages(Pages):
    """The house's pages, with an ear for sentences that are not translated."""

    def environment(self, language: str, unknown: set[str] | None) -> Speaking:
        """The strict templates in ``language``; msgids without a translation are collected in ``unknown``."""
        env = self._environment(language)
        if unknown is None or language == "en":
            return env
        spoken = i18n.texts(language)

        def gettext(msgid: str) -> str:
            if not spoken.knows(msgid):
                unknown.add(msgid)
            return spoken.gettext(msgid)

        def ngettext(one: str, many: str, number: int) -> str:
            if not spoken.knows(one):
                unknown.add(one)
            return spoken.ngettext(one, many, number)

        env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
        env.worded, env.bytecode_cache = Worded(gettext), None
        return env


PAGES = HeardPages(web_dir=ROOT / "web", demo=True)


def environment(language: str, unknown: set[str] | None = None) -> Environment:
    """Templates in ``language``; msgids without a translation are collected in ``unknown``."""
    return PAGES.environment(language, unknown)


def context(language: str, **values: Any) -> dict[str, Any]:
    """What every page is given, and ``values``."""
    always = {
        "language": language,
        "languages": LANGUAGES,
        "theme": "auto",
        "text_size": "standard",
        "csp_nonce": "nonce",
        "demo": True,
        "request_path": "/desk",
        "csrf": "token",
        "staff": None,
        "browser_texts": i18n.texts(language).browser,
        "errors": [],
        "typed": {},
    }
    return {**always, **values}
