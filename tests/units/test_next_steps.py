from pathlib import PurePosixPath

from camera_backup.units import units
from camera_backup.units.generation import Plan
from camera_backup.units.next_steps import next_steps

FRONT = units.UNITS / "camera-recorder-front-door.service"
GARAGE = units.UNITS / "camera-recorder-garage.service"
UPLOADER = units.UNITS / "camera-uploader.service"
TARGET = units.UNITS / units.TARGET
UPLOADER_SETTINGS = units.CREDENTIALS / "camera-uploader.json"


def steps(
    create: tuple[PurePosixPath, ...] = (),
    change: tuple[PurePosixPath, ...] = (),
    remove: tuple[PurePosixPath, ...] = (),
    same: tuple[PurePosixPath, ...] = (),
) -> list[str]:
    return next_steps(Plan(create, change, remove, same))


def test_the_first_time_everything_is_enabled_and_started() -> None:
    assert steps(create=(FRONT, UPLOADER, TARGET, UPLOADER_SETTINGS)) == [
        "systemctl daemon-reload",
        "systemctl enable --now camera-backup.target",
    ]


def test_nothing_is_left_to_do_where_nothing_changed() -> None:
    assert steps(same=(FRONT, UPLOADER, TARGET)) == []


def test_new_settings_need_a_restart_of_their_process_only() -> None:
    assert steps(change=(UPLOADER_SETTINGS,), same=(FRONT, UPLOADER)) == [
        "systemctl try-restart camera-uploader.service"
    ]


def test_a_changed_unit_needs_reload_and_restart() -> None:
    assert steps(change=(FRONT,), same=(GARAGE, UPLOADER)) == [
        "systemctl daemon-reload",
        "systemctl try-restart camera-recorder-front-door.service",
    ]


def test_other_hardening_needs_a_restart_of_all_recorders() -> None:
    assert steps(change=(units.RECORDER_DROP_IN,), same=(FRONT, GARAGE, UPLOADER))[1:] == [
        "systemctl try-restart camera-recorder-front-door.service camera-recorder-garage.service"
    ]


def test_a_removed_camera_is_stopped_before_systemd_forgets_it() -> None:
    gone = (GARAGE, units.CREDENTIALS / "camera-recorder-garage.json")
    assert steps(change=(TARGET,), remove=gone, same=(FRONT, UPLOADER)) == [
        "systemctl stop camera-recorder-garage.service",
        "systemctl daemon-reload",
    ]


def test_a_new_camera_is_started_and_the_others_go_on() -> None:
    assert steps(create=(GARAGE,), change=(TARGET,), same=(FRONT, UPLOADER)) == [
        "systemctl daemon-reload",
        "systemctl enable --now camera-backup.target",
    ]
