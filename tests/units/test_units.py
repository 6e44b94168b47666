import re
from pathlib import Path, PurePosixPath

import pytest

from camera_backup.config.models import Config
from camera_backup.errors import ConfigError
from camera_backup.units import units
from camera_backup.units.rendering import is_ours
from camera_backup.units.system_files import below
from tests.support import systemd
from tests.support.configs import good, load

RECORDER = units.UNITS / "camera-recorder-front-door.service"
GARAGE = units.UNITS / "camera-recorder-garage.service"
UPLOADER = units.UNITS / "camera-uploader.service"
SECRETS = ("open-sesame", "letmein", "AKIAEXAMPLE")


def written(root: Path, config: Config) -> Path:
    """Write everything below `root`, with a program that exists there; return the folder of units."""
    program = root / "usr/bin/camera-backup"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path, content in units.files(config, PurePosixPath("/usr/bin/env")).items():
        target = below(root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content.text)
    return below(root, units.UNITS)


def texts(config: Config) -> dict[PurePosixPath, str]:
    return {path: content.text for path, content in units.files(config, PurePosixPath("/opt/cb/camera-backup")).items()}


def test_generate_writes_these_files_and_no_others(tmp_path: Path) -> None:
    assert sorted(str(path) for path in texts(load(tmp_path, good(cameras__1__enabled=False)))) == [
        "/etc/camera-backup/credentials/camera-recorder-front-door.json",
        "/etc/camera-backup/credentials/camera-uploader.json",
        "/etc/systemd/system/camera-backup.slice",
        "/etc/systemd/system/camera-backup.target",
        "/etc/systemd/system/camera-recorder-.service.d/10-hardening.conf",
        "/etc/systemd/system/camera-recorder-front-door.service",
        "/etc/systemd/system/camera-uploader.service",
        "/etc/systemd/system/camera-uploader.service.d/10-hardening.conf",
        "/etc/sysusers.d/camera-backup-cameras.conf",
        "/etc/tmpfiles.d/camera-backup-cameras.conf",
    ]


def test_a_recorders_unit_is_short_and_says_what_it_does(tmp_path: Path) -> None:
    unit = texts(load(tmp_path))[RECORDER]
    for line in (
        "Description=Record camera front-door",
        "PartOf=camera-backup.target",
        'RequiresMountsFor="/var/lib/camera-backup/segments/front-door"',
        "StartLimitIntervalSec=0",
        "Type=notify",
        'ExecStart=:"/opt/cb/camera-backup" "record" "front-door"',
        "User=camrec-front-door",
        "LoadCredential=settings.json:/etc/camera-backup/credentials/camera-recorder-front-door.json",
        'ReadWritePaths="/var/lib/camera-backup/segments/front-door"',
        "Slice=camera-backup.slice",
        "Restart=always",
        "RestartPreventExitStatus=78",
        "LogExtraFields=CAMERA=front-door LANE=main",
    ):
        assert f"\n{line}\n" in unit
    assert "SupplementaryGroups" not in unit
    assert len(unit.splitlines()) <= 35


def test_a_camera_with_an_address_is_all_its_recorder_can_reach(tmp_path: Path) -> None:
    config = load(tmp_path, good(cameras__1__rtsp_url="rtsp://[2001:db8::1]/"))
    assert "\nIPAddressDeny=any\nIPAddressAllow=192.0.2.7\n" in texts(config)[RECORDER]
    assert "\nIPAddressDeny=any\nIPAddressAllow=2001:db8::1\n" in texts(config)[GARAGE]


def test_a_camera_with_a_host_name_is_looked_up_so_nothing_is_denied(tmp_path: Path) -> None:
    assert "IPAddress" not in texts(load(tmp_path))[GARAGE]


def test_a_second_stream_has_a_unit_user_and_settings_of_its_own(tmp_path: Path) -> None:
    config = load(tmp_path, good(cameras__0__sub_url="rtsp://user:seesame@192.0.2.7/sub"))
    sub = units.UNITS / "camera-recorder-front-door.sub.service"
    unit = texts(config)[sub]
    for line in (
        'ExecStart=:"/opt/cb/camera-backup" "record" "front-door.sub"',
        "User=camrec-front-door_sub",
        "LoadCredential=settings.json:/etc/camera-backup/credentials/camera-recorder-front-door.sub.json",
        'ReadWritePaths="/var/lib/camera-backup/segments/front-door.sub"',
        "IPAddressAllow=192.0.2.7",
        "LogExtraFields=CAMERA=front-door LANE=sub",
    ):
        assert f"\n{line}\n" in unit
    assert "seesame" not in unit
    assert "\nWants=camera-recorder-front-door.sub.service\n" in texts(config)[units.UNITS / units.TARGET]
    assert 'segments/front-door.sub" 2770 camrec-front-door_sub camera-spool' in texts(config)[units.TMPFILES]
    assert "\nu camrec-front-door_sub - " in texts(config)[units.SYSUSERS]
    folder = written(tmp_path / "root", config)
    assert systemd.complaints(folder, sub.name, units.TARGET) == ""
    dump = systemd.parsed(folder, sub.name)
    assert "10-hardening.conf" in dump
    assert "User: camrec-front-door_sub\n" in dump


def test_the_uploader_may_take_from_every_folder_and_reloads_on_a_hangup(tmp_path: Path) -> None:
    unit = texts(load(tmp_path))[UPLOADER]
    for line in (
        'ExecStart=:"/opt/cb/camera-backup" "upload"',
        "ExecReload=/bin/kill -HUP $MAINPID",
        "User=camera-backup",
        "SupplementaryGroups=camera-spool",
        "UMask=0027",
        'ReadWritePaths="/var/lib/camera-backup/segments" "/var/lib/camera-backup"',
    ):
        assert f"\n{line}\n" in unit
    assert "CAMERA=" not in unit


def test_starting_the_target_starts_every_process_and_nothing_more(tmp_path: Path) -> None:
    target = texts(load(tmp_path, good(cameras__0__enabled=False)))[units.UNITS / units.TARGET]
    assert re.findall("^Wants=(.*)$", target, re.MULTILINE) == [
        "camera-recorder-garage.service",
        "camera-uploader.service",
    ]


def test_only_sealed_settings_hold_secrets_and_only_root_reads_them(tmp_path: Path) -> None:
    for path, content in units.files(load(tmp_path), PurePosixPath("/usr/bin/env")).items():
        if path.parent == units.CREDENTIALS:
            assert (content.mode, content.sealed) == (0o600, True)
        else:
            assert content.mode == 0o644
            assert not [secret for secret in SECRETS if secret in content.text]
            assert is_ours(content.text)
        assert not [secret for secret in SECRETS if secret in repr(content)]


def test_no_hash_in_a_unit_depends_on_a_secret(tmp_path: Path) -> None:
    before = texts(load(tmp_path))
    after = texts(load(tmp_path, good(s3__secret_access_key="another-secret")))
    assert [path for path in before if before[path] != after[path]] == [units.CREDENTIALS / "camera-uploader.json"]


def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path) -> None:
    folder = written(tmp_path, load(tmp_path, good(storage__local_path="/srv/foot age %n")))
    assert systemd.complaints(folder, RECORDER.name, GARAGE.name, UPLOADER.name, units.TARGET, units.SLICE) == ""


def test_systemd_reads_the_recorders_unit_together_with_its_drop_in(tmp_path: Path) -> None:
    dump = systemd.parsed(written(tmp_path, load(tmp_path)), RECORDER.name)
    assert systemd.command_lines(dump) == [["/usr/bin/env", "record", "front-door"]]
    assert "10-hardening.conf" in dump
    for setting in ("ProtectSystem: strict", "PrivateUsers: yes", "UMask: 0007", "User: camrec-front-door"):
        assert f"{setting}\n" in dump


@pytest.mark.parametrize("unit", [RECORDER, GARAGE, UPLOADER])
def test_the_units_are_closed_as_far_as_a_network_service_can_be(tmp_path: Path, unit: PurePosixPath) -> None:
    written(tmp_path, load(tmp_path))
    assert systemd.exposure(tmp_path, unit.name) <= 1.2


@pytest.mark.parametrize(
    "changes",
    [
        {"storage__local_path": "/home/me/footage"},
        {"storage__state_path": "/root/state"},
        {"storage__local_path": "/tmp/footage"},
        {"s3__ca_bundle": "/home/me/ca.pem"},
    ],
)
def test_folders_that_units_cannot_see_are_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        texts(load(tmp_path, good(**changes)))
    (problem,) = caught.value.problems
    assert (
        f"{next(iter(changes)).replace('__', '.')}: {next(iter(changes.values()))} is hidden from the units" in problem
    )


def test_a_program_that_units_cannot_see_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        units.files(load(tmp_path), PurePosixPath("/root/.local/bin/camera-backup"))
    assert "the program: /root/.local/bin/camera-backup is hidden" in caught.value.problems[0]
