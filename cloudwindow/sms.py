"""
The text-message gateway: one method, and a demo gateway that keeps messages instead of sending them.

A real gateway implements :class:`SmsGateway` in a module of its own. How often a number may be written to
is decided by the caller.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol


class SmsGateway(Protocol):
    """Carries one short text to one mobile number."""

    async def send(self, mobile: str, text: str, *, now: float) -> None:
        """
        Hand ``text`` to the network for ``mobile`` (11 digits); ``now`` is seconds since the epoch.

        Raises Unavailable ``sms_unavailable`` if the network does not take it. Implementations never log
        the number or the text.
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
        self._sent: deque[SentMessage] = deque(maxlen=keep)

    async def send(self, mobile: str, text: str, *, now: float) -> None:
        """Keep the message."""
        self._sent.append(SentMessage(mobile=mobile, text=text, sent_at=now))

    def sent(self) -> tuple[SentMessage, ...]:
        """Return the kept messages, newest first."""
        return tuple(reversed(self._sent))
