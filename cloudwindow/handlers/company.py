"""Who else is in a call: the agent's invitations and hold, the citizen's word, guests, supervisors."""

from aiohttp import web

from cloudwindow.domain.errors import BadInput, Gone
from cloudwindow.domain.messages import FROM_THIRD_PARTY
from cloudwindow.domain.third_party import ThirdParty
from cloudwindow.handlers.citizen import COOKIE, citizen_session, pdf, see_other
from cloudwindow.handlers.desk import staff_of
from cloudwindow.handlers.door import GUEST_COOKIE, JOURNEY, error_rows, guest, parts, render, wants_json
from cloudwindow.handlers.live import serve_live
from cloudwindow.handlers.reading import photos, read_form, read_upload
from cloudwindow.handlers.routes import route
from cloudwindow.journey.calls import third_topic
from cloudwindow.journey.company import Company

PANELS = frozenset({"company", "counter"})


def company_of(request: web.Request) -> Company:
    """The steps of this room."""
    return request.app[JOURNEY].company


def done(request: web.Request, address: str) -> web.Response:
    """204 for scripts, back to the page for forms."""
    return web.Response(status=204) if wants_json(request) else see_other(address)


# --- the agent -------------------------------------------------------------------------------------------


@route("POST", "/desk/company", "desk.company")
async def invite(request: web.Request) -> web.Response:
    """POST /desk/company — invite somebody into the call: kind, name and, for a text message, mobile."""
    typed = await read_form(request)
    await company_of(request).invite(
        staff_of(request),
        typed.get("kind", ""),
        typed.get("name", ""),
        typed.get("mobile", ""),
        call=typed.get("session", ""),
    )
    return done(request, "/desk")


@route("POST", "/desk/company/{party}/remove", "desk.company")
async def remove(request: web.Request) -> web.Response:
    """POST /desk/company/{party}/remove — take somebody out of the call, or an invitation back."""
    await read_form(request)
    await company_of(request).remove(staff_of(request), request.match_info["party"])
    return done(request, "/desk")


@route("POST", "/desk/hold", "desk.company")
async def hold(request: web.Request) -> web.Response:
    """POST /desk/hold — put the call on hold for a reason of the closed list; an empty one ends it."""
    typed = await read_form(request)
    await company_of(request).hold(staff_of(request), typed.get("reason", ""), call=typed.get("session", ""))
    return done(request, "/desk")


@route("POST", "/desk/side-room", "desk.company")
async def side_room(request: web.Request) -> web.Response:
    """POST /desk/side-room — talk with the citizen alone (wanted=1), or with everybody again (0)."""
    typed = await read_form(request)
    wanted = typed.get("wanted", "")
    if wanted not in {"0", "1"}:
        raise BadInput("choice_unknown", field="wanted")
    await company_of(request).side_room(staff_of(request), wanted == "1", call=typed.get("session", ""))
    return done(request, "/desk")


# --- the citizen -----------------------------------------------------------------------------------------


@route("POST", "/visit/company/{party}/agree", "visit.company")
async def agree(request: web.Request) -> web.Response:
    """POST /visit/company/{party}/agree — let somebody into the call."""
    await read_form(request)
    await company_of(request).agree(await _ticket(request), request.match_info["party"])
    return done(request, "/visit")


@route("POST", "/visit/company/{party}/refuse", "visit.company")
async def refuse(request: web.Request) -> web.Response:
    """POST /visit/company/{party}/refuse — not this person, or no longer."""
    await read_form(request)
    await company_of(request).refuse(await _ticket(request), request.match_info["party"])
    return done(request, "/visit")


async def _ticket(request: web.Request) -> str:
    session, _ = await citizen_session(request)
    return request.app[JOURNEY].visits.ticket_of(session)


# --- guests ----------------------------------------------------------------------------------------------


@route("GET", "/guest/join", "guest.enter")
async def join_page(request: web.Request) -> web.Response:
    """GET /guest/join — the secret stays in the address's fragment until it is posted."""
    return render(request, "guest/join.html")


@route("POST", "/guest/join", "guest.enter")
async def join(request: web.Request) -> web.Response:
    """POST /guest/join — follow an invitation; the link works once, on this browser."""
    typed = await read_form(request)
    try:
        token = await company_of(request).enter(typed.get("secret", "").rsplit("#", 1)[-1][:100])
    except Gone as error:
        if wants_json(request):
            raise
        return render(request, "guest/join.html", status=410, errors=error_rows([error], request))
    answer = see_other("/guest")
    answer.set_cookie(GUEST_COOKIE, token, samesite="Strict", **COOKIE)
    return answer


@route("GET", "/guest", "guest")
async def guest_page(request: web.Request) -> web.Response:
    """GET /guest — the call as somebody invited sees it."""
    return await _third_page(request, await _invited(request))


@route("GET", "/guest/panels", "guest")
async def guest_panels(request: web.Request) -> web.Response:
    """GET /guest/panels?names= — parts of the page as they stand now: JSON {name: HTML}."""
    return await _third_parts(request, await _invited(request))


@route("POST", "/guest/leave", "guest")
async def leave(request: web.Request) -> web.Response:
    """POST /guest/leave — leave the call for good."""
    await read_form(request)
    await company_of(request).leave((await _invited(request)).id)
    return done(request, "/guest")


@route("POST", "/guest/materials/{rule}", "guest")
async def scan(request: web.Request) -> web.Response:
    """POST /guest/materials/{rule} — the local counter adds scanned pages to the papers of the case."""
    _, files = await read_upload(request)
    party = await _invited(request)
    for raw in photos(files):
        await company_of(request).scan(party, request.match_info["rule"], raw)
    return done(request, "/guest")


@route("GET", "/guest/documents/{document}", "guest")
async def printed(request: web.Request) -> web.Response:
    """GET /guest/documents/{document} — a notice of the case for the local counter's printer."""
    found, content = await company_of(request).printed(
        await _invited(request), request.match_info["document"]
    )
    return pdf(found.kind, content)


@route("GET", "/ws/guest", "guest")
async def guest_live(request: web.Request) -> web.StreamResponse:
    """GET /ws/guest — the page's socket."""
    return await _third_live(request, await _invited(request))


async def _invited(request: web.Request) -> ThirdParty:
    return await company_of(request).guest(guest(request).invited)


# --- supervisors -----------------------------------------------------------------------------------------


@route("POST", "/board/supervise", "board.supervise")
async def supervise(request: web.Request) -> web.Response:
    """POST /board/supervise — come to listen to a running call, for a reason that stays in its story."""
    typed = await read_form(request)
    party = await company_of(request).supervise(
        staff_of(request), typed.get("session", ""), typed.get("reason", "")
    )
    return see_other(f"/board/supervise/{party.id}")


@route("GET", "/board/supervise/{party}", "board.supervise")
async def supervise_page(request: web.Request) -> web.Response:
    """GET /board/supervise/{party} — the call as a supervisor hears it."""
    return await _third_page(request, await _supervising(request))


@route("GET", "/board/supervise/{party}/panels", "board.supervise")
async def supervise_panels(request: web.Request) -> web.Response:
    """GET /board/supervise/{party}/panels?names= — parts of the page as they stand now: JSON {name: HTML}."""
    return await _third_parts(request, await _supervising(request))


@route("POST", "/board/supervise/{party}/mode", "board.supervise")
async def set_mode(request: web.Request) -> web.Response:
    """POST /board/supervise/{party}/mode — listen, whisper to the agent, or join."""
    typed = await read_form(request)
    party = await _supervising(request)
    await company_of(request).set_mode(staff_of(request), party.id, typed.get("mode", ""))
    return done(request, f"/board/supervise/{party.id}")


@route("POST", "/board/supervise/{party}/leave", "board.supervise")
async def stop_supervising(request: web.Request) -> web.Response:
    """POST /board/supervise/{party}/leave — leave the call."""
    await read_form(request)
    await company_of(request).leave((await _supervising(request)).id)
    return done(request, "/board")


@route("GET", "/ws/board/supervise/{party}", "board.supervise")
async def supervise_live(request: web.Request) -> web.StreamResponse:
    """GET /ws/board/supervise/{party} — the page's socket."""
    return await _third_live(request, await _supervising(request))


async def _supervising(request: web.Request) -> ThirdParty:
    return await company_of(request).supervisor(staff_of(request), request.match_info["party"])


# --- both ------------------------------------------------------------------------------------------------


async def _third_page(request: web.Request, party: ThirdParty) -> web.Response:
    sitting = await company_of(request).guest_view(party, guest(request).look.language)
    return render(request, "guest/call.html", sitting=sitting)


async def _third_parts(request: web.Request, party: ThirdParty) -> web.Response:
    sitting = await company_of(request).guest_view(party, guest(request).look.language)
    return parts(request, "guest/panels", PANELS, sitting=sitting)


async def _third_live(request: web.Request, party: ThirdParty) -> web.StreamResponse:
    company = company_of(request)
    return await serve_live(
        request,
        topic=third_topic(party.id),
        role=party.kind.value,
        permitted=FROM_THIRD_PARTY,
        opened=lambda: company.opened(party.id),
        heard=lambda message: company.heard(party.id, message),
        closed=lambda: company.closed(party.id),
    )
