"""How much room there is on the spool's disk, and how much there should be. All sizes in bytes. Standard library only.

Recorders stop at a limit and begin again a margin above it; the uploader makes room before it comes to that. So the
limits of both stand here, and a limit of 0 is none.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from camera_backup.spool.reader import QUARANTINE

_MARGIN_SHARE = 20


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system: what others than root may still write, and whether it is read-only."""

    free: int
    read_only: bool


def disk(folder: Path) -> Disk:
    """Look at the file system that `folder` lies on; raises OSError."""
    found = os.statvfs(folder)
    return Disk(found.f_bavail * found.f_frsize, bool(found.f_flag & os.ST_RDONLY))


def margin(limit: int) -> int:
    """Return how far from a limit recording begins again, and making room begins."""
    return limit // _MARGIN_SHARE


def usage(folder: Path) -> int:
    """Return what a camera's footage takes on the disk, finished or growing, without quarantine; raises OSError.

    Nobody deletes from the quarantine but a person, so counting it could stop a camera for good.
    """
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name == QUARANTINE or not entry.is_file(follow_symlinks=False):
                continue
            try:
                yield entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue  # published or uploaded since the folder was listed


def size_text(size: int) -> str:
    """Write a size as people do: `1.5 GB`."""
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= length:
            return f"{size / length:.1f} {unit}"
    return f"{size} B"
