from dataclasses import replace

import pytest

from camera_backup.recorder.fmp4 import Fragment, Init, Run, Track
from camera_backup.recorder.timeline import Timeline

INIT = Init(b"", b"", {1: Track(1, b"vide", 90_000), 2: Track(2, b"soun", 48_000)})


def run(track: int, start: int, durations: list[int], presentation: list[int] | None = None) -> Run:
    count = len(durations)
    return Run(track, start, 8, durations, [100] * count, [True] + [False] * (count - 1), presentation or [0] * count)


def fragment(*runs: Run) -> Fragment:
    return Fragment(runs, b"", 0)


def settled(first: Fragment, second: Fragment) -> list[Fragment]:
    timeline = Timeline(INIT)
    return [*timeline.take(first, 0.0), *timeline.take(second, 0.5), *timeline.rest()]


def times(fragments: list[Fragment]) -> list[int]:
    """Return the decode times of the pictures, and check that durations and gaps agree."""
    found: list[int] = []
    for run_ in (run_ for fragment_ in fragments for run_ in fragment_.runs if run_.track == 1):
        assert not found or found[-1] == run_.decode_time
        found = [*found[:-1], run_.decode_time]
        for duration in run_.durations:
            found.append(found[-1] + duration)
    return found


def test_a_believable_start_is_left_alone() -> None:
    first, second = fragment(run(1, 0, [3600] * 12)), fragment(run(1, 43_200, [3600] * 12))
    assert settled(first, second) == [first, second]


def test_a_first_picture_stamped_zero_moves_to_where_the_second_says() -> None:
    first = fragment(run(1, 0, [170_000]), run(2, 0, [1024] * 40))
    second = fragment(run(1, 170_000, [3600] * 12))
    assert times(settled(first, second)) == [170_000 + 3600 * number for number in range(-1, 13)]


def test_the_sound_stays_where_it_was() -> None:
    sound = run(2, 80_000, [1024] * 40)
    fragments = settled(fragment(run(1, 0, [170_000]), sound), fragment(run(1, 170_000, [3600] * 12)))
    assert fragments[0].runs[1] == sound


def test_leading_pictures_of_a_stream_with_b_frames_move_together() -> None:
    # As ffmpeg 5.1 hands it over: two decode times missing, the first presentation time as well.
    first = fragment(run(1, 0, [11_520, 66_600, 3600, 3600, 3600], [0, 73_400, 0, 0, 0]))
    second = fragment(run(1, 88_920, [3600] * 6, [10_800, 0, 0, 10_800, 0, 0]))
    fragments = settled(first, second)
    assert times(fragments)[:4] == [78_120 - 7200, 78_120 - 3600, 78_120, 81_720]
    mended = fragments[0].runs[0]
    shown = [mended.decode_time + mended.presentation[0], mended.decode_time + 3600 + mended.presentation[1]]
    assert shown == [78_120 - 3600, 11_520 + 73_400]


def test_a_first_picture_pushed_against_the_second_moves_before_zero() -> None:
    first = fragment(run(1, 0, [1, 3599, 3600, 3600]))
    second = fragment(run(1, 10_800, [3600] * 12))
    assert times(settled(first, second))[:4] == [-3599, 1, 3600, 7200]


def test_presentation_times_lost_with_the_decode_times_follow_the_pattern_of_the_others() -> None:
    # As ffmpeg 5.1 hands over a camera with B-frames and no sound: I P B B | P B B P B B …
    durations = [3600, 1, 1, 1, 3597, *[3600] * 11]
    presentation = [0, 0, 0, 0, 10_797, 0, 0, *[10_800, 0, 0] * 3]
    (mended,) = settled(fragment(run(1, 0, durations, presentation)), fragment(run(2, 0, [1024])))[0].runs
    decode = [mended.decode_time + sum(mended.durations[:number]) for number in range(8)]
    shown = [start + offset for start, offset in zip(decode, mended.presentation, strict=False)]
    assert decode[:5] == [-10_797, -7197, -3597, 3, 3603]
    assert shown == [-7197, 3600, -3597, 3, 14_400, 7200, 10_800, 25_200]


def test_slow_cameras_are_believed() -> None:
    first, second = fragment(run(1, 0, [90_000, 90_000])), fragment(run(1, 180_000, [90_000, 90_000]))
    assert settled(first, second) == [first, second]


@pytest.mark.parametrize("count", [0, 1])
def test_a_stream_that_ends_early_gives_back_what_was_held(count: int) -> None:
    timeline = Timeline(INIT)
    held = fragment(run(1, 0, [3600]))
    for _ in range(count):
        timeline.take(held, 0.0)
    assert timeline.rest() == [held] * count
    assert timeline.rest() == []


def test_later_fragments_pass_untouched() -> None:
    timeline = Timeline(INIT)
    for number in range(2):
        timeline.take(fragment(run(1, 43_200 * number, [3600] * 12)), 0.48 * number)
    usual = fragment(run(1, 86_400, [3600] * 12))
    assert timeline.take(usual, 1.44) == [usual]
    assert timeline.rest() == []


def test_a_lone_first_picture_waits_for_others_to_compare_it_with() -> None:
    timeline = Timeline(INIT)
    early = fragment(run(2, 0, [1024] * 24))
    assert timeline.take(early, 0.0) == []
    assert timeline.take(fragment(run(1, 0, [170_000])), 0.5) == []
    assert times(timeline.take(fragment(run(1, 170_000, [3600] * 15)), 1.0))[0] == 166_400


def test_sound_alone_is_left_alone() -> None:
    init = replace(INIT, tracks={2: INIT.tracks[2]})
    timeline = Timeline(init)
    first = fragment(run(2, 0, [1024] * 20))
    assert timeline.take(first, 0.0) == [first]


def test_sound_from_long_before_the_first_picture_is_left_out() -> None:
    # A camera with rare key frames: 1.8 s of sound, half-second by half-second, then the first picture.
    timeline = Timeline(INIT)
    first = fragment(run(1, 0, [170_000]), run(2, 0, [1024] * 24))
    early = [fragment(run(2, 24_576 * number, [1024] * 24)) for number in (1, 2)]
    rest = fragment(run(1, 170_000, [3600] * 16), run(2, 73_728, [1024] * 48))
    fragments = [part for given in (first, *early, rest) for part in timeline.take(given, 0.0)]
    sound = [run_.decode_time for part in fragments for run_ in part.runs if run_.track == 2]
    assert sound == [49_152, 73_728]
    assert times(fragments)[0] == 166_400
