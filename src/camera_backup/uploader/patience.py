"""When to try again: every segment by itself, and the bucket as a whole. Holds no clock; the time is handed in."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from camera_backup.bucket.stored import KeyTakenError, MismatchError
from camera_backup.errors import CameraBackupError, CredentialError, StorageError, UnavailableError
from camera_backup.model import Segment
from camera_backup.service import Backoff


@dataclass(frozen=True, slots=True)
class Waits:
    """How long to wait between tries, in seconds.

    From `first`, doubling up to `longest`; `refused` after a refused key or a missing bucket; up to `doubted` for a
    segment that the bucket holds otherwise than sent, as each further try may leave an object there.
    """

    first: float = 1.0
    longest: float = 60.0
    refused: float = 30.0
    doubted: float = 3600.0


@dataclass(slots=True)
class _Held:
    """A segment that failed: how often, and until when it is left alone."""

    backoff: Backoff
    until: float
    failures: int = 1


@dataclass(slots=True)
class _Line:
    """The bucket's state, as the last answers show it."""

    backoff: Backoff
    trouble: CameraBackupError | None = None
    failures: int = 0
    culprits: set[Segment] = field(default_factory=set)
    until: float = 0.0


class Patience:
    """Remembers what failed. All times are the monotonic clock's seconds.

    One segment that fails is held back alone. Once a second one fails too, with no success between, it is the bucket
    that fails: then all wait, and a single segment at a time finds out whether that is over.
    """

    def __init__(self, waits: Waits | None = None, jitter: Callable[[], float] = random.random) -> None:
        self._waits = waits or Waits()
        self._jitter = jitter
        self._held: dict[Segment, _Held] = {}
        self._line = _Line(Backoff(self._waits.first, self._waits.longest, jitter))

    @property
    def trouble(self) -> CameraBackupError | None:
        """What the bucket answered last, if that was no success."""
        return self._line.trouble

    @property
    def failures(self) -> int:
        """How often in a row the bucket failed."""
        return self._line.failures

    @property
    def broken(self) -> bool:
        """Whether the bucket as a whole fails."""
        return len(self._line.culprits) > 1

    def succeeded(self, segment: Segment) -> None:
        """Note that a segment is safe, and so that the bucket works."""
        self._held.pop(segment, None)
        self._line = _Line(Backoff(self._waits.first, self._waits.longest, self._jitter))

    def failed(self, segment: Segment, error: CameraBackupError, now: float) -> int:
        """Note that a segment failed; return how often it has by now."""
        held = self._held.get(segment)
        if held is None:
            longest = self._waits.doubted if isinstance(error, MismatchError) else self._waits.longest
            held = self._held[segment] = _Held(Backoff(self._waits.first, longest, self._jitter), now, 0)
        held.failures += 1
        held.until = now + self._wait(error, held.backoff)
        if is_the_buckets(error):
            self._line.trouble = error
            self._line.failures += 1
            self._line.culprits.add(segment)
            if self.broken and now >= self._line.until:
                self._line.until = now + self._wait(error, self._line.backoff)
        return held.failures

    def hold(self, segment: Segment, until: float) -> None:
        """Leave a segment alone for a while that has not failed."""
        self._held[segment] = _Held(Backoff(self._waits.first, self._waits.longest, self._jitter), until, 0)

    def held(self, segment: Segment, now: float) -> bool:
        """Tell whether a segment is to be left alone for now."""
        held = self._held.get(segment)
        return held is not None and now < held.until

    def tried(self, segment: Segment) -> bool:
        """Tell whether a segment failed before, so that some of it may have arrived."""
        held = self._held.get(segment)
        return held is not None and held.failures > 0

    def room(self, workers: int, busy: int, now: float) -> int:
        """Return how many more segments may be begun."""
        if not self.broken:
            return workers - busy
        return 1 if busy == 0 and now >= self._line.until else 0

    def next_try(self, now: float) -> float | None:
        """Return in how many seconds the next segment that is held may be tried again; None if none is."""
        moments = [held.until for held in self._held.values() if held.until > now]
        if not moments:
            return None
        return max(0.0, min(moments) - now, (self._line.until - now) if self.broken else 0.0)

    def forget_all_but(self, segments: Iterable[Segment]) -> None:
        """Drop what is no longer in the spool."""
        if not self._held:
            return
        present = set(segments)
        self._held = {segment: held for segment, held in self._held.items() if segment in present}

    def _wait(self, error: CameraBackupError, backoff: Backoff) -> float:
        if isinstance(error, CredentialError | UnavailableError):
            return self._waits.refused
        return backoff.next()


def is_the_buckets(error: CameraBackupError) -> bool:
    """Tell whether `error` may concern every segment, and not only the one it came with."""
    if isinstance(error, MismatchError | KeyTakenError):
        return False
    return isinstance(error, StorageError | CredentialError | UnavailableError)
