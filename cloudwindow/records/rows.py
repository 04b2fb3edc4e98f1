"""Frozen values to rows and back: a value's fields are the table's columns."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from operator import itemgetter
from typing import Any, Protocol, TypeVar, get_type_hints

from sqlalchemy import Row, Table, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cloudwindow.domain.errors import Conflict


class Sealer(Protocol):
    """What the ledger asks of the vault; a sealed text opens only at its place."""

    def seal(self, text: str, *, place: str) -> str: ...

    def open(self, sealed: str, *, place: str) -> str: ...

    def blind(self, kind: str, text: str) -> str: ...

    def hash_token(self, secret: str) -> str: ...


T = TypeVar("T")


def as_row(value: Any, *, without: Iterable[str] = ()) -> dict[str, Any]:
    """The fields of a frozen ``value`` as column values, enums as their words."""
    left_out = frozenset(without)
    names = (field.name for field in dataclasses.fields(value) if field.name not in left_out)
    return {name: _plain(getattr(value, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return value


def from_row(shape: type[T], row: Row[Any], **others: Any) -> T:
    """Build ``shape`` from the columns of the same names; ``others`` fills what is kept elsewhere."""
    plan: _Plan = _plan(shape, frozenset(others))  # type: ignore[arg-type]  # types hash
    names, words, pick = plan
    values = [tuple(one) if type(one) is list else one for one in pick(row._mapping)]
    for at, word in words:
        if values[at] is not None:
            values[at] = word(str(values[at]))
    return shape(**dict(zip(names, values, strict=True)), **others)


_Plan = tuple[Sequence[str], Sequence[tuple[int, type[StrEnum]]], Callable[[Any], Sequence[Any]]]


@cache
def _plan(shape: type[Any], without: frozenset[str]) -> _Plan:
    """A value's fields, the enums among them, and what picks all from a row; found once, as rows are many."""
    hints = get_type_hints(shape)
    names = tuple(field.name for field in dataclasses.fields(shape) if field.name not in without)
    found = ((at, _word_of(hints[name])) for at, name in enumerate(names))
    words = tuple((at, word) for at, word in found if word is not None)
    pick = itemgetter(*names)
    return names, words, pick if len(names) > 1 else lambda columns: (pick(columns),)


def _word_of(hint: Any) -> type[StrEnum] | None:
    kinds = [hint, *getattr(hint, "__args__", ())]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, StrEnum)), None)


async def overwrite(
    conn: AsyncConnection, table: Table, row: Mapping[str, Any], *, key: str = "id", seen: int
) -> None:
    """
    Replace the row that still has version ``seen``.

    Raises Conflict("version_stale") when somebody else has written since.
    """
    where = (table.c[key] == row[key]) & (table.c.version == seen)
    done = await conn.execute(update(table).where(where).values(dict(row)))
    if done.rowcount != 1:
        raise Conflict("version_stale")


def place(table: str, column: str, row: str) -> str:
    """Name the one cell a sealed value belongs to; the same words as the vault's."""
    return "\x1f".join((table, column, row))


def dumps(value: Any) -> str:
    """Canonical JSON."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
