"""The marked demo accounts: made once, on an empty ledger, only in demo mode."""

from dataclasses import dataclass

from cloudwindow.domain.catalogue import Catalogue
from cloudwindow.domain.ids import DistrictCode, StaffId
from cloudwindow.journey.house import House
from cloudwindow.records import Connection
from cloudwindow.records.people import Staff
from cloudwindow.staff_auth import totp_secret

DEMO_PASSWORD = "cloud-window-demo"  # noqa: S105 - printed at the start and shown on the demo page


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStaff:
    """One marked account."""

    account: str
    name: str
    number: str
    district: str
    role: str


STAFF = (
    DemoStaff(account="agent-huadu", name="陈晓敏", number="HD-018", district="440114", role="agent"),
    DemoStaff(account="agent-tianhe", name="林志强", number="TH-027", district="440106", role="agent"),
    DemoStaff(account="agent-panyu", name="黄丽华", number="PY-009", district="440113", role="agent"),
    DemoStaff(account="approver-huadu", name="周建国", number="HD-201", district="440114", role="approver"),
    DemoStaff(account="approver-tianhe", name="吴美玲", number="TH-203", district="440106", role="approver"),
    DemoStaff(
        account="admin-huadu", name="何婉仪", number="HD-900", district="440114", role="district_admin"
    ),
    DemoStaff(account="admin-city", name="梁国栋", number="GZ-001", district="440104", role="city_admin"),
)


async def seed(house: House) -> int:
    """Create the demo accounts that are missing; how many were."""
    async with house.ledger.read() as conn:
        known = {one.account for one in await house.people.all_staff(conn)}
    missing = [one for one in STAFF if one.account not in known]
    for one in missing:
        password_hash = await house.passwords.hash(DEMO_PASSWORD)
        secret = totp_secret(house.random(20))
        person = staff_of(one, house.catalogue)

        async def work(
            conn: Connection, person: Staff = person, hashed: str = password_hash, secret: str = secret
        ) -> None:
            await house.people.add_staff(conn, person, password_hash=hashed, totp_secret=secret)

        await house.ledger.write(work)
    return len(missing)


def staff_of(one: DemoStaff, catalogue: Catalogue) -> Staff:
    """The account as a member of staff who can do everything the catalogue offers."""
    items = catalogue.items
    return Staff(
        id=StaffId(f"demo-{one.account}"),
        account=one.account,
        name=one.name,
        number=one.number,
        district=DistrictCode(one.district),
        roles=(one.role,),
        skills=tuple(sorted({item.skill_group for item in items})),
        languages=tuple(sorted({language for item in items for language in item.languages})),
        modes=("video", "audio", "text"),
        demo=True,
        active=True,
    )
