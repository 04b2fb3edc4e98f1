"""
Everything that can go wrong in a way a person or a program must be told.

CloudWindowError
├── BadInput            422  what was sent cannot be used; ``field`` names the place
│   ├── Malformed       400  not even the shape is right (JSON, message, form)
│   ├── WrongMethod     405  the address exists, but cannot be asked this way
│   ├── WrongEncoding   415  compressed bodies are not taken
│   └── TooLarge        413
├── NotSignedIn         401
├── NotAllowed          403  only where the person may know that the thing exists
├── NotFound            404  unknown, or somebody else's: the answers are the same
├── Conflict            409  the thing has moved on: stale epoch, version or state
├── Gone                410  it was there and has ended: link, code, offer
├── TooOften            429  ``retry_after_seconds``
└── Unavailable         503  a part we depend on is away; nothing was acknowledged

Each error carries a stable ``code`` for programs; the sentence for people is looked up by that code in
``SENTENCES`` and goes through the translation catalogue. A sentence says what to do next.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(eq=False)
class CloudWindowError(Exception):
    """The root: ``code`` is stable, ``values`` fill the sentence, ``field`` names a form field."""

    code: str
    values: dict[str, Any] = field(default_factory=dict)
    field: str | None = None
    retry_after_seconds: int | None = None

    status: ClassVar[int] = 500

    def __str__(self) -> str:
        return self.code if self.field is None else f"{self.code} ({self.field})"


class BadInput(CloudWindowError):
    """What was sent cannot be used as it is."""

    status = 422


class Malformed(BadInput):
    """Not even the shape is right."""

    status = 400


class WrongMethod(BadInput):
    """The address exists, but cannot be asked this way."""

    status = 405


class WrongEncoding(BadInput):
    """The body is compressed; nobody may make us unpack it."""

    status = 415


class TooLarge(BadInput):
    """More than the limit, in bytes, pixels or items."""

    status = 413


class NotSignedIn(CloudWindowError):
    """Nobody is signed in, or the session has ended."""

    status = 401


class NotAllowed(CloudWindowError):
    """The person may know of the thing but not do this with it."""

    status = 403


class NotFound(CloudWindowError):
    """Unknown or somebody else's."""

    status = 404


class Conflict(CloudWindowError):
    """The thing has moved on since the caller looked."""

    status = 409


class Gone(CloudWindowError):
    """It was there and has ended."""

    status = 410


class TooOften(CloudWindowError):
    """The caller is over a limit; see ``retry_after_seconds``."""

    status = 429


class Unavailable(CloudWindowError):
    """A part we depend on is away. Nothing was acknowledged."""

    status = 503
