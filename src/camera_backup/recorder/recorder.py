"""One camera's recorder: source → segmenter → spool, for ever. Standard library only."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from camera_backup.clock import Clock, Stop
from camera_backup.errors import SourceError, SpoolError
from camera_backup.logs import Log
from camera_backup.model import CameraName
from camera_backup.recorder.gaps import GapLog
from camera_backup.recorder.gates import Gate, Hold
from camera_backup.recorder.salvage import salvage
from camera_backup.recorder.segmenter import Recorded, Segmenter
from camera_backup.service import Backoff, Notifier
from camera_backup.settings import RecorderSettings
from camera_backup.sources import Source
from camera_backup.spool.writer import only_writer, spool_error

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
DISK_WAIT = 2.0  # with a source's time to start, recording goes on within 10 s once there is room
NOTHING_TO_WRITE_TO = frozenset({"no-spool", "read-only", "another-recorder"})
DISK_CAUSES = NOTHING_TO_WRITE_TO | {"disk-full", "disk-error", "quota"}
LOCKOUT_WAIT = 300.0  # a camera that refuses the password may lock the account if it is asked too often
WATCHDOG = 60.0  # seconds without new footage in which something else must happen


@dataclass(frozen=True, slots=True)
class Means:
    """What a recorder works with; tests hand in their own."""

    source: Source
    clock: Clock
    log: Log
    notifier: Notifier
    gates: tuple[Gate, ...] = ()
    unsynced: Callable[[], bool] = lambda: False
    """Tells whether the clock is not to be relied on; segments begun then are tagged."""


class Recorder:
    """Records one camera into its spool folder, whenever no gate holds it back."""

    def __init__(self, settings: RecorderSettings, means: Means) -> None:
        self._settings = settings
        self._camera = CameraName(settings.camera)
        self._folder = Path(settings.folder)
        self._source = means.source
        self._clock = means.clock
        self._log = means.log
        self._notifier = means.notifier
        self._gates = means.gates
        self._unsynced = means.unsynced
        self._tagged = False
        self._backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
        self._gaps = GapLog(self._camera, self._folder, means.clock, means.log)
        self._ready = False
        self._grown = False
        self._told: Hold | None = None

    def run(self, stop: Stop) -> None:
        """Record until asked to stop; whatever ends a stream is logged, waited out and tried again."""
        while not stop.is_set():
            try:
                hold = self._held() or self.run_once(stop)
            except (SourceError, SpoolError) as error:
                hold = self._held() or self._hold_of(error)
            if hold is not None and not stop.is_set():
                self._wait(hold, stop)
        self._notifier.stopping()

    def run_once(self, stop: Stop) -> Hold | None:
        """Publish what an earlier run left, then record one stream to its end; return the gate that ended it, if any.

        Raises SourceError and SpoolError.
        """
        with only_writer(self._folder):
            self._begin()
            self._notifier.allow(WATCHDOG)
            pause = _Pause(stop, self._held)
            duration = self._settings.segment_duration
            segmenter = Segmenter(
                self._camera, self._folder, duration, self._clock, self._published, unsynced=self._tag
            )
            try:
                self._source.run(self._sink(segmenter), self._idle(segmenter, pause), pause)
            except BaseException:
                self._finish(segmenter)  # what ended the stream is what counts
                raise
            if (trouble := self._finish(segmenter)) is not None:
                raise trouble
            return pause.hold

    def _finish(self, segmenter: Segmenter) -> SpoolError | None:
        """Publish what was recorded; return what the disk did not take, which a second try leaves out."""
        trouble = None
        for _ in range(2):
            try:
                segmenter.finish()
                break
            except SpoolError as error:
                trouble = trouble or error
        return trouble

    def _begin(self) -> None:
        """Deal with what an earlier run left open."""
        try:
            self._gaps.begin()
            for found in salvage(self._camera, self._folder):
                if found.segment:
                    self._log.warning("segment salvaged", segment=found.segment.name, size=found.segment.size)
                    if not found.segment.name.unsynced:
                        self._gaps.footage(found.end or found.segment.name.start)
                else:
                    self._log.error("leftover quarantined", path=found.path, reason=found.reason)
        except OSError as error:
            trouble = spool_error(error, "salvage", self._folder)
            if trouble.cause != "disk-error":
                raise trouble from error
            # A leftover that cannot be read is no reason to record nothing more; the next start tries again.
            self._log.error("leftovers not salvaged", error=trouble)

    def _held(self) -> Hold | None:
        return next((hold for gate in self._gates if (hold := gate.hold()) is not None), None)

    def _sink(self, segmenter: Segmenter) -> Callable[[bytes], bool]:
        def take(data: bytes) -> bool:
            grown = segmenter.feed(data)
            if grown and not self._grown:
                self._grown = True
                self._growing(segmenter)
            return grown

        return take

    def _tag(self) -> bool:
        """Tell whether the segment that begins now gets a tag, and remember it as long as it is open."""
        self._tagged = self._unsynced()
        return self._tagged

    def _growing(self, segmenter: Segmenter) -> None:
        """Tell everybody that there is new footage; once a second is enough."""
        # Footage of an unknown time fills no gap.
        if segmenter.start is not None and not self._tagged:
            self._gaps.resumed(segmenter.start)
        self._told = None
        self._backoff.reset()
        self._be_ready()
        self._notifier.status("recording")
        self._notifier.watchdog()

    def _idle(self, segmenter: Segmenter, pause: "_Pause") -> Callable[[], None]:
        def tick() -> None:
            self._grown = False
            segmenter.sync()
            self._gaps.settle()
            pause.look()

        return tick

    def _published(self, recorded: Recorded) -> None:
        if not recorded.segment.name.unsynced:
            self._gaps.resumed(recorded.start)
            self._gaps.footage(recorded.end)
        self._log.info(
            "segment published",
            segment=recorded.segment.name,
            size=recorded.segment.size,
            seconds=(recorded.end - recorded.start).total_seconds(),
        )

    def _hold_of(self, error: SourceError | SpoolError) -> Hold:
        if isinstance(error, SpoolError):
            return Hold(error.cause, str(error), DISK_WAIT)
        return Hold(error.cause, str(error), LOCKOUT_WAIT if error.cause == "unauthorised" else self._backoff.next())

    def _wait(self, hold: Hold, stop: Stop) -> None:
        writable = hold.cause not in NOTHING_TO_WRITE_TO and self._folder.is_dir()
        self._gaps.lost(hold.cause, write=writable, dated=not self._unsynced())
        if hold.cause in DISK_CAUSES and self._told is not None and self._told.cause == hold.cause:
            self._log.debug(hold.words, cause=hold.cause)  # said when it began; the disk is looked at often
        elif not hold.planned:
            self._log.warning(hold.words, cause=hold.cause, retry_in=hold.retry)
        elif self._told is None or hold.words != self._told.words:
            self._log.info(hold.words, cause=hold.cause)
        self._told = hold
        # A camera that is away is no reason to keep `systemctl start` waiting; the status says how it stands.
        self._be_ready()
        self._notifier.status(f"waiting: {hold.words}")
        self._notifier.allow(hold.retry + WATCHDOG)
        stop.wait(hold.retry)

    def _be_ready(self) -> None:
        if not self._ready:
            self._ready = True
            self._notifier.ready()


class _Pause:
    """A stop signal that is also set once a gate closes; it is looked at once a second."""

    def __init__(self, stop: Stop, held: Callable[[], Hold | None]) -> None:
        self.hold: Hold | None = None
        self._stop = stop
        self._held = held

    def look(self) -> None:
        """Ask the gates."""
        self.hold = self.hold or self._held()

    def is_set(self) -> bool:
        return self.hold is not None or self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        return self.hold is not None or self._stop.wait(timeout)
