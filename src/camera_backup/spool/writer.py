"""How footage gets into the spool: written under a temporary name, made durable, then published. Standard library only.

A final name never stands on a file that is still open, and no file is ever overwritten.
"""

import errno
import fcntl
import json
import os
import uuid
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from camera_backup.errors import SpoolError
from camera_backup.model import CameraName, Segment, SegmentName
from camera_backup.spool.reader import PARTIAL_SUFFIX, sync_folder

INTAKE = ".intake"
LOCK = ".lock"
INTAKE_SCHEMA = 1
_NO_ROOM = "there was no room for any footage"

# What a gap's record calls it, and how to mend it.
_FULL = ("disk-full", "free some disk space")
_MISSING = ("no-spool", "is the disk mounted? camera-backup-generate creates the folder")
_CAUSES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.ENOENT: _MISSING,
    errno.ENOTDIR: _MISSING,
    errno.EROFS: ("read-only", "the disk is mounted read-only: look at dmesg for what is wrong with it"),
    errno.EIO: ("disk-error", "the disk is failing: look at dmesg"),
}


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Hold a camera's folder for ourselves; raises SpoolError if another recorder does, or if there is no folder."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise spool_error(error, "write", folder) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise SpoolError(
            "another recorder writes here", cause="another-recorder", operation="record", subject=str(folder)
        ) from error
    finally:
        os.close(descriptor)


class OpenSegment:
    """A segment that is being recorded; until `publish` nobody else takes it."""

    def __init__(
        self, camera: CameraName, folder: Path, start: datetime, suffix: str, *, unsynced: bool = False
    ) -> None:
        self.camera = camera
        self.size = 0
        self._starved = False
        self._folder = folder
        self._name = SegmentName(start.replace(microsecond=0), 0, suffix, unsynced)
        self._descriptor, self._path = self._create()
        # A disk that fails may keep anybody from ending this properly; a descriptor is never left behind all the same.
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._unsynced = False

    @property
    def start(self) -> datetime:
        """The second the segment starts in, UTC."""
        return self._name.start

    def write(self, data: bytes | memoryview) -> None:
        """Append `data`; raises SpoolError, after which `size` still says what is whole on disk."""
        if self._starved and not self.size:
            raise spool_error(OSError(errno.ENOSPC, _NO_ROOM), "write", self._path)  # an end needs a beginning
        view = memoryview(data)
        while view:
            try:
                written = os.write(self._descriptor, view)
            except OSError as error:
                self._starved = True
                with _explaining("write", self._path):
                    os.ftruncate(self._descriptor, self.size)
                    os.lseek(self._descriptor, self.size, os.SEEK_SET)  # or the next write would leave a hole
                raise spool_error(error, "write", self._path) from error
            view = view[written:]
        self.size += len(data)
        self._unsynced = True

    def overwrite(self, offset: int, data: bytes) -> None:
        """Write `data` over what stands at `offset`; only a finaliser does this."""
        with _explaining("write", self._path):
            os.pwrite(self._descriptor, data, offset)
        self._unsynced = True

    def sync(self) -> None:
        """Make what has been written survive a power cut; free when nothing new was written."""
        if self._unsynced:
            with _explaining("sync", self._path):
                os.fdatasync(self._descriptor)
            self._unsynced = False

    def publish(self) -> Segment:
        """Close the file, make it durable and give it its final name, or the first `_1`, `_2`, … that is free.

        Raises SpoolError; the file is then left for the next start to salvage, or gone if there is nothing in it.
        """
        with _explaining("publish", self._path):
            try:
                os.fsync(self._descriptor)
            finally:
                self._close()
            if self._starved and not self.size:
                self._path.unlink()
                raise OSError(errno.ENOSPC, _NO_ROOM)
            segment = publish_file(self.camera, self._path, self._name)
            sync_folder(self._folder)
        return segment

    def _create(self) -> tuple[int, Path]:
        name = self._name
        while True:
            path = self._folder / f".{name}{PARTIAL_SUFFIX}"
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
                return os.open(path, flags, 0o640), path
            except FileExistsError:
                name = name.next()
            except OSError as error:
                raise spool_error(error, "create", path) from error


def publish_file(camera: CameraName, path: Path, name: SegmentName) -> Segment:
    """Give the durable file `path` the final name `name`, or the next free one; the caller syncs the folder."""
    while True:
        final = path.parent / str(name)
        try:
            os.link(path, final)
            break
        except FileExistsError:
            name = name.next()
    path.unlink()
    return Segment(camera, name, final, final.stat().st_size)


def leftovers(folder: Path) -> list[Path]:
    """Return the temporary files that an earlier run left in a camera's folder, oldest first."""
    return sorted(folder.glob(f".*{PARTIAL_SUFFIX}"))


def drop_record(folder: Path, document: Mapping[str, object]) -> Path:
    """Drop an intake record (see the spool contract) into a camera's `.intake` folder, durably; return its path."""
    intake = folder / INTAKE
    intake.mkdir(mode=0o770, exist_ok=True)
    path = intake / f"{uuid.uuid4()}.json"
    replace_file(path, json.dumps({"schema": INTAKE_SCHEMA, **document}) + "\n")
    return path


def replace_file(path: Path, text: str) -> None:
    """Put a small file in place, whole and durable: readers see the old one or the new one."""
    temporary = path.with_name(f".{path.name.lstrip('.')}.new")
    try:
        with temporary.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):  # the first error is the one to tell
            temporary.unlink()
        raise
    sync_folder(path.parent)


@contextmanager
def _explaining(operation: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise spool_error(error, operation, path) from error


def spool_error(error: OSError, operation: str, path: Path) -> SpoolError:
    """Return what the disk answered, in words, with the cause that a gap's record gives."""
    cause, hint = _CAUSES.get(error.errno or 0, ("disk-error", ""))
    return SpoolError(error.strerror or str(error), cause=cause, operation=operation, subject=str(path), hint=hint)
