"""Bytes on the wire, for what no decent client would send."""

import asyncio
from dataclasses import dataclass

from tests.handlers.people import LIMIT_SECONDS, City


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


async def spoken(city: City, *pieces: bytes, last: bool = False) -> Raw:
    """
    Send ``pieces`` on a fresh connection and read one answer to its end.

    ``last``: the server must then close the connection without another byte.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", city.config.port)
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            answer = await read_answer(reader)
            assert not last or await reader.read() == b""
            return answer
    finally:
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> Raw:
    """One answer from ``reader``."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {}
    for line in head[1:-2]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Raw(status=int(head[0].split()[1]), headers=headers, body=body)
