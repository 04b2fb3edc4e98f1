"""The look: readable in both themes, one place for every colour, nothing fetched from elsewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CSS = ROOT / "web" / "css"
STATES = ("waiting", "called", "in-call", "done", "attention", "demo")
TEXT = 4.5
"""Least contrast of text, WCAG 2.2 success criterion 1.4.3."""
EDGE = 3.0
"""Least contrast of what must be seen but not read, 1.4.11."""


def colours(theme: str) -> dict[str, str]:
    """The tokens of one theme: name to #rrggbb."""
    files = ["tokens.css"] if theme == "light" else ["tokens.css", "tokens-dark.css"]
    # The large text size only makes soft ink darker; the dark file overrules it.
    texts = [
        (CSS / file).read_text().split(':root[data-text-size="large"] {\n  font-size')[0] for file in files
    ]
    return dict(pair for text in texts for pair in re.findall(r"--colour-([\w-]+): (#[0-9a-f]+);", text))


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


PAIRS = [
    *((ink, on, TEXT) for ink in ("ink", "ink-soft", "accent") for on in ("page", "surface", "sunken")),
    *(("on-accent", on, TEXT) for on in ("accent-fill", "accent-fill-hover")),
    *((ink, "accent-soft", TEXT) for ink in ("ink", "ink-soft", "accent")),
    *((state, on, TEXT) for state in STATES for on in (f"{state}-soft", "surface")),
    *(("ink-soft", f"{state}-soft", TEXT) for state in STATES),
    *(("on-state", state, TEXT) for state in STATES),
    ("on-stage", "stage", TEXT),
    ("on-stage", "stage-raised", TEXT),
    ("on-hang-up", "hang-up", TEXT),
    ("sheet-ink", "sheet", TEXT),
    *((edge, on, EDGE) for edge in ("line-strong", "focus") for on in ("page", "surface")),
]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everything_written_can_be_read_in_both_themes(theme: str) -> None:
    known = colours(theme)
    faint = [(ink, on) for ink, on, least in PAIRS if contrast(known[ink], known[on]) < least]
    assert faint == []


def test_colours_are_named_in_the_tokens_only() -> None:
    raw = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(")
    named = {CSS / "tokens.css", CSS / "tokens-dark.css", CSS / "print.css"}
    found = {
        str(file.relative_to(CSS)): raw.findall(re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL))
        for file in CSS.rglob("*.css")
        if file not in named
    }
    assert {file: colours for file, colours in found.items() if colours} == {}


def test_every_colour_that_is_used_is_a_token() -> None:
    known = set(re.findall(r"(--[\w-]+):", "".join(file.read_text() for file in CSS.rglob("*.css"))))
    known.add("--share")  # set by <count-down> while it runs
    for file in CSS.rglob("*.css"):
        assert set(re.findall(r"var\((--[\w-]+)", file.read_text())) <= known, file.name


def test_no_style_reaches_outside() -> None:
    for file in CSS.rglob("*.css"):
        assert not re.search(r"@import|https?:|url\((?!['\"]?data:image/svg)", file.read_text()), file.name
