"""The wire is described three times, and a route twice: here they are compared."""

import dataclasses
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from cloudwindow import app
from cloudwindow.domain import messages
from cloudwindow.domain.messages import MESSAGES, Message
from cloudwindow.handlers.routes import ROUTES

ROOT = Path(__file__).parents[2]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text("utf-8")
MIRROR = (ROOT / "web" / "js" / "lib" / "messages.js").read_text("utf-8")

DIRECTIONS: Mapping[str, type[Message]] = {
    "either side of a call → server": messages.FromBoth,
    "citizen → server": messages.FromCitizen,
    "agent → server": messages.FromAgent,
    "server → either side": messages.ToBoth,
    "server → citizen": messages.ToCitizen,
    "server → agent": messages.ToAgent,
    "server → board": messages.ToBoard,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One message as one of the three tells it; a field's type is spelled as in JSDoc, `?` if optional."""

    name: str
    direction: str
    fields: tuple[tuple[str, str], ...]
    words: str


def in_python() -> dict[str, Described]:
    return {kind: _from_class(kind, shape) for kind, shape in MESSAGES.items()}


def _from_class(kind: str, shape: type[Message]) -> Described:
    hints = get_type_hints(shape)
    fields = tuple(
        (one.name + ("" if one.default is dataclasses.MISSING else "?"), _spelled(hints[one.name]))
        for one in dataclasses.fields(shape)
    )
    direction = next(name for name, base in DIRECTIONS.items() if issubclass(shape, base))
    return Described(
        name=shape.__name__, direction=direction, fields=fields, words=_plain(shape.__doc__ or "")
    )


def _spelled(hint: Any) -> str:
    names = {Any: "any", str: "string", bool: "boolean", int: "number", float: "number", type(None): "null"}
    if hint in names:
        return names[hint]
    if get_origin(hint) in {Union, types.UnionType}:
        return " | ".join(_spelled(one) for one in get_args(hint))
    assert get_origin(hint) is tuple, hint
    return f"{_spelled(get_args(hint)[0])}[]"


def in_javascript() -> dict[str, Described]:
    found = {}
    direction = ""
    for part in re.finditer(r"^// --- (.+?) -+$|/\*\*\n(.*?)\*/", MIRROR, re.DOTALL | re.MULTILINE):
        if part[1]:
            direction = part[1]
            continue
        lines = [line.strip().removeprefix("*").strip() for line in part[2].splitlines()]
        typedef = next(line for line in lines if line.startswith("@typedef"))
        properties = re.findall(r"@property \{(.+?)\} (\S+)", part[2])
        assert properties[0][1] == "type", typedef
        fields = tuple((_optional(name), kind) for kind, name in properties[1:])
        words = _plain(" ".join(line for line in lines if not line.startswith("@")))
        name = typedef.split()[-1]
        kind = properties[0][0].strip('"')
        found[kind] = Described(name=name, direction=direction, fields=fields, words=words)
    return found


def _optional(name: str) -> str:
    return f"{name[1:-1]}?" if name.startswith("[") else name


def in_the_document() -> dict[str, Described]:
    known = in_python()
    found = {}
    section = ""
    for line in PROTOCOL.splitlines():
        if line.startswith("### "):
            section = line[4:].lower()
        row = re.fullmatch(r"\| `([a-z_.]+)` \| (.+?) \| (.+) \|", line)
        if row and section in DIRECTIONS:
            fields = tuple(
                (name, kind.replace(" or ", " | ")) for name, kind in re.findall(r"`(\S+)` ([^;]+)", row[2])
            )
            name = known[row[1]].name if row[1] in known else ""
            found[row[1]] = Described(name=name, direction=section, fields=fields, words=_plain(row[3]))
    return found


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("``", "`")).strip()


SPOKEN, MIRRORED, WRITTEN = in_python(), in_javascript(), in_the_document()


def test_code_document_and_browser_know_the_same_messages() -> None:
    assert SPOKEN.keys() == WRITTEN.keys()
    assert SPOKEN.keys() == MIRRORED.keys()


@pytest.mark.parametrize("kind", sorted(SPOKEN))
def test_a_message_is_described_alike_in_all_three_places(kind: str) -> None:
    assert WRITTEN[kind] == SPOKEN[kind]
    assert MIRRORED[kind] == SPOKEN[kind]


ROUTE_ROW = re.compile(r"^\| `(GET|POST) (/\S*)` \| `([a-z_.]+)` \| (.+) \|$", re.MULTILINE)


def test_every_route_is_described_with_its_right_and_none_that_does_not_exist() -> None:
    assert app.HANDLERS, "importing them declares their routes"
    declared = {(one.method, one.path, one.action) for one in ROUTES}
    described = [row[:3] for row in ROUTE_ROW.findall(PROTOCOL)]
    assert sorted(described) == sorted(declared)


def test_the_document_gives_the_numbers_that_hold() -> None:
    from cloudwindow import signaling
    from cloudwindow.domain import strict_json
    from cloudwindow.handlers import reading
    from cloudwindow.records import keys

    told = {
        f"{signaling.MESSAGE_BYTES // 1024} KiB",
        f"{messages.TEXT_LIMIT:,} characters; SDP {messages.SDP_LIMIT:,}",
        f"{strict_json.DEEPEST} levels",
        f"| Messages a second, on average | {signaling.FRAMES_PER_SECOND} |",
        f"| Messages a page has not read | {signaling.OUTBOX_MESSAGES} |",
        f"| {signaling.SIGNED_OUT} |",
        f"| {signaling.REPLACED} |",
        f"form {reading.FORM_BYTES // 1024} KiB, JSON {reading.JSON_BYTES // 1024**2} MiB",
        f"photograph {reading.UPLOAD_BYTES // 1024**2} MiB",
        f"for {keys.KEPT_SECONDS // 86_400} days",
    }
    assert {words for words in told if words not in PROTOCOL} == set()
