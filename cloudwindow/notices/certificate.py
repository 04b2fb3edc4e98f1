"""The certificate: a framed page with photograph, particulars, organ and seal."""

from typing import Final

from cloudwindow.domain.notice import Notice, Row
from cloudwindow.notices import phrases
from cloudwindow.notices.letter import WIDTH, Letter
from cloudwindow.notices.sheet import (
    BODY,
    HAIRLINE,
    MARGIN,
    PAGE_WIDTH,
    QUIET,
    RED,
    SMALL,
    Passage,
    Sheet,
    Type,
)
from cloudwindow.notices.words import same, words

TITLE: Final = Type(points=30, bold=True, leading=1.4)
TITLE_SECOND: Final = Type(points=11, colour=QUIET, leading=1.5)
ORGAN: Final = Type(points=13, bold=True, colour=RED, leading=1.5)
PHOTO_WIDTH: Final = 35.0  # 二寸: 35 mm × 49 mm
PHOTO_HEIGHT: Final = 49.0
GAP: Final = 7.0
PERSON_WIDTHS: Final = (38.0, WIDTH - PHOTO_WIDTH - GAP - 38.0)
ROW_WIDTHS: Final = (38.0, WIDTH - 38.0)


class Certificate(Letter):
    """Sets one certificate; ``photo`` is a JPEG or nothing."""

    def __init__(
        self, sheet: Sheet, notice: Notice, *, language: str, verify_url: str, photo: bytes | None
    ) -> None:
        super().__init__(sheet, notice, language=language, verify_url=verify_url)
        self._photo = photo

    def set(self) -> None:
        """Set the whole certificate."""
        sheet, notice = self._sheet, self._notice
        sheet.space(7)
        self._pair_centred(phrases.title(notice), TITLE, TITLE_SECOND)
        sheet.space(7)
        self._person()
        sheet.space(5)
        self._pair_paragraph(phrases.opening(notice))
        sheet.space(3)
        self._table(notice.rows, ROW_WIDTHS)
        sheet.space(4)
        self._small_print()
        self.closing()

    def _person(self) -> None:
        """Set who it is about, with the photograph on the right."""
        sheet, notice = self._sheet, self._notice
        top = sheet.y
        self._table(
            (
                Row(label=words("Holder"), value=same(notice.applicant.name)),
                Row(label=words("ID number"), value=same(notice.applicant.masked_id)),
                Row(label=words("Number"), value=same(notice.number)),
                Row(label=words("Issued by"), value=notice.organ),
            ),
            PERSON_WIDTHS,
        )
        self._picture(PAGE_WIDTH - MARGIN - PHOTO_WIDTH, top)
        sheet.y = max(sheet.y, top + PHOTO_HEIGHT)

    def _picture(self, x: float, y: float) -> None:
        sheet = self._sheet
        if self._photo is not None:
            sheet.picture(self._photo, x, y, PHOTO_WIDTH, PHOTO_HEIGHT)
        else:
            label = words("Photograph")
            middle = x + PHOTO_WIDTH / 2
            for passage, drop in (
                (Passage(text=self.main(label), type=BODY), -6.5),
                (Passage(text=self.other(label), type=SMALL), 0.0),
            ):
                width = sheet.measure(passage.text, passage.type)
                sheet.line_at(middle - width / 2, y + PHOTO_HEIGHT / 2 + drop, passage.text, passage.type)
        sheet.frame(x, y, PHOTO_WIDTH, PHOTO_HEIGHT, colour=HAIRLINE, thickness=0.3)

    def _received(self, top: float) -> None:
        """A certificate is not signed for on its face."""

    def _table(self, rows: tuple[Row, ...], widths: tuple[float, ...]) -> None:
        self._sheet.table(widths, [[self.label(row.label), self.value(row.value)] for row in rows])


def draw_border(sheet: Sheet) -> None:
    """Draw the double border of a certificate."""
    sheet.frame(12, 12, PAGE_WIDTH - 24, 267, colour=RED, thickness=0.8)
    sheet.frame(13.8, 13.8, PAGE_WIDTH - 27.6, 263.4, colour=RED, thickness=0.2)
