from pathlib import Path
from typing import Any

import pytest

from camera_backup.config import models as config
from tests.support.configs import TODAYS_FILE, good, load, problems


def test_the_file_of_todays_users_works_unchanged(tmp_path: Path) -> None:
    read = load(tmp_path, TODAYS_FILE)
    assert read.storage.local_path == "/var/lib/camera-backup/segments"
    assert read.s3.secret_access_key.get_secret_value() == "open-sesame"
    assert read.s3.endpoint == "https://s3.example.com"
    assert [camera.name for camera in read.cameras] == ["front-door"]
    assert read.cameras[0].rtsp_url.get_secret_value() == "rtsp://user:pass@host:554/stream"
    assert (read.recording.segment_duration, read.upload.check_interval) == (3600, 300)


def test_everything_that_can_be_left_out_has_its_default(tmp_path: Path) -> None:
    read = load(tmp_path, good())
    assert read.storage == config.Storage(
        local_path="/var/lib/camera-backup/segments", state_path="/var/lib/camera-backup"
    )
    assert read.recording.segment_duration == 3600
    assert read.upload.safety_age == 300
    assert read.upload.workers == 4
    assert read.upload.delete_after_upload
    assert read.s3.prefix == ""
    assert read.s3.addressing_style == "auto"
    assert (read.cameras[0].type, read.cameras[0].audio, read.cameras[0].enabled) == ("rtsp", "auto", True)


def test_a_block_whose_keys_are_all_commented_out_counts_as_empty(tmp_path: Path) -> None:
    assert load(tmp_path, good(upload=None, recording=None)).upload.workers == 4


@pytest.mark.parametrize(
    ("written", "seconds"), [(90, 90), (1.5, 1.5), ("90", 90), ("60s", 60), ("5m", 300), ("5 min", 300), ("1.5h", 5400)]
)
def test_a_duration_is_a_number_of_seconds_or_has_a_unit(tmp_path: Path, written: object, seconds: float) -> None:
    assert load(tmp_path, good(recording__segment_duration=written)).recording.segment_duration == seconds


@pytest.mark.parametrize("written", ["5x", "", "h", "-5s", True, [], "1h30m", "∞", "٣s"])
def test_what_is_no_duration_is_refused(tmp_path: Path, written: object) -> None:
    (problem,) = problems(tmp_path, good(recording__segment_duration=written))
    assert "recording.segment_duration: must be a duration" in problem


@pytest.mark.parametrize("written", [0.5, "999ms", 0, -1, float("inf"), float("nan"), "2d", 1e300])
def test_a_segment_lasts_between_a_second_and_a_day(tmp_path: Path, written: object) -> None:
    (problem,) = problems(tmp_path, good(recording__segment_duration=written))
    assert "recording.segment_duration: must be " in problem


def test_words_like_off_and_yes_mean_what_they_say(tmp_path: Path) -> None:
    text = TODAYS_FILE.replace("enabled: true", "enabled: yes, audio: off")
    camera = load(tmp_path, text).cameras[0]
    assert (camera.enabled, camera.audio) == (True, "off")


@pytest.mark.parametrize(
    "name",
    ["../x", "a\nb", "%n", "a" * 300, "küche", "Front", "", "-a", "a b", "a/b", "a\x00b", "\u202ea", "$HOME", "."],
)
def test_a_hostile_camera_name_is_refused(tmp_path: Path, name: str) -> None:
    (problem,) = problems(tmp_path, good(cameras__0__name=name))
    assert problem.endswith(
        "cameras.0.name: a camera name is 1 to 63 characters of a-z, 0-9 and '-', and starts with a letter or digit"
    )


def test_a_duplicate_camera_name_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, good(cameras__1__name="front-door"))
    assert "cameras.1.name: another camera has the name front-door already" in problem


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://host/stream", "must begin with rtsp:// or rtsps://"),
        ("file:///etc/passwd", "must begin with rtsp:// or rtsps://"),
        ("host:554/stream", "must begin with rtsp:// or rtsps://"),
        ("rtsp:host", "must begin with rtsp:// or rtsps://"),
        ("rtsp:///stream", "there is no host in it"),
        ("rtsp://user:letmein@/stream", "there is no host in it"),
        ("rtsp://host:0/", "the host or port is not valid"),
        ("rtsp://host:65536/", "the host or port is not valid"),
        ("rtsp://host:port/", "the host or port is not valid"),
        ("rtsp://[::1/", "the host or port is not valid"),
        ("rtsp://ho$t/", "the host must be a name or an address"),
        ("rtsp://user:let/mein@host/", "special characters must be encoded"),
        ("rtsp://user:let#mein@host/", "special characters must be encoded"),
        ("rtsp://host/a\nExecStartPre=+/bin/sh", "without blanks, line breaks or control characters"),
        ("rtsp://host/a b", "without blanks, line breaks or control characters"),
        ("rtsp://host/\x1b[2J", "without blanks, line breaks or control characters"),
        ("rtsp://host/" + "a" * 2000, "at most 2000 characters"),
        ("", "must begin with"),
        (5, "must be text (put it in quotes)"),
        (None, "must be text (put it in quotes)"),
        ([], "must be text (put it in quotes)"),
    ],
)
def test_a_bad_camera_url_is_refused(tmp_path: Path, url: object, complaint: str) -> None:
    (problem,) = problems(tmp_path, good(cameras__1__rtsp_url=url))
    assert "cameras.1.rtsp_url: " in problem
    assert complaint in problem


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://host",
        "RTSP://host:554/stream",
        "rtsps://user:p%40ss%3Aw%2Frd@192.0.2.7/a?b=c#d",
        "rtsp://user:p@ss@host/",
        "rtsp://[2001:db8::1]:8554/stream",
        "rtsp://[fe80::1%25eth0]/stream",
        "rtsp://cam_1.local./",
    ],
)
def test_a_good_camera_url_is_kept_as_it_is(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, good(cameras__1__rtsp_url=url)).cameras[1].rtsp_url.get_secret_value() == url


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("s3__endpoint", "s3.example.com", "must begin with http:// or https://"),
        ("s3__endpoint", "https://key:secret@s3.example.com", "must be scheme, host and port only"),
        ("s3__endpoint", "https://s3.example.com?x=1", "must be scheme, host and port only"),
        ("s3__bucket", "../other", "must be 1 to 128 letters, digits"),
        ("s3__bucket", "b\nx", "must be 1 to 128 letters, digits"),
        ("s3__bucket", "b\n", "must be 1 to 128 letters, digits"),
        ("s3__prefix", "../x", "must not begin with '/'"),
        ("s3__prefix", "/x", "must not begin with '/'"),
        ("s3__prefix", "a//b", "must not begin with '/'"),
        ("s3__prefix", "a\x00", "must be at most 512 letters"),
        ("s3__access_key_id", "", "must not be empty"),
        ("s3__access_key_id", 12345, "must be text (put it in quotes)"),
        ("s3__secret_access_key", "a\nb", "must not hold line breaks"),
        ("s3__addressing_style", "sideways", "must be 'auto', 'path' or 'virtual'"),
        ("s3__ca_bundle", "ca.pem", "must be a path from / on"),
        ("storage__local_path", "segments", "must be a path from / on"),
        ("storage__local_path", "/", "must be a folder of its own"),
        ("storage__local_path", "/srv/../etc", "must not hold '..'"),
        ("storage__local_path", '/srv/"\nExecStartPre=', "must be a path from / on"),
        ("storage__local_path", "/var/lib/camera-backup", "state_path must not be local_path or lie in it"),
        ("storage__min_free", "a lot", "must be a size"),
        ("storage__min_free", "5%", "must be a size"),
        ("storage__min_free", -1, "must be at least 0"),
        ("storage__quota", 1.5, "must be a size"),
        ("storage__drop_oldest", "maybe", "must be true or false"),
        ("cameras__0__quota", "10 i", "must be a size"),
        ("upload__workers", 0, "must be at least 1"),
        ("upload__workers", 65, "must be at most 64"),
        ("upload__workers", "many", "must be a whole number"),
        ("upload__workers", True, "must be a whole number"),
        ("upload__delete_after_upload", "maybe", "must be true or false"),
        ("upload__check_interval", 0.5, "must be at least 1"),
        ("upload__safety_age", -1, "must be at least 0"),
        ("cameras__0__audio", "loud", "must be 'auto', 'copy', 'aac' or 'off'"),
        ("cameras__0__type", "ring", "must be 'rtsp'"),
        ("cameras", [], "the list is empty"),
        ("cameras", {}, "must be a list"),
        ("cameras__0", 5, "must be a block of keys"),
        ("s3", [], "must be a block of keys"),
    ],
)
def test_a_bad_value_is_refused_with_its_key(tmp_path: Path, key: str, value: object, complaint: str) -> None:
    data = good()
    if key == "cameras__0":
        data["cameras"][0] = value
    else:
        data = good(**{key: value})
    (problem,) = problems(tmp_path, data)
    assert f": {key.replace('__', '.')}: " in problem or ": storage: " in problem
    assert complaint in problem


@pytest.mark.parametrize(("written", "kept"), [("house", "house/"), ("house/", "house/"), ("a/b", "a/b/"), ("", "")])
def test_a_prefix_ends_with_a_slash(tmp_path: Path, written: str, kept: str) -> None:
    assert load(tmp_path, good(s3__prefix=written)).s3.prefix == kept


def test_a_configuration_cannot_be_changed_once_read(tmp_path: Path) -> None:
    read = load(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        read.s3.bucket = "other"  # type: ignore[misc]


def _models(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {"Config": schema, **schema["$defs"]}


def test_the_schema_knows_every_key_and_no_other() -> None:
    models = _models(config.schema())
    for model in (config.Config, config.Storage, config.S3, config.Camera, config.Recording, config.Upload):
        described = models[model.__name__]
        assert set(described["properties"]) == set(model.model_fields)
        assert described["additionalProperties"] is False


def test_the_schema_lets_a_secret_be_kept_elsewhere() -> None:
    secret = config.schema()["$defs"]["S3"]["properties"]["secret_access_key"]
    assert {"type": "string"} in secret["anyOf"]
    assert [list(kind["properties"]) for kind in secret["anyOf"][1:]] == [["file"], ["env"], ["credential"]]


@pytest.mark.parametrize(
    ("written", "kept"),
    [(0, 0), (5, 5), ("500", 500), ("2GB", 2_000_000_000), ("1.5 kb", 1500), ("1GiB", 1 << 30), ("2 TB", 2 * 10**12)],
)
def test_sizes_are_bytes_or_have_a_unit(tmp_path: Path, written: object, kept: int) -> None:
    assert load(tmp_path, good(storage__min_free=written)).storage.min_free == kept


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"windows": ["18:00-07:00"]}, "time_zone: is missing (the time zone of the windows, like Europe/Berlin)"),
        ({"time_zone": "Europe/Berlin"}, "windows: is missing (when to record, like mon-fri 18:00-07:00)"),
        ({"time_zone": "Berlin", "windows": ["18:00-07:00"]}, "time_zone: there is no such time zone here"),
        ({"time_zone": "Europe/Berlin", "windows": []}, "windows: must not be empty"),
        ({"time_zone": "Europe/Berlin", "windows": "18:00-07:00"}, "windows: must be a list (each entry begins"),
        ({"time_zone": "Europe/Berlin", "windows": ["18:00-07:00", "mo 1-2"]}, "windows.1: a window is like"),
        ({"time_zone": "Europe/Berlin", "window": ["18:00-07:00"]}, "window: is no known key (did you mean windows?)"),
        ("nights", "must be a block of keys"),
    ],
)
@pytest.mark.parametrize("place", ["cameras__0__schedule", "recording__schedule"])
def test_a_schedule_that_cannot_be_kept_is_refused_in_words(
    tmp_path: Path, place: str, schedule: object, message: str
) -> None:
    found = problems(tmp_path, good(**{place: schedule}))
    assert any(message in problem and place.replace("__", ".") in problem for problem in found), found


def test_a_second_stream_is_held_to_the_same_rules_and_is_another_one(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, good(cameras__0__sub_url="http://user:letmein@192.0.2.7/sub"))
    assert "cameras.0.sub_url: must begin with rtsp:// or rtsps://" in found
    (found,) = problems(tmp_path, good(cameras__0__sub_url="rtsp://user:letmein@192.0.2.7:554/stream"))
    assert "cameras.0: sub_url is the same as rtsp_url" in found
    assert "letmein" not in found
    (found,) = problems(tmp_path, good(cameras__0__name="front-door.sub"))
    assert "cameras.0.name: a camera name is 1 to 63 characters" in found


@pytest.mark.parametrize(("wait", "expected"), [(0, 0), ("90s", 90), ("1h", 3600)])
def test_the_wait_for_the_clock_may_be_none_and_an_hour_at_most(tmp_path: Path, wait: object, expected: float) -> None:
    assert load(tmp_path, good(time__wait=wait)).time.wait == expected
    assert problems(tmp_path, good(time__wait="61m"))[0].endswith("time.wait: must be at most 3600")
