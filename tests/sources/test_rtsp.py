"""What the RTSP source does itself; recordings are tested with the recorder."""

import threading
from pathlib import Path

import pytest

from camera_backup.clock import SystemClock
from camera_backup.demo.camera import CameraSpec
from camera_backup.logs import Log
from camera_backup.settings import RecorderSettings
from camera_backup.sources import rtsp
from camera_backup.sources.rtsp import RtspSource
from tests.conftest import StartCameras


def test_a_pipe_that_may_not_be_made_larger_is_used_as_it_is(
    tmp_path: Path, camera_server: StartCameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtsp, "PIPE_SIZE", (1 << 32) - 1)  # more than any kernel grants
    url = camera_server(CameraSpec(path="cam")).url("cam")
    settings = RecorderSettings(camera="front-door", url=url, folder=str(tmp_path))
    stop = threading.Event()
    received = bytearray()

    def take(data: bytes) -> bool:
        received.extend(data)
        if len(received) > 100_000:
            stop.set()
        return True

    RtspSource(settings, SystemClock(), Log("test")).run(take, lambda: None, stop)
    assert received[4:8] == b"ftyp"
    assert len(received) > 100_000
