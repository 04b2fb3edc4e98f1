"""Several items in one ticket: added before the number, prepared while waiting, gone through in the call."""

from aiohttp import web

from cloudwindow.domain.errors import BadInput, CloudWindowError
from cloudwindow.handlers.citizen import citizen_session, confirm_page, item_of, see_other
from cloudwindow.handlers.desk import staff_of
from cloudwindow.handlers.door import JOURNEY, error_rows, wants_json
from cloudwindow.handlers.reading import read_form
from cloudwindow.handlers.routes import route


def position_of(typed: str) -> int:
    """Which matter is meant, from 1. Raises BadInput("unknown_matter")."""
    if not (typed.isascii() and typed.isdecimal() and len(typed) < 3):
        raise BadInput("unknown_matter", field="position")
    return int(typed)


@route("POST", "/items/{item}/matters", "intake")
async def choose(request: web.Request) -> web.Response:
    """POST /items/{item}/matters — add an item to the number being taken (more=), or drop one (drop=)."""
    item = item_of(request)
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    matters = request.app[JOURNEY].matters
    try:
        if typed.get("drop"):
            await matters.drop(session, item.id, typed["drop"])
        else:
            await matters.add(session, item.id, typed.get("more", ""))
    except CloudWindowError as error:
        if error.status not in {404, 409} or wants_json(request):
            raise
        told = BadInput(error.code, error.values, field="more")
        return await confirm_page(request, item, error.status, errors=error_rows([told], request))
    return see_other(f"/items/{item.id}/confirm")


@route("POST", "/visit/matter", "visit.fill")
async def prepare(request: web.Request) -> web.Response:
    """POST /visit/matter — prepare another matter (position=) while waiting; the place stays."""
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    journey = request.app[JOURNEY]
    await journey.matters.prepare(journey.visits.ticket_of(session), position_of(typed.get("position", "")))
    return web.Response(status=204) if wants_json(request) else see_other("/visit")


@route("POST", "/desk/matters/next", "desk.onward")
async def go_on(request: web.Request) -> web.Response:
    """POST /desk/matters/next — the present matter gets its outcome, the next one opens in the same call."""
    typed = await read_form(request)
    await request.app[JOURNEY].matters.go_on(
        staff_of(request),
        typed.get("outcome", ""),
        typed.get("note", ""),
        session=typed.get("session", ""),
    )
    return web.Response(status=204) if wants_json(request) else see_other("/desk")


@route("POST", "/desk/matters/settle", "desk.onward")
async def settle(request: web.Request) -> web.Response:
    """POST /desk/matters/settle — the outcome (outcome=, note=) of an unopened matter (position=)."""
    typed = await read_form(request)
    await request.app[JOURNEY].matters.settle(
        staff_of(request),
        position_of(typed.get("position", "")),
        typed.get("outcome", ""),
        typed.get("note", ""),
        session=typed.get("session", ""),
    )
    return web.Response(status=204) if wants_json(request) else see_other("/desk")
