"""
An agent's presence, as the line keeps it in Redis: one script moves one row.

Rule 1: one offer at a time. The calls of an agent weigh no more together than they can carry; a call with
picture or voice fills them alone (``match.WEIGHTS``).
Rule 2: what rings beside a call does not change the state; the last call to end does.
Rule 3: presence is a lease that our own heartbeat renews.
"""

from enum import StrEnum


class State(StrEnum):
    """What an agent is doing."""

    OFFLINE = "offline"
    AWAY = "away"
    IDLE = "idle"
    OFFERED = "offered"
    IN_CALL = "in_call"
    WRAP_UP = "wrap_up"


class Event(StrEnum):
    """What can happen to an agent."""

    SIGN_IN = "sign_in"
    GO_AVAILABLE = "go_available"
    GO_AWAY = "go_away"
    OFFER = "offer"
    ACCEPT = "accept"
    DECLINE = "decline"
    MISS = "miss"
    MISS_AGAIN = "miss_again"
    WITHDRAW = "withdraw"
    RELEASE = "release"
    END_CALL = "end_call"
    END_ONE = "end_one"
    FINISH = "finish"
    FINISH_ONE = "finish_one"
    FINISH_RINGING = "finish_ringing"
    FINISH_AWAY = "finish_away"
    VANISH = "vanish"
    SIGN_OUT = "sign_out"


TRANSITIONS = {
    (State.OFFLINE, Event.SIGN_IN): State.AWAY,
    (State.AWAY, Event.GO_AVAILABLE): State.IDLE,
    (State.AWAY, Event.SIGN_OUT): State.OFFLINE,
    (State.AWAY, Event.VANISH): State.OFFLINE,
    (State.IDLE, Event.OFFER): State.OFFERED,
    (State.IDLE, Event.GO_AWAY): State.AWAY,
    (State.IDLE, Event.VANISH): State.AWAY,
    (State.IDLE, Event.SIGN_OUT): State.OFFLINE,
    (State.OFFERED, Event.ACCEPT): State.IN_CALL,
    (State.OFFERED, Event.DECLINE): State.IDLE,
    (State.OFFERED, Event.MISS): State.IDLE,
    (State.OFFERED, Event.MISS_AGAIN): State.AWAY,
    (State.OFFERED, Event.WITHDRAW): State.IDLE,
    (State.OFFERED, Event.GO_AWAY): State.AWAY,
    (State.OFFERED, Event.VANISH): State.AWAY,
    (State.OFFERED, Event.SIGN_OUT): State.OFFLINE,
    (State.IN_CALL, Event.ACCEPT): State.IN_CALL,
    (State.IN_CALL, Event.END_ONE): State.IN_CALL,
    (State.IN_CALL, Event.FINISH_ONE): State.IN_CALL,
    (State.IN_CALL, Event.END_CALL): State.WRAP_UP,
    (State.IN_CALL, Event.RELEASE): State.WRAP_UP,
    (State.WRAP_UP, Event.ACCEPT): State.IN_CALL,
    (State.WRAP_UP, Event.FINISH_ONE): State.WRAP_UP,
    (State.WRAP_UP, Event.FINISH_RINGING): State.OFFERED,
    (State.WRAP_UP, Event.FINISH): State.IDLE,
    (State.WRAP_UP, Event.FINISH_AWAY): State.AWAY,
    (State.WRAP_UP, Event.SIGN_OUT): State.OFFLINE,
}
