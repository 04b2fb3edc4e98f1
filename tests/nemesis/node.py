"""A node of the product as it is, except that its text messages go to the carrier of the run."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cloudwindow import __main__ as commands
from cloudwindow import app
from cloudwindow.journey.house import House
from tests.nemesis.carrier import CarrierGateway

CARRIER = "NEMESIS_CARRIER"
"""The environment variable that names the carrier's socket."""


def with_carrier(furnish: Callable[..., House], socket: str) -> Callable[..., House]:
    """``furnish``, with the carrier in the place of the demonstration's gateway."""

    def furnished(*given: Any) -> House:
        return replace(furnish(*given), sms=CarrierGateway(socket))

    return furnished


if __name__ == "__main__":
    app.furnished = with_carrier(app.furnished, os.environ.pop(CARRIER))
    sys.exit(commands.main())
