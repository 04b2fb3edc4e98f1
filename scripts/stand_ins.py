"""What stands in for people and papers in the pictures: drawn, invented, moving a little."""

import io
import math
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

ROOT = Path(__file__).resolve().parents[1]
FONT = ROOT / "web/node_modules/@expo-google-fonts/noto-sans-sc/400Regular/NotoSansSC_400Regular.ttf"
WIDTH, HEIGHT = 640, 480
FRAMES = 60
"""Two seconds at the thirty frames a second that browsers assume for this kind of file; then it repeats."""
Spot = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Colours of one drawn person and of the room they sit in."""

    wall: str
    light: str
    skin: str
    hair: str
    coat: str
    collar: str
    long_hair: bool
    headset: bool


AGENT = Person(
    wall="#cfdcd9",
    light="#e9f1ee",
    skin="#f0cdb0",
    hair="#2c2523",
    coat="#1f5560",
    collar="#f7f7f2",
    long_hair=True,
    headset=True,
)
CITIZEN = Person(
    wall="#e6d9c6",
    light="#f6eee0",
    skin="#e2b48f",
    hair="#3a3431",
    coat="#8a5a44",
    collar="#ddd6c8",
    long_hair=False,
    headset=False,
)


def film(person: Person, path: Path) -> Path:
    """Write ``person`` breathing and blinking, as the motion JPEG a browser takes for its camera."""
    room = _room(person)
    with path.open("wb") as out:
        for number in range(FRAMES):
            frame = room.copy()
            _draw_person(ImageDraw.Draw(frame), person, number)
            frame.reduce(2).save(out, "JPEG", quality=88)
    return path


def _room(person: Person) -> Image.Image:
    """A wall with soft daylight from a window, and a shelf; twice the size of the film."""
    room = Image.new("RGB", (WIDTH * 2, HEIGHT * 2), person.wall)
    draw = ImageDraw.Draw(room)
    draw.rectangle((60, 60, 420, 560), fill=person.light)
    draw.rectangle((232, 60, 248, 560), fill=person.wall)
    draw.rectangle((60, 300, 420, 314), fill=person.wall)
    draw.rectangle((900, 420, 1240, 436), fill="#a88f74")
    for left, tall, colour in ((920, 150, "#7b9a95"), (975, 190, "#c98b6b"), (1030, 130, "#5f7d8c")):
        draw.rectangle((left, 420 - tall, left + 44, 420), fill=colour)
    draw.ellipse((1120, 300, 1220, 420), fill="#6f9076")
    return room.filter(ImageFilter.GaussianBlur(9))


def _draw_person(draw: ImageDraw.ImageDraw, person: Person, number: int) -> None:
    phase = 2 * math.pi * number / FRAMES
    x, y = 640 + 6 * math.sin(phase), 430 + 4 * math.sin(2 * phase)

    def ellipse(spot: Spot, colour: str) -> None:
        left, top, right, bottom = spot
        draw.ellipse((x + left, y + top, x + right, y + bottom), fill=colour)

    if person.long_hair:
        draw.rounded_rectangle((x - 178, y - 150, x + 178, y + 240), 150, fill=person.hair)
    draw.rounded_rectangle((x - 330, y + 235, x + 330, y + 900), 150, fill=person.coat)
    draw.polygon(((x - 110, y + 236), (x + 110, y + 236), (x, y + 400)), fill=person.collar)
    draw.rounded_rectangle((x - 66, y + 120, x + 66, y + 300), 60, fill=_darker(person.skin))
    ellipse((-140, -170, 140, 190), person.skin)
    draw.chord((x - 144, y - 196, x + 144, y + 60), 180, 360, fill=person.hair)
    ellipse((-134, -112, 134, 60), person.skin)
    _draw_face(draw, x, y, blinking=number % FRAMES in range(40, 44))
    if person.headset:
        draw.arc((x - 168, y - 216, x + 168, y + 150), 190, 350, fill="#30383b", width=16)
        ellipse((-176, -30, -128, 70), "#30383b")
        draw.arc((x - 160, y - 40, x + 60, y + 160), 70, 165, fill="#30383b", width=9)
        ellipse((-40, 142, 4, 170), "#30383b")


def _draw_face(draw: ImageDraw.ImageDraw, x: float, y: float, *, blinking: bool) -> None:
    for side in (-56, 56):
        height = 3 if blinking else 13
        draw.ellipse((x + side - 13, y + 12 - height, x + side + 13, y + 12 + height), fill="#2c2523")
        draw.arc((x + side - 34, y - 40, x + side + 34, y + 10), 215, 325, fill="#4a3a34", width=7)
    draw.arc((x - 16, y + 30, x + 16, y + 66), 20, 160, fill="#a8745a", width=6)
    draw.arc((x - 50, y + 60, x + 50, y + 128), 25, 155, fill="#9c4f48", width=9)


def _darker(colour: str) -> str:
    parts = (int(colour[at : at + 2], 16) * 9 // 10 for at in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in parts)


def card(lines: list[str], *, portrait: bool = True) -> bytes:
    """A photographed card or certificate with ``lines`` on it, marked as a specimen; JPEG bytes."""
    photo = _table()
    draw = ImageDraw.Draw(photo)
    draw.rounded_rectangle((132, 202, 1488, 1018), 52, fill="#00000033")
    draw.rounded_rectangle((120, 190, 1480, 1010), 52, fill="#f2f5f1", outline="#7b9a95", width=6)
    for number, line in enumerate(lines):
        draw.text((200, 270 + number * 118), line, font=_font(56), fill="#22302f")
    if portrait:
        _bust(draw, 1120, 300, 1.0)
    draw.text((1060, 905), "样本 SPECIMEN", font=_font(44), fill="#b0533f")
    return _jpeg(photo)


def sheet(title: str, lines: list[str]) -> bytes:
    """A photographed page, marked as a specimen; JPEG bytes."""
    photo = _table(portrait=True)
    draw = ImageDraw.Draw(photo)
    draw.rectangle((110, 120, 1090, 1480), fill="#fbfaf6", outline="#c9c2b2", width=4)
    draw.text((600, 230), title, font=_font(64), fill="#22302f", anchor="mm")
    for number, line in enumerate(lines):
        draw.text((200, 360 + number * 104), line, font=_font(44), fill="#33413f")
    draw.ellipse((760, 1150, 1000, 1390), outline="#b0533f", width=9)
    draw.text((880, 1270), "样本", font=_font(64), fill="#b0533f", anchor="mm")
    return _jpeg(photo)


def portrait() -> bytes:
    """A passport photograph; JPEG bytes."""
    photo = Image.new("RGB", (1200, 1600), "#dfe7ea")
    draw = ImageDraw.Draw(photo)
    _bust(draw, 600 - 130 * 3, 280, 3.0)
    draw.text((600, 1545), "样本 SPECIMEN", font=_font(48), fill="#f2f5f1", anchor="mm")
    return _jpeg(photo)


def _bust(draw: ImageDraw.ImageDraw, left: float, top: float, scale: float) -> None:
    def box(*spot: float) -> Spot:
        return left + spot[0] * scale, top + spot[1] * scale, left + spot[2] * scale, top + spot[3] * scale

    draw.rounded_rectangle(box(0, 240, 260, 470), 90 * scale, fill="#5b6f75")
    draw.rectangle(box(100, 180, 160, 280), fill="#cf9f7c")
    draw.ellipse(box(50, 20, 210, 230), fill="#e2b48f")
    draw.chord(box(44, 0, 216, 170), 180, 360, fill="#3a3431")
    for eye in (98, 162):
        draw.ellipse(box(eye - 8, 112, eye + 8, 128), fill="#2c2523")
    draw.arc(box(100, 140, 160, 186), 25, 155, fill="#9c4f48", width=int(6 * scale))


def _table(*, portrait: bool = False) -> Image.Image:
    photo = Image.new("RGB", (1200, 1600) if portrait else (1600, 1200), "#b99b78")
    draw = ImageDraw.Draw(photo)
    for line in range(0, 1700, 46):
        draw.line((0, line, 1700, line + 60), fill="#b29370", width=7)
    return photo


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, size)


def _jpeg(photo: Image.Image) -> bytes:
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=90)
    return out.getvalue()
