"""What time brings to appointments, and the district's list of them."""

import contextlib
from datetime import date, time, timedelta

from cloudwindow.domain import appointment as rules
from cloudwindow.domain.appointment import Appointment, Event, State
from cloudwindow.domain.calendar import day_of, moment
from cloudwindow.domain.errors import Conflict
from cloudwindow.domain.showings import mask_name
from cloudwindow.journey.appointment_views import AppointmentDay, AppointmentListView, AppointmentRow
from cloudwindow.journey.board import Boards
from cloudwindow.journey.booking import text_of
from cloudwindow.journey.desk import card_of
from cloudwindow.journey.house import House
from cloudwindow.journey.texts import Texts
from cloudwindow.records import Connection
from cloudwindow.records.people import Staff
from cloudwindow.records.story import SYSTEM, note

SHARE_SECONDS = 30 * 86_400.0
SAID = {
    Event.REMIND_DAY_BEFORE: ("appointment.reminded", "remind_day_before"),
    Event.REMIND_SOON: ("appointment.reminded", "remind_soon"),
    Event.MISS: ("appointment.missed", "no_show"),
    Event.WITHDRAW: ("appointment.withdrawn", "withdrawn"),
}
"""The event row and the text message of what time brings."""


class AppointmentWatch:
    """Reminders, seats given up, slots the office no longer keeps; and who is expected."""

    def __init__(self, house: House, boards: Boards, texts: Texts) -> None:
        self._house = house
        self._boards = boards
        self._texts = texts

    async def due(self) -> None:
        """
        Carry out what is due, and send the text messages that were written down with it.

        Of several nodes one moves the appointment.
        """
        now = self._house.clock()
        async with self._house.ledger.read() as conn:
            found = await self._house.appointments.due(conn, now)
        for one in found:
            with contextlib.suppress(Conflict):  # another node was there first
                await self._bring(one, now)
        await self._texts.look()

    async def _bring(self, found: Appointment, now: float) -> None:
        calendar = self._house.catalogue.district(found.district).calendar
        event = rules.due(found, calendar, now)
        if event is None:
            return
        kind, what = SAID[event]
        after = rules.advance(found, event, now)

        async def work(conn: Connection) -> None:
            await self._house.appointments.save(conn, after, seen=found.version)
            await note(conn, found.id, kind, SYSTEM, now, {"number": found.number, "what": what})
            text, mark, until = text_of(after, what)
            await self._texts.put(conn, text, found.id, mark, now=now, until=until)

        await self._house.ledger.write(work)

    # --- the district's list -----------------------------------------------------------------------------

    async def day_list(self, staff: Staff, wanted: str | None) -> AppointmentListView:
        """Today's and tomorrow's appointments of one district. Raises NotFound("unknown_district")."""
        house, now = self._house, self._house.clock()
        district = house.catalogue.district(self._boards.scope_of(staff, wanted) or staff.district)
        today = day_of(now)
        days = [await self._day(district.code, day) for day in (today, today + timedelta(days=1))]
        async with house.ledger.read() as conn:
            kept, missed = await house.appointments.kept_and_missed(
                conn, district.code, since=now - SHARE_SECONDS
            )
        return AppointmentListView(
            staff=card_of(house, staff), district=district, days=days, kept=kept, missed=missed
        )

    async def _day(self, district: str, day: date) -> AppointmentDay:
        house = self._house
        start, end = moment(day, time()), moment(day + timedelta(days=1), time())
        async with house.ledger.read() as conn:
            found = await house.appointments.between(conn, district, start=start, end=end)
            rows = [await self._row(conn, one) for one in found]
        working = house.catalogue.district(district).calendar.is_working_day(day)
        return AppointmentDay(at=start, weekday=day.weekday(), working=working, rows=rows)

    async def _row(self, conn: Connection, one: Appointment) -> AppointmentRow:
        citizen = await self._house.people.citizen(conn, one.citizen)
        return AppointmentRow(
            number=one.number,
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            item=self._house.item_of(one.item, one.item_version),
            language=one.language,
            name=mask_name(citizen.name),
            state=one.state.value,
            late=one.state is State.ARRIVED and (one.ended_at or 0.0) > one.punctual_until,
        )
