"""Recordings of calls: who looked at them and why, playing them, holding them back from deletion."""

import re
from typing import Any

from aiohttp import web

from cloudwindow.domain.errors import BadInput, CloudWindowError, NotFound
from cloudwindow.handlers.citizen import see_other
from cloudwindow.handlers.desk import staff_of
from cloudwindow.handlers.door import JOURNEY, error_rows, guest, render, wants_json
from cloudwindow.handlers.reading import read_form
from cloudwindow.handlers.routes import route
from cloudwindow.journey.playback import Film

WEBM = "video/webm"
PIECE_OCTETS = 256 * 1024
"""So much is opened at once: a film is sent as fast as it is watched, and never held in memory."""
RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)


@route("GET", "/staff/recordings", "recording")
async def recordings(request: web.Request) -> web.Response:
    """GET /staff/recordings?receipt= — the newest recordings within reach, or those of one case."""
    receipt = request.query.get("receipt", "").strip()[:40]
    playback, person = request.app[JOURNEY].playback, guest(request).person
    rows = await playback.rows(person, staff_of(request), receipt=receipt)
    return render(request, "staff/recordings.html", rows=rows, receipt=receipt)


async def show(request: web.Request, status: int = 200, **values: Any) -> web.Response:
    """The page of one recording."""
    playback, person = request.app[JOURNEY].playback, guest(request).person
    view = await playback.page(person, staff_of(request), request.match_info["recording"])
    return render(request, "staff/recording.html", status=status, page=view, **values)


@route("GET", "/staff/recordings/{recording}", "recording")
async def recording_page(request: web.Request) -> web.Response:
    """GET /staff/recordings/{recording} — how it stands, what it holds, and who looked at it."""
    return await show(request)


@route("POST", "/staff/recordings/{recording}/viewings", "recording.play")
async def ask(request: web.Request) -> web.Response:
    """POST /staff/recordings/{recording}/viewings — give a reason, and play for a time: 303 to the player."""
    typed = await read_form(request)
    recording, playback = request.match_info["recording"], request.app[JOURNEY].playback
    try:
        viewing = await playback.ask(
            guest(request).person, staff_of(request), recording, typed.get("reason", "")
        )
    except BadInput as error:
        return await _refused(request, "play", dict(typed), error)
    return see_other(f"/staff/recordings/{recording}/viewings/{viewing}")


@route("POST", "/staff/recordings/{recording}/hold", "recording.hold")
async def hold(request: web.Request) -> web.Response:
    """POST /staff/recordings/{recording}/hold — keep the case's recordings from deletion, for a reason."""
    return await _held(request, "hold")


@route("POST", "/staff/recordings/{recording}/release", "recording.hold")
async def release(request: web.Request) -> web.Response:
    """POST /staff/recordings/{recording}/release — end a hold, for a reason."""
    return await _held(request, "release")


async def _held(request: web.Request, action: str) -> web.Response:
    typed = await read_form(request)
    recording, playback = request.match_info["recording"], request.app[JOURNEY].playback
    carry_out = playback.hold if action == "hold" else playback.release
    try:
        await carry_out(guest(request).person, staff_of(request), recording, typed.get("reason", ""))
    except BadInput as error:
        return await _refused(request, action, dict(typed), error)
    return see_other(f"/staff/recordings/{recording}")


async def _refused(
    request: web.Request, action: str, typed: dict[str, str], error: CloudWindowError
) -> web.Response:
    if wants_json(request):
        raise error
    told = BadInput(error.code, error.values, field=f"reason-{action}")
    kept = {"action": action, "reason": typed.get("reason", "")}
    return await show(request, error.status, errors=error_rows([told], request), typed=kept)


@route("POST", "/staff/recordings/{recording}/check", "recording")
async def check(request: web.Request) -> web.Response:
    """POST /staff/recordings/{recording}/check — compare the files with their chain once more."""
    await read_form(request)
    recording = request.match_info["recording"]
    await request.app[JOURNEY].playback.check(guest(request).person, staff_of(request), recording)
    return see_other(f"/staff/recordings/{recording}")


@route("POST", "/staff/recordings/{recording}/film", "recording.film")
async def again(request: web.Request) -> web.Response:
    """POST /staff/recordings/{recording}/film — have a film that failed made once more."""
    await read_form(request)
    recording = request.match_info["recording"]
    await request.app[JOURNEY].playback.again(guest(request).person, staff_of(request), recording)
    return see_other(f"/staff/recordings/{recording}")


# --- playing ---------------------------------------------------------------------------------------------


@route("GET", "/staff/recordings/{recording}/viewings/{viewing}", "recording.play")
async def player(request: web.Request) -> web.Response:
    """GET /staff/recordings/{recording}/viewings/{viewing}?clip=&at= — the player."""
    names, asked = request.match_info, request.query.get("clip")
    view = await request.app[JOURNEY].playback.player(
        guest(request).person,
        staff_of(request),
        names["recording"],
        names["viewing"],
        clip=None if asked is None else _number(asked),
    )
    at = request.query.get("at", "")
    return render(request, "staff/player.html", play=view, at=_number(at) if at else 0)


@route("GET", "/staff/recordings/{recording}/viewings/{viewing}/film", "recording.play")
async def film(request: web.Request) -> web.StreamResponse:
    """GET /staff/recordings/{recording}/viewings/{viewing}/film — the film as WebM, whole or by ranges."""
    return await _send(request, await _film(request))


@route("GET", "/staff/recordings/{recording}/viewings/{viewing}/clips/{clip}", "recording.play")
async def clip(request: web.Request) -> web.StreamResponse:
    """GET /staff/recordings/{recording}/viewings/{viewing}/clips/{clip} — an evidence clip as WebM."""
    return await _send(request, await _film(request, _number(request.match_info["clip"])))


@route("POST", "/staff/recordings/{recording}/viewings/{viewing}/copies", "recording.download")
async def copy(request: web.Request) -> web.Response:
    """POST /staff/recordings/{recording}/viewings/{viewing}/copies — have a marked copy made (clip)."""
    typed, names = await read_form(request), request.match_info
    clip = typed.get("clip", "")
    made = await request.app[JOURNEY].copies.ask(
        guest(request).person,
        staff_of(request),
        names["recording"],
        names["viewing"],
        clip=_number(clip) if clip else None,
    )
    return see_other(f"/staff/recordings/{names['recording']}/viewings/{names['viewing']}/copies/{made}")


@route("GET", "/staff/recordings/{recording}/viewings/{viewing}/copies/{copy}", "recording.download")
async def copy_page(request: web.Request) -> web.Response:
    """GET /staff/recordings/{recording}/viewings/{viewing}/copies/{copy} — how a marked copy stands."""
    names = request.match_info
    view = await request.app[JOURNEY].copies.page(
        guest(request).person, staff_of(request), names["recording"], names["viewing"], names["copy"]
    )
    return render(request, "staff/copy.html", copy=view)


@route("GET", "/staff/recordings/{recording}/viewings/{viewing}/copies/{copy}/file", "recording.download")
async def copy_file(request: web.Request) -> web.StreamResponse:
    """GET /staff/recordings/{recording}/viewings/{viewing}/copies/{copy}/file — the copy itself."""
    names = request.match_info
    found = await request.app[JOURNEY].copies.take(
        guest(request).person, staff_of(request), names["recording"], names["viewing"], names["copy"]
    )
    return await _send(request, found, name=f"{names['recording']}-{names['copy'][:8]}.webm")


async def _film(request: web.Request, clip: int | None = None) -> Film:
    names = request.match_info
    return await request.app[JOURNEY].playback.film(
        guest(request).person, staff_of(request), names["recording"], names["viewing"], clip=clip
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 4):
        raise NotFound("unknown_recording")
    return int(text)


async def _send(request: web.Request, found: Film, *, name: str = "") -> web.StreamResponse:
    """A film, or the one range of it that was asked for (RFC 9110 §14)."""
    span = span_of(request.headers.get("Range", ""), found.size)
    headers = {"Content-Type": WEBM, "Accept-Ranges": "bytes"}
    if name:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    if span is None:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{found.size}"})
    start, stop = span
    whole = (start, stop) == (0, found.size) and "Range" not in request.headers
    if not whole:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{found.size}"
    answer = web.StreamResponse(status=200 if whole else 206, headers=headers)
    answer.content_length = stop - start
    await answer.prepare(request)
    if request.method != "HEAD":
        while start < stop:
            upto = min(stop, start + PIECE_OCTETS)
            await answer.write(await request.app[JOURNEY].playback.octets(found, start, upto))
            start = upto
    await answer.write_eof()
    return answer


def span_of(asked: str, size: int) -> tuple[int, int] | None:
    """
    The octets ``asked`` for by a Range header, as [start, stop).

    All of them where the header is missing or says what we do not serve; None if there are none such.
    """
    found = RANGE.fullmatch(asked.strip())
    if found is None or not (found[1] or found[2]):
        return 0, size
    if not found[1]:
        least = max(0, size - int(found[2]))
        return (least, size) if int(found[2]) and size else None
    start, last = int(found[1]), int(found[2]) if found[2] else None
    if last is not None and last < start:
        return 0, size
    if start >= size:
        return None
    return start, size if last is None else min(last + 1, size)
