"""
A connection to SQLite whose statements make one trip to its thread instead of four.

The driver gives every connection a thread and asks it separately for a cursor, the execution, the rows and
the closing. Each trip costs about as much as a small statement, and the ledger's writer runs many of those
one after the other, so here the thread does all of it at once and hands back the rows.
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

    def cursor(self) -> Any:
        """Return a cursor; there is nothing to await."""
        return OneTripCursor(self)

    async def trip(
        self, execute: Callable[..., Any], sql: str, parameters: Iterable[Any]
    ) -> tuple[sqlite3.Cursor, deque[Row]]:
        """Have the thread execute and fetch; return its cursor and the rows."""
        ask = cast(Callable[..., Awaitable[tuple[sqlite3.Cursor, deque[Row]]]], self._execute)
        return await ask(_execute_and_fetch, self._conn, execute, sql, parameters)


def connector(path: str) -> Callable[[], Awaitable[OneTripConnection]]:
    """Return what opens a connection to the file at ``path``, which begins no transaction by itself."""

    async def connect() -> OneTripConnection:
        connection = OneTripConnection(
            partial(sqlite3.connect, path, isolation_level=None), iter_chunk_size=64
        )
        connection._thread.daemon = True  # a connection nobody closed must not keep the process alive
        try:
            await connection
        except BaseException:
            await asyncio.to_thread(connection._thread.join)  # it still has to tell this loop that it stopped
            raise
        return connection

    return connect


def _execute_and_fetch(
    connection: sqlite3.Connection, execute: Callable[..., Any], sql: str, parameters: Iterable[Any]
) -> tuple[sqlite3.Cursor, deque[Row]]:
    cursor = connection.cursor()
    execute(cursor, sql, parameters)
    return cursor, deque(cursor.fetchall() if cursor.description else ())
