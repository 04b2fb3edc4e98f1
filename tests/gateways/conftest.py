"""Fixtures of the gateway tests."""

from tests.gateways.databases import empty_url, ledger, ledger_url, migrated_file, postgres_server

__all__ = ["empty_url", "ledger", "ledger_url", "migrated_file", "postgres_server"]
