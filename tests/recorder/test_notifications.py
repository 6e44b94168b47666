"""What systemd hears of a recorder."""

import os
import signal
import time
from pathlib import Path

from camera_backup.demo.camera import CameraSpec
from tests.conftest import StartCameras
from tests.support.notifications import notifications
from tests.support.recorders import frames, growing, recording, segments
from tests.support.waiting import wait_for

STALL = 4.0


def test_a_recorder_is_ready_with_its_first_frames_on_disk(tmp_path: Path, camera_server: StartCameras) -> None:
    url = camera_server(CameraSpec(path="cam")).url("cam")
    with (
        notifications(tmp_path) as systemd,
        recording(tmp_path, url, environment={"NOTIFY_SOCKET": systemd.address}) as recorder,
    ):
        ready = systemd.wait("READY=1")
        assert growing(tmp_path)
        recorder.wait_until_it_says("segment published")
        recorder.stop()
        assert len(systemd.times("READY=1")) == 1
        assert systemd.times("STATUS=recording")
        assert systemd.times("STOPPING=1")
    assert frames(segments(tmp_path)[:1])[0].wall_ms / 1000 <= ready


def test_the_watchdog_is_fed_only_while_footage_grows(tmp_path: Path, camera_server: StartCameras) -> None:
    camera = camera_server(CameraSpec(path="cam"))
    with (
        notifications(tmp_path) as systemd,
        recording(
            tmp_path, camera.url("cam"), stall_timeout=STALL, environment={"NOTIFY_SOCKET": systemd.address}
        ) as recorder,
    ):
        wait_for(lambda: len(systemd.times("WATCHDOG=1")) >= 5, "the watchdog is fed")
        os.kill(camera.pid, signal.SIGSTOP)
        frozen = time.time()
        stalls = recorder.said().count("cause=stalled")
        recorder.wait_until_it_says("cause=stalled", count=stalls + 1)
        os.kill(camera.pid, signal.SIGCONT)
        stalled = wait_for(lambda: [w for w in systemd.times("STATUS=waiting") if w > frozen], "told")[0]
        fed = [when for when in systemd.times("WATCHDOG=1") if frozen + 1.5 < when < stalled]
        assert fed == []


def test_a_camera_that_is_away_does_not_keep_the_start_waiting(tmp_path: Path) -> None:
    with (
        notifications(tmp_path) as systemd,
        recording(tmp_path, "rtsp://127.0.0.1:9/x", environment={"NOTIFY_SOCKET": systemd.address}),
    ):
        systemd.wait("READY=1")
        systemd.wait("STATUS=waiting: record: the camera refuses the connection")
        # While it waits, it says how long nothing may be heard, instead of feeding the watchdog by a clock.
        systemd.wait("WATCHDOG_USEC=6")
