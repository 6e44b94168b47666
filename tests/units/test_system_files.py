import os
import stat
from pathlib import Path, PurePosixPath

import pytest

from camera_backup.errors import UnavailableError
from camera_backup.units.generation import FileContent, Found, plan
from camera_backup.units.rendering import marked
from camera_backup.units.system_files import apply, look, root_folder

UNIT = PurePosixPath("/etc/systemd/system/camera-uploader.service")
DROP_IN = PurePosixPath("/etc/systemd/system/camera-uploader.service.d/10-hardening.conf")
SETTINGS = PurePosixPath("/etc/camera-backup/credentials/camera-uploader.json")
PATTERNS = ("/etc/systemd/system/camera-*.service", "/etc/systemd/system/camera-*.service.d/*.conf")


def settings_only(path: PurePosixPath) -> bool:
    return path == SETTINGS


def write(root: Path, wanted: dict[PurePosixPath, FileContent]) -> None:
    apply(plan(wanted, look(root, wanted, PATTERNS, settings_only)), wanted, root)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_written_with_their_modes_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write(tmp_path, {UNIT: FileContent("a\n"), SETTINGS: FileContent("{}", mode=0o600, sealed=True)})
    finally:
        os.umask(before)
    assert (tmp_path / "etc/systemd/system/camera-uploader.service").read_text() == "a\n"
    assert mode(tmp_path / "etc/systemd/system/camera-uploader.service") == 0o644
    assert mode(tmp_path / "etc/systemd/system") == 0o755
    assert mode(tmp_path / "etc/camera-backup/credentials/camera-uploader.json") == 0o600
    assert mode(tmp_path / "etc/camera-backup/credentials") == 0o700


def test_an_open_folder_of_secrets_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "etc/camera-backup/credentials"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    write(tmp_path, {SETTINGS: FileContent("{}", mode=0o600, sealed=True)})
    assert mode(folder) == 0o700


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    write(tmp_path, {UNIT: FileContent(marked("a\n"))})
    path = tmp_path / "etc/systemd/system/camera-uploader.service"
    with path.open() as still_open:
        write(tmp_path, {UNIT: FileContent(marked("b\n"))})
        assert still_open.read() == marked("a\n")
    assert path.read_text() == marked("b\n")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_what_a_killed_run_left_behind_is_cleared_away(tmp_path: Path) -> None:
    folder = tmp_path / "etc/systemd/system"
    folder.mkdir(parents=True)
    (folder / ".camera-uploader.service.camera-backup-new").write_text("half")
    write(tmp_path, {UNIT: FileContent("a\n")})
    assert [file.name for file in folder.iterdir()] == ["camera-uploader.service"]


def test_what_we_wrote_is_found_as_ours_and_the_rest_as_theirs(tmp_path: Path) -> None:
    write(tmp_path, {UNIT: FileContent(marked("a\n")), SETTINGS: FileContent("{}", mode=0o600, sealed=True)})
    folder = tmp_path / "etc/systemd/system"
    (folder / "camera-theirs.service").write_text("a\n")
    (folder / "camera-link.service").symlink_to("camera-uploader.service")
    (folder / "camera-binary.service").write_bytes(b"\xff")
    (folder / "other.service").write_text("a\n")
    assert look(tmp_path, (SETTINGS, DROP_IN), PATTERNS, settings_only) == {
        UNIT: Found(marked("a\n"), 0o644, ours=True),
        SETTINGS: Found("{}", 0o600, ours=True),
        UNIT.with_name("camera-theirs.service"): Found("a\n", 0o644),
        UNIT.with_name("camera-link.service"): Found(None),
        UNIT.with_name("camera-binary.service"): Found(None),
    }


def test_a_drop_in_folder_goes_with_our_file_unless_it_holds_others(tmp_path: Path) -> None:
    folder = tmp_path / "etc/systemd/system/camera-uploader.service.d"
    for others in (False, True):
        write(tmp_path, {DROP_IN: FileContent(marked("a\n"))})
        if others:
            (folder / "50-mine.conf").write_text("a\n")
        write(tmp_path, {})
        assert folder.exists() is others
    assert [file.name for file in folder.iterdir()] == ["50-mine.conf"]


def test_nothing_is_written_through_a_symlink_that_leads_out_of_the_root(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    root.mkdir()
    (root / "etc").symlink_to(outside)
    with pytest.raises(UnavailableError, match="leads out of"):
        write(root, {UNIT: FileContent("a\n")})
    assert not list(outside.iterdir())


def test_a_file_system_that_does_not_let_us_is_told(tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("a file where a folder should be")
    with pytest.raises(UnavailableError, match=r"Not a directory: .*disk full or read-only"):
        write(tmp_path, {UNIT: FileContent("a\n")})


def test_a_root_has_one_spelling(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert root_folder("//") == root_folder("/usr/..") == Path("/")
    assert root_folder(str(tmp_path / "link")) == tmp_path / "real"
