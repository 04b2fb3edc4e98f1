"""The admin's board."""

from aiohttp import web

from cloudwindow.domain.errors import NotFound
from cloudwindow.handlers.desk import staff_of
from cloudwindow.handlers.door import JOURNEY, render
from cloudwindow.handlers.live import serve_live
from cloudwindow.handlers.routes import route
from cloudwindow.journey.board import board_topic

PANELS = frozenset({"figures", "lines", "agents", "today"})


async def show(request: web.Request, template: str) -> web.Response:
    """The board, or one part of it."""
    boards = request.app[JOURNEY].boards
    view = await boards.view(staff_of(request), request.query.get("district"))
    return render(request, template, board=view, districts=request.app[JOURNEY].house.catalogue.districts)


@route("GET", "/board", "board")
async def board_page(request: web.Request) -> web.Response:
    """GET /board?district= — who waits, who serves, what today brought."""
    return await show(request, "admin/board.html")


@route("GET", "/board/panels/{panel}", "board")
async def panel(request: web.Request) -> web.Response:
    """GET /board/panels/{panel}?district= — one part of the board, as it stands now."""
    name = request.match_info["panel"]
    if name not in PANELS:
        raise NotFound("page_not_found")
    return await show(request, f"admin/panels/{name}.html")


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
