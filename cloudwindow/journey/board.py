"""The admin's window: who waits, who serves, what today brought. Own district only; the city sees all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import time

from cloudwindow.domain.calendar import day_of, moment
from cloudwindow.domain.catalogue import District
from cloudwindow.domain.errors import NotFound, Unavailable
from cloudwindow.domain.ids import StaffId
from cloudwindow.domain.load import AgentPresence
from cloudwindow.domain.session import Session
from cloudwindow.journey.company import RUNNING
from cloudwindow.journey.desk import card_of
from cloudwindow.journey.house import House
from cloudwindow.journey.lending import ENDS, end_of, may_lend
from cloudwindow.journey.promises import PUBLISHED_DAYS, wait_record
from cloudwindow.journey.texts import LATELY_SECONDS
from cloudwindow.journey.views import AgentRow, BoardRow, BoardView, LendingRow, TextsView
from cloudwindow.records import figures, lendings, promises
from cloudwindow.records.figures import WaitingGroup
from cloudwindow.records.lendings import Lending
from cloudwindow.records.outbox import Backlog
from cloudwindow.records.people import Staff

COUNTS = ("taken", "served", "abandoned", "missed", "submitted", "issued", "handed_over")


def board_topic(scope: str | None) -> str:
    """Who hears that the figures of a district, or of the city, have moved."""
    return f"board:{scope or 'city'}"


class Boards:
    """Reads the line and the ledger; changes nothing."""

    def __init__(self, house: House) -> None:
        self._house = house

    def scope_of(self, staff: Staff, wanted: str | None) -> str | None:
        """
        The district to show, or None for the city. A district admin sees their own, whatever they ask for.

        Raises NotFound("unknown_district") when somebody else's is asked for.
        """
        if "city_admin" in staff.roles:
            return self._house.catalogue.district(wanted).code if wanted else None
        if wanted not in {None, "", staff.district}:
            raise NotFound("unknown_district")
        return staff.district

    async def view(self, staff: Staff, wanted: str | None) -> BoardView:
        """The figures now."""
        house, now = self._house, self._house.clock()
        scope = self.scope_of(staff, wanted)
        midnight = moment(day_of(now), time())
        async with house.ledger.read() as conn:
            groups = await figures.waiting(conn, scope)
            today = await figures.today(conn, scope, since=midnight)
            mean = await figures.mean_wait_seconds(conn, scope, since=midnight)
            kept = await promises.records(conn, since=now - PUBLISHED_DAYS * 86_400)
            lent = await lendings.not_over(conn, now)
            staff_list = {one.id: one for one in await house.people.all_staff(conn)}
            calls = await house.visits.open_calls(conn)
            texts = await house.outbox.backlog(conn, since=now - LATELY_SECONDS)
        known, agents = await self._agents(scope)
        states = Counter(one.state.value for one in agents)
        return BoardView(
            staff=card_of(house, staff),
            scope=house.catalogue.district(scope) if scope else None,
            at=now,
            line_known=known,
            waiting=sum(group.waiting for group in groups),
            longest_seconds=_longest(groups, now),
            by_item=self._by_item(groups, now),
            by_district=self._by_district(groups, agents, today, now, scope),
            agents=states,
            agent_rows=[
                AgentRow(
                    id=one.agent,
                    name=staff_list[one.agent].name,
                    number=staff_list[one.agent].number,
                    district=house.catalogue.district(one.district),
                    state=one.state.value,
                    since=one.since,
                    leaving=one.leaving,
                    shift_ends_at=one.shift_ends_at,
                    call=_running(calls.get(one.agent, ())),
                )
                for one in sorted(agents, key=lambda one: (one.state.value, one.since))
                if one.agent in staff_list
            ],
            today=_summed(today),
            mean_wait_seconds=mean,
            wait_records=[
                wait_record(one, kept) for one in house.catalogue.districts if scope in (None, one.code)
            ],
            lendings=[
                self._lending_row(one, staff_list, now)
                for one in lent
                if scope in (None, one.lender, one.borrower)
            ],
            lenders=[one for one in house.catalogue.districts if may_lend(staff, one.code)],
            borrowers=house.catalogue.districts,
            lend_until=[(word, end_of(word, now)) for word in ENDS],
            texts=_texts(texts, now),
        )

    def _lending_row(self, one: Lending, staff: Mapping[StaffId, Staff], now: float) -> LendingRow:
        district = self._house.catalogue.district
        return LendingRow(
            id=one.id,
            lender=district(one.lender),
            borrower=district(one.borrower),
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            begun=one.starts_at <= now,
            by=staff[one.agreed_by].name if one.agreed_by in staff else "",
            reason=one.reason,
        )

    async def _agents(self, scope: str | None) -> tuple[bool, Sequence[AgentPresence]]:
        try:
            agents = await self._house.line.agents()
        except Unavailable:
            return False, []
        return True, [one for one in agents if scope in (None, one.district)]

    def _by_item(self, groups: Sequence[WaitingGroup], now: float) -> list[BoardRow]:
        rows = []
        for item in self._house.catalogue.items:
            mine = [group for group in groups if group.item == item.id]
            rows.append(
                BoardRow(
                    key=item.id,
                    name=item.name,
                    waiting=sum(group.waiting for group in mine),
                    longest_seconds=_longest(mine, now),
                )
            )
        return rows

    def _by_district(
        self,
        groups: Sequence[WaitingGroup],
        agents: Sequence[AgentPresence],
        today: Mapping[str, Mapping[str, int]],
        now: float,
        scope: str | None,
    ) -> list[BoardRow]:
        return [
            self._district_row(district, groups, agents, today, now)
            for district in self._house.catalogue.districts
            if scope in (None, district.code)
        ]

    def _district_row(
        self,
        district: District,
        groups: Sequence[WaitingGroup],
        agents: Sequence[AgentPresence],
        today: Mapping[str, Mapping[str, int]],
        now: float,
    ) -> BoardRow:
        mine = [group for group in groups if group.district == district.code]
        return BoardRow(
            key=district.code,
            name=district.name,
            waiting=sum(group.waiting for group in mine),
            longest_seconds=_longest(mine, now),
            agents=Counter(one.state.value for one in agents if one.district == district.code),
            today={name: today.get(district.code, {}).get(name, 0) for name in COUNTS},
        )


def _running(calls: Sequence[Session]) -> str:
    """The call an admin may listen to, empty while none runs: of written calls the oldest."""
    return next((call.id for call in calls if call.state in RUNNING), "")


def _texts(backlog: Backlog, now: float) -> TextsView:
    oldest = None if backlog.oldest_at is None else max(0.0, now - backlog.oldest_at)
    return TextsView(
        waiting=backlog.waiting, oldest_seconds=oldest, refused=backlog.refused, expired=backlog.expired
    )


def _longest(groups: Sequence[WaitingGroup], now: float) -> float | None:
    return max((now - group.since for group in groups), default=None)


def _summed(today: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(counts.get(name, 0) for counts in today.values()) for name in COUNTS}
