"""
Print the state diagrams of docs/architecture.md from the tables of the house.

    python scripts/diagrams.py            write them between their markers
    python scripts/diagrams.py --check    only say whether they are fresh
"""

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from cloudwindow.domain import (  # noqa: E402
    application,
    appointment,
    handover,
    left_form,
    outbox,
    presence,
    recording,
    session,
    third_party,
    ticket,
)
from cloudwindow.domain.machine import diagram, final  # noqa: E402

PAGE = ROOT / "docs" / "architecture.md"
TABLES: Mapping[str, Any] = {
    "ticket": ticket,
    "appointment": appointment,
    "left_form": left_form,
    "session": session,
    "third_party": third_party,
    "recording": recording,
    "outbox": outbox,
    "application": application,
    "handover": handover,
    "presence": presence,
}
"""Rooms of the domain with a table of transitions."""

FIRST: Mapping[str, str] = {
    "ticket": ticket.State.WAITING,
    "appointment": appointment.State.BOOKED,
    "left_form": left_form.State.FILLING,
    "session": session.State.RINGING,
    "third_party": third_party.State.INVITED,
    "recording": recording.State.STARTING,
    "outbox": outbox.State.WAITING,
    "application": application.State.DRAFT,
    "handover": handover.State.SENT,
    "presence": presence.State.OFFLINE,
}


def printed(name: str) -> str:
    """The diagram of one machine, with where it begins and where it ends."""
    room = TABLES[name]
    rows = diagram(room.TRANSITIONS).splitlines()
    ends = sorted(final(room.TRANSITIONS, room.State), key=list(room.State).index)
    return "\n".join(
        [rows[0], f"    [*] --> {FIRST[name]}", *rows[1:], *(f"    {state} --> [*]" for state in ends)]
    )


def drawn(page: str) -> str:
    """``page`` with every diagram between its markers drawn anew. Raises KeyError for an unknown machine."""
    marked = re.compile(r"(<!-- diagram: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
    return marked.sub(lambda found: f"{found[1]}```mermaid\n{printed(found[2])}\n```\n{found[3]}", page)


def missing(page: str) -> list[str]:
    """The machines that ``page`` does not show."""
    return [name for name in TABLES if f"<!-- diagram: {name} -->" not in page]


def main() -> int:
    """Write, or check; 1 when the page was not fresh."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    arguments.add_argument("--check", action="store_true")
    checking = arguments.parse_args().check
    before = PAGE.read_text("utf-8")
    after = drawn(before)
    if not checking:
        PAGE.write_text(after, "utf-8")
        return 0
    return int(before != after or bool(missing(before)))


if __name__ == "__main__":
    sys.exit(main())
