from pathlib import Path

import pytest

from camera_backup.errors import SpoolError
from camera_backup.spool.mark import MARK, check_mark, mark_spool
from tests.support.small_disk import small_disk


def fstab(folder: Path, *points: str) -> Path:
    path = folder / "fstab"
    lines = ["# <file system> <mount point>", "UUID=1 / ext4 defaults 0 1", "", "UUID=2 none swap sw 0 0"]
    path.write_text("\n".join([*lines, *(f"UUID=3 {point} ext4 nofail 0 2" for point in points)]))
    return path


def test_a_marked_spool_is_known_by_everybody(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match=r"is the disk mounted\?") as raised:
        check_mark(tmp_path / MARK)
    assert raised.value.cause == "no-spool"
    for _ in range(2):
        mark_spool(tmp_path)
    check_mark(tmp_path / MARK)
    assert (tmp_path / MARK).stat().st_mode & 0o777 == 0o644


def test_a_mount_point_without_its_disk_is_not_marked(tmp_path: Path) -> None:
    point = tmp_path / "my disk"
    (point / "segments").mkdir(parents=True)
    table = fstab(tmp_path, str(point).replace(" ", "\\040"))
    with pytest.raises(SpoolError, match=r"the disk of .*my disk is not mounted"):
        mark_spool(point / "segments", table)
    assert list((point / "segments").iterdir()) == []


def test_with_the_disk_mounted_it_is_marked(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as point:
        mark_spool(point, fstab(tmp_path, str(point)))
        check_mark(point / MARK)


def test_other_mount_points_do_not_matter(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    mark_spool(spool, fstab(tmp_path, str(tmp_path / "other"), str(spool) + "2"))
    mark_spool(spool, tmp_path / "missing")
    check_mark(spool / MARK)
    assert (spool / MARK).is_file()


def test_a_folder_that_cannot_be_marked_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="No such file"):
        mark_spool(tmp_path / "missing", tmp_path / "no-fstab")
