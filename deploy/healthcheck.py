"""
Ask one of our own processes whether it is well: ``healthcheck.py http://host:port/path | tcp://host:port``.

Exit status 0 when HTTP answers 200, or when the TCP port accepts, within two seconds. The request carries the
public host's name, because the web nodes answer to no other.
"""

import http.client
import os
import socket
import sys
from contextlib import closing
from urllib.parse import urlsplit

LIMIT_SECONDS = 2.0


def http_is_well(host: str, port: int, path: str, public_host: str | None) -> bool:
    """Whether GET ``path`` answers 200; raises OSError when nobody is there."""
    with closing(http.client.HTTPConnection(host, port, timeout=LIMIT_SECONDS)) as connection:
        connection.request("GET", path, headers={"Host": public_host} if public_host else {})
        with connection.getresponse() as response:
            return response.status == 200


def is_well(address: str, public_url: str) -> bool:
    """Whether the process behind ``address`` answers; ``public_url`` may be empty."""
    url = urlsplit(address)
    host, port = url.hostname or "127.0.0.1", url.port or 80
    try:
        if url.scheme == "http":
            return http_is_well(host, port, url.path or "/", urlsplit(public_url).netloc or None)
        socket.create_connection((host, port), timeout=LIMIT_SECONDS).close()
        return True
    except (OSError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_well(sys.argv[1], os.environ.get("CW_PUBLIC_URL", "")) else 1)
