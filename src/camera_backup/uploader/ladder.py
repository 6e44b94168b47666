"""What to delete when room runs short, and in which order. Pure: what lies in the spool is handed in.

First copies of what is safe in the bucket; then, only where the user allows it, footage that is not. The oldest first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from camera_backup.model import CameraName
from camera_backup.spool.reader import Finished
from camera_backup.spool.room import margin


@dataclass(frozen=True, slots=True)
class Candidate:
    """A finished segment that may be deleted; `safe` if the catalogue says that the bucket holds it."""

    file: Finished
    safe: bool


@dataclass(frozen=True, slots=True)
class Room:
    """How much room there is and how much there should be, in bytes; a limit of 0 is none.

    `used` and `quotas` are by camera; what grows counts as used.
    """

    free: int
    min_free: int
    used: Mapping[CameraName, int]
    quotas: Mapping[CameraName, int]


@dataclass(frozen=True, slots=True)
class Removal:
    """A candidate to be deleted, and for which limit: `disk-full` or `quota`."""

    candidate: Candidate
    reason: str


def removals(candidates: Sequence[Candidate], room: Room, *, drop: bool) -> list[Removal]:
    """Return what to delete, in this order, until every limit is kept by two margins; `drop` allows what is not safe.

    Recording stops at a limit, and begins again a margin away from it: room is made before it comes to that.
    """
    allowed = [candidate for candidate in sorted(candidates, key=_order) if candidate.safe or drop]
    chosen: list[Removal] = []
    for camera, quota in sorted(room.quotas.items()):
        over = room.used.get(camera, 0) - quota
        if quota and over > -margin(quota):
            own = (candidate for candidate in allowed if candidate.file.segment.camera == camera)
            chosen += (Removal(candidate, "quota") for candidate in _enough(own, over + 2 * margin(quota)))
    gone = {removal.candidate.file.segment for removal in chosen}
    missing = room.min_free - room.free - sum(segment.size for segment in gone)
    if room.min_free and missing > -margin(room.min_free):
        rest = (candidate for candidate in allowed if candidate.file.segment not in gone)
        chosen += (Removal(candidate, "disk-full") for candidate in _enough(rest, missing + 2 * margin(room.min_free)))
    return sorted(chosen, key=lambda removal: _order(removal.candidate))


def _order(candidate: Candidate) -> tuple[bool, object]:
    return not candidate.safe, (candidate.file.segment.name, candidate.file.segment.camera)


def _enough(candidates: Iterator[Candidate], wanted: int) -> Iterator[Candidate]:
    """Give candidates until they come to `wanted` bytes."""
    for candidate in candidates:
        if wanted <= 0:
            return
        wanted -= candidate.file.segment.size
        yield candidate
