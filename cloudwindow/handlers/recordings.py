"""Recording during the call: the citizen's word, and what the agent does about it."""

from aiohttp import web

from cloudwindow.domain.errors import BadInput
from cloudwindow.handlers.citizen import citizen_session
from cloudwindow.handlers.company import done
from cloudwindow.handlers.desk import staff_of
from cloudwindow.handlers.door import JOURNEY, guest
from cloudwindow.handlers.reading import read_form
from cloudwindow.handlers.routes import route


@route("POST", "/visit/recording", "visit.recording")
async def answer(request: web.Request) -> web.Response:
    """POST /visit/recording — let this call be recorded (given=1), or not, or no longer (0)."""
    typed = await read_form(request)
    given = typed.get("given", "")
    if given not in {"0", "1"}:
        raise BadInput("choice_unknown", field="given")
    session, _ = await citizen_session(request)
    journey = request.app[JOURNEY]
    await journey.recordings.answer(
        journey.visits.ticket_of(session), given == "1", language=guest(request).look.language
    )
    return done(request, "/visit")


@route("POST", "/desk/recording", "desk.recording")
async def act(request: web.Request) -> web.Response:
    """POST /desk/recording — pause, resume or, after a break, begin the recording again (act)."""
    typed = await read_form(request)
    await request.app[JOURNEY].recordings.act(
        staff_of(request), typed.get("act", ""), call=typed.get("session", "")
    )
    return done(request, "/desk")
