"""Fixtures of the gateway tests."""

from tests.gateways.databases import empty_url, ledger, ledger_url, migrated_file, postgres_server
from tests.gateways.redis_server import redis, redis_server

__all__ = ["empty_url", "ledger", "ledger_url", "migrated_file", "postgres_server", "redis", "redis_server"]
