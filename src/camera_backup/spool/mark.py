"""The file that says "this is the spool": without it, a folder is a mount point whose disk is missing, or a mistake.

`generate` and `run` put it there, never the boot: what the boot makes would lie below a disk that did not come up.
Standard library only.
"""

import re
from pathlib import Path

from camera_backup.errors import SpoolError

MARK = ".camera-backup-spool"
MISSING = "this is not the spool"
HINT = "is the disk mounted? camera-backup-generate marks the spool"

_TEXT = "Footage of camera-backup lies here. Recorders write nothing where this file is missing.\n"
_FSTAB = Path("/etc/fstab")


def mark_spool(spool: Path, fstab: Path = _FSTAB) -> None:
    """Mark the folder as the spool. Idempotent; raises SpoolError, also where a disk should be mounted and is not."""
    check_mounted(spool, fstab)
    path = spool / MARK
    try:
        if not path.exists():
            path.write_text(_TEXT, encoding="utf-8")
            path.chmod(0o644)  # whatever the umask: recorders look for it
    except OSError as error:
        raise SpoolError(error.strerror or str(error), operation="mark", subject=str(spool)) from error


def check_mounted(spool: Path, fstab: Path = _FSTAB) -> None:
    """Raise SpoolError if `fstab` names a disk for the spool that is not mounted: nothing may be made below it."""
    point = unmounted(spool, fstab)
    if point is not None:
        raise SpoolError(
            f"the disk of {point} is not mounted", cause="no-spool", subject=str(spool), hint=f"mount {point}"
        )


def check_mark(mark: Path) -> None:
    """Raise SpoolError unless the mark is there."""
    try:
        mark.stat()
    except FileNotFoundError:
        raise SpoolError(MISSING, cause="no-spool", subject=str(mark.parent), hint=HINT) from None
    except OSError as error:
        raise SpoolError(error.strerror or str(error), operation="read", subject=str(mark)) from error


def unmounted(folder: Path, fstab: Path = _FSTAB) -> Path | None:
    """Return the mount point at or above `folder` that `fstab` names and where nothing is mounted; None if none is."""
    try:
        lines = fstab.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None  # nothing is said about any disk
    points = [Path(_unescaped(words[1])) for line in lines if len(words := line.partition("#")[0].split()) > 1]
    return next((point for point in points if folder.is_relative_to(point) and not point.is_mount()), None)


def _unescaped(word: str) -> str:
    r"""Undo the octal escapes of fstab(5), like `\040` for a blank."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)
