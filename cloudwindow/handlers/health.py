"""For the operator: alive, ready, metrics; and the files of the browser."""

import mimetypes
from pathlib import Path

from aiohttp import web
from prometheus_client import generate_latest

from cloudwindow.domain.errors import CloudWindowError, NotFound
from cloudwindow.handlers.door import JOURNEY
from cloudwindow.handlers.routes import route

ASSETS = web.AppKey("assets", Path)
SERVED = ("css/", "js/", "images/", "node_modules/signature_pad/dist/")


@route("GET", "/health", "health")
async def health(request: web.Request) -> web.Response:
    """GET /health — 200 while the process answers."""
    return web.json_response({"status": "ok"})


@route("GET", "/ready", "health")
async def ready(request: web.Request) -> web.Response:
    """GET /ready — 200 when ledger and line answer, 503 with what does not."""
    house = request.app[JOURNEY].house
    away = []
    try:
        async with house.ledger.read():
            pass
    except CloudWindowError:
        away.append("ledger")
    try:
        await house.line.generation_missing()
    except CloudWindowError:
        away.append("line")
    body = {"status": "away" if away else "ok", "away": away}
    return web.json_response(body, status=503 if away else 200)


@route("GET", "/metrics", "metrics")
async def metrics(request: web.Request) -> web.Response:
    """GET /metrics — Prometheus text, for callers inside: what comes through a proxy finds nothing."""
    if "X-Forwarded-For" in request.headers:
        raise NotFound("page_not_found")
    return web.Response(body=generate_latest(), content_type="text/plain", charset="utf-8")


def file_of(folder: Path, path: str) -> Path:
    """The file that may be fetched under ``path``. Raises NotFound("page_not_found")."""
    try:
        file = (folder / path).resolve()
        inside = file.relative_to(folder.resolve()).as_posix()
        if inside.startswith(SERVED) and file.is_file():
            return file
    except (ValueError, OSError) as exc:  # outside, or no name a file can have
        raise NotFound("page_not_found") from exc
    raise NotFound("page_not_found")


@route("GET", "/assets/{path:.+}", "look")
async def asset(request: web.Request) -> web.StreamResponse:
    """GET /assets/{path} — styles, scripts, pictures of the house; nothing else below web/."""
    file = file_of(request.app[ASSETS], request.match_info["path"])
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    if file.suffix in {".js", ".mjs"}:
        kind = "text/javascript"
    versioned = "v" in request.query
    cache = "public, max-age=31536000, immutable" if versioned else "no-cache"
    return web.FileResponse(file, headers={"Content-Type": kind, "Cache-Control": cache})
