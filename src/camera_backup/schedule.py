"""When a camera records: windows in local time, such as `mon-fri 18:00-07:00`. Pure, standard library only.

What a clock on the wall in that time zone shows decides, minute by minute. So an hour that comes twice, when clocks go
back, is in a window both times or neither; an hour that is skipped, when they go forward, does not come at all.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DAY = 24 * 60
_WINDOW = re.compile(r"(?:([a-z,-]+)\s+)?([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})")
_HORIZON = timedelta(days=15)  # a weekly window can fall into a skipped hour, but not twice in a row
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of some days: from minute `start` up to, not including, minute `end`, both since midnight.

    `days` counts from Monday, 0. An `end` beyond 24 h lies in the next day.
    """

    days: frozenset[int]
    start: int
    end: int

    def holds(self, weekday: int, minute: int) -> bool:
        """Tell whether a local time of day lies in the window."""
        today = weekday in self.days and self.start <= minute < self.end
        return today or ((weekday - 1) % 7 in self.days and minute < self.end - _DAY)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `mon-fri 18:00-07:00`, `sat,sun 00:00-24:00` or `22:00-06:00`; raises ValueError."""
        match = _WINDOW.fullmatch(text.strip().lower())
        if match is None:
            raise ValueError("a window is like 'mon-fri 18:00-07:00', 'sat,sun 00:00-24:00' or '22:00-06:00'")
        start, end = _minutes(match[2], match[3]), _minutes(match[4], match[5])
        if start == _DAY:
            raise ValueError("a window begins before 24:00 (00:00 is the start of a day, 24:00 its end)")
        if start == end:
            raise ValueError("a window must not end when it begins (a whole day is 00:00-24:00)")
        return cls(_days(match[1]), start, end if end > start else end + _DAY)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The windows in which to record."""

    zone: ZoneInfo
    windows: tuple[Window, ...]

    @classmethod
    def parse(cls, time_zone: str, windows: Sequence[str]) -> Self:
        """Read a schedule; raises ValueError."""
        return cls(zone(time_zone), tuple(Window.parse(text) for text in windows))

    def records(self, moment: datetime) -> bool:
        """Tell whether an aware moment is one to record."""
        local = moment.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        return any(window.holds(local.weekday(), minute) for window in self.windows)

    def next_change(self, moment: datetime) -> datetime | None:
        """Return when, after an aware moment, the answer changes, in UTC; None if it never does."""
        now = self.records(moment)
        start = moment.astimezone(UTC)
        candidates = sorted({*self._edges(start), *self._clock_changes(start)})
        return next((edge for edge in candidates if edge > start and self.records(edge) != now), None)

    def _edges(self, start: datetime) -> set[datetime]:
        """Return when local clocks show the start or the end of a window, both times if they show it twice."""
        times = {minute % _DAY for window in self.windows for minute in (window.start, window.end)}
        first = start.astimezone(self.zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        local = [
            first + timedelta(days=day, minutes=minute) for day in range(-1, _HORIZON.days + 1) for minute in times
        ]
        return {time.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for time in local for fold in (0, 1)}

    def _clock_changes(self, start: datetime) -> set[datetime]:
        """Return when local clocks go forward or back, to the minute."""
        whole = start.replace(minute=0, second=0, microsecond=0)
        hours = [whole + _HOUR * count for count in range(int(_HORIZON / _HOUR) + 1)]
        return {
            next(at for at in (before + _MINUTE * count for count in range(1, 61)) if self._offset(at) != offset)
            for before, after in pairwise(hours)
            if (offset := self._offset(before)) != self._offset(after)
        }

    def _offset(self, moment: datetime) -> timedelta | None:
        return moment.astimezone(self.zone).utcoffset()


def zone(name: str) -> ZoneInfo:
    """Return the time zone called `name`; raises ValueError, which does not repeat it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if not available_timezones():
            raise ValueError("time zones are not installed on this machine (apt install tzdata)") from error
        raise ValueError(
            "there is no such time zone here (like Europe/Berlin; timedatectl list-timezones names all)"
        ) from None


def _minutes(hours: str, minutes: str) -> int:
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > _DAY:  # noqa: PLR2004 - minutes of an hour
        raise ValueError("a time of day is 00:00 to 24:00")
    return total


def _days(text: str | None) -> frozenset[int]:
    if text is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS or part.endswith("-"):
            raise ValueError(f"days are {', '.join(DAYS)}, as in 'mon-fri' or 'sat,sun'")
        begin = DAYS.index(first)
        length = (DAYS.index(last or first) - begin) % 7
        found |= {(begin + step) % 7 for step in range(length + 1)}
    return frozenset(found)
