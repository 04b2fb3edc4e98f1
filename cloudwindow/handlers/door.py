"""
The front door: what every request passes and every answer carries (security headers, limits, errors, log).

Order: request id → host and framing → who is there → origin and CSRF → the route's action → the handler.
"""

import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from cloudwindow.domain.errors import (
    CloudWindowError,
    Malformed,
    NotAllowed,
    NotFound,
    NotSignedIn,
    TooLarge,
    WrongEncoding,
    WrongMethod,
)
from cloudwindow.domain.rights import Person, Role, allow
from cloudwindow.handlers.pages import Look, Pages, look_of
from cloudwindow.i18n import texts
from cloudwindow.journey import Journey, Staff, WebSession
from cloudwindow.journey.intake import Problems
from cloudwindow.journey.staff import Door
from cloudwindow.sentences import N_, sentence

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the door needs to know: the public address (empty: this machine only) and its proxies."""

    public_url: str
    demo: bool
    trusted_proxy_hops: int


JOURNEY = web.AppKey("journey", Journey)
PAGES = web.AppKey("pages", Pages)
SETTINGS = web.AppKey("settings", Settings)

CITIZEN_COOKIE = "__Host-cw-citizen"
STAFF_COOKIE = "__Host-cw-staff"
GUEST_COOKIE = "__Host-cw-guest"
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True, kw_only=True)
class Guest:
    """Who a request comes from, found once by the door."""

    look: Look
    request_id: str
    address: str
    citizen: WebSession | None = None
    invited: WebSession | None = None
    staff_session: WebSession | None = None
    staff: Staff | None = None

    @property
    def csrf(self) -> str:
        """The token that forms on this person's pages carry."""
        session = self.staff_session or self.invited or self.citizen
        return session.csrf if session else ""

    @property
    def person(self) -> Person:
        """Who they are to ``rights.allow``."""
        roles = {Role.VISITOR}
        reach: set[str] = set()
        if self.citizen is not None:
            if self.citizen.ticket:
                roles.add(Role.CITIZEN)
                reach.add(f"ticket:{self.citizen.ticket}")
            if self.citizen.appointment:
                roles.add(Role.CITIZEN)
                reach.add(f"appointment:{self.citizen.appointment}")
            if self.citizen.left_form:
                roles.add(Role.CITIZEN)
                reach.add(f"left_form:{self.citizen.left_form}")
            if self.citizen.cases:
                roles.add(Role.CITIZEN)
                reach |= {f"case:{receipt}" for receipt in self.citizen.cases}
        if self.invited is not None:
            roles.add(Role.GUEST)
            reach.add(f"third_party:{self.invited.third_party}")
        if self.staff is not None:
            roles |= {Role(role) for role in self.staff.roles}
            reach.add(f"district:{self.staff.district}")
            if Role.CITY_ADMIN in roles:
                reach.add("city")
        return Person(roles=frozenset(roles), reach=frozenset(reach))


GUEST = web.RequestKey("guest", Guest)


def guest(request: web.Request) -> Guest:
    """Who the request comes from."""
    return request[GUEST]


@web.middleware
async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost layer: identify, let in, and turn every failure into one kind of answer."""
    request[GUEST] = visitor = Guest(
        look=look_of(request), request_id=secrets.token_hex(8), address=_address(request)
    )
    try:
        _framing(request)
        await _identify(request, visitor)
        action = action_of(request)
        _same_site(request, visitor)
        if not allow(visitor.person, action):
            raise _refusal(request, action)
        return await handler(request)
    except CloudWindowError as error:
        return told(request, error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        refusal = told(request, _known(error))
        if "Allow" in error.headers:
            refusal.headers["Allow"] = error.headers["Allow"]
        return refusal
    except (ConnectionError, TimeoutError):
        raise
    except Exception:
        log.exception("request failed", extra={"request_id": visitor.request_id, "route": route_of(request)})
        return told(request, CloudWindowError("internal_error"))


def action_of(request: web.Request) -> str:
    """The action the route was declared with; nobody may use a route without one."""
    handler = getattr(request.match_info, "handler", None)
    return str(getattr(handler, "action", "")) or ("look" if request.match_info.http_exception else "")


def route_of(request: web.Request) -> str:
    """The route's template, so that no secret in a path reaches a log."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


def _framing(request: web.Request) -> None:
    if not host_known(request.headers.get("Host", "").lower(), request.app[SETTINGS]):
        raise Malformed("host_unknown")
    if request.headers.get("Content-Encoding"):
        raise WrongEncoding("encoding_refused")
    if request.version < (1, 1) and request.headers.get("Transfer-Encoding"):
        raise Malformed("framing_refused")


def host_known(host: str, settings: Settings) -> bool:
    """Whether we answer to ``host``: the public name, or this machine's own in a demo or without one."""
    public = urlsplit(settings.public_url).netloc.lower()
    if public and host == public:
        return True
    return (settings.demo or not public) and _without_port(host) in LOCAL_HOSTS


def _without_port(host: str) -> str:
    return host if host.endswith("]") else host.rsplit(":", 1)[0]


async def _identify(request: web.Request, visitor: Guest) -> None:
    """Each side sees only its own session: somebody may be a citizen and an agent in one browser."""
    door: Door = request.app[JOURNEY].door
    if is_guest_path(request.path):
        visitor.invited = await door.invited(request.cookies.get(GUEST_COOKIE))
        return
    if not is_staff_path(request.path):
        visitor.citizen = await door.citizen(request.cookies.get(CITIZEN_COOKIE))
        return
    known = await door.staff(request.cookies.get(STAFF_COOKIE))
    if known is not None:
        visitor.staff_session, visitor.staff = known


STAFF_PATHS = ("/staff", "/desk", "/inbox", "/board", "/ws/desk", "/ws/board")


def is_staff_path(path: str) -> bool:
    """Whether a path belongs to the staff's side; each side sees only its own session."""
    return path.startswith(STAFF_PATHS)


def is_guest_path(path: str) -> bool:
    """Whether a path belongs to somebody invited into a call."""
    return path.startswith(("/guest", "/ws/guest"))


def _refusal(request: web.Request, action: str) -> CloudWindowError:
    if is_staff_path(request.path):
        return NotAllowed("not_allowed") if guest(request).staff else NotSignedIn("not_signed_in")
    if action == "guest":
        return NotFound("third_party_unknown")
    if action == "appointment":
        return NotFound("no_appointment")
    if action == "left_form":
        return NotFound("no_left_form")
    return NotFound("no_visit" if action.startswith("visit") else "case_not_found")


def _same_site(request: web.Request, visitor: Guest) -> None:
    upgrade = upgrades(request)
    if request.method not in WRITES and not upgrade:
        return
    origin = request.headers.get("Origin")
    if upgrade and origin is None:
        raise NotAllowed("origin_refused")
    if origin is not None and origin not in _origins(request):
        raise NotAllowed("origin_refused")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise NotAllowed("origin_refused")


def upgrades(request: web.Request) -> bool:
    """Whether a page wants to open its socket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _origins(request: web.Request) -> set[str]:
    public = request.app[SETTINGS].public_url
    allowed = {public} if public else set()
    host = request.headers.get("Host", "").lower()
    if _without_port(host) in LOCAL_HOSTS:
        allowed |= {f"http://{host}", f"https://{host}"}
    return allowed


def check_csrf(request: web.Request, token: str) -> None:
    """Raise NotAllowed("csrf_wrong") unless ``token`` is the session's."""
    wanted = guest(request).csrf
    if wanted and not hmac.compare_digest(wanted.encode(), token.encode("utf-8", "replace")):
        raise NotAllowed("csrf_wrong")


def _address(request: web.Request) -> str:
    """The client's network: /24 or /56 of its address, behind as many proxies as we trust."""
    hops = request.app[SETTINGS].trusted_proxy_hops
    forwarded = [one.strip() for one in request.headers.get("X-Forwarded-For", "").split(",") if one.strip()]
    plain = forwarded[-hops] if hops and len(forwarded) >= hops else (request.remote or "")
    return ":".join(plain.split(":")[:4]) if ":" in plain else ".".join(plain.split(".")[:3])


def wants_json(request: web.Request) -> bool:
    """Whether the caller is a script."""
    accept = request.headers.get("Accept", "")
    return "json" in accept or (
        "html" not in accept and request.headers.get("Content-Type", "").startswith("application/json")
    )


def told(request: web.Request, error: CloudWindowError) -> web.Response:
    """One error as an answer: problem+json for scripts, a page for people."""
    visitor = guest(request)
    spoken = texts(visitor.look.language)
    title = sentence(error, spoken)
    if error.status == 401 and not wants_json(request) and request.method == "GET" and not upgrades(request):
        return web.Response(status=303, headers={"Location": "/staff/sign-in"})
    headers = {"Retry-After": str(error.retry_after_seconds)} if error.retry_after_seconds else {}
    if wants_json(request):
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": title,
            "status": error.status,
            "code": error.code,
            "request_id": visitor.request_id,
        }
        if error.field:
            problem["field"] = error.field
        if isinstance(error, Problems):
            problem["errors"] = error_rows(error.errors, request)
        return web.json_response(
            problem, status=error.status, headers=headers, content_type="application/problem+json"
        )
    page = render(
        request,
        "citizen/error.html",
        status=error.status,
        code=error.code,
        title=title,
        text=spoken.gettext(NEXT_STEPS.get(error.status, NEXT_STEPS[500])),
        request_id=visitor.request_id,
        next_link="/staff" if is_staff_path(request.path) else "/",
    )
    page.headers.update(headers)
    return page


GO_BACK = N_("Please go back and try again. Nothing of what you entered earlier is lost.")
NEXT_STEPS = {
    400: GO_BACK,
    401: N_("Please sign in."),
    403: N_("Please go back to where you came from, reload that page and try again."),
    404: N_("The link may be old or mistyped. You can start again from the first page."),
    405: GO_BACK,
    409: N_("Something has changed in the meantime. Please reload the page to see where things stand."),
    410: N_("Please start again from the first page; what was submitted is kept."),
    413: N_("Please choose something smaller and try again."),
    415: GO_BACK,
    422: N_("Please go back, check what you entered and try again."),
    429: N_("Please wait a moment and try again."),
    500: N_("The mistake is ours. Please try again in a minute, or call 12345 and name the code below."),
    503: N_("Please try again in a minute. What was confirmed before is safe."),
}


def error_rows(errors: Sequence[CloudWindowError], request: web.Request) -> list[tuple[str, str, str]]:
    """(field, code, sentence) of each error, as templates show them."""
    spoken = texts(guest(request).look.language)
    return [(error.field or "", error.code, sentence(error, spoken)) for error in errors]


def _known(error: web.HTTPException) -> CloudWindowError:
    if error.status == 404:
        return NotFound("page_not_found")
    if error.status == 405:
        return WrongMethod("method_not_allowed")
    if error.status == 413:
        return TooLarge("body_too_large")
    return Malformed("request_malformed")


def parts(request: web.Request, folder: str, known: frozenset[str], **values: Any) -> web.Response:
    """The parts of a page that ``?names=`` asks for, each rendered by itself: JSON {name: HTML}."""
    names = [name for name in request.query.get("names", "").split(",") if name in known]
    shown = {name: _rendered(request, f"{folder}/{name}.html", values)[0] for name in names}
    return web.json_response(shown)


def _rendered(request: web.Request, template: str, values: Mapping[str, Any]) -> tuple[str, str]:
    visitor = guest(request)
    always: dict[str, Any] = {"csrf": visitor.csrf}
    if visitor.staff is not None:
        always["staff"] = request.app[JOURNEY].door.card(visitor.staff)
    return request.app[PAGES].render(template, visitor.look, request.path, **{**always, **values})


def render(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A page with its Content-Security-Policy."""
    text, nonce = _rendered(request, template, values)
    page = web.Response(status=status, text=text, content_type="text/html", charset="utf-8")
    page.headers["Content-Security-Policy"] = policy(request, nonce)
    page.headers["Vary"] = "Cookie, Accept-Language"
    return page


def policy(request: web.Request, nonce: str) -> str:
    """
    What a page may load: its own scripts by nonce, its own styles and pictures, nothing from elsewhere.

    In demo mode pages may frame each other, for the side-by-side view.
    """
    host = request.headers.get("Host", "localhost")
    ancestors = "'self'" if request.app[SETTINGS].demo else "'none'"
    frames = " frame-src 'self';" if request.app[SETTINGS].demo else ""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; "
        f"img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; "
        f"connect-src 'self' ws://{host} wss://{host};{frames} form-action 'self'; base-uri 'none'; "
        f"object-src 'none'; frame-ancestors {ancestors}; require-trusted-types-for 'script'; "
        "trusted-types cw"
    )


ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" browsers send `Origin: null` with a plain form, and our own check would refuse it.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=(), payment=()",
}
BARE_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


async def harden(request: web.Request, response: web.StreamResponse) -> None:
    """The headers of every answer, whatever it is."""
    headers = response.headers
    headers.pop("Server", None)
    headers.update(ALWAYS)
    headers.setdefault("Content-Security-Policy", BARE_POLICY)
    headers.setdefault("Cache-Control", "no-store")
    if request.app[SETTINGS].public_url.startswith("https://"):
        headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    found = request.get(GUEST)
    if found is not None:
        headers["X-Request-Id"] = found.request_id
