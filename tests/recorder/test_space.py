"""Full, failing and missing disks under a recorder as a real process, on a real camera."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from camera_backup.demo.camera import CameraSpec
from camera_backup.recorder.space import FreeGate, QuotaGate, SpoolGate
from camera_backup.spool.mark import MARK, mark_spool
from camera_backup.spool.writer import spool_error
from tests.conftest import StartCameras
from tests.support.frames import decodes_cleanly, frame_counters
from tests.support.process import Command
from tests.support.recorders import recording
from tests.support.small_disk import fill, mount, remount, small_disk
from tests.support.waiting import wait_for

RESUMED = 10.0  # seconds in which recording goes on once there is room


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 24) as point:
        prepare(point)
        yield point


def prepare(point: Path) -> None:
    (point / "front-door").mkdir()
    mark_spool(point)


@contextmanager
def recording_to(disk: Path, url: str, **settings: object) -> Iterator[Command]:
    place = {"folder": str(disk / "front-door"), "mark": str(disk / MARK)}
    with recording(disk.parent, url, **{"duration": 3600, **place, **settings}) as recorder:  # type: ignore[arg-type]
        yield recorder


def footage(disk: Path) -> list[Path]:
    return sorted((disk / "front-door").glob("[!.]*.mp4"))


def gaps(disk: Path) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in (disk / "front-door/.intake").glob("*.json")]
    return sorted((gap for gap in found if gap["kind"] == "gap"), key=lambda gap: str(gap["start"]))


def growing(disk: Path, size: int = 1) -> bool:
    return any(path.stat().st_size >= size for path in (disk / "front-door").glob(".*.part"))


def goes_on_soon(disk: Path) -> None:
    wait_for(lambda: growing(disk), "recording goes on", RESUMED)


def assert_one_gap(disk: Path, cause: str) -> None:
    wait_for(lambda: gaps(disk), "the gap's record")
    (gap,) = gaps(disk)
    assert gap["cause"] == cause
    start, end = (datetime.fromisoformat(gap[key]) for key in ("start", "end"))
    assert 0 < (end - start).total_seconds() < 60
    assert abs((datetime.now(UTC) - end).total_seconds()) < 60


def test_a_disk_that_fills_up_costs_nothing_that_was_recorded_and_recording_goes_on_with_room(
    disk: Path, camera_server: StartCameras
) -> None:
    ballast = fill(disk, leave=1_000_000)
    with recording_to(disk, camera_server(CameraSpec(path="cam")).url("cam")) as recorder:
        recorder.wait_until_it_says("cause=disk-full")
        recorder.wait_until_it_says("camera answers", count=3)  # it has tried again on the full disk
        first = footage(disk)
        assert len(first) == 1
        assert first[0].stat().st_size > 700_000
        ballast.unlink()
        goes_on_soon(disk)
        assert_one_gap(disk, "disk-full")
        assert recorder.stop() == 0
        assert "Traceback" not in recorder.said()
        assert recorder.said().count("free some disk space") <= 2, "it says so once, not at every try"
    assert len(footage(disk)) == 2
    for path in footage(disk):
        assert decodes_cleanly(path) == ""
        assert len(frame_counters(path)) > 5
    assert [path.name for path in (disk / "front-door").glob(".*.part")] == []


def test_recording_stops_while_as_much_is_free_as_shall_stay_free(disk: Path, camera_server: StartCameras) -> None:
    ballast = fill(disk, leave=11_000_000)
    url = camera_server(CameraSpec(path="cam")).url("cam")
    with recording_to(disk, url, min_free=10_000_000) as recorder:
        recorder.wait_until_it_says("storage.min_free is 10.0 MB")
        (before,) = footage(disk)
        assert decodes_cleanly(before) == ""
        ballast.unlink()
        goes_on_soon(disk)
        assert_one_gap(disk, "disk-full")
        assert recorder.stop() == 0


def test_a_camera_stops_at_its_quota_and_goes_on_once_some_of_it_is_uploaded(
    disk: Path, camera_server: StartCameras
) -> None:
    url = camera_server(CameraSpec(path="cam")).url("cam")
    (disk / "front-door" / "20240118_120000.mp4").write_bytes(bytes(5_000_000))
    with recording_to(disk, url, quota=5_100_000) as recorder:
        recorder.wait_until_it_says("the camera's quota is 5.1 MB")
        assert "cause=quota" in recorder.said()
        (disk / "front-door" / "20240118_120000.mp4").unlink()
        goes_on_soon(disk)
        assert_one_gap(disk, "quota")


def test_a_read_only_disk_is_said_and_recording_begins_once_it_is_writable(
    disk: Path, camera_server: StartCameras
) -> None:
    remount(disk, "ro")
    with recording_to(disk, camera_server(CameraSpec(path="cam")).url("cam")) as recorder:
        recorder.wait_until_it_says("mounted read-only")
        assert "cause=read-only" in recorder.said()
        assert "camera answers" not in recorder.said(), "the camera is left alone"
        remount(disk, "rw")
        goes_on_soon(disk)
        assert_one_gap(disk, "read-only")


def test_nothing_is_written_below_a_disk_that_is_not_mounted(tmp_path: Path, camera_server: StartCameras) -> None:
    point = tmp_path / "disk"
    with small_disk(point, 24):
        prepare(point)
        subprocess.run(["umount", str(point)], check=True)
        (point / "front-door").mkdir()  # as a boot without the disk may make it
        with recording_to(point, camera_server(CameraSpec(path="cam")).url("cam")) as recorder:
            recorder.wait_until_it_says("this is not the spool (is the disk mounted?")
            assert "cause=no-spool" in recorder.said()
            assert list((point / "front-door").iterdir()) == []
            mount(point, 24)
            prepare(point)
            goes_on_soon(point)
            assert_one_gap(point, "no-spool")


def test_a_disk_taken_away_while_recording_is_no_crash_and_nothing_goes_below_it(
    disk: Path, camera_server: StartCameras
) -> None:
    with recording_to(disk, camera_server(CameraSpec(path="cam")).url("cam")) as recorder:
        wait_for(lambda: growing(disk), "a growing segment")
        subprocess.run(["umount", "-l", str(disk)], check=True)
        (disk / "front-door").mkdir()
        recorder.wait_until_it_says("cause=no-spool")
        assert list((disk / "front-door").iterdir()) == []
        assert recorder.stop() == 0
        assert "Traceback" not in recorder.said()
    assert list((disk / "front-door").iterdir()) == []


class HandClock:
    seconds = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return self.seconds


def test_the_free_gate_opens_only_a_margin_above_its_limit(disk: Path) -> None:
    gate = FreeGate(disk, 10_000_000)
    assert gate.hold() is None
    for leave, held in ((10_100_000, False), (9_900_000, True), (10_400_000, True), (10_600_000, False)):
        ballast = fill(disk, leave=leave)
        assert (gate.hold() is not None) is held, leave
        ballast.unlink()


def test_the_quota_gate_counts_now_and_then_and_often_once_it_holds(tmp_path: Path) -> None:
    clock = HandClock()
    gate = QuotaGate(tmp_path, 1_000_000, clock)
    file = tmp_path / ".20240118_120000.mp4.part"
    (tmp_path / ".quarantine").mkdir()
    (tmp_path / ".quarantine" / "bad.mp4").write_bytes(bytes(2_000_000))
    assert gate.hold() is None, "nobody deletes from the quarantine, so it does not count"
    file.write_bytes(bytes(1_000_001))
    assert gate.hold() is None
    clock.seconds = 20
    assert gate.hold() is not None
    file.write_bytes(bytes(960_000))
    assert gate.hold() is not None
    file.write_bytes(bytes(950_000))
    assert gate.hold() is None


def test_the_spool_gate_looks_at_the_mark(tmp_path: Path) -> None:
    gate = SpoolGate(tmp_path, tmp_path / MARK)
    hold = gate.hold()
    assert hold is not None
    assert hold.cause == "no-spool"
    mark_spool(tmp_path)
    assert gate.hold() is None


@pytest.mark.parametrize(
    ("number", "cause"), [(28, "disk-full"), (122, "disk-full"), (30, "read-only"), (5, "disk-error"), (2, "no-spool")]
)
def test_what_the_disk_answers_has_its_cause(tmp_path: Path, number: int, cause: str) -> None:
    assert spool_error(OSError(number, "x"), "write", tmp_path).cause == cause
