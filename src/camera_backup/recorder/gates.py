"""What may keep a recorder from recording: no room, the wrong time of day, a clock that is not set."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nothing is recorded now: the word for the gap record, the same in words, and when to look again (s)."""

    cause: str
    words: str
    retry: float
    planned: bool = False
    """Whether this is as the user wants it, and no reason to warn."""


class Gate(Protocol):
    """Asked before the source is opened, and about once a second while it records."""

    def hold(self) -> Hold | None:
        """Return why not to record now; None to record. Quick: a second's footage waits meanwhile."""
