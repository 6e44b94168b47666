"""What goes wrong with cameras and recorders, for real; the camera's frame counter tells what was lost."""

import os
import random
import signal
import time
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from camera_backup.demo.camera import CameraServer, CameraSpec
from tests.conftest import StartCameras
from tests.support.frames import decodes_cleanly
from tests.support.process import Command
from tests.support.recorders import assert_unbroken, frames, gaps, growing, recording, segments
from tests.support.tcp_proxy import TcpProxy, tcp_proxy
from tests.support.waiting import wait_for

CAMERA = CameraSpec(path="cam")
STALL = 4.0


def wait_until_it_records(place: Path, size: int = 300_000) -> None:
    wait_for(lambda: any(path.stat().st_size > size for path in growing(place)), "footage")


def lost_ms(place: Path, end: float) -> float:
    """Return how many milliseconds of footage before `end` (seconds since 1970) are missing."""
    return end * 1000 - frames(segments(place))[-1].wall_ms


def published_since(recorder: Command, before: int) -> None:
    recorder.wait_until_it_says("segment published", count=before + 2)


@pytest.mark.parametrize("victim", ["ffmpeg", "recorder"])
def test_a_kill_at_any_moment_costs_at_most_a_second(tmp_path: Path, camera_server: StartCameras, victim: str) -> None:
    url = camera_server(CAMERA).url("cam")
    with recording(tmp_path, url, duration=3600) as recorder:
        wait_until_it_records(tmp_path)
        time.sleep(random.uniform(0, 1))
        killed = time.time()
        if victim == "recorder":
            recorder.kill()
        else:
            psutil.Process(recorder.popen.pid).children()[0].kill()
            recorder.wait_until_it_says("segment published")
            recorder.stop()
    if victim == "recorder":
        with recording(tmp_path, url, duration=3600) as recorder:
            recorder.wait_until_it_says("segment salvaged")
            recorder.stop()
    first = segments(tmp_path)[:1]
    assert_unbroken(first)
    assert decodes_cleanly(first[0]) == ""
    assert killed * 1000 - frames(first)[-1].wall_ms <= 1000


def test_ffmpeg_is_started_again_at_once_and_the_gap_is_recorded(tmp_path: Path, camera_server: StartCameras) -> None:
    url = camera_server(CAMERA).url("cam")
    with recording(tmp_path, url) as recorder:
        recorder.wait_until_it_says("segment published")
        psutil.Process(recorder.popen.pid).children()[0].kill()
        recorder.wait_until_it_says("footage is missing")
    (gap,) = gaps(tmp_path)
    assert gap["cause"] == "ended"
    assert length(gap) < 8


def length(gap: dict[str, str]) -> float:
    return (datetime.fromisoformat(gap["end"]) - datetime.fromisoformat(gap["start"])).total_seconds()


def freeze(camera: CameraServer) -> None:
    os.kill(camera.pid, signal.SIGSTOP)


def thaw(camera: CameraServer) -> None:
    os.kill(camera.pid, signal.SIGCONT)


def test_a_frozen_camera_is_noticed_and_its_gap_recorded(tmp_path: Path, camera_server: StartCameras) -> None:
    camera = camera_server(CAMERA)
    with recording(tmp_path, camera.url("cam"), stall_timeout=STALL) as recorder:
        recorder.wait_until_it_says("segment published", count=2)
        freeze(camera)
        frozen = time.time()
        recorder.wait_until_it_says("cause=stalled")
        assert time.time() - frozen < STALL + 3
        before = recorder.said().count("segment published")
        thaw(camera)
        published_since(recorder, before)
    (gap,) = gaps(tmp_path)
    assert gap["cause"] == "stalled"
    assert datetime.fromisoformat(gap["start"]).timestamp() == pytest.approx(frozen, abs=1.5)


def test_a_camera_that_keeps_the_session_but_sends_nothing_is_noticed(
    tmp_path: Path, camera_server: StartCameras
) -> None:
    camera = camera_server(CAMERA)
    with recording(tmp_path, camera.url("cam"), stall_timeout=STALL) as recorder:
        recorder.wait_until_it_says("segment published")
        camera.command("cam", "mute")
        recorder.wait_until_it_says("cause=stalled")
        before = recorder.said().count("segment published")
        camera.command("cam", "unmute")
        published_since(recorder, before)
    assert [gap["cause"] for gap in gaps(tmp_path)] == ["stalled"]


def behind(camera: CameraServer, proxy: TcpProxy) -> str:
    return camera.url("cam").replace(f":{camera.port}/", f":{proxy.port}/")


def test_a_line_that_hangs_is_noticed_and_footage_resumes_when_it_is_back(
    tmp_path: Path, camera_server: StartCameras
) -> None:
    camera = camera_server(CAMERA)
    with (
        tcp_proxy(camera.port) as proxy,
        recording(tmp_path, behind(camera, proxy), stall_timeout=STALL) as recorder,
    ):
        recorder.wait_until_it_says("segment published")
        proxy.pause()
        recorder.wait_until_it_says("cause=stalled")
        recorder.wait_until_it_says("cause=timeout")
        before = recorder.said().count("segment published")
        proxy.go_on()
        published_since(recorder, before)
    assert [gap["cause"] for gap in gaps(tmp_path)] == ["stalled"]


def test_a_cut_connection_is_made_again(tmp_path: Path, camera_server: StartCameras) -> None:
    camera = camera_server(CAMERA)
    with tcp_proxy(camera.port) as proxy, recording(tmp_path, behind(camera, proxy)) as recorder:
        recorder.wait_until_it_says("segment published")
        proxy.cut()
        recorder.wait_until_it_says("footage is missing")
    assert len(gaps(tmp_path)) == 1
    assert length(gaps(tmp_path)[0]) < 8
    assert all(decodes_cleanly(path) == "" for path in segments(tmp_path))


def test_garbage_from_the_camera_ends_the_stream_and_leaves_what_came_before(
    tmp_path: Path, camera_server: StartCameras
) -> None:
    camera = camera_server(CAMERA)
    with (
        tcp_proxy(camera.port) as proxy,
        recording(tmp_path, behind(camera, proxy), stall_timeout=STALL) as recorder,
    ):
        recorder.wait_until_it_says("segment published", count=2)
        proxy.garble()
        recorder.wait_until_it_says("retry_in=")
        assert "Traceback" not in recorder.said()
        proxy.cut()
        before = recorder.said().count("segment published")
        proxy.go_on()
        published_since(recorder, before)
    assert_unbroken(segments(tmp_path)[:2])
    assert gaps(tmp_path)


def test_a_camera_that_is_away_costs_almost_nothing(tmp_path: Path) -> None:
    with recording(tmp_path, "rtsp://127.0.0.1:9/x") as recorder:
        recorder.wait_until_it_says("cause=refused")
        process = psutil.Process(recorder.popen.pid)
        before = sum(process.cpu_times()[:2])
        recorder.wait_until_it_says("cause=refused", count=4)
        assert sum(process.cpu_times()[:2]) - before < 0.2


def test_a_restart_of_the_recorder_is_a_gap_with_its_cause(tmp_path: Path, camera_server: StartCameras) -> None:
    url = camera_server(CAMERA).url("cam")
    with recording(tmp_path, url) as recorder:
        recorder.wait_until_it_says("segment published", count=2)
        stopped = time.time()
        recorder.stop()
    assert lost_ms(tmp_path, stopped) < 1000, "what ffmpeg still held is kept"
    with recording(tmp_path, url) as recorder:
        recorder.wait_until_it_says("footage is missing")
    assert [gap["cause"] for gap in gaps(tmp_path)] == ["recorder-restart"]
