"""
Working days and office hours in China.

Public holidays and the working weekends that make up for them (调休) come from ``chinese_calendar``, which
follows the State Council's yearly notice. For years the notice has not reached yet (after ``KNOWN_UNTIL``)
only weekends are free: such a date is an estimate, and ``is_known`` says so.

Moments are float seconds since the epoch; days are ``datetime.date`` on the wall in Guangzhou.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

from chinese_calendar import constants

# China has kept one time without summer time since 1992, so a fixed offset needs no zone database.
SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

KNOWN_FROM = date(min(constants.holidays).year, 1, 1)
KNOWN_UNTIL = date(max(constants.holidays).year, 12, 31)
"""The last day whose holidays are officially known."""

ONE_DAY = timedelta(days=1)
# Longer than any holiday; a calendar that has no opening within it has none at all.
SEARCH_DAYS = 400


def day_of(at: float) -> date:
    """Return the day in Guangzhou at the moment ``at`` (seconds since the epoch)."""
    return datetime.fromtimestamp(at, SHANGHAI).date()


def moment(day: date, clock: time) -> float:
    """Return the seconds since the epoch when the clock in Guangzhou shows ``clock`` on ``day``."""
    return datetime.combine(day, clock, SHANGHAI).astimezone(UTC).timestamp()


def is_known(day: date) -> bool:
    """Tell whether the State Council's notice for the year of ``day`` is in our calendar."""
    return KNOWN_FROM <= day <= KNOWN_UNTIL


def is_working_day(day: date, *, closed: frozenset[date] = frozenset()) -> bool:
    """Tell whether offices work on ``day``; ``closed`` are a district's own closed days (typhoon…)."""
    if day in closed:
        return False
    if is_known(day):
        return day in constants.workdays or (day.weekday() < 5 and day not in constants.holidays)
    return day.weekday() < 5


def add_working_days(day: date, count: int, *, closed: frozenset[date] = frozenset()) -> date:
    """
    Return the last day of a period of ``count`` working days that starts with an event on ``day``.

    The day of the event is day 0 and not counted (行政许可法 art. 82, 民法典 art. 201). With ``count`` 0 the
    answer is ``day`` itself.
    """
    if count < 0:
        raise ValueError("count must not be negative")
    while count:
        day += ONE_DAY
        count -= is_working_day(day, closed=closed)
    return day


def working_days_between(first: date, last: date, *, closed: frozenset[date] = frozenset()) -> int:
    """Count the working days after ``first`` up to and including ``last``; 0 when ``last`` is not later."""
    days = range(1, (last - first).days + 1)
    return sum(is_working_day(first + number * ONE_DAY, closed=closed) for number in days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """One stretch of a day in which an office is open: from ``start`` until just before ``end``."""

    start: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeCalendar:
    """
    When one district works: its hours on a working day and its own closed days.

    ``always_open`` (demonstrations) opens the video window day and night; days and hours that a law counts
    stay those of the real office.
    """

    periods: tuple[Period, ...]
    closed_days: frozenset[date] = frozenset()
    always_open: bool = False

    def is_working_day(self, day: date) -> bool:
        """Tell whether the district works on ``day``."""
        return is_working_day(day, closed=self.closed_days)

    def add_working_days(self, day: date, count: int) -> date:
        """Like the function of this name, with the district's closed days."""
        return add_working_days(day, count, closed=self.closed_days)

    def due_at(self, at: float, *, working_days: int) -> float:
        """Return the end (24:00) of the last of ``working_days`` counted from the event at ``at``."""
        last = self.add_working_days(day_of(at), working_days)
        return moment(last + ONE_DAY, time())

    def openings_on(self, day: date) -> tuple[tuple[float, float], ...]:
        """Return (start, end) of each opening of the office on ``day``; ``always_open`` adds none."""
        return tuple(self._openings(day, days=1))

    def is_open(self, at: float) -> bool:
        """Tell whether the window is open at ``at``."""
        if self.always_open:
            return True
        return any(start <= at < end for start, end in self._openings(day_of(at), days=1))

    def next_opening(self, at: float) -> float | None:
        """Return ``at`` when open, else the next opening; ``None`` if there is none within 400 days."""
        if self.always_open:
            return at
        for start, end in self._openings(day_of(at), days=SEARCH_DAYS):
            if at < end:
                return max(at, start)
        return None

    def closes_at(self, at: float) -> float | None:
        """Return when the present opening ends; ``None`` when closed or always open."""
        if self.always_open:
            return None
        return next((end for start, end in self._openings(day_of(at), days=1) if start <= at < end), None)

    def add_working_seconds(self, at: float, seconds: float) -> float:
        """
        Return the moment after ``seconds`` of office hours have passed since ``at``.

        ``always_open`` does not shorten it: the people who must answer keep their office's hours.
        Raises ValueError if the office does not open for that long within 400 days.
        """
        for start, end in self._openings(day_of(at), days=SEARCH_DAYS):
            begin = max(at, start)
            if begin >= end:
                continue
            if begin + seconds <= end:
                return begin + seconds
            seconds -= end - begin
        raise ValueError("the office does not open for that long")

    def _openings(self, first: date, *, days: int) -> Iterator[tuple[float, float]]:
        """Yield (start, end) of every opening from ``first`` on, in order."""
        for number in range(days):
            day = first + number * ONE_DAY
            if self.is_working_day(day):
                for period in self.periods:
                    yield moment(day, period.start), moment(day, period.end)
