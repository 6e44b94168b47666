"""Keeps the times of a track going on when the camera sets its clock. Standard library only.

With picture and sound ffmpeg reckons times by the clock that the camera's sender reports tell. When that clock is set
forwards, one sample seems to last for as long; when it is set back, ffmpeg's MP4 writer gives every sample one tick
until the old time has come again. Neither is true: the samples came as ever. When they came tells a jump from a pause.
"""

from dataclasses import replace
from statistics import median

from camera_backup.recorder.fmp4 import Run

CLAMPED = 2  # ticks: nothing real is so short; ffmpeg makes it of a time that goes back
JUMP = 1.0  # seconds; up to here a gap is believed
STRANGE = 2.5  # a gap so many times the usual one may be a jump
DRIFT = 1e-3  # a camera's clock may run so much slower than ours
FEW = 3  # with fewer samples, what is usual changes slowly


class Pace:
    """How far the stream's time is ahead of its arrival: nothing arrives before it has been filmed."""

    def __init__(self) -> None:
        self._lead: float | None = None
        self._at = 0.0

    def note(self, time: float, arrived: float) -> None:
        """Take note that footage up to `time` had arrived at `arrived`, both in seconds of their own."""
        lead = time - arrived
        self._lead = lead if self._lead is None else max(lead, self._lead - DRIFT * (arrived - self._at))
        self._at = arrived

    def allows(self, time: float, arrived: float) -> bool:
        """Tell whether footage of `time` can have arrived by then."""
        return self._lead is None or time - arrived <= self._lead + JUMP


class TrackClock:
    """One track's way from the times that ffmpeg gives to believable ones; `shift` is what it adds, in ticks."""

    def __init__(self, timescale: int, pace: Pace) -> None:
        self.timescale = timescale
        self.shift = 0
        self.changed = float("-inf")  # when `shift` last changed, in seconds of arrival
        self._pace = pace
        self._usual = 0.0
        self._expected: int | None = None  # where the next run starts if nothing is missing
        self._clamped = False
        self._pattern = Pattern()

    def take(self, run: Run, arrived: float) -> Run:
        """Return the run with times that go on from the run before; it arrived at `arrived`, in seconds."""
        if not self._usual:
            self._usual = median(run.durations)
        end = run.decode_time + sum(run.durations)
        start = self._start(run, arrived)
        if self._clamped or min(run.durations) <= CLAMPED or max(run.durations) > self._longest():
            run = self._mended(run, start, arrived)
        else:
            self._learn(run.durations)
            if any(run.presentation):
                self._pattern.learn(run)
            if start != run.decode_time:
                run = replace(run, decode_time=start)
        self._expected = end
        self._pace.note((end + self.shift) / self.timescale, arrived)
        return run

    def move(self, ticks: int, arrived: float) -> None:
        """Have everything from now on come later by `ticks`."""
        self.shift += ticks
        self.changed = arrived

    def may_move(self, ticks: int, arrived: float) -> bool:
        """Tell whether what has arrived may be `ticks` later than we took it to be."""
        time = (self._expected or 0) + self.shift + ticks
        return self._pace.allows(time / self.timescale, arrived)

    def _longest(self) -> float:
        return max(JUMP * self.timescale, STRANGE * self._usual)

    def _learn(self, durations: list[int]) -> None:
        usual = sorted(durations)[len(durations) // 2]
        self._usual = usual if len(durations) >= FEW else (7 * self._usual + usual) / 8

    def _start(self, run: Run, arrived: float) -> int:
        """Return when the run starts, after a look at what lies between it and the run before."""
        excess = run.decode_time - self._expected if self._expected is not None else 0
        stands_still = self._usual + excess <= CLAMPED
        if excess and (self._clamped or stands_still or self._jumps(run.decode_time, excess, arrived)):
            self.move(-excess, arrived)
        return run.decode_time + self.shift

    def _jumps(self, until: int, gap: int, arrived: float) -> bool:
        """Tell whether a gap in the times that ends at `until` is the clock's and not the camera's."""
        time = (until + self.shift) / self.timescale
        return gap > self._longest() and not self._pace.allows(time, arrived)

    def _mended(self, run: Run, start: int, arrived: float) -> Run:
        usual, time, clamped = round(self._usual), run.decode_time, self._clamped
        durations, lost = [], []
        for duration in run.durations:
            time += duration
            short = duration <= CLAMPED
            if short or clamped or self._jumps(time, duration, arrived):
                self.move(usual - duration, arrived)
                durations.append(usual)
            else:
                durations.append(duration)
            lost.append(short or clamped)
            before, clamped = clamped, short
        # The last duration is ffmpeg's guess; it ends nothing.
        self._clamped = clamped or before
        return replace(run, decode_time=start, durations=durations, presentation=self._pattern.restore(run, lost))


class Pattern:
    """The order in which pictures with B-frames are shown, as the last whole group of pictures had it."""

    def __init__(self) -> None:
        self._known: list[int] = []
        self._growing: list[int] = []
        self._place = 0

    def learn(self, run: Run) -> None:
        """Take a run whose presentation times are right."""
        for sync, offset in zip(run.sync, run.presentation, strict=True):
            if sync:
                self._known = self._growing or self._known
                self._growing = []
                self._place = 0
            self._growing.append(offset)
            self._place += 1

    def restore(self, run: Run, lost: list[bool]) -> list[int]:
        """Return the run's presentation offsets, those that were lost taken from the pattern."""
        self._known = self._known or self._growing
        if not self._known:
            return run.presentation
        offsets = []
        for sync, offset, gone in zip(run.sync, run.presentation, lost, strict=True):
            self._place = 0 if sync else self._place
            offsets.append(self._known[self._place % len(self._known)] if gone else offset)
            self._place += 1
        self._growing = []
        return offsets
