"""
A connection to SQLite whose statements make one trip to its thread instead of four.

The driver gives every connection a thread and asks it separately for a cursor, the execution, the rows and
the closing. Each trip costs about as much as a small statement, and the ledger's writer runs many of those
one after the other, so here the thread does all of it at once and hands back the rows. What answers nothing,
the beginning of a look and the marks around a unit of work, waits for the next statement and goes with it.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, cast

from aiosqlite import Connection, Cursor

Row = Any
"""A tuple, or what a row factory makes of it."""


class OneTripCursor(Cursor):
    """A cursor that holds its rows, fetched where they were found."""

    _conn: "OneTripConnection"
    _cursor: sqlite3.Cursor

    def __init__(self, conn: "OneTripConnection") -> None:
        super().__init__(conn, cast(sqlite3.Cursor, None))
        self._rows: deque[Row] = deque()

    async def __aenter__(self) -> "OneTripCursor":
        return self

    @property
    def description(self) -> Any:
        """The columns of the result; None before the execution and for a statement without one."""
        return self._cursor and self._cursor.description

    async def execute(self, sql: str, parameters: Iterable[Any] | None = None) -> "OneTripCursor":
        """Execute ``sql`` and fetch its rows."""
        return await self._trip(sqlite3.Cursor.execute, sql, parameters or ())

    async def executemany(self, sql: str, parameters: Iterable[Iterable[Any]]) -> "OneTripCursor":
        """Execute ``sql`` once for each of ``parameters``."""
        return await self._trip(sqlite3.Cursor.executemany, sql, parameters)

    async def fetchone(self) -> Row | None:
        """Return the next row."""
        return self._rows.popleft() if self._rows else None

    async def fetchmany(self, size: int | None = None) -> Sequence[Row]:
        """Return the next ``size`` rows, or fewer at the end."""
        count = min(size or self.arraysize, len(self._rows))
        return [self._rows.popleft() for _ in range(count)]

    async def fetchall(self) -> Sequence[Row]:
        """Return the rows that are left."""
        return await self.fetchmany(len(self._rows) or 1)

    async def close(self) -> None:
        """Forget the rows; the statement ended when the last was fetched."""
        self._rows.clear()

    async def _trip(
        self, execute: Callable[..., Any], sql: str, parameters: Iterable[Any]
    ) -> "OneTripCursor":
        self._cursor, self._rows = await self._conn.trip(execute, sql, parameters)
        return self


class OneTripConnection(Connection):
    """A connection that gives out such cursors without asking its thread."""

    looks_only = False
    """Whether it changes nothing: then nobody need wait for the end of a transaction."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._first: list[str] = []

    def soon(self, sql: str) -> None:
        """Execute ``sql``, which gives no rows and does not fail, just before the next statement."""
        self._first.append(sql)

    async def commit(self) -> None:
        """Commit what was done, and what was only asked for soon."""
        first, self._first = self._first, []
        await self._ask(_commit, self._conn, first)

    async def rollback(self) -> None:
        """Undo what was done; what was only asked for soon never happens."""
        first, self._first = self._first, []
        if not self.looks_only:
            await super().rollback()
        elif not first:  # the thread does things in order: whoever looks next finds it done
            self._tx.put_nowait((None, self._conn.rollback))

    def cursor(self) -> Any:
        """Return a cursor; there is nothing to await."""
        return OneTripCursor(self)

    async def trip(
        self, execute: Callable[..., Any], sql: str, parameters: Iterable[Any]
    ) -> tuple[sqlite3.Cursor, deque[Row]]:
        """Have the thread execute and fetch; return its cursor and the rows."""
        first, self._first = self._first, []
        return cast(
            tuple[sqlite3.Cursor, deque[Row]],
            await self._ask(_execute_and_fetch, self._conn, first, execute, sql, parameters),
        )

    async def _ask(self, work: Callable[..., Any], *given: Any) -> Any:
        return await cast(Callable[..., Awaitable[Any]], self._execute)(work, *given)


def connector(path: str, *, looks_only: bool = False) -> Callable[[], Awaitable[OneTripConnection]]:
    """
    Return what opens a connection to the file at ``path``, which begins no transaction by itself.

    ``looks_only``: it will change nothing.
    """

    async def connect() -> OneTripConnection:
        connection = OneTripConnection(
            partial(sqlite3.connect, path, isolation_level=None), iter_chunk_size=64
        )
        connection.looks_only = looks_only
        connection._thread.daemon = True  # a connection nobody closed must not keep the process alive
        try:
            await connection
        except BaseException:
            await asyncio.to_thread(connection._thread.join)  # it still has to tell this loop that it stopped
            raise
        return connection

    return connect


def _execute_and_fetch(
    connection: sqlite3.Connection,
    first: Sequence[str],
    execute: Callable[..., Any],
    sql: str,
    parameters: Iterable[Any],
) -> tuple[sqlite3.Cursor, deque[Row]]:
    cursor = connection.cursor()
    for one in first:
        cursor.execute(one)
    execute(cursor, sql, parameters)
    return cursor, deque(cursor.fetchall() if cursor.description else ())


def _commit(connection: sqlite3.Connection, first: Sequence[str]) -> None:
    for one in first:
        connection.execute(one)
    connection.commit()
