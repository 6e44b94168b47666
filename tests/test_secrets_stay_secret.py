"""Whatever is wrong with a configuration, no message, error or repr shows a secret of it."""

import json
import tempfile
import traceback
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from camera_backup.config import file as config_file
from camera_backup.errors import ConfigError
from camera_backup.processes import processes
from tests.support.configs import TODAYS_FILE, good, write

# Everything YAML, URLs and units give a meaning to, and letters that do not make up words of our own messages.
ALPHABET = "qxzjkvQXZJKV0123456789äÿĸ ,:;{}[]()#*&!|<>'\"%@`-=+/\\?~^$._"
SECRET = st.text(ALPHABET, min_size=10, max_size=40).filter(lambda text: len(set(text)) > 5)
WRONG = st.sampled_from(
    [
        {"upload__workers": 0},
        {"s3__bucket": None},
        {"s3__unknown": 1},
        {"cameras": 5},
        {"cameras__0__name": "../x"},
        {"s3__endpoint": "ftp://x"},
        {},
    ]
)
PLACES = (
    "s3__access_key_id",
    "s3__secret_access_key",
    "s3__session_token",
    "s3__endpoint",
    "s3__region",
    "s3__prefix",
    "storage__local_path",
    "cameras__0__name",
    "cameras__0__rtsp_url",
    "cameras__0__audio",
    "cameras__0__sub_url",
    "cameras__0__schedule",
    "recording__schedule__time_zone",
    "recording__schedule__windows",
    "time__wait",
    "cameras__1",
    "upload__workers",
    "recording",
    "s3",
)


def everything_said(content: str | dict[str, Any], mode: int = 0o640) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), content, mode)
        try:
            config = config_file.load(path)
        except ConfigError as error:
            return "\n".join([*error.problems, str(error), repr(error), *traceback.format_exception(error)])
        return f"{config!r} {config} {[repr(process.settings) for process in processes(config)]}"


@given(secret=SECRET, place=st.sampled_from(PLACES), wrong=WRONG, mode=st.sampled_from([0o640, 0o644]))
def test_a_secret_in_any_place_is_never_repeated(secret: str, place: str, wrong: dict[str, object], mode: int) -> None:
    data = good(**wrong)
    *above, last = place.split("__")
    block: Any = data
    for part in above:
        block = block[int(part)] if isinstance(block, list) else block.get(part, {}) if isinstance(block, dict) else {}
    if isinstance(block, list):
        block[int(last)] = secret
    elif isinstance(block, dict):
        block[last] = secret
    if place in (
        "s3__access_key_id",
        "s3__endpoint",
        "s3__region",
        "s3__prefix",
        "storage__local_path",
        "cameras__0__name",
    ):
        # No secrets when they are valid; but what does not fit may be a secret in the wrong line.
        data["upload"] = {"workers": 0}
    assert secret not in everything_said(data, mode)


@given(
    secret=SECRET,
    url=st.sampled_from(["rtsp://user:{}@host:99999/", "http://u:{}@h/", "rtsp://u:{}@h/", "rtsp://h/{}"]),
)
def test_the_password_of_a_camera_is_never_repeated(secret: str, url: str) -> None:
    assert secret not in everything_said(good(cameras__0__rtsp_url=url.format(secret)))


@given(secret=SECRET, kind=st.sampled_from(["file", "env", "credential", "other"]))
def test_a_secret_written_where_its_place_should_be_named_is_never_repeated(secret: str, kind: str) -> None:
    assert secret not in everything_said(good(s3__secret_access_key={kind: secret}))


@given(secret=SECRET, quote=st.sampled_from(["", "'", '"']), flow=st.booleans())
@example(secret="abcdef, ghijklmnop", quote="", flow=True)
@example(secret="*abcdefghijklmnop", quote="", flow=True)
@example(secret="!abcdefghijklmnop", quote="", flow=False)
@example(secret="abcdefgh: ijklmnop", quote="", flow=False)
def test_not_even_half_of_a_secret_that_is_badly_quoted_is_repeated(secret: str, quote: str, flow: bool) -> None:
    if flow:
        text = TODAYS_FILE.replace("open-sesame", f"{quote}{secret}{quote}")
    else:
        text = f"s3:\n  bucket: b\n  secret_access_key: {quote}{secret}{quote}\n"
    said = everything_said(text)
    halves = {secret[start : start + 7] for start in range(len(secret) - 6)}
    assert not [half for half in halves if half in said], said


@given(secret=SECRET)
def test_a_secret_as_a_json_file_would_write_it_is_never_repeated(secret: str) -> None:
    assert secret not in everything_said(json.dumps(good(s3__secret_access_key=secret, upload__workers=0)))
