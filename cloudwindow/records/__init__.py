"""The ledger: tables, migrations and the queries that everything reads."""

from sqlalchemy.ext.asyncio import AsyncConnection as Connection

__all__ = ["Connection"]
