"""The agent's hand in the line: taking by hand, setting a call aside, passing it on, the shift's end."""

from aiohttp import web

from cloudwindow.domain.errors import BadInput
from cloudwindow.handlers.citizen import see_other
from cloudwindow.handlers.desk import staff_of
from cloudwindow.handlers.door import JOURNEY, wants_json
from cloudwindow.handlers.reading import read_form
from cloudwindow.handlers.routes import route
from cloudwindow.journey.calls import Onward


def done(request: web.Request) -> web.Response:
    """204 for scripts, back to the desk for forms."""
    return web.Response(status=204) if wants_json(request) else see_other("/desk")


def minutes_of(typed: str) -> int:
    """Whole minutes. Raises BadInput("promised_time_unusable")."""
    if not (typed.isascii() and typed.isdecimal() and len(typed) < 5):
        raise BadInput("promised_time_unusable", field="minutes")
    return int(typed)


@route("POST", "/desk/next", "desk.take")
async def call_next(request: web.Request) -> web.Response:
    """POST /desk/next — ask for the next citizen; JSON {offered}: whether somebody rings now."""
    await read_form(request)
    offered = await request.app[JOURNEY].desks.next(staff_of(request))
    return web.json_response({"offered": offered}) if wants_json(request) else see_other("/desk")


@route("POST", "/desk/pick", "desk.take")
async def pick(request: web.Request) -> web.Response:
    """POST /desk/pick — take one who waits before their turn, for a reason of the closed list."""
    typed = await read_form(request)
    await request.app[JOURNEY].desks.pick(staff_of(request), typed.get("ticket", ""), typed.get("reason", ""))
    return done(request)


@route("POST", "/desk/park", "desk.onward")
async def park(request: web.Request) -> web.Response:
    """POST /desk/park — end the call for now; the citizen is rung in so many minutes, the place kept."""
    typed = await read_form(request)
    minutes = minutes_of(typed.get("minutes", ""))
    await request.app[JOURNEY].desks.park(
        staff_of(request), minutes, typed.get("reason", ""), session=typed.get("session", "")
    )
    return done(request)


@route("POST", "/desk/transfer", "desk.onward")
async def transfer(request: web.Request) -> web.Response:
    """POST /desk/transfer — pass the citizen on to others, number and waiting time kept."""
    typed = await read_form(request)
    onward = Onward(
        language=typed.get("language", ""),
        mode=typed.get("mode", ""),
        home_district=typed.get("home_district", ""),
        home_street=typed.get("home_street", ""),
        agent=typed.get("to", ""),
    )
    await request.app[JOURNEY].desks.transfer(
        staff_of(request), onward, typed.get("reason", ""), session=typed.get("session", "")
    )
    return done(request)


@route("POST", "/desk/shift", "desk.shift")
async def end_shift(request: web.Request) -> web.Response:
    """POST /desk/shift — when the shift ends today, a running call finished first; empty takes it back."""
    typed = await read_form(request)
    await request.app[JOURNEY].desks.end_shift(staff_of(request), typed.get("ends", ""))
    return done(request)
