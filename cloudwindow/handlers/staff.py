"""Staff at the door, and the marked demo pages."""

from aiohttp import web

from cloudwindow.domain.errors import BadInput, CloudWindowError, NotFound
from cloudwindow.domain.fields import mask_mobile
from cloudwindow.handlers.citizen import COOKIE, see_other
from cloudwindow.handlers.door import JOURNEY, SETTINGS, STAFF_COOKIE, error_rows, guest, render, wants_json
from cloudwindow.handlers.reading import read_form
from cloudwindow.handlers.routes import route


@route("GET", "/staff/sign-in", "staff.sign_in")
async def sign_in_page(request: web.Request) -> web.Response:
    """GET /staff/sign-in — who is already signed in goes on to work."""
    staff = guest(request).staff
    if staff is not None:
        return see_other(request.app[JOURNEY].door.page_of(staff))
    return render(request, "staff/sign_in.html")


@route("POST", "/staff/sign-in", "staff.sign_in")
async def sign_in(request: web.Request) -> web.Response:
    """POST /staff/sign-in — 303 to the role's page; whatever was wrong, the answer is the same."""
    typed = await read_form(request)
    door = request.app[JOURNEY].door
    try:
        token, _, person = await door.sign_in(
            typed.get("account", ""),
            typed.get("password", ""),
            typed.get("code", ""),
            address=guest(request).address,
        )
    except CloudWindowError as error:
        if error.status not in {422, 429} or wants_json(request):
            raise
        rows = error_rows([BadInput(error.code, error.values, field="account")], request)
        known = {"account": typed.get("account", "")}
        return render(request, "staff/sign_in.html", status=error.status, errors=rows, typed=known)
    answer = see_other(door.page_of(person))
    answer.set_cookie(STAFF_COOKIE, token, samesite="Strict", **COOKIE)
    return answer


@route("POST", "/staff/sign-out", "staff.home")
async def sign_out(request: web.Request) -> web.Response:
    """POST /staff/sign-out — forget this browser and close its pages."""
    await read_form(request)
    visitor = guest(request)
    journey = request.app[JOURNEY]
    if visitor.staff_session is not None and visitor.staff is not None:
        await journey.desks.leave(visitor.staff)
        await journey.door.sign_out(visitor.staff_session)
    answer = see_other("/staff/sign-in")
    answer.del_cookie(STAFF_COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
    return answer


@route("GET", "/staff", "staff.home")
async def staff_home(request: web.Request) -> web.Response:
    """GET /staff — on to the role's page."""
    staff = guest(request).staff
    return see_other(request.app[JOURNEY].door.page_of(staff) if staff else "/staff/sign-in")


def demo_only(request: web.Request) -> None:
    """Raise NotFound("page_not_found") outside demo mode."""
    if not request.app[SETTINGS].demo:
        raise NotFound("page_not_found")


@route("GET", "/demo", "demo")
async def demo(request: web.Request) -> web.Response:
    """GET /demo — the marked demo sign-ins with their present codes, and the messages nobody was sent."""
    demo_only(request)
    door = request.app[JOURNEY].door
    messages = [(at, mask_mobile(mobile), text) for at, mobile, text in door.demo_messages()]
    return render(request, "staff/demo.html", accounts=await door.demo_accounts(), messages=messages)


@route("GET", "/demo/side-by-side", "demo")
async def side_by_side(request: web.Request) -> web.Response:
    """GET /demo/side-by-side — citizen and agent in one window."""
    demo_only(request)
    return render(request, "staff/side_by_side.html")
