import io
import json
import logging
import os
import re
import subprocess
import sys

import pytest

from camera_backup import logs
from camera_backup.logs import Log
from camera_backup.redact import redact, url_secrets


@pytest.fixture(autouse=True)
def _restore_logging() -> object:
    root = logging.getLogger()
    before = root.handlers, root.level
    yield
    root.handlers, root.level = before
    Log.lines = None


def logged(
    monkeypatch: pytest.MonkeyPatch, form: str = "", secrets: tuple[str, ...] = (), *, lean: bool = False
) -> tuple[Log, io.StringIO]:
    monkeypatch.setenv(logs.FORMAT_VARIABLE, form)
    out = io.StringIO()
    (logs.setup_lean if lean else logs.setup)(secrets, out)
    return Log("test", camera="front-door"), out


@pytest.mark.parametrize("form", ["", "json"])
def test_a_lean_process_writes_the_same_lines(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    told = []
    for lean in (False, True):
        log, out = logged(monkeypatch, form, secrets=("hunter2",), lean=lean)
        log.debug("left out")
        log.warning("camera silent", words="hunter2 said\nso", seconds=1.25)
        told.append(re.sub(r"[0-9T:.-]+Z", "", out.getvalue()))
    assert told[0] == told[1]
    assert told[0].count("\n") == 1
    assert "hunter2" not in told[0]


def test_a_lean_process_leaves_out_what_is_below_its_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(logs.LEVEL_VARIABLE, "error")
    log, out = logged(monkeypatch, lean=True)
    log.warning("careful")
    log.error("broken")
    assert "careful" not in out.getvalue()
    assert "error broken camera=front-door" in out.getvalue()


def test_a_recorder_loads_neither_logging_nor_openssl() -> None:
    heavy = {"asyncio", "hashlib", "logging", "ssl", "_ssl", "_hashlib"}
    program = f"import sys, camera_backup.cli.record; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_line_carries_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    log, out = logged(monkeypatch)
    log.bind(run=7).info("segment published", size=5, words='say "hi"', seconds=1.25)
    line = out.getvalue()
    assert line.endswith('info segment published camera=front-door run=7 size=5 words="say \\"hi\\"" seconds=1.250\n')


def test_a_line_is_one_line_whatever_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    log, out = logged(monkeypatch)
    log.error("first\nsecond\r", words="a\nb")
    assert out.getvalue().count("\n") == 1


def test_json_lines_hold_the_same_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    log, out = logged(monkeypatch, "json")
    log.warning("camera silent", seconds=10)
    document = json.loads(out.getvalue())
    assert document["time"].endswith("Z")
    del document["time"]
    assert document == {"level": "warning", "message": "camera silent", "camera": "front-door", "seconds": 10}


@pytest.mark.parametrize("form", ["", "json"])
def test_no_secret_comes_out(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    log, out = logged(monkeypatch, form, secrets=("hunter2",))
    log.info("hunter2 said", words="rtsp://admin:hunter3@camera/x", exception="hunter2")
    try:
        int("hunter2")
    except ValueError:
        logging.getLogger("other").exception("failed")
    assert "hunter" not in out.getvalue()
    assert "***" in out.getvalue()


def test_the_journal_gets_syslog_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    status = os.fstat(write)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    with os.fdopen(write, "w") as out:
        logs.setup(stream=out)
        Log("test").warning("careful")
        Log("test").info("fine")
    with os.fdopen(read) as lines:
        assert lines.read() == "<4>careful\n<6>fine\n"


def test_another_stream_than_the_journals_gets_no_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    assert not logs.is_journal(sys.__stderr__ or sys.stderr)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("open rtsp://u:p@h/x failed", "open rtsp://***@h/x failed"),
        ("rtsp://u:p@ss@h/x", "rtsp://***@h/x"),
        ("'rtsp://u:p/w@h/x' and https://k:s@e", "'rtsp://***@h/x' and https://***@e"),
        ("rtsp://h/x a@b", "rtsp://h/x a@b"),
    ],
)
def test_credentials_in_urls_are_hidden(text: str, clean: str) -> None:
    assert redact(text) == clean


def test_a_password_is_secret_as_written_and_as_meant() -> None:
    assert url_secrets("rtsp://admin:p%40ss@camera/x") == ("p%40ss", "p@ss")
    assert url_secrets("rtsp://camera/x") == ()
