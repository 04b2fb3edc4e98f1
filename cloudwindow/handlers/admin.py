"""The admin's board."""

from typing import Any

from aiohttp import web

from cloudwindow.domain.errors import BadInput, NotFound
from cloudwindow.handlers.desk import staff_of
from cloudwindow.handlers.door import JOURNEY, error_rows, guest, parts, render, wants_json
from cloudwindow.handlers.live import serve_live
from cloudwindow.handlers.routes import route
from cloudwindow.i18n import texts
from cloudwindow.journey.board import board_topic
from cloudwindow.journey.telling import Teller

PANELS = frozenset({"figures", "lines", "agents", "today", "waits", "aid", "left_forms", "texts"})


async def values_of(request: web.Request) -> dict[str, Any]:
    """What the board shows: its own district, or the one a city admin asks for."""
    journey = request.app[JOURNEY]
    view = await journey.boards.view(staff_of(request), request.query.get("district"))
    left = await journey.left_desk.on_board(view.scope.code if view.scope else None)
    return {"board": view, "left_forms": left, "districts": journey.house.catalogue.districts}


@route("GET", "/board", "board")
async def board_page(request: web.Request) -> web.Response:
    """GET /board?district= — who waits, who serves, what today brought."""
    return render(request, "admin/board.html", **await values_of(request))


@route("GET", "/board/panels", "board")
async def panels(request: web.Request) -> web.Response:
    """GET /board/panels?names=&district= — parts of the board as they stand now: JSON {name: HTML}."""
    return parts(request, "admin/panels", PANELS, **await values_of(request))


@route("GET", "/board/explain", "board.explain")
async def explain_page(request: web.Request) -> web.Response:
    """GET /board/explain?ticket=&date=&district=&agent= — why a ticket went to whom, or the newest of all."""
    explaining, person, asked = request.app[JOURNEY].explaining, guest(request).person, request.query
    wanted, day = asked.get("ticket", "").strip(), asked.get("date", "").strip()
    errors: list[BadInput | NotFound] = []
    story = None
    if wanted:
        try:
            story = await explaining.story(wanted, day=day, person=person)
        except (BadInput, NotFound) as error:
            if wants_json(request):
                raise
            errors = [error]
    latest = []
    if story is None:
        district, agent = asked.get("district"), asked.get("agent")
        latest = list(await explaining.latest(person, district=district, agent=agent))
    return render(
        request,
        "admin/explain.html",
        status=errors[0].status if errors else 200,
        errors=error_rows(errors, request),
        typed={"ticket": wanted, "date": day or explaining.today().isoformat()},
        story=story,
        latest=latest,
        tell=Teller(texts(guest(request).look.language)),
    )


@route("GET", "/board/appointments", "board")
async def appointments(request: web.Request) -> web.Response:
    """GET /board/appointments?district= — who is expected today and tomorrow, and how many did not come."""
    journey = request.app[JOURNEY]
    view = await journey.appointments.day_list(staff_of(request), request.query.get("district") or None)
    districts = journey.house.catalogue.districts
    return render(request, "admin/appointments.html", expected=view, districts=districts)


@route("GET", "/ws/board", "board")
async def live(request: web.Request) -> web.StreamResponse:
    """GET /ws/board?district= — told when the figures move."""
    staff = staff_of(request)
    scope = request.app[JOURNEY].boards.scope_of(staff, request.query.get("district"))

    async def nothing() -> None:
        return None

    async def unheard(message: object) -> None:
        return None

    return await serve_live(
        request,
        topic=board_topic(scope),
        role="board",
        permitted=frozenset(),
        opened=nothing,
        heard=unheard,
        closed=nothing,
        exclusive=False,
    )
