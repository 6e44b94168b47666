"""The tools of systemd that create users and folders, and the program that units start."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from camera_backup.errors import UnavailableError, UsageError
from camera_backup.units.system_users import UPLOADER_USER
from camera_backup.units.units import hidden_below

THIS_MACHINE = Path("/")

_LINK = Path("/usr/local/bin/camera-backup")


def is_installed() -> bool:
    """Tell whether camera-backup-install has created its user on this machine."""
    try:
        pwd.getpwnam(UPLOADER_USER)
    except KeyError:
        return False
    return True


def create_users(name: str, root: Path = THIS_MACHINE) -> None:
    """Create the users of the sysusers.d file called `name`; those that exist stay as they are."""
    _run("systemd-sysusers", _root_option(root), name)


def create_folders(name: str, root: Path = THIS_MACHINE) -> None:
    """Create the folders of the tmpfiles.d file called `name` and set owners and modes of those that exist."""
    _run("systemd-tmpfiles", [*_root_option(root), "--create"], name)


def stop_everything(target: str) -> None:
    """Stop and disable the units below `target`, where a systemd is running."""
    if Path("/run/systemd/system").is_dir():
        _run("systemctl", ["disable", "--now"], target)


def reload_systemd() -> None:
    """Let systemd read its unit files again, where one is running."""
    if Path("/run/systemd/system").is_dir():
        _run("systemctl", [], "daemon-reload")


def program(override: str | None = None, executable: str = sys.executable) -> PurePosixPath:
    """Return the absolute path of `camera-backup` for the units: `override`, or the one beside Python's `executable`.

    The path stays the same over an upgrade where /usr/local/bin/camera-backup leads to it. Raises UsageError or
    UnavailableError if there is none that units could start.
    """
    if override is not None:
        if not PurePosixPath(override).is_absolute():
            raise UsageError("--program takes a whole path, from / on")
        return PurePosixPath(override)
    hint = "install it below /opt or name it with --program PATH"
    installed = Path(executable).with_name("camera-backup")
    if not os.access(installed, os.X_OK):
        raise UnavailableError(f"there is no camera-backup beside {executable}", hint=hint)
    # The folder may be fine and the Python in it yet be a link into somebody's home.
    python = PurePosixPath(Path(executable).resolve())
    if (parent := hidden_below(python)) is not None:
        raise UnavailableError(f"the units see nothing below {parent}, where {python} lies", hint=hint)
    return PurePosixPath(_LINK if _LINK.exists() and _LINK.samefile(installed) else installed)


def _root_option(root: Path) -> list[str]:
    return [] if root == THIS_MACHINE else [f"--root={root.resolve()}"]


def _run(tool: str, options: Sequence[str], argument: str) -> None:
    command = shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/bin:/bin:/usr/sbin")
    if command is None:
        raise UnavailableError(f"{tool} is not installed", hint="camera-backup's units need systemd")
    done = subprocess.run([command, *options, argument], capture_output=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise UnavailableError("; ".join(lines[-3:]), operation=tool)
