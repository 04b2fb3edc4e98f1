"""The public side and the way to a number: search, item page, about you, confirm, resume, cases, verify."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from cloudwindow.domain.calendar import day_of
from cloudwindow.domain.catalogue import ServiceItem
from cloudwindow.domain.errors import BadInput, CloudWindowError, Gone, NotFound
from cloudwindow.domain.fields import mask_mobile
from cloudwindow.handlers.door import (
    CITIZEN_COOKIE,
    JOURNEY,
    error_rows,
    guest,
    render,
    wants_json,
)
from cloudwindow.handlers.pages import LOOK_COOKIE, TEXT_SIZES, THEMES, Look
from cloudwindow.handlers.reading import answers_of, read_form, read_open_form, read_upload
from cloudwindow.handlers.routes import route
from cloudwindow.i18n import LANGUAGES
from cloudwindow.journey import Journey, WebSession
from cloudwindow.journey.intake import Intake, Problems
from cloudwindow.journey.openings import refuses

COOKIE: dict[str, Any] = {"path": "/", "secure": True, "httponly": True}
RESUME_PROBLEMS = frozenset(
    {"link_unknown", "device_code_needed", "code_wrong", "code_expired", "code_locked"}
)
"""What the page of a link can show beside its fields."""
NO_CODE = frozenset({"code_too_often", "code_too_many", "sms_refused"})
"""Why no code goes out now, said beside the code."""
YEAR_SECONDS = 365 * 86_400
OWN_PLACE = re.compile(r"/(?!/)[!-\[\]-~]*", re.ASCII)
"""A path of ours: browsers read backslashes as slashes and skip tabs, so neither may be in it."""


def see_other(place: str) -> web.Response:
    """303: look there now."""
    return web.Response(status=303, headers={"Location": place})


async def citizen_session(request: web.Request) -> tuple[WebSession, str | None]:
    """The browser's session, and the token of a new one if there was none."""
    visitor = guest(request)
    if visitor.citizen is not None:
        return visitor.citizen, None
    token, visitor.citizen = await request.app[JOURNEY].door.new_citizen()
    return visitor.citizen, token


def remember(response: web.Response, token: str | None) -> web.Response:
    """Hand a new session's token to the browser."""
    if token is not None:
        response.set_cookie(CITIZEN_COOKIE, token, samesite="Lax", max_age=12 * 3600, **COOKIE)
    return response


@route("GET", "/", "look")
@route("GET", "/items", "look")
async def home(request: web.Request) -> web.Response:
    """GET / and /items?q= — what would you like to do?"""
    house = request.app[JOURNEY].house
    words = request.query.get("q", "")[:80]
    return render(
        request,
        "citizen/home.html",
        q=words,
        hits=house.search.find(words, limit=12) if words.strip() else [],
        popular=house.catalogue.items[:6],
        open_visit=bool(guest(request).citizen and guest(request).citizen.ticket),  # type: ignore[union-attr]
        districts=house.catalogue.districts,
    )


def item_of(request: web.Request) -> ServiceItem:
    """The item the address names. Raises NotFound("unknown_item")."""
    return request.app[JOURNEY].house.item_of(request.match_info["item"])


@route("GET", "/items/{item}", "look")
async def item_page(request: web.Request) -> web.Response:
    """GET /items/{item} — what it takes, before anybody queues."""
    item, house = item_of(request), request.app[JOURNEY].house
    today = day_of(house.clock())
    decides = [
        (
            district,
            house.catalogue.decides(
                item, receiving_district=district.code, home_district=district.code, on=today
            ),
        )
        for district in house.catalogue.districts
    ]
    return render(
        request,
        "citizen/item.html",
        item=item,
        can_start=item.video_completeness != "guide",
        decides=decides,
        catalogue=house.catalogue,
    )


async def start_page(
    request: web.Request, item: ServiceItem, status: int = 200, **values: Any
) -> web.Response:
    """The form «about you»."""
    journey = request.app[JOURNEY]
    districts = journey.house.catalogue.districts
    signs = await journey.openings.signs(item)
    shown = {"base": f"/items/{item.id}", "booking": None, "signs": signs} | values
    return render(request, "citizen/start.html", status=status, item=item, districts=districts, **shown)


async def instead_page(request: web.Request, item: ServiceItem) -> web.Response:
    """What can be had while no number can; 409."""
    journey = request.app[JOURNEY]
    session, _ = await citizen_session(request)
    intake = journey.intakes.of(await journey.door.again(session), item.id)
    instead = await journey.bookings.instead(intake)
    return render(request, "citizen/instead.html", status=409, item=item, instead=instead)


@route("GET", "/items/{item}/start", "intake")
async def start(request: web.Request) -> web.Response:
    """GET /items/{item}/start — who you are and where you belong."""
    item = item_of(request)
    session, token = await citizen_session(request)
    typed = session.intake if session.intake.get("item") == item.id else {}
    return remember(await start_page(request, item, typed=typed), token)


@route("POST", "/items/{item}/start", "intake")
async def begin(request: web.Request) -> web.Response:
    """POST /items/{item}/start — 303 to the confirmation, 422 with what is wrong."""
    item = item_of(request)
    typed = await read_form(request)
    session, token = await citizen_session(request)
    try:
        await request.app[JOURNEY].intakes.begin(session, item.id, typed)
    except Problems as problems:
        if wants_json(request):
            raise
        errors = error_rows(problems.errors, request)
        return remember(await start_page(request, item, 422, typed=dict(typed), errors=errors), token)
    except CloudWindowError as error:
        if not refuses(error) or wants_json(request):
            raise
        return remember(await instead_page(request, item), token)
    return remember(see_other(f"/items/{item.id}/confirm"), token)


async def confirm_page(
    request: web.Request, item: ServiceItem, status: int = 200, **values: Any
) -> web.Response:
    """The form with the code and the consents; beside it other ways while nobody who could serve is there."""
    journey = request.app[JOURNEY]
    session, _ = await citizen_session(request)
    intake = journey.intakes.of(await journey.door.again(session), item.id)
    instead = await journey.bookings.beside(intake)
    basket = await journey.matters.basket(intake)
    shown = await confirm_values(request, item, session)
    return render(
        request,
        "citizen/confirm.html",
        status=status,
        **shown | {"instead": instead},
        base=f"/items/{item.id}",
        booking=None,
        basket=basket,
        **values,
    )


async def confirm_values(request: web.Request, item: ServiceItem, session: WebSession) -> dict[str, Any]:
    """What the page with the code and the consents shows, of a number and of a booking alike."""
    journey = request.app[JOURNEY]
    catalogue = journey.house.catalogue
    consents = [("handling", catalogue.text("handling_consent").text, True)]
    if journey.house.recorder is not None:
        consents.append(("recording", catalogue.text("recording_consent").text, False))
    return {
        "item": item,
        "mobile": mask_mobile(journey.intakes.of(session, item.id).mobile),
        "code_sent": await journey.intakes.code_sent(session),
        "code_late": await journey.intakes.code_late(session),
        "notice": catalogue.text("handling_notice").text,
        "consents": consents,
        "instead": None,
    }


@route("GET", "/items/{item}/confirm", "intake")
async def confirm(request: web.Request) -> web.Response:
    """GET /items/{item}/confirm — enter the code, read the notice, agree."""
    item = item_of(request)
    session, _ = await citizen_session(request)
    if session.intake.get("item") != item.id:
        return see_other(f"/items/{item.id}/start")
    return await confirm_page(request, item)


@route("POST", "/items/{item}/code", "intake")
async def send_code(request: web.Request) -> web.Response:
    """POST /items/{item}/code — send the code again."""
    return await code_again(request, "confirm", request.app[JOURNEY].intakes.of, confirm_page)


async def code_again(
    request: web.Request,
    place: str,
    intake_of: Callable[[WebSession, str], Intake],
    page: Callable[..., Awaitable[web.Response]],
) -> web.Response:
    """
    Send the code again for a number, a booking or a left form; 303 to its ``place`` below the item.

    What keeps it from being sent is said on its ``page``, beside the code.
    """
    item = item_of(request)
    await read_form(request)
    session, _ = await citizen_session(request)
    try:
        await request.app[JOURNEY].intakes.send_code(session, intake_of(session, item.id))
    except CloudWindowError as error:
        if error.code not in NO_CODE or wants_json(request):
            raise
        told = BadInput(error.code, error.values, field="code")
        return await page(request, item, error.status, errors=error_rows([told], request))
    return see_other(f"/items/{item.id}/{place}")


def left_open(typed: Mapping[str, str]) -> list[BadInput]:
    """What a confirmation lacks before a code is spent: consent to the handling, the code itself."""
    errors = []
    if not typed.get("consent_handling"):
        errors.append(BadInput("consent_needed", field="consent_handling"))
    if not typed.get("code", "").strip():
        errors.append(BadInput("code_missing", field="code"))
    return errors


@route("POST", "/items/{item}/confirm", "intake")
async def take_ticket(request: web.Request) -> web.Response:
    """POST /items/{item}/confirm — 303 to the visit with a number, 422 with what is wrong."""
    item = item_of(request)
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    errors = left_open(typed)
    if not errors:
        try:
            await request.app[JOURNEY].intakes.take_ticket(
                session,
                item.id,
                code=typed["code"],
                recording=bool(typed.get("consent_recording")),
                language=guest(request).look.language,
            )
        except CloudWindowError as error:
            if refuses(error) and not wants_json(request):
                return await instead_page(request, item)
            if error.field not in {"code", "more"} or wants_json(request):
                raise
            errors.append(BadInput(error.code, error.values, field=error.field))
    if errors:
        rows = error_rows(errors, request)
        return await confirm_page(request, item, 422, errors=rows, typed=dict(typed))
    return see_other("/visit")


@route("GET", "/resume", "resume")
async def resume_page(request: web.Request) -> web.Response:
    """GET /resume — the secret stays in the address's fragment until it is posted."""
    _, token = await citizen_session(request)
    return remember(render(request, "citizen/resume.html"), token)


async def _resume_other(journey: Journey, session: WebSession, secret: str) -> str:
    """Take an appointment or a left form over, and name its page. Raises Gone("link_unknown")."""
    try:
        await journey.bookings.resume(session, secret)
    except Gone:
        await journey.leaving.resume(session, secret)
        return "/left-form"
    return "/appointment"


@route("POST", "/resume", "resume")
async def resume(request: web.Request) -> web.Response:
    """POST /resume — take the visit, the appointment or the left form over to this browser."""
    typed = await read_form(request)
    session, token = await citizen_session(request)
    secret = typed.get("secret", "").rsplit("#", 1)[-1]
    journey = request.app[JOURNEY]
    place = "/visit"
    try:
        try:
            await journey.visits.resume(session, secret, typed.get("code", ""))
        except Gone:
            place = await _resume_other(journey, session, secret)
    except CloudWindowError as error:
        if error.code not in RESUME_PROBLEMS or wants_json(request):
            raise
        asked = error.code != "link_unknown"
        rows = error_rows([BadInput(error.code, field="code" if asked else "secret")], request)
        page = render(
            request, "citizen/resume.html", status=error.status, errors=rows, secret=secret if asked else ""
        )
        return remember(page, token)
    return remember(see_other(place), token)


@route("GET", "/cases", "case.find")
async def cases_page(request: web.Request) -> web.Response:
    """GET /cases — find a case by receipt number and phone."""
    _, token = await citizen_session(request)
    typed = {"receipt": request.query.get("receipt", "")[:40]}
    return remember(render(request, "citizen/cases.html", typed=typed), token)


@route("POST", "/cases", "case.find")
async def find_case(request: web.Request) -> web.Response:
    """POST /cases — 303 to the case; unknown receipt and wrong phone answer alike."""
    typed = await read_form(request)
    session, token = await citizen_session(request)
    try:
        receipt = await request.app[JOURNEY].following.find(
            session, typed.get("receipt", ""), typed.get("mobile", ""), address=guest(request).address
        )
    except NotFound as error:
        if wants_json(request):
            raise
        rows = error_rows([BadInput(error.code, field="receipt")], request)
        page = render(request, "citizen/cases.html", status=404, typed=dict(typed), errors=rows)
        return remember(page, token)
    return remember(see_other(f"/cases/{receipt}"), token)


@route("GET", "/cases/{receipt}", "case.follow")
async def case_page(request: web.Request) -> web.Response:
    """GET /cases/{receipt} — every step of the case."""
    return await show_case(request)


async def show_case(request: web.Request, status: int = 200, **values: Any) -> web.Response:
    """The page of one case."""
    following = request.app[JOURNEY].following
    session, _ = await citizen_session(request)
    case = await following.case_of(session, request.match_info["receipt"])
    view = await following.view(
        case, guest(request).look.language, document_url=f"/cases/{case.receipt}/documents"
    )
    return render(request, "citizen/case.html", status=status, case=view, **values)


@route("POST", "/cases/{receipt}/corrections", "case.correct")
async def correct(request: web.Request) -> web.Response:
    """POST /cases/{receipt}/corrections — put right what the list names, and only that."""
    journey = request.app[JOURNEY]
    typed, files = await read_upload(request)
    session, _ = await citizen_session(request)
    case = await journey.following.case_of(session, request.match_info["receipt"])
    form = journey.house.item_of(case.item, case.item_version).form
    errors = await journey.following.correct(case, answers_of(form, typed), files)
    if errors:
        return await show_case(request, 422, errors=error_rows(errors, request), typed=dict(typed))
    return see_other(f"/cases/{case.receipt}")


def pdf(name: str, content: bytes) -> web.Response:
    """A notice, shown by the browser, kept by nobody on the way."""
    return web.Response(
        body=content,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}.pdf"'},
    )


@route("GET", "/cases/{receipt}/documents/{document}", "case.follow")
async def document(request: web.Request) -> web.Response:
    """GET /cases/{receipt}/documents/{document} — a notice as PDF."""
    following = request.app[JOURNEY].following
    session, _ = await citizen_session(request)
    case = await following.case_of(session, request.match_info["receipt"])
    found, content = await following.document(case, request.match_info["document"])
    return pdf(found.kind, content)


@route("GET", "/waits", "look")
async def waits(request: web.Request) -> web.Response:
    """GET /waits — how often the shown wait was right, by district."""
    published = await request.app[JOURNEY].promises.published()
    return render(request, "citizen/waits.html", records_shown=published)


@route("GET", "/verify", "verify")
async def verify(request: web.Request) -> web.Response:
    """GET /verify?code= — whether a document with this code was issued."""
    code = request.query.get("code", "")[:64]
    following = request.app[JOURNEY].following
    found = await following.verify(code, address=guest(request).address) if code.strip() else None
    return render(request, "citizen/verify.html", found=found, code=code, tried=bool(code.strip()))


@route("POST", "/preferences", "prefer")
async def preferences(request: web.Request) -> web.Response:
    """POST /preferences — language, theme, text size; back to where the person was."""
    typed = await read_open_form(request)
    look = guest(request).look
    chosen = Look(
        language=typed.get("language", "") if typed.get("language") in LANGUAGES else look.language,
        theme=typed.get("theme", "") if typed.get("theme") in THEMES else look.theme,
        text_size=typed.get("text_size", "") if typed.get("text_size") in TEXT_SIZES else look.text_size,
    )
    back = typed.get("return_to", "/")
    answer = see_other(back if OWN_PLACE.fullmatch(back) else "/")
    answer.set_cookie(LOOK_COOKIE, chosen.cookie, samesite="Lax", max_age=YEAR_SECONDS, **COOKIE)
    return answer
