"""A citizen, an agent and a case in the ledger, for tests of what is kept about them."""

from dataclasses import dataclass, replace
from typing import Any

from cloudwindow.domain.application import Application, Delegate
from cloudwindow.domain.ids import (
    ApplicationId,
    CitizenId,
    DistrictCode,
    ItemId,
    SessionId,
    StaffId,
    TicketId,
)
from cloudwindow.domain.session import Session
from cloudwindow.domain.ticket import State as Standing
from cloudwindow.domain.ticket import Ticket, deadline_of
from cloudwindow.records import Connection
from cloudwindow.records.cases import Cases
from cloudwindow.records.ledger import Ledger
from cloudwindow.records.people import People, Staff
from cloudwindow.records.visits import Visits
from cloudwindow.vault import Vault

NOON = 1_779_249_600.0
HUADU, TIANHE = DistrictCode("440114"), DistrictCode("440106")


def case(serial: int = 1, **more: Any) -> Application:
    """A draft opened at noon."""
    made = Application(
        id=ApplicationId(f"a{serial}"),
        citizen=CitizenId("c1"),
        item=ItemId("HR01"),
        item_version=1,
        home_district=HUADU,
        home_street="440114001",
        capacity="own",
        values={},
        declared={},
        opened_at=NOON,
    )
    return replace(made, **more)


def ticket(serial: int = 1, **more: Any) -> Ticket:
    """A ticket that joined ``serial`` seconds after noon."""
    made = Ticket(
        id=TicketId(f"t{serial}"),
        number=f"H{serial:03d}",
        citizen=CitizenId(f"c{serial}"),
        application=ApplicationId(f"a{serial}"),
        item=ItemId("HR01"),
        item_version=1,
        home_district=HUADU,
        language="zh",
        mode="video",
        joined_at=NOON + serial,
        deadline=deadline_of(Standing.WAITING, NOON),
    )
    return replace(made, **more)


def session(of: Ticket, epoch: int = 1, **more: Any) -> Session:
    """The call of ``of`` with mei, begun a minute after joining."""
    made = Session(
        id=SessionId(f"s-{of.id}-{epoch}"),
        ticket=of.id,
        application=of.application,
        citizen=of.citizen,
        agent=StaffId("mei"),
        epoch=epoch,
        room=f"room-{of.id}-{epoch}",
        started_at=of.joined_at + 60 * epoch,
        deadline=of.joined_at + 100,
    )
    return replace(made, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The ledger and its rooms."""

    ledger: Ledger
    people: People
    visits: Visits
    cases: Cases

    async def citizens(self, *serials: int) -> None:
        """Let citizens c1, c2 … exist."""
        for serial in serials:
            await self.ledger.write(lambda conn, n=serial: self._identify(conn, n))  # type: ignore[misc]

    async def _identify(self, conn: Connection, serial: int) -> None:
        await self.people.identify(
            conn,
            CitizenId(f"c{serial}"),
            name="王小明",
            id_number=f"id{serial}",
            mobile=f"1380000{serial:04d}",
            now=NOON,
        )

    async def agent(self, agent: str = "mei") -> None:
        """Let an agent exist."""
        staff = Staff(
            id=StaffId(agent),
            account=agent,
            name="陈晓敏",
            number="HD-018",
            district=HUADU,
            roles=("agent",),
            skills=("human_resources",),
            languages=("zh",),
            modes=("video",),
            demo=True,
            active=True,
        )
        await self.ledger.write(
            lambda conn: self.people.add_staff(conn, staff, password_hash="h", totp_secret="s")
        )

    async def open(self, *cases: Application, principal: Delegate | None = None) -> None:
        """Keep drafts."""
        for one in cases:
            await self.ledger.write(
                lambda conn, made=one: self.cases.add(conn, made, principal=principal)  # type: ignore[misc]
            )

    async def take(self, *tickets: Ticket) -> None:
        """Keep tickets; the secret of each is its id spelled twice."""
        for one in tickets:
            await self.ledger.write(
                lambda conn, made=one: self.visits.add_ticket(conn, made, resume_secret=made.id * 2)  # type: ignore[misc]
            )

    async def call(self, *sessions: Session) -> None:
        """Keep calls."""
        for one in sessions:
            await self.ledger.write(lambda conn, made=one: self.visits.add_session(conn, made))  # type: ignore[misc]


def kept_in(ledger: Ledger) -> Kept:
    """The rooms of ``ledger`` with a vault of zeros."""
    vault = Vault.of(bytes(32))
    return Kept(ledger=ledger, people=People(vault), visits=Visits(vault), cases=Cases(vault))
