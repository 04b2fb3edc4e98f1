"""The citizen's visit: waiting, the call, the form, the signature."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from cloudwindow.domain.errors import BadInput
from cloudwindow.domain.messages import FROM_CITIZEN, Message
from cloudwindow.handlers.citizen import citizen_session, see_other
from cloudwindow.handlers.door import JOURNEY, error_rows, guest, parts, render, wants_json
from cloudwindow.handlers.live import serve_live
from cloudwindow.handlers.reading import answers_of, photos, read_form, read_json, read_upload
from cloudwindow.handlers.routes import route
from cloudwindow.journey.calls import citizen_topic
from cloudwindow.journey.filling import Filler
from cloudwindow.journey.visit import Visits

PANELS = frozenset(
    {
        "ticket",
        "matters",
        "devices",
        "form",
        "materials",
        "call_header",
        "company",
        "recording",
        "recording_ask",
        "chat",
        "read_back",
        "signature",
        "case",
        "ended",
    }
)
DRAWING_PREFIX = "data:image/png;base64,"


async def filler_of(request: web.Request) -> Filler:
    """The citizen of this visit. Raises NotFound("no_visit")."""
    session, _ = await citizen_session(request)
    return await visits_of(request).filler(session, guest(request).look.language)


def visits_of(request: web.Request) -> Visits:
    """The steps of a visit."""
    return request.app[JOURNEY].visits


async def show(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """The visit's page, or one part of it."""
    session, _ = await citizen_session(request)
    view = await visits_of(request).view(session, guest(request).look.language)
    company = await request.app[JOURNEY].company.of_ticket(view.ticket.id) if view.session else None
    return render(request, template, status=status, visit=view, company=company, **values)


def done(request: web.Request) -> web.Response:
    """204 for scripts, back to the visit for forms."""
    return web.Response(status=204) if wants_json(request) else see_other("/visit")


@route("GET", "/visit", "visit")
async def visit_page(request: web.Request) -> web.Response:
    """GET /visit — the number, the wait, the call, the receipt: one page."""
    return await show(request, "citizen/visit.html")


@route("GET", "/visit/panels", "visit")
async def panels(request: web.Request) -> web.Response:
    """GET /visit/panels?names= — parts of the page as they stand now: JSON {name: HTML}."""
    session, _ = await citizen_session(request)
    if request.query.get("names") == "ticket":
        return parts(request, "citizen/panels", PANELS, visit=await visits_of(request).standing(session))
    view = await visits_of(request).view(session, guest(request).look.language)
    company = await request.app[JOURNEY].company.of_ticket(view.ticket.id) if view.session else None
    return parts(request, "citizen/panels", PANELS, visit=view, company=company)


@route("POST", "/visit/leave", "visit")
async def leave(request: web.Request) -> web.Response:
    """POST /visit/leave — give up the place, or end the call."""
    await read_form(request)
    session, _ = await citizen_session(request)
    await visits_of(request).leave(session)
    return done(request)


@route("POST", "/visit/return", "visit")
async def come_back(request: web.Request) -> web.Response:
    """POST /visit/return — after having been missed, three places behind the old one."""
    await read_form(request)
    session, _ = await citizen_session(request)
    await visits_of(request).come_back(session)
    return done(request)


@route("POST", "/visit/hold", "visit.wait")
async def hold(request: web.Request) -> web.Response:
    """POST /visit/hold — be rung in 10, 20, 30 or 60 minutes, the place kept; also while it rings."""
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    minutes = typed.get("minutes", "")
    await visits_of(request).hold(session, int(minutes) if re.fullmatch("[0-9]{1,3}", minutes) else 0)
    return done(request)


@route("POST", "/visit/callback", "visit.wait")
async def call_back(request: web.Request) -> web.Response:
    """POST /visit/callback — be rung when it is my turn (wanted=1), or wait on the page again (0)."""
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    wanted = typed.get("wanted", "")
    if wanted not in {"0", "1"}:
        raise BadInput("choice_unknown", field="wanted")
    await visits_of(request).call_back(session, wanted == "1")
    return done(request)


@route("POST", "/visit/mode", "visit.wait")
async def switch_mode(request: web.Request) -> web.Response:
    """POST /visit/mode — wait on by video, audio or text, number and clock kept."""
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    await visits_of(request).switch_mode(session, typed.get("mode", ""), typed.get("reason", ""))
    return done(request)


@route("POST", "/visit/form", "visit.fill")
async def save_form(request: web.Request) -> web.Response:
    """POST /visit/form — keep what was typed; 422 shows what could not be kept, and keeps the rest."""
    typed = await read_form(request)
    filler = await filler_of(request)
    session, _ = await citizen_session(request)
    view = await visits_of(request).view(session, filler.language)
    errors = await request.app[JOURNEY].filling.set_many(filler, answers_of(view.item.form, typed))
    if errors and not wants_json(request):
        rows = error_rows(errors, request)
        return await show(request, "citizen/visit.html", 422, errors=rows, typed=dict(typed))
    if errors:
        raise errors[0]
    return done(request)


@route("POST", "/visit/materials/{rule}", "visit.fill")
async def add_material(request: web.Request) -> web.Response:
    """POST /visit/materials/{rule} — photographs of one paper."""
    _, files = await read_upload(request)
    filler = await filler_of(request)
    for raw in photos(files):
        await request.app[JOURNEY].filling.add_material(filler, request.match_info["rule"], raw)
    return done(request)


@route("POST", "/visit/materials/{rule}/still", "visit.fill")
async def add_still(request: web.Request) -> web.Response:
    """POST /visit/materials/{rule}/still — the photograph with this ``sha256`` has come through the call."""
    typed = await read_form(request)
    await request.app[JOURNEY].filling.add_still(
        await filler_of(request), request.match_info["rule"], typed.get("sha256", "")
    )
    return done(request)


@route("POST", "/visit/materials/{material}/remove", "visit.fill")
async def remove_material(request: web.Request) -> web.Response:
    """POST /visit/materials/{material}/remove — take a page back."""
    await read_form(request)
    await request.app[JOURNEY].filling.remove_material(
        await filler_of(request), request.match_info["material"]
    )
    return done(request)


def jpeg(content: bytes, kind: str = "image/jpeg") -> web.Response:
    """A picture nobody keeps on the way."""
    return web.Response(body=content, content_type=kind, headers={"Content-Disposition": "inline"})


@route("GET", "/visit/materials/{material}", "visit")
async def picture(request: web.Request) -> web.Response:
    """GET /visit/materials/{material} — one photographed page."""
    session, _ = await citizen_session(request)
    return jpeg(await visits_of(request).picture(session, request.match_info["material"]))


@route("POST", "/visit/code", "visit.sign")
async def send_code(request: web.Request) -> web.Response:
    """POST /visit/code — send the one-time code of the signature."""
    await read_form(request)
    await request.app[JOURNEY].filling.send_sign_code(await filler_of(request))
    return done(request)


@route("POST", "/visit/declarations", "visit.sign")
async def declare(request: web.Request) -> web.Response:
    """POST /visit/declarations — the ticked ones are confirmed, the others taken back (without scripts)."""
    typed = await read_form(request)
    filler = await filler_of(request)
    session, _ = await citizen_session(request)
    view = await visits_of(request).view(session, filler.language)
    for one in view.read_back.declarations if view.read_back else ():
        key = one.declaration.key
        await request.app[JOURNEY].filling.declare(
            filler, key, key in typed or key in typed.getall("key", [])
        )
    return done(request)


@route("POST", "/visit/sign", "visit.sign")
async def sign(request: web.Request) -> web.Response:
    """POST /visit/sign — code, digest and drawing together."""
    as_json = request.content_type == "application/json"
    given: Mapping[str, Any] = await read_json(request) if as_json else await read_form(request)
    drawing = str(given.get("drawing", ""))
    if not drawing.startswith(DRAWING_PREFIX):
        raise BadInput("signature_empty", field="drawing")
    try:
        raw = base64.b64decode(drawing[len(DRAWING_PREFIX) :], validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadInput("signature_empty", field="drawing") from exc
    await request.app[JOURNEY].filling.sign(
        await filler_of(request),
        code=str(given.get("code", "")),
        sha256=str(given.get("sha256", "")),
        drawing=raw,
    )
    return done(request)


@route("POST", "/visit/rating", "visit.rate")
async def rate(request: web.Request) -> web.Response:
    """POST /visit/rating — five levels, voluntary."""
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    stars = typed.get("stars", "")
    await visits_of(request).rate(session, int(stars) if stars.isdecimal() else 0, typed.get("reason", ""))
    return done(request)


@route("GET", "/ws/visit", "visit")
async def live(request: web.Request) -> web.StreamResponse:
    """GET /ws/visit — the page's socket."""
    session, _ = await citizen_session(request)
    visits, language = visits_of(request), guest(request).look.language
    ticket = visits.ticket_of(session)
    filler: Filler | None = None  # looked up when the page first says something: most only wait

    async def heard(message: Message) -> None:
        nonlocal filler
        filler = filler or await visits.filler(session, language)
        await visits.heard(filler, message)

    return await serve_live(
        request,
        topic=citizen_topic(ticket),
        role="citizen",
        permitted=FROM_CITIZEN,
        opened=lambda: visits.opened(ticket),
        heard=heard,
        closed=lambda: visits.closed(ticket),
        calm=lambda: visits.calm(ticket),
    )
