"""
A sheet of A4 with a running position: paragraphs, tables, rules. All lengths in millimetres.

The sheet knows type and paper, not what a notice is. Latin and Chinese share one embedded font.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final, TypeAlias

from fpdf import FPDF
from fpdf.fonts import CoreFont, TTFFont

from cloudwindow.domain.errors import Unavailable
from cloudwindow.notices.lines import break_lines

Colour: TypeAlias = tuple[int, int, int]

INK: Final[Colour] = (28, 32, 38)
QUIET: Final[Colour] = (106, 113, 122)
HAIRLINE: Final[Colour] = (205, 209, 215)
BAND: Final[Colour] = (244, 245, 247)
RED: Final[Colour] = (176, 32, 32)

PAGE_WIDTH: Final = 210.0
PAGE_HEIGHT: Final = 297.0
MARGIN: Final = 24.0
TOP: Final = 20.0
FOOT: Final = 20.0
MM_PER_POINT: Final = 25.4 / 72
ASCENT: Final = 0.86  # of the em, Noto Sans SC capitals and ideographs
CELL_PADDING: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fonts:
    """The font files to embed; made by :meth:`found_in`."""

    regular: Path
    bold: Path

    @classmethod
    def found_in(cls, folder: Path) -> "Fonts":
        """
        Return the two weights inside the installed package ``@expo-google-fonts/noto-sans-sc``.

        Raises Unavailable ``fonts_missing`` if they are not there.
        """
        fonts = cls(
            regular=folder / "400Regular" / "NotoSansSC_400Regular.ttf",
            bold=folder / "700Bold" / "NotoSansSC_700Bold.ttf",
        )
        if not (fonts.regular.is_file() and fonts.bold.is_file()):
            raise Unavailable("fonts_missing")
        return fonts


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """How text is set: ``points`` high, ``leading`` line heights per point."""

    points: float
    bold: bool = False
    colour: Colour = INK
    leading: float = 1.6

    @property
    def em(self) -> float:
        return self.points * MM_PER_POINT

    @property
    def line_height(self) -> float:
        return self.em * self.leading


BODY: Final = Type(points=11, leading=1.75)
SMALL: Final = Type(points=8, colour=QUIET, leading=1.5)
LABEL: Final = Type(points=10, bold=True)
VALUE: Final = Type(points=10)
WATERMARK: Final = Type(points=190, bold=True, colour=(246, 243, 243))
TINY: Final = Type(points=7, colour=QUIET, leading=1.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A text and how it is set."""

    text: str
    type: Type


Cell: TypeAlias = Sequence[Passage]


class _Paper(FPDF):
    """fpdf's document; the foot of each page is drawn when the page is finished."""

    sheet: "Sheet"

    def footer(self) -> None:
        self.sheet.draw_foot()


class Sheet:
    """Draws downwards; starts a new page by itself when a block does not fit."""

    def __init__(
        self,
        fonts: Fonts,
        *,
        title: str,
        language: str,
        made_at: float,
        foot: Passage,
        watermark: str = "",
        border: "Callable[[Sheet], None] | None" = None,
    ) -> None:
        self._paper = _Paper(format="A4", unit="mm")
        self._paper.sheet = self
        self._foot = foot
        self._watermark = watermark
        self._border = border
        self._paper.set_auto_page_break(False)
        self._paper.set_creation_date(datetime.fromtimestamp(made_at, UTC))
        self._paper.set_title(title)
        self._paper.set_lang(language)
        self._paper.set_producer("Cloud Window")
        self._paper.add_font("notice", "", fonts.regular)
        self._paper.add_font("notice", "B", fonts.bold)
        self._glyphs = frozenset.intersection(*map(_characters, self._paper.fonts.values()))
        self.y = TOP
        self.new_page()

    @property
    def paper(self) -> FPDF:
        """The drawing surface below, for what is placed rather than set (seal, code, photograph)."""
        return self._paper

    def finished(self) -> bytes:
        """Finish and return the document."""
        return bytes(self._paper.output())

    def new_page(self) -> None:
        self._paper.add_page()
        if self._watermark:
            self._draw_watermark()
        if self._border is not None:
            self._border(self)
        self.y = TOP

    def need(self, height: float) -> None:
        """Start a new page unless ``height`` still fits on this one."""
        if self.y + height > PAGE_HEIGHT - FOOT:
            self.new_page()

    def space(self, height: float) -> None:
        self.y += height

    def measure(self, text: str, type: Type) -> float:
        self._use(type)
        return float(self._paper.get_string_width(text))

    def lines(self, passage: Passage, width: float, *, indent: float = 0) -> list[str]:
        self._use(passage.type)
        return break_lines(self._printable(passage.text), width, self._paper.get_string_width, indent=indent)

    def line_at(self, x: float, top: float, text: str, type: Type) -> None:
        """Set one line with its box's upper left corner at ``x``, ``top``."""
        self._use(type)
        above = (type.line_height - type.em) / 2
        self._paper.text(x, top + above + type.em * ASCENT, self._printable(text))

    def centred(self, text: str, type: Type, *, middle: float = PAGE_WIDTH / 2, width: float = 162) -> None:
        for line in self.lines(Passage(text=text, type=type), width):
            self.need(type.line_height)
            self.line_at(middle - self.measure(line, type) / 2, self.y, line, type)
            self.y += type.line_height

    def height(self, passage: Passage, *, width: float = PAGE_WIDTH - 2 * MARGIN) -> float:
        """Return how much room a paragraph takes."""
        return len(self.lines(passage, width)) * passage.type.line_height

    def paragraph(
        self,
        passage: Passage,
        *,
        x: float = MARGIN,
        width: float = PAGE_WIDTH - 2 * MARGIN,
        indent: float = 0,
    ) -> None:
        """Set a paragraph; its first line is drawn in by ``indent``."""
        for place, line in enumerate(self.lines(passage, width, indent=indent)):
            self.need(passage.type.line_height)
            self.line_at(x + (0 if place else indent), self.y, line, passage.type)
            self.y += passage.type.line_height

    def rule(
        self, *, colour: Colour = HAIRLINE, thickness: float = 0.2, width: float = PAGE_WIDTH - 2 * MARGIN
    ) -> None:
        self._paper.set_draw_color(*colour)
        self._paper.set_line_width(thickness)
        self._paper.line(MARGIN, self.y, MARGIN + width, self.y)

    def line(self, x: float, y: float, to_x: float, to_y: float) -> None:
        """Draw a hairline between two places."""
        self._paper.set_draw_color(*QUIET)
        self._paper.set_line_width(0.2)
        self._paper.line(x, y, to_x, to_y)

    def frame(
        self, x: float, y: float, width: float, height: float, *, colour: Colour, thickness: float
    ) -> None:
        self._paper.set_draw_color(*colour)
        self._paper.set_line_width(thickness)
        self._paper.rect(x, y, width, height)

    def picture(self, jpeg: bytes, x: float, y: float, width: float, height: float) -> None:
        """Place a photograph inside a box, whole and undistorted."""
        self._paper.image(BytesIO(jpeg), x=x, y=y, w=width, h=height, keep_aspect_ratio=True)

    def table(
        self, widths: Sequence[float], rows: Sequence[Sequence[Cell]], *, head: Sequence[Cell] = ()
    ) -> None:
        """Set rows of cells between hairlines; the head is repeated at the top of each further page."""
        if head:
            first = self._height(widths, rows[0]) if rows else 0
            self.need(self._height(widths, head) + first)
            self._row(widths, head, fill=True)
        else:
            self.rule(width=sum(widths))
        for row in rows:
            height = self._height(widths, row)
            if self.y + height > PAGE_HEIGHT - FOOT:
                self.new_page()
                if head:
                    self._row(widths, head, fill=True)
                else:
                    self.rule(width=sum(widths))
            self._row(widths, row)

    def draw_foot(self) -> None:
        """The warning or the origin on the left, the page's number on the right."""
        top = PAGE_HEIGHT - 14
        self._paper.set_draw_color(*HAIRLINE)
        self._paper.set_line_width(0.2)
        self._paper.line(MARGIN, top - 1.5, PAGE_WIDTH - MARGIN, top - 1.5)
        self.line_at(MARGIN, top, self._foot.text, self._foot.type)
        self._use(TINY)
        self._paper.set_xy(PAGE_WIDTH - MARGIN - 30, top)
        self._paper.cell(30, TINY.line_height, f"{self._paper.page_no()} / {{nb}}", align="R")

    def _draw_watermark(self) -> None:
        x, y = PAGE_WIDTH / 2, PAGE_HEIGHT / 2
        with self._paper.rotation(32, x, y):
            width = self.measure(self._watermark, WATERMARK)
            self.line_at(x - width / 2, y - WATERMARK.line_height / 2, self._watermark, WATERMARK)

    def _row(self, widths: Sequence[float], row: Sequence[Cell], *, fill: bool = False) -> None:
        height = self._height(widths, row)
        if fill:
            self._paper.set_fill_color(*BAND)
            self._paper.rect(MARGIN, self.y, sum(widths), height, style="F")
        x = MARGIN
        for width, cell in zip(widths, row, strict=True):
            self._cell(x, width, cell)
            x += width
        self.y += height
        self.rule(width=sum(widths))

    def _cell(self, x: float, width: float, cell: Cell) -> None:
        top = self.y + CELL_PADDING
        for passage in cell:
            for line in self.lines(passage, width - 2 * CELL_PADDING):
                self.line_at(x + CELL_PADDING, top, line, passage.type)
                top += passage.type.line_height

    def _height(self, widths: Sequence[float], row: Sequence[Cell]) -> float:
        return 2 * CELL_PADDING + max(
            sum(
                len(self.lines(passage, width - 2 * CELL_PADDING)) * passage.type.line_height
                for passage in cell
            )
            for width, cell in zip(widths, row, strict=True)
        )

    def _printable(self, text: str) -> str:
        """Put 〓, the printer's sign for a character not in the case, where the font has none."""
        return "".join(letter if letter == "\n" or ord(letter) in self._glyphs else "〓" for letter in text)

    def _use(self, type: Type) -> None:
        self._paper.set_font("notice", "B" if type.bold else "", type.points)
        self._paper.set_text_color(*type.colour)


def _characters(font: CoreFont | TTFFont) -> frozenset[int]:
    return frozenset(font.cmap) if isinstance(font, TTFFont) else frozenset()
