"""The contenders side by side, at the same time, on the same cameras."""

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.contenders import CONTENDERS, Job
from benchmarks.recording import Cost, Recording
from camera_backup.demo.camera import CameraServer, CameraSpec

SETTLE = 5.0
WATCH_EVERY = 2.0


def cameras(number: int) -> list[CameraSpec]:
    """Return the cameras to record: 1080p25, 4 Mbit/s H.264, a key frame every 2 s, AAC."""
    return [CameraSpec(path=f"cam{n}", width=1920, height=1080, bitrate_kbps=4000) for n in range(number)]


def recordings(server: CameraServer, names: list[str], segment: int, folder: Path) -> list[Recording]:
    """Return every camera with each of the contenders, not started yet; `segment` is in seconds."""
    found = []
    for path in server.specs:
        for name in names:
            place = folder / f"{path}-{name}"
            place.mkdir(parents=True)
            found.append(Recording(CONTENDERS[name], Job(server.url(path), place, segment)))
    return found


def compare(running: list[Recording], seconds: float, tell: Callable[[str], None]) -> list[Cost]:
    """Have all of them record at the same time for `seconds` after a start of 5 s; return what each cost."""
    for recording in running:
        recording.start()
    tell(f"{len(running)} recordings have started")
    time.sleep(SETTLE)
    for recording in running:
        recording.settle()
    _watch(running, seconds, tell)
    ended = [recording.end() for recording in running]
    tell("counting frames")
    return [recording.cost(*used) for recording, used in zip(running, ended, strict=True)]


def _watch(running: list[Recording], seconds: float, tell: Callable[[str], None]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for recording in running:
            recording.look()
        tell(f"{left:.0f} s left")
        time.sleep(min(WATCH_EVERY, max(0.0, end - time.monotonic())))
    for recording in running:
        recording.look()
