"""Fixtures of the gateway tests."""

from tests.gateways.databases import empty_url, ledger, ledger_url, migrated_file, postgres_server
from tests.gateways.redis_server import newest_server, redis, redis_server

__all__ = [
    "empty_url",
    "ledger",
    "ledger_url",
    "migrated_file",
    "newest_server",
    "postgres_server",
    "redis",
    "redis_server",
]
