"""The one reader of JSON that comes from outside: strict where the standard library is generous."""

import json
from typing import Any

DEEPEST = 20
LONGEST_NUMBER = 17


def parsed(text: str) -> Any:
    """
    Read one JSON value.

    Raises ValueError for what RFC 8259 forbids or leaves open: duplicate names, NaN, infinite or very long
    numbers, lone surrogates, zero characters, nesting deeper than ``DEEPEST``.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refused,
            parse_int=_whole,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("nested too deep") from None
    if _depth(value) > DEEPEST:
        raise ValueError("nested too deep")
    json.dumps(value, ensure_ascii=False).encode("utf-8")  # a lone surrogate fails here, as a ValueError
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate name")
    return found


def _refused(name: str) -> Any:
    raise ValueError(name)


def _whole(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError("number too long")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("number too large")
    return value


def _depth(value: Any) -> int:
    """How deep ``value`` is nested; on the way, refuse the one letter no database keeps."""
    if isinstance(value, str) and "\0" in value:
        raise ValueError("zero character")
    if isinstance(value, dict):
        return 1 + max((_depth(one) for pair in value.items() for one in pair), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(one) for one in value), default=0)
    return 0
