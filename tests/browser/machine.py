"""The browsers of this machine, as the set-up found or installed them."""

import os
import shutil
import socket

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FIREFOX = os.environ.get("FIREFOX", "/usr/bin/firefox-esr")
HAS_FIREFOX = shutil.which(FIREFOX) is not None


def own_address() -> str:
    """
    An address of this machine that is not loopback, if it has one: Firefox sends no media to loopback.

    Nothing leaves the machine: what it sends to itself goes over loopback, whatever the address.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            return "127.0.0.1"
        return str(asking.getsockname()[0])
