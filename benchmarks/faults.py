"""What faults cost our recorder: a kill at any moment, a camera that falls silent, one that reboots."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.frames import frame_counters
from tests.support.waiting import wait_for

from benchmarks.accounts import family
from benchmarks.contenders import CONTENDERS, OURS, Job
from benchmarks.recording import PATIENCE, Recording
from camera_backup.demo.camera import CameraServer, CameraSpec

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Faults:
    """What faults cost, in seconds.

    `kills`: footage lost at each; `starts`: from process start to the first frame, with key frames every 0.2 s;
    `stall_detected`: until a silent camera was noticed; `resumed_…`: without footage once the camera was back.
    """

    kills: list[float]
    starts: list[float]
    stall_detected: float
    resumed_after_stall: float
    resumed_after_reboot: float


def measure(folder: Path, cache: Path, kills: int, tell: Callable[[str], None]) -> Faults:
    """Make all the faults happen, one after the other."""
    real = CameraSpec(path="cam", width=1920, height=1080, bitrate_kbps=4000)
    quick = CameraSpec(path="quick", width=1920, height=1080, bitrate_kbps=4000, gop_seconds=0.2)
    with CameraServer([real, quick], folder / "server", cache=cache) as server:
        starts = [_start(server, folder / f"start{number}") for number in range(5)]
        tell(f"start to first frame: {max(starts):.2f} s at most")
        lost = _kills(server, folder / "kills", kills, tell)
        detected, resumed = _stall(server, folder / "stall", tell)
        rebooted = _reboot(server, folder / "reboot", tell)
    return Faults(lost, starts, detected, resumed, rebooted)


@contextmanager
def _recording(server: CameraServer, path: str, folder: Path) -> Iterator[Recording]:
    folder.mkdir(parents=True, exist_ok=True)
    recording = Recording(CONTENDERS[OURS], Job(server.url(path), folder, HOUR))
    recording.start()
    try:
        yield recording
    finally:
        if recording.process.poll() is None:
            recording.process.send_signal(signal.SIGTERM)
            recording.process.wait(PATIENCE)


def _part(recording: Recording) -> Path | None:
    return next(iter((recording.job.folder / "bench").glob(".*.part")), None)


def _said(recording: Recording, words: str) -> int:
    return (recording.job.folder / "log").read_text(encoding="utf-8").count(words)


def _start(server: CameraServer, folder: Path) -> float:
    with _recording(server, "quick", folder) as recording:
        wait_for(lambda: _part(recording), "a first frame", PATIENCE)
    return frame_counters(recording.segments()[0])[0].wall_ms / 1000 - recording.started


def _kills(server: CameraServer, folder: Path, kills: int, tell: Callable[[str], None]) -> list[float]:
    """Kill the recorder and its ffmpeg at random moments; the next start salvages what they left."""
    moments = []
    for number in range(kills + 1):
        with _recording(server, "cam", folder) as recording:
            wait_for(lambda: _said(recording, "segment salvaged") >= number, "a salvaged segment", PATIENCE)  # noqa: B023 - called at once
            wait_for(lambda: _part(recording), "footage", PATIENCE)
            if number < kills:
                time.sleep(random.uniform(0.5, 2.5))  # noqa: S311 - no secret
                moments.append(time.time())
                for pid in family(recording.process.pid):
                    os.kill(pid, signal.SIGKILL)
                recording.process.wait()
                tell(f"{number + 1} of {kills} kills")
    return [
        moment - frame_counters(path)[-1].wall_ms / 1000
        for moment, path in zip(moments, recording.segments()[:kills], strict=True)
    ]


def _stall(server: CameraServer, folder: Path, tell: Callable[[str], None]) -> tuple[float, float]:
    """Return after how many seconds a silent camera is noticed, and how many seconds are lost once it sends again."""
    with _recording(server, "cam", folder) as recording:
        wait_for(lambda: _part(recording), "footage", PATIENCE)
        server.command("cam", "mute")
        silent = time.time()
        wait_for(lambda: _said(recording, "cause=stalled"), "a noticed stall", 2 * PATIENCE)
        detected = time.time() - silent
        tell(f"stall noticed after {detected:.1f} s")
        server.command("cam", "unmute")
        back = time.time()
        wait_for(lambda: _part(recording), "footage after the stall", 2 * PATIENCE)
    return detected, _first_after(recording, back) - back


def _reboot(server: CameraServer, folder: Path, tell: Callable[[str], None]) -> float:
    with _recording(server, "cam", folder) as recording:
        wait_for(lambda: _part(recording), "footage", PATIENCE)
        server.stop()
        wait_for(lambda: _said(recording, "retry_in="), "a noticed reboot", PATIENCE)
        time.sleep(1)
        server.start()
        back = time.time()
        tell("the camera is back")
        wait_for(lambda: _part(recording), "footage after the reboot", 2 * PATIENCE)
    return _first_after(recording, back) - back


def _first_after(recording: Recording, moment: float) -> float:
    """Return when the first frame was sent that was recorded after `moment`."""
    sent = (frame.wall_ms / 1000 for path in recording.segments() for frame in frame_counters(path))
    return min(second for second in sent if second >= moment)
