"""Makes the times of a camera's stream believable before they are stored. Standard library only.

ffmpeg hands over the first pictures of an RTSP stream without a time when they arrive before the camera's first
sender report, and its MP4 writer then puts them at zero: a picture that seems to last for seconds, and sound that no
longer fits it. The pictures after them tell when they must have been. From then on `track_clock` watches each track.
"""

from dataclasses import replace
from itertools import pairwise
from operator import is_
from statistics import median

from camera_backup.recorder.fmp4 import Fragment, Init, Run
from camera_backup.recorder.track_clock import Pace, TrackClock

ENOUGH = 16  # so many pictures are compared, or as many as MOST_HELD fragments have
MOST_HELD = 4
LEAST = 3  # with fewer, nothing shows what is usual
LONGEST_PATTERN = 8  # pictures after which the order of B-frames repeats
FACTOR = 5  # a gap so many times longer or shorter than the usual one is no frame's duration
SHORTEST = 0.2  # seconds; a gap up to here is believed, however long it is beside the others
LEAD = 0.5  # seconds of sound before the first picture that are kept
CALM = 15.0  # seconds: sender reports of both tracks have come by then


class Timeline:
    """Takes the fragments of one stream in order; the first wait until there are pictures enough to compare."""

    def __init__(self, init: Init) -> None:
        self._init = init
        self._video = next((number for number, track in init.tracks.items() if track.kind == b"vide"), None)
        self._held: list[Fragment] = []
        self._settled = self._video is None
        pace = Pace()
        self._clocks = {number: TrackClock(track.timescale, pace) for number, track in init.tracks.items()}

    def take(self, fragment: Fragment, arrived: float) -> list[Fragment]:
        """Take the next fragment, which arrived at `arrived` (monotonic seconds); return those ready, in order."""
        if self._settled:
            return [self._steady(fragment, arrived)]
        self._held.append(fragment)
        runs = [run for held in self._held for run in held.runs if run.track == self._video]
        if sum(len(run.sizes) for run in runs) < ENOUGH and len(runs) < MOST_HELD:
            return []
        self._settled = True
        return [self._steady(mended, arrived) for mended in self._mend_held()]

    def rest(self) -> list[Fragment]:
        """Return what is still held back: the stream has ended."""
        return self._mend_held()

    def _steady(self, fragment: Fragment, arrived: float) -> Fragment:
        runs = tuple(self._clocks[run.track].take(run, arrived) for run in fragment.runs)
        self._align(arrived)
        # Most fragments come out as they went in.
        return fragment if all(map(is_, runs, fragment.runs)) else replace(fragment, runs=runs)

    def _align(self, arrived: float) -> None:
        """Once all is calm, let the track that is behind catch up: the camera has one clock, set for all tracks."""
        clocks = self._clocks.values()
        ahead = max(clock.shift / clock.timescale for clock in clocks)
        if arrived - max(clock.changed for clock in clocks) < CALM:
            return
        for clock in clocks:
            ticks = round(ahead * clock.timescale) - clock.shift
            if ticks and clock.may_move(ticks, arrived):
                clock.move(ticks, arrived)

    def _mend_held(self) -> list[Fragment]:
        held, self._held = self._held, []
        runs = [run for fragment in held for run in fragment.runs if run.track == self._video]
        if self._video is None or sum(len(run.sizes) for run in runs) < LEAST:
            return held
        mended = iter(_mend(runs, self._init.tracks[self._video].timescale))

        def settled(fragment: Fragment) -> Fragment:
            runs = tuple(next(mended) if run.track == self._video else run for run in fragment.runs)
            return replace(fragment, runs=runs)

        return self._without_lead([settled(fragment) for fragment in held])

    def _without_lead(self, fragments: list[Fragment]) -> list[Fragment]:
        """Leave out the sound from before the first picture: it may be as much as from one key frame to the next."""

        def seconds(run: Run, ticks: int) -> float:
            return ticks / self._init.tracks[run.track].timescale

        runs = [run for fragment in fragments for run in fragment.runs]
        first = min(seconds(run, run.decode_time) for run in runs if run.track == self._video) - LEAD

        def kept(fragment: Fragment) -> tuple[Run, ...]:
            return tuple(
                run
                for run in fragment.runs
                if run.track == self._video or seconds(run, run.decode_time + sum(run.durations)) > first
            )

        return [replace(fragment, runs=kept(fragment)) for fragment in fragments if kept(fragment)]


def _mend(runs: list[Run], timescale: int) -> list[Run]:
    decode, present = [], []
    for run in runs:
        time = run.decode_time
        for duration, offset in zip(run.durations, run.presentation, strict=True):
            decode.append(time)
            present.append(time + offset)
            time += duration
    gaps = [after - before for before, after in pairwise(decode)]
    usual = int(median(gaps))
    longest = max(FACTOR * usual, round(SHORTEST * timescale))
    wrong = [number for number, gap in enumerate(gaps) if not usual // FACTOR <= gap <= longest]
    if not wrong:
        return runs
    good = wrong[-1] + 1
    offsets = [shown - start for start, shown in zip(decode, present, strict=True)]
    period = _period(offsets[good:], usual // 2)
    for number in reversed(range(good)):
        decode[number] = decode[good] - (good - number) * usual
        if not offsets[number]:
            # Presentation times were lost as well; the order of B-frames repeats.
            offsets[number] = offsets[number + period]
            present[number] = decode[number] + offsets[number]
    # As a key frame, the first picture is shown before all others.
    present[0] = max(decode[0], min(present[1:]) - usual)
    return _cut(runs, decode, present)


def _period(offsets: list[int], tolerance: int) -> int:
    """Return after how many pictures the offsets repeat."""
    for period in range(1, min(LONGEST_PATTERN, len(offsets) // 2) + 1):
        pairs = zip(offsets, offsets[period:], strict=False)
        if all(abs(one - other) <= tolerance for one, other in pairs):
            return period
    return 1


def _cut(runs: list[Run], decode: list[int], present: list[int]) -> list[Run]:
    """Return the runs with these times; the duration of the very last sample stays."""
    ends = [*decode[1:], decode[-1] + runs[-1].durations[-1]]
    mended, at = [], 0
    for run in runs:
        span = slice(at, at + len(run.sizes))
        at = span.stop
        mended.append(
            replace(
                run,
                decode_time=decode[span.start],
                durations=[end - start for start, end in zip(decode[span], ends[span], strict=True)],
                presentation=[shown - start for start, shown in zip(decode[span], present[span], strict=True)],
            )
        )
    return mended
