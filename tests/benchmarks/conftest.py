"""Fixtures of the tests of the benchmarks."""

from tests.gateways.redis_server import redis, redis_server

__all__ = ["redis", "redis_server"]
