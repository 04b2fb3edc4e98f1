"""The ledger: everything that is acknowledged is a committed row here."""
