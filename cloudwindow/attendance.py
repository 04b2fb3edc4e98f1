"""
Which pages are open on the other web nodes, as far as the nodes have told each other.

Each node numbers its steps, a page opened or closed, and repeats its last number while it is alive. Who has
missed a step asks for the whole list. So a message lost with Redis costs a moment, nothing is kept anywhere
else, and a node that falls silent takes all its pages along: the lease is the node's, not the page's.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

ATTENDANCE: Final = "attendance"
"""The topic of what nodes tell each other here."""
LEASE_SECONDS: Final = 6.0
"""A node not heard for so long counts as gone."""


@dataclass(slots=True)
class _Node:
    """Another node: the topics with an open page there after its ``step``, believed ``until`` this time."""

    step: int
    topics: set[str]
    until: float


class Attendance:
    """What this node tells the others, and what it heard from them. Times are seconds of a steady clock."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._step = 0
        self._mine: set[str] = set()
        self._others: dict[str, _Node] = {}
        self._taken: list[str] = []

    def opened(self, topic: str, *, alone: bool = False) -> str | None:
        """
        A page of ``topic`` is open here; what to tell the others, if that is news.

        ``alone``: in place of theirs, which they find in ``taken``.
        """
        if topic in self._mine:
            return None
        self._mine.add(topic)
        return self._stepped("took" if alone else "opened", topic)

    def closed(self, topic: str) -> str | None:
        """The last page of ``topic`` here has closed; what to tell the others, if that is news."""
        if topic not in self._mine:
            return None
        self._mine.discard(topic)
        return self._stepped("closed", topic)

    def alive(self) -> str:
        """What to tell the others well within ``LEASE_SECONDS``, again and again."""
        return self._said("alive")

    def elsewhere(self, topic: str, now: float) -> bool:
        """Whether another node that is alive has a page of ``topic`` open."""
        return any(topic in other.topics for other in self._others.values() if other.until > now)

    def taken(self) -> list[str]:
        """The topics whose page another node has taken over since this was last asked."""
        taken, self._taken = self._taken, []
        return taken

    def heard(self, text: str, now: float) -> str | None:
        """Take in what another node told; what to answer, if anything."""
        told = json.loads(text)
        if told["does"] == "took":
            self._taken.append(told["topic"])
        if told["does"] == "ask":
            return self._said("all", topics=sorted(self._mine)) if told["whom"] == self._node else None
        self._others = {name: other for name, other in self._others.items() if other.until > now}
        return self._follow(told, now)

    def _follow(self, told: dict[str, Any], now: float) -> str | None:
        name, step, does = told["node"], told["step"], told["does"]
        known = self._others.get(name)
        if does == "all":
            known = self._others[name] = _Node(step, set(told["topics"]), now)
        elif known is None or step != known.step + (does != "alive"):
            return self._said("ask", whom=name)
        elif does in {"opened", "took"}:
            known.topics.add(told["topic"])
        elif does == "closed":
            known.topics.discard(told["topic"])
        known.step, known.until = step, now + LEASE_SECONDS
        return None

    def _stepped(self, does: str, topic: str) -> str:
        self._step += 1
        return self._said(does, topic=topic)

    def _said(self, does: str, **more: object) -> str:
        return json.dumps({"node": self._node, "step": self._step, "does": does, **more})
