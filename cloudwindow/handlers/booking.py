"""Appointments at the door: choosing a time, booking, the holder's page, finding it, the way elsewhere."""

from typing import Any

from aiohttp import web

from cloudwindow.domain import appointment as rules
from cloudwindow.domain.catalogue import ServiceItem
from cloudwindow.domain.errors import BadInput, CloudWindowError, NotFound
from cloudwindow.domain.fields import mask_mobile
from cloudwindow.handlers.citizen import (
    citizen_session,
    code_again,
    confirm_values,
    instead_page,
    item_of,
    left_open,
    remember,
    see_other,
    start_page,
)
from cloudwindow.handlers.door import JOURNEY, error_rows, guest, render, wants_json
from cloudwindow.handlers.reading import read_form
from cloudwindow.handlers.routes import route
from cloudwindow.journey.intake import Problems
from cloudwindow.journey.openings import refuses

TAKEN = frozenset({"slot_full", "slot_gone"})
NONE_TO_BOOK = frozenset({"booking_paused", "too_many_bookings"})
"""Why somebody books nothing now and takes a number instead."""
"""The time is no longer to be had: the times are shown again."""
MINUTES = {
    "early_minutes": round(rules.EARLY_SECONDS / 60),
    "punctual_minutes": round(rules.PUNCTUAL_SECONDS / 60),
    "before_minutes": round(rules.STANDS_BEFORE_SECONDS / 60),
    "credit_minutes": round(rules.CREDIT_LIMIT_SECONDS / 60),
    "given_up_minutes": round(rules.GIVEN_UP_SECONDS / 60),
    "missed_most": rules.MISSED_MOST,
    "missed_days": round(rules.MISSED_WITHIN_SECONDS / 86_400),
    "pause_days": round(rules.PAUSE_SECONDS / 86_400),
}
"""The rule of merging, as the pages say it."""
LATEST = 10_000_000_000
"""Seconds since the epoch that no appointment reaches."""


def moment_of(typed: str) -> float:
    """The time a form names, in seconds; 0, which is no slot, for what is no such number."""
    plain = typed.strip()
    return float(plain) if plain.isascii() and plain.isdecimal() and int(plain[:12]) < LATEST else 0.0


# --- choosing a time -------------------------------------------------------------------------------------


async def times_page(
    request: web.Request,
    item: ServiceItem,
    *,
    district: str,
    language: str,
    day: str = "",
    status: int = 200,
    errors: Any = (),
) -> web.Response:
    """The page on which a time is chosen."""
    journey = request.app[JOURNEY]
    view = await journey.bookings.times(item, district, language, day)
    return render(
        request,
        "citizen/book.html",
        status=status,
        times=view,
        item=item,
        districts=journey.house.catalogue.districts,
        moving=None,
        errors=errors,
        rule=MINUTES,
    )


def district_in(request: web.Request, wanted: str, else_: str) -> str:
    """The district asked for, if it is one; else another that is."""
    known = {str(one.code) for one in request.app[JOURNEY].house.catalogue.districts}
    return wanted if wanted in known else else_ if else_ in known else min(known)


@route("GET", "/items/{item}/book", "intake")
async def times(request: web.Request) -> web.Response:
    """GET /items/{item}/book?district=&language=&day= — the free times."""
    item = item_of(request)
    session, token = await citizen_session(request)
    said = session.intake if session.intake.get("item") == item.id else {}
    spoken = request.query.get("language") or said.get("call_language") or _spoken(request)
    district = district_in(request, request.query.get("district", ""), str(said.get("home_district", "")))
    page = await times_page(
        request, item, district=district, language=spoken, day=request.query.get("day", "")
    )
    return remember(page, token)


def _spoken(request: web.Request) -> str:
    return "en" if guest(request).look.language == "en" else "zh"


async def about_page(
    request: web.Request, item: ServiceItem, window: str, at: float, status: int = 200, **values: Any
) -> web.Response:
    """The form «about you» for a booking."""
    booking = {"district": request.app[JOURNEY].house.catalogue.district(window), "start": at}
    return await start_page(request, item, status, base=f"/items/{item.id}/book", booking=booking, **values)


@route("GET", "/items/{item}/book/start", "intake")
async def start(request: web.Request) -> web.Response:
    """GET /items/{item}/book/start?window=&at=&language= — who you are; the time is chosen already."""
    item = item_of(request)
    session, token = await citizen_session(request)
    at = moment_of(request.query.get("at", ""))
    window = district_in(request, request.query.get("window", ""), "")
    language = request.query.get("language", "")
    if not at or language not in item.languages:
        return remember(see_other(f"/items/{item.id}/book"), token)
    typed = dict(session.intake) if session.intake.get("item") == item.id else {"home_district": window}
    return remember(
        await about_page(request, item, window, at, typed=typed | {"call_language": language}), token
    )


@route("POST", "/items/{item}/book/start", "intake")
async def begin(request: web.Request) -> web.Response:
    """POST /items/{item}/book/start — 303 to the confirmation, 422 with what is wrong."""
    item = item_of(request)
    typed = await read_form(request)
    session, token = await citizen_session(request)
    window, at = typed.get("window", ""), moment_of(typed.get("at", ""))
    try:
        await request.app[JOURNEY].bookings.begin(session, item.id, typed, window=window, at=at)
    except Problems as problems:
        if wants_json(request):
            raise
        errors = error_rows(problems.errors, request)
        page = await about_page(
            request, item, district_in(request, window, ""), at, 422, typed=dict(typed), errors=errors
        )
        return remember(page, token)
    except CloudWindowError as error:
        return remember(await _taken(request, item, error, window, typed.get("call_language", "")), token)
    return remember(see_other(f"/items/{item.id}/book/confirm"), token)


async def _taken(
    request: web.Request, item: ServiceItem, error: CloudWindowError, window: str, language: str
) -> web.Response:
    """The times again when the chosen one is no longer to be had; every other error is raised on."""
    if error.code not in TAKEN or wants_json(request):
        raise error
    rows = error_rows([BadInput(error.code, error.values, field="at")], request)
    district = district_in(request, window, "")
    return await times_page(
        request, item, district=district, language=language, status=error.status, errors=rows
    )


@route("POST", "/items/{item}/book/slot", "intake")
async def choose(request: web.Request) -> web.Response:
    """POST /items/{item}/book/slot — one of the times offered, by somebody who has said who they are."""
    item = item_of(request)
    typed = await read_form(request)
    session, token = await citizen_session(request)
    window = typed.get("window", "")
    try:
        await request.app[JOURNEY].bookings.choose(
            session, item.id, window=window, at=moment_of(typed.get("at", ""))
        )
    except CloudWindowError as error:
        spoken = str(session.intake.get("call_language", ""))
        return remember(await _taken(request, item, error, window, spoken), token)
    return remember(see_other(f"/items/{item.id}/book/confirm"), token)


@route("POST", "/items/{item}/elsewhere", "intake")
async def elsewhere(request: web.Request) -> web.Response:
    """POST /items/{item}/elsewhere — take a number at another district's windows; 303 to the confirmation."""
    item = item_of(request)
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    try:
        await request.app[JOURNEY].intakes.elsewhere(session, item.id, typed.get("window", ""))
    except CloudWindowError as error:
        if not refuses(error) or wants_json(request):
            raise
        return await instead_page(request, item)
    return see_other(f"/items/{item.id}/confirm")


# --- booking ---------------------------------------------------------------------------------------------


async def confirm_page(
    request: web.Request, item: ServiceItem, status: int = 200, **values: Any
) -> web.Response:
    """The form with the code and the consents, for a booking."""
    journey = request.app[JOURNEY]
    session, _ = await citizen_session(request)
    intake = journey.bookings.of(session, item.id)
    booking = {"district": journey.house.catalogue.district(intake.window), "start": intake.slot_start}
    shown = await confirm_values(request, item, session)
    return render(
        request,
        "citizen/confirm.html",
        status=status,
        **shown,
        base=f"/items/{item.id}/book",
        booking=booking,
        **values,
    )


@route("GET", "/items/{item}/book/confirm", "intake")
async def confirm(request: web.Request) -> web.Response:
    """GET /items/{item}/book/confirm — enter the code, read the notice, agree."""
    item = item_of(request)
    session, token = await citizen_session(request)
    if session.intake.get("item") != item.id or not session.intake.get("slot_start"):
        return remember(see_other(f"/items/{item.id}/book"), token)
    return await confirm_page(request, item)


@route("POST", "/items/{item}/book/code", "intake")
async def send_code(request: web.Request) -> web.Response:
    """POST /items/{item}/book/code — send the code again."""
    return await code_again(request, "book/confirm", request.app[JOURNEY].bookings.of, confirm_page)


@route("POST", "/items/{item}/book/confirm", "intake")
async def book(request: web.Request) -> web.Response:
    """POST /items/{item}/book/confirm — 303 to the appointment, 409 with other times, 422 with errors."""
    item = item_of(request)
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    errors = left_open(typed)
    if not errors:
        try:
            booked = await request.app[JOURNEY].bookings.book(
                session,
                item.id,
                code=typed["code"],
                recording=bool(typed.get("consent_recording")),
                language=guest(request).look.language,
            )
        except CloudWindowError as error:
            if error.code in TAKEN:
                said = session.intake
                window, spoken = said.get("window_district", ""), said.get("call_language", "")
                return await _taken(request, item, error, str(window), str(spoken))
            if error.code in NONE_TO_BOOK and not wants_json(request):
                return number_instead(request, item, error)
            if error.field != "code" or wants_json(request):
                raise
            errors.append(BadInput(error.code, error.values, field="code"))
        else:
            stood = booked.appointment.starts_at != booked.asked_for
            return see_other("/appointment?stood=1" if stood else "/appointment")
    rows = error_rows(errors, request)
    return await confirm_page(request, item, 422, errors=rows, typed=dict(typed))


def number_instead(request: web.Request, item: ServiceItem, error: CloudWindowError) -> web.Response:
    """Nothing can be booked by this person now; a number can be taken with what they have typed."""
    ((_, code, words),) = error_rows([error], request)
    return render(
        request,
        "citizen/number_instead.html",
        status=error.status,
        item=item,
        code=code,
        words=words,
    )


# --- the holder's page -----------------------------------------------------------------------------------


async def appointment_page(request: web.Request, status: int = 200, **values: Any) -> web.Response:
    """The appointment this browser holds."""
    session, _ = await citizen_session(request)
    view = await request.app[JOURNEY].bookings.view(session)
    shown = {"held": view, "rule": MINUTES, "stood": False, "problem": None} | values
    return render(request, "citizen/appointment.html", status=status, **shown)


@route("GET", "/appointment", "appointment")
async def appointment(request: web.Request) -> web.Response:
    """GET /appointment — the time, the rule, and what can be done."""
    return await appointment_page(request, stood=bool(request.query.get("stood")))


async def _problem(request: web.Request, error: CloudWindowError) -> web.Response:
    """The appointment with what went wrong; a foreign or unknown one, and a script, get the error itself."""
    if wants_json(request) or isinstance(error, NotFound):
        raise error
    (_, code, text) = error_rows([BadInput(error.code, error.values)], request)[0]
    return await appointment_page(request, error.status, problem=(code, text))


@route("POST", "/appointment/check-in", "appointment")
async def check_in(request: web.Request) -> web.Response:
    """POST /appointment/check-in — 303 to the visit with a ticket, 409 too early, 410 too late."""
    await read_form(request)
    session, _ = await citizen_session(request)
    try:
        await request.app[JOURNEY].bookings.check_in(session)
    except CloudWindowError as error:
        return await _problem(request, error)
    return see_other("/visit")


@route("POST", "/appointment/cancel", "appointment")
async def cancel(request: web.Request) -> web.Response:
    """POST /appointment/cancel — give the seat back; 303 to the page."""
    await read_form(request)
    session, _ = await citizen_session(request)
    try:
        await request.app[JOURNEY].bookings.cancel(session)
    except CloudWindowError as error:
        return await _problem(request, error)
    return see_other("/appointment")


async def move_page(
    request: web.Request, *, district: str, day: str, status: int = 200, errors: Any = ()
) -> web.Response:
    """The times an appointment can be moved to."""
    journey = request.app[JOURNEY]
    session, _ = await citizen_session(request)
    held = await journey.bookings.view(session)
    view = await journey.bookings.times(
        held.item, district, held.appointment.language, day, besides=held.appointment.id
    )
    return render(
        request,
        "citizen/book.html",
        status=status,
        times=view,
        item=held.item,
        districts=journey.house.catalogue.districts,
        moving=held,
        errors=errors,
        rule=MINUTES,
    )


@route("GET", "/appointment/move", "appointment")
async def move_times(request: web.Request) -> web.Response:
    """GET /appointment/move?district=&day= — the times it can be moved to."""
    session, _ = await citizen_session(request)
    held = await request.app[JOURNEY].bookings.of_session(session)
    district = district_in(request, request.query.get("district", ""), held.district)
    return await move_page(request, district=district, day=request.query.get("day", ""))


@route("POST", "/appointment/move", "appointment")
async def move(request: web.Request) -> web.Response:
    """POST /appointment/move — 303 to the page; 409 or 410 with the times or with why not."""
    typed = await read_form(request)
    session, _ = await citizen_session(request)
    window = typed.get("window", "")
    try:
        await request.app[JOURNEY].bookings.move(session, window=window, at=moment_of(typed.get("at", "")))
    except CloudWindowError as error:
        if error.code not in TAKEN or wants_json(request):
            return await _problem(request, error)
        rows = error_rows([BadInput(error.code, error.values, field="at")], request)
        district = district_in(request, window, "")
        return await move_page(request, district=district, day="", status=error.status, errors=rows)
    return see_other("/appointment")


@route("GET", "/appointment/calendar.ics", "appointment")
async def calendar_file(request: web.Request) -> web.Response:
    """GET /appointment/calendar.ics — the appointment for the phone's own calendar."""
    session, _ = await citizen_session(request)
    content = await request.app[JOURNEY].bookings.calendar_file(session, guest(request).look.language)
    return web.Response(
        body=content,
        content_type="text/calendar",
        charset="utf-8",
        headers={"Content-Disposition": 'attachment; filename="cloud-window.ics"'},
    )


# --- finding it again ------------------------------------------------------------------------------------


def find_page(request: web.Request, status: int = 200, **values: Any) -> web.Response:
    """The form with booking number and phone; with ``asked`` also the code."""
    return render(request, "citizen/appointments.html", status=status, **({"asked": None} | values))


@route("GET", "/appointments", "appointment.find")
async def find(request: web.Request) -> web.Response:
    """GET /appointments — find a booking by number and phone."""
    session, token = await citizen_session(request)
    return remember(find_page(request, holds=session.appointment is not None), token)


@route("POST", "/appointments", "appointment.find")
async def ask(request: web.Request) -> web.Response:
    """POST /appointments — a code goes to the phone if the two belong together; the answer is the same."""
    typed = await read_form(request)
    _, token = await citizen_session(request)
    number, mobile = typed.get("number", "")[:40], typed.get("mobile", "")[:20]
    await request.app[JOURNEY].bookings.ask(number, mobile, address=guest(request).address)
    return remember(_asked(request, number, mobile), token)


def _asked(request: web.Request, number: str, mobile: str, status: int = 200, **values: Any) -> web.Response:
    asked = {
        "number": number,
        "mobile": mobile,
        "shown": mask_mobile(mobile) if len(mobile) == 11 else mobile,
    }
    return find_page(request, status, asked=asked, holds=False, **values)


@route("POST", "/appointments/code", "appointment.find")
async def enter(request: web.Request) -> web.Response:
    """POST /appointments/code — 303 to the appointment; unknown numbers answer like a wrong code."""
    typed = await read_form(request)
    session, token = await citizen_session(request)
    number, mobile = typed.get("number", "")[:40], typed.get("mobile", "")[:20]
    try:
        await request.app[JOURNEY].bookings.enter(session, number, mobile, typed.get("code", ""))
    except CloudWindowError as error:
        if error.field != "code" or wants_json(request):
            raise
        rows = error_rows([BadInput(error.code, error.values, field="code")], request)
        return remember(_asked(request, number, mobile, error.status, errors=rows), token)
    return remember(see_other("/appointment"), token)
