"""Reading what people send: forms, photographs and JSON, each with limits in bytes and seconds."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, web
from aiohttp.http import HttpProcessingError
from multidict import MultiDict, MultiDictProxy

from cloudwindow.domain.catalogue import FieldType, Form
from cloudwindow.domain.errors import BadInput, Malformed, TooLarge
from cloudwindow.domain.strict_json import parsed
from cloudwindow.handlers.door import check_csrf

BODY_SECONDS = 20.0
UPLOAD_SECONDS = 60.0
FORM_BYTES = 256 * 1024
OPEN_FORM_BYTES = 4096
JSON_BYTES = 1024 * 1024
UPLOAD_BYTES = 15 * 1024 * 1024
PARTS = 64

Typed = MultiDictProxy[str]
UNREADABLE = (ValueError, AssertionError, RuntimeError, web.HTTPException, HttpProcessingError, EOFError)
"""What the library raises at the parts of a malformed upload."""


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as exc:
        raise Malformed("body_too_slow") from exc


async def _body(request: web.Request, most: int) -> bytes:
    if (request.content_length or 0) > most:
        raise TooLarge("body_too_large")
    chunks = bytearray()
    async with _deadline(BODY_SECONDS):
        async for chunk in request.content.iter_chunked(65_536):
            chunks += chunk
            if len(chunks) > most:
                raise TooLarge("body_too_large")
    return bytes(chunks)


async def read_form(request: web.Request) -> Typed:
    """A plain form, its CSRF token checked. Raises Malformed("form_malformed"), NotAllowed("csrf_wrong")."""
    if request.content_type == "multipart/form-data":
        typed, _ = await read_upload(request)
        return typed
    if request.content_type != "application/x-www-form-urlencoded":
        raise Malformed("form_malformed")
    raw = await _body(request, FORM_BYTES)
    typed = MultiDictProxy(MultiDict(_pairs(raw)))
    check_csrf(request, _token(request, typed))
    return typed


async def read_open_form(request: web.Request) -> Typed:
    """A small form that needs no token, because it changes nothing but how pages look."""
    return MultiDictProxy(MultiDict(_pairs(await _body(request, OPEN_FORM_BYTES))))


def _token(request: web.Request, typed: Typed) -> str:
    return request.headers.get("X-CSRF", "") or typed.get("csrf", "")


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, strict_parsing=False, max_num_fields=500, errors="strict"
        )
    except ValueError as exc:
        raise Malformed("form_malformed") from exc
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise Malformed("form_malformed")  # no database keeps it
    return pairs


async def read_upload(request: web.Request) -> tuple[Typed, dict[str, list[bytes]]]:
    """A form with files: (values, files by name). Raises Malformed("form_malformed"), TooLarge."""
    if request.content_type != "multipart/form-data" or "boundary" not in request.headers.get(
        "Content-Type", ""
    ):
        raise Malformed("form_malformed")
    if (request.content_length or 0) > UPLOAD_BYTES * 2:
        raise TooLarge("upload_too_large", {"megabytes": UPLOAD_BYTES // 1024**2})
    values: MultiDict[str] = MultiDict()
    files: dict[str, list[bytes]] = {}
    try:
        async with _deadline(UPLOAD_SECONDS):
            await _read_parts(request, values, files)
    except (
        ValueError,
        AssertionError,
        RuntimeError,
        web.HTTPException,
        HttpProcessingError,
        EOFError,
    ) as exc:
        raise Malformed("form_malformed") from exc
    typed = MultiDictProxy(values)
    check_csrf(request, _token(request, typed))
    return typed, files


def photos(files: Mapping[str, list[bytes]]) -> list[bytes]:
    """The photographs of an upload, one at least. Raises BadInput("file_missing")."""
    given = files.get("file", [])
    if not given:
        raise BadInput("file_missing", field="file")
    return given


async def _read_parts(request: web.Request, values: MultiDict[str], files: dict[str, list[bytes]]) -> None:
    count = 0
    async for part in await request.multipart():
        count += 1
        if count > PARTS or not isinstance(part, BodyPartReader) or not part.name:
            raise Malformed("form_malformed")
        if part.filename is None:
            values.add(part.name, _text(await _part(part, FORM_BYTES)))
        elif content := await _part(part, UPLOAD_BYTES):
            files.setdefault(part.name, []).append(content)


def _text(raw: bytes) -> str:
    if b"\0" in raw:
        raise Malformed("form_malformed")
    return raw.decode()


async def _part(part: BodyPartReader, most: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk(65_536):
        content += chunk
        if len(content) > most:
            raise TooLarge("upload_too_large", {"megabytes": UPLOAD_BYTES // 1024**2})
    return bytes(content)


async def read_json(request: web.Request) -> dict[str, Any]:
    """
    One strict JSON object: UTF-8, no duplicate names, no NaN, at most 20 levels deep; CSRF from the header.

    Raises Malformed("json_malformed"), TooLarge("body_too_large").
    """
    check_csrf(request, request.headers.get("X-CSRF", ""))
    return strict_json(await _body(request, JSON_BYTES))


def strict_json(raw: bytes) -> dict[str, Any]:
    """Parse one object strictly. Raises Malformed("json_malformed")."""
    try:
        value = parsed(raw.decode("utf-8"))
    except ValueError as exc:
        raise Malformed("json_malformed") from exc
    if not isinstance(value, dict):
        raise Malformed("json_malformed")
    return value


COMPOUND: dict[FieldType, tuple[str, ...]] = {
    FieldType.ADDR: ("district", "street", "detail"),
    FieldType.BANK: ("bank", "account"),
}
"""Types whose parts are controls of their own, named ``field.part``."""


def answers_of(form: Form, typed: Typed) -> dict[str, Any]:
    """The questions of ``form`` that ``typed`` speaks of, each in the shape its type wants."""
    found: dict[str, Any] = {}
    for question in form.fields:
        names = COMPOUND.get(question.type, ())
        if names and any(f"{question.id}.{name}" in typed for name in names):
            parts = {name: typed.get(f"{question.id}.{name}", "") for name in names}
            found[question.id] = parts if any(parts.values()) else ""
        elif not names and question.id in typed:
            found[question.id] = _shaped(question.type, typed.getall(question.id))
    return found


def _shaped(kind: FieldType, values: list[str]) -> Any:
    if kind is FieldType.ENUMS:
        return [value for value in values if value]
    if kind is FieldType.BOOL:
        return {"true": True, "false": False}.get(values[-1], "")
    return values[-1]
