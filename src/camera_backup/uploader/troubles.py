"""Say once that something is wrong, and once that it is well again."""

from camera_backup.clock import Clock
from camera_backup.errors import CameraBackupError
from camera_backup.logs import Log


class Troubles:
    """What is wrong at the moment, by a word for what it is about (`bucket`, `catalogue`)."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._current: dict[str, tuple[str, float]] = {}

    def begin(self, about: str, error: CameraBackupError, **fields: object) -> None:
        """Warn, unless the same kind of error was warned of already and is not over."""
        kind = f"{type(error).__name__} {error.message}"
        before = self._current.get(about)
        since = before[1] if before else self._clock.monotonic()
        self._current[about] = (kind, since)
        if before is None or before[0] != kind:
            self._log.warning(f"{about} trouble", **fields, error=error)

    def end(self, about: str) -> None:
        """Say that it is over, if it was there."""
        before = self._current.pop(about, None)
        if before is not None:
            self._log.info(f"{about} well again", seconds=self._clock.monotonic() - before[1])

    def forget(self, about: str) -> None:
        """Drop what is no longer of interest, without a word."""
        self._current.pop(about, None)
