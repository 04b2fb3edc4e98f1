"""
Appointments as calendar files (iCalendar, RFC 5545), so that a phone reminds its owner by itself.

One appointment is one event under one UID through all its moves; ``SEQUENCE`` rises with each change, and a
cancelled one is sent as ``METHOD:CANCEL`` so that calendars take it out again. Times are UTC, which needs no
time zone of its own.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from icalendar import Alarm, Calendar, Event, vCalAddress, vUri

PRODUCT = "-//Cloud Window//Appointments//EN"
MEDIA_TYPE = "text/calendar"
REMINDERS = (timedelta(days=-1), timedelta(minutes=-30))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One appointment as its holder's calendar shows it; times are seconds since the epoch."""

    uid: str
    sequence: int
    starts_at: float
    ends_at: float
    written_at: float
    title: str
    text: str
    place: str
    address: str
    organizer: str
    cancelled: bool = False


def written(entry: Entry) -> bytes:
    """The file: CRLF, lines folded at 75 octets, UTF-8."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "CANCEL" if entry.cancelled else "PUBLISH")
    calendar.add_component(_event(entry))
    return bytes(calendar.to_ical())


def _event(entry: Entry) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    event.add("sequence", entry.sequence)
    event.add("dtstamp", _moment(entry.written_at))
    event.add("last-modified", _moment(entry.written_at))
    event.add("dtstart", _moment(entry.starts_at))
    event.add("dtend", _moment(entry.ends_at))
    event.add("summary", entry.title)
    event.add("description", entry.text)
    event.add("location", entry.place)
    event.add("url", vUri(entry.address))
    event.add("organizer", vCalAddress(entry.organizer))
    event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
    if not entry.cancelled:
        for before in REMINDERS:
            event.add_component(_alarm(entry.title, before))
    return event


def _alarm(title: str, before: timedelta) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", title)
    alarm.add("trigger", before)
    return alarm


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
