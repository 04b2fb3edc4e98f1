"""The home district's approver."""

from typing import Any

from aiohttp import web

from cloudwindow.domain.errors import BadInput, CloudWindowError
from cloudwindow.handlers.citizen import pdf, see_other
from cloudwindow.handlers.desk import staff_of
from cloudwindow.handlers.door import JOURNEY, error_rows, guest, render, wants_json
from cloudwindow.handlers.reading import Typed, read_form
from cloudwindow.handlers.routes import route
from cloudwindow.handlers.visit import jpeg


@route("GET", "/inbox", "inbox")
async def inbox(request: web.Request) -> web.Response:
    """GET /inbox?show=open|waiting|closed — the district's cases, the earliest due first."""
    view = await request.app[JOURNEY].inboxes.view(staff_of(request), request.query.get("show", "open"))
    return render(request, "approver/inbox.html", inbox=view)


async def show(request: web.Request, status: int = 200, **values: Any) -> web.Response:
    """The page of one case."""
    journey, staff, receipt = request.app[JOURNEY], staff_of(request), request.match_info["receipt"]
    page = await journey.inboxes.page(staff, receipt, guest(request).look.language)
    recordings = await journey.playback.rows(guest(request).person, staff, receipt=receipt)
    return render(request, "approver/case.html", status=status, page=page, recordings=recordings, **values)


@route("GET", "/inbox/{receipt}", "inbox.case")
async def case_page(request: web.Request) -> web.Response:
    """GET /inbox/{receipt} — everything an approver needs about one case."""
    return await show(request)


@route("POST", "/inbox/{receipt}/{action}", "inbox.case")
async def act(request: web.Request) -> web.Response:
    """POST /inbox/{receipt}/{action} — acknowledge, accept, correction, refuse, approve, deny."""
    typed = await read_form(request)
    receipt = request.match_info["receipt"]
    version = typed.get("version", "")
    try:
        await request.app[JOURNEY].inboxes.act(
            staff_of(request),
            receipt,
            request.match_info["action"],
            version=int(version) if version.isdecimal() else -1,
            reasons=typed.get("reasons", "")[:4000],
            wanted=wanted_of(typed),
            language=guest(request).look.language,
        )
    except CloudWindowError as error:
        if error.status not in {409, 422} or wants_json(request):
            raise
        rows = error_rows([BadInput(error.code, error.values, field=error.field)], request)
        kept = {**typed, "target": typed.getall("target", [])}
        return await show(request, error.status, errors=rows, typed=kept)
    return see_other(f"/inbox/{receipt}")


def wanted_of(typed: Typed) -> list[dict[str, str]]:
    """The ticked corrections as {target, note}."""
    return [
        {"target": target, "note": typed.get(f"note.{target}", "")[:500]}
        for target in typed.getall("target", [])
    ]


@route("GET", "/inbox/{receipt}/documents/{document}", "inbox.case")
async def document(request: web.Request) -> web.Response:
    """GET /inbox/{receipt}/documents/{document} — a notice as PDF."""
    journey = request.app[JOURNEY]
    case = await journey.inboxes.case_of(staff_of(request), request.match_info["receipt"])
    found, content = await journey.following.document(case, request.match_info["document"])
    return pdf(found.kind, content)


@route("GET", "/inbox/{receipt}/materials/{material}", "inbox.case")
async def picture(request: web.Request) -> web.Response:
    """GET /inbox/{receipt}/materials/{material} — one photographed page."""
    inboxes = request.app[JOURNEY].inboxes
    content = await inboxes.picture(
        staff_of(request), request.match_info["receipt"], request.match_info["material"]
    )
    return jpeg(content)


@route("GET", "/inbox/{receipt}/signature", "inbox.case")
async def signature(request: web.Request) -> web.Response:
    """GET /inbox/{receipt}/signature — the drawn signature."""
    inboxes = request.app[JOURNEY].inboxes
    return jpeg(await inboxes.signature(staff_of(request), request.match_info["receipt"]), "image/png")
