"""The configuration's template is what a newcomer reads first, so it is held to what the models say."""

import re
from importlib.resources import files
from pathlib import Path

from camera_backup.config import models as config
from tests.support.configs import load, problems

EXAMPLE = (files("camera_backup") / "templates" / "config.yaml").read_text(encoding="utf-8")
FILLED = {
    "YOUR_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "YOUR_SECRET_ACCESS_KEY": "open-sesame",
    "YOUR_BUCKET": "camera-backups",
    "YOUR_USER:YOUR_PASSWORD@camera-ip": "user:letmein@192.0.2.7",
}


def filled(text: str) -> str:
    for placeholder, value in FILLED.items():
        assert placeholder in text
        text = text.replace(placeholder, value)
    return text


def uncommented(text: str) -> str:
    return re.sub(r"^(\s*)#(?=[a-z_]+:)", r"\1", text, flags=re.MULTILINE)


def test_the_top_level_example_is_the_packaged_template() -> None:
    assert Path(__file__).parents[1].joinpath("config.example.yaml").read_text(encoding="utf-8") == EXAMPLE


def test_the_example_works_once_its_placeholders_are_filled_in(tmp_path: Path) -> None:
    assert load(tmp_path, filled(EXAMPLE)).cameras[0].name == "front-door"


def test_each_placeholder_is_named_with_its_line(tmp_path: Path) -> None:
    lines = EXAMPLE.splitlines()
    found = problems(tmp_path, EXAMPLE)
    assert [re.sub(r"^config.yaml:\d+:\d+: | \(put.*", "", problem) for problem in found] == [
        "s3.access_key_id: still holds the template's YOUR_ACCESS_KEY_ID",
        "s3.secret_access_key: still holds the template's YOUR_SECRET_ACCESS_KEY",
        "s3.bucket: still holds the template's YOUR_BUCKET",
        "cameras.0.rtsp_url: still holds the template's YOUR_USER, YOUR_PASSWORD, camera-ip",
    ]
    for problem in found:
        line, key = int(problem.split(":")[1]), problem.split(": ")[1].split(".")[-1]
        assert lines[line - 1].lstrip().startswith(f"{key}: ")


def test_with_every_option_taken_out_of_its_comment_the_example_still_works(tmp_path: Path) -> None:
    read = load(tmp_path, uncommented(filled(EXAMPLE)))
    sections = (read, read.storage, read.s3, read.cameras[0], read.recording, read.upload, read.time)
    for section in sections:
        assert section.model_fields_set == set(type(section).model_fields), type(section)


def test_defaults_shown_in_comments_are_the_defaults(tmp_path: Path) -> None:
    shown, plain = load(tmp_path, uncommented(filled(EXAMPLE))), load(tmp_path, filled(EXAMPLE))
    assert shown.storage == plain.storage == config.Storage()
    assert shown.upload == plain.upload == config.Upload()
    assert shown.time == plain.time == config.Time()
    assert shown.recording.model_copy(update={"schedule": None}) == plain.recording == config.Recording()
    examples = {"quota": None, "sub_url": None, "schedule": None}
    assert [camera.model_copy(update=examples) for camera in shown.cameras] == list(plain.cameras)
    assert shown.s3.addressing_style == plain.s3.addressing_style
