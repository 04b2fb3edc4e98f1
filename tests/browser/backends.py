"""Who moves the packets of the running product: our own worker, or Debian's Janus behind one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.gateways.janus_server import NEEDS_JANUS, running_janus

BACKENDS = [pytest.param("workers", id="workers"), pytest.param("janus", id="janus", marks=NEEDS_JANUS)]


@contextmanager
def backed(name: str, folder: Path) -> Iterator[dict[str, str]]:
    """The settings under which the product uses that backend, which runs meanwhile."""
    if name == "workers":
        yield {}
        return
    with running_janus(folder) as janus:
        yield {
            "CW_MEDIA_BACKEND": "janus",
            "CW_JANUS_URL": janus.settings.url,
            "CW_JANUS_API_SECRET": janus.settings.api_secret,
            "CW_JANUS_ADMIN_KEY": janus.settings.admin_key,
        }
