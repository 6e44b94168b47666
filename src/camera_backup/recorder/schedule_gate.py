"""Keeps a recorder from recording outside its schedule. Standard library only."""

from datetime import datetime

from camera_backup.clock import Clock
from camera_backup.recorder.gates import Hold
from camera_backup.schedule import DAYS, Schedule

LONGEST_WAIT = 30.0  # the clock may step meanwhile


class ScheduleGate:
    """Closed outside the windows of a schedule."""

    def __init__(self, schedule: Schedule, clock: Clock) -> None:
        self._schedule = schedule
        self._clock = clock
        self._since: datetime | None = None
        self._change: datetime | None = None

    def hold(self) -> Hold | None:
        """Return why not to record now, and until when; None inside a window."""
        now = self._clock.now()
        if self._schedule.records(now):
            return None
        change = self._next_change(now)
        if change is None:
            return Hold("schedule", "outside the schedule, for ever", LONGEST_WAIT, planned=True)
        local = change.astimezone(self._schedule.zone)
        words = f"outside the schedule until {DAYS[local.weekday()].title()} {local:%H:%M}"
        # Never before the change: that would be one more look for nothing.
        wait = min(LONGEST_WAIT, (change - now).total_seconds() + 0.01)
        return Hold("schedule", words, wait, planned=True)

    def _next_change(self, now: datetime) -> datetime | None:
        """Return the next change; it is worked out once, unless the clock has been set meanwhile."""
        if self._since is None or now < self._since or (self._change is not None and now >= self._change):
            self._since, self._change = now, self._schedule.next_change(now)
        return self._change
