"""Whatever people, desks, nodes and Redis do: the promises of the line hold, and seeded bugs are found."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase

from cloudwindow.domain import ticket as tickets
from cloudwindow.domain.machine import step
from cloudwindow.queue import Line
from tests.gateways.redis_server import RedisServer
from tests.journeys.town_model import explore


def test_whatever_happens_in_a_town_the_promises_of_the_line_hold(
    valkey: RedisServer, migrated_file: Path
) -> None:
    explore(valkey.url, migrated_file, 12, Phase.generate, Phase.shrink)
