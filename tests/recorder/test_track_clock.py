"""What ffmpeg 5.1 hands over when a camera sets its clock, and what becomes of it."""

from collections.abc import Iterator
from itertools import count, pairwise

import pytest

from camera_backup.recorder.fmp4 import Fragment, Init, Run, Track
from camera_backup.recorder.timeline import Timeline

INIT = Init(b"", b"", {1: Track(1, b"vide", 90_000), 2: Track(2, b"soun", 48_000)})
PICTURE, SOUND = 3600, 1024
GROUP = 50  # pictures from one key frame to the next
LENGTH = 0.52  # seconds in a fragment: 13 pictures


def hand_over(times: list[int], guess: int, track: int, offsets: list[int] | None = None) -> Iterator[Run]:
    """Yield the runs of half a second each that a track's decode times make; the last duration is ffmpeg's guess."""
    rate = 48_000 / SOUND if track == 2 else 25
    for number in count():
        at, end = round(number * LENGTH * rate), round((number + 1) * LENGTH * rate)
        part = times[at:end]
        if not part:
            return
        durations = [after - before for before, after in pairwise([*part, part[-1] + guess])]
        sync = [track == 2 or place % GROUP == 0 for place in range(at, at + len(part))]
        presentation = offsets[at : at + len(part)] if offsets else [0] * len(part)
        yield Run(track, part[0], 8, durations, [100] * len(part), sync, presentation)


def clamped(times: list[int]) -> list[int]:
    """Return decode times as ffmpeg's MP4 writer makes them: a tick later than the last, where they go back."""
    found = times[:1]
    for time in times[1:]:
        found.append(max(time, found[-1] + 1))
    return found


def recorded(pictures: list[int], sounds: list[int], arrivals: list[float] | None = None) -> dict[int, list[int]]:
    """Return the decode times that the recorder gives pictures (1) and sound (2)."""
    timeline = Timeline(INIT)
    found: dict[int, list[int]] = {1: [], 2: []}
    runs = zip(hand_over(pictures, PICTURE, 1), hand_over(sounds, SOUND, 2), strict=False)
    for number, both in enumerate(runs):
        arrived = arrivals[number] if arrivals else number * LENGTH
        for fragment in timeline.take(Fragment(both, b"", 0), arrived):
            for run in fragment.runs:
                times = found[run.track]
                times.append(run.decode_time)
                for duration in run.durations[:-1]:
                    times.append(times[-1] + duration)
    return found


def steady(samples: int, step: int, start: int = 0) -> list[int]:
    return [start + step * number for number in range(samples)]


def stepped(samples: int, usual: int, jump: int, at: int) -> list[int]:
    """Return times that are off by `jump` ticks from the sample `at` on."""
    return [usual * number + (jump if number >= at else 0) for number in range(samples)]


@pytest.mark.parametrize("seconds", [2, 8, 3600])
def test_a_clock_set_forwards_leaves_no_hole(seconds: int) -> None:
    found = recorded(stepped(400, PICTURE, seconds * 90_000, 190), stepped(750, SOUND, seconds * 48_000, 370))
    assert found[1] == steady(len(found[1]), PICTURE)
    assert found[2] == steady(len(found[2]), SOUND)
    assert len(found[1]) > 350


@pytest.mark.parametrize("at", [188, 195])  # at a fragment's start, and in it
@pytest.mark.parametrize("seconds", [0.5, 7, 3600])
def test_a_clock_set_back_squeezes_no_picture_and_no_sound(seconds: float, at: int) -> None:
    found = recorded(
        clamped(stepped(400, PICTURE, round(-seconds * 90_000), at)),
        clamped(stepped(750, SOUND, round(-seconds * 48_000), 360)),
    )
    for track, usual in ((1, PICTURE), (2, SOUND)):
        gaps = [after - before for before, after in pairwise(found[track])]
        assert all(abs(gap - usual) <= 2 for gap in gaps)


def test_picture_and_sound_stay_together_over_many_settings_of_the_clock() -> None:
    pictures, sounds = steady(60 * 25, PICTURE), steady(2812, SOUND)
    for number, second in enumerate((5, 12, 19, 26)):
        step = (-1.3, 3.0, -0.31, 7.0)[number]
        pictures = [time + (round(step * 90_000) if place >= second * 25 else 0) for place, time in enumerate(pictures)]
        # The sound's sender report comes a little later than the picture's.
        sounds = [
            time + (round(step * 48_000) if place >= (second + 1) * 46.875 else 0) for place, time in enumerate(sounds)
        ]
    found = recorded(clamped(pictures), clamped(sounds))
    assert abs(found[1][-1] / 90_000 - found[2][-1] / 48_000) < 0.1
    assert found[1][-1] / 90_000 == pytest.approx(PICTURE * (len(found[1]) - 1) / 90_000, abs=0.2)


def test_a_pause_remains_a_pause() -> None:
    pictures, sounds = stepped(390, PICTURE, 5 * 90_000, 195), stepped(750, SOUND, 5 * 48_000, 375)
    arrivals = [number * LENGTH + (5 if number >= 14 else 0) for number in range(30)]
    found = recorded(pictures, sounds, arrivals)
    assert found[1] == pictures[: len(found[1])]
    assert found[2] == sounds[: len(found[2])]


def test_footage_that_was_held_up_on_the_way_keeps_its_times() -> None:
    arrivals = [20.0 if 10 <= number < 38 else number * LENGTH for number in range(60)]
    found = recorded(steady(700, PICTURE), steady(1400, SOUND), arrivals)
    assert found[1] == steady(len(found[1]), PICTURE)


def test_two_pictures_with_one_time_do_not_make_the_recording_longer() -> None:
    pictures = [time - (PICTURE - 1 if place % 40 == 39 else 0) for place, time in enumerate(steady(390, PICTURE))]
    found = recorded(pictures, steady(750, SOUND))
    assert abs(found[1][-1] - pictures[len(found[1]) - 1]) <= PICTURE


def test_sound_that_fails_while_the_clock_is_set_back_catches_up_with_the_picture() -> None:
    pictures = clamped(stepped(60 * 25, PICTURE, -4 * 90_000, 200))
    sounds = steady(60 * 47, SOUND)  # it goes on where it was when the old time has come again
    timeline = Timeline(INIT)
    silent = range(int(8 / LENGTH), int(12 / LENGTH))
    runs_1, runs_2 = hand_over(pictures, PICTURE, 1), hand_over(sounds, SOUND, 2)
    ends = {1: 0.0, 2: 0.0}
    for number, run in enumerate(runs_1):
        both = (run,) if number in silent else (run, next(runs_2))
        for fragment in timeline.take(Fragment(both, b"", 0), number * LENGTH):
            for ready in fragment.runs:
                scale = INIT.tracks[ready.track].timescale
                ends[ready.track] = (ready.decode_time + sum(ready.durations)) / scale
    assert abs(ends[1] - ends[2]) < 1


def test_the_order_of_b_frames_survives_a_clock_that_is_set_back() -> None:
    usual = [PICTURE, *[3 * PICTURE, 0, 0] * 16, PICTURE]
    jump, end = 120, 120 + 60
    times = clamped(stepped(250, PICTURE, -60 * PICTURE, jump))
    offsets = [0 if jump <= place <= end else usual[place % GROUP] for place in range(250)]
    timeline = Timeline(INIT)
    found: list[int] = []
    for number, run in enumerate(hand_over(times, PICTURE, 1, offsets)):
        for fragment in timeline.take(Fragment((run,), b"", 0), number * LENGTH):
            found += fragment.runs[0].presentation
    assert found == [usual[place % GROUP] for place in range(len(found))]
