"""`camera-backup check`, and what the same mistakes do to `camera-backup run`."""

import json
import os
from pathlib import Path

import pytest

from camera_backup.demo.camera import CameraSpec
from camera_backup.demo.store import Store
from tests.conftest import StartCameras
from tests.support.config import write_config
from tests.support.process import command, running

GUARDED = CameraSpec(path="front-door", user="admin", password="right")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "segments"
    folder.mkdir()
    return folder


@pytest.mark.usefixtures("spool")
def test_everything_in_order_is_said_line_by_line(
    tmp_path: Path, camera_server: StartCameras, store: Store, bucket: str
) -> None:
    urls = {"front-door": camera_server(GUARDED).url("front-door")}
    answer = command("check", "--config", str(write_config(tmp_path, store, bucket, urls)))
    lines = answer.stdout.splitlines()
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert [line[:7] for line in lines] == ["ok     "] * 5
    assert lines[1].startswith("ok      ffmpeg: ffmpeg version ")
    assert lines[3] == "ok      camera front-door: sends H264 video and MPEG4-GENERIC audio"
    assert lines[4].startswith(f"ok      bucket {bucket}: takes and shows objects; uploads are verified by checksum")


@pytest.mark.usefixtures("spool")
def test_each_failure_is_told_and_the_others_are_tried_all_the_same(
    tmp_path: Path, camera_server: StartCameras, store: Store, bucket: str
) -> None:
    url = camera_server(GUARDED).url("front-door")
    urls = {
        "wrong-password": url.replace("right", "hunter2secret"),
        "wrong-path": url.replace("front-door", "back-door"),
        "away": "rtsp://127.0.0.1:9/x",
        "front-door": url,
    }
    config = write_config(tmp_path, store, bucket, urls, s3={"secret_access_key": "hunter3secret"})
    answer = command("check", "--config", str(config), "--json")
    found = {item["subject"]: item for item in json.loads(answer.stdout)}
    assert answer.returncode == os.EX_NOPERM  # waiting would not help
    assert [subject for subject, item in found.items() if item["ok"]] == [
        "config", "ffmpeg", "disk", "camera front-door",
    ]  # fmt: skip
    assert "refuses the user name or password" in found["camera wrong-password"]["message"]
    assert "no such stream" in found["camera wrong-path"]["message"]
    assert "refuses the connection" in found["camera away"]["message"]
    assert "hunter" not in answer.stdout + answer.stderr


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize(
    ("s3", "code"),
    [
        ({"secret_access_key": "hunter3secret"}, os.EX_NOPERM),
        ({"bucket": "no-such-bucket"}, os.EX_UNAVAILABLE),
        ({"endpoint": "http://127.0.0.1:9"}, os.EX_TEMPFAIL),
    ],
    ids=["wrong key", "missing bucket", "store down"],
)
def test_trouble_with_the_bucket_has_its_exit_code(tmp_path: Path, store: Store, s3: dict[str, str], code: int) -> None:
    config = write_config(tmp_path, store, "footage", {"front-door": "rtsp://127.0.0.1:9/x"}, s3=s3)
    answer = command("check", "--config", str(config), "--json")
    last = json.loads(answer.stdout)[-1]
    assert last["subject"].startswith("bucket ")
    assert not last["ok"]
    assert answer.returncode == code
    assert "hunter" not in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_missing_spool_is_told_with_the_way_to_make_it(tmp_path: Path, store: Store, bucket: str) -> None:
    config = write_config(tmp_path, store, bucket, {"front-door": "rtsp://127.0.0.1:9/x"})
    answer = command("check", "--config", str(config))
    assert "FAILED  disk: " in answer.stdout
    assert "camera-backup-install" in answer.stdout


@pytest.mark.usefixtures("spool")
def test_a_missing_ffmpeg_is_told_with_the_way_to_get_it(tmp_path: Path, store: Store, bucket: str) -> None:
    config = write_config(tmp_path, store, bucket, {"front-door": "rtsp://127.0.0.1:9/x"})
    answer = command("check", "--config", str(config), PATH=str(tmp_path))
    assert "FAILED  ffmpeg: ffmpeg cannot be started (apt install ffmpeg)" in answer.stdout
    assert answer.returncode == os.EX_UNAVAILABLE


@pytest.mark.parametrize("name", ["check", "run", "status", "generate"])
def test_a_wrong_config_is_refused_with_its_lines_by_every_command(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "s3: {bucket: b, secret_access_key: hunter2secret}\ncameras:\n  - {name: ../x, rtsp_url: http://x}\n"
    )
    path.chmod(0o600)
    answer = command(name, "--config", str(path))
    assert answer.returncode == os.EX_CONFIG
    lines = answer.stderr.splitlines()
    assert [line.split(": ")[0].removeprefix(f"{path}:") for line in lines[:-1]] == ["1:1", "3:6", "3:18"]
    assert lines[-1].endswith("has 3 problems")
    assert "hunter" not in answer.stdout + answer.stderr


def test_a_spool_that_cannot_be_made_ends_the_run_with_one_clear_line(
    tmp_path: Path, store: Store, bucket: str
) -> None:
    (tmp_path / "file").touch()
    config = write_config(
        tmp_path,
        store,
        bucket,
        {"front-door": "rtsp://127.0.0.1:9/x"},
        storage={"local_path": str(tmp_path / "file/x")},
    )
    answer = command("run", "--config", str(config))
    assert answer.returncode == os.EX_TEMPFAIL
    assert answer.stderr.count("\n") == 1
    assert "Not a directory" in answer.stderr
    assert "storage.local_path" in answer.stderr


def test_a_run_goes_on_recording_with_a_wrong_bucket_key(
    tmp_path: Path, camera_server: StartCameras, store: Store, bucket: str
) -> None:
    urls = {"front-door": camera_server(GUARDED).url("front-door")}
    key, short = {"secret_access_key": "hunter3secret"}, {"segment_duration": 2}
    config = write_config(tmp_path, store, bucket, urls, s3=key, recording=short)
    with running(tmp_path / "log", "run", "--config", str(config)) as run:
        run.wait_until_it_says("segment published", count=3)
        run.wait_until_it_says("check s3.secret_access_key")
        assert run.stop() == 0
    assert "hunter" not in run.said()
    assert len(list((tmp_path / "segments" / "front-door").glob("*.mp4"))) >= 3, "nothing is lost"


@pytest.mark.usefixtures("spool")
def test_too_little_room_to_record_is_told(tmp_path: Path, store: Store, bucket: str) -> None:
    urls = {"front-door": "rtsp://127.0.0.1:9/x"}
    config = write_config(tmp_path, store, bucket, urls, storage={"min_free": "900TB"})
    answer = command("check", "--config", str(config))
    assert "free, so nothing is recorded: storage.min_free is 900.0 TB" in answer.stdout
