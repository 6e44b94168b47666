"""What scripts/demo and scripts/test do before they start."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

ROOT = Path(__file__).parent.parent
NOBODY = 65534


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may read, with scripts/prepare in it and every program it needs but sudo."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(ROOT / "scripts" / "prepare", folder)
        for program in ("bash", "cat", "dpkg-query", "id"):
            (folder / program).symlink_to(f"/usr/bin/{program}")
        yield folder


def install(place: Path, *packages: str, user: int | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", 'set -euo pipefail; . ./prepare; install_packages "$@"', "bash", *packages],
        cwd=place,
        env={"PATH": str(place)},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        user=user,
    )


def test_what_is_installed_is_not_installed_again(place: Path) -> None:
    done = install(place, "ffmpeg", "python3-venv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_root_and_sudo_the_line_to_run_is_printed(place: Path) -> None:
    user = NOBODY if os.geteuid() == 0 else None
    done = install(place, "ffmpeg", "no-such-package", "nor-such", user=user)
    assert done.returncode == os.EX_UNAVAILABLE
    assert done.stderr.splitlines()[-1] == (
        "camera-backup:   apt-get install --no-install-recommends no-such-package nor-such"
    )


@pytest.mark.parametrize("script", ["scripts/demo", "scripts/test", ".ci/run"])
def test_the_scripts_can_be_run_from_anywhere(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    assert 'cd "$(dirname "$0")/.."' in path.read_text()
