"""Mutual aid: admins lend their district's agents to another, from the board."""

import re
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from cloudwindow.domain.calendar import SHANGHAI
from cloudwindow.domain.errors import BadInput, CloudWindowError, Conflict
from cloudwindow.handlers.admin import values_of
from cloudwindow.handlers.citizen import see_other
from cloudwindow.handlers.desk import staff_of
from cloudwindow.handlers.door import JOURNEY, error_rows, render, wants_json
from cloudwindow.handlers.reading import Typed, read_form
from cloudwindow.handlers.routes import route
from cloudwindow.journey.lending import end_of

CLOCK = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d")


def moment_of(typed: str, field: str) -> float:
    """The instant a browser's date and time names. Raises BadInput("lending_time_unusable")."""
    try:
        if CLOCK.fullmatch(typed, re.ASCII):
            return datetime.fromisoformat(typed).replace(tzinfo=SHANGHAI).timestamp()
    except ValueError:
        pass
    raise BadInput("lending_time_unusable", field=field)


def board_of(request: web.Request) -> web.Response:
    """Done: 204 for scripts, back to the board as it was for forms."""
    shown = request.query.get("district", "")
    board = "/board?" + urlencode({"district": shown}) if shown else "/board"
    return web.Response(status=204) if wants_json(request) else see_other(board)


@route("POST", "/board/lendings", "board.lend")
async def lend(request: web.Request) -> web.Response:
    """POST /board/lendings?district= — lend agents for a time; 409 or 422 shows what is wrong."""
    typed = await read_form(request)
    try:
        await _lend(request, typed)
    except (BadInput, Conflict) as error:
        if wants_json(request):
            raise
        return await _refused(request, typed, error)
    return board_of(request)


async def _lend(request: web.Request, typed: Typed) -> None:
    journey = request.app[JOURNEY]
    for field in ("lender", "borrower"):
        if not typed.get(field):
            raise BadInput("unknown_district", field=field)
    starts = typed.get("starts_at", "")
    begins = moment_of(starts, "starts_at") if starts else journey.house.clock()
    ends = typed.get("ends", "")
    over = (
        moment_of(typed.get("ends_at", ""), "ends_at")
        if ends == "custom"
        else end_of(ends, journey.house.clock())
    )
    await journey.aid.lend(
        staff_of(request),
        lender=typed["lender"],
        borrower=typed["borrower"],
        starts_at=begins,
        ends_at=over,
        reason=typed.get("reason", ""),
    )


async def _refused(request: web.Request, typed: Typed, error: CloudWindowError) -> web.Response:
    told = BadInput(error.code, error.values, error.field)
    return render(
        request,
        "admin/board.html",
        status=error.status,
        errors=error_rows([told], request),
        typed=dict(typed),
        **await values_of(request),
    )


@route("POST", "/board/lendings/{lending}/end", "board.lend")
async def end(request: web.Request) -> web.Response:
    """POST /board/lendings/{lending}/end?district= — end help that was agreed, or is to come."""
    await read_form(request)
    await request.app[JOURNEY].aid.end(staff_of(request), request.match_info["lending"])
    return board_of(request)
