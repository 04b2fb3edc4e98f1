"""The agent's desk."""

from typing import Any

from aiohttp import web

from cloudwindow.domain.errors import BadInput, NotSignedIn
from cloudwindow.domain.messages import FROM_AGENT
from cloudwindow.handlers.citizen import pdf, see_other
from cloudwindow.handlers.door import JOURNEY, guest, parts, render, wants_json
from cloudwindow.handlers.live import serve_live
from cloudwindow.handlers.reading import read_form
from cloudwindow.handlers.routes import route
from cloudwindow.handlers.visit import jpeg
from cloudwindow.journey import Staff, StoredReply
from cloudwindow.journey.calls import agent_topic

PANELS = frozenset(
    {
        "status",
        "calls",
        "offer",
        "park",
        "transfer",
        "citizen",
        "matters",
        "company",
        "recording",
        "form",
        "progress",
        "materials",
        "read_back",
        "decision",
        "chat",
        "outcome",
    }
)


def staff_of(request: web.Request) -> Staff:
    """Who is signed in. Raises NotSignedIn."""
    staff = guest(request).staff
    if staff is None:
        raise NotSignedIn("not_signed_in")
    return staff


@route("GET", "/desk", "desk")
async def desk_page(request: web.Request) -> web.Response:
    """GET /desk — where an agent works."""
    journey, staff = request.app[JOURNEY], staff_of(request)
    call = request.query.get("session", "")
    view = await journey.desks.view(staff, guest(request).look.language, session=call)
    company = await journey.company.of_agent(staff, call)
    return render(request, "agent/desk.html", desk=view, company=company)


@route("POST", "/desk/start", "desk")
async def start(request: web.Request) -> web.Response:
    """POST /desk/start — take calls from now on, pressed before the page's script has loaded."""
    typed = await read_form(request)
    await request.app[JOURNEY].desks.start(staff_of(request), pull=typed.get("pull") == "1")
    return see_other("/desk")


@route("GET", "/desk/panels", "desk")
async def panels(request: web.Request) -> web.Response:
    """GET /desk/panels?names= — parts of the page as they stand now: JSON {name: HTML}."""
    wanted = frozenset(request.query.get("names", "").split(","))
    view = await request.app[JOURNEY].desks.view(
        staff_of(request),
        guest(request).look.language,
        panels=wanted,
        session=request.query.get("session", ""),
    )
    company = request.app[JOURNEY].company
    call = request.query.get("session", "")
    others = await company.of_agent(staff_of(request), call) if "company" in wanted else None
    return parts(request, "agent/panels", PANELS, desk=view, company=others)


def replied(request: web.Request, reply: StoredReply) -> web.Response:
    """A stored reply: byte for byte for scripts, back to the desk for forms."""
    if not wants_json(request):
        return see_other("/desk")
    return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


def key_of(request: web.Request, typed: Any) -> str:
    """The idempotency key. Raises BadInput("idempotency_key_missing")."""
    key = request.headers.get("Idempotency-Key") or typed.get("idempotency_key", "")
    if not key:
        raise BadInput("idempotency_key_missing")
    return str(key)


@route("POST", "/desk/submit", "desk.submit")
async def submit(request: web.Request) -> web.Response:
    """POST /desk/submit — hand the signed application in, exactly once; JSON {receipt, mode, state}."""
    typed = await read_form(request)
    reply = await request.app[JOURNEY].desks.submit(
        staff_of(request),
        key_of(request, typed),
        guest(request).look.language,
        session=typed.get("session", ""),
    )
    return replied(request, reply)


@route("POST", "/desk/decide", "desk.decide")
async def decide(request: web.Request) -> web.Response:
    """POST /desk/decide — approve or deny in the competent organ's name, exactly once."""
    typed = await read_form(request)
    if typed.get("decision") not in {"approve", "deny"}:
        raise BadInput("unknown_decision", field="decision")
    reply = await request.app[JOURNEY].desks.decide(
        staff_of(request),
        key_of(request, typed),
        guest(request).look.language,
        approve=typed["decision"] == "approve",
        reasons=typed.get("reasons", ""),
        session=typed.get("session", ""),
    )
    return replied(request, reply)


@route("GET", "/desk/materials/{material}", "desk")
async def picture(request: web.Request) -> web.Response:
    """GET /desk/materials/{material} — a page of the case in this agent's call."""
    return jpeg(await request.app[JOURNEY].desks.picture(staff_of(request), request.match_info["material"]))


@route("GET", "/desk/documents/{document}", "desk")
async def document(request: web.Request) -> web.Response:
    """GET /desk/documents/{document} — a notice of the case in this agent's call."""
    found, content = await request.app[JOURNEY].desks.document(
        staff_of(request), request.match_info["document"]
    )
    return pdf(found.kind, content)


@route("GET", "/ws/desk", "desk")
async def live(request: web.Request) -> web.StreamResponse:
    """GET /ws/desk — the desk's socket."""
    staff, language = staff_of(request), guest(request).look.language
    desks = request.app[JOURNEY].desks
    return await serve_live(
        request,
        topic=agent_topic(staff.id),
        role="agent",
        permitted=FROM_AGENT,
        opened=lambda: desks.opened(staff),
        heard=lambda message: desks.heard(staff, language, message),
        closed=lambda: desks.closed(staff),
    )
