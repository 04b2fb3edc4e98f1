"""What is placed on a sheet rather than set: the demo seal, the code that leads to the verify page."""

import math
from typing import Final

import segno

from cloudwindow.notices.sheet import INK, RED, Sheet, Type

SEAL_RADIUS: Final = 18.0
NAME_RADIUS: Final = 13.8
NAME_TYPE: Final = Type(points=9.5, bold=True, colour=RED)
WIDEST_ARC: Final = 250.0  # degrees the organ's name may take
ARC_PER_CHARACTER: Final = 19.0
QUIET_ZONE: Final = 2


def draw_demo_seal(sheet: Sheet, x: float, y: float, organ: str) -> None:
    """
    Draw a ring with the organ's name around ``x``, ``y`` and, where a seal has its star, the words 演示印章.

    It must never be taken for a real seal: no star, a broken ring, and the word in two languages.
    """
    paper = sheet.paper
    with paper.local_context(fill_opacity=0.85, stroke_opacity=0.85):
        paper.set_draw_color(*RED)
        paper.set_line_width(0.9)
        paper.set_dash_pattern(dash=5.2, gap=1.3)
        paper.circle(x, y, SEAL_RADIUS)
        paper.set_dash_pattern()
        _draw_arc(sheet, x, y, organ)
        _draw_centred(sheet, x, y - 3.6, "演示印章", Type(points=13, bold=True, colour=RED))
        _draw_centred(sheet, x, y + 3.2, "DEMO SEAL", Type(points=6.5, bold=True, colour=RED))


def draw_seal_place(sheet: Sheet, x: float, y: float, words: str) -> None:
    """Draw the empty place where the organ's seal belongs."""
    _draw_centred(sheet, x, y - 2, words, Type(points=9, colour=RED))


def draw_code(sheet: Sheet, x: float, y: float, size: float, address: str) -> None:
    """Draw the QR code of ``address``, ``size`` millimetres wide with its quiet zone, from its upper left."""
    rows = [bytes(row) for row in segno.make_qr(address, error="m").matrix]
    module = size / (len(rows) + 2 * QUIET_ZONE)
    sheet.paper.set_fill_color(*INK)
    for line, row in enumerate(rows):
        for start, length in _dark_runs(row):
            left, top = x + (start + QUIET_ZONE) * module, y + (line + QUIET_ZONE) * module
            sheet.paper.rect(left, top, length * module, module * 1.02, style="F")


def _dark_runs(row: bytes) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for place, dark in enumerate(row):
        if not dark:
            continue
        if runs and sum(runs[-1]) == place:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((place, 1))
    return runs


def _draw_arc(sheet: Sheet, x: float, y: float, name: str) -> None:
    arc = min(WIDEST_ARC, ARC_PER_CHARACTER * (len(name) - 1))
    step = arc / max(1, len(name) - 1)
    for place, character in enumerate(name):
        angle = -arc / 2 + step * place
        turn = math.radians(angle)
        at_x, at_y = x + NAME_RADIUS * math.sin(turn), y - NAME_RADIUS * math.cos(turn)
        with sheet.paper.rotation(-angle, at_x, at_y):
            _draw_centred(sheet, at_x, at_y - NAME_TYPE.line_height / 2, character, NAME_TYPE)


def _draw_centred(sheet: Sheet, x: float, top: float, text: str, type: Type) -> None:
    sheet.line_at(x - sheet.measure(text, type) / 2, top, text, type)
