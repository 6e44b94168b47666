"""The recorder as a real process on a real camera, with a clock that is wrong, and set while it records."""

import re
import subprocess
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pytest

from camera_backup.demo.camera import CameraSpec
from camera_backup.model import SegmentName
from tests.conftest import StartCameras
from tests.support.frames import Frame, decodes_cleanly, frame_counters
from tests.support.process import Command
from tests.support.recorders import gaps, recording
from tests.support.waiting import wait_for

HOUR = timedelta(hours=1)
CAMERA = CameraSpec(path="cam", gop_seconds=0.4)


class FakeTime:
    """What the processes under it take for the time; it runs on from where it is set."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "time"
        listed = subprocess.run(["dpkg", "-L", "libfaketime"], capture_output=True, text=True, check=True).stdout
        (self._library,) = re.findall(r"^.*/libfaketimeMT\.so\.1$", listed, re.MULTILINE)

    def set(self, difference: timedelta) -> None:
        """Let the clock be wrong by so much from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{difference.total_seconds():+.6f}\n")
        new.replace(self._file)

    def environment(self) -> dict[str, str]:
        """Return what a process needs to be fooled; only what it takes for the time of day."""
        return {
            "LD_PRELOAD": self._library,
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_CACHE_DURATION": "1",
            "NO_FAKE_STAT": "1",
        }


@pytest.fixture
def fake_time(tmp_path: Path) -> FakeTime:
    """A clock that is right so far."""
    made = FakeTime(tmp_path)
    made.set(timedelta(0))
    return made


@lru_cache
def frames(path: Path) -> list[Frame]:
    """Return the stamps of a finished segment's frames."""
    return frame_counters(path)


def published(tmp_path: Path) -> list[SegmentName]:
    """Return the names of all segments in the order of their footage."""
    folder = tmp_path / "front-door"
    paths = [path for path in folder.iterdir() if path.suffix == ".mp4" and not path.name.startswith(".")]
    return [SegmentName.parse(path.name) for path in sorted(paths, key=lambda path: frames(path)[0].counter)]


def assert_whole(tmp_path: Path, recorder: Command) -> list[SegmentName]:
    """Every segment that was ever published is there, in it every frame of the camera, once; return their names."""
    names = published(tmp_path)
    said = re.findall(r"segment published .*?\bsegment=(\S+)", recorder.said())
    assert said == [str(name) for name in names]
    paths = [tmp_path / "front-door" / str(name) for name in names]
    found = [frame.counter for path in paths for frame in frames(path)]
    assert found == list(range(found[0], found[0] + len(found)))
    assert {decodes_cleanly(path) for path in paths} == {""}
    return names


def error(name: SegmentName, path: Path) -> timedelta:
    """Return by how much a segment's name is off the time at which the camera sent its first frame."""
    return name.start - datetime.fromtimestamp(frames(path)[0].wall_ms / 1000, UTC)


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["an-hour-forward", "an-hour-back"])
def test_a_step_of_the_clock_loses_and_misnames_nothing(
    tmp_path: Path, camera_server: StartCameras, fake_time: FakeTime, step: timedelta
) -> None:
    with recording(tmp_path, camera_server(CAMERA).url("cam"), environment=fake_time.environment()) as recorder:
        recorder.wait_until_it_says("segment published", count=3)
        fake_time.set(step)
        recorder.wait_until_it_says("segment published", count=7)
        assert recorder.stop() == 0
    names = assert_whole(tmp_path, recorder)
    errors = [round(error(name, tmp_path / "front-door" / str(name)) / HOUR, 2) for name in names]
    assert errors == [0.0] * errors.count(0.0) + [step / HOUR] * (len(errors) - errors.count(0.0))
    assert errors.count(0.0) >= 3
    assert errors.count(step / HOUR) >= 3
    assert not [name for name in names if name.unsynced]


def test_a_clock_that_is_set_back_over_the_same_seconds_again_overwrites_nothing(
    tmp_path: Path, camera_server: StartCameras, fake_time: FakeTime
) -> None:
    with recording(tmp_path, camera_server(CAMERA).url("cam"), environment=fake_time.environment()) as recorder:
        for step in range(1, 4):
            recorder.wait_until_it_says("segment published", count=3 * step)
            fake_time.set(timedelta(seconds=-6 * step))
        assert recorder.stop() == 0
    names = assert_whole(tmp_path, recorder)
    assert len(names) >= 9


def test_a_clock_in_1970_is_waited_for(tmp_path: Path, camera_server: StartCameras, fake_time: FakeTime) -> None:
    boot = datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC) - datetime.now(UTC)
    fake_time.set(boot)
    with recording(
        tmp_path, camera_server(CAMERA).url("cam"), clock_wait=120, environment=fake_time.environment()
    ) as recorder:
        recorder.wait_until_it_says("the clock is not set yet")
        assert "camera answers" not in recorder.said()
        fake_time.set(timedelta(0))
        recorder.wait_until_it_says("segment published", count=3)
        assert recorder.stop() == 0
    names = assert_whole(tmp_path, recorder)
    assert not [name for name in names if name.unsynced]
    assert all(abs(error(name, tmp_path / "front-door" / str(name)).total_seconds()) < 3 for name in names)
    assert gaps(tmp_path) == [], "a gap since 1970 is none"


def test_footage_from_1970_is_tagged_until_the_clock_is_set(
    tmp_path: Path, camera_server: StartCameras, fake_time: FakeTime
) -> None:
    fake_time.set(datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC) - datetime.now(UTC))
    with recording(
        tmp_path, camera_server(CAMERA).url("cam"), clock_wait=2, environment=fake_time.environment()
    ) as recorder:
        recorder.wait_until_it_says("segments are tagged as unsynced")
        recorder.wait_until_it_says("segment published", count=3)
        fake_time.set(timedelta(0))
        recorder.wait_until_it_says("segment published", count=7)
        assert recorder.stop() == 0
    names = assert_whole(tmp_path, recorder)
    tagged = [name for name in names if name.unsynced]
    assert names[: len(tagged)] == tagged
    assert {name.start.year for name in tagged} == {1970}
    assert all(str(name).startswith("19700101_0") and "_unsynced" in str(name) for name in tagged)
    right = names[len(tagged) :]
    assert len(right) >= 3
    assert all(abs(error(name, tmp_path / "front-door" / str(name)).total_seconds()) < 3 for name in right)
    assert gaps(tmp_path) == [], "a gap since 1970 is none"


def test_the_hour_that_comes_twice_in_local_time_has_two_sets_of_names(
    tmp_path: Path, camera_server: StartCameras, fake_time: FakeTime
) -> None:
    # 02:59:5x CEST is followed by 02:00:00 CET, at 01:00 UTC.
    before_change = datetime(2024, 10, 27, 0, 59, 53, tzinfo=UTC)
    fake_time.set(before_change - datetime.now(UTC))
    url = camera_server(CAMERA).url("cam")
    with recording(tmp_path, url, environment={**fake_time.environment(), "TZ": "Europe/Berlin"}) as recorder:
        recorder.wait_until_it_says("segment=20241027_010002.mp4", seconds=40)
        assert recorder.stop() == 0
    names = assert_whole(tmp_path, recorder)
    assert names == sorted(names)
    assert names[0].start < datetime(2024, 10, 27, 1, tzinfo=UTC) < names[-1].start
    assert all(name.start - earlier.start <= timedelta(seconds=3) for earlier, name in pairwise(names))


def test_what_ended_before_a_boot_into_1970_is_a_gap_up_to_the_first_footage_of_a_known_time(
    tmp_path: Path, camera_server: StartCameras, fake_time: FakeTime
) -> None:
    url = camera_server(CAMERA).url("cam")
    with recording(tmp_path, url, environment=fake_time.environment()) as recorder:
        recorder.wait_until_it_says("segment published", count=1)
        assert recorder.stop() == 0
    last = published(tmp_path)[-1].start
    fake_time.set(datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC) - datetime.now(UTC))
    with recording(tmp_path, url, environment=fake_time.environment()) as recorder:
        recorder.wait_until_it_says("_unsynced.mp4")
        fake_time.set(timedelta(0))
        (gap,) = wait_for(lambda: gaps(tmp_path), "a gap record")
        assert recorder.stop() == 0
    begin, end = datetime.fromisoformat(gap["start"]), datetime.fromisoformat(gap["end"])
    assert last <= begin <= last + timedelta(seconds=10)
    assert begin < end < datetime.now(UTC)
    assert end - begin > timedelta(seconds=2)
