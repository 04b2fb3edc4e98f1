"""
The text-message gateway: one method, and a demo gateway that keeps messages instead of sending them.

A real gateway implements :class:`SmsGateway` in a module of its own. How often a number may be written to
and how long a message is tried is decided by the caller.
"""

from dataclasses import dataclass, field
from typing import Protocol


class SmsGateway(Protocol):
    """Carries one short text to one mobile number."""

    async def send(self, mobile: str, text: str, *, key: str, now: float) -> None:
        """
        Hand ``text`` to the network for ``mobile`` (11 digits); ``now`` is seconds since the epoch.

        What comes again under the same ``key`` is dropped: a message may be handed over twice when its
        sender died, and must reach the phone once. Raises Unavailable ``sms_unavailable`` if the network does
        not take it now, BadInput ``sms_refused`` if it never will. Implementations log neither number nor
        text.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """One kept message; its ``repr`` shows neither number nor text, so that a log cannot either."""

    mobile: str = field(repr=False)
    text: str = field(repr=False)
    sent_at: float


class DemoSms:
    """DEMO: sends nothing. Keeps the last ``keep`` messages for the demo page of the staff."""

    def __init__(self, *, keep: int = 200) -> None:
        self._keep = keep
        self._sent: dict[str, SentMessage] = {}

    async def send(self, mobile: str, text: str, *, key: str, now: float) -> None:
        """Keep the message, unless it is kept already."""
        self._sent.setdefault(key, SentMessage(mobile=mobile, text=text, sent_at=now))
        while len(self._sent) > self._keep:
            del self._sent[next(iter(self._sent))]

    def sent(self) -> tuple[SentMessage, ...]:
        """Return the kept messages, newest first."""
        return tuple(reversed(self._sent.values()))
