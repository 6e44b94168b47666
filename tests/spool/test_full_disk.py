"""What the writer leaves behind on a full disk."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from camera_backup.errors import SpoolError
from camera_backup.model import CameraName
from camera_backup.spool.writer import OpenSegment, leftovers
from tests.support.small_disk import fill, small_disk

START = datetime(2024, 1, 18, 12, tzinfo=UTC)


def begin(folder: Path) -> OpenSegment:
    return OpenSegment(CameraName("front-door"), folder, START, ".mp4")


def test_a_write_that_fails_leaves_what_was_whole_and_no_hole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        segment = begin(disk)
        segment.write(b"whole")
        ballast = fill(disk, leave=100_000)
        with pytest.raises(SpoolError, match="No space left") as raised:
            segment.write(bytes(200_000))
        assert raised.value.cause == "disk-full"
        ballast.unlink()
        segment.write(b", and more")
        assert segment.publish().path.read_bytes() == b"whole, and more"


def test_a_segment_that_never_had_room_is_not_published(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        ballast = fill(disk, leave=8_000)
        segment = begin(disk)
        with pytest.raises(SpoolError):
            segment.write(bytes(20_000))
        with pytest.raises(SpoolError):
            segment.write(b"the end of nothing")
        with pytest.raises(SpoolError):
            segment.publish()
        assert leftovers(disk) == []
        assert list(disk.iterdir()) == [ballast]
