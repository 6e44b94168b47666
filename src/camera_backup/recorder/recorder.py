"""One camera's recorder: source → segmenter → spool, for ever. Standard library only."""

from collections.abc import Callable
from pathlib import Path

from camera_backup.clock import Clock, Stop
from camera_backup.errors import CameraBackupError, SourceError, SpoolError
from camera_backup.logs import Log
from camera_backup.model import CameraName
from camera_backup.recorder.salvage import salvage
from camera_backup.recorder.segmenter import Recorded, Segmenter
from camera_backup.service import Backoff, Notifier
from camera_backup.settings import RecorderSettings
from camera_backup.sources import Source
from camera_backup.spool.writer import only_writer

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
LOCKOUT_WAIT = 300.0  # a camera that refuses the password may lock the account out if asked too often


class Recorder:
    """Records one camera into its spool folder."""

    def __init__(self, settings: RecorderSettings, source: Source, clock: Clock, log: Log, notifier: Notifier) -> None:
        self._settings = settings
        self._camera = CameraName(settings.camera)
        self._folder = Path(settings.folder)
        self._source = source
        self._clock = clock
        self._log = log
        self._notifier = notifier
        self._backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)

    def run(self, stop: Stop) -> None:
        """Record until asked to stop; whatever ends a stream is logged, waited out and tried again."""
        self._notifier.ready()
        while not stop.is_set():
            try:
                self.run_once(stop)
            except (SourceError, SpoolError) as error:
                self._wait(error, stop)
        self._notifier.stopping()

    def run_once(self, stop: Stop) -> None:
        """Publish what an earlier run left, then record one stream to its end. Raises SourceError, SpoolError."""
        with only_writer(self._folder):
            self._salvage()
            segmenter = Segmenter(
                self._camera, self._folder, self._settings.segment_duration, self._clock, self._published
            )
            try:
                self._source.run(self._sink(segmenter), segmenter.sync, stop)
            finally:
                segmenter.finish()

    def _salvage(self) -> None:
        """Deal with what an earlier run left open."""
        try:
            for found in salvage(self._camera, self._folder):
                if found.segment:
                    self._log.warning("segment salvaged", segment=found.segment.name, size=found.segment.size)
                else:
                    self._log.error("leftover quarantined", path=found.path, reason=found.reason)
        except OSError as error:
            raise SpoolError(error.strerror or str(error), operation="salvage", subject=str(self._folder)) from error

    def _sink(self, segmenter: Segmenter) -> Callable[[bytes], None]:
        def take(data: bytes) -> None:
            if segmenter.feed(data):
                self._backoff.reset()
                self._notifier.watchdog()
                self._notifier.status("recording")

        return take

    def _published(self, recorded: Recorded) -> None:
        self._log.info(
            "segment published",
            segment=recorded.segment.name,
            size=recorded.segment.size,
            seconds=(recorded.end - recorded.start).total_seconds(),
        )

    def _wait(self, error: CameraBackupError, stop: Stop) -> None:
        cause = error.cause if isinstance(error, SourceError) else "spool"
        wait = LOCKOUT_WAIT if cause == "unauthorised" else self._backoff.next()
        self._log.warning(str(error), cause=cause, retry_in=wait)
        self._notifier.status(f"waiting for the camera: {error}")
        # A source that is away is not a recorder that hangs.
        self._notifier.watchdog()
        stop.wait(wait)
