"""The visit in order: what handlers may ask for. Order, no rules, no state of its own."""

from dataclasses import dataclass

from cloudwindow.journey.appointment_watch import AppointmentWatch
from cloudwindow.journey.board import Boards
from cloudwindow.journey.booking import Bookings
from cloudwindow.journey.calls import Calls
from cloudwindow.journey.captioning import Captions
from cloudwindow.journey.company import Company
from cloudwindow.journey.contact import Contact
from cloudwindow.journey.copies import Copies
from cloudwindow.journey.desk import Desks, profile_of
from cloudwindow.journey.explaining import Explaining
from cloudwindow.journey.filling import Filling
from cloudwindow.journey.films import Films
from cloudwindow.journey.follow import Following
from cloudwindow.journey.house import House
from cloudwindow.journey.inbox import Inboxes
from cloudwindow.journey.intake import Intakes
from cloudwindow.journey.leaving import Leaving
from cloudwindow.journey.left_desk import LeftDesk
from cloudwindow.journey.lending import Aid
from cloudwindow.journey.matters import Matters
from cloudwindow.journey.openings import Openings
from cloudwindow.journey.places import Places
from cloudwindow.journey.playback import Playback
from cloudwindow.journey.printing import Printing
from cloudwindow.journey.promises import Promises
from cloudwindow.journey.recordings import Recordings
from cloudwindow.journey.staff import Door
from cloudwindow.journey.texts import Texts
from cloudwindow.journey.visit import Visits
from cloudwindow.journey.watch import Watch
from cloudwindow.records.keys import StoredReply
from cloudwindow.records.people import Staff, WebSession
from cloudwindow.signaling import Connection

__all__ = ["Connection", "Journey", "Staff", "StoredReply", "WebSession", "build"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """All steps, wired once."""

    house: House
    door: Door
    openings: Openings
    intakes: Intakes
    bookings: Bookings
    appointments: AppointmentWatch
    leaving: Leaving
    left_desk: LeftDesk
    calls: Calls
    captions: Captions
    contact: Contact
    filling: Filling
    visits: Visits
    desks: Desks
    matters: Matters
    following: Following
    inboxes: Inboxes
    boards: Boards
    places: Places
    aid: Aid
    company: Company
    promises: Promises
    explaining: Explaining
    printing: Printing
    recordings: Recordings
    films: Films
    playback: Playback
    copies: Copies
    texts: Texts
    watch: Watch


def build(house: House, *, demo_password: str = "") -> Journey:
    """Wire the steps to the rooms of ``house``."""
    texts = Texts(house)
    openings = Openings(house, profile_of)
    calls = Calls(house, texts, openings)
    recordings = Recordings(house, calls)
    filling = Filling(house, calls, recordings, texts)
    captions = Captions(house, calls)
    contact = Contact(house, calls, captions)
    following = Following(house)
    printing = Printing(house, calls)
    places = Places(house)
    visits = Visits(house, calls, filling, following, places, contact, recordings)
    promises = Promises(house, places.place)
    intakes = Intakes(house, openings, promises, texts)
    bookings = Bookings(house, intakes, openings, texts)
    boards = Boards(house)
    appointments = AppointmentWatch(house, boards, texts)
    desks = Desks(house, calls, filling, following, printing, contact, recordings)
    leaving = Leaving(house, intakes, openings, filling, texts)
    left_desk = LeftDesk(house, intakes, desks, filling, texts)
    aid = Aid(house)
    company = Company(house, calls, filling, following, contact, texts)
    films = Films(house)
    playback = Playback(house)
    copies = Copies(house, playback)
    return Journey(
        house=house,
        door=Door(house, demo_password),
        openings=openings,
        intakes=intakes,
        bookings=bookings,
        appointments=appointments,
        leaving=leaving,
        left_desk=left_desk,
        calls=calls,
        captions=captions,
        contact=contact,
        filling=filling,
        visits=visits,
        desks=desks,
        matters=Matters(house, openings, intakes, calls),
        following=following,
        inboxes=Inboxes(house, filling, following, printing),
        boards=boards,
        places=places,
        aid=aid,
        company=company,
        promises=promises,
        explaining=Explaining(house.ledger, house.catalogue, house.clock),
        printing=printing,
        recordings=recordings,
        films=films,
        playback=playback,
        copies=copies,
        texts=texts,
        watch=Watch(
            house,
            calls,
            visits,
            desks,
            places,
            printing,
            aid,
            appointments,
            left_desk,
            promises,
            contact,
            company,
            recordings,
            films,
            copies,
            texts,
        ),
    )
