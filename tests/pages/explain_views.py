"""Sample explanations for the admin's page: one ticket with every kind of offer, and the newest of all."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cloudwindow.domain.catalogue import District
from cloudwindow.domain.explain import Assignment, check, lost_because, read
from cloudwindow.domain.ids import TicketId
from cloudwindow.i18n import texts
from cloudwindow.journey.explaining import LatestRow, Loser, OfferStory, TicketStory, lane_of
from cloudwindow.journey.telling import Teller
from cloudwindow.records.assignments import Colleague
from tests.pages.sample_catalogue import HUADU, ITEM, TIANHE, YUEXIU
from tests.pages.staff_views import TICKET

DISTRICTS: dict[str, District] = {one.code: one for one in (HUADU, TIANHE, YUEXIU)}
PEOPLE = {
    one.id: one
    for one in (
        Colleague(id="s1", name="陈晓敏", number="0203", district=YUEXIU.code),
        Colleague(id="s4", name="何家豪", number="1402", district=HUADU.code),
        Colleague(id="s5", name="区静仪", number="0611", district=TIANHE.code),
        Colleague(id="s6", name="欧阳婉婷", number="1407", district=HUADU.code),
    )
}
LANE = f"{HUADU.code}|human_resources|yue|video|120-60-180"
JOINED_MS = TICKET.joined_at * 1000
NUMBERS = {"t2": "H049", "t3": "H051"}


def offered(epoch: int, seconds: float, agent: str, ring: int, **why: Any) -> Assignment:
    """The ``epoch``-th offer, ``seconds`` after the number was taken."""
    reasons = {"score_ms": JOINED_MS, "opened_ms": 0, "waited_ms": seconds * 1000, **why}
    return Assignment(
        ticket=TICKET.id,
        epoch=epoch,
        agent=agent,
        agent_district=PEOPLE[agent].district if agent in PEOPLE else "",
        lane=LANE,
        ring=ring,
        rule=str(why.get("rule", "unknown")),
        made_at=TICKET.joined_at + seconds,
        why=json.dumps(reasons),
    )


def ended(
    row: Assignment, ending: str, seconds: float, reason: str = "", *, back: bool = False
) -> Assignment:
    """``row`` with its end."""
    at = row.made_at + seconds
    done = replace(row, ending=ending, ended_at=at, end_reason=reason)
    return replace(done, returned_at=at, return_reason=reason) if back else done


def told(row: Assignment) -> OfferStory:
    """What the page is given about ``row``."""
    why = read(row.why)
    losers = []
    for one in why.considered:
        agent, lane = PEOPLE.get(one.agent or ""), lane_of(one.lane)
        home = DISTRICTS.get(agent.district if agent else (lane.home_district if lane else ""))
        number = NUMBERS.get(one.ticket or "", "")
        lost = lost_because(why, one, row.ring)
        losers.append(Loser(candidate=one, agent=agent, home=home, lane=lane, number=number, lost=lost))
    return OfferStory(
        row=row,
        why=why,
        check=check(row),
        agent=PEOPLE.get(row.agent),
        agent_district=DISTRICTS.get(row.agent_district),
        losers=losers,
    )


MISSED = ended(
    offered(
        1,
        42,
        "s4",
        0,
        rule="longest_idle",
        idle_ms=130_000,
        considered=[
            {"agent": "s6", "ring": 0, "idle_ms": 65_000},
            {"agent": "s5", "ring": 2, "idle_ms": 3_700_000},
        ],
    ),
    "missed",
    20,
    back=True,
)
DECLINED = ended(
    offered(2, 64, "s6", 0, rule="longest_idle", idle_ms=87_000, considered=[]),
    "declined",
    7,
    "conflict_of_interest",
    back=True,
)
ACCEPTED = ended(
    offered(
        3,
        252,
        "s1",
        3,
        rule="longest_waiting",
        opened_ms=180_000,
        idle_ms=0,
        credit_ms=600_000,
        priority="senior",
        considered=[
            {"lane": LANE, "ticket": "t2", "at_ms": JOINED_MS + 200_000},
            {"lane": f"{TIANHE.code}|human_resources|zh|audio", "ticket": "t9", "at_ms": JOINED_MS + 231_500},
        ],
    ),
    "accepted",
    4,
)
PICKED = offered(4, 300, "s5", 2, rule="picked", reason="")
DOCTORED = ended(
    offered(
        5,
        320,
        "gone",
        0,
        rule="longest_waiting",
        considered=[{"lane": LANE, "ticket": "t3", "at_ms": JOINED_MS - 90_000}],
    ),
    "withdrawn",
    3,
    "citizen",
)
FIRST_VERSION = offered(6, 400, "s4", 0, rule="longest_idle", idle_ms=1_000, considered=["s6"], score_ms=None)

STORY = TicketStory(
    ticket=replace(TICKET, credit_seconds=600.0),
    item=ITEM.name,
    home=HUADU,
    first_called_at=TICKET.joined_at + 256,
    offers=[told(row) for row in (MISSED, DECLINED, ACCEPTED)],
)
WRONG_STORY = replace(
    STORY, first_called_at=None, offers=[told(row) for row in (PICKED, DOCTORED, FIRST_VERSION)]
)
UNOFFERED = replace(STORY, ticket=TICKET, first_called_at=None, offers=[])
LATEST = [
    LatestRow(
        row=replace(row, ticket=TicketId(f"t{place}")),
        number=f"H{47 - place:03d}",
        day="2026-11-23",
        item=ITEM.name,
        home=HUADU,
        agent=PEOPLE.get(row.agent),
        check=check(row),
    )
    for place, row in enumerate((FIRST_VERSION, PICKED, ACCEPTED, DECLINED, MISSED, DOCTORED))
]


def values(
    language: str, *, story: TicketStory | None = None, latest: Sequence[LatestRow] = (), **more: Any
) -> dict[str, Any]:
    """What the page is rendered with."""
    return {
        "story": story,
        "latest": latest,
        "tell": Teller(texts(language)),
        "typed": {"ticket": story.ticket.number if story else "", "date": "2026-11-23"},
    }
