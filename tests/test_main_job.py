"""The main job, end to end: two cameras, `camera-backup run`, a bucket."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from camera_backup.demo.camera import CameraSpec
from camera_backup.demo.store import Store
from tests.conftest import StartCameras
from tests.support.browser import play
from tests.support.config import write_config
from tests.support.frames import decodes_cleanly, frame_counters, picture_sizes
from tests.support.process import command, running

PASSWORD = "p@ss:w/rd?#1"
CAMERAS = (
    CameraSpec(path="front-door", video="h264", audio="aac", user="admin", password=PASSWORD, auth="digest"),
    CameraSpec(path="garage", video="h264", audio="pcma", user="admin", password=PASSWORD, auth="basic"),
    CameraSpec(path="yard", video="h265", audio="none"),
)


def download(store: Store, bucket: str, folder: Path) -> dict[str, list[Path]]:
    """Fetch every object of the bucket; return the files by camera, oldest first."""
    found: dict[str, list[Path]] = {}
    client = store.client()
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", ()):
            key = item["Key"]
            if key.startswith(".camera-backup/"):
                continue  # the canary that showed what the store can do
            assert re.fullmatch(r"[a-z-]+(?:\.sub)?/\d{4}/\d\d/\d\d/\d{8}_\d{6}\.mp4", key), key
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            client.download_file(bucket, key, str(path))
            found.setdefault(key.split("/")[0], []).append(path)
    return {camera: sorted(paths, key=lambda path: path.name) for camera, paths in found.items()}


def test_a_minute_of_three_cameras_arrives_whole(
    tmp_path: Path, camera_server: StartCameras, store: Store, bucket: str
) -> None:
    # Each on a server of its own: one server asks for one kind of authentication.
    urls = {spec.path: camera_server(spec).url(spec.path) for spec in CAMERAS}
    config = write_config(tmp_path, store, bucket, urls)
    before = datetime.now(UTC)
    answer = command("run", "--config", str(config), "--for", "60s")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert PASSWORD not in answer.stdout + answer.stderr
    assert store.uploader[1] not in answer.stdout + answer.stderr

    found = download(store, bucket, tmp_path / "downloaded")
    assert sorted(found) == ["front-door", "garage", "yard"]
    for camera, paths in found.items():
        assert 11 <= len(paths) <= 14, camera
        counters = [frame.counter for path in paths for frame in frame_counters(path)]
        assert len(counters) > 50 * 25
        assert counters == list(range(counters[0], counters[0] + len(counters))), camera
        assert f"/{before:%Y/%m/%d}/" in str(paths[0])
        assert all(decodes_cleanly(path) == "" for path in paths)
    assert not list((tmp_path / "segments").glob("*/[!.]*")), "local files go after verification"

    for camera in ("front-door", "garage"):  # this Chromium knows no H.265
        key = found[camera][3].relative_to(tmp_path / "downloaded")
        url = store.client().generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": str(key)})
        facts = play(tmp_path, url)
        assert facts["duration"] == pytest.approx(5, abs=2.1)
        assert facts["width"] == 640
        assert facts["sound"] > 0

    status = json.loads(command("status", "--config", str(config), "--json").stdout)
    assert {item["camera"]: item["verified"] for item in status} == {name: len(paths) for name, paths in found.items()}
    assert all(item["waiting"] == 0 and item["latency"] < 15 for item in status)


def test_two_streams_of_a_camera_are_recorded_side_by_side(
    tmp_path: Path, camera_server: StartCameras, store: Store, bucket: str
) -> None:
    cameras = camera_server(
        CameraSpec(path="main", width=1280, height=720, user="admin", password=PASSWORD),
        CameraSpec(path="small", width=320, height=180, audio="none", user="admin", password=PASSWORD),
    )
    config = write_config(
        tmp_path,
        store,
        bucket,
        {"front-door": cameras.url("main")},
        sub_urls={"front-door": cameras.url("small")},
        recording={"segment_duration": 2},
    )
    answer = command("run", "--config", str(config), "--for", "12s")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert PASSWORD not in answer.stdout + answer.stderr

    found = download(store, bucket, tmp_path / "downloaded")
    assert sorted(found) == ["front-door", "front-door.sub"]
    for name, size in (("front-door", (1280, 720)), ("front-door.sub", (320, 180))):
        counters = [frame.counter for path in found[name] for frame in frame_counters(path)]
        assert len(counters) > 100
        assert counters == list(range(counters[0], counters[0] + len(counters))), name
        assert {picture_size for path in found[name] for picture_size in picture_sizes(path)} == {size}

    status = json.loads(command("status", "--config", str(config), "--json").stdout)
    assert {item["camera"]: item["verified"] for item in status} == {name: len(paths) for name, paths in found.items()}
    assert {item["state"] for item in status} == {"no footage"}


def test_a_camera_that_is_down_does_not_hinder_the_others(
    tmp_path: Path, camera_server: StartCameras, store: Store, bucket: str
) -> None:
    cameras = camera_server(CameraSpec(path="front-door"))
    urls = {"front-door": cameras.url("front-door"), "away": "rtsp://admin:hunter2secret@127.0.0.1:9/x"}
    config = write_config(tmp_path, store, bucket, urls, recording={"segment_duration": 2})
    with running(tmp_path / "log", "run", "--config", str(config)) as run:
        run.wait_until_it_says("segment uploaded", count=2)
        assert "camera=away cause=refused" in run.said()
        assert run.stop() == 0
        assert "hunter2secret" not in run.said()


def test_footage_waits_for_a_bucket_that_is_not_there_and_goes_up_when_it_is(
    tmp_path: Path, camera_server: StartCameras, store: Store
) -> None:
    cameras = camera_server(CameraSpec(path="front-door"))
    config = write_config(
        tmp_path, store, "built-later", {"front-door": cameras.url("front-door")}, recording={"segment_duration": 2}
    )
    with running(tmp_path / "log", "run", "--config", str(config)) as run:
        run.wait_until_it_says("segment published", count=2)
        run.wait_until_it_says("built-later")
        assert "segment uploaded" not in run.said()
        assert len(list((tmp_path / "segments" / "front-door").glob("*.mp4"))) >= 2
        store.create_bucket("built-later")
        run.wait_until_it_says("segment uploaded", count=2, seconds=60)
