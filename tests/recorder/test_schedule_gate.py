from datetime import UTC, datetime, timedelta

from camera_backup.recorder.gates import Hold
from camera_backup.recorder.schedule_gate import ScheduleGate
from camera_backup.schedule import Schedule
from tests.support.clocks import SetClock

FRIDAY_EVENING = datetime(2024, 1, 19, 17, tzinfo=UTC)  # 18:00 in Berlin


def gate(clock: SetClock, *windows: str) -> ScheduleGate:
    return ScheduleGate(Schedule.parse("Europe/Berlin", windows or ("mon-fri 18:00-07:00",)), clock)


def test_inside_a_window_nothing_holds() -> None:
    assert gate(SetClock(FRIDAY_EVENING)).hold() is None


def test_outside_it_says_when_recording_goes_on_and_looks_again_in_time() -> None:
    clock = SetClock(FRIDAY_EVENING + timedelta(days=1))
    closed = gate(clock)
    assert closed.hold() == Hold("schedule", "outside the schedule until Mon 18:00", 30, planned=True)
    clock.wall = datetime(2024, 1, 22, 16, 59, 50, tzinfo=UTC)
    last = closed.hold()
    assert last is not None
    assert 10 <= last.retry < 10.1
    clock.wall += timedelta(seconds=last.retry)
    assert closed.hold() is None


def test_a_clock_that_is_set_is_followed() -> None:
    clock = SetClock(FRIDAY_EVENING + timedelta(days=1))
    closed = gate(clock)
    closed.hold()
    clock.wall = datetime(2024, 1, 18, 12, tzinfo=UTC)
    before = closed.hold()
    assert before is not None
    assert before.words == "outside the schedule until Thu 18:00"
    clock.wall = datetime(2024, 3, 5, 12, tzinfo=UTC)
    after = closed.hold()
    assert after is not None
    assert after.words == "outside the schedule until Tue 18:00"


def test_a_window_that_closes_while_recording_holds_at_once() -> None:
    clock = SetClock(FRIDAY_EVENING)
    opened = gate(clock, "18:00-18:01")
    assert opened.hold() is None
    clock.wall += timedelta(seconds=59.9)
    assert opened.hold() is None
    clock.wall += timedelta(seconds=0.1)
    assert opened.hold() is not None
