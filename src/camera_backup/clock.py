"""Time and the stop signal, as values that are handed in, so that tests can hold both."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where code that needs the time gets it from."""

    def now(self) -> datetime:
        """Return the wall-clock time, in UTC and timezone-aware. It may step."""

    def monotonic(self) -> float:
        """Return seconds that only ever grow; ages and time-outs are measured with these."""


class Stop(Protocol):
    """A stop signal that can be waited for; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Tell whether we have been asked to stop."""

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep for `timeout` seconds or until asked to stop; tell whether we were."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the wall-clock time, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the monotonic clock's seconds."""
        return time.monotonic()
