import dataclasses
from pathlib import Path

from camera_backup.processes import processes
from camera_backup.settings import RecorderSettings, UploaderSettings
from tests.support.configs import good, load


def test_every_enabled_camera_has_a_recorder_and_the_uploader_comes_last(tmp_path: Path) -> None:
    config = load(tmp_path, good(cameras__0__enabled=False))
    assert [process.name for process in processes(config)] == ["camera-recorder-garage", "camera-uploader"]
    assert [process.kind for process in processes(config)] == ["recorder", "uploader"]
    assert [process.arguments for process in processes(config)] == [("record", "garage"), ("upload",)]
    assert [process.camera for process in processes(config)] == ["garage", None]


def test_a_second_stream_is_recorded_beside_the_first_in_the_same_way(tmp_path: Path) -> None:
    schedule = {"time_zone": "Europe/Berlin", "windows": ["mon-fri 18:00-07:00"]}
    config = load(
        tmp_path, good(cameras__0__sub_url="rtsp://u:p@h/sub", cameras__0__schedule=schedule, cameras__0__audio="off")
    )
    main, sub, *others = processes(config)
    assert (sub.name, sub.arguments) == ("camera-recorder-front-door.sub", ("record", "front-door.sub"))
    assert (sub.camera, sub.lane, main.camera, main.lane) == ("front-door", "sub", "front-door", "main")
    assert isinstance(main.settings, RecorderSettings)
    assert sub.settings == dataclasses.replace(
        main.settings,
        camera="front-door.sub",
        url="rtsp://u:p@h/sub",
        folder="/var/lib/camera-backup/segments/front-door.sub",
    )
    assert (main.settings.schedule_zone, main.settings.schedule_windows) == ("Europe/Berlin", ["mon-fri 18:00-07:00"])
    assert RecorderSettings.from_json(sub.settings.to_json()) == sub.settings
    assert [process.name for process in others] == ["camera-recorder-garage", "camera-uploader"]


def test_a_schedule_for_all_cameras_gives_way_to_a_cameras_own(tmp_path: Path) -> None:
    common = {"time_zone": "Europe/Berlin", "windows": ["18:00-07:00"]}
    own = {"time_zone": "Asia/Tokyo", "windows": ["sat,sun 00:00-24:00"]}
    config = load(tmp_path, good(recording__schedule=common, cameras__1__schedule=own))
    zones = [one.settings.schedule_zone for one in processes(config) if isinstance(one.settings, RecorderSettings)]
    assert zones == ["Europe/Berlin", "Asia/Tokyo"]


def test_a_recorder_knows_its_own_camera_and_nothing_else(tmp_path: Path) -> None:
    config = load(tmp_path, good(recording__segment_duration="5m", cameras__0__audio="aac"))
    recorder = processes(config)[0]
    assert recorder.settings == RecorderSettings(
        camera="front-door",
        url="rtsp://user:letmein@192.0.2.7:554/stream",
        folder="/var/lib/camera-backup/segments/front-door",
        segment_duration=300.0,
        audio="aac",
        mark="/var/lib/camera-backup/segments/.camera-backup-spool",
        min_free=1_000_000_000,
        clock_wait=60.0,
    )
    assert "open-sesame" not in recorder.settings.to_json()
    assert "garage" not in recorder.settings.to_json()


def test_the_uploader_knows_the_bucket_and_no_camera(tmp_path: Path) -> None:
    s3 = {
        "access_key_id": "AKIAEXAMPLE",
        "secret_access_key": "open-sesame",
        "session_token": "for-an-hour",
        "bucket": "b",
        "endpoint": "https://s3.example.com",
        "region": "eu",
        "prefix": "house",
        "addressing_style": "path",
        "storage_class": "COLD",
        "ca_bundle": "/etc/ssl/ca.pem",
    }
    upload = {"safety_age": 10, "check_interval": 20, "delete_after_upload": False, "workers": 2}
    uploader = processes(load(tmp_path, good(s3=s3, upload=upload)))[-1]
    folders = {"spool": "/var/lib/camera-backup/segments", "state": "/var/lib/camera-backup"}
    room = {"mark": "/var/lib/camera-backup/segments/.camera-backup-spool", "min_free": 1_000_000_000}
    assert uploader.settings == UploaderSettings(**{**s3, **upload, **folders, **room, "prefix": "house/"})  # type: ignore[arg-type]
    assert "letmein" not in uploader.settings.to_json()


def test_settings_survive_the_way_through_their_file(tmp_path: Path) -> None:
    for process in processes(load(tmp_path)):
        assert type(process.settings).from_json(process.settings.to_json()) == process.settings


def test_a_camera_s_own_quota_counts_before_that_of_all(tmp_path: Path) -> None:
    storage = {"min_free": "2GiB", "quota": "50GB", "drop_oldest": True}
    front, garage, uploader = (
        process.settings for process in processes(load(tmp_path, good(storage=storage, cameras__0__quota=0)))
    )
    assert isinstance(front, RecorderSettings)
    assert isinstance(garage, RecorderSettings)
    assert isinstance(uploader, UploaderSettings)
    assert (front.min_free, front.quota, garage.quota) == (2 << 30, 0, 50_000_000_000)
    assert (uploader.min_free, uploader.quota, uploader.quotas) == (2 << 30, 50_000_000_000, {"front-door": 0})
    assert uploader.drop_oldest
