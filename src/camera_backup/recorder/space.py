"""Gates that keep a recorder from filling a disk, or a folder that is no spool. Standard library only.

A recorder never deletes: it waits until the uploader, or a person, has made room.
"""

from pathlib import Path

from camera_backup.clock import Clock
from camera_backup.errors import SpoolError
from camera_backup.recorder.gates import Hold
from camera_backup.spool import room
from camera_backup.spool.mark import check_mark
from camera_backup.spool.room import margin, size_text

RETRY = 2.0  # with a source's time to start, recording goes on within 10 s
COUNT_INTERVAL = 15.0


class SpoolGate:
    """Holds while the spool is not there (`no-spool`) or cannot be written to (`read-only`)."""

    def __init__(self, folder: Path, mark: Path | None) -> None:
        self._folder = folder
        self._mark = mark

    def hold(self) -> Hold | None:
        """Look for the spool's mark and at how it is mounted."""
        try:
            if self._mark is not None:
                check_mark(self._mark)
            read_only = room.disk(self._folder).read_only
        except SpoolError as error:
            return Hold(error.cause, str(error), RETRY)
        except OSError:
            return None  # what is wrong with the folder itself, the attempt to write there tells best
        if read_only:
            words = f"{self._folder}: the disk is mounted read-only (look at dmesg for what is wrong with it)"
            return Hold("read-only", words, RETRY)
        return None


class FreeGate:
    """Holds with cause `disk-full` from less than `min_free` bytes free on, until there is a margin more."""

    def __init__(self, folder: Path, min_free: int) -> None:
        self._folder = folder
        self._min_free = min_free
        self._held = False

    def hold(self) -> Hold | None:
        """Ask the file system."""
        try:
            free = room.disk(self._folder).free
        except OSError:
            return None  # the spool gate's business
        self._held = free < self._min_free + (margin(self._min_free) if self._held else 0)
        if not self._held:
            return None
        words = (
            f"{self._folder}: the disk is full: {size_text(free)} free, storage.min_free is {size_text(self._min_free)}"
        )
        return Hold("disk-full", words, RETRY)


class QuotaGate:
    """Holds with cause `quota` while there is more than `quota` bytes of footage, until it is a margin less."""

    def __init__(self, folder: Path, quota: int, clock: Clock) -> None:
        self._folder = folder
        self._quota = quota
        self._clock = clock
        self._held = False
        self._used = 0
        self._count_at = float("-inf")

    def hold(self) -> Hold | None:
        """Count what lies in the folder, now and then."""
        now = self._clock.monotonic()
        if self._held or now >= self._count_at:
            try:
                self._used = room.usage(self._folder)
            except OSError:
                return None  # the spool gate's business
            self._count_at = now + COUNT_INTERVAL
        self._held = self._used > self._quota - (margin(self._quota) if self._held else 0)
        if not self._held:
            return None
        words = f"{self._folder}: {size_text(self._used)} of footage, the camera's quota is {size_text(self._quota)}"
        return Hold("quota", words, RETRY)
