"""
The child that decodes what citizens upload. Run by path in a bare interpreter; it imports nothing of ours.

stdin: one line of JSON (the task and its limits), then the file. stdout: one line of JSON, either
``{"code": …}`` or what the picture is, then the new picture. Before the first byte of the file is read the
child gives up memory, time, files and sockets.
"""

import io
import json
import resource
import sys
from typing import Any, Final

from PIL import (
    Image,
    ImageFilter,
    ImageStat,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

# Everything Pillow would load at its first use is loaded now: later no file opens. TIFF is how EXIF is
# written, MPO how some phones wrap a JPEG; neither may be asked for by an upload.
PLUGINS: Final = (JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)
ORIENTATION: Final = 0x0112  # EXIF 2.32 §4.6.4
TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
WHITE: Final = 255
HINT_SIDE: Final = 800
BLURRY_BELOW: Final = 60.0
DARK_BELOW: Final = 70.0
SMALL_SIDE: Final = 600
LAPLACIAN: Final = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)

Limits = dict[str, Any]


class Refusal(Exception):
    """Ends the work; its argument is the code told to the parent."""


def main() -> None:
    """Do one order and leave."""
    Image.preinit()
    order: Limits = json.loads(sys.stdin.buffer.readline())
    _give_up_what_is_not_needed(order)
    try:
        about, picture = _carry_out(order, sys.stdin.buffer.read())
    except Refusal as refusal:
        about, picture = {"code": str(refusal)}, b""
    sys.stdout.buffer.write(json.dumps(about).encode() + b"\n" + picture)
    sys.stdout.buffer.flush()


def _give_up_what_is_not_needed(order: Limits) -> None:
    for what, most in (
        (resource.RLIMIT_AS, order["memory_bytes"]),
        (resource.RLIMIT_CPU, order["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(what, (most, most))


def _carry_out(order: Limits, raw: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        return _photo(order, raw) if order["task"] == "photo" else _signature(order, raw)
    except MemoryError:
        raise Refusal("image_too_many_pixels") from None
    except Refusal:
        raise
    except Exception:  # a decoder met with hostile bytes may raise anything
        raise Refusal("image_broken") from None


def _photo(order: Limits, raw: bytes) -> tuple[dict[str, Any], bytes]:
    picture = _opened(raw, ["JPEG", "PNG", "WEBP"], order["pixels"])
    seen = picture.size
    turn = _turn_of(picture)
    longest = order["longest_side"]
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS, reducing_gap=2.0)
    upright = _on_white(picture) if turn is None else _on_white(picture).transpose(turn)
    clean = Image.new("RGB", upright.size)
    clean.paste(upright)
    written = io.BytesIO()
    clean.save(written, "JPEG", quality=order["jpeg_quality"], optimize=True)
    about = {"width": clean.width, "height": clean.height, "hints": _hints(clean, seen)}
    return about, written.getvalue()


def _signature(order: Limits, raw: bytes) -> tuple[dict[str, Any], bytes]:
    picture = _opened(raw, ["PNG"], order["signature_pixels"])
    grey = _on_white(picture).convert("L")
    if sum(grey.histogram()[:128]) < order["signature_dark_pixels"]:
        raise Refusal("signature_empty")
    clean = Image.new("L", grey.size, WHITE)
    clean.paste(grey)
    written = io.BytesIO()
    clean.save(written, "PNG", optimize=True)
    return {"width": clean.width, "height": clean.height}, written.getvalue()


def _opened(raw: bytes, formats: list[str], most_pixels: int) -> Image.Image:
    """Open by content, in these formats only, and look at the size in the header before decoding."""
    Image.MAX_IMAGE_PIXELS = None  # ours is stricter and has its own code
    try:
        picture = Image.open(io.BytesIO(raw), formats=formats)
    except UnidentifiedImageError:
        raise Refusal("not_an_image") from None
    if picture.width * picture.height > most_pixels:
        raise Refusal("image_too_many_pixels")
    return picture


def _turn_of(picture: Image.Image) -> Image.Transpose | None:
    """Say how the camera was held; a broken note about that does not make a bad photograph."""
    try:
        return TURNS.get(picture.getexif().get(ORIENTATION, 1))
    except Exception:
        return None


def _on_white(picture: Image.Image) -> Image.Image:
    """Return the pixels in RGB; what is transparent becomes white, as paper is."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    paper = Image.new("RGB", layer.size, (WHITE, WHITE, WHITE))
    paper.paste(layer, mask=layer.getchannel("A"))
    return paper


def _hints(picture: Image.Image, seen: tuple[int, int]) -> dict[str, Any]:
    grey = picture.convert("L")
    grey.thumbnail((HINT_SIDE, HINT_SIDE))
    edges = grey.filter(LAPLACIAN)
    if min(edges.size) > 2:  # the filter leaves the border as it was
        edges = edges.crop((1, 1, edges.width - 1, edges.height - 1))
    sharpness = round(float(ImageStat.Stat(edges).var[0]), 1)
    return {
        "sharpness": sharpness,
        "blurry": sharpness < BLURRY_BELOW,
        "dark": ImageStat.Stat(grey).mean[0] < DARK_BELOW,
        "small": min(seen) < SMALL_SIDE,
    }


if __name__ == "__main__":
    main()
