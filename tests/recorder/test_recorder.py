"""The recorder as a real process, on a real camera."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from camera_backup.demo.camera import CameraSpec
from camera_backup.model import SegmentName
from tests.conftest import StartCameras
from tests.support.frames import audio_packets, decodes_cleanly, frame_counters, probe
from tests.support.process import command, family
from tests.support.recorders import assert_unbroken, recording, segments
from tests.support.tls import tls_front
from tests.support.waiting import wait_for

PASSWORD = "p@ss:w/rd?#1"


@pytest.mark.parametrize(
    "spec",
    [
        CameraSpec(path="cam", video="h264", audio="aac", user="admin", password=PASSWORD, auth="digest"),
        CameraSpec(path="cam", video="h264", audio="pcma", user="admin", password=PASSWORD, auth="basic"),
        CameraSpec(path="cam", video="h265", audio="aac"),
        CameraSpec(path="cam", video="h264", audio="none", b_frames=2),
    ],
    ids=["h264+aac+digest", "h264+g711+basic", "h265+aac", "h264+b-frames"],
)
def test_every_frame_is_recorded_exactly_once_and_each_segment_decodes_alone(
    tmp_path: Path, camera_server: StartCameras, spec: CameraSpec
) -> None:
    with recording(tmp_path, camera_server(spec).url("cam")) as recorder:
        recorder.wait_until_it_says("segment published", count=4)
        assert recorder.stop() == 0
    found = segments(tmp_path)
    assert len(found) >= 5  # the open segment is published as well
    assert_unbroken(found)
    for path in found:
        assert decodes_cleanly(path) == ""
        assert {stream["codec_type"] for stream in probe(path)["streams"]} == (
            {"video"} if spec.audio == "none" else {"video", "audio"}
        )


def test_a_camera_behind_tls_is_recorded(tmp_path: Path, camera_server: StartCameras) -> None:
    camera = camera_server(CameraSpec(path="cam", user="admin", password=PASSWORD))
    with tls_front(tmp_path, camera.port) as port:
        url = camera.url("cam").replace("rtsp://", "rtsps://").replace(f":{camera.port}/", f":{port}/")
        with recording(tmp_path, url) as recorder:
            recorder.wait_until_it_says("segment published", count=2)
    assert_unbroken(segments(tmp_path))


def test_copied_audio_has_no_break_between_segments(tmp_path: Path, camera_server: StartCameras) -> None:
    # The loop has 4 s of audio: whatever stands between two equal packets must stand there each time.
    with recording(tmp_path, camera_server(CameraSpec(path="cam")).url("cam")) as recorder:
        recorder.wait_until_it_says("segment published", count=5)
    hashes = [digest for path in segments(tmp_path) for digest in audio_packets(path)]
    first = hashes[10]
    places = [place for place, digest in enumerate(hashes) if digest == first]
    period = places[1] - places[0]
    assert period > 50
    assert all(a == b for a, b in zip(hashes[10:], hashes[10 + period :], strict=False))


def test_segments_start_on_the_clocks_multiples_and_are_named_in_utc(
    tmp_path: Path, camera_server: StartCameras
) -> None:
    with recording(tmp_path, camera_server(CameraSpec(path="cam", gop_seconds=0.4)).url("cam"), duration=3) as recorder:
        recorder.wait_until_it_says("segment published", count=3)
    starts = [SegmentName.parse(path.name).start for path in segments(tmp_path)]
    assert all(start.second % 3 == 0 for start in starts[1:])
    assert abs((datetime.now(UTC) - starts[-1]).total_seconds()) < 20
    for path, start in zip(segments(tmp_path), starts, strict=True):
        seen = frame_counters(path)[0].wall_ms / 1000
        assert start.timestamp() - 1 <= seen <= start.timestamp() + 1.5


def test_a_wrong_password_is_said_once_in_clear_and_tried_again_much_later(
    tmp_path: Path, camera_server: StartCameras
) -> None:
    camera = camera_server(CameraSpec(path="cam", user="admin", password="right"))
    with recording(tmp_path, camera.url("cam").replace("right", "hunter2secret")) as recorder:
        recorder.wait_until_it_says("refuses the user name or password")
        assert "cause=unauthorised" in recorder.said()
        assert "retry_in=300" in recorder.said()
        assert "hunter2secret" not in recorder.said()
        assert recorder.stop() == 0
    assert segments(tmp_path) == []


def test_a_camera_that_is_down_at_the_start_is_recorded_once_it_is_up(
    tmp_path: Path, camera_server: StartCameras
) -> None:
    camera = camera_server(CameraSpec(path="cam"))
    camera.stop()
    with recording(tmp_path, camera.url("cam")) as recorder:
        recorder.wait_until_it_says("cause=refused")
        camera.start()
        recorder.wait_until_it_says("segment published")
    assert_unbroken(segments(tmp_path))


def test_a_camera_that_reboots_is_recorded_again(tmp_path: Path, camera_server: StartCameras) -> None:
    camera = camera_server(CameraSpec(path="cam"))
    with recording(tmp_path, camera.url("cam")) as recorder:
        recorder.wait_until_it_says("segment published", count=2)
        camera.stop()
        recorder.wait_until_it_says("retry_in=")
        before = len(segments(tmp_path))
        camera.start()
        recorder.wait_until_it_says("segment published", count=before + 2)
    assert {path.name: decodes_cleanly(path) for path in segments(tmp_path)} == dict.fromkeys(
        (path.name for path in segments(tmp_path)), ""
    )


def test_footage_of_a_killed_recorder_is_salvaged_at_the_next_start(
    tmp_path: Path, camera_server: StartCameras
) -> None:
    camera = camera_server(CameraSpec(path="cam"))
    with recording(tmp_path, camera.url("cam"), duration=3600) as recorder:
        growing = wait_for(lambda: list((tmp_path / "front-door").glob(".*.part")), "a growing segment")
        wait_for(lambda: growing[0].stat().st_size > 300_000, "some footage")
        recorder.kill()
    with recording(tmp_path, camera.url("cam"), duration=3600) as recorder:
        recorder.wait_until_it_says("segment salvaged")
        recorder.stop()
    salvaged = segments(tmp_path)[0]
    assert len(frame_counters(salvaged)) > 50
    assert decodes_cleanly(salvaged) == ""


def test_no_process_shows_the_password(tmp_path: Path, camera_server: StartCameras) -> None:
    camera = camera_server(CameraSpec(path="cam", user="admin", password="hunter2secret"))
    with recording(tmp_path, camera.url("cam"), duration=3600) as recorder:
        wait_for(lambda: list((tmp_path / "front-door").glob(".*.part")), "a growing segment")
        pids = family(recorder.popen.pid)
        assert len(pids) == 2  # the recorder and its ffmpeg
        for pid in pids:
            for name in ("cmdline", "environ"):
                assert b"hunter2secret" not in Path(f"/proc/{pid}/{name}").read_bytes()
        recorder.stop()
        assert "hunter2secret" not in recorder.said()


def test_two_recorders_do_not_write_into_one_folder(tmp_path: Path, camera_server: StartCameras) -> None:
    url = camera_server(CameraSpec(path="cam")).url("cam")
    with recording(tmp_path, url) as first:
        first.wait_until_it_says("camera answers")
        with recording(tmp_path, url) as second:
            second.wait_until_it_says("another recorder writes here")


def test_a_missing_ffmpeg_is_said_with_the_way_to_get_it(tmp_path: Path, camera_server: StartCameras) -> None:
    with recording(
        tmp_path, camera_server(CameraSpec(path="cam")).url("cam"), ffmpeg="/nonexistent/ffmpeg"
    ) as recorder:
        assert recorder.popen.wait(20) == os.EX_UNAVAILABLE
    assert "ffmpeg cannot be started (apt install ffmpeg)" in recorder.said()
    assert "Traceback" not in recorder.said()


def test_outside_its_schedule_the_source_is_not_opened_and_inside_it_is(
    tmp_path: Path, camera_server: StartCameras
) -> None:
    url = camera_server(CameraSpec(path="cam")).url("cam")
    now = datetime.now(UTC)
    soon, later = now + timedelta(minutes=1), now + timedelta(minutes=2)
    window = f"{soon:%H:%M}-{later:%H:%M}"
    with recording(tmp_path, url, schedule_zone="UTC", schedule_windows=[window]) as recorder:
        recorder.wait_until_it_says(f"outside the schedule until {soon:%a} {soon:%H:%M}")
        assert "camera answers" not in recorder.said()
        recorder.wait_until_it_says("segment published", count=2, seconds=90)
        opened = recorder.said().index("camera answers")
        assert datetime.now(UTC) >= soon.replace(second=0, microsecond=0)
        recorder.wait_until_it_says("outside the schedule until", count=2, seconds=90)
        ended = len(segments(tmp_path))
        assert "warning" not in recorder.said()
        assert recorder.stop() == 0
    assert recorder.said().count("camera answers") == 1
    assert opened > 0
    found = segments(tmp_path)
    assert len(found) == ended
    assert_unbroken(found)
    first, last = frame_counters(found[0])[0], frame_counters(found[-1])[-1]
    begin = soon.replace(second=0, microsecond=0).timestamp()
    assert begin <= first.wall_ms / 1000 < begin + 8
    assert begin + 57 < last.wall_ms / 1000 < begin + 63


def test_a_schedule_that_cannot_be_kept_ends_the_recorder_for_good(tmp_path: Path) -> None:
    with recording(tmp_path, "rtsp://127.0.0.1/x", schedule_zone="Europe/Atlantis", schedule_windows=[]) as recorder:
        assert recorder.popen.wait(20) == os.EX_CONFIG
    assert recorder.said().count("\n") == 1
    assert "the schedule cannot be kept: there is no such time zone here" in recorder.said()


def test_settings_of_another_camera_are_refused(tmp_path: Path) -> None:
    with recording(tmp_path, "rtsp://127.0.0.1/x"):
        pass
    answer = command("record", "garage", "--settings", str(tmp_path / "settings.json"))
    assert answer.returncode == 2
    assert answer.stderr == "camera-backup record: these settings are for camera front-door, not garage\n"


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"camera": "x", "surprise": 1}', "\0"])
def test_unreadable_settings_are_a_configuration_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    answer = command("record", "front-door", "--settings", str(tmp_path / "settings.json"))
    assert answer.returncode == os.EX_CONFIG
    assert answer.stderr.count("\n") == 1
    assert "run camera-backup-generate again" in answer.stderr


def test_a_recorder_started_by_hand_says_how_it_should_be_started() -> None:
    answer = command("record", "front-door")
    assert answer.returncode == os.EX_CONFIG
    assert "systemctl" in answer.stderr


def test_the_recorder_needs_nothing_outside_the_standard_library() -> None:
    # With -S and -I there is no site-packages: an import of anything else would fail.
    source = Path(__file__).parents[2] / "src"
    script = (
        f"import sys; sys.path.insert(0, {str(source)!r}); from camera_backup.cli import main; main(['record', '-h'])"
    )
    done = subprocess.run(["python3", "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "NAME" in done.stdout
