import os
from pathlib import Path

import pytest

from camera_backup.config import file as config_file
from camera_backup.config.credentials import SecretReader
from camera_backup.errors import ConfigError
from tests.support.configs import TODAYS_FILE, good, problems, write

BAD_EVERYWHERE = """\
s3:
  access_key_id: AKIAEXAMPLE
  secret_acces_key: open-sesame
  bucket: one
  bucket: two
  endpoint: https://YOUR_ENDPOINT
cameras:
  - name: front-door
    rtsp_url: http://user:letmein@host/
    audoi: off
  - {name: front-door, rtsp_url: "rtsp://YOUR_USER:YOUR_PASSWORD@camera-ip:554/"}
workers: 5
upload:
  workers: many
"""

EXAMPLE_URL = "rtsp://user:password@192.0.2.10:554/stream"
STILL_HOLDS = "still holds the template's"
OWN_VALUE = "(put your own value here)"


def test_all_errors_are_told_at_once_each_with_its_line_and_column(tmp_path: Path) -> None:
    assert problems(tmp_path, BAD_EVERYWHERE) == [
        "config.yaml:1:1: s3.secret_access_key: is missing (the access key's secret half)",
        "config.yaml:3:3: s3.secret_acces_key: is no known key (did you mean secret_access_key?)",
        "config.yaml:5:3: s3.bucket: stands here twice, first on line 4 (keep one of them)",
        "config.yaml:6:3: s3.endpoint: still holds the template's YOUR_ENDPOINT (put your own value here)",
        f"config.yaml:9:5: cameras.0.rtsp_url: must begin with rtsp:// or rtsps:// (like {EXAMPLE_URL})",
        "config.yaml:10:5: cameras.0.audoi: is no known key (did you mean audio?)",
        "config.yaml:11:6: cameras.1.name: another camera has the name front-door already (every camera needs its own)",
        f"config.yaml:11:24: cameras.1.rtsp_url: {STILL_HOLDS} YOUR_USER, YOUR_PASSWORD, camera-ip {OWN_VALUE}",
        "config.yaml:12:1: workers: is no known key (it belongs under upload)",
        "config.yaml:14:3: upload.workers: must be a whole number",
    ]


def test_of_a_placeholder_nothing_else_is_said(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, good(cameras__0__rtsp_url="YOUR_CAMERA"))
    assert problem.endswith("cameras.0.rtsp_url: still holds the template's YOUR_CAMERA (put your own value here)")


def test_the_error_counts_the_problems(tmp_path: Path) -> None:
    path = write(tmp_path, BAD_EVERYWHERE)
    with pytest.raises(ConfigError) as caught:
        config_file.load(path)
    assert str(caught.value) == f"{path} has 10 problems"
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: the file is empty (start from config.example.yaml)"),
        ("# nothing\n", "1:1: the file is empty (start from config.example.yaml)"),
        ("[1]", "1:1: the file must be a block of keys: s3, cameras, … (start from config.example.yaml)"),
        ("hello", "1:1: the file must be a block of keys: s3, cameras, … (start from config.example.yaml)"),
        ("s3: {", "1:6: this is not valid YAML: expected the node content, but found '<stream end>'"),
        ("s3:\n  a: b: c", "2:7: this is not valid YAML: mapping values are not allowed here"),
        ("s3:\n\ta: b", "2:1: this is not valid YAML: found character … that cannot start any token"),
        ("s3: *key", "1:5: this is not valid YAML: found undefined alias …"),
        ("s3: !key x", "1:5: this is not valid YAML: could not determine a constructor for the tag …"),
        ("s3: !!python/object/apply:os.system [id]", "1:5: this is not valid YAML: could not determine a constructor"),
        ("s3: !!int nine", "1:5: this is not valid YAML: unusable value"),
        ("{[a]: 1}", "1:2: this is not valid YAML: found unhashable key"),
        ("a: 1\n---\nb: 2", "2:1: this is not valid YAML: but found another document"),
        ("s3:\n  a: \x07", "2:6: this character is not allowed in YAML"),
        ("s3: &x [*x]", "1:5: this block contains itself"),
        ("[" * 5000, "1:1: blocks are nested too deeply"),
        ("a: " + "x" * 1024 * 1024, "1:1: the file is larger than 1 MiB"),
    ],
)
def test_what_is_no_usable_yaml_gets_one_line(tmp_path: Path, text: str, problem: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith(f"config.yaml:{problem}")


def test_a_yaml_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    layers = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 30)]
    (found,) = problems(tmp_path, "\n".join(["l0: &l0 [x]", *layers]))
    assert "this block is too large once its aliases are written out" in found


def test_merged_blocks_work_and_their_errors_stand_where_they_were_written(tmp_path: Path) -> None:
    text = TODAYS_FILE.replace(
        "cameras:\n  - {", "cameras:\n  - {name: a, rtsp_url: rtsp://h, <<: &more {audio: loud}}\n  - {"
    )
    (found,) = problems(tmp_path, text)
    assert found == "config.yaml:4:46: cameras.0.audio: must be 'auto', 'copy', 'aac' or 'off'"


def test_text_that_is_not_utf8_is_located(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.write_bytes(b"s3:\n  bucket: k\xfcche\n")
    with pytest.raises(ConfigError) as caught:
        config_file.load(path)
    assert caught.value.problems == (f"{path}:2:12: this is not UTF-8 text (save the file as UTF-8)",)


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    assert problems(tmp_path, "\ufeff" + TODAYS_FILE) == []


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no .*config.yaml .name another with --config"):
        config_file.load(tmp_path / "config.yaml")


def test_a_folder_or_device_is_no_configuration(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ConfigError, match="is not a plain file"):
            config_file.load(path)


@pytest.mark.parametrize("mode", [0o644, 0o641, 0o642, 0o666])
def test_secrets_in_a_file_that_others_may_read_or_write_are_refused(tmp_path: Path, mode: int) -> None:
    mend = f"run: chmod o-rwx {tmp_path / 'config.yaml'}"
    (problem,) = problems(tmp_path, good(), mode)
    assert problem == f"config.yaml:1:1: others on this machine may read or change these secrets ({mend})"


def test_an_open_file_and_its_other_errors_are_told_together(tmp_path: Path) -> None:
    assert len(problems(tmp_path, good(upload__workers=0), 0o644)) == 2


def _without_secrets() -> dict[str, object]:
    data = good(s3__access_key_id={"env": "KEY"}, s3__secret_access_key={"env": "KEY"})
    data["cameras"] = [{"name": "open", "rtsp_url": "rtsp://192.0.2.7/stream"}]
    return data


def test_a_file_without_secrets_may_be_read_by_everybody(tmp_path: Path) -> None:
    path = write(tmp_path, _without_secrets(), 0o644)
    read = config_file.load(path, SecretReader(environ={"KEY": "hidden"}))
    assert read.s3.secret_access_key.get_secret_value() == "hidden"


def test_a_camera_password_in_the_path_of_a_url_is_a_secret_as_well(tmp_path: Path) -> None:
    data = _without_secrets()
    data["cameras"] = [{"name": "open", "rtsp_url": "rtsp://192.0.2.7/user=admin&password=letmein"}]
    path = write(tmp_path, data, 0o644)
    with pytest.raises(ConfigError) as caught:
        config_file.load(path, SecretReader(environ={"KEY": "hidden"}))
    assert "others on this machine" in caught.value.problems[0]


def test_a_whole_camera_url_may_be_kept_elsewhere_and_is_checked_there(tmp_path: Path) -> None:
    path = write(tmp_path, good(cameras__0__rtsp_url={"env": "URL"}))
    good_url = "rtsp://user:letmein@host/"
    read = config_file.load(path, SecretReader(environ={"URL": good_url}))
    assert read.cameras[0].rtsp_url.get_secret_value() == good_url
    with pytest.raises(ConfigError) as caught:
        config_file.load(path, SecretReader(environ={"URL": "http://user:letmein@host/"}))
    assert "cameras.0.rtsp_url: must begin with rtsp://" in caught.value.problems[0]


@pytest.mark.parametrize("reference", [{}, {"file": "/a", "env": "B"}, {"vault": "x"}, {"env": 5}, {"env": None}])
def test_a_reference_names_exactly_one_place(tmp_path: Path, reference: object) -> None:
    (problem,) = problems(tmp_path, good(s3__secret_access_key=reference))
    assert "s3.secret_access_key: a secret is text, or exactly one of {file: PATH}" in problem


def test_a_secret_that_is_not_found_is_told_with_its_key(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, good(s3__secret_access_key={"file": "/does/not/exist"}))
    assert "s3.secret_access_key: the file named here cannot be read: No such file or directory" in problem
