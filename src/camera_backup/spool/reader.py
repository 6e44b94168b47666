"""The directory between recorders and uploader, as its reader sees it; `spool_writer` is the other side.

`<root>/<camera>/20240118_120000.mp4` is closed, complete and durable. Names that start with a dot are somebody's
work in progress, or `.quarantine`, where what could not be used lies with a reason beside it. Standard library only.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from camera_backup.errors import SpoolError
from camera_backup.model import CameraName, Segment, SegmentName, lane_name
from camera_backup.spool.mark import check_mark

QUARANTINE = ".quarantine"
PARTIAL_SUFFIX = ".part"


@dataclass(frozen=True, slots=True)
class Finished:
    """A segment that waits in the spool, and when its file was last changed, in seconds since 1970."""

    segment: Segment
    modified: float


@dataclass(frozen=True, slots=True)
class Growing:
    """A segment that is being recorded: its start, its size so far in bytes, and when it last grew."""

    start: datetime
    size: int
    modified: float


class Spool:
    """Reads the whole spool; what it finds is what counts, whatever any notification said."""

    def __init__(self, root: Path, mark: Path | None = None) -> None:
        self.root = root
        self._mark = mark

    def cameras(self) -> list[CameraName]:
        """Return the cameras that have a folder, also those no longer configured; raises SpoolError.

        With a `mark`, a folder without it is no spool: what is missing there was not deleted by anybody.
        """
        if self._mark is not None:
            check_mark(self._mark)
        try:
            with os.scandir(self.root) as entries:
                return sorted(name for entry in entries if (name := _folder_camera(entry)) is not None)
        except OSError as error:
            raise SpoolError(
                error.strerror or str(error),
                cause="no-spool",
                operation="read",
                subject=str(self.root),
                hint="camera-backup-install creates the spool",
            ) from error

    def finished(self, camera: CameraName) -> list[Finished]:
        """Return the camera's finished segments, oldest first; raises SpoolError."""
        found = []
        for entry, name in self._named(camera):
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # uploaded and removed since the folder was listed
            found.append(Finished(Segment(camera, name, Path(entry.path), status.st_size), status.st_mtime))
        return sorted(found, key=lambda item: item.segment.name)

    def growing(self, camera: CameraName) -> Growing | None:
        """Return the newest segment that is being recorded, if there is one."""
        newest = None
        for path in (self.root / camera).glob(f".*{PARTIAL_SUFFIX}"):
            try:
                status = path.stat()
                start = SegmentName.parse(path.name[1:].removesuffix(PARTIAL_SUFFIX)).start
            except (FileNotFoundError, ValueError):
                continue  # published a moment ago, or not ours
            if newest is None or start > newest.start:
                newest = Growing(start, status.st_size, status.st_mtime)
        return newest

    def _named(self, camera: CameraName) -> Iterator[tuple[os.DirEntry[str], SegmentName]]:
        try:
            with os.scandir(self.root / camera) as entries:
                for entry in entries:
                    try:
                        name = SegmentName.parse(entry.name)
                    except ValueError:
                        continue
                    if entry.is_file(follow_symlinks=False):
                        yield entry, name
        except OSError as error:
            raise SpoolError(error.strerror or str(error), operation="read", subject=str(self.root / camera)) from error


def remove(segment: Segment) -> None:
    """Delete a segment that is safe elsewhere, durably; one that is gone already is fine."""
    segment.path.unlink(missing_ok=True)
    sync_folder(segment.path.parent)


def quarantine(path: Path, reason: str) -> Path:
    """Move a file that cannot be used out of the way, with `reason` in a JSON file beside it; return where it lies.

    Nothing is ever deleted: a person decides.
    """
    folder = path.parent / QUARANTINE
    folder.mkdir(mode=0o770, exist_ok=True)
    name = path.name.removeprefix(".")
    target = folder / name
    serial = 0
    while target.exists():
        serial += 1
        target = folder / f"{name}.{serial}"
    note = {"file": path.name, "reason": reason, "time": datetime.now(UTC).isoformat(timespec="seconds")}
    target.with_name(target.name + ".json").write_text(json.dumps(note) + "\n", encoding="utf-8")
    path.rename(target)
    sync_folder(folder)
    sync_folder(path.parent)
    return target


def is_being_written(path: Path) -> bool | None:
    """Tell whether some process has `path` open for writing; None where the kernel will not tell us.

    A read lease is only granted on a file that nobody has open for writing (fcntl(2), F_SETLEASE); it takes the same
    user as the file's owner, or CAP_LEASE.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _folder_camera(entry: os.DirEntry[str]) -> CameraName | None:
    try:
        return lane_name(entry.name) if entry.is_dir(follow_symlinks=False) else None
    except ValueError:
        return None
