"""Left forms: the citizen's way to one and their page, and the agents' list."""

from typing import Any

from aiohttp import web

from cloudwindow.domain.catalogue import ServiceItem
from cloudwindow.domain.errors import BadInput, CloudWindowError, NotFound
from cloudwindow.handlers.citizen import (
    citizen_session,
    confirm_values,
    instead_page,
    item_of,
    left_open,
    remember,
    see_other,
)
from cloudwindow.handlers.desk import staff_of
from cloudwindow.handlers.door import JOURNEY, error_rows, guest, render, wants_json
from cloudwindow.handlers.reading import answers_of, photos, read_form, read_upload
from cloudwindow.handlers.routes import route
from cloudwindow.handlers.visit import jpeg
from cloudwindow.journey import Journey

# --- the way to a form -----------------------------------------------------------------------------------


@route("POST", "/items/{item}/leave", "intake")
async def begin(request: web.Request) -> web.Response:
    """POST /items/{item}/leave — leave a form instead of taking a number; 303 to the confirmation."""
    item = item_of(request)
    await read_form(request)
    session, token = await citizen_session(request)
    try:
        await request.app[JOURNEY].leaving.begin(session, item.id)
    except CloudWindowError as error:
        if error.code != "no_form_to_leave" or wants_json(request):
            raise
        return remember(await instead_page(request, item), token)
    return remember(see_other(f"/items/{item.id}/leave/confirm"), token)


async def confirm_page(
    request: web.Request, item: ServiceItem, status: int = 200, **values: Any
) -> web.Response:
    """The form with the code and the consents, for a form to be left."""
    session, _ = await citizen_session(request)
    shown = await confirm_values(request, item, session)
    base = f"/items/{item.id}/leave"
    return render(
        request,
        "citizen/confirm.html",
        status=status,
        **shown,
        base=base,
        booking=None,
        leaving=True,
        **values,
    )


@route("GET", "/items/{item}/leave/confirm", "intake")
async def confirm(request: web.Request) -> web.Response:
    """GET /items/{item}/leave/confirm — enter the code, read the notice, agree."""
    item = item_of(request)
    session, token = await citizen_session(request)
    if session.intake.get("item") != item.id:
        return remember(see_other(f"/items/{item.id}/start"), token)
    return await confirm_page(request, item)


@route("POST", "/items/{item}/leave/code", "intake")
async def send_code(request: web.Request) -> web.Response:
    """POST /items/{item}/leave/code — send the code again."""
    item = item_of(request)
    await read_form(request)
    session, _ = await citizen_session(request)
    intakes = request.app[JOURNEY].intakes
    try:
        await intakes.send_code(session, intakes.of(session, item.id))
    except CloudWindowError as error:
        if error.status != 429 or wants_json(request):
            raise
        told = BadInput(error.code, error.values, field="code")
        return await confirm_page(request, item, 429, errors=error_rows([told], request))
    return see_other(f"/items/{item.id}/leave/confirm")


@route("POST", "/items/{item}/leave/confirm", "intake")
async def open_form(request: web.Request) -> web.Response:
    """POST /items/{item}/leave/confirm — 303 to the form, 409 with other ways, 422 with what is wrong."""
    item = item_of(request)
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    errors = left_open(typed)
    if not errors:
        try:
            await request.app[JOURNEY].leaving.open(
                session,
                item.id,
                code=typed["code"],
                recording=bool(typed.get("consent_recording")),
                language=guest(request).look.language,
            )
        except CloudWindowError as error:
            if error.code == "no_form_to_leave" and not wants_json(request):
                return await instead_page(request, item)
            if error.field != "code" or wants_json(request):
                raise
            errors.append(BadInput(error.code, error.values, field="code"))
    if errors:
        rows = error_rows(errors, request)
        return await confirm_page(request, item, 422, errors=rows, typed=dict(typed))
    return see_other("/left-form")


# --- the holder's page -----------------------------------------------------------------------------------


async def form_page(request: web.Request, status: int = 200, **values: Any) -> web.Response:
    """The left form this browser holds."""
    session, _ = await citizen_session(request)
    view = await request.app[JOURNEY].leaving.view(session, guest(request).look.language)
    shown = {"held": view, "problem": None} | values
    return render(request, "citizen/left_form.html", status=status, **shown)


async def _problem(request: web.Request, error: CloudWindowError) -> web.Response:
    """The form with what went wrong; a script, and whoever holds none, get the error itself."""
    if wants_json(request) or isinstance(error, NotFound):
        raise error
    (_, code, text) = error_rows([BadInput(error.code, error.values)], request)[0]
    return await form_page(request, error.status, problem=(code, text))


@route("GET", "/left-form", "left_form")
async def left_form(request: web.Request) -> web.Response:
    """GET /left-form — the form, its promise, and what can be done."""
    return await form_page(request)


@route("POST", "/left-form/form", "left_form")
async def save_form(request: web.Request) -> web.Response:
    """POST /left-form/form — keep what was typed; 422 shows what could not be kept, and keeps the rest."""
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    journey = request.app[JOURNEY]
    held = await journey.leaving.of_session(session)
    form = journey.house.item_of(held.item, held.item_version).form
    try:
        errors = await journey.leaving.set_many(session, answers_of(form, typed))
    except CloudWindowError as error:
        return await _problem(request, error)
    if errors and wants_json(request):
        raise errors[0]
    if errors:
        rows = error_rows(errors, request)
        return await form_page(request, 422, errors=rows, typed=dict(typed))
    return see_other("/left-form")


@route("POST", "/left-form/materials/{rule}", "left_form")
async def add_material(request: web.Request) -> web.Response:
    """POST /left-form/materials/{rule} — photographs of one paper."""
    _, files = await read_upload(request)
    session, _ = await citizen_session(request)
    leaving = request.app[JOURNEY].leaving
    leaving.held_by(session)
    try:
        for raw in photos(files):
            await leaving.add_material(session, request.match_info["rule"], raw)
    except CloudWindowError as error:
        return await _problem(request, error)
    return see_other("/left-form#materials-card")


@route("POST", "/left-form/materials/{material}/remove", "left_form")
async def remove_material(request: web.Request) -> web.Response:
    """POST /left-form/materials/{material}/remove — take a page back."""
    await read_form(request)
    session, _ = await citizen_session(request)
    await request.app[JOURNEY].leaving.remove_material(session, request.match_info["material"])
    return see_other("/left-form#materials-card")


@route("GET", "/left-form/materials/{material}", "left_form")
async def picture(request: web.Request) -> web.Response:
    """GET /left-form/materials/{material} — one photographed page."""
    session, _ = await citizen_session(request)
    return jpeg(await request.app[JOURNEY].leaving.picture(session, request.match_info["material"]))


@route("POST", "/left-form/leave", "left_form")
async def leave(request: web.Request) -> web.Response:
    """POST /left-form/leave — leave it to be looked at (call_back: and be called); 303 to the page."""
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    try:
        await request.app[JOURNEY].leaving.leave(session, call_back=bool(typed.get("call_back")))
    except CloudWindowError as error:
        return await _problem(request, error)
    return see_other("/left-form")


@route("POST", "/left-form/withdraw", "left_form")
async def withdraw(request: web.Request) -> web.Response:
    """POST /left-form/withdraw — take the form back, and give the draft up; 303 to the page."""
    await read_form(request)
    session, _ = await citizen_session(request)
    try:
        await request.app[JOURNEY].leaving.withdraw(session)
    except CloudWindowError as error:
        return await _problem(request, error)
    return see_other("/left-form")


@route("POST", "/left-form/visit", "left_form")
async def visit(request: web.Request) -> web.Response:
    """POST /left-form/visit — over to the number the form went on with; 303 to the visit."""
    await read_form(request)
    session, _ = await citizen_session(request)
    await request.app[JOURNEY].leaving.visit(session)
    return see_other("/visit")


# --- the agents' side ------------------------------------------------------------------------------------


def _asked(request: web.Request) -> tuple[Journey, str, str]:
    """(journey, form's id, its address)."""
    form = request.match_info["form"]
    return request.app[JOURNEY], form, f"/desk/left-forms/{form}"


@route("GET", "/desk/left-forms", "desk.left_form")
async def listed(request: web.Request) -> web.Response:
    """GET /desk/left-forms — the forms this agent may look at, the oldest first."""
    view = await request.app[JOURNEY].left_desk.listed(staff_of(request))
    return render(request, "agent/left_forms.html", list=view)


async def read_page(request: web.Request, status: int = 200, **values: Any) -> web.Response:
    """One left form before the agent."""
    journey, form, _ = _asked(request)
    view = await journey.left_desk.read(staff_of(request), form, guest(request).look.language)
    return render(request, "agent/left_form.html", status=status, read=view, **values)


@route("GET", "/desk/left-forms/{form}", "desk.left_form")
async def read(request: web.Request) -> web.Response:
    """GET /desk/left-forms/{form} — what was filled in and what is missing."""
    return await read_page(request)


@route("POST", "/desk/left-forms/{form}/take", "desk.left_form")
async def take(request: web.Request) -> web.Response:
    """POST /desk/left-forms/{form}/take — look it through from now on; nobody else does."""
    await read_form(request)
    journey, form, place = _asked(request)
    await journey.left_desk.take(staff_of(request), form)
    return see_other(place)


@route("POST", "/desk/left-forms/{form}/release", "desk.left_form")
async def release(request: web.Request) -> web.Response:
    """POST /desk/left-forms/{form}/release — give it back to the list."""
    await read_form(request)
    journey, form, _ = _asked(request)
    await journey.left_desk.release(staff_of(request), form)
    return see_other("/desk/left-forms")


@route("POST", "/desk/left-forms/{form}/answer", "desk.left_form")
async def answer(request: web.Request) -> web.Response:
    """POST /desk/left-forms/{form}/answer — next=ring: 303 to the desk; next=invite: 303 to the list."""
    typed = await read_form(request)
    journey, form, _ = _asked(request)
    staff, words = staff_of(request), typed.get("note", "")
    try:
        if typed.get("next") == "ring":
            await journey.left_desk.ring(staff, form, words)
            return see_other("/desk")
        await journey.left_desk.invite(staff, form, words)
    except CloudWindowError as error:
        if isinstance(error, NotFound) or wants_json(request):
            raise
        rows = error_rows([BadInput(error.code, error.values, field=error.field)], request)
        return await read_page(request, error.status, errors=rows, typed=dict(typed))
    return see_other("/desk/left-forms")


@route("GET", "/desk/left-forms/{form}/materials/{material}", "desk.left_form")
async def paper(request: web.Request) -> web.Response:
    """GET /desk/left-forms/{form}/materials/{material} — one photographed page."""
    journey, form, _ = _asked(request)
    return jpeg(await journey.left_desk.picture(staff_of(request), form, request.match_info["material"]))
