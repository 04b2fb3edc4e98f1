"""
Words that open our TURN relay for minutes, as coturn checks them (draft-uberti-behave-turn-rest-00).

The user name is ``expiry:mark``; the credential its HMAC under the secret shared with coturn. The mark is the
same for one person as long as the secret lives, so that coturn's quota per person holds, and says nothing
about them.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LIFE_SECONDS: Final = 600
"""How long a credential opens new relays; those it opened live on until they are closed."""
MARK_LETTERS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class IceServer:
    """One entry of a browser's ``iceServers``."""

    urls: Sequence[str]
    username: str
    credential: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """
    Our TURN relay at ``urls`` (RFC 7065); without any there is none.

    ``only``: browsers send media through it and no other way, because the workers have no public address.
    """

    urls: tuple[str, ...] = ()
    secret: str = ""
    only: bool = False

    def servers(self, person: str, *, now: float) -> list[IceServer]:
        """Return what ``person``'s browser may use from ``now`` on, in seconds since the epoch."""
        if not self.urls:
            return []
        username = f"{int(now) + LIFE_SECONDS}:{self._mark(person)}"
        return [IceServer(urls=self.urls, username=username, credential=self._credential(username))]

    def _mark(self, person: str) -> str:
        return hmac.new(self.secret.encode(), b"mark " + person.encode(), hashlib.sha256).hexdigest()[
            :MARK_LETTERS
        ]

    def _credential(self, username: str) -> str:
        """coturn takes no other hash than SHA-1 here; for an HMAC that is no weakness."""
        made = hmac.new(self.secret.encode(), username.encode(), hashlib.sha1)
        return base64.b64encode(made.digest()).decode()


NO_RELAY: Final = Relay()
