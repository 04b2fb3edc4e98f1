"""The letter: every notice that is not a certificate. Organ, title, act, facts, lists, remedy, seal."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Final

from cloudwindow.domain.calendar import day_of
from cloudwindow.domain.catalogue import Text
from cloudwindow.domain.notice import Kind, Notice, NoticePaper
from cloudwindow.notices import phrases
from cloudwindow.notices.marks import draw_code, draw_demo_seal, draw_seal_place
from cloudwindow.notices.sheet import (
    BODY,
    LABEL,
    MARGIN,
    PAGE_WIDTH,
    QUIET,
    RED,
    SMALL,
    TINY,
    VALUE,
    Cell,
    Passage,
    Sheet,
    Type,
)
from cloudwindow.notices.words import day_words, same, words

WIDTH: Final = PAGE_WIDTH - 2 * MARGIN
ORGAN: Final = Type(points=20, bold=True, colour=RED, leading=1.4)
ORGAN_SECOND: Final = Type(points=8.5, colour=RED, leading=1.5)
TITLE: Final = Type(points=20, bold=True, leading=1.5)
TITLE_SECOND: Final = Type(points=9.5, colour=QUIET, leading=1.5)
NUMBER: Final = Type(points=10.5, leading=1.6)
HEADING: Final = Type(points=11, bold=True, leading=1.6)
CLOSING: Final = Type(points=11, leading=1.7)
SMALL_PRINT: Final = Type(points=9)
CODE_SIZE: Final = 26.0
CLOSING_HEIGHT: Final = 39.5
LATIN_SCALE: Final = 0.78  # Latin capitals in a headline look larger than ideographs
FACT_WIDTHS: Final = (28.0, 53.0, 28.0, 53.0)
ROW_WIDTHS: Final = (50.0, 112.0)
CORRECTION_WIDTHS: Final = (12.0, 55.0, 95.0)
PAPER_WIDTHS: Final = (12.0, 50.0, 37.0, 13.0, 25.0, 25.0)
PAPER_COLUMNS: Final = ("Paper", "Form", "Pages", "Check", "Original held by")

Fact = tuple[Text, Text]


class Letter:
    """Sets one notice on a sheet, ``language`` first and large, the other language second and small."""

    def __init__(self, sheet: Sheet, notice: Notice, *, language: str, verify_url: str) -> None:
        self._sheet = sheet
        self._notice = notice
        self._first = "en" if language.startswith("en") else "zh"
        self._second = "zh" if self._first == "en" else "en"
        self._verify_url = verify_url

    def set(self) -> None:
        """Set the whole letter."""
        self._head()
        self._opening()
        self._facts()
        self._particulars()
        self._papers()
        self._explained()
        self._small_print()
        self.closing()

    def _head(self) -> None:
        notice = self._notice
        self._pair_centred(notice.organ, ORGAN, ORGAN_SECOND)
        self._sheet.space(2.5)
        self._sheet.rule(colour=RED, thickness=0.7)
        self._sheet.space(5.5)
        self._pair_centred(phrases.title(notice), TITLE, TITLE_SECOND)
        self._sheet.space(1)
        self._sheet.centred(notice.number, NUMBER)
        self._sheet.space(3.5)

    def _opening(self) -> None:
        greeting = words("Dear %(name)s,", name=self._notice.applicant.name)
        self._sheet.paragraph(Passage(text=self.main(greeting), type=BODY))
        self._pair_paragraph(phrases.opening(self._notice))
        self._sheet.space(3.5)

    def _facts(self) -> None:
        facts = list(self._all_facts())
        rows = [
            [*self._fact(left), *self._fact(right)] for left, right in zip_longest(facts[::2], facts[1::2])
        ]
        self._sheet.table(FACT_WIDTHS, rows)
        self._sheet.space(3.5)

    def _all_facts(self) -> Iterator[Fact]:
        notice = self._notice
        yield words("Applicant"), same(notice.applicant.name)
        yield words("ID number"), same(notice.applicant.masked_id)
        if notice.delegate is not None:
            yield words("Delegate"), same(notice.delegate.name)
            yield words("Delegate's ID"), same(notice.delegate.masked_id)
        yield words("Item"), self._with_code(notice.item, notice.item_code)
        yield words("Case number"), same(notice.case_number)
        if notice.situation is not None:
            yield words("Situation"), notice.situation
        yield words("Mobile"), same(notice.applicant.masked_mobile)
        yield words("Handled by"), same(notice.handler)
        yield words("Office phone"), same(notice.handler_phone)
        yield words("Delivery"), notice.delivery

    def _fact(self, fact: Fact | None) -> Sequence[Cell]:
        return ((), ()) if fact is None else (self.label(fact[0]), self.value(fact[1]))

    def _with_code(self, item: Text, code: str) -> Text:
        """Add the item's code to its name in the first language; once is enough."""
        if self._first == "en":
            return replace(item, en=f"{item.en} ({code})")
        return replace(item, zh=f"{item.zh}（{code}）")

    def _particulars(self) -> None:
        if self._notice.rows:
            self.heading(words("Registered particulars"))
            rows = [[self.label(row.label), self.value(row.value)] for row in self._notice.rows]
            self._sheet.table(ROW_WIDTHS, rows)
            self._sheet.space(3.5)

    def _papers(self) -> None:
        notice = self._notice
        if not notice.papers:
            return
        correcting = notice.kind is Kind.CORRECTION_NOTICE
        columns = ("What is needed", "Standard to meet") if correcting else PAPER_COLUMNS
        head = [self.label(words(column)) for column in ("No.", *columns)]
        line = self._correction_row if correcting else self._paper_row
        rows = [[self.value(same(str(place))), *line(paper)] for place, paper in enumerate(notice.papers, 1)]
        self.heading(words(phrases.PAPER_HEADINGS.get(notice.kind, "Papers received")))
        self._sheet.table(CORRECTION_WIDTHS if correcting else PAPER_WIDTHS, rows, head=head)
        self._sheet.space(3.5)

    def _correction_row(self, paper: NoticePaper) -> Sequence[Cell]:
        return self.value(paper.name), self.value(paper.standard or same("—"))

    def _paper_row(self, paper: NoticePaper) -> Sequence[Cell]:
        told = (
            paper.form and words(phrases.FORMS[paper.form]),
            same(str(paper.pages)),
            paper.verdict and words(phrases.VERDICTS[paper.verdict]),
            paper.holder and words(phrases.HOLDERS[paper.holder]),
        )
        return self.value(paper.name), *(self.value(text or same("—")) for text in told)

    def _explained(self) -> None:
        notice = self._notice
        if notice.reasons:
            self.heading(words("Reasons"))
            many = len(notice.reasons) > 1
            for place, reason in enumerate(notice.reasons, 1):
                self._pair_paragraph(_numbered(reason, place) if many else reason)
            self._sheet.space(3.5)
        if notice.right_organ is not None:
            self.heading(words("Where to apply instead"))
            self._pair_paragraph(notice.right_organ)
            self._sheet.space(3.5)
        if notice.remedy is not None:
            self.heading(words("If you disagree"))
            self._pair_paragraph(notice.remedy)
            self._sheet.space(3.5)

    def _small_print(self) -> None:
        """Set basis and delegation; they keep the seal company, which never stands on a page alone."""
        texts = [self._basis()]
        if self._notice.delegation is not None:
            texts.append(self.delegation())
        passages = [passage for text in texts for passage in self._pair(text, SMALL_PRINT, TINY)]
        self._sheet.need(sum(map(self._sheet.height, passages)) + 2 + CLOSING_HEIGHT)
        for passage in passages:
            self._sheet.paragraph(passage)
        self._sheet.space(1)

    def _basis(self) -> Text:
        basis = self._notice.legal_basis
        joined = Text(zh="；".join(text.zh for text in basis), en="; ".join(text.en for text in basis))
        return words("Legal basis: %(basis)s", basis=joined)

    def delegation(self) -> Text:
        """受…委托: who handled it, in whose name. Raises ValueError if there is no delegation."""
        line = self._notice.delegation
        if line is None:
            raise ValueError("this notice was not issued under delegation")
        return words(
            "%(office)s handled this under delegation from %(organ)s and issues it in the name of %(organ)s "
            "(%(reference)s).",
            office=line.office,
            organ=self._notice.organ,
            reference=line.reference,
        )

    def closing(self) -> None:
        """Set code, organ, date and seal; they stay together on one page."""
        self._sheet.need(CLOSING_HEIGHT)
        top = self._sheet.y + 2
        self._code(MARGIN, top)
        self._signed(top)
        self._received(top + CODE_SIZE + 4)
        self._sheet.y = top + CLOSING_HEIGHT

    def _code(self, x: float, top: float) -> None:
        draw_code(self._sheet, x - 1, top, CODE_SIZE, self._verify_url)
        beside = x + CODE_SIZE + 3
        lines = (
            Passage(text=self.main(words("Scan to verify")), type=LABEL),
            Passage(text=self.other(words("Scan to verify")), type=TINY),
            Passage(text=self.main(words("Verification code")), type=SMALL),
            Passage(text=self._notice.verification_code, type=LABEL),
        )
        y = top + 3
        for line in lines:
            self._sheet.line_at(beside, y, line.text, line.type)
            y += line.type.line_height + 0.4

    def _signed(self, top: float) -> None:
        middle = PAGE_WIDTH - MARGIN - 38
        points = CLOSING.points * (0.85 if self._first == "en" else 1)
        organ = Passage(text=self.main(self._notice.organ), type=replace(CLOSING, points=points))
        day = Passage(text=self.main(day_words(day_of(self._notice.issued_at))), type=CLOSING)
        for passage, y in ((organ, top), (day, top + 26.5)):
            for place, line in enumerate(self._sheet.lines(passage, 76)):
                x = middle - self._sheet.measure(line, passage.type) / 2
                self._sheet.line_at(x, y + place * passage.type.line_height, line, passage.type)
        if self._notice.demo:
            draw_demo_seal(self._sheet, middle, top + 20, self._notice.organ.zh)
        else:
            draw_seal_place(self._sheet, middle, top + 14, self.main(words("Seal of the organ")))

    def _received(self, top: float) -> None:
        """Somebody who gets it on paper signs here; an electronic one is delivered by record."""
        for x, end, text in ((0.0, 42.0, words("Received by")), (45.0, 76.0, words("Date"))):
            said = self.main(text)
            self._sheet.line_at(MARGIN + x, top, said, SMALL)
            after = x + self._sheet.measure(said, SMALL) + 2
            self._sheet.line(MARGIN + after, top + 4.2, MARGIN + end, top + 4.2)

    def heading(self, text: Text) -> None:
        """Set a small heading; at least two lines of what follows stay with it."""
        self._sheet.need(24)
        second = replace(SMALL, colour=QUIET)
        main = self.main(text)
        self._sheet.line_at(MARGIN, self._sheet.y, main, HEADING)
        beside = MARGIN + self._sheet.measure(main, HEADING) + 2.5
        drop = (HEADING.line_height - second.line_height) / 2 + 0.4
        self._sheet.line_at(beside, self._sheet.y + drop, self.other(text), second)
        self._sheet.space(HEADING.line_height + 1.2)

    def label(self, text: Text) -> Cell:
        """Return a label in both languages."""
        return self._pair(text, LABEL, TINY)

    def value(self, text: Text) -> Cell:
        """Return a value, in both languages where they differ."""
        return self._pair(text, VALUE, TINY)

    def main(self, text: Text) -> str:
        """Return the text in the notice's first language."""
        return text.in_language(self._first)

    def other(self, text: Text) -> str:
        """Return it in the second language, or nothing if that says the same."""
        second = text.in_language(self._second)
        return "" if second == self.main(text) else second

    def _pair(self, text: Text, first: Type, second: Type) -> list[Passage]:
        main, other = self.main(text), self.other(text)
        passages = [Passage(text=main, type=first)]
        return [*passages, Passage(text=other, type=second)] if other else passages

    def _pair_centred(self, text: Text, first: Type, second: Type) -> None:
        scaled = replace(first, points=first.points * LATIN_SCALE) if self._first == "en" else first
        for passage in self._pair(text, scaled, second):
            self._sheet.centred(passage.text, passage.type)

    def _pair_paragraph(self, text: Text) -> None:
        indent = 2 * BODY.em if self._first == "zh" else 0
        self._sheet.paragraph(Passage(text=self.main(text), type=BODY), indent=indent)
        if other := self.other(text):
            self._sheet.paragraph(Passage(text=other, type=SMALL))


def _numbered(text: Text, place: int) -> Text:
    return Text(zh=f"{place}．{text.zh}", en=f"{place}. {text.en}")
