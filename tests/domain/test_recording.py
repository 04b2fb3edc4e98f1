"""What a recording proves, how long it is kept, and what both screens say of it."""

from dataclasses import replace

import pytest

from cloudwindow.domain import recording
from cloudwindow.domain.errors import Conflict
from cloudwindow.domain.ids import ApplicationId, SessionId
from cloudwindow.domain.recording import Event, Recording, State

NOON = 1_779_249_600.0


def begun(state: State = State.RUNNING, *, number: int = 1, at: float = NOON, failure: str = "") -> Recording:
    return Recording(
        id=f"rec{number}",
        session=SessionId("s"),
        application=ApplicationId("a"),
        district="440114",
        room="room",
        number=number,
        key_sealed="sealed",
        state=state,
        started_at=at,
        failure=failure,
    )


@pytest.mark.parametrize("state", sorted(recording.ACTIVE | {State.ENDED}))
def test_a_recording_that_asks_for_work_has_a_deadline_after_every_move_into_it(state: State) -> None:
    ways = [(at, event) for (at, event), to in recording.TRANSITIONS.items() if to is state]
    for at, event in ways:
        moved = recording.advance(begun(at), event, NOON + 60)
        assert moved.deadline == NOON + 60 + recording.LIMITS_SECONDS[state]


def test_a_recording_is_stamped_when_it_ends() -> None:
    ended = recording.advance(begun(), Event.END, NOON + 90)
    assert ended.ended_at == NOON + 90
    assert recording.advance(begun(), Event.PAUSE, NOON + 90).ended_at is None


def test_an_ended_recording_is_never_written_again() -> None:
    with pytest.raises(Conflict, match="state_forbids"):
        recording.advance(begun(State.ENDED), Event.RESUME, NOON)


def test_it_is_kept_so_many_days_from_its_end_however_late_the_film_is_made() -> None:
    ended = recording.advance(begun(), Event.END, NOON + 90)
    done = recording.kept(ended, days=180, now=NOON + 9_000)
    assert done.state is State.KEPT
    assert done.keep_until == done.deadline == NOON + 90 + 180 * 86_400


def test_who_paused_it_is_forgotten_when_it_goes_on() -> None:
    paused = replace(recording.advance(begun(), Event.PAUSE, NOON), paused_by="agent,citizen")
    assert recording.sides(paused) == {"agent", "citizen"}
    assert recording.sides(recording.advance(paused, Event.RESUME, NOON + 5)) == frozenset()


def told(*rows: tuple[str, int, float]) -> list[recording.Told]:
    return [(f"recording.{kind}", f"rec{number}", NOON + at) for kind, number, at in rows]


RUNS = told(("started", 1, 0))
BROKEN = told(("started", 1, 0), ("stopped", 1, 30))
PAUSED = told(("started", 1, 0), ("paused", 1, 30), ("resumed", 1, 40))


@pytest.mark.parametrize(
    ("story", "since", "until", "covered"),
    [
        (RUNS, 10, 20, True),
        (RUNS, 10, None, True),
        (RUNS, None, None, False),
        (RUNS, -10, 20, False),
        ([], 10, 20, False),
        (BROKEN, 10, 20, True),
        (BROKEN, 10, 35, False),
        (BROKEN, 10, None, False),
        (PAUSED, 10, 20, True),
        (PAUSED, 10, 35, False),
        (PAUSED, 10, 50, False),
        (PAUSED, 45, 50, True),
        (BROKEN + told(("started", 2, 40)), 10, 50, False),
        (BROKEN + told(("started", 2, 40)), 45, 50, True),
        (told(("started", 1, 0), ("paused", 1, 5), ("stopped", 1, 60)), 10, 50, False),
    ],
)
def test_only_one_unbroken_recording_covers_read_back_and_signature(
    story: list[recording.Told], since: float | None, until: float | None, covered: bool
) -> None:
    first = None if since is None else NOON + since
    last = None if until is None else NOON + until
    assert recording.covers(story, since=first, until=last) is covered


@pytest.mark.parametrize(
    ("known", "after", "may"),
    [
        ([], 0, True),
        ([begun()], 100, False),
        ([begun(State.ENDED)], 0, True),
        ([begun(State.ENDED, failure="worker_died")], 0, True),
        ([begun(State.ENDED, failure="worker_ended")], 0, True),
        ([begun(State.ENDED, failure="recorder_died")], 4, False),
        ([begun(State.ENDED, failure="recorder_died")], 5, True),
        ([begun(State.ENDED, failure="disk_full")] * recording.MAX_OF_ONE_CALL, 99, False),
    ],
)
def test_another_begins_after_a_rest_and_at_once_only_on_another_worker(
    known: list[Recording], after: float, may: bool
) -> None:
    ended = [one if one.state is State.RUNNING else replace(one, ended_at=NOON) for one in known]
    assert recording.may_begin(ended, NOON + after) is may
    if len(known) < recording.MAX_OF_ONE_CALL and known != [begun()]:
        assert recording.may_begin(ended, NOON + after, rest=False)


@pytest.mark.parametrize(
    ("known", "agreed", "said"),
    [
        ([], False, "asking"),
        ([], True, "off"),
        ([begun(State.STARTING)], True, "starting"),
        ([begun()], True, "running"),
        ([begun(State.PAUSED)], True, "paused"),
        ([begun(State.ENDED, failure="disk_full")], True, "broken"),
        ([begun(State.ENDED)], True, "off"),
        ([begun(State.ENDED, failure="disk_full"), begun(number=2)], True, "running"),
        ([begun()], False, "running"),
    ],
)
def test_the_screens_say_what_is_so_even_while_a_withdrawn_recording_still_stops(
    known: list[Recording], agreed: bool, said: str
) -> None:
    assert recording.mark_of(known, agreed=agreed, asked=False) == said
    if said == "asking":
        assert recording.mark_of(known, agreed=agreed, asked=True) == "declined"


def test_moments_are_found_in_the_recording_they_happened_in() -> None:
    ended = recording.advance(begun(), Event.END, NOON + 600)
    told = [
        ("identity.checked", NOON + 30),
        ("read_back.started", NOON + 300),
        ("ticket.joined", NOON + 310),
        ("signature.made", NOON + 700),
    ]
    found = recording.chapters(ended, told)
    assert [(one.name, one.at, one.start, one.end) for one in found] == [
        ("identity", 30.0, 0.0, 35.0),
        ("read_back", 300.0, 295.0, 420.0),
    ]
