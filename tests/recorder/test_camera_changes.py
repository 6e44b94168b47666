"""Cameras that change under the recorder: another clock, another picture, no key frames."""

import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from camera_backup.clock import SystemClock
from camera_backup.demo.camera import CameraServer, CameraSpec
from camera_backup.errors import SourceError
from camera_backup.logs import Log
from camera_backup.model import CameraName
from camera_backup.recorder.segmenter import Recorded, Segmenter
from camera_backup.settings import RecorderSettings
from camera_backup.sources.rtsp import RtspSource
from tests.conftest import StartCameras
from tests.support.frames import audio_packets, decodes_cleanly, frame_counters, picture_sizes, probe
from tests.support.recorders import assert_unbroken, recording, segments
from tests.support.waiting import wait_for


def streams(path: Path) -> dict[str, dict[str, Any]]:
    """Return ffprobe's facts of picture and sound, by `video` and `audio`."""
    return {stream["codec_type"]: stream for stream in probe(path)["streams"]}


def end(stream: dict[str, Any]) -> float:
    """Return when a stream ends in its recording's own time."""
    return float(stream["start_time"]) + float(stream["duration"])


def frames(path: Path) -> list[int]:
    return [frame.counter for frame in frame_counters(path)]


@pytest.mark.parametrize("seconds", [3600, -3, -3600])
def test_a_camera_that_sets_its_clock_loses_no_frame_and_bends_no_time(
    tmp_path: Path, camera_server: StartCameras, seconds: float
) -> None:
    camera = camera_server(CameraSpec(path="cam", gop_seconds=1))
    with recording(tmp_path, camera.url("cam"), duration=3) as recorder:
        recorder.wait_until_it_says("segment published", count=2)
        camera.command("cam", "step_clock", seconds=seconds)
        # Sender reports, which tell of it, come every five seconds or so.
        recorder.wait_until_it_says("segment published", count=7)
    found = segments(tmp_path)
    assert_unbroken(found)
    assert_no_sound_is_missing(found)
    assert "retry_in" not in recorder.said()
    for path in found:
        assert decodes_cleanly(path) == ""
        assert float(streams(path)["video"]["duration"]) == pytest.approx(len(frames(path)) / 25, abs=0.2)
    last = streams(found[-2])
    assert end(last["video"]) == pytest.approx(end(last["audio"]), abs=0.1)


def assert_no_sound_is_missing(found: list[Path]) -> None:
    # The loop has 4 s of sound: whatever stands between two equal packets must stand there each time.
    hashes = [digest for path in found for digest in audio_packets(path)]
    period = hashes.index(hashes[10], 60) - 10
    assert all(a == b for a, b in zip(hashes[10:], hashes[10 + period :], strict=False))


def test_a_camera_that_falls_silent_for_a_while_leaves_a_hole_as_long(
    tmp_path: Path, camera_server: StartCameras
) -> None:
    camera = camera_server(CameraSpec(path="cam", gop_seconds=1))
    with recording(tmp_path, camera.url("cam"), duration=3600, stall_timeout=30) as recorder:
        (growing,) = wait_for(lambda: list((tmp_path / "front-door").glob(".*.part")), "a growing segment")
        wait_for(lambda: growing.stat().st_size > 500_000, "some footage")
        camera.command("cam", "mute")
        silent_from = time.monotonic()
        wait_for(lambda: time.monotonic() > silent_from + 4, "silence")
        camera.command("cam", "unmute")
        size = growing.stat().st_size
        wait_for(lambda: growing.stat().st_size > size + 500_000, "footage after it")
        recorder.stop()
    (path,) = segments(tmp_path)
    stamps = frame_counters(path)
    lasted = (stamps[-1].wall_ms - stamps[0].wall_ms) / 1000
    assert stamps[-1].counter - stamps[0].counter > len(stamps) + 90  # the camera counted on
    assert float(streams(path)["video"]["duration"]) == pytest.approx(lasted, abs=0.3)


@pytest.mark.parametrize("video", ["h264", "h265"])
def test_a_camera_that_changes_its_resolution_is_recorded_on(
    tmp_path: Path, camera_server: StartCameras, video: str
) -> None:
    spec = CameraSpec(path="cam", video=video, gop_seconds=1)
    camera = camera_server(spec)
    with recording(tmp_path, camera.url("cam"), duration=3) as recorder:
        recorder.wait_until_it_says("segment published", count=2)
        camera.switch("cam", replace(spec, width=320, height=240))
        recorder.wait_until_it_says("segment published", count=5)
        assert "retry_in" not in recorder.said()
    found = segments(tmp_path)
    assert_unbroken(found)
    sizes = [picture_sizes(path) for path in found]
    assert all(len(size) == 1 for size in sizes)
    assert (sizes[0], sizes[-1]) == ([(640, 360)], [(320, 240)])
    for path, size in zip(found, sizes, strict=True):
        assert decodes_cleanly(path) == ""
        facts = streams(path)["video"]
        assert (facts["width"], facts["height"]) == size[0]


def test_a_camera_that_sends_one_key_frame_gives_another_when_asked_anew(
    tmp_path: Path, camera_server: StartCameras
) -> None:
    camera = camera_server(CameraSpec(path="cam", keyframes="only_first"))
    found: list[Recorded] = []
    for _ in range(2):
        assert cause_of_end(tmp_path, camera, found) == "no-keyframe"
    assert len(found) == 2
    for recorded in found:
        numbers = frames(recorded.segment.path)
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert len(numbers) > 40
        assert decodes_cleanly(recorded.segment.path) == ""


def cause_of_end(folder: Path, camera: CameraServer, found: list[Recorded]) -> str:
    """Record segments of two seconds until the stream ends; return why it did."""
    settings = RecorderSettings(camera="cam", url=camera.url("cam"), folder=str(folder), segment_duration=2)
    segmenter = Segmenter(CameraName("cam"), folder, 2, SystemClock(), found.append, longest_gop=2)
    source = RtspSource(settings, SystemClock(), Log("record"))

    with pytest.raises(SourceError) as caught:
        source.run(segmenter.feed, segmenter.sync, threading.Event())
    segmenter.finish()
    return caught.value.cause
