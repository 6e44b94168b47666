from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camera_backup import schedule as module
from camera_backup.schedule import DAYS, Schedule, Window, zone

MINUTE = timedelta(minutes=1)

# Clock changes: both of a year in zones north and south, of half an hour, at midnight, and one that skips a day.
CHANGES = [
    ("Europe/Berlin", datetime(2024, 3, 31, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2024, 10, 27, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2024, 3, 10, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2024, 11, 3, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2024, 4, 6, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2024, 10, 5, 15, 30, tzinfo=UTC)),
    ("America/Santiago", datetime(2024, 9, 8, 4, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2024, 4, 25, 22, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2024, 5, 1, tzinfo=UTC)),
]

TIMES = st.integers(0, 24 * 60 - 1) | st.integers(0, 4 * 60)
DAY_LISTS = st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True)


def window(days: list[str], start: int, end: int) -> tuple[str, set[str]]:
    """Return a window's text, and every `sun 01:59` that a clock shows within it."""
    text = f"{','.join(days)} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"
    length = (end - start) % (24 * 60)
    week = [f"{day} {minute // 60:02}:{minute % 60:02}" for day in DAYS for minute in range(24 * 60)]
    shown = {week[(DAYS.index(day) * 24 * 60 + start + step) % len(week)] for day in days for step in range(length)}
    return text, shown


WINDOWS = st.lists(
    st.builds(window, DAY_LISTS, TIMES, TIMES).filter(lambda made: bool(made[1])), min_size=1, max_size=3
)


def shown_at(moment: datetime, time_zone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(time_zone)):%a %H:%M}".lower()


@settings(deadline=None)  # two days minute by minute take their time
@given(WINDOWS, st.sampled_from(CHANGES), st.integers(-1500, 1500), st.integers(0, 59))
def test_what_a_clock_on_the_wall_shows_decides_minute_by_minute(
    windows: list[tuple[str, set[str]]], change: tuple[str, datetime], minutes: int, second: int
) -> None:
    time_zone, around = change
    schedule = Schedule.parse(time_zone, [text for text, _shown in windows])
    inside = set.union(*(shown for _text, shown in windows))
    start = around + MINUTE * minutes
    moment = start + timedelta(seconds=second)
    now = shown_at(start, time_zone) in inside
    assert schedule.records(moment) == now
    found = schedule.next_change(moment)
    later = (start + MINUTE * count for count in range(1, 2 * 24 * 60))
    expected = next((at for at in later if (shown_at(at, time_zone) in inside) != now), None)
    assert found == expected if expected else found is None or found > start + timedelta(days=2) - MINUTE
    assert found is None or (shown_at(found, time_zone) in inside) != now


def spells(time_zone: str, text: str, start: datetime, hours: int) -> list[str]:
    """Return the UTC times at which a schedule begins and ends to record within `hours`, from each to the next."""
    schedule = Schedule.parse(time_zone, [text])
    found, at = [], schedule.next_change(start)
    while at is not None and at < start + timedelta(hours=hours):
        found.append(f"{at:%H:%M}")
        at = schedule.next_change(at)
    return found


def test_a_night_window_goes_on_over_midnight_and_belongs_to_the_day_it_begins_on() -> None:
    schedule = Schedule.parse("Europe/Berlin", ["mon-fri 18:00-07:00"])
    berlin = ZoneInfo("Europe/Berlin")
    assert schedule.records(datetime(2024, 1, 20, 6, 59, tzinfo=berlin))  # Saturday; began on Friday
    assert not schedule.records(datetime(2024, 1, 20, 7, 0, tzinfo=berlin))
    assert not schedule.records(datetime(2024, 1, 22, 6, 59, tzinfo=berlin))  # Monday; nothing began on Sunday
    assert schedule.next_change(datetime(2024, 1, 20, 12, tzinfo=berlin)) == datetime(2024, 1, 22, 17, tzinfo=UTC)


def test_a_window_over_the_change_to_summer_time_is_shorter_by_the_hour_that_is_skipped() -> None:
    # 02:00 is followed by 03:00 at once, at 01:00 UTC.
    assert spells("Europe/Berlin", "01:30-02:30", datetime(2024, 3, 31, tzinfo=UTC), 6) == ["00:30", "01:00"]
    assert spells("Europe/Berlin", "02:15-02:45", datetime(2024, 3, 31, tzinfo=UTC), 6) == []


def test_a_window_in_the_hour_that_comes_twice_comes_twice() -> None:
    # 02:00 comes at 00:00 and again at 01:00 UTC.
    found = spells("Europe/Berlin", "01:30-02:30", datetime(2024, 10, 26, 22, tzinfo=UTC), 6)
    assert found == ["23:30", "00:30", "01:00", "01:30"]


def test_a_schedule_that_is_always_on_never_changes() -> None:
    schedule = Schedule.parse("Europe/Berlin", ["mon-sun 00:00-24:00"])
    assert schedule.records(datetime(2024, 3, 31, 1, tzinfo=UTC))
    assert schedule.next_change(datetime(2024, 3, 31, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("text", "days", "start", "end"),
    [
        ("mon-fri 18:00-07:00", range(5), 18 * 60, 31 * 60),
        ("sat,sun 00:00-24:00", (5, 6), 0, 24 * 60),
        ("22:00-6:00", range(7), 22 * 60, 30 * 60),
        (" Fri-Mon  8:05 - 9:00 ", (4, 5, 6, 0), 8 * 60 + 5, 9 * 60),
        ("mon,wed-thu 20:00-00:00", (0, 2, 3), 20 * 60, 24 * 60),
    ],
)
def test_a_window_reads_as_people_write_it(text: str, days: range | tuple[int, ...], start: int, end: int) -> None:
    assert Window.parse(text) == Window(frozenset(days), start, end)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("always", "a window is like"),
        ("mon 18:00", "a window is like"),
        ("mon-fri 18-7", "a window is like"),
        ("mo-fr 18:00-07:00", "days are mon, tue"),
        ("mon- 18:00-07:00", "days are"),
        (", 18:00-07:00", "days are"),
        ("18:60-19:00", "00:00 to 24:00"),
        ("18:00-24:01", "00:00 to 24:00"),
        ("24:00-07:00", "begins before 24:00"),
        ("07:00-07:00", "a whole day is 00:00-24:00"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Window.parse(text)


@pytest.mark.parametrize(
    "name", ["Berlin", "", "../etc/passwd", "/etc/localtime", "Europe", "Europe/Berlin\0", "x" * 300]
)
def test_an_unknown_time_zone_is_refused_without_repeating_it(name: str) -> None:
    with pytest.raises(ValueError, match="no such time zone here") as caught:
        zone(name)
    assert name in ("", "Berlin", "Europe") or name not in str(caught.value)


def test_a_machine_without_time_zones_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_timezones", set)
    with pytest.raises(ValueError, match="apt install tzdata"):
        zone("Europe/Atlantis")
