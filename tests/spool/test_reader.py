import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from camera_backup.errors import SpoolError
from camera_backup.model import CameraName
from camera_backup.spool.reader import Spool, is_being_written, quarantine, remove
from camera_backup.spool.writer import OpenSegment, drop_record, leftovers, only_writer

CAMERA = CameraName("front-door")
START = datetime(2024, 1, 18, 12, tzinfo=UTC)


def folder(root: Path, camera: str = CAMERA) -> Path:
    (root / camera).mkdir(parents=True, exist_ok=True)
    return root / camera


def test_only_finished_segments_are_seen_oldest_first(tmp_path: Path) -> None:
    here = folder(tmp_path)
    for name in ("20240118_130000.mp4", "20240118_120000.mp4", ".20240118_140000.mp4.part", "notes.txt"):
        (here / name).write_bytes(b"x")
    (here / "20240118_150000.mp4").mkdir()
    (here / "20240118_160000.mp4").symlink_to(here / "notes.txt")
    found = [str(item.segment.name) for item in Spool(tmp_path).finished(CAMERA)]
    assert found == ["20240118_120000.mp4", "20240118_130000.mp4"]


def test_every_folder_with_a_cameras_name_is_a_camera(tmp_path: Path) -> None:
    for name in ("garage", "front-door", "lost+found", ".hidden"):
        folder(tmp_path, name)
    (tmp_path / "file").touch()
    assert Spool(tmp_path).cameras() == ["front-door", "garage"]


def test_a_missing_spool_is_an_error_that_says_how_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="camera-backup-install"):
        Spool(tmp_path / "away").cameras()


def test_the_growing_segment_is_shown_with_its_start_and_size(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    assert spool.growing(CAMERA) is None
    growing = OpenSegment(CAMERA, folder(tmp_path), START, ".mp4")
    growing.write(b"12345")
    found = spool.growing(CAMERA)
    assert found is not None
    assert (found.start, found.size) == (START, 5)


def test_a_segment_has_no_final_name_before_it_is_published(tmp_path: Path) -> None:
    growing = OpenSegment(CAMERA, folder(tmp_path), START, ".mp4")
    growing.write(b"footage")
    assert Spool(tmp_path).finished(CAMERA) == []
    segment = growing.publish()
    assert [item.segment for item in Spool(tmp_path).finished(CAMERA)] == [segment]
    assert segment.path.read_bytes() == b"footage"
    assert leftovers(folder(tmp_path)) == []


def test_publishing_never_replaces_a_file(tmp_path: Path) -> None:
    names = []
    for text in (b"first", b"second", b"third"):
        growing = OpenSegment(CAMERA, folder(tmp_path), START, ".mp4")
        growing.write(text)
        names.append(growing.publish().path.name)
    assert names == ["20240118_120000.mp4", "20240118_120000_1.mp4", "20240118_120000_2.mp4"]
    assert [(folder(tmp_path) / name).read_bytes() for name in names] == [b"first", b"second", b"third"]


def test_a_leftover_of_the_same_second_is_not_written_over(tmp_path: Path) -> None:
    first = OpenSegment(CAMERA, folder(tmp_path), START, ".mp4")
    first.write(b"first")
    OpenSegment(CAMERA, folder(tmp_path), START, ".mp4").write(b"second")
    assert sorted(path.read_bytes() for path in leftovers(folder(tmp_path))) == [b"first", b"second"]


def test_others_cannot_read_footage(tmp_path: Path) -> None:
    segment = OpenSegment(CAMERA, folder(tmp_path), START, ".mp4").publish()
    assert segment.path.stat().st_mode & 0o007 == 0


def test_a_full_disk_is_an_error_and_what_was_whole_stays_whole(tmp_path: Path) -> None:
    script = f"""
import resource, signal
from datetime import UTC, datetime
from pathlib import Path
from camera_backup.errors import SpoolError
from camera_backup.spool.writer import OpenSegment
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
growing = OpenSegment("front-door", Path({str(folder(tmp_path))!r}), datetime.now(UTC), ".mp4")
growing.write(b"x" * 9_000)
try:
    growing.write(b"y" * 9_000)
except SpoolError as error:
    print(growing.size, growing.publish().size, error)
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert answer.startswith("9000 9000 write ")


def test_removing_a_segment_twice_is_fine(tmp_path: Path) -> None:
    segment = OpenSegment(CAMERA, folder(tmp_path), START, ".mp4").publish()
    remove(segment)
    remove(segment)
    assert not segment.path.exists()


def test_quarantine_keeps_every_file_with_its_reason(tmp_path: Path) -> None:
    kept = []
    for text in ("one", "two"):
        path = folder(tmp_path) / "20240118_120000.mp4"
        path.write_text(text)
        kept.append(quarantine(path, "zero bytes"))
    assert [path.read_text() for path in kept] == ["one", "two"]
    assert [json.loads(path.with_name(path.name + ".json").read_text())["reason"] for path in kept] == [
        "zero bytes",
        "zero bytes",
    ]
    assert Spool(tmp_path).finished(CAMERA) == []


def test_a_file_that_somebody_writes_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb"):
        assert is_being_written(path) is True
    assert is_being_written(path) is False


def test_a_record_appears_whole_under_its_final_name(tmp_path: Path) -> None:
    path = drop_record(folder(tmp_path), {"kind": "gap", "camera": CAMERA, "cause": "stalled"})
    assert json.loads(path.read_text()) == {"schema": 1, "kind": "gap", "camera": "front-door", "cause": "stalled"}
    assert os.listdir(path.parent) == [path.name]  # noqa: PTH208 - names, dotted ones too


def test_a_folder_has_one_writer_at_a_time(tmp_path: Path) -> None:
    with only_writer(tmp_path), pytest.raises(SpoolError, match="another recorder"), only_writer(tmp_path):
        pass
    with only_writer(tmp_path):
        pass


def test_a_camera_without_a_folder_is_an_error_that_says_how_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="camera-backup-generate"), only_writer(tmp_path / "away"):
        pass
