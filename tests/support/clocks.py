"""A clock that tests set by hand."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class SetClock:
    """Shows what it is told."""

    wall: datetime
    seconds: float = 0.0

    def now(self) -> datetime:
        """Return the time it was set to."""
        return self.wall

    def monotonic(self) -> float:
        """Return the seconds it was set to."""
        return self.seconds
