"""The paper table: what citizens photograph is made anew, and what is no photograph is refused by name."""

import asyncio
import json
import signal
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest
from PIL import Image, ImageDraw, ImageFilter, PngImagePlugin

from cloudwindow.domain.errors import BadInput, TooLarge, TooOften, Unavailable
from cloudwindow.papers import CHILD, PaperLimits, Papers
from tests.pace import PATIENCE_SECONDS

GPS: Final = 0x8825
ORIENTATION: Final = 0x0112
SECRET: Final = b"113.264385E-Huadu"


@pytest.fixture
def papers() -> Papers:
    return Papers()


def a_page(width: int = 1200, height: int = 900) -> Image.Image:
    """Return white paper with lines of text, a red mark in its upper left quarter."""
    page = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(page)
    for y in range(30, height, 28):
        pen.text((40, y), "Residence permit 0123456789 " * 8, fill="black", font_size=20)
    pen.rectangle((0, 0, width // 4, height // 4), fill="red")
    return page


def written(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def red_quarter(jpeg: bytes) -> str:
    """Say in which corner the red mark is."""
    picture = Image.open(BytesIO(jpeg))
    edges = {"upper": 10, "lower": picture.height - 10}, {"left": 10, "right": picture.width - 10}
    for vertical, y in edges[0].items():
        for side, x in edges[1].items():
            pixel = picture.getpixel((x, y))
            assert isinstance(pixel, tuple)
            if pixel[0] > 200 and pixel[1] < 80:
                return f"{vertical} {side}"
    return "nowhere"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_the_three_kinds_become_a_jpeg_of_the_same_size(papers: Papers, kind: str) -> None:
    paper = await papers.reencode(written(a_page(), kind))
    again = Image.open(BytesIO(paper.jpeg))
    assert (again.format, again.size) == ("JPEG", (1200, 900))
    assert (paper.width, paper.height) == (1200, 900)
    assert red_quarter(paper.jpeg) == "upper left"


async def test_a_large_photograph_is_made_smaller_and_keeps_its_shape(papers: Papers) -> None:
    paper = await papers.reencode(written(a_page(4000, 3000)))
    assert (paper.width, paper.height) == (2400, 1800)


async def test_a_small_photograph_is_not_blown_up(papers: Papers) -> None:
    paper = await papers.reencode(written(a_page(300, 200)))
    assert (paper.width, paper.height) == (300, 200)
    assert paper.hints.small


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [
        (1, "upper left"),
        (2, "upper right"),
        (3, "lower right"),
        (4, "lower left"),
        (5, "upper left"),
        (6, "upper right"),
        (7, "lower right"),
        (8, "lower left"),
    ],
)
async def test_a_photograph_is_turned_as_the_camera_was_held(
    papers: Papers, orientation: int, corner: str
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    paper = await papers.reencode(written(a_page(), exif=exif))
    assert red_quarter(paper.jpeg) == corner
    assert (paper.width > paper.height) is (orientation < 5)
    assert ORIENTATION not in Image.open(BytesIO(paper.jpeg)).getexif()


async def test_nothing_but_pixels_survives(papers: Papers) -> None:
    """Location, camera, comment, profile, XMP and a second file behind the picture are gone."""
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()
    exif.get_ifd(GPS)[1] = "N"
    raw = written(a_page(), exif=exif, comment=SECRET, icc_profile=SECRET, xmp=SECRET, dpi=(72, 72))
    raw += b"PK\x03\x04<?php system($_GET['c']); ?>" + SECRET
    assert raw.count(SECRET) >= 4
    paper = await papers.reencode(raw)
    assert SECRET not in paper.jpeg
    assert b"<?php" not in paper.jpeg
    kept = Image.open(BytesIO(paper.jpeg))
    assert dict(kept.getexif()) == {}
    assert set(kept.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


async def test_text_hidden_in_a_png_is_gone(papers: Papers) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", SECRET.decode())
    paper = await papers.reencode(written(a_page(), "PNG", pnginfo=notes))
    assert SECRET not in paper.jpeg


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
async def test_every_colour_mode_becomes_plain_colour(papers: Papers, mode: str) -> None:
    page = a_page().convert("L") if mode == "I;16" else a_page()
    raw = written(page.convert(mode), "JPEG" if mode == "CMYK" else "PNG")
    paper = await papers.reencode(raw)
    assert Image.open(BytesIO(paper.jpeg)).mode == "RGB"


async def test_what_is_transparent_becomes_white_paper(papers: Papers) -> None:
    clear = Image.new("RGBA", (800, 700), (0, 0, 0, 0))
    paper = await papers.reencode(written(clear, "PNG"))
    assert Image.open(BytesIO(paper.jpeg)).getpixel((400, 300)) == (255, 255, 255)


async def test_a_broken_exif_block_does_not_spoil_the_photograph(papers: Papers) -> None:
    raw = written(a_page(), exif=b"Exif\x00\x00MM\x00\x2a\xff\xff\xff\xffgarbage")
    assert (await papers.reencode(raw)).width == 1200


SVG: Final = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
EPS: Final = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n"


@pytest.mark.parametrize(
    "raw",
    [b"", b"hello", SVG, EPS, b"%PDF-1.7\n", b"<html><script>", b"\xff\xd8", written(a_page(), "GIF")],
    ids=["empty", "text", "svg", "eps", "pdf", "html", "stub", "gif"],
)
async def test_what_is_no_photograph_is_refused(papers: Papers, raw: bytes) -> None:
    with pytest.raises(BadInput) as refused:
        await papers.reencode(raw)
    assert refused.value.code in {"not_an_image", "image_broken"}
    assert refused.value.code == "not_an_image" or raw == b"\xff\xd8"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_half_a_photograph_is_broken(papers: Papers, kind: str) -> None:
    raw = written(a_page(), kind)
    with pytest.raises(BadInput, match="image_broken"):
        await papers.reencode(raw[: len(raw) // 2])


def a_bomb(side: int) -> bytes:
    """Return a PNG of ``side`` × ``side`` black pixels in a few kilobytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = zlib.compressobj(9)
    body = b"".join(rows.compress(bytes(side // 8 + 1)) for _ in range(side)) + rows.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


async def test_a_pixel_bomb_is_refused_by_its_header(papers: Papers) -> None:
    raw = a_bomb(30_000)
    assert len(raw) < 200_000
    with pytest.raises(TooLarge) as refused:
        await papers.reencode(raw)
    assert refused.value.code == "image_too_many_pixels"
    assert refused.value.values == {"megapixels": 50}


async def test_a_picture_that_needs_more_memory_than_the_child_has_is_refused() -> None:
    papers = Papers(limits=PaperLimits(memory_bytes=220 * 1024 * 1024))
    with pytest.raises(TooLarge, match="image_too_many_pixels"):
        await papers.reencode(written(Image.new("RGB", (7000, 7000)), "PNG"))


async def test_an_upload_over_the_limit_never_reaches_a_child() -> None:
    papers = Papers(limits=PaperLimits(photo_bytes=1000, memory_bytes=1))
    with pytest.raises(TooLarge) as refused:
        await papers.reencode(bytes(1001))
    assert refused.value.code == "upload_too_large"


class WatchedPapers(Papers):
    """Remembers its child, so that a test can see it end."""

    child: asyncio.subprocess.Process | None = None

    def __init__(self, limits: PaperLimits | None = None) -> None:
        super().__init__(limits=limits)
        self.started = asyncio.Event()

    async def _start_child(self) -> asyncio.subprocess.Process:
        self.child = await super()._start_child()
        self.started.set()
        return self.child

    @property
    def ended_by(self) -> int | None:
        return self.child.returncode if self.child else None


async def test_a_child_that_takes_too_long_is_ended() -> None:
    papers = WatchedPapers(PaperLimits(seconds=0.001))
    with pytest.raises(Unavailable, match="papers_unavailable"):
        await papers.reencode(written(a_page(4000, 3000)))
    assert papers.ended_by == -signal.SIGKILL


async def test_a_child_ends_when_its_citizen_goes_away() -> None:
    papers = WatchedPapers()
    work = asyncio.create_task(papers.reencode(written(a_page(4000, 3000))))
    await asyncio.wait_for(papers.started.wait(), PATIENCE_SECONDS)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert papers.ended_by == -signal.SIGKILL


async def test_a_child_that_burns_its_time_is_ended_by_the_kernel() -> None:
    papers = WatchedPapers(PaperLimits(cpu_seconds=0))
    with pytest.raises(BadInput, match="image_broken"):
        await papers.reencode(written(a_page(4000, 3000)))
    assert papers.ended_by in {-signal.SIGKILL, -signal.SIGXCPU}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b"no json\n",
        b"[]\n\xff\xd8\xff",
        b"{}\n\xff\xd8\xff",
        b'{"width":1,"height":1}\n<svg>',
        b'{"width":1,"height":1}\n\xff\xd8\xff',
    ],
)
async def test_a_child_that_was_taken_over_is_not_believed(answer: bytes, tmp_path: Path) -> None:
    liar = tmp_path / "liar.py"
    liar.write_text(f"import sys; sys.stdin.buffer.read(); sys.stdout.buffer.write({answer!r})")
    with pytest.raises(BadInput, match="image_broken"):
        await Papers(child=liar).reencode(written(a_page()))


async def test_at_most_so_many_wait_and_the_next_is_told_to_come_again() -> None:
    papers = Papers(children=1, queue=2)
    raw = written(a_page())
    inside = [asyncio.create_task(papers.reencode(raw)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(TooOften) as refused:
        await papers.reencode(raw)
    assert refused.value.code == "papers_busy"
    assert refused.value.retry_after_seconds is not None
    assert [paper.width for paper in await asyncio.gather(*inside)] == [1200] * 3
    assert (await papers.reencode(raw)).width == 1200


async def test_without_an_interpreter_papers_are_unavailable(
    papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(Unavailable, match="papers_unavailable"):
        await papers.reencode(written(a_page()))


async def test_a_child_that_cannot_begin_is_unavailable(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import no_such_decoder")
    with pytest.raises(Unavailable, match="papers_unavailable"):
        await Papers(child=broken).reencode(written(a_page()))


def test_the_child_can_neither_open_a_file_nor_a_socket_nor_start_a_process() -> None:
    attempts = (
        "open('/etc/hostname')",
        "open('/tmp/left-behind', 'w')",
        "__import__('socket').socket()",
        "__import__('os').pipe()",
    )
    probe = (
        "import json, socket, sys; sys.path.insert(0, sys.argv[1]); import papers_child\n"
        "papers_child._give_up_what_is_not_needed(json.loads(sys.argv[2]))\n"
        "for attempt in sys.argv[3:]:\n"
        "    try: eval(attempt)\n"
        "    except OSError as error: print(error.errno)\n"
        "    else: print('done')\n"
    )
    limits = json.dumps({"memory_bytes": 512 << 20, "cpu_seconds": 5})
    run = subprocess.run(
        [sys.executable, "-I", "-c", probe, str(CHILD.parent), limits, *attempts],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    assert run.stdout.split() == ["24"] * len(attempts)  # EMFILE


async def test_a_shaken_photograph_is_called_blurry_and_a_sharp_one_is_not(papers: Papers) -> None:
    sharp = await papers.reencode(written(a_page()))
    shaken = await papers.reencode(written(a_page().filter(ImageFilter.GaussianBlur(6))))
    assert not sharp.hints.blurry
    assert shaken.hints.blurry
    assert sharp.hints.sharpness > 5 * shaken.hints.sharpness


async def test_a_photograph_in_the_dark_is_called_dark(papers: Papers) -> None:
    dark = a_page().point(lambda value: value // 6)
    assert (await papers.reencode(written(dark))).hints.dark
    assert not (await papers.reencode(written(a_page()))).hints.dark


async def test_hints_are_given_as_words_for_the_case_file(papers: Papers) -> None:
    paper = await papers.reencode(written(Image.new("RGB", (300, 200))))
    assert paper.hints.words == ("blurry", "dark", "small")


def a_signature(*, strokes: bool = True) -> Image.Image:
    sheet = Image.new("RGBA", (600, 240), (0, 0, 0, 0))
    if strokes:
        ImageDraw.Draw(sheet).line([(40, 180), (160, 40), (280, 190), (500, 60)], fill="black", width=4)
    return sheet


async def test_a_drawn_signature_becomes_black_on_white(papers: Papers) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", SECRET.decode())
    signature = await papers.signature_png(written(a_signature(), "PNG", pnginfo=notes))
    kept = Image.open(BytesIO(signature.png))
    assert (kept.format, kept.mode, kept.size) == ("PNG", "L", (600, 240))
    assert (signature.width, signature.height) == (600, 240)
    assert kept.getpixel((0, 0)) == 255
    assert kept.getpixel((40, 179)) == 0
    assert SECRET not in signature.png


async def test_an_empty_signature_pad_is_no_signature(papers: Papers) -> None:
    with pytest.raises(BadInput, match="signature_empty"):
        await papers.signature_png(written(a_signature(strokes=False), "PNG"))


async def test_a_dot_is_no_signature(papers: Papers) -> None:
    sheet = a_signature(strokes=False)
    ImageDraw.Draw(sheet).ellipse((100, 100, 106, 106), fill="black")
    with pytest.raises(BadInput, match="signature_empty"):
        await papers.signature_png(written(sheet, "PNG"))


async def test_a_photograph_is_no_drawn_signature(papers: Papers) -> None:
    with pytest.raises(BadInput, match="not_an_image"):
        await papers.signature_png(written(a_page(400, 300)))


async def test_a_signature_over_half_a_megabyte_is_too_large(papers: Papers) -> None:
    with pytest.raises(TooLarge, match="upload_too_large"):
        await papers.signature_png(bytes(512 * 1024 + 1))
