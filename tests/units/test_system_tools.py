from pathlib import Path, PurePosixPath

import pytest

from camera_backup.errors import UnavailableError, UsageError
from camera_backup.units import system_tools, units


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_program_named_by_the_user_is_taken_as_it_is() -> None:
    assert system_tools.program("/opt/x/camera-backup") == PurePosixPath("/opt/x/camera-backup")


def test_a_program_is_named_by_its_whole_path() -> None:
    with pytest.raises(UsageError, match="--program takes a whole path"):
        system_tools.program("camera-backup")


def test_a_missing_program_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"no camera-backup beside .*--program"):
        system_tools.program(executable=str(tmp_path / "python"))


def test_a_python_in_a_place_that_units_cannot_see_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, place = tmp_path / "home", tmp_path / "opt"
    executable(place / "camera-backup")
    (place / "python").symlink_to(executable(home / "python"))
    monkeypatch.setattr(units, "HIDDEN", (PurePosixPath(home),))
    with pytest.raises(UnavailableError, match=f"the units see nothing below {home}, where {home}/python lies"):
        system_tools.program(executable=str(place / "python"))


def test_the_program_beside_python_is_the_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python").symlink_to("/usr/bin/env")
    program = executable(tmp_path / "camera-backup")
    monkeypatch.setattr(system_tools, "_LINK", tmp_path / "link")
    assert system_tools.program(executable=str(tmp_path / "python")) == PurePosixPath(program)
    (tmp_path / "link").symlink_to(program)
    assert system_tools.program(executable=str(tmp_path / "python")) == PurePosixPath(tmp_path / "link")
    (tmp_path / "link").unlink()
    executable(tmp_path / "link")
    assert system_tools.program(executable=str(tmp_path / "python")) == PurePosixPath(program)


def test_what_systemds_tools_complain_of_is_passed_on(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"systemd-sysusers: .*No such file"):
        system_tools.create_users("camera-backup-missing.conf", tmp_path)
