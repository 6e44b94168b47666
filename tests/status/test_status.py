import os
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from camera_backup.catalogue.catalogue import FILE_NAME, Catalogue, Proof
from camera_backup.config.models import Config
from camera_backup.model import CameraName, Segment, SegmentName
from camera_backup.spool.writer import OpenSegment
from camera_backup.status.status import CameraStatus, status
from camera_backup.status.table import table

NOW = datetime(2024, 1, 18, 12, 30, tzinfo=UTC)
CAMERA = CameraName("front-door")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config.model_validate(
        {
            "storage": {"local_path": str(tmp_path / "segments"), "state_path": str(tmp_path / "state")},
            "s3": {"access_key_id": "k", "secret_access_key": "s", "bucket": "b"},
            "cameras": [
                {"name": "front-door", "rtsp_url": "rtsp://h/x"},
                {"name": "resting", "rtsp_url": "rtsp://h/y", "enabled": False},
            ],
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    made = tmp_path / "segments" / CAMERA
    made.mkdir(parents=True)
    return made


def published(folder: Path, minute: int, size: int = 1000) -> Segment:
    start = datetime(2024, 1, 18, 12, minute, tzinfo=UTC)
    growing = OpenSegment(CAMERA, folder, start, ".mp4")
    growing.write(bytes(size))
    segment = growing.publish()
    end = (start + timedelta(seconds=60)).timestamp()
    os.utime(segment.path, (end, end))
    return segment


def of(config: Config, name: str = CAMERA) -> CameraStatus:
    return next(camera for camera in status(config, NOW) if camera.camera == name)


def test_a_growing_segment_is_a_camera_that_records(config: Config, folder: Path) -> None:
    growing = OpenSegment(CAMERA, folder, NOW - timedelta(minutes=2), ".mp4")
    growing.write(bytes(500))
    (partial,) = folder.glob(".*.part")
    os.utime(partial, (NOW.timestamp() - 1, NOW.timestamp() - 1))
    camera = of(config)
    assert (camera.state, camera.segment_start, camera.segment_size) == ("recording", NOW - timedelta(minutes=2), 500)
    assert camera.last_frame == NOW - timedelta(seconds=1)
    os.utime(partial, (NOW.timestamp() - 60, NOW.timestamp() - 60))
    assert of(config).state == "no footage"


def test_what_is_finished_waits_until_the_catalogue_says_it_is_safe(
    config: Config, folder: Path, tmp_path: Path
) -> None:
    first, second = published(folder, 10), published(folder, 20, size=3000)
    camera = of(config)
    assert (camera.waiting, camera.waiting_bytes, camera.oldest_waiting) == (2, 4000, first.name.start)
    assert (camera.verified, camera.last_upload, camera.latency) == (0, None, None)
    catalogue = Catalogue.open(tmp_path / "state" / FILE_NAME)
    when = second.name.start + timedelta(seconds=90)
    for segment in (first, second):
        proof = Proof(f"key of {segment.name}", "checksum", segment.path.stat().st_mtime)
        catalogue.record_verified(segment, proof, when)
    camera = of(config)
    assert (camera.waiting, camera.verified, camera.uploaded_bytes) == (0, 2, 4000)
    assert (camera.last_upload, camera.latency) == (when, 30)
    catalogue.close()


def test_a_catalogue_that_is_just_being_made_is_no_error(config: Config, folder: Path, tmp_path: Path) -> None:
    published(folder, 10)
    (tmp_path / "state" / FILE_NAME).touch()
    assert of(config).waiting == 1


def test_a_camera_without_footage_or_folder_is_shown(config: Config, folder: Path) -> None:
    assert folder.is_dir()
    camera = of(config, "resting")
    assert (camera.state, camera.last_frame, camera.waiting) == ("disabled", None, 0)


def test_a_removed_camera_with_footage_left_is_shown(config: Config, folder: Path) -> None:
    left = folder.parent / "gone"
    left.mkdir()
    (left / str(SegmentName(NOW))).write_bytes(b"x")
    camera = of(config, "gone")
    assert (camera.state, camera.waiting) == ("removed", 1)


def test_a_second_stream_is_a_row_of_its_own(config: Config, folder: Path) -> None:
    sub = folder.with_name("front-door.sub")
    sub.mkdir()
    (sub / str(SegmentName(NOW, unsynced=True))).write_bytes(b"x")
    assert of(config, "front-door.sub").state == "removed"  # as long as config.yaml does not name it
    data = {
        **config.model_dump(),
        "cameras": [{"name": "front-door", "rtsp_url": "rtsp://h/x", "sub_url": "rtsp://h/s"}],
    }
    both = status(Config.model_validate(data), NOW)
    assert [(row.camera, row.state, row.waiting) for row in both] == [
        ("front-door", "no footage", 0),
        ("front-door.sub", "no footage", 1),
    ]


def test_a_camera_outside_its_schedule_is_not_said_to_lack_footage(config: Config, folder: Path) -> None:
    assert folder.is_dir()
    nights = {"time_zone": "Europe/Berlin", "windows": ["13:31-13:30"]}  # 12:30 UTC is the minute left out
    data = {**config.model_dump(), "recording": {"schedule": nights}}
    data["cameras"] = [{"name": "front-door", "rtsp_url": "rtsp://h/x"}]
    (camera,) = status(Config.model_validate(data), NOW)
    assert camera.state == "outside schedule"
    (camera,) = status(Config.model_validate(data), NOW + timedelta(minutes=1))
    assert camera.state == "no footage"


def test_the_table_says_it_in_words(config: Config, folder: Path) -> None:
    published(folder, 10, size=1_500_000)
    out = StringIO()
    Console(file=out, width=160).print(table(status(config, NOW), NOW))
    words = " ".join(out.getvalue().replace("│", "|").split())
    assert "front-door | no footage | 19 min ago | - | 1 (1.5 MB) | 0 B | 0 | never | -" in words
    assert "resting | disabled | never" in words
