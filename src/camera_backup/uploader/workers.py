"""A few threads that work on segments, and how far each of them is."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from camera_backup.clock import Clock
from camera_backup.errors import CameraBackupError
from camera_backup.model import Segment

Result = TypeVar("Result")
Progress = Callable[[int], None]


class StoppedError(Exception):
    """The work was given up because the process is to stop."""


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """One finished piece of work: its result, or the error that it ended with, or neither if it was given up."""

    segment: Segment
    result: Result | None = None
    error: CameraBackupError | None = None


class Workers(Generic[Result]):
    """Runs `work(segment, progress)` in threads. Its methods are for one thread, the one that owns it."""

    def __init__(self, count: int, work: Callable[[Segment, Progress], Result], clock: Clock) -> None:
        self.count = count
        self._work = work
        self._clock = clock
        self._jobs: queue.SimpleQueue[Segment | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Done[Result] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._alive: dict[Segment, float] = {}
        self._threads = [threading.Thread(target=self._run, name=f"upload-{n}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    @property
    def busy(self) -> int:
        """How many segments are being worked on."""
        return len(self._alive)

    def works_on(self, segment: Segment) -> bool:
        """Tell whether a segment is being worked on."""
        return segment in self._alive

    def begin(self, segment: Segment) -> None:
        """Give a segment to the next thread that is free."""
        self._alive[segment] = self._clock.monotonic()
        self._jobs.put(segment)

    def wait(self, timeout: float) -> Done[Result] | None:
        """Return what is done next; None after `timeout` seconds or when `wake` was called."""
        try:
            done = self._done.get(timeout=timeout)
        except queue.Empty:
            return None
        if done is not None:
            del self._alive[done.segment]
        return done

    def wake(self) -> None:
        """End a `wait`; may be called from any thread."""
        self._done.put(None)

    def stalled(self, limit: float) -> bool:
        """Tell whether some work has moved no byte for longer than `limit` seconds."""
        now = self._clock.monotonic()
        return any(now - moved > limit for moved in self._alive.values())

    def close(self, timeout: float) -> None:
        """Give up what is being worked on, and wait up to `timeout` seconds for the threads to notice."""
        self._stopping.set()
        for _ in self._threads:
            self._jobs.put(None)
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while (segment := self._jobs.get()) is not None and not self._stopping.is_set():
            self._done.put(self._one(segment))

    def _one(self, segment: Segment) -> Done[Result]:
        def progress(_count: int) -> None:
            if self._stopping.is_set():
                raise StoppedError
            self._alive[segment] = self._clock.monotonic()

        try:
            return Done(segment, self._work(segment, progress))
        except StoppedError:
            return Done(segment)
        except CameraBackupError as error:
            return Done(segment, error=error)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not end the thread: others wait
            return Done(segment, error=CameraBackupError(f"unexpected {type(error).__name__}: {error}"))
