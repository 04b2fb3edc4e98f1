"""What no linter sees: sentences for every error, words only in the catalogue, fresh diagrams, named keys."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment

from cloudwindow import i18n
from cloudwindow.domain import errors
from cloudwindow.domain.errors import CloudWindowError
from cloudwindow.domain.fields import MESSAGES
from cloudwindow.i18n import LANGUAGES, spoken, texts
from cloudwindow.queue import PARTS
from cloudwindow.sentences import SENTENCES, UNKNOWN

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cloudwindow"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TREES = {file: ast.parse(file.read_text("utf-8")) for file in SOURCES}
CHINESE = re.compile(r"[\u3400-\u9fff]")

OUTSIDE = {"sms_refused": "a real text-message gateway raises it"}
"""Codes of what is put in our place elsewhere."""


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


# --- every error has a sentence --------------------------------------------------------------------------


def error_names() -> set[str]:
    return {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, CloudWindowError)
    }


def raised() -> Iterator[tuple[str, str]]:
    """Every (code, place) that an error is made with, or will be: a call, or a pair (error, code)."""
    names = error_names()
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            made: ast.expr | None = None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                made = next((one.value for one in node.keywords if one.arg == "code"), None)
                made = node.args[0] if node.args else made
            elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[0], ast.Name):
                made = node.elts[1] if node.elts[0].id in names else None
            for code in words_of(made):
                yield code, f"{named(file)}:{getattr(node, 'lineno', 0)}"


def words_of(made: ast.expr | None) -> list[str]:
    """The words an expression can become."""
    if isinstance(made, ast.Constant) and isinstance(made.value, str):
        return [made.value]
    inside: list[ast.expr] = []
    if isinstance(made, ast.IfExp):
        inside = [made.body, made.orelse]
    elif isinstance(made, ast.BoolOp):
        inside = made.values
    return [word for one in inside for word in words_of(one)]


CODES = dict(raised())
TOLD = SENTENCES | MESSAGES


def test_the_scan_finds_the_codes_we_know() -> None:
    assert {"csrf_wrong", "no_visit", "line_unavailable", "message_malformed", "code_wrong"} <= CODES.keys()


@pytest.mark.parametrize("code", sorted(CODES))
def test_an_error_that_can_be_raised_has_a_sentence(code: str) -> None:
    assert code in TOLD, f"{code}, raised at {CODES[code]}, has no sentence in sentences.py"


def test_codes_are_words_that_stay() -> None:
    assert {code for code in CODES | TOLD if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", code)} == set()


ELSEWHERE = [
    *(file for file in SOURCES if file.name != "sentences.py"),
    *sorted((ROOT / "web" / "js").rglob("*.js")),
]
WORD = re.compile(r"""["']([a-z0-9_]+)["']""")
QUOTED = {word for file in ELSEWHERE for word in WORD.findall(file.read_text("utf-8"))}


@pytest.mark.parametrize("code", sorted(SENTENCES.keys() - OUTSIDE))
def test_a_sentence_is_told_somewhere(code: str) -> None:
    """A sentence for a code that nothing mentions any more is removed."""
    assert code in QUOTED


@pytest.mark.parametrize("code", sorted(TOLD))
def test_a_sentence_is_a_sentence_and_says_the_same_with_the_same_values(code: str) -> None:
    english = TOLD[code]
    chinese = texts("zh-CN").gettext(english)
    assert english[-1] in ".!?", english
    assert CHINESE.search(chinese), f"{code} is not translated"
    assert not CHINESE.search(english)
    places = re.compile(r"%\((\w+)\)")
    assert set(places.findall(english)) == set(places.findall(chinese))


def test_even_an_unknown_error_is_told_with_a_next_step() -> None:
    assert CHINESE.search(texts("zh-CN").gettext(UNKNOWN))


# --- every sentence is translated ------------------------------------------------------------------------


def test_everything_the_house_says_is_said_in_chinese() -> None:
    missing = i18n.untranslated()
    assert missing == [], "not translated:\n" + "\n".join(missing)


def test_the_words_of_closed_lists_stand_in_every_language() -> None:
    missing = i18n.unequal_labels()
    assert missing == [], "\n".join(missing)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_label_is_never_empty_nor_its_own_key(language: str) -> None:
    known = texts(language)
    keys = i18n._label_keys(language)
    assert keys
    for key in keys:
        kind, _, value = key.partition(".")
        assert known.label(value, kind) not in {"", key, value} or language == "en", key


# --- words stand in the catalogue of translations only ---------------------------------------------------

MAY_SPEAK = {
    "cloudwindow/__main__.py": "the greeting of the commands names people",
    "cloudwindow/demo.py": "the names of marked demo accounts",
    "cloudwindow/i18n.py": "the languages' own names",
    "cloudwindow/domain/catalogue_rules.py": "wording that a list of papers may not use",
    "cloudwindow/domain/notice.py": "notices are legal texts in both languages",
    "cloudwindow/domain/readings.py": "amounts and dates read out in Chinese",
    "cloudwindow/domain/search.py": "how citizens spell what they want",
    "cloudwindow/domain/showings.py": "values as people read them, in both languages",
    "cloudwindow/journey/booking_words.py": "text messages and calendar files, in both languages",
    "cloudwindow/journey/code_words.py": "the text message, in both languages",
    "cloudwindow/journey/left_words.py": "text messages about a left form, in both languages",
    "cloudwindow/journey/ring_words.py": "text messages, in both languages",
    "cloudwindow/journey/company_words.py": "text messages, in both languages",
    "cloudwindow/journey/printing.py": "notices are legal texts in both languages",
    "cloudwindow/notices/marks.py": "the seal of a demonstration",
    "cloudwindow/notices/words.py": "dates as Chinese writes them",
    "cloudwindow/handlers/pages.py": "dates as Chinese writes them",
}


def test_python_speaks_chinese_only_where_texts_carry_both_languages() -> None:
    speaking = {named(file) for file in SOURCES if spoken(file.read_text("utf-8"))}
    allowed = {place for place, reason in MAY_SPEAK.items() if reason}
    assert speaking - allowed == set(), "move these words into a .po"
    assert allowed - speaking == set(), "these no longer need their exception"


SERVED = [file for file in sorted((PACKAGE / "templates").rglob("*.html")) if file.name != "styleguide.html"]
"""The style guide is a tool of ours and shows samples."""

BESIDE = re.compile(r"""<script.*?</script>|<!--.*?-->|<[^>]*>|[\w-]+="[^"]*"|&\w+;""", re.DOTALL)


@pytest.mark.parametrize("file", SERVED, ids=named)
def test_a_template_holds_no_words_of_its_own(file: Path) -> None:
    text = file.read_text("utf-8")
    assert not CHINESE.search(text)
    parts = Environment(autoescape=True, extensions=["jinja2.ext.i18n"]).lex(text)
    written = "".join(part if kind == "data" else "_" for _, kind, part in parts)
    words = re.findall(r"[A-Za-z]{3,}", BESIDE.sub(" ", written))
    assert words == [], "wrap them in _()"


@pytest.mark.parametrize("file", sorted((ROOT / "web" / "js").rglob("*.js")), ids=named)
def test_a_script_holds_no_chinese(file: Path) -> None:
    code = re.sub(r"/\*.*?\*/|^\s*//.*$", "", file.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert not CHINESE.search(code)


# --- what stands beside the code -------------------------------------------------------------------------


def test_the_state_diagrams_are_as_fresh_as_their_tables() -> None:
    """After a change of a table: python scripts/diagrams.py"""
    asked = subprocess.run([sys.executable, "scripts/diagrams.py", "--check"], cwd=ROOT, check=False)
    assert asked.returncode == 0


def test_every_room_is_on_the_plan() -> None:
    plan = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = {one.stem if one.suffix == ".py" else f"{one.name}/" for one in PACKAGE.iterdir()}
    rooms -= {"__init__", "__pycache__/", "templates/"}
    assert {room for room in rooms if f"`{room}`" not in plan} == set()


LUA = sorted((PACKAGE / "lua").glob("*.lua"))


@pytest.mark.parametrize("file", LUA, ids=named)
def test_a_script_of_the_line_says_what_it_needs_and_gives(file: Path) -> None:
    first = file.read_text("utf-8").splitlines()[0]
    assert first.startswith("-- "), first
    parts = {
        part
        for other in LUA
        for _, words in PARTS.findall(other.read_text("utf-8"))
        for part in words.split()
    }
    if file.stem not in {"line", *parts}:
        assert first.startswith(f"-- {file.stem}("), first


def test_a_part_stands_after_the_parts_it_needs() -> None:
    """A local function of Lua is unknown above its own line."""
    for file in LUA:
        found = PARTS.findall(file.read_text("utf-8"))
        standing = [part for _, words in found for part in words.split()]
        in_the_margin = [part for margin, words in found if not margin for part in words.split()]
        assert len(in_the_margin) == len(set(in_the_margin)), named(file)
        for number, part in enumerate(standing):
            missing = parts_needed(part) - parts_needed(file.stem) - {file.stem, *standing[:number]}
            assert not missing, f"{named(file)}: {part} needs {missing}"


def parts_needed(part: str) -> set[str]:
    head = (PACKAGE / "lua" / f"{part}.lua").read_text("utf-8").split("\n\n")[0]
    return {one for line in re.findall(r"Needs ([a-z, ]+)\.", head) for one in line.split(", ")}


def test_every_public_thing_says_what_it_is() -> None:
    silent = []
    for file, tree in TREES.items():
        if "migrations/versions" in named(file):
            continue
        for node in [tree, *ast.iter_child_nodes(tree)]:
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            name = getattr(node, "name", "")
            if node.body and not name.startswith("_") and ast.get_docstring(node) is None:
                silent.append(f"{named(file)} {name}")
    assert silent == []


def test_the_clock_is_read_only_where_the_house_is_built() -> None:
    """Time is handed in; a few places outside the rules measure or wait."""
    reading = {
        named(file)
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "time"
        and isinstance(node.value, ast.Name)
        and node.value.id == "time"
    }
    assert {place for place in reading if "/domain/" in place or "/journey/" in place} == set()
