"""
The languages: gettext catalogues read from ``locale/<language>/*.po`` at start, nothing compiled.

English sentences are the msgids. Words of closed lists (``ticket_state.waiting``) are keys and stand in both
``labels.po``. ``python -m cloudwindow.i18n check`` compares what the house says with what is translated.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

HERE = Path(__file__).parent
LANGUAGES: Mapping[str, str] = {"zh-CN": "简体中文", "en": "English"}
FOLDERS = {"zh-CN": "zh_CN", "en": "en"}
BROWSER = ("browser.po", "browser_call.po", "browser_staff.po")
DEFAULT = "zh-CN"


class Texts:
    """One language's sentences."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._sentences: dict[str, str] = {}
        self._plurals: dict[str, tuple[str, ...]] = {}
        self._elsewhere: set[str] = set()
        self.browser: dict[str, str] = {}
        for file in sorted((HERE / "locale" / FOLDERS[language]).glob("*.po")):
            self._read(file)

    def _read(self, file: Path) -> None:
        with file.open("rb") as opened:
            catalogue = read_po(opened, locale=FOLDERS[self.language])
        for message in catalogue:
            if not message.id or not message.string:
                continue
            if message.context:  # the notices speak for themselves and have words of their own
                self._elsewhere.add(str(message.id))
                continue
            if isinstance(message.id, tuple | list):
                self._plurals[message.id[0]] = self._plurals[message.id[1]] = tuple(message.string)
                continue
            self._sentences[message.id] = str(message.string)
            if file.name in BROWSER:
                self.browser[message.id] = str(message.string)

    def gettext(self, msgid: str) -> str:
        """The sentence in this language; the English one if it is missing."""
        return self._sentences.get(msgid, msgid)

    def ngettext(self, one: str, many: str, number: int) -> str:
        """The sentence for ``number`` things; Chinese has one form for all."""
        forms = self._plurals.get(one)
        if forms:
            return forms[0 if number == 1 or len(forms) == 1 else 1]
        return one if number == 1 else many

    def knows(self, msgid: str) -> bool:
        """Whether the sentence is translated here."""
        return msgid in self._sentences or msgid in self._plurals or msgid in self._elsewhere

    def label(self, value: str, kind: str) -> str:
        """The word people read for ``value`` of the closed list ``kind``."""
        return self._sentences.get(f"{kind}.{value}", value)


@cache
def texts(language: str) -> Texts:
    """The sentences of ``language``, one of LANGUAGES."""
    return Texts(language)


def choose(wanted: str | None, accept_language: str) -> str:
    """The language to speak: the one ``wanted`` before, else the browser's first that we know."""
    if wanted in LANGUAGES:
        return wanted or DEFAULT
    for part in accept_language.lower().split(","):
        code = part.split(";")[0].strip()
        if code.startswith("zh"):
            return "zh-CN"
        if code.startswith("en"):
            return "en"
    return DEFAULT


# --- the check -------------------------------------------------------------------------------------------

METHODS = [("templates/**.html", "jinja2"), ("**.py", "python")]
SCRIPTS = "web/js/"
"""What is said there must stand in a file of BROWSER: pages are given those words alone."""
PYTHON_KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2), "words": None}


def said(folder: Path = HERE) -> Iterator[tuple[str, str]]:
    """Every (place, msgid) the house says in templates, Python and browser scripts."""
    for name, line, message, _, _ in extract_from_dir(
        str(folder), METHODS, keywords=PYTHON_KEYWORDS, options_map={"**": {"silent": "false"}}
    ):
        for msgid in message if isinstance(message, tuple) else (message,):
            if msgid:
                yield f"{name}:{line}", msgid
    scripts = folder.parent / "web" / "js"
    for name, line, message, _, _ in extract_from_dir(
        str(scripts), [("**.js", "javascript")], keywords={"t": None}
    ):
        if isinstance(message, str) and message:
            yield f"{SCRIPTS}{name}:{line}", message


def untranslated(language: str = "zh-CN") -> list[str]:
    """One line for each sentence that ``language`` lacks."""
    known = texts(language)
    return [
        f"{place}: {msgid!r}"
        for place, msgid in said()
        if msgid.strip() and not (msgid in known.browser if place.startswith(SCRIPTS) else known.knows(msgid))
    ]


def unequal_labels() -> list[str]:
    """Words of closed lists that stand in one language only."""
    keys = {language: _label_keys(language) for language in LANGUAGES}
    every = set().union(*keys.values())
    return [
        f"labels.po ({language}): {key}" for language in LANGUAGES for key in sorted(every - keys[language])
    ]


def _label_keys(language: str) -> set[str]:
    file = HERE / "locale" / FOLDERS[language] / "labels.po"
    if not file.exists():
        return set()
    with file.open("rb") as opened:
        catalogue: Catalog = read_po(opened)
    return {str(message.id) for message in catalogue if message.id and message.string}


def main() -> int:
    """Print what is missing; 0 when nothing is."""
    problems = [*untranslated(), *unequal_labels()]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def spoken(source: str) -> list[str]:
    """String literals of Python ``source`` that hold Chinese: they belong into a catalogue."""
    tree = ast.parse(source)
    documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documented
        and any("\u4e00" <= letter <= "\u9fff" for letter in node.value)
    ]


if __name__ == "__main__":
    sys.exit(main())
