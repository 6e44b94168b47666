import json
import os
from pathlib import Path

import pytest

from camera_backup import cli
from camera_backup.spool.mark import MARK
from camera_backup.units import system_tools
from tests.support.configs import good, write

UNITS = "etc/systemd/system"
SECRETS = ("open-sesame", "letmein")


def generate(root: Path, *options: str) -> int:
    program = ("--program", "/opt/camera-backup/bin/camera-backup")
    return cli.main(["generate", "--config", str(root / "config.yaml"), "--root", str(root), *program, *options])


def tree(root: Path) -> dict[str, tuple[int, int]]:
    """Return every file below `root` with its inode and change time, which a file that is left alone keeps."""
    files = (path for path in (root / "etc").rglob("*") if path.is_file())
    return {str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, good())
    return tmp_path


def test_generate_writes_and_says_what_to_do_next(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(root) == 0
    told = capsys.readouterr().out
    assert "created /etc/systemd/system/camera-recorder-front-door.service" in told
    assert told.endswith("next:\n  systemctl daemon-reload\n  systemctl enable --now camera-backup.target\n")
    assert (root / UNITS / "camera-backup.target").is_file()
    assert not [secret for secret in SECRETS if secret in told]


def test_a_second_run_finds_nothing_to_do(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate(root)
    before = tree(root)
    capsys.readouterr()
    assert generate(root) == 0
    assert capsys.readouterr().out == f"nothing to do: all {len(before)} files are up to date\n"
    assert tree(root) == before


def test_only_what_differs_is_written_again(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate(root)
    before = tree(root)
    write(root, good(upload__workers=8))
    capsys.readouterr()
    assert generate(root) == 0
    assert [path for path, file in tree(root).items() if before[path] != file] == [
        "etc/camera-backup/credentials/camera-uploader.json"
    ]
    told = capsys.readouterr().out
    assert told == (
        "changed /etc/camera-backup/credentials/camera-uploader.json\n"
        "\nnext:\n  systemctl try-restart camera-uploader.service\n"
    )


def test_a_removed_camera_takes_its_unit_and_settings_along(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate(root)
    data = good()
    del data["cameras"][1]
    write(root, data)
    (root / UNITS / "camera-foreign.service").write_text("[Unit]\n")
    assert generate(root) == 0
    assert "systemctl stop camera-recorder-garage.service" in capsys.readouterr().out
    assert not [path for path in tree(root) if "garage" in path]
    assert (root / UNITS / "camera-foreign.service").read_text() == "[Unit]\n"


def test_check_tells_by_its_exit_code_and_changes_nothing(root: Path) -> None:
    assert generate(root, "--check") == 1
    assert not (root / "etc").exists()
    generate(root)
    assert generate(root, "--check") == 0


@pytest.mark.parametrize("option", ["--diff", "--dry-run"])
def test_diff_and_dry_run_tell_and_change_nothing(root: Path, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    generate(root)
    before = tree(root)
    data = good(s3__secret_access_key="another-secret", cameras__0__rtsp_url="rtsp://user:letmein@192.0.2.8/")
    write(root, data)
    capsys.readouterr()
    assert generate(root, option) == 0
    told = capsys.readouterr().out
    assert tree(root) == before
    assert "camera-uploader.json" in told
    assert not [secret for secret in (*SECRETS, "another-secret") if secret in told]
    assert ("+IPAddressAllow=192.0.2.8" in told) is (option == "--diff")
    assert ("would change /etc/systemd/system/camera-recorder-front-door.service" in told) is (option == "--dry-run")


def test_json_tells_the_same_to_programs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate(root, "--json", "--check", "--diff") == 1
    told = capsys.readouterr()
    outcome = json.loads(told.out)
    assert "/etc/systemd/system/camera-backup.target" in outcome["create"]
    assert (outcome["change"], outcome["remove"], outcome["applied"]) == ([], [], False)
    assert outcome["next"][-1] == "systemctl enable --now camera-backup.target"
    assert "+++ /etc/systemd/system/camera-backup.target" in told.err
    generate(root, "--json")
    assert json.loads(capsys.readouterr().out)["applied"] is True


def test_a_file_of_somebody_else_stops_everything(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / UNITS).mkdir(parents=True)
    (root / UNITS / "camera-uploader.service").symlink_to("/dev/null")
    assert generate(root) == os.EX_UNAVAILABLE
    assert "in its way: /etc/systemd/system/camera-uploader.service (move it away first)" in capsys.readouterr().err
    assert not (root / UNITS / "camera-backup.target").exists()


def test_an_edit_by_hand_is_replaced_and_told(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate(root)
    unit = root / UNITS / "camera-uploader.service"
    unit.write_text(unit.read_text().replace("RestartSec=2", "RestartSec=99"))
    capsys.readouterr()
    assert generate(root) == 0
    assert (
        "changed /etc/systemd/system/camera-uploader.service (your own edits in it are lost" in capsys.readouterr().out
    )
    assert "RestartSec=2" in unit.read_text()


def test_a_bad_configuration_changes_nothing_and_ends_with_78(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(root, good(cameras__0__name="../x", upload__workers=0))
    assert generate(root) == os.EX_CONFIG
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3
    assert "cameras.0.name" in told[0]
    assert told[2].endswith("config.yaml has 2 problems")
    assert not (root / "etc").exists()


def test_the_configuration_below_the_root_is_the_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["generate", "--root", str(tmp_path), "--check", "--program", "/usr/bin/env"]) == os.EX_CONFIG
    assert f"there is no {tmp_path}/etc/camera-backup/config.yaml" in capsys.readouterr().err


def test_a_machine_without_our_user_is_installed_first(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system_tools, "THIS_MACHINE", root)
    monkeypatch.setattr(system_tools, "UPLOADER_USER", "nobody-has-this-name")
    assert generate(root) == os.EX_UNAVAILABLE
    told = "the user camera-backup does not exist (run camera-backup-install first)"
    assert told in capsys.readouterr().err
    assert not (root / "etc").exists()


def test_on_its_own_machine_generate_creates_users_before_their_folders(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    monkeypatch.setattr(system_tools, "THIS_MACHINE", root)
    monkeypatch.setattr(system_tools, "UPLOADER_USER", "nobody")
    monkeypatch.setattr(system_tools, "create_users", lambda name: done.append(("users", name)))

    def create_folders(name: str) -> None:
        done.append(("folders", name))
        spool.mkdir(parents=True)

    spool = root / "var/lib/camera-backup/segments"
    monkeypatch.setattr(system_tools, "create_folders", create_folders)
    assert generate(root, "--dry-run") == 0
    assert done == []
    assert generate(root) == 0
    assert done == [("users", "camera-backup-cameras.conf"), ("folders", "camera-backup-cameras.conf")]
    assert [path.name for path in spool.iterdir()] == [MARK]


def test_the_schema_command_prints_a_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["required"] == ["s3", "cameras"]
