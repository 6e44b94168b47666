"""`camera-backup demo`, as a newcomer starts it."""

import re
from pathlib import Path

from camera_backup.demo.scene import Scene
from tests.support.process import command, running
from tests.support.waiting import wait_for


def test_an_unattended_demo_ends_with_what_it_proved(tmp_path: Path) -> None:
    answer = command("demo", "--for", "12s", "--folder", str(tmp_path), COLUMNS="120")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    for camera in ("front-door", "garage"):
        row = re.search(rf"{camera} +│ (\d+) +│ (\d+) +│ (\d+) +│ (\d+)", answer.stdout)
        assert row, answer.stdout
        assert len(set(row.groups())) == 1
        assert int(row[1]) >= 2
    assert "aws --endpoint-url http://127.0.0.1:" in answer.stdout


def test_a_demo_without_footage_says_what_is_missing_and_fails(tmp_path: Path) -> None:
    # One second is too short for a camera's first key frame to arrive and for ffmpeg to know what it sees.
    answer = command("demo", "--for", "1s", "--folder", str(tmp_path))
    assert answer.returncode == 1
    assert "nothing was recorded" in answer.stdout


def test_a_stopped_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    with running(tmp_path / "log", "demo", "--folder", str(tmp_path / "demo")) as demo:
        log = tmp_path / "demo" / "run.log"
        wait_for(lambda: log.exists() and "camera answers" in log.read_text(), "the demo runs", 60)
        assert demo.stop() == 0
    assert "Stopped." in demo.said()
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in _read(path)]
    assert left == []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_the_scenes_config_is_for_its_owner_only(tmp_path: Path) -> None:
    with Scene(tmp_path) as scene:
        assert scene.config.stat().st_mode & 0o777 == 0o600
