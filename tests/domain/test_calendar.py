"""Working days, make-up days and office hours."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudwindow.domain.calendar import (
    KNOWN_UNTIL,
    SHANGHAI,
    OfficeCalendar,
    Period,
    add_working_days,
    day_of,
    is_known,
    is_working_day,
    moment,
    working_days_between,
)

OFFICE = OfficeCalendar(
    periods=(Period(start=time(9), end=time(12)), Period(start=time(13), end=time(17))),
    closed_days=frozenset({date(2025, 9, 24)}),
)


def at(text: str) -> float:
    """The moment of a wall clock in Guangzhou, ``2025-09-30 08:59``."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=SHANGHAI).timestamp()


def test_a_weekend_that_makes_up_for_a_holiday_is_a_working_day() -> None:
    assert is_working_day(date(2025, 9, 28))  # a Sunday before the National Day week
    assert not is_working_day(date(2025, 9, 27))


def test_a_weekday_within_a_holiday_is_no_working_day() -> None:
    assert not is_working_day(date(2025, 10, 1))
    assert not is_working_day(date(2025, 10, 8))


def test_five_working_days_over_the_national_day_end_on_the_seventeenth_calendar_day() -> None:
    """Event on Friday 26 September 2025; 28–30 September, then 9 and 10 October."""
    assert add_working_days(date(2025, 9, 26), 5) == date(2025, 10, 10)


def test_the_day_of_the_event_is_not_counted() -> None:
    assert add_working_days(date(2025, 6, 9), 1) == date(2025, 6, 10)
    assert add_working_days(date(2025, 6, 9), 0) == date(2025, 6, 9)


def test_a_closed_day_of_the_district_lengthens_a_period() -> None:
    monday = date(2025, 9, 22)
    assert OFFICE.add_working_days(monday, 2) == date(2025, 9, 25)
    assert add_working_days(monday, 2) == date(2025, 9, 24)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        add_working_days(date(2025, 6, 9), -1)


@given(day=st.dates(date(2024, 1, 1), date(2027, 1, 1)), count=st.integers(0, 40))
def test_counting_back_gives_the_days_that_were_added(day: date, count: int) -> None:
    assert working_days_between(day, add_working_days(day, count)) == count


def test_after_the_last_known_year_only_weekends_are_free_and_it_says_so() -> None:
    new_year = date(KNOWN_UNTIL.year + 1, 1, 1)
    assert is_known(KNOWN_UNTIL)
    assert not is_known(new_year)
    week = [new_year + timedelta(days=number) for number in range(7)]
    assert [is_working_day(day) for day in week] == [day.weekday() < 5 for day in week]


def test_a_moment_belongs_to_the_day_in_guangzhou() -> None:
    midnight = datetime(2025, 6, 8, 16, tzinfo=UTC).timestamp()
    assert day_of(midnight) == date(2025, 6, 9)
    assert day_of(midnight - 1) == date(2025, 6, 8)
    assert moment(date(2025, 6, 9), time(8)) == datetime(2025, 6, 9, 8, tzinfo=SHANGHAI).timestamp()


@pytest.mark.parametrize(
    ("clock", "opened"),
    [
        ("2025-06-09 08:59", False),
        ("2025-06-09 09:00", True),
        ("2025-06-09 11:59", True),
        ("2025-06-09 12:00", False),
        ("2025-06-09 13:00", True),
        ("2025-06-09 17:00", False),
        ("2025-06-08 10:00", False),
        ("2025-09-24 10:00", False),
    ],
)
def test_the_window_is_open_in_office_hours_only(clock: str, opened: bool) -> None:
    assert OFFICE.is_open(at(clock)) is opened


@pytest.mark.parametrize(
    ("clock", "opening"),
    [
        ("2025-06-09 10:00", "2025-06-09 10:00"),
        ("2025-06-09 12:30", "2025-06-09 13:00"),
        ("2025-06-13 17:30", "2025-06-16 09:00"),
        ("2025-09-30 17:00", "2025-10-09 09:00"),
    ],
)
def test_the_next_opening_skips_lunch_weekends_and_holidays(clock: str, opening: str) -> None:
    assert OFFICE.next_opening(at(clock)) == at(opening)


def test_an_office_without_hours_has_no_next_opening() -> None:
    assert replace(OFFICE, periods=()).next_opening(at("2025-06-09 10:00")) is None


def test_a_window_that_is_always_open_opens_at_night_and_never_closes() -> None:
    always = replace(OFFICE, always_open=True)
    midnight = at("2025-10-01 00:00")
    assert always.is_open(midnight)
    assert always.next_opening(midnight) == midnight
    assert always.closes_at(midnight) is None


def test_an_open_window_says_when_it_closes() -> None:
    assert OFFICE.closes_at(at("2025-06-09 10:00")) == at("2025-06-09 12:00")
    assert OFFICE.closes_at(at("2025-06-09 12:30")) is None


def test_four_office_hours_run_over_lunch_and_the_weekend() -> None:
    assert OFFICE.add_working_seconds(at("2025-06-13 15:00"), 4 * 3600) == at("2025-06-16 11:00")


def test_hours_that_end_with_the_day_end_that_day() -> None:
    assert OFFICE.add_working_seconds(at("2025-06-13 13:00"), 4 * 3600) == at("2025-06-13 17:00")


def test_being_always_open_does_not_shorten_the_hours_of_the_office() -> None:
    always = replace(OFFICE, always_open=True)
    assert always.add_working_seconds(at("2025-06-13 15:00"), 4 * 3600) == at("2025-06-16 11:00")


def test_hours_of_an_office_that_never_opens_cannot_be_added() -> None:
    with pytest.raises(ValueError, match="does not open"):
        replace(OFFICE, periods=()).add_working_seconds(0.0, 1)


def test_a_period_ends_when_its_last_day_ends() -> None:
    assert OFFICE.due_at(at("2025-06-09 10:00"), working_days=1) == at("2025-06-11 00:00")
