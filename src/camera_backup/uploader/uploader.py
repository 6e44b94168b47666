"""The uploader: what lies finished in the spool goes to the bucket, is proven to be there, and then goes here.

The scan of the spool is the truth; a notification only brings it forward. One thread scans, decides and keeps the
books; a few workers move the bytes. Nothing is ever given up: what fails is tried again until it works.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from camera_backup.bucket.checksums import PART_SIZE
from camera_backup.catalogue.catalogue import Catalogue
from camera_backup.clock import Clock, Stop, SystemClock
from camera_backup.errors import CameraBackupError, CatalogueError, CredentialError, SpoolError, UnavailableError
from camera_backup.logs import Log
from camera_backup.model import CameraName, Segment
from camera_backup.service import Notifier
from camera_backup.settings import UploaderSettings
from camera_backup.spool.reader import Spool
from camera_backup.uploader.patience import Patience, Waits, is_the_buckets
from camera_backup.uploader.relief import Relief
from camera_backup.uploader.scanner import Scanner, Wanted
from camera_backup.uploader.segment_upload import Finish, Outcome, Rules, SegmentUpload
from camera_backup.uploader.troubles import Troubles
from camera_backup.uploader.workers import Progress, Workers

if TYPE_CHECKING:
    from camera_backup.bucket.bucket import Bucket

_TICK = 1.0  # how long a stop signal may go unnoticed, in seconds
_SCAN_SHARE = 10  # a scan that takes a second is made every ten seconds at most
_STALLED = 900.0  # a few requests in a row, each of them bounded, take less than this
_PING_INTERVAL = 5.0
_FAREWELL = 10.0
_SHORT_INTERVAL = 15.0  # how often to look for something to delete while the disk has too little room
_OPEN_INTERVAL = 30.0
_BLIPS = 2  # failures in a row before anybody is told; a refused key is told at once
_STUBBORN = 3  # failures of one segment before it is told, while others succeed


@dataclass(frozen=True, slots=True)
class Means:
    """What an uploader works with; tests hand in their own."""

    bucket: "Bucket"
    catalogue: Catalogue
    spool: Spool
    clock: Clock = field(default_factory=SystemClock)
    notifier: Notifier = field(default_factory=Notifier)
    waits: Waits = field(default_factory=Waits)
    smallest_part: int = PART_SIZE


@dataclass(frozen=True, slots=True)
class Report:
    """What one pass came to, in segments; `trouble` is why the bucket took nothing, or nothing more."""

    safe: int
    failed: int
    waiting: int
    trouble: CameraBackupError | None


class Uploader:
    """Empties the spool into the bucket. `run_once` tries everything once, `run` goes on until it is stopped."""

    def __init__(self, settings: UploaderSettings, means: Means) -> None:
        self._settings = settings
        self._catalogue = means.catalogue
        self._clock = means.clock
        self._notifier = means.notifier
        self._log = Log("uploader")
        self._troubles = Troubles(self._log, means.clock)
        self._patience = Patience(means.waits)
        self._relief = Relief(settings, means.spool, means.catalogue, means.clock)
        self._scanner = Scanner(means.spool, means.catalogue, means.clock, self._troubles, self._relief)
        rules = Rules(settings.prefix, settings.delete_after_upload, means.smallest_part)
        self._segments = SegmentUpload(means.bucket, means.catalogue, means.clock, rules)
        self._workers: Workers[Finish] | None = None
        self._began = means.clock.now()
        self._ready: deque[Segment] = deque()
        self._turns: dict[CameraName, int] = {}
        self._books = _Books()
        self._schedule = _Schedule()

    def wake(self) -> None:
        """Bring the next scan forward: something new lies in the spool. May be called from any thread."""
        if self._schedule.woken:
            return
        self._schedule.woken = True
        workers = self._workers
        if workers is not None:
            workers.wake()

    def run_once(self, stop: Stop) -> Report:
        """Upload all that is ready, each segment once; trouble that is the bucket's ends the pass early.

        Raises SpoolError if the spool itself cannot be read.
        """
        books = self._books = _Books()
        with self._working() as workers:
            self._scan(workers)
            while not stop.is_set() and (workers.busy or (self._ready and not self._patience.broken)):
                self._feed(workers)
                self._settle(workers, _TICK)
        trouble = self._patience.trouble if self._patience.broken or not books.safe else None
        return Report(books.safe, books.failed + len(self._ready), books.waiting, trouble)

    def run(self, stop: Stop) -> None:
        """Upload whatever turns up until `stop`; every failure is tried again."""
        with self._working() as workers:
            while not stop.is_set():
                self._scan_if_due(workers)
                self._feed(workers)
                self._report(workers)
                self._settle(workers, _TICK)
                while workers.busy and self._settle(workers, 0):
                    pass

    @contextmanager
    def _working(self) -> Iterator[Workers[Finish]]:
        workers = Workers(max(1, self._settings.workers), self._work, self._clock)
        self._workers = workers
        try:
            yield workers
        finally:
            self._workers = None
            workers.close(_FAREWELL)

    def _work(self, segment: Segment, progress: Progress) -> Finish:
        # A catalogue that began empty may have been lost: what was recorded before may be in the bucket already.
        lost = self._catalogue.began_empty and segment.name.start < self._began
        release = segment in self._scanner.releasing
        look_first = lost or release or self._patience.tried(segment)
        return self._segments.upload(segment, look_first=look_first, progress=progress, release=release)

    def _scan_if_due(self, workers: Workers[Finish]) -> None:
        if not self._schedule.due(self._clock.monotonic()):
            return
        try:
            self._scan(workers)
        except SpoolError as error:
            self._troubles.begin("spool", error)
            self._schedule.next = self._clock.monotonic() + min(_OPEN_INTERVAL, self._settings.check_interval)
        else:
            self._troubles.end("spool")

    def _scan(self, workers: Workers[Finish]) -> None:
        self._schedule.woken = False
        began = self._clock.monotonic()
        keeps, silent = not self._settings.delete_after_upload, self._patience.trouble is not None
        wanted = Wanted(self._settings.safety_age, keeps, workers.works_on, silent)
        found = self._scanner.scan(wanted, self._turns)
        now = self._clock.monotonic()
        self._patience.forget_all_but(found.ready)
        ready = [s for s in found.ready if not workers.works_on(s) and not self._patience.held(s, now)]
        self._ready = deque(sorted(ready, key=lambda segment: segment not in self._scanner.releasing))
        self._books.waiting = found.waiting
        self._books.last_scan = now
        self._schedule.scanned(began, now)
        waits = (self._settings.check_interval, found.next_ready, self._patience.next_try(now))
        self._schedule.next = now + min(wait for wait in waits if wait is not None)

    def _feed(self, workers: Workers[Finish]) -> None:
        while self._ready and self._patience.room(workers.count, workers.busy, self._clock.monotonic()) > 0:
            segment = self._ready.popleft()
            self._books.turn += 1
            self._turns[segment.camera] = self._books.turn
            workers.begin(segment)

    def _settle(self, workers: Workers[Finish], timeout: float) -> bool:
        """Enter what is done next into the books; tell whether anything was."""
        done = workers.wait(timeout)
        if done is None:
            return False
        if done.error is not None:
            self._enter_failure(done.segment, done.error)
        elif done.result is not None:
            self._enter_finish(done.segment, done.result)
        return True

    def _enter_finish(self, segment: Segment, finish: Finish) -> None:
        now = self._clock.monotonic()
        self._troubles.forget(str(segment.path))
        if finish.outcome is Outcome.OPEN:
            self._patience.hold(segment, now + _OPEN_INTERVAL)
            self._schedule.bring_forward(now + _OPEN_INTERVAL)
            self._log.debug("segment still open for writing", camera=segment.camera, segment=segment.name)
        elif finish.outcome is Outcome.SAFE:
            self._patience.succeeded(segment)
            self._troubles.end("bucket")
            self._troubles.end("catalogue")
            self._books.safe += 1
            self._books.waiting -= 1
            self._books.last_safe = now
            if finish.kept is not None:
                self._scanner.keep(finish.kept)
        else:
            self._schedule.bring_forward(now)

    def _enter_failure(self, segment: Segment, error: CameraBackupError) -> None:
        now = self._clock.monotonic()
        self._books.failed += 1
        failures = self._patience.failed(segment, error, now)
        if (wait := self._patience.next_try(now)) is not None:
            self._schedule.bring_forward(now + wait)
        if isinstance(error, CatalogueError):
            self._troubles.begin("catalogue", error)
        elif not is_the_buckets(error):
            self._troubles.begin(str(segment.path), error, camera=segment.camera, segment=segment.name)
        elif isinstance(error, CredentialError | UnavailableError) or self._patience.failures >= _BLIPS:
            self._troubles.begin("bucket", error)
        elif failures >= _STUBBORN:
            self._troubles.begin(str(segment.path), error, camera=segment.camera, segment=segment.name)

    def _report(self, workers: Workers[Finish]) -> None:
        now = self._clock.monotonic()
        if now - self._books.last_report < _PING_INTERVAL:
            return
        self._books.last_report = now
        if now - self._books.last_scan > _SHORT_INTERVAL and self._relief.short():
            self.wake()
        self._notifier.status(self._books.words(now, self._patience.trouble))
        # A worker that hangs must not be hidden: systemd restarts us then, and nothing is lost by it.
        if not workers.stalled(_STALLED):
            self._notifier.watchdog()


@dataclass(slots=True)
class _Books:
    """What has been done so far, in segments, and when by the monotonic clock."""

    safe: int = 0
    failed: int = 0
    waiting: int = 0
    turn: int = 0
    last_safe: float | None = None
    last_report: float = float("-inf")
    last_scan: float = float("-inf")

    def words(self, now: float, trouble: CameraBackupError | None) -> str:
        """Say how it goes, for `systemctl status`."""
        waiting = f"{self.waiting} segment{'' if self.waiting == 1 else 's'} waiting"
        last = "nothing uploaded yet" if self.last_safe is None else f"last upload {now - self.last_safe:.0f} s ago"
        return f"{waiting}, {last}" + (f", bucket trouble: {trouble}" if trouble else "")


@dataclass(slots=True)
class _Schedule:
    """When to scan next, by the monotonic clock."""

    woken: bool = True
    next: float = float("-inf")
    earliest: float = float("-inf")

    def due(self, now: float) -> bool:
        """Tell whether to scan now."""
        return now >= self.earliest and (self.woken or now >= self.next)

    def scanned(self, began: float, ended: float) -> None:
        """Note how long a scan took, so that scanning never becomes the main work."""
        self.earliest = ended + max(_TICK, _SCAN_SHARE * (ended - began))

    def bring_forward(self, moment: float) -> None:
        """Scan at `moment` at the latest."""
        self.next = min(self.next, moment)
