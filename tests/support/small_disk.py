"""Real file systems of a few megabytes, to be filled, made read-only and taken away."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def small_disk(point: Path, megabytes: int) -> Iterator[Path]:
    """Mount a tmpfs of so many megabytes at `point`, and take it away at the end."""
    assert os.geteuid() == 0, "this test mounts a small disk: run the tests as root"
    point.mkdir(parents=True, exist_ok=True)
    mount(point, megabytes)
    try:
        yield point
    finally:
        if point.is_mount():
            subprocess.run(["umount", "-l", str(point)], check=True)


def mount(point: Path, megabytes: int) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(point)], check=True)


def remount(point: Path, mode: str) -> None:
    """Make it `ro` or `rw`."""
    subprocess.run(["mount", "-o", f"remount,{mode}", str(point)], check=True)


def fill(point: Path, leave: int) -> Path:
    """Put a file on the disk that leaves so many bytes free."""
    found = os.statvfs(point)
    ballast = point / "ballast"
    with ballast.open("wb") as out:
        os.posix_fallocate(out.fileno(), 0, found.f_bavail * found.f_frsize - leave)
    return ballast
